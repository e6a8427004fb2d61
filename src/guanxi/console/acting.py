"""Be an account in the browser: the cookies of a session, and who has one."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from guanxi.accounts import secrets
from guanxi.accounts.secrets import TokenKind
from guanxi.operations import sessions
from guanxi.service.handlers.login import session_cookies
from guanxi.service.handling import Service

_COOKIES = ("SESSDATA", "bili_jct", "DedeUserID")


class Acting(NamedTuple):
    """Who is signed in, and the session. The repr omits its secrets."""

    mid: int
    name: str
    sessdata: str
    bili_jct: str

    def __repr__(self) -> str:
        return f"Acting(mid={self.mid})"


async def acting(service: Service, request: Request) -> Acting | None:
    """Return who a request's cookies sign in, None for nobody."""
    token = request.cookies.get("SESSDATA", "")
    if not token:
        return None
    session = await service.store.session(secrets.session_digest(token))
    if session is None or session.expires <= service.now():
        return None
    cards = await service.store.cards([session.mid])
    name = cards[session.mid].name if session.mid in cards else ""
    return Acting(session.mid, name, token, request.cookies.get("bili_jct", ""))


async def act_as(service: Service, response: Response, mid: int) -> None:
    """Sign a browser in as an account.

    Raise AccountError if the account is unknown or deregistered; then nothing is stored.
    """
    limits = service.profile.limits
    issued = await sessions.issue(
        service.store, mid, TokenKind.COOKIE, limits, service.now(), chance=service.chance
    )
    cookies = session_cookies(issued.token, issued.bili_jct, mid, limits.session_days)
    response.raw_headers += [(b"set-cookie", cookie.encode()) for cookie in cookies]


async def stop_acting(service: Service, request: Request, response: Response) -> None:
    """Sign a browser out, and delete its session."""
    token = request.cookies.get("SESSDATA", "")
    if token:
        await service.store.close_session(secrets.session_digest(token))
    for name in _COOKIES:
        response.delete_cookie(name)
