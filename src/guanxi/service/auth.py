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
#: How long a verified session is taken on trust, in seconds, and how many are.
_TRUST, _MOST = 1.0, 10_000
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


class Gate:
    """Decides who a request comes from; refuses those that it does not come from."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._trusted: dict[bytes, tuple[float, Session]] = {}
        self._mixins: tuple[int, tuple[str, str]] = (-1, ("", ""))

    async def caller(self, endpoint: Endpoint, headers: Headers, values: Mapping[str, str]) -> int:
        """The mid of who is signed in, 0 for nobody; -101 and -111 where that does not do.

        An access_key, when sent, decides; the cookie otherwise.
        """
        key = values.get("access_key")
        if key and ACCESS_KEY in endpoint.auth:
            return await self._mid(endpoint, key, TokenKind.APP, "access_key")
        jar = cookies(headers.get(b"cookie", b""))
        token = jar.get("SESSDATA", "")
        mid = await self._mid(endpoint, token, TokenKind.COOKIE, "SESSDATA")
        if mid and endpoint.writes:
            expected = secrets.bili_jct(self._store.secret, token)
            form, cookie = values.get("csrf", ""), jar.get("bili_jct", expected)
            if not (secrets.same(form, expected) and secrets.same(cookie, expected)):
                raise Refused(errors.CsrfFailed.number, _WRONG_CSRF if form else _NO_CSRF)
        return mid

    async def _mid(self, endpoint: Endpoint, token: str, kind: TokenKind, name: str) -> int:
        session = None
        if token:
            digest, now = secrets.digest(token), time.monotonic()
            known = self._trusted.get(digest)
            if known is not None and now - known[0] < _TRUST:
                session = known[1]
            else:
                session = await self._session(digest, now)
        if session is not None and session.kind is kind and session.expires > time.time():
            return session.mid
        if endpoint.login is Login.REQUIRED:
            complaint = Complaint(name, "无效或已过期", "not valid, or ended") if token else None
            raise Refused(errors.NotSignedIn.number, complaint)
        return 0

    async def _session(self, digest: bytes, now: float) -> Session | None:
        session = await self._store.session(digest)
        if session is None:
            self._trusted.pop(digest, None)
        else:
            if len(self._trusted) >= _MOST:
                self._trusted.clear()
            self._trusted[digest] = (now, session)
        return session

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
