"""The work that runs: its progress on every page, and the form that stops it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from guanxi.manage.panel import Panel, Verb
from guanxi.manage.work import State
from guanxi.text import Text
from guanxi.web.forms import local_path

EVENTS, STOP = "/work/events", "/work/stop"
#: Seconds between two looks at the work, and after which a silent stream says that it lives.
_EVERY, _ALIVE = 0.25, 15.0


def verbs(panel: Panel) -> list[Verb]:
    """Return the stream of the progress, and the form that stops the work."""

    async def events(request: Request) -> Response:
        page = local_path(request.query_params.get("page", "/"))

        async def stream() -> AsyncIterator[str]:
            async for state in _states(panel):
                if state is None:
                    yield ": \n\n"
                    continue
                html = panel.site.part(request, page, "_work.html", work=state)
                event = "work" if state.goes_on else "ended"
                yield f"event: {event}\ndata: {json.dumps({'html': html})}\n\n"

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream(), headers=headers, media_type="text/event-stream")

    async def stop(request: Request) -> Response:
        fields = await panel.site.fields(request)
        panel.desk.stop()
        done = Text(
            "会在这一步完成后停止。已完成的都已保存。",
            "It stops after this step. What was done is saved.",
        )
        return panel.site.back(request, local_path(fields.get("back", "/")), done)

    return [("GET", EVENTS, events), ("POST", STOP, stop)]


async def _states(panel: Panel) -> AsyncIterator[State | None]:
    """Yield each state of the work until it ends, and None now and then while nothing changes."""
    shown: State | None = None
    silent = 0.0
    while True:
        state = panel.desk.state()
        if state is None:
            return
        if state != shown:
            shown, silent = state, 0.0
            yield state
            if not state.goes_on:
                return
        elif silent >= _ALIVE:
            silent = 0.0
            yield None
        await asyncio.sleep(_EVERY)
        silent += _EVERY
