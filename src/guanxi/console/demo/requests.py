"""The requests that a demo got: a table that renews itself, and each request in detail."""

from __future__ import annotations

from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from guanxi.console.demo.panel import Panel
from guanxi.contract import errors
from guanxi.contract.endpoints import BY_NAME
from guanxi.emulator.requests import HIDDEN, Recorded
from guanxi.service.docs.chinese import both
from guanxi.service.docs.snippets import Snippet, snippets
from guanxi.text import Text
from guanxi.web.paging import Block, whole_number, with_query
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

PATH, FORGET = "/demo/requests", "/demo/requests/forget"
#: How many rows a block of the table has.
_ROWS = 50


class Filter(NamedTuple):
    """What is shown of the requests, as it is in the address; "" shows all."""

    endpoint: str
    by: str
    code: str

    def query(self) -> dict[str, str]:
        """Return the filter as the query of an address."""
        return self._asdict()


def verbs(panel: Panel) -> list[Verb]:
    """Return the pages of the requests, and the form that forgets them."""

    async def show(request: Request) -> Response:
        query = request.query_params
        shown = Filter(*(query.get(name, "").strip() for name in Filter._fields))
        found, refused = _found(panel, shown)
        newest = found[0].number if found else 0
        if "seen" in query and query["seen"] == str(newest):
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        before = whole_number(query.get("before", ""))
        address = panel.site.look(request).at(PATH)
        block = _block([one for one in found if not before or one.number < before], address, shown)
        mids = {one.mid for one in block.rows if one.mid}
        cards = await panel.emulator.service.store.cards([*mids])
        return await panel.page(
            request,
            "_requests.html" if query.get("part") == "table" else "requests.html",
            notice=None if refused is None else Notice("refused", refused),
            block=block,
            total=len(found),
            names={mid: card.name for mid, card in cards.items()},
            shown=shown,
            is_live=query.get("live") != "0" and not before,
            renewing=with_query(address, {**shown.query(), "part": "table", "seen": str(newest)}),
            stopping=with_query(address, {**shown.query(), "live": "0"}),
            starting=with_query(address, shown.query()),
            endpoints=[*BY_NAME],
            path=PATH,
            forget=FORGET,
        )

    async def detail(request: Request) -> Response:
        number = whole_number(request.path_params["number"])
        kept = panel.emulator.requests.all()
        found = next((one for one in kept if one.number == number), None)
        if found is None:
            raise HTTPException(404)
        cards = await panel.emulator.service.store.cards([found.mid] if found.mid else [])
        numbers = sorted(one.number for one in kept)
        index = numbers.index(number)
        return await panel.page(
            request,
            "request.html",
            one=found,
            name=cards[found.mid].name if found.mid in cards else "",
            code=errors.CODES.get(found.code or 0),
            both=both,
            earlier=numbers[index - 1] if index else None,
            later=numbers[index + 1] if index + 1 < len(numbers) else None,
            snippets=_snippets(found, str(request.base_url).rstrip("/")),
            again=_again(found),
            path=PATH,
        )

    async def forget(request: Request) -> Response:
        await panel.site.fields(request)
        panel.emulator.requests.clear()
        return panel.site.back(request, PATH, Text("已清空请求", "The requests are forgotten"))

    return [
        ("GET", PATH, show),
        ("POST", FORGET, forget),
        ("GET", f"{PATH}/{{number}}", detail),
    ]


def _found(panel: Panel, shown: Filter) -> tuple[list[Recorded], Text | None]:
    """Return the requests of a filter, the newest first, and why it cannot be applied or None."""
    try:
        by, code = (int(text) if text else None for text in (shown.by, shown.code))
    except ValueError:
        return [], Text("mid 与返回码应为数字。", "A mid and a code are numbers.")
    try:
        found = panel.emulator.requests.to(shown.endpoint or "*", by=by, code=code)
    except ValueError as error:
        return [], Text.of(str(error))
    return sorted(found, key=lambda one: -one.number), None


def _block(found: list[Recorded], address: str, shown: Filter) -> Block[Recorded]:
    rows = found[:_ROWS]
    more = ""
    if len(found) > _ROWS:
        last = str(rows[-1].number)
        more = with_query(address, {**shown.query(), "before": last})
    return Block(rows, more)


def _sent(one: Recorded) -> dict[str, str]:
    return {name: value for name, value in one.params.items() if value != HIDDEN}


def _snippets(one: Recorded, base_url: str) -> list[Snippet]:
    endpoint = BY_NAME.get(one.endpoint)
    return [] if endpoint is None else snippets(endpoint, _sent(one), base_url)


def _again(one: Recorded) -> str:
    """Return the address of the endpoint's form with the request's parameters, "" without one."""
    if one.endpoint not in BY_NAME:
        return ""
    return with_query(f"/docs/{one.endpoint}", _sent(one))
