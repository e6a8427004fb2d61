"""The plans of an account: each shown before anything happens, applied, stopped, undone."""

from __future__ import annotations

from itertools import islice
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from guanxi.manage import jobs, plans
from guanxi.manage.jobs import now
from guanxi.manage.panel import ACCOUNT, Panel, words
from guanxi.text import Text
from guanxi.toolbox import journal
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import PlanError, ToolError
from guanxi.toolbox.plan import KINDS, Act, Plan
from guanxi.toolbox.review import review
from guanxi.web.forms import Refusal
from guanxi.web.paging import BLOCK, Block, block_of, whole_number
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

PLANS = f"{ACCOUNT}/{{key}}/plans"
PLAN = f"{PLANS}/{{plan}}"
_APPLY, _UNDO, _DISCARD = (f"{PLAN}/{part}" for part in ("apply", "undo", "discard"))
#: The most follows in 24 hours that the form proposes: the server of the documents stops at 300.
_PER_DAY = 250


class Row(NamedTuple):
    """An act of a plan with what became of it; no outcome: nothing yet."""

    act: Act
    outcome: str | None
    why: Text


#: What a person reads for each outcome, and how it is coloured.
OUTCOMES: dict[str | None, tuple[Text, str]] = {
    "done": (Text("已完成", "done"), "good"),
    "nothing_to_do": (Text("无需操作", "nothing to do"), ""),
    "excluded": (Text("已排除", "left alone"), ""),
    "changed": (Text("已变化，未操作", "has changed, left alone"), "warn"),
    "refused": (Text("被拒绝", "refused"), "bad"),
    "given_up": (Text("已放弃", "given up"), "bad"),
    "not_in_effect": (Text("未生效", "not in effect"), "bad"),
    None: (Text("待执行", "not done yet"), ""),
}


def verbs(panel: Panel) -> list[Verb]:
    """Return the list of the plans, the page of one, and its forms."""

    async def index(request: Request) -> Response:
        with panel.archive(request) as archive:
            return await panel.page(
                request,
                "plans.html",
                plans=plans.kept(archive),
                identity=archive.identity,
                kinds=KINDS,
            )

    async def show(request: Request) -> Response:
        start = whole_number(request.query_params.get("start", ""))
        with panel.archive(request) as archive:
            plan = _plan(archive, request)
            values: dict[str, Any] = {
                "name": request.path_params["plan"],
                "review": review(plan, 0),
                "report": journal.report(archive, plan),
                "block": _rows(archive, plan, start),
                "start": start,
                "identity": archive.identity,
                "kinds": KINDS,
                "outcomes": OUTCOMES,
                "per_day": _PER_DAY,
                "migration": _source_of(panel, plan),
            }
            return await panel.page(request, "plan.html", **values)

    async def apply(request: Request) -> Response:
        fields = await panel.site.fields(request)
        name = request.path_params["plan"]
        page = panel.account(request, f"/plans/{name}")
        per_day = whole_number(fields.get("per_day", ""), most=1_000_000) or None
        with panel.archive(request) as archive:
            command = _plan(archive, request).header.command
        named = Text(f"执行计划 {command}", f"Applying the plan {command}")
        return await panel.start(
            request,
            named,
            page,
            lambda person: jobs.application(person, name, page, per_day=per_day),
        )

    async def undo(request: Request) -> Response:
        await panel.site.fields(request)
        with panel.archive(request) as archive:
            try:
                made = plans.make_undo(
                    archive, request.path_params["plan"], now(), words(panel, request)
                )
            except ToolError as error:
                return panel.site.back(request, _page(panel, request), Notice.refused(error))
        return panel.site.back(request, panel.account(request, f"/plans/{made.name}"))

    async def discard(request: Request) -> Response:
        await panel.site.fields(request)
        with panel.archive(request) as archive:
            try:
                plans.discard(archive, request.path_params["plan"])
            except ToolError as error:
                return panel.site.back(request, _page(panel, request), Notice.refused(error))
        done = Text("计划已删除，没有执行任何操作", "The plan is deleted; nothing was done")
        return panel.site.back(request, panel.account(request, "/plans"), done)

    return [
        ("GET", PLANS, index),
        ("GET", PLAN, show),
        ("POST", _APPLY, apply),
        ("POST", _UNDO, undo),
        ("POST", _DISCARD, discard),
    ]


def _page(panel: Panel, request: Request) -> str:
    return panel.account(request, f"/plans/{request.path_params['plan']}")


def _plan(archive: Archive, request: Request) -> Plan:
    """Return the plan in a request's path. Raise Refusal, with HTTP 404, without one."""
    try:
        return plans.get(archive, request.path_params["plan"])
    except PlanError as error:
        raise Refusal(404, error.args[0]) from None


def _rows(archive: Archive, plan: Plan, start: int) -> Block[Row]:
    """Return some acts of a plan in their order, each with what became of it."""
    acts = [*islice(plan.acts(), start, start + BLOCK + 1)]
    not_done = {row["number"]: row for row in journal.not_done(archive, plan.header.id)}
    block = block_of(acts, start, f"./{plans.name_of(archive, plan)}", BLOCK)
    rows = []
    for act in block.rows:
        entry = journal.entry(archive, plan.header.id, act.number)
        row = not_done.get(act.number)
        why = journal.why(row) if row is not None else Text("", "")
        rows.append(Row(act, None if entry is None else entry.outcome, why))
    return Block(rows, block.next)


def _source_of(panel: Panel, plan: Plan) -> str:
    """Return the key of the account that a migration is from; "" for other plans."""
    sources = (
        one.key
        for one in panel.people.all()
        if one.identity is not None and str(one.identity) == plan.header.selection
    )
    return next(sources, "") if plan.header.command == "migrate" else ""
