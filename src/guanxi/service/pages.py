"""Pages on the public address: health checks, the OpenAPI document, and the API try-out page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from math import inf

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from guanxi.contract import openapi
from guanxi.service import logs
from guanxi.stores.port import Store

#: The page may load its own script and style and send requests to its own service, nothing else.
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
#: Of every other response.
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
_FILES = {
    "/docs": ("docs.html", "text/html"),
    "/docs/docs.js": ("docs.js", "text/javascript"),
    "/docs/docs.css": ("docs.css", "text/css"),
}

#: Seconds after a log line of a failed /readyz without another one.
_QUIET_SECONDS = 1.0
#: For how many seconds after a check the store counts as ready.
READY_SECONDS = 1.0

PATHS = frozenset({"/", "/healthz", "/readyz", "/openapi.json", *_FILES})


@cache
def _openapi() -> bytes:
    """Return the encoded OpenAPI document, generated once per process."""
    return msgspec.json.encode(openapi.document())


def application(store: Store) -> Starlette:
    """Return the application of the health checks, the OpenAPI document and the try-out page.

    ``store`` is used by /readyz only.
    """
    document = _openapi()
    checks: list[asyncio.Task[bool]] = []
    quiet_until = -inf
    ready_until = -inf

    async def is_ready() -> bool:
        nonlocal quiet_until
        try:
            await store.ready()
        except Exception:
            if time.monotonic() >= quiet_until:  # anybody may ask, as often as they like
                quiet_until = time.monotonic() + _QUIET_SECONDS
                logs.LOG.exception("not ready")
            return False
        return True

    async def healthz(_request: Request) -> Response:
        """Handle GET /healthz: always 200 while the process is alive."""
        return _json(b'{"status":"ok"}')

    async def readyz(_request: Request) -> Response:
        """Handle GET /readyz: 200 if the store can read and write, else 503.

        A failure is logged, but not more often than once a second.

        Requests share a check that is running, or that succeeded within ``READY_SECONDS``: anybody
        may send them, and a check writes to the disk.
        """
        nonlocal ready_until
        if time.monotonic() >= ready_until:
            if not checks or checks[0].done():
                checks[:] = [asyncio.create_task(is_ready())]
            if not await asyncio.shield(checks[0]):
                return _json(b'{"status":"unavailable"}', 503)
            ready_until = time.monotonic() + READY_SECONDS
        return _json(b'{"status":"ok"}')

    async def openapi_json(_request: Request) -> Response:
        return _json(document)

    async def to_docs(request: Request) -> Response:
        path = f"{request.scope.get('root_path', '')}/docs"
        return RedirectResponse(path, headers=_HEADERS)

    pages = [
        Route("/", to_docs),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/openapi.json", openapi_json),
        *(Route(path, _static(*file)) for path, file in _FILES.items()),
    ]
    return Starlette(routes=pages)


def _static(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    body = files("guanxi.service").joinpath("docs", name).read_bytes()

    async def static(_request: Request) -> Response:
        return Response(body, headers=_PAGE_HEADERS, media_type=kind)

    return static


def _json(body: bytes, status: int = 200) -> Response:
    headers = dict(_HEADERS)
    if status == 503:
        headers["Retry-After"] = "1"
    return Response(body, status, headers, "application/json")
