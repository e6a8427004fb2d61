"""Changes as they happen: the feed after a cursor, filtered, renewed by server-sent events."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from guanxi.console.operator.desk import Desk, SignedOut
from guanxi.contract.params import LARGEST
from guanxi.graph import feed
from guanxi.graph.effects import ChangeKind
from guanxi.stores.port import Changes, ChangesOff, CursorRefused, FeedItem
from guanxi.text import Text
from guanxi.web.events import events
from guanxi.web.forms import Refusal
from guanxi.web.paging import whole_number, with_query
from guanxi.web.routing import Verb

PATH, EVENTS = "/changes", "/changes/events"
KINDS = (
    *(kind.value for kind in ChangeKind),
    *(feed.SPECIAL_KIND, feed.GROUP_CREATE, feed.GROUP_RENAME, feed.GROUP_DELETE, feed.UNGROUP),
    *(feed.ACCOUNT, feed.PRIVACY, feed.STATE, "mute", "unmute", feed.IMPORT, feed.ERASE),
)
#: How many changes are shown, how many one read has, and how many reads a page makes at most.
_SHOWN, _READ, _READS = 100, 1_000, 20
#: Seconds that a read of the events waits; after each the session is looked at again.
_WAIT = 1.0


class Filter(NamedTuple):
    """What is shown of the changes; "" shows all. ``oldest`` is 1 to begin with the oldest kept."""

    kind: str
    mid: str
    oldest: str

    def matches(self, item: FeedItem) -> bool:
        """Return whether a change is shown."""
        mid = whole_number(self.mid, most=LARGEST)
        return (not self.kind or item.kind == self.kind) and (
            not mid or mid in (item.actor, item.target)
        )


class Shown(NamedTuple):
    """A change as the table has it."""

    number: int
    time_ms: int
    kind: str
    actor: int
    target: int
    after: str


def verbs(desk: Desk) -> list[Verb]:
    """Return the page of the changes, and the events that renew it."""

    async def show(request: Request) -> Response:
        query, look = request.query_params, desk.site.look(request)
        shown = Filter(*(query.get(name, "").strip()[:200] for name in Filter._fields))
        status = await desk.store.changes_status()
        after = query.get("after", "") or ("" if shown.oldest else status.cursor)
        values: dict[str, Any] = {"is_on": status.on, "shown": shown, "kinds": KINDS, "path": PATH}
        if status.on:
            rows, end, is_more = await _read(desk, after, shown)
            kept = {**shown._asdict(), "after": after}
            address = look.at(PATH)
            values |= {
                "rows": rows,
                "names": await desk.names(
                    [*{mid for one in rows for mid in (one.actor, one.target) if mid}]
                ),
                "after": after,
                "events": with_query(look.at(EVENTS), {"after": end}),
                "renewing": with_query(address, {**kept, "part": "table"}),
                "next": with_query(address, {**kept, "after": end}) if is_more else "",
                "from_oldest": with_query(address, {"oldest": "1"}),
            }
        template = "_changes.html" if query.get("part") and status.on else "changes.html"
        return await desk.page(request, template, shown_at=PATH, **values)

    async def news(request: Request) -> Response:
        return events(_news(desk, request, request.query_params.get("after") or None))

    return [("GET", PATH, show), ("GET", EVENTS, news)]


async def _changes(desk: Desk, after: str | None, limit: int, wait: float = 0.0) -> Changes:
    try:
        return await desk.store.changes(after or None, limit, wait)
    except (CursorRefused, ChangesOff) as error:
        raise Refusal(409, Text.of(error.args[0])) from None


async def _read(desk: Desk, after: str, shown: Filter) -> tuple[list[Shown], str, bool]:
    """Return the newest changes of a filter after a cursor, where they end, and if more follow."""
    kept, cursor = deque[FeedItem](maxlen=_SHOWN), after
    for _ in range(_READS):
        found = await _changes(desk, cursor, _READ)
        kept.extend(item for item in found.items if shown.matches(item))
        cursor = found.cursor
        if len(found.items) < _READ:
            return [_shown(one) for one in reversed(kept)], cursor, False
    return [_shown(one) for one in reversed(kept)], cursor, True


def _shown(item: FeedItem) -> Shown:
    after = ", ".join(f"{name}: {_value(value)}" for name, value in item.after.items())
    return Shown(item.number, item.time_ms, item.kind, item.actor, item.target, after)


def _value(value: Any) -> str:
    """Return a value of a change: of a side, what the account has towards the other."""
    if isinstance(value, dict):
        return " ".join(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


async def _news(desk: Desk, request: Request, after: str | None) -> AsyncIterator[object]:
    """Yield once a change is after the cursor; end also when the session has ended."""
    while True:
        try:
            await desk.token(request)
        except (SignedOut, Refusal):
            return
        found = await _changes(desk, after, 1, _WAIT)
        if found.items:
            yield None
            after = (await _changes(desk, after, _READ)).cursor
