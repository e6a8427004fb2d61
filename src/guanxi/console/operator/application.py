"""Who may use the console, and where each of its pages is.

Whoever has a token of the administration signs in with it. The session ends with the browser, after
12 hours, by signing out, or within a second after the token is revoked or expires.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from guanxi.accounts.administrators import Scope as Permits
from guanxi.console.operator import (
    account,
    accounts,
    audit,
    changes,
    check,
    copies,
    imports,
    lists,
    overview,
    two,
)
from guanxi.console.operator.desk import SIGN_IN, SIGN_OUT, Desk, SignedOut
from guanxi.console.operator.folder import Folder
from guanxi.console.operator.jobs import Jobs
from guanxi.console.operator.samples import SECONDS, Samples
from guanxi.service import logs
from guanxi.service.metrics import totals
from guanxi.service.server import Operated
from guanxi.stores.port import StoreError
from guanxi.text import Text
from guanxi.web.forms import Refusal, local_path
from guanxi.web.headers import security_headers
from guanxi.web.paging import with_query
from guanxi.web.routing import Handler, routes_of
from guanxi.web.site import Entry, Notice, Site, path_of

NAME = Text("guanxi 控制台", "guanxi console")
_ENTRIES = (
    Entry("/", Text("概览", "Overview")),
    Entry(accounts.PATH, Text("账号", "Accounts")),
    Entry(two.PATH, Text("两个账号", "Two accounts")),
    Entry(changes.PATH, Text("变更", "Changes")),
    Entry(audit.PATH, Text("审计", "Audit log")),
    Entry(imports.PATH, Text("导入", "Import")),
    Entry(copies.PATH, Text("导出与备份", "Export, backup")),
    Entry(check.PATH, Text("检查", "Check")),
)
_MODULES = (accounts, account, lists, two, changes, audit)
#: The longest text that is looked up as a token.
_LONGEST = 1_000


class Console:
    """The pages of one service. ``application`` is what is served below ``/console``."""

    def __init__(self, operated: Operated) -> None:
        site = Site(NAME, _ENTRIES, ["guanxi.console.operator"])
        self._desk = Desk(operated, site)
        clock = operated.service.clock
        self._samples = Samples(lambda: totals(operated.cells), lambda: clock() / 1e9)
        self._jobs, self._folder = Jobs(self._desk), Folder(operated.store)
        self._overview = overview.Overview(self._desk, self._samples, self._jobs)
        pages = Starlette(
            routes=self._routes(),
            exception_handlers={
                HTTPException: site.refused,
                SignedOut: self._signed_out,
                StoreError: self._unavailable,
                Exception: site.refused,
            },
        )
        pages.router.redirect_slashes = False  # the address would be made of the request's Host
        self.application: ASGIApp = _from_its_folder(pages)

    def __repr__(self) -> str:
        return f"Console({self._desk.operated!r})"

    @asynccontextmanager
    async def sampled(self) -> AsyncIterator[None]:
        """Take a sample a minute while the block runs."""
        task = asyncio.create_task(self._sample())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._jobs.stop()
            self._folder.close()

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(SECONDS)
            self._samples.take()

    def _routes(self) -> list[Route]:
        site = self._desk.site
        desk, jobs = self._desk, self._jobs
        verbs = [verb for module in _MODULES for verb in module.verbs(desk)]
        verbs += self._overview.verbs()
        verbs += jobs.verbs()
        verbs += check.verbs(desk, jobs)
        for pages in (imports.Imports, copies.Copies):
            verbs += pages(desk, jobs, self._folder).verbs()
        guarded = [(method, path, self._guarded(handle)) for method, path, handle in verbs]
        own = [
            ("GET", SIGN_IN, self._sign_in),
            ("POST", SIGN_IN, self._signed_in),
            ("POST", SIGN_OUT, self._sign_out),
        ]
        return [*routes_of((*guarded, *own)), *site.routes()]

    def _guarded(self, handle: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            await self._desk.token(request)
            return await handle(request)

        return guarded

    async def _signed_out(self, request: Request, _error: Exception) -> Response:
        if (
            "hx-request" in request.headers
        ):  # a part that renews itself: the whole page is to sign in
            return Response(None, 204, security_headers() | {"HX-Refresh": "true"})
        query = request.url.query if request.method == "GET" else ""
        back = path_of(request) + (f"?{query}" if query else "")
        is_page = request.method == "GET" and back != "/"
        return self._desk.site.back(request, with_query(SIGN_IN, {"back": back if is_page else ""}))

    async def _unavailable(self, request: Request, error: Exception) -> Response:
        logs.LOG.error("a page of the console failed", exc_info=error)
        return self._desk.site.refused(request, Refusal(503, Text.of(error.args[0])))

    async def _sign_in(self, request: Request) -> Response:
        return self._sign_in_page(request, request.query_params.get("back", "/"))

    def _sign_in_page(
        self, request: Request, back: str, status: int = 200, notice: Notice | None = None
    ) -> Response:
        return self._desk.site.page(
            request,
            "sign_in.html",
            status=status,
            notice=notice,
            path=SIGN_IN,
            back=local_path(back),
        )

    async def _signed_in(self, request: Request) -> Response:
        fields = await self._desk.site.fields(request)
        back, given = fields.get("back", "/"), fields.get("token", "").strip()
        try:
            token = await self._desk.admission.token(f"Bearer {given[:_LONGEST]}")
        except HTTPException:
            return self._sign_in_page(request, back, 403, Notice("refused", _WRONG))
        if Permits.READ not in token.scopes:
            return self._sign_in_page(request, back, 403, Notice("refused", _METRICS_ONLY))
        self._desk.sessions.close(request)
        response = self._desk.site.back(request, local_path(back))
        self._desk.sessions.open(request, response, token.digest)
        return response

    async def _sign_out(self, request: Request) -> Response:
        await self._desk.site.fields(request)
        self._desk.sessions.close(request)
        return self._desk.site.back(request, SIGN_IN, Text("已退出", "You are signed out"))


def _from_its_folder(pages: ASGIApp) -> ASGIApp:
    """Return the pages; the path that they are mounted at leads to its folder.

    Addresses on a page are relative to it.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        mounted = scope.get("root_path", "")
        if scope["type"] == "http" and scope["path"] == mounted:
            response = RedirectResponse(f"{mounted}/", 307, security_headers())
            await response(scope, receive, send)
            return
        await pages(scope, receive, send)

    return answer


_WRONG = Text(
    "没有这个口令，或已失效。guanxi admin token new 可新建一个。",
    "There is no such token, or it has ended. guanxi admin token new makes one.",
)
_METRICS_ONLY = Text(
    "此口令只能读取指标。控制台需要 read 或 write 权限的口令。",
    "This token may only read metrics. The console needs one with the scope read.",
)
