"""The check of the whole store: started by a form, it goes on while the page is left."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from guanxi.console.operator.desk import Change, Desk
from guanxi.console.operator.jobs import Job, Jobs
from guanxi.console.operator.tasks import Check
from guanxi.text import Text
from guanxi.web.routing import Verb

PATH = "/check"
_NAME = Text("检查", "Check")


def verbs(desk: Desk, jobs: Jobs) -> list[Verb]:
    """Return the page, and the form that starts a check."""

    async def show(request: Request) -> Response:
        last = jobs.last(Check)
        return await desk.page(
            request,
            "check.html",
            running=jobs.running,
            last=last if last is not None and not last.goes_on else None,
            found=last.outcome if last is not None else None,
            path=PATH,
        )

    async def start(request: Request) -> Response:
        await desk.fields(request)
        job = Job(_NAME, PATH, Check(), desk.service.now())
        return desk.site.back(request, PATH, await jobs.start(request, Change("check"), job))

    return [("GET", PATH, show), ("POST", PATH, start)]
