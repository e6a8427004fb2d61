"""Pages on the public address: health checks, the OpenAPI document, and the pages of the API."""

from __future__ import annotations

import asyncio
import time
from functools import cache
from math import inf

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from guanxi.contract import openapi
from guanxi.service import logs
from guanxi.service.docs import paths as described
from guanxi.stores.port import Store
from guanxi.text import Text
from guanxi.web.paths import PATHS as SHARED

#: Of every response that is no page.
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}

#: Seconds after a log line of a failed /readyz without another one.
_QUIET_SECONDS = 1.0
#: For how many seconds after a check the store counts as ready.
READY_SECONDS = 1.0

#: Paths that are answered by ``application``; those of the API's pages begin with ``/docs``.
PATHS = frozenset({"/", "/healthz", "/readyz", "/openapi.json", *described.PATHS, *SHARED})
_NAME = Text("guanxi 接口", "guanxi API")


@cache
def _openapi() -> bytes:
    """Return the encoded OpenAPI document, generated once per process."""
    return msgspec.json.encode(openapi.document())


def application(store: Store) -> Starlette:
    """Return the application of the health checks, the OpenAPI document and the API's pages.

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
        Mount("/", _described),
    ]
    return Starlette(routes=pages)


async def _described(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request for a page of the API, whose templates are read with the first."""
    await _described_pages()(scope, receive, send)


@cache
def _described_pages() -> Starlette:
    from guanxi.service.docs import pages  # only a person's visit needs the templates
    from guanxi.web.site import Site

    site = Site(_NAME, (), [pages.PACKAGE])
    return Starlette(
        routes=[*pages.routes(site), *site.routes()],
        exception_handlers={HTTPException: site.refused},
    )


def _json(body: bytes, status: int = 200) -> Response:
    headers = dict(_HEADERS)
    if status == 503:
        headers["Retry-After"] = "1"
    return Response(body, status, headers, "application/json")
