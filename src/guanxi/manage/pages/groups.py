"""The groups of an account: how many are in each, and plans that create, rename or delete one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from guanxi.manage import lists, plans
from guanxi.manage.jobs import now
from guanxi.manage.lists import Query
from guanxi.manage.panel import ACCOUNT, Panel, words
from guanxi.toolbox.errors import ToolError
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

GROUPS = f"{ACCOUNT}/{{key}}/groups"


def verbs(panel: Panel) -> list[Verb]:
    """Return the page of the groups, and the form that makes a plan about one."""

    async def show(request: Request) -> Response:
        with panel.archive(request) as archive:
            newest = archive.newest()
            alone = Query("followings", {"grouped": "no"})
            return await panel.page(
                request,
                "groups.html",
                identity=archive.identity,
                newest=newest,
                groups=lists.groups(archive),
                alone=lists.count(archive, alone) if newest else 0,
                special=lists.count(archive, Query("followings", {"special": "yes"})),
            )

    async def plan(request: Request) -> Response:
        fields = await panel.site.fields(request)
        with panel.archive(request) as archive:
            try:
                made = plans.make_group(
                    archive,
                    now(),
                    words(panel, request),
                    old=fields.get("old", ""),
                    new=fields.get("new", "").strip(),
                )
            except ToolError as error:
                return panel.site.back(
                    request, panel.account(request, "/groups"), Notice.refused(error)
                )
        return panel.site.back(request, panel.account(request, f"/plans/{made.name}"))

    return [("GET", GROUPS, show), ("POST", GROUPS, plan)]
