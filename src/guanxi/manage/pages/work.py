"""The work that runs: its progress on every page of an account, and the form that stops it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from guanxi.manage.panel import WORK_PARTS, Panel
from guanxi.manage.work import State
from guanxi.text import Text
from guanxi.web.events import events
from guanxi.web.forms import local_path
from guanxi.web.routing import Verb

WORK, EVENTS, STOP = "/work", "/work/events", "/work/stop"
#: Seconds between two looks at the work.
_EVERY = 0.25


def verbs(panel: Panel) -> list[Verb]:
    """Return the part that shows the progress, its events, and the form that stops the work."""

    async def show(request: Request) -> Response:
        page = local_path(request.query_params.get("page", "/"))
        work = panel.desk.state()
        response = panel.site.page(
            request, "_work.html", shown_at=page, work=work, work_parts=WORK_PARTS
        )
        if work is not None and not work.goes_on:
            response.headers["HX-Refresh"] = "true"  # the whole page shows what was done
        return response

    async def news(_request: Request) -> Response:
        return events(_states(panel))

    async def stop(request: Request) -> Response:
        fields = await panel.site.fields(request)
        panel.desk.stop()
        done = Text(
            "会在这一步完成后停止。已完成的都已保存。",
            "It stops after this step. What was done is saved.",
        )
        return panel.site.back(request, local_path(fields.get("back", "/")), done)

    return [("GET", WORK, show), ("GET", EVENTS, news), ("POST", STOP, stop)]


async def _states(panel: Panel) -> AsyncIterator[State]:
    """Yield each new state of the work until it ends; the first one is on the page already."""
    shown = panel.desk.state()
    while shown is not None and shown.goes_on:
        await asyncio.sleep(_EVERY)
        state = panel.desk.state()
        if state is not None and state != shown:
            shown = state
            yield state
