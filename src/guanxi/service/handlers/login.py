"""QR sign-in, and refresh of session cookies.

An account confirms a QR sign-in key (``operations.sessions.agree``); the first client to poll it
then gets a session.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from guanxi.accounts import secrets, tokens
from guanxi.accounts.secrets import TokenKind
from guanxi.contract import errors, pages
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.endpoints import CORRESPOND
from guanxi.contract.params import InvalidParameter
from guanxi.operations.accounts import AccountError
from guanxi.operations.sessions import TokenInUse, issue
from guanxi.service.answers import encode
from guanxi.service.handling import NO_ACCOUNT, NO_SESSION, Answer, Refused, Service
from guanxi.stores.port import StoreError

#: The URL in the QR code. The top-level domain ``.invalid`` never resolves.
_CODE_ADDRESS = "https://guanxi.invalid/login?qrcode_key={}"
#: States of a QR sign-in.
_CONFIRMED, _WAITING, _EXPIRED = 0, 86101, 86038


async def qr_generate(service: Service, _caller: int, _params: p.NoParams) -> bytes:
    """Handle GET …/qrcode/generate, the first step of QR sign-in: return a new key and its URL.

    The key encodes its time of creation. Nothing is stored until an account confirms it.
    """
    key = tokens.qr_key(service.store.secret, service.now(), service.chance)
    return encode(s.QrCode(_CODE_ADDRESS.format(key), key))


async def qr_poll(service: Service, _caller: int, params: p.QrPoll) -> Answer:
    """Handle GET …/qrcode/poll, the second step of QR sign-in: return the state of a key.

    It is 86101 (not confirmed), 86038 (expired or used) or 0: the first poll after a confirmation
    uses it up, opens a session, and returns its cookies and refresh token. Deregistering the
    account before the poll withdraws the confirmation (86101). Raise InvalidParameter for a key
    that is not of this service, and Refused (-101) if the account is deregistered during the poll.
    """
    store, key = service.store, params.qrcode_key
    created = tokens.qr_key_created(store.secret, key)
    if created is None:
        raise InvalidParameter("qrcode_key", "no key of this service")
    expires = created + service.profile.limits.qr_seconds
    mid = 0 if service.now() >= expires else await store.take_grant(secrets.digest(key))
    if mid == 0:
        return Answer(encode(s.QrState(code=_EXPIRED, message="二维码已失效")))
    if mid is None:
        return Answer(encode(s.QrState(code=_WAITING, message="未扫码")))
    try:
        token, cookies = await _open_session(service, mid)
    except StoreError:
        with suppress(StoreError):  # so that a later poll can sign in
            await store.put_grant(secrets.digest(key), mid, expires, again=True)
        raise
    response = s.QrState(
        refresh_token=tokens.refresh_token(store.secret, token),
        timestamp=service.clock() // 1_000_000,
        code=_CONFIRMED,
    )
    return Answer(encode(response), cookies)


async def cookie_info(
    service: Service, _caller: int, _params: p.NoParams, jar: Mapping[str, str]
) -> bytes:
    """Handle GET …/cookie/info: whether the cookies are due for a refresh, and the Unix time in ms.

    They are due in the second half of the session's lifetime (guanxi's own rule). ``jar``, the
    cookies by name, must have SESSDATA. Raise Refused (-101) if the session was closed meanwhile.
    Source: 000, Credential.check_refresh.
    """
    now = service.clock() // 1_000_000
    session = await service.store.session(secrets.session_digest(_token(jar)))
    if session is None:
        raise Refused(errors.NotSignedIn.number, NO_SESSION)
    half = (session.created + session.expires) // 2
    return encode(s.CookieInfo(now >= half * 1000, now))


async def correspond(
    service: Service, _caller: int, _params: p.Correspondence, jar: Mapping[str, str]
) -> bytes:
    """Handle GET /correspond/1/…: the HTML page with the csrf that ``cookie_refresh`` requires.

    The csrf is that of the session of SESSDATA in ``jar``, the cookies by name. The path's
    parameter is ignored. Source: 000, Credential.refresh.
    """
    csrf = tokens.refresh_csrf(service.store.secret, _token(jar))
    return pages.refresh_page(csrf).encode()


async def cookie_refresh(
    service: Service, caller: int, params: p.CookieRefresh, jar: Mapping[str, str]
) -> Answer:
    """Handle POST …/cookie/refresh: open a session and set its cookies (000, Credential.refresh).

    The response has the new refresh token. The old session, that of SESSDATA in ``jar`` (cookies by
    name), stays valid until ``confirm_refresh``. Raise Refused: 86095 if csrf or refresh token is
    not that of the old session, or the refresh token was used before (of several uses at once, one
    succeeds); -101 if the account is deregistered meanwhile.
    """
    secret, old = service.store.secret, _token(jar)
    csrf, refresh = tokens.refresh_csrf(secret, old), tokens.refresh_token(secret, old)
    if not secrets.equal(params.refresh_csrf, csrf):
        reason = f"refresh_csrf: not this session's; GET {CORRESPOND.path} returns it"
        raise Refused(errors.RefreshRefused.number, reason)
    if not secrets.equal(params.refresh_token, refresh):
        reason = "refresh_token: not this session's; the sign-in returned it"
        raise Refused(errors.RefreshRefused.number, reason)
    try:
        await _check_unused(service, old, refresh)
        successor = tokens.successor(secret, refresh, caller)
        token, cookies = await _open_session(service, caller, successor)
    except TokenInUse:
        reason = "refresh_token: used before; a refresh returns a new one"
        raise Refused(errors.RefreshRefused.number, reason) from None
    return Answer(
        encode(s.RefreshedCookie(refresh_token=tokens.refresh_token(secret, token))), cookies
    )


async def _check_unused(service: Service, token: str, refresh: str) -> None:
    """Raise TokenInUse if a refresh token opened a session when tokens had no mid."""
    if secrets.mid_of(secrets.session_digest(token)) is None:
        opened = tokens.successor(service.store.secret, refresh, None)
        if await service.store.session(secrets.session_digest(opened)) is not None:
            raise TokenInUse


async def confirm_refresh(
    service: Service, caller: int, params: p.RefreshConfirmation, jar: Mapping[str, str]
) -> bytes:
    """Handle POST …/confirm/refresh: close the session before a refresh (000, Credential.refresh).

    That is the session of the refresh token, which must be the one that opened the caller's: that
    of SESSDATA in ``jar``, the cookies by name. Raise InvalidParameter if it is not, or if the old
    session is closed already.
    """
    token, refresh = _token(jar), params.refresh_token
    digest = tokens.session_digest_of(refresh)
    has_mid = secrets.mid_of(secrets.session_digest(token)) is not None
    opened = tokens.successor(service.store.secret, refresh, caller if has_mid else None)
    if digest is None or not secrets.equal(token, opened):
        raise InvalidParameter("refresh_token", "not the one that this session was opened with")
    if not await service.store.close_session(digest):
        raise InvalidParameter("refresh_token", "its session is closed already")
    return b""


def _token(jar: Mapping[str, str]) -> str:
    """Return the token in the session's cookie; raise Refused (-101) if there is none.

    A caller whom the host's own gate signed in has none.
    """
    token = jar.get("SESSDATA")
    if token is None:
        raise Refused(errors.NotSignedIn.number, "SESSDATA: no such cookie")
    return token


async def _open_session(
    service: Service, mid: int, token: str = ""
) -> tuple[str, tuple[tuple[bytes, bytes], ...]]:
    """Open a cookie session; return its SESSDATA and three Set-Cookie headers.

    SESSDATA is ``token``, by default a new one. The headers set SESSDATA, bili_jct and DedeUserID.
    Raise Refused (-101) if the account is unknown or deregistered, TokenInUse if a session has the
    token.
    """
    limits, now = service.profile.limits, service.now()
    try:
        issued = await issue(
            service.store, mid, TokenKind.COOKIE, limits, now, token=token, chance=service.chance
        )
    except AccountError:  # deregistered meanwhile
        raise Refused(errors.NotSignedIn.number, NO_ACCOUNT) from None
    cookies = session_cookies(issued.token, issued.bili_jct, mid, limits.session_days)
    return issued.token, tuple((b"set-cookie", cookie.encode()) for cookie in cookies)


def session_cookies(token: str, csrf: str, mid: int, days: int) -> tuple[str, str, str]:
    """Return the cookies of a session, as Set-Cookie has them; over https they are Secure too.

    No page can read SESSDATA. bili_jct is for the page, which repeats it as the field csrf.
    """
    attributes = f"Path=/; Max-Age={days * secrets.DAY}; SameSite=Lax"
    return (
        f"SESSDATA={token}; {attributes}; HttpOnly",
        f"bili_jct={csrf}; {attributes}",
        f"DedeUserID={mid}; {attributes}",
    )
