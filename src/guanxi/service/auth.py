"""Authenticate requests: sessions, csrf, access ids, and the wbi and app signatures."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import NamedTuple

from guanxi.accounts import secrets, tokens
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.contract import errors, sign
from guanxi.contract.endpoint import ACCESS_KEY, COOKIE, Endpoint, Login
from guanxi.contract.endpoints import NAV, SPACE_PAGE
from guanxi.service import cors
from guanxi.service.exchange import Caller, Scope, address_of
from guanxi.service.handling import Refused, Service
from guanxi.service.hosts import is_documented
from guanxi.service.request import Headers, Pairs, broken_header_rule, cookies

#: How long a worker uses a session that it read before it reads it again.
_TRUST_NS, _TRUST_SECONDS = 10**9, 1.0
#: How many sessions, and how many credentials, are cached; the largest credential that is cached.
_MAX_ENTRIES, _MAX_CREDENTIAL_BYTES = 20_000, 1_024
#: How to send each kind of credential.
_WAYS = {COOKIE: "the cookie SESSDATA", ACCESS_KEY: "the parameter access_key"}
_CAME = "send the bili_jct that came with SESSDATA"
_SIGN = f"the current wbi keys, which GET {NAV.path} returns"


def fields_of(endpoint: Endpoint) -> frozenset[str]:
    """Return the names of the credential and signature fields that an endpoint reads."""
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


#: What is trusted of a session that was not read yet.
_UNKNOWN: tuple[int, float, Session | None] = (0, 0.0, None)


class _Credential(NamedTuple):
    """A parsed credential: its token's digest, the session's csrf, and the csrf cookie sent."""

    digest: bytes
    csrf: str
    sent_csrf: str

    def __repr__(self) -> str:
        return "_Credential()"


class SessionGate:
    """The gate of the store's own sessions, with a short cache of them.

    It checks 004's header rule, access ids, credentials, csrf and signatures.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._secret, self._clock = service.store.secret, service.clock
        self._has_rule = service.profile.header_rule
        self._strict_referer = service.settings.strict_referer
        self._wbi_window = service.settings.wbi_window
        self._origins = cors.allowed(service.settings.cors_origins)
        self._most_cookies = service.profile.limits.cookies
        #: Credentials with a session, by the access_key or Cookie header sent.
        self._credentials: dict[str | bytes, _Credential] = {}
        #: Sessions by digest, each with the time of its read: by the clock, and in real time, as
        #: the clock of a test may stand still.
        self._trusted: dict[bytes, tuple[int, float, Session]] = {}
        self._mixins: tuple[int, tuple[str, str]] = (-1, ("", ""))

    async def caller(
        self,
        endpoint: Endpoint,
        scope: Scope,
        headers: Headers,
        pairs: Pairs,
        values: Mapping[str, str],
    ) -> Caller:
        """Return who sent a request; mid 0 if nobody is signed in.

        ``pairs`` are the fields as sent, ``values`` those that count by name. An access_key, where
        accepted, takes precedence over the cookie, even if invalid. A closed session may count for
        one more second. Raise Refused: -352 if the header rule or an access id forbids the request,
        -101 if sign-in is required and there is no valid session, -111 if a write with a cookie has
        no csrf, or a wrong one in the fields or in the cookie ``bili_jct``, or if a page of another
        site sent it, whose reads are nobody's; -403 if a signature is wrong or stale, or required
        and missing.
        """
        has_rule = endpoint.header_rule and self._has_rule
        if has_rule and (reason := broken_header_rule(headers, strict=self._strict_referer)):
            raise Refused(errors.RequestIntercepted.number, reason)
        if self._service.store.secret is not self._secret:
            self._renew()
        if endpoint.access_id:
            self._check_access_id(values)
        session = None
        if endpoint.login is not Login.NONE:
            sent: str | bytes = values.get("access_key", "")
            by_key = sent != "" and ACCESS_KEY in endpoint.auth
            if not by_key:
                sent = headers.get(b"cookie", b"")
            credential = self._credentials.get(sent) or self._read(sent)
            now = self._clock()
            if credential is not None:
                read, since, session = self._trusted.get(credential.digest, _UNKNOWN)
                # Not after a step backwards of the clock either.
                is_trusted = 0 <= now - read < _TRUST_NS and monotonic() - since < _TRUST_SECONDS
                if session is None or not is_trusted:
                    session = await self._stored(sent, credential)
                    now = self._clock()
            kind = TokenKind.APP if by_key else TokenKind.COOKIE
            if session is None or session.kind is not kind or session.expires * 10**9 <= now:
                if endpoint.login is Login.REQUIRED:
                    raise _not_signed_in(endpoint, credential, session, kind)
                session = None
            elif credential is not None and not by_key:
                says = b"origin" in headers or b"sec-fetch-site" in headers
                foreign = self._foreign(headers) if says else ""
                if endpoint.writes:
                    _check_csrf(values.get("csrf", ""), credential, foreign)
                elif foreign:
                    if endpoint.login is Login.REQUIRED:
                        raise Refused(errors.NotSignedIn.number, foreign)
                    session = None
        self._check_signature(endpoint, pairs, values)
        return Caller(session.mid if session else 0, session, address_of(scope))

    def _foreign(self, headers: Headers) -> str:
        """Return why a request with a cookie is another site's page's; "" if it is not.

        Its headers say what page sent it. Pages of the documents' own hosts call each other, and
        clients repeat what those send.
        """
        reason = cors.foreign(headers, self._origins, cors.SAME_SITE)
        if reason and b"sec-fetch-site" not in headers:
            host = headers[b"origin"].partition(b"://")[2].decode("latin-1")
            return "" if is_documented(host) else reason
        return reason

    def forget(self) -> None:
        self._trusted.clear()
        self._renew()

    def _renew(self) -> None:
        """Use the store's new secret, and forget what was derived from the old one."""
        self._secret = self._service.store.secret
        self._credentials.clear()
        self._mixins = (-1, ("", ""))

    def _read(self, sent: str | bytes) -> _Credential | None:
        """Parse an access_key (str) or Cookie header (bytes); return None if it has no token.

        Whether the token has a session is not checked. Without a ``bili_jct`` cookie, the session's
        csrf counts as sent. Raise Refused (-400) for too many cookies.
        """
        jar = cookies(sent, self._most_cookies) if isinstance(sent, bytes) else {}
        token = jar.get("SESSDATA", "") if isinstance(sent, bytes) else sent
        if not token:
            return None
        csrf = secrets.bili_jct(self._secret, token)
        return _Credential(secrets.session_digest(token), csrf, jar.get("bili_jct", csrf))

    async def _stored(self, sent: str | bytes, credential: _Credential) -> Session | None:
        """Return a credential's session from the store, expired or not; None if there is none.

        Cache the session, and the credential under ``sent`` unless that exceeds 1 KiB; without a
        session, drop both.
        """
        now, since = self._clock(), monotonic()
        session = await self._service.store.session(credential.digest)
        if session is None:
            self._trusted.pop(credential.digest, None)
            self._credentials.pop(sent, None)
            return None
        if len(self._trusted) >= _MAX_ENTRIES:
            self._trusted.clear()
        self._trusted[credential.digest] = (now, since, session)
        if len(self._credentials) >= _MAX_ENTRIES:
            self._credentials.clear()
        if len(sent) <= _MAX_CREDENTIAL_BYTES:
            self._credentials[sent] = credential
        return session

    def _check_access_id(self, values: Mapping[str, str]) -> None:
        """Raise Refused (-352) if the field ``w_webid`` is present and is invalid or expired."""
        access_id = values.get("w_webid")
        if access_id is None:
            return
        if not tokens.access_id_is_valid(self._secret, access_id, self._service.now()):
            raise Refused(
                errors.RequestIntercepted.number,
                "w_webid: wrong or expired; send none, or the access id in the page"
                f" GET {SPACE_PAGE.path}",
            )

    def _check_signature(self, endpoint: Endpoint, pairs: Pairs, values: Mapping[str, str]) -> None:
        """Raise Refused (-403) if a signature is wrong or stale, or is required and missing.

        ``pairs`` are all fields as sent, which a signature covers; ``values`` the accepted ones, by
        name. The wbi signature ``w_rid`` is required if the endpoint has ``wbi``; if it is also
        ``unsigned``, only checked if sent. Its ``wts`` must be in the settings' window, if there is
        one. The app signature ``sign`` is checked if it or ``appkey`` is sent to an endpoint that
        reads them.
        """
        wanted = "w_rid" in values if endpoint.unsigned else endpoint.wbi
        if wanted:
            if not ("wts" in values and self._wbi(pairs)):
                raise Refused(errors.AccessDenied.number, _bad_wbi(values))
            window = self._wbi_window
            if window and (reason := _bad_time(values["wts"], self._service.now(), window)):
                raise Refused(errors.AccessDenied.number, reason)
        if ("sign" in values or "appkey" in values) and endpoint.app_signed:
            appsec = secrets.appsec(self._secret, values.get("appkey", ""))
            if not sign.app_verify(pairs, appsec):
                raise Refused(errors.AccessDenied.number, _bad_sign(values))

    def _wbi(self, pairs: Pairs) -> bool:
        """Return whether the pairs are signed with the wbi keys of today or yesterday (UTC)."""
        now = self._service.now()
        if self._mixins[0] != now // secrets.DAY:
            days = (now, now - secrets.DAY)
            today, yesterday = (
                sign.mixin_key(*secrets.wbi_keys(self._secret, day)) for day in days
            )
            self._mixins = (now // secrets.DAY, (today, yesterday))
        return sign.wbi_verify(pairs, *self._mixins[1])


def _check_csrf(form: str, credential: _Credential, foreign: str) -> None:
    """Raise Refused (-111) if the field csrf or the cookie sent is not the session's csrf.

    Also if ``foreign``, why the request is another site's, is not "".
    """
    _, csrf, sent_csrf = credential
    if foreign:
        raise Refused(errors.CsrfFailed.number, foreign)
    if not secrets.equal(form, csrf):
        wrong = f"not this session's bili_jct; {_CAME}"
        missing = "missing; send the value of the cookie bili_jct"
        raise Refused(errors.CsrfFailed.number, f"csrf: {wrong if form else missing}")
    if not secrets.equal(sent_csrf, csrf):
        reason = f"bili_jct: not this session's cookie; {_CAME}"
        raise Refused(errors.CsrfFailed.number, reason)


def _not_signed_in(
    endpoint: Endpoint, credential: _Credential | None, session: Session | None, kind: TokenKind
) -> Refused:
    """Return the refusal (-101) of a request whose credential has no valid session."""
    reason = _signed_out(endpoint) if credential is None else _no_session(session, kind)
    return Refused(errors.NotSignedIn.number, reason)


def _signed_out(endpoint: Endpoint) -> str:
    """Return the reason for a request without a credential that the endpoint accepts."""
    ways = " or ".join(text for way, text in _WAYS.items() if way in endpoint.auth)
    return f"not signed in: send {ways}"


def _no_session(session: Session | None, kind: TokenKind) -> str:
    """Return the reason for a credential sent as ``kind`` whose session is not valid."""
    name = "access_key" if kind is TokenKind.APP else "SESSDATA"
    if session is None:
        return f"{name}: no session has it; it is wrong, or the session was closed"
    if session.kind is not kind:
        return f"{name}: this is the {'SESSDATA' if kind is TokenKind.APP else 'access_key'}"
    return f"{name}: the session has expired; sign in again"


def _bad_wbi(values: Mapping[str, str]) -> str:
    """Return the reason for fields whose wbi signature is missing, wrong or stale."""
    if not values.get("w_rid"):
        return f"w_rid: missing; sign the request with {_SIGN}"
    if "wts" not in values:
        return "wts: missing; w_rid has to sign it too"
    return f"w_rid: wrong or stale; sign all other fields with {_SIGN}"


#: How many seconds ``wts`` may be ahead: clients that round milliseconds are up to one early.
_AHEAD = 1
#: The most digits of a ``wts`` that is read as a number.
_DIGITS = 19


def _bad_time(wts: str, now: int, window: int) -> str:
    """Return the reason for a ``wts`` that is over ``window`` seconds old, or from the future.

    Return "" if it is neither.
    """
    if not (wts.isascii() and wts.isdigit() and len(wts) <= _DIGITS):
        return "wts: must be the time of the request in seconds since 1970"
    age = now - int(wts)
    if age > window:
        return f"wts: {age} seconds old; at most {window} by wbi_window, so sign again"
    if age < -_AHEAD:
        return f"wts: {-age} seconds after the service's time; it is in seconds since 1970"
    return ""


def _bad_sign(values: Mapping[str, str]) -> str:
    """Return the reason for fields whose app signature is wrong or incomplete."""
    for name, other in (("appkey", "sign"), ("sign", "appkey")):
        if not values.get(name):
            return f"{name}: missing next to {other}; send both or none"
    return "sign: wrong; it must sign all other fields with the appsec of appkey"
