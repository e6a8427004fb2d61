"""Requests of the administration that list accounts, and that look at one, ban it or export it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from guanxi.accounts.account import MAX_REASON, STATES, State, StateName, state_named
from guanxi.contract.params import LATEST
from guanxi.operations import accounts, export, listing
from guanxi.operations import relations as lists
from guanxi.operations.accounts import AccountError
from guanxi.service.administering import (
    HEADERS,
    Administered,
    AdminRequest,
    as_json,
    decoded,
    known_query,
    limit_of,
)

_CONDITIONS = ("name", "state", "created_after", "created_before", "limit", "after")


class StateBody(Struct, frozen=True, forbid_unknown_fields=True):
    state: StateName
    reason: Annotated[str, Meta(max_length=MAX_REASON)] = ""
    until: Annotated[int, Meta(ge=1)] | None = None


async def listed(administered: Administered, request: AdminRequest) -> Response:
    """Return a page of the accounts that the query selects, and what continues it."""
    query = known_query(request, _CONDITIONS)
    given = {name: values[-1] for name, values in query.items()}
    state = state_named(given["state"]) if "state" in given else None
    if "state" in given and state is None:
        raise HTTPException(400, f"state: must be one of {', '.join(STATES)}")
    try:
        wanted = listing.query(
            name=given.get("name", ""),
            state=state,
            created_after=_time(given, "created_after"),
            created_before=_time(given, "created_before"),
            limit=limit_of(query),
            after=given.get("after", ""),
        )
    except ValueError as error:
        raise HTTPException(400, f"after: {error}") from None
    service = administered.service
    found, end = await listing.page(service.store, wanted, service.now())
    return as_json({"accounts": [*map(listing.described, found)], "next": end or None})


async def set_state(administered: Administered, request: AdminRequest) -> Response:
    """Ban an account with a reason and an end, lift its ban, or deregister it."""
    body, service = decoded(request.body, StateBody), administered.service
    state, request.act.detail = STATES[body.state], body.state
    if state is not State.BANNED:
        if body.reason or body.until is not None:
            raise HTTPException(400, "reason, until: only with the state banned")
        await accounts.set_state(service.store, request.mid, state)
        return as_json({})
    until, now = body.until or 0, service.now()
    try:
        await accounts.ban(service.store, request.mid, reason=body.reason, until=until, now=now)
    except AccountError:
        raise
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    return as_json({})


async def relations(administered: Administered, request: AdminRequest) -> Response:
    """Return a page of one of an account's lists, newest first, and what continues it."""
    query = known_query(request, ("list", "limit", "after"))
    name, limit = query.get("list", [""])[-1], limit_of(query)
    if name not in lists.LISTS:
        raise HTTPException(400, f"list: must be one of {', '.join(lists.LISTS)}")
    store = administered.service.store
    await accounts.existing(store, request.mid)
    try:
        rows, end = await lists.page(store, request.mid, name, limit, query.get("after", [""])[-1])
    except ValueError as error:
        raise HTTPException(400, f"after: {error}") from None
    return as_json({"relations": rows, "next": end or None})


async def exported(administered: Administered, request: AdminRequest) -> Response:
    """Return all that is kept of an account, as JSON Lines that are sent while they are read."""
    known_query(request, ())
    store = administered.service.store
    await accounts.existing(store, request.mid)
    return StreamingResponse(
        export.encoded(store, request.mid),
        headers=HEADERS,
        media_type="application/x-ndjson",
    )


def _time(given: dict[str, str], name: str) -> int | None:
    """Return a time of the query, in seconds since the Unix epoch; None without one."""
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LATEST))):
        raise HTTPException(400, f"{name}: must be a time in seconds since 1970")
    return int(text)
