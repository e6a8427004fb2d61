"""GET /changes on the administration address: the feed as JSON Lines, or as server-sent events.

A request waits up to ``wait`` seconds for a change (a long poll). With ``Accept:
text/event-stream`` it stays open: each event's id is the cursor after its change, so that a client
that connects again with ``Last-Event-ID`` gets each change once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from guanxi.service import logs
from guanxi.service.administering import HEADERS
from guanxi.stores.port import (
    Changes,
    ChangesOff,
    CursorInvalid,
    CursorOfAnotherStore,
    CursorRefused,
    CursorTooOld,
    Store,
    StoreError,
)
from guanxi.stores.port.feed import LONGEST_WAIT, MOST_CHANGES

#: The header with the cursor from which to continue, also if there is no change.
CURSOR = "Guanxi-Cursor"
_LIMIT = 100
#: Seconds after which a stream without a change sends a comment, so that proxies keep it open.
_QUIET_SECONDS = 15.0
_STATUS: Mapping[type[StoreError], int] = {
    CursorInvalid: 400,
    CursorOfAnotherStore: 409,
    ChangesOff: 409,
    CursorTooOld: 410,
}


async def read(store: Store, query: Mapping[str, str], headers: Mapping[str, str]) -> Response:
    """Return the changes after a cursor as a response.

    ``headers`` have lower-case names. Raise HTTPException: 400 for an invalid parameter or cursor,
    409 if the feed is off or the cursor is of another store, 410 for a cursor that is too old.
    """
    limit, wait = _number(query, "limit", _LIMIT), _number(query, "wait", 0)
    if not 1 <= limit <= MOST_CHANGES or limit != int(limit):
        raise HTTPException(400, f"limit: a whole number from 1 to {MOST_CHANGES}")
    if not 0 <= wait <= LONGEST_WAIT:
        raise HTTPException(400, f"wait: seconds from 0 to {LONGEST_WAIT:.0f}")
    after, size = query.get("after"), int(limit)
    is_stream = "text/event-stream" in headers.get("accept", "").lower()
    if is_stream:
        after, wait = headers.get("last-event-id") or after, 0
    try:
        found = await store.changes(after, size, wait)
    except (CursorRefused, ChangesOff) as error:
        raise HTTPException(_STATUS[type(error)], _named(error)) from None
    if is_stream:
        headers = {**HEADERS, "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(store, found, size), 200, headers, "text/event-stream")
    body = msgspec.json.Encoder().encode_lines(found.items)
    return Response(body, 200, {**HEADERS, CURSOR: found.cursor}, "application/jsonl")


def _number(query: Mapping[str, str], name: str, default: float) -> float:
    text = query.get(name)
    if text is None:
        return default
    try:
        return float(text)
    except ValueError:
        raise HTTPException(400, f"{name}: not a number") from None


def _named(error: StoreError) -> str:
    return f"{type(error).__name__}: {error}"


async def _events(store: Store, found: Changes, limit: int) -> AsyncIterator[bytes]:
    """Yield changes as server-sent events, until the client disconnects or a read fails.

    A cursor that became too old is an event named "error"; any other failure ends the stream, and
    the client continues with its last id.
    """
    yield b"retry: 1000\n\n"
    try:
        while True:
            for item in found.items:
                data = msgspec.json.encode(item)
                yield b"id: %s\ndata: %s\n\n" % (item.cursor.encode(), data)
            if not found.items:
                yield b": %s\n\n" % found.cursor.encode()
            found = await store.changes(found.cursor, limit, _QUIET_SECONDS)
    except (CursorRefused, ChangesOff) as error:
        yield b"event: error\ndata: %s\n\n" % msgspec.json.encode({"error": _named(error)})
    except StoreError:
        logs.LOG.exception("changes not read")
