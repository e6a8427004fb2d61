"""Signing in by a code, and new cookies for old.

Somebody who is signed in elsewhere agrees to a code (``agree``); whoever holds it gets a session.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from guanxi.accounts import secrets, tokens
from guanxi.accounts.account import State
from guanxi.accounts.secrets import TokenKind
from guanxi.contract import errors, pages
from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.limits import Limits
from guanxi.contract.params import InvalidParameter
from guanxi.service.answers import encode
from guanxi.service.auth import issue
from guanxi.service.handling import Answer, Refused, Service
from guanxi.stores.port import Store

#: What a code is drawn of; ``.invalid`` sees to it that nobody fetches it.
_CODE_ADDRESS = "https://guanxi.invalid/login?qrcode_key={}"
#: How far a sign-in by code is.
_DONE, _WAITING, _ENDED = 0, 86101, 86038


async def agree(store: Store, key: str, mid: int, limits: Limits) -> None:
    """Let whoever holds the code sign in as an account.

    ``ValueError`` for a key that is none or is over, and for an account that cannot sign in.
    """
    made = tokens.qr_key_created(store.secret, key)
    if made is None or time.time() >= made + limits.qr_seconds:
        raise ValueError("no such key, or it is over")
    account = await store.account(mid)
    if account is None or account.state is State.DEREGISTERED:
        raise ValueError(f"account {mid} cannot sign in")
    await store.put_grant(secrets.digest(key), mid, made + limits.qr_seconds)


async def qr_generate(service: Service, _caller: int, _asked: p.NoParams) -> bytes:
    """A key that tells its own age: nothing is kept until somebody agrees."""
    key = tokens.qr_key(service.store.secret, int(time.time()))
    return encode(s.QrCode(_CODE_ADDRESS.format(key), key))


async def qr_poll(service: Service, _caller: int, asked: p.QrPoll) -> Answer:
    """How far it is; the first to ask after somebody agreed is given the cookies."""
    store, key = service.store, asked.qrcode_key
    made = tokens.qr_key_created(store.secret, key)
    if made is None:
        raise InvalidParameter("qrcode_key", "无效", "no key of this service")
    if time.time() >= made + service.profile.limits.qr_seconds:
        return Answer(encode(s.QrState(code=_ENDED, message="二维码已失效")))
    mid = await store.take_grant(secrets.digest(key))
    if mid is None:
        return Answer(encode(s.QrState(code=_WAITING, message="未扫码")))
    token, cookies = await _signed_in(service, mid)
    told = s.QrState(
        refresh_token=tokens.refresh_token(store.secret, token),
        timestamp=time.time_ns() // 1_000_000,
        code=_DONE,
    )
    return Answer(encode(told), cookies)


async def cookie_info(
    service: Service, _caller: int, _asked: p.NoParams, jar: Mapping[str, str]
) -> bytes:
    """000, Credential.check_refresh: a session should be refreshed in its second half (ours)."""
    now = time.time_ns() // 1_000_000
    session = await service.store.session(secrets.digest(jar["SESSDATA"]))
    if session is None:
        raise Refused(errors.NotSignedIn.number)
    half = (session.created + session.expires) // 2
    return encode(s.CookieInfo(now >= half * 1000, now))


async def correspond(
    service: Service, _caller: int, _asked: p.Correspondence, jar: Mapping[str, str]
) -> bytes:
    """000, Credential.refresh: the page that carries the csrf of a refresh."""
    csrf = tokens.refresh_csrf(service.store.secret, jar["SESSDATA"])
    return pages.refresh_page(csrf).encode()


async def cookie_refresh(
    service: Service, caller: int, asked: p.CookieRefresh, jar: Mapping[str, str]
) -> Answer:
    """000, Credential.refresh: a new session; the old one stands until that is confirmed."""
    secret, old = service.store.secret, jar["SESSDATA"]
    csrf, refresh = tokens.refresh_csrf(secret, old), tokens.refresh_token(secret, old)
    if not (
        secrets.equal(asked.refresh_csrf, csrf) and secrets.equal(asked.refresh_token, refresh)
    ):
        raise Refused(errors.RefreshRefused.number)
    token, cookies = await _signed_in(service, caller)
    return Answer(
        encode(s.RefreshedCookie(refresh_token=tokens.refresh_token(secret, token))), cookies
    )


async def confirm_refresh(service: Service, caller: int, asked: p.RefreshConfirmation) -> bytes:
    """000, Credential.refresh: the session of the old refresh token ends, if it is the caller's."""
    digest = tokens.session_of(asked.refresh_token)
    session = await service.store.session(digest) if digest is not None else None
    if session is None or session.mid != caller:
        raise InvalidParameter("refresh_token", "无效", "no session of this account")
    await service.store.close_session(session.digest)
    return b""


async def _signed_in(service: Service, mid: int) -> tuple[str, tuple[tuple[bytes, bytes], ...]]:
    """A new session's token, and the headers that give a browser its cookies."""
    try:
        issued = await issue(service.store, mid, TokenKind.COOKIE, service.profile.limits)
    except ValueError:  # deregistered since
        raise Refused(errors.NotSignedIn.number) from None
    ends = f"Path=/; Max-Age={service.profile.limits.session_days * secrets.DAY}; SameSite=Lax"
    cookies = (
        f"SESSDATA={issued.token}; {ends}; HttpOnly",
        f"bili_jct={issued.bili_jct}; {ends}",
        f"DedeUserID={mid}; {ends}",
    )
    return issued.token, tuple((b"set-cookie", one.encode()) for one in cookies)
