"""The pages of ``guanxi demo``, in front of the emulated service: who may use them, and where.

Whoever reaches the start page of a demo on this machine gets a session; from another machine the
emulator's token is needed. Without a session only the start page and the endpoints are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guanxi.accounts import secrets
from guanxi.console.acting import acting
from guanxi.console.demo import faults, requests, start, stubs, world
from guanxi.console.demo.panel import Panel
from guanxi.demo.world import HERO
from guanxi.emulator.emulator import Emulator
from guanxi.service.docs import pages as docs
from guanxi.service.docs.paths import DOCS
from guanxi.service.exchange import ASGI, Scope, Send
from guanxi.service.forms import Receive
from guanxi.text import Text
from guanxi.web.local import is_loopback, name_in
from guanxi.web.paths import STATIC
from guanxi.web.routing import Handler, routes_of
from guanxi.web.sessions import Sessions
from guanxi.web.site import Entry, Notice, Site

_NAME = Text("guanxi 演示", "guanxi demo")
_ENTRIES = (
    Entry("/", Text("开始", "Start")),
    Entry(DOCS, Text("接口", "Endpoints")),
    Entry(requests.PATH, Text("请求", "Requests")),
    Entry(faults.PATH, Text("出错", "Faults")),
    Entry(stubs.PATH, Text("桩", "Stubs")),
    Entry(world.PATH, Text("世界", "World")),
)
_COOKIE = "guanxi_demo"
_SIGN_IN = "/demo/sign-in"
#: Parameters that name an account: an endpoint's form begins with the demo's.
_SAMPLES = dict.fromkeys(
    ("vmid", "mid", "up_mid", "host_mid", "uid", "fid", "target_id"), str(HERO)
)
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class Pages:
    """The pages of one demo, as a layer in front of its emulated application."""

    def __init__(self, emulator: Emulator, token: str) -> None:
        """``token`` is the emulator's, for visitors from other machines."""
        self._emulator, self._token = emulator, token
        self._site = Site(_NAME, _ENTRIES, ["guanxi.console.demo", docs.PACKAGE])
        self._sessions: Sessions[bool] = Sessions(_COOKIE)
        self._panel = Panel(emulator, self._site)
        self._application = Starlette(
            routes=self._routes(),
            exception_handlers={
                HTTPException: self._site.refused,
                Exception: self._site.refused,
            },
        )

    def __repr__(self) -> str:
        return f"Pages({self._sessions!r})"

    def in_front(self, application: ASGI) -> ASGI:
        """Return an application that answers the pages, and hands on what is for none of them."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            handles = scope["type"] == "http" and self._handles(scope["method"], scope["path"])
            await (self._application if handles else application)(scope, receive, send)

        return answer

    def _handles(self, method: str, path: str) -> bool:
        is_page = path == "/" or f"{path}/".startswith(("/demo/", f"{DOCS}/", f"{STATIC}/"))
        return is_page and not self._emulator.stubs.find(method, path)

    def _routes(self) -> list[Route]:
        guarded = [
            (method, path, self._guarded(handle))
            for module in (start, requests, faults, stubs, world)
            for method, path, handle in module.verbs(self._panel)
        ]
        own = [
            ("GET", "/", self._start),
            ("GET", _SIGN_IN, self._sign_in),
            ("POST", _SIGN_IN, self._signed_in),
        ]
        return [
            *routes_of((*own, *guarded)),
            *docs.routes(self._site, self._more),
            *self._site.routes(),
        ]

    async def _more(self, request: Request) -> Mapping[str, Any]:
        service = self._emulator.service
        return {
            "acting": await acting(service, request),
            "samples": _SAMPLES,
            "now": service.now(),
        }

    async def _start(self, request: Request) -> Response:
        may = self._may(request)
        response = await start.page(self._panel, request, may=may)
        self._open(request, response, may=may)
        return response

    def _guarded(self, handle: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            may = self._may(request)
            if not may:
                return self._site.back(request, _SIGN_IN)
            response = await handle(request)
            self._open(request, response, may=may)
            return response

        return guarded

    def _may(self, request: Request) -> bool:
        return self._sessions.of(request) is not None or is_local(request)

    def _open(self, request: Request, response: Response, *, may: bool) -> None:
        if may and self._sessions.of(request) is None:
            self._sessions.open(request, response, value=True)

    async def _sign_in(self, request: Request) -> Response:
        return self._site.page(request, "sign_in.html", path=_SIGN_IN)

    async def _signed_in(self, request: Request) -> Response:
        fields = await self._site.fields(request)
        if not secrets.equal(fields.get("token", ""), self._token):
            wrong = Text(
                "令牌不对。启动演示的终端显示了它。",
                "That is not the token. The terminal that started the demo shows it.",
            )
            return self._site.page(
                request,
                "sign_in.html",
                status=403,
                notice=Notice("refused", wrong),
                path=_SIGN_IN,
            )
        response = self._site.back(request, "/")
        self._open(request, response, may=True)
        return response


def is_local(request: Request) -> bool:
    """Return whether a request is from this machine, under a name that only this machine has.

    One that a proxy forwarded is from anywhere, and a page elsewhere may let its own name resolve
    to this machine.
    """
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    host = request.headers.get("host", "")
    return is_loopback(request.client.host) and is_loopback(name_in(host))
