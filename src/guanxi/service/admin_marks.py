"""Requests of the administration on keys of accounts, and on whom an account mutes and is shown."""

from __future__ import annotations

from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.responses import Response

from guanxi.contract.params import LARGEST, LATEST
from guanxi.operations import accounts, marks
from guanxi.service.administering import (
    MOST,
    Administered,
    AdminRequest,
    as_json,
    checked_key,
    decoded,
    done,
    known_query,
    limit_of,
    number_of,
)
from guanxi.world.marks import Mark


class MuteBody(Struct, frozen=True, forbid_unknown_fields=True):
    until: int | None = None


async def mids(administered: Administered, request: AdminRequest) -> Response:
    """Return the mids of the accounts with the keys in the query, by key."""
    keys = _several(request, "key")
    for key in keys:
        checked_key(key)
    return as_json({"mids": await accounts.mids_of_keys(administered.service.store, keys)})


async def keys(administered: Administered, request: AdminRequest) -> Response:
    """Return the keys of the accounts with the mids in the query, by mid."""
    numbers = [number_of("mid", text, LARGEST) for text in _several(request, "mid")]
    return as_json({"keys": await accounts.keys_of(administered.service.store, numbers)})


async def mute(administered: Administered, request: AdminRequest) -> Response:
    """Mute an account for another one, for good or until the time in the body."""
    until = decoded(request.body or b"{}", MuteBody).until
    service = administered.service
    try:
        code = await marks.mute(service.store, request.mid, request.target, until, service.now())
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    return done(code)


async def unmute(administered: Administered, request: AdminRequest) -> Response:
    """End a mute."""
    return done(await marks.unmute(administered.service.store, request.mid, request.target))


async def mutes(administered: Administered, request: AdminRequest) -> Response:
    """Return a page of an account's mutes, and what continues it."""
    query = known_query(request, ("limit", "after"))
    limit, after = limit_of(query), _after(query)
    store, now = administered.service.store, administered.service.now()
    await accounts.existing(store, request.mid)
    found, last = await marks.mutes(store, request.mid, limit, after, now)
    return as_json(
        {
            "mutes": [
                {
                    "mid": mark.target,
                    "time": mark.time,
                    "until": None if mark.until == LATEST else mark.until,
                }
                for mark in found
            ],
            "next": None if last is None else f"{last.time}-{last.target}",
        }
    )


async def dismiss(administered: Administered, request: AdminRequest) -> Response:
    """Suggest an account to another one no more."""
    service = administered.service
    return done(await marks.dismiss(service.store, request.mid, request.target, service.now()))


async def undismiss(administered: Administered, request: AdminRequest) -> Response:
    """Let a dismissed account be suggested again."""
    return done(await marks.undismiss(administered.service.store, request.mid, request.target))


async def suggestions(administered: Administered, request: AdminRequest) -> Response:
    """Return accounts to suggest to an account, the best first."""
    limit = limit_of(known_query(request, ("limit",)))
    store, now = administered.service.store, administered.service.now()
    await accounts.registered(store, request.mid)
    return as_json({"suggestions": await store.suggestions(request.mid, limit, now)})


def _several(request: AdminRequest, name: str) -> list[str]:
    """Return the values of the query's only parameter; raise HTTPException (400) for too many."""
    values = known_query(request, (name,)).get(name, [])
    if not 1 <= len(values) <= MOST:
        raise HTTPException(400, f"{name}: from 1 to {MOST} of them, not {len(values)}")
    return values


def _after(query: dict[str, list[str]]) -> Mark | None:
    """Return the mute that a page follows, as ``mutes`` named it; None for the first page."""
    if "after" not in query:
        return None
    time, _, target = query["after"][-1].partition("-")
    return Mark(number_of("after", target, LARGEST), number_of("after", time, LATEST))
