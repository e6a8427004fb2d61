"""What is not hot on the public address: health, the OpenAPI document, and a page to try it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from guanxi.contract import openapi
from guanxi.service import logs
from guanxi.stores.port import Store

#: The page loads its own script and style and speaks to its own service; nothing else.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_FILES = {
    "/docs": ("docs.html", "text/html"),
    "/docs/docs.js": ("docs.js", "text/javascript"),
    "/docs/docs.css": ("docs.css", "text/css"),
}

PATHS = frozenset({"/", "/healthz", "/readyz", "/openapi.json", *_FILES})


def application(store: Store) -> Starlette:
    """The pages of a service over a store."""
    document = msgspec.json.encode(openapi.document())

    async def healthz(_request: Request) -> Response:
        """The process answers."""
        return _json(b'{"status":"ok"}')

    async def readyz(_request: Request) -> Response:
        """The store can read and write; 503 while it cannot."""
        try:
            await store.ready()
        except Exception:
            logs.LOG.exception("not ready")
            return _json(b'{"status":"unavailable"}', 503)
        return _json(b'{"status":"ok"}')

    async def described(_request: Request) -> Response:
        return _json(document)

    async def start(_request: Request) -> Response:
        return RedirectResponse("/docs")

    pages = [
        Route("/", start),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/openapi.json", described),
        *(Route(path, _static(*named)) for path, named in _FILES.items()),
    ]
    return Starlette(routes=pages)


def _static(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    body = files("guanxi.service").joinpath("docs", name).read_bytes()

    async def static(_request: Request) -> Response:
        return Response(body, headers=_PAGE_HEADERS, media_type=kind)

    return static


def _json(body: bytes, status: int = 200) -> Response:
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
    if status == 503:
        headers["Retry-After"] = "1"
    return Response(body, status, headers, "application/json")
