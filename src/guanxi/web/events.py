"""Server-sent events: a page renews a part of itself when the server says that there is news.

The element has ``data-events="ADDRESS"`` next to ``hx-get`` and ``hx-trigger="renewed"``. An event
carries no content: the part is rendered as always, by its template, and fetched by htmx. So there
is one way to render it, and whoever comes back later sees the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from guanxi.web.headers import security_headers

#: Seconds after which a comment keeps a quiet connection open.
_QUIET_SECONDS = 15.0


def events(news: AsyncIterator[object], *, quiet: float = _QUIET_SECONDS) -> StreamingResponse:
    """Return the stream that reports each item of ``news``, and then its end.

    What the items are does not matter. The browser opens the stream again if its connection is
    lost, unless the end was reported. ``news`` is closed when the browser has left.
    """
    headers = security_headers() | {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_lines(news, quiet), headers=headers, media_type="text/event-stream")


async def _lines(news: AsyncIterator[object], quiet: float) -> AsyncIterator[str]:
    iterator = aiter(news)
    waiting: asyncio.Future[object] | None = None
    try:
        yield "retry: 1000\n\n"
        while True:
            waiting = waiting or asyncio.ensure_future(_next(iterator))
            done, _ = await asyncio.wait((waiting,), timeout=quiet)
            if not done:
                yield ": quiet\n\n"
                continue
            if waiting.result() is _END:
                break
            waiting = None
            yield "event: news\ndata: \n\n"
        yield "event: end\ndata: \n\n"
    finally:
        if waiting is not None and not waiting.done():
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


_END = object()


async def _next(iterator: AsyncIterator[object]) -> object:
    return await anext(iterator, _END)
