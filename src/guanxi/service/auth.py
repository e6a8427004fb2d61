"""Who calls, and whether the request is theirs: sessions, csrf and the two signatures."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from guanxi.accounts import secrets, tokens
from guanxi.accounts.account import State
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.contract import errors, sign
from guanxi.contract.endpoint import ACCESS_KEY, Endpoint, Login
from guanxi.contract.limits import Limits
from guanxi.contract.params import Complaint
from guanxi.service.handling import Refused
from guanxi.service.request import Headers, Pairs, cookies
from guanxi.stores.port import Store

#: Fields that a form's request may have in its query.
IN_QUERY = frozenset({"access_key", "appkey", "sign"})
#: How long a verified session is taken on trust, in seconds; how many are, and how many bytes a
#: credential may have to be among them.
_TRUST, _MOST, _LONGEST = 1.0, 20_000, 1_024
_NO_CSRF = Complaint("csrf", "缺失", "missing; send the session's bili_jct")
_WRONG_CSRF = Complaint("csrf", "与会话不符", "not this session's bili_jct")


def fields_of(endpoint: Endpoint) -> frozenset[str]:
    """The fields that carry a credential or a signature, and no parameter, at an endpoint."""
    used = {
        "access_key": ACCESS_KEY in endpoint.auth,
        "appkey": endpoint.app_signed,
        "sign": endpoint.app_signed,
        "csrf": endpoint.writes,
        "wts": endpoint.wbi,
        "w_rid": endpoint.wbi,
        "w_webid": endpoint.access_id,
    }
    return frozenset(name for name, is_used in used.items() if is_used)


class Issued(NamedTuple):
    """A token and its csrf (of a cookie alone). Neither is shown in a repr."""

    token: str
    bili_jct: str
    #: Seconds since 1970.
    expires: int

    def __repr__(self) -> str:
        return f"Issued(expires={self.expires})"


async def issue(store: Store, mid: int, kind: TokenKind, limits: Limits) -> Issued:
    """Open a session for an account. ``ValueError`` for one that is unknown or deregistered."""
    account = await store.account(mid)
    if account is None:
        raise ValueError(f"no account {mid}")
    if account.state is State.DEREGISTERED:
        raise ValueError(f"account {mid} is deregistered")
    token = secrets.new_token()
    now = int(time.time())
    expires = now + limits.session_days * secrets.DAY
    session = Session(
        digest=secrets.digest(token), mid=mid, kind=kind, created=now, expires=expires
    )
    if not await store.open_session(session):
        raise ValueError(f"account {mid} is deregistered")
    csrf = secrets.bili_jct(store.secret, token) if kind is TokenKind.COOKIE else ""
    return Issued(token, csrf, expires)


class _Credential(NamedTuple):
    """What stands in a credential: of its token only a hash, the session's csrf, the one sent."""

    digest: bytes
    csrf: str
    sent_csrf: str

    def __repr__(self) -> str:
        return "_Credential()"


class _Known(NamedTuple):
    """A credential that came before, and the session that it opened at a moment."""

    credential: _Credential
    session: Session
    read_at: float


class Gate:
    """Decides who a request comes from; refuses those that it does not come from."""

    def __init__(self, store: Store) -> None:
        self._store = store
        #: By the credential as it was sent: an access_key, or a header's cookies.
        self._known: dict[str | bytes, _Known] = {}
        self._mixins: tuple[int, tuple[str, str]] = (-1, ("", ""))

    async def caller(self, endpoint: Endpoint, headers: Headers, values: Mapping[str, str]) -> int:
        """The mid of who is signed in, 0 for nobody; -101 and -111 where that does not do.

        An access_key, when sent, decides; the cookie otherwise.
        """
        sent: str | bytes = values.get("access_key", "")
        by_key = sent != "" and ACCESS_KEY in endpoint.auth
        if not by_key:
            sent = headers.get(b"cookie", b"")
        known = self._known.get(sent)
        if known is None or time.monotonic() - known.read_at >= _TRUST:
            known = await self._read(sent, known)
        kind = TokenKind.APP if by_key else TokenKind.COOKIE
        if known is None or known.session.kind is not kind or known.session.expires <= time.time():
            if endpoint.login is Login.REQUIRED:
                raise Refused(errors.NotSignedIn.number, _not_signed_in(sent))
            return 0
        if endpoint.writes and not by_key:
            form, (_, csrf, sent_csrf) = values.get("csrf", ""), known.credential
            if not (secrets.same(form, csrf) and secrets.same(sent_csrf, csrf)):
                raise Refused(errors.CsrfFailed.number, _WRONG_CSRF if form else _NO_CSRF)
        return known.session.mid

    async def _read(self, sent: str | bytes, known: _Known | None) -> _Known | None:
        """The session of a credential as the store has it now, None without one."""
        now = time.monotonic()
        credential = self._credential(sent) if known is None else known.credential
        session = None
        if credential is not None:
            session = await self._store.session(credential.digest)
        if credential is None or session is None:
            self._known.pop(sent, None)
            return None
        if len(self._known) >= _MOST:
            self._known.clear()
        known = _Known(credential, session, now)
        if len(sent) <= _LONGEST:
            self._known[sent] = known
        return known

    def _credential(self, sent: str | bytes) -> _Credential | None:
        token, jar = _token(sent)
        if not token:
            return None
        csrf = secrets.bili_jct(self._store.secret, token)
        return _Credential(secrets.digest(token), csrf, jar.get("bili_jct", csrf))

    def access_id(self, values: Mapping[str, str]) -> None:
        """-352 where a space's access id is sent and is not one of this service, or is over."""
        given = values.get("w_webid")
        if given is None:
            return
        if not tokens.access_id_stands(self._store.secret, given, int(time.time())):
            raise Refused(errors.RequestIntercepted.number)

    def signature(self, endpoint: Endpoint, pairs: Pairs, values: Mapping[str, str]) -> None:
        """-403 where a signature is wrong, or missing though the endpoint wants one."""
        wanted = "w_rid" in values if endpoint.unsigned else endpoint.wbi
        if wanted and not ("wts" in values and self._wbi(pairs)):
            complaint = Complaint("w_rid", "签名缺失、错误或已过期", "missing, wrong or stale")
            raise Refused(errors.AccessDenied.number, complaint)
        if ("sign" in values or "appkey" in values) and endpoint.app_signed:
            appsec = secrets.appsec(self._store.secret, values.get("appkey", ""))
            if not sign.app_verify(pairs, appsec):
                raise Refused(errors.AccessDenied.number, Complaint("sign", "签名错误", "wrong"))

    def _wbi(self, pairs: Pairs) -> bool:
        """Whether the keys of today or of yesterday signed the pairs."""
        now = int(time.time())
        if self._mixins[0] != now // secrets.DAY:
            days = (now, now - secrets.DAY)
            today, yesterday = (
                sign.mixin_key(*secrets.wbi_keys(self._store.secret, day)) for day in days
            )
            self._mixins = (now // secrets.DAY, (today, yesterday))
        return any(sign.wbi_verify(pairs, mixin) for mixin in self._mixins[1])


def _token(sent: str | bytes) -> tuple[str, Mapping[str, str]]:
    """The token of a credential, empty without one, and the cookies that came with it."""
    if isinstance(sent, str):
        return sent, {}
    jar = cookies(sent)
    return jar.get("SESSDATA", ""), jar


def _not_signed_in(sent: str | bytes) -> Complaint | None:
    token, _ = _token(sent)
    if not token:
        return None
    name = "access_key" if isinstance(sent, str) else "SESSDATA"
    return Complaint(name, "无效或已过期", "not valid, or ended")
