"""Requests of the administration on requests to follow: list, approve, decline, take back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.responses import Response

from guanxi.graph.lists import Position, Window, decode_cursor, encode_cursor
from guanxi.graph.pair import Act, Modify, mtime_of
from guanxi.operations import accounts
from guanxi.service.administering import (
    Administered,
    AdminRequest,
    Verb,
    as_json,
    done,
    known_query,
    limit_of,
)
from guanxi.stores.port import Slice


async def received(administered: Administered, request: AdminRequest) -> Response:
    """Return a page of those who request to follow an account."""
    return await _page(administered, request, administered.service.store.requests)


async def sent(administered: Administered, request: AdminRequest) -> Response:
    """Return a page of those whom an account requests to follow."""
    return await _page(administered, request, administered.service.store.sent_requests)


def acting(act: Act) -> Verb:
    """Return the request that does an act of the account in the path on the other one."""

    async def verb(administered: Administered, request: AdminRequest) -> Response:
        service = administered.service
        acts = [Modify(request.mid, request.target, act)]
        [code] = await service.store.change(acts, service.profile.caps)
        return done(code)

    return verb


async def _page(
    administered: Administered,
    request: AdminRequest,
    read: Callable[[int, Window, Position | None], Awaitable[Slice]],
) -> Response:
    query = known_query(request, ("limit", "after"))
    try:
        after = decode_cursor(query.get("after", [""])[-1])
    except ValueError as error:
        raise HTTPException(400, f"after: {error}") from None
    await accounts.existing(administered.service.store, request.mid)
    page = await read(request.mid, Window(0, limit_of(query)), after)
    last = page.rows[-1] if page.more else None
    return as_json(
        {
            "requests": [{"mid": row.mid, "time": mtime_of(row.sort_key)} for row in page.rows],
            "next": None if last is None else encode_cursor(Position(last.sort_key, last.mid)),
        }
    )
