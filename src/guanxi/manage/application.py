"""The pages of ``guanxi manage``: who may use them, and where each is.

They are for the person at this machine. Whoever opens them needs the token of the address that the
command prints, once, and then has a session until the command ends.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from guanxi.manage.pages import (
    groups,
    lists,
    migrate,
    plans,
    sign_in,
    snapshots,
    start,
    transfer,
    work,
)
from guanxi.manage.panel import Panel, Verb
from guanxi.manage.people import People, Vault
from guanxi.manage.work import Desk
from guanxi.text import Text
from guanxi.toolbox.errors import ToolError
from guanxi.web.forms import Refusal
from guanxi.web.local import is_local_name
from guanxi.web.sessions import Sessions
from guanxi.web.site import Site

NAME = Text("guanxi 管理", "guanxi manage")
OPEN = "/open"
#: The hosts of faces, as the documents name them.
FACES = ("i0.hdslb.com", "i1.hdslb.com", "i2.hdslb.com")
_COOKIE = "guanxi_manage"
_MODULES = (start, sign_in, snapshots, lists, groups, plans, transfer, migrate, work)


class Pages:
    """The pages of one process. ``application`` is what is served."""

    def __init__(
        self,
        vault: Vault,
        *,
        base_url: str | None = None,
        folder: Path | None = None,
        faces: bool = False,
    ) -> None:
        """As ``People``. ``faces``: whether the browser loads faces from the documents' hosts."""
        self.token = secrets.token_urlsafe(24)
        self.desk = Desk()
        site = Site(NAME, (), ["guanxi.manage"], image_hosts=FACES if faces else ())
        self._panel = Panel(People(vault, base_url, folder), self.desk, site)
        self._sessions: Sessions[bool] = Sessions(_COOKIE)
        routes = Starlette(
            routes=[
                Route(OPEN, self._open),
                *_routes(self._verbs(), self._guarded),
                *site.routes(),
            ],
            exception_handlers={
                HTTPException: site.refused,
                ToolError: self._unusable,
                Exception: site.refused,
            },
        )
        self.application: ASGIApp = _for_this_machine(routes)

    def __repr__(self) -> str:
        return f"Pages({self._panel.people.folder})"

    def _verbs(self) -> Iterable[Verb]:
        for module in _MODULES:
            yield from module.verbs(self._panel)

    async def _open(self, request: Request) -> Response:
        """Open the session of the address that the command printed; its token works once."""
        given = request.query_params.get("token", "")
        if not self.token or not secrets.compare_digest(given.encode(), self.token.encode()):
            if self._sessions.of(request) is None:
                raise Refusal(403, _CLOSED)
            return self._panel.site.back(request, "/")
        self.token = ""
        response = self._panel.site.back(request, "/")
        self._sessions.open(request, response, value=True)
        return response

    def _guarded(self, handle: Callable[[Request], Awaitable[Response]]) -> Any:
        async def guarded(request: Request) -> Response:
            if self._sessions.of(request) is None:
                raise Refusal(403, _CLOSED)
            return await handle(request)

        return guarded

    async def _unusable(self, request: Request, error: Exception) -> Response:
        """Return the page of an archive or a plan that cannot be used, with what to do."""
        reason = error.args[0]
        return self._panel.site.refused(request, Refusal(409, reason))


def _routes(verbs: Iterable[Verb], guarded: Callable[..., Any]) -> list[Route]:
    """Return a route for each path, which knows all its methods."""
    found: dict[str, dict[str, Any]] = {}
    for method, path, handle in verbs:
        found.setdefault(path, {})[method] = guarded(handle)
    return [Route(path, _by_method(of), methods=[*of]) for path, of in found.items()]


def _by_method(handlers: dict[str, Any]) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        response: Response = await handlers[method](request)
        return response

    return handle


def _for_this_machine(application: ASGIApp) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_local_name(Request(scope).headers.get("host", "")):
            response = Response(_ELSEWHERE, 421, media_type="text/plain")
            await response(scope, receive, send)
            return
        await application(scope, receive, send)

    return answer


_CLOSED = Text(
    "请使用 guanxi manage 打印的地址：其中的令牌只能用一次。",
    "Use the address that guanxi manage printed: its token works once.",
)
_ELSEWHERE = "These pages are for this machine: use the address that guanxi manage printed.\n"
