"""The overview of an account, its snapshots over time, and the difference of any two."""

from __future__ import annotations

from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from guanxi.manage import charts, jobs
from guanxi.manage.lists import groups
from guanxi.manage.panel import ACCOUNT, Panel
from guanxi.text import Text
from guanxi.toolbox import labels, snapshots
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.difference import difference
from guanxi.toolbox.errors import ToolError
from guanxi.web.forms import Refusal
from guanxi.web.paging import whole_number
from guanxi.web.routing import Verb

OVERVIEW = f"{ACCOUNT}/{{key}}"
SNAPSHOTS = f"{OVERVIEW}/snapshots"
DIFFERENCE = f"{OVERVIEW}/difference"
#: How many changes of each category a page shows.
_SHOWN = 60
#: How many groups the overview shows.
_GROUPS = 8


def verbs(panel: Panel) -> list[Verb]:
    """Return the overview, the snapshots, the page of a difference, and the form for a new one."""

    async def overview(request: Request) -> Response:
        with panel.archive(request) as archive:
            newest = archive.newest()
            values: dict[str, Any] = {
                "identity": archive.identity,
                "newest": newest,
                "readings": snapshots.readings(archive, newest) if newest else {},
                "taken": _all(archive)[:5],
                "lines": charts.of(archive),
                "years": charts.last_posted(archive),
                "groups": _largest(archive),
                "labels": labels,
            }
            return await panel.page(request, "overview.html", **values)

    async def index(request: Request) -> Response:
        with panel.archive(request) as archive:
            return await panel.page(
                request,
                "snapshots.html",
                taken=_all(archive),
                flows=charts.flows(archive),
                identity=archive.identity,
            )

    async def take(request: Request) -> Response:
        fields = await panel.site.fields(request)
        page = panel.account(request)
        return await panel.start(
            request,
            Text("取快照", "Taking a snapshot"),
            page,
            lambda person: jobs.snapshot(
                person, lambda _: page, last_posted=bool(fields.get("last_posted"))
            ),
        )

    async def compare(request: Request) -> Response:
        with panel.archive(request) as archive:
            taken = _all(archive)
            if len(taken) < 2:
                raise Refusal(404, _ONE)
            query = request.query_params
            before = whole_number(query.get("from", ""), default=taken[1]["id"])
            after = whole_number(query.get("to", ""), default=taken[0]["id"])
            try:
                found = difference(archive, min(before, after), max(before, after))
            except ToolError as error:
                raise Refusal(404, error.args[0]) from None
            counts = found.counts()
            changes = {
                (name, category): [*islice(found.changes(name, category), _SHOWN)]
                for name, of in counts.items()
                for category, count in of.items()
                if count
            }
            return await panel.page(
                request,
                "difference.html",
                identity=archive.identity,
                taken=taken,
                before=found.before,
                after=found.after,
                counts=counts,
                changes=changes,
                not_read=found.not_read,
                labels=labels,
                good=_GOOD,
                bad=_BAD,
                most=_SHOWN,
            )

    return [
        ("GET", OVERVIEW, overview),
        ("GET", SNAPSHOTS, index),
        ("POST", SNAPSHOTS, take),
        ("GET", DIFFERENCE, compare),
    ]


def _largest(archive: Archive) -> list[tuple[str, int]]:
    """Return the largest groups, each with the number of its members."""
    return sorted(groups(archive).items(), key=lambda one: -one[1])[:_GROUPS]


def _all(archive: Archive) -> list[Any]:
    """Return the finished snapshots, the newest first."""
    return archive.rows(
        "SELECT s.id, s.begun, v.followings, v.followers, v.blocks, v.whispers, v.incomplete"
        " FROM snapshot AS s JOIN snapshots AS v ON v.id = s.id"
        " WHERE s.ended NOT NULL ORDER BY s.id DESC"
    )


#: The categories that add somebody, and those that lose somebody.
_GOOD = ("came", "became_mutual", "became_special", "created")
_BAD = ("left", "stopped_following_you", "no_longer_special", "deregistered", "deleted")
_ONE = Text(
    "只有一个快照，还没有可以比较的。过些时候再取一个。",
    "There is one snapshot, and nothing to compare it with. Take another one later.",
)
