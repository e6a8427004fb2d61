"""The audit log: what administration did, by whom, and how it ended."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from guanxi.console.operator.desk import Desk
from guanxi.contract.params import LARGEST
from guanxi.web.paging import Block, whole_number, with_query
from guanxi.web.routing import Verb

PATH = "/audit"
_ROWS = 100


def verbs(desk: Desk) -> list[Verb]:
    """Return the page of the audit log."""

    async def show(request: Request) -> Response:
        query = request.query_params
        shown = {name: query.get(name, "").strip()[:200] for name in ("who", "mid")}
        before = whole_number(query.get("before", ""), most=LARGEST) or None
        mid = whole_number(shown["mid"], most=LARGEST)
        found = await desk.store.audit(_ROWS + 1, before=before, mid=mid, who=shown["who"])
        rows = found[:_ROWS]
        address = with_query(desk.site.look(request).at(PATH), shown)
        more = with_query(address, {"before": str(rows[-1].number)}) if len(found) > _ROWS else ""
        return await desk.page(
            request, "audit.html", block=Block(rows, more), shown=shown, path=PATH
        )

    return [("GET", PATH, show)]
