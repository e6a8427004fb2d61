"""The pages of ``guanxi manage``: who may use them, and where each is.

They are for the person at this machine. Whoever opens them needs the token of the address that the
command prints, once, and then has a session until the command ends.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from guanxi.contract.endpoint import FACE_HOSTS
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
from guanxi.manage.panel import Panel
from guanxi.manage.people import People, Vault
from guanxi.manage.work import Desk
from guanxi.text import Text
from guanxi.toolbox.errors import ToolError
from guanxi.web.forms import Refusal
from guanxi.web.local import is_loopback, name_in
from guanxi.web.routing import Handler, Verb, routes_of
from guanxi.web.sessions import Sessions
from guanxi.web.site import Site

NAME = Text("guanxi 管理", "guanxi manage")
OPEN = "/open"
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
        site = Site(NAME, (), ["guanxi.manage"], image_hosts=FACE_HOSTS if faces else ())
        self._panel = Panel(People(vault, base_url, folder), self.desk, site)
        self._sessions: Sessions[bool] = Sessions(_COOKIE)
        routes = Starlette(
            routes=[
                Route(OPEN, self._open),
                *routes_of(self._verbs()),
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
            for method, path, handle in module.verbs(self._panel):
                yield method, path, self._guarded(handle)

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

    def _guarded(self, handle: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if self._sessions.of(request) is None:
                raise Refusal(403, _CLOSED)
            return await handle(request)

        return guarded

    async def _unusable(self, request: Request, error: Exception) -> Response:
        """Return the page of an archive or a plan that cannot be used, with what to do."""
        reason = error.args[0]
        return self._panel.site.refused(request, Refusal(409, reason))


def _for_this_machine(application: ASGIApp) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        host = Request(scope).headers.get("host", "") if scope["type"] == "http" else "localhost"
        if not is_loopback(name_in(host)):
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
