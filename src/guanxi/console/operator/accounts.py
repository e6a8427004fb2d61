"""The accounts: found by mid, key or the start of a name, filtered by state, page by page."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from io import StringIO
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from guanxi.accounts.account import State, state_named
from guanxi.console.operator.desk import Desk
from guanxi.contract.params import LARGEST
from guanxi.operations import accounts, listing
from guanxi.stores.port import ListedAccount
from guanxi.text import Text
from guanxi.web.headers import security_headers
from guanxi.web.paging import Block, whole_number, with_query
from guanxi.web.routing import Verb
from guanxi.web.site import Notice
from guanxi.world.keys import is_key

PATH, CSV = "/accounts", "/accounts.csv"
_ROWS, _CSV_ROWS = 100, 1_000
STATES = {
    "normal": Text("正常", "normal"),
    "banned": Text("已封停", "banned"),
    "deregistered": Text("已注销", "deregistered"),
}
_COLUMNS = ("mid", "name", "state", "ban_reason", "ban_until", "created")
#: A cell that begins with one of these is computed by a spreadsheet.
_COMPUTED = ("=", "+", "-", "@", "\t", "\r")


class Filter(NamedTuple):
    """What is shown of the accounts, as it is in the address; "" shows all."""

    q: str
    state: str

    @classmethod
    def of(cls, request: Request) -> Filter:
        """Return the filter in the address of a request."""
        return cls(*(request.query_params.get(name, "").strip()[:200] for name in cls._fields))


def verbs(desk: Desk) -> list[Verb]:
    """Return the table of the accounts, and the same as CSV."""

    async def show(request: Request) -> Response:
        shown, look = Filter.of(request), desk.site.look(request)
        after, notice, status = request.query_params.get("after", ""), None, 200
        rows, end = list[ListedAccount](), ""
        try:
            rows, end = await _page(desk, shown, _ROWS, after)
        except ValueError as error:
            notice, status = Notice.refused(error), 400
        exact = await _exact(desk, shown) if not after else []
        named = {one.mid for one in exact}
        rows = [*exact, *(one for one in rows if one.mid not in named)]
        address = with_query(look.at(PATH), shown._asdict())
        return await desk.page(
            request,
            "accounts.html",
            status=status,
            notice=notice,
            block=Block(rows, with_query(address, {"after": end}) if end else ""),
            shown=shown,
            states=STATES,
            csv=with_query(look.at(CSV), shown._asdict()),
            path=PATH,
        )

    async def as_csv(request: Request) -> Response:
        headers = security_headers() | {
            "Cache-Control": "no-store",
            "Content-Disposition": 'attachment; filename="accounts.csv"',
        }
        lines = _csv(desk, Filter.of(request))
        return StreamingResponse(lines, headers=headers, media_type="text/csv")

    return [("GET", PATH, show), ("GET", CSV, as_csv)]


async def _page(
    desk: Desk, shown: Filter, limit: int, after: str
) -> tuple[list[ListedAccount], str]:
    """Return a page of accounts and where to go on; raise ValueError for an invalid ``after``."""
    query = listing.query(name=shown.q, state=state_named(shown.state), limit=limit, after=after)
    return await listing.page(desk.store, query, desk.service.now())


async def _exact(desk: Desk, shown: Filter) -> list[ListedAccount]:
    """Return the accounts whose mid or key is the text that is searched, if the state matches."""
    mids = {whole_number(shown.q, most=LARGEST)} if shown.q else set()
    if is_key(shown.q):
        mids |= {*(await accounts.mids_of_keys(desk.store, [shown.q])).values()}
    found = await desk.store.accounts_of(sorted(mids - {0})) if mids - {0} else {}
    wanted: State | None = state_named(shown.state)
    names = await desk.names([*found])
    return [
        ListedAccount(
            mid=mid,
            name=names.get(mid, ""),
            state=one.state,
            ban=one.ban,
            created=await desk.store.created(mid),
        )
        for mid, one in sorted(found.items())
        if wanted is None or one.state is wanted
    ]


async def _csv(desk: Desk, shown: Filter) -> AsyncIterator[str]:
    yield _line(_COLUMNS)
    exact = await _exact(desk, shown)
    named, after = {one.mid for one in exact}, ""
    for one in exact:
        yield _row(one)
    while True:
        rows, after = await _page(desk, shown, _CSV_ROWS, after)
        yield "".join(_row(one) for one in rows if one.mid not in named)
        if not after:
            return


def _row(one: ListedAccount) -> str:
    reason, until = (one.ban.reason, one.ban.until) if one.ban else ("", 0)
    return _line(
        (one.mid, one.name, one.state.name.lower(), reason, until or "", one.created or "")
    )


def _line(values: tuple[object, ...]) -> str:
    written = StringIO()
    csv.writer(written).writerow(_cell(value) for value in values)
    return written.getvalue()


def _cell(value: object) -> object:
    """Return a cell that no spreadsheet computes: such a text gets an apostrophe before it."""
    is_computed = isinstance(value, str) and value.startswith(_COMPUTED)
    return f"'{value}" if is_computed else value
