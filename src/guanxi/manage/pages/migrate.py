"""Migrate: bring the lists of one account to another, see what it takes, and check the result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from guanxi.manage import jobs, plans
from guanxi.manage.pages.plans import OUTCOMES
from guanxi.manage.panel import ACCOUNT, Panel, words
from guanxi.text import Text
from guanxi.toolbox import journal, labels, migrate
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import ArchiveMissing, PlanError, ToolError
from guanxi.toolbox.journal import Report
from guanxi.toolbox.plan import KINDS, Plan
from guanxi.web.forms import Refusal
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

MIGRATE = "/migrate"
MIGRATION = f"{ACCOUNT}/{{key}}/migration/{{source}}"
_PREPARE, _CHECK = f"{MIGRATION}/prepare", f"{MIGRATION}/check"
#: How many differences a page shows.
_SHOWN = 200


def verbs(panel: Panel) -> list[Verb]:
    """Return the page that chooses two accounts, the page of one migration, and its forms."""

    async def choose(request: Request) -> Response:
        people = [one for one in panel.people.all() if one.identity is not None]
        return await panel.page(
            request,
            "migrate.html",
            people=people,
            sources=[one for one in people if one.newest],
            chosen=request.query_params,
            path=MIGRATE,
        )

    async def chose(request: Request) -> Response:
        fields = await panel.site.fields(request)
        source, target = fields.get("source", ""), fields.get("target", "")
        try:
            with panel.people.archive(source) as origin, panel.people.archive(target) as archive:
                if origin.identity.is_same(archive.identity):
                    raise ToolError(*_SAME)
        except ToolError as error:
            return panel.site.back(request, MIGRATE, Notice.refused(error))
        request.path_params.update(key=target, source=source)
        return await start(request, blocks=bool(fields.get("blocks")))

    async def prepare(request: Request) -> Response:
        fields = await panel.site.fields(request)
        return await start(request, blocks=bool(fields.get("blocks")))

    async def start(request: Request, *, blocks: bool) -> Response:
        page = _page(panel, request, blocks=blocks)
        with both(request) as (origin, _):
            source = origin.path
        return await panel.start(
            request,
            Text("准备迁移", "Preparing the migration"),
            page,
            lambda person: jobs.migration(
                source, person, lambda _: page, words(panel, request), blocks=blocks
            ),
        )

    async def show(request: Request) -> Response:
        blocks = bool(request.query_params.get("blocks"))
        with both(request) as (origin, archive):
            plan = _plan(archive, origin)
            report = None if plan is None else journal.report(archive, plan)
            values: dict[str, Any] = {
                "identity": archive.identity,
                "source": origin.identity,
                "source_key": request.path_params["source"],
                "source_newest": _newest(origin),
                "plan": plan,
                "plan_name": "" if plan is None else plans.name_of(archive, plan),
                "report": report,
                "blocks": blocks,
                "kinds": KINDS,
                "outcomes": OUTCOMES,
                "labels": labels,
                "checked": None,
            }
            checked = _checked(archive, plan, report)
            if plan is not None and checked is not None:
                rows = [*migrate.remaining(origin, archive, plan, blocks=blocks)]
                language = words(panel, request)
                reasons = Counter((one.difference.what, language(one.why)) for one in rows)
                values |= {
                    "checked": checked,
                    "rows": rows[:_SHOWN],
                    "left": len(rows),
                    "reasons": reasons.most_common(),
                }
            return await panel.page(request, "migration.html", **values)

    async def check(request: Request) -> Response:
        fields = await panel.site.fields(request)
        page = _page(panel, request, blocks=bool(fields.get("blocks")))
        named = Text("核对迁移", "Checking the migration")
        return await panel.start(request, named, page, lambda person: jobs.check(person, page))

    @contextmanager
    def both(request: Request) -> Iterator[tuple[Archive, Archive]]:
        """Yield the archives of the source and of the target. Raise Refusal without one."""
        with panel.archive(request) as archive:
            try:
                with panel.people.archive(request.path_params["source"]) as origin:
                    yield origin, archive
            except ArchiveMissing:
                raise Refusal(404, _NO_SOURCE) from None

    return [
        ("GET", MIGRATE, choose),
        ("POST", MIGRATE, chose),
        ("GET", MIGRATION, show),
        ("POST", _PREPARE, prepare),
        ("POST", _CHECK, check),
    ]


def _page(panel: Panel, request: Request, *, blocks: bool) -> str:
    path = panel.account(request, f"/migration/{request.path_params['source']}")
    return f"{path}?blocks=1" if blocks else path


def _plan(archive: Archive, origin: Archive) -> Plan | None:
    """Return the plan of the migration, None before it is made or if it cannot be read."""
    try:
        return Plan.open(migrate.plan_path(origin, archive))
    except (FileNotFoundError, PlanError):
        return None


def _checked(archive: Archive, plan: Plan | None, report: Report | None) -> Any:
    """Return the snapshot of the target that was read after the plan had ended, None without it."""
    newest = _newest(archive)
    if plan is None or report is None or report.ended is None or newest is None:
        return None
    is_later = newest["id"] > (plan.header.snapshot or 0) and newest["begun"] >= report.ended
    return newest if is_later else None


def _newest(archive: Archive) -> Any:
    """Return the id and the begin of the newest finished snapshot, None without one."""
    rows = archive.rows("SELECT id, begun FROM snapshot WHERE ended NOT NULL ORDER BY id DESC")
    return rows[0] if rows else None


_SAME = (
    "来源与目标是同一账号，请选择两个账号",
    "the source and the target are one account: choose two",
)
_NO_SOURCE = Text(
    "没有来源账号的档案。请先登录它并取一次快照。",
    "There is no archive of the source. Sign in to it first, and take a snapshot.",
)
