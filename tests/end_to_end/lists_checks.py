"""The check of a list function: every member once, or an error that says what is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache
from typing import Any

import msgspec

from guanxi import ListIncomplete, user
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.sdk import answers
from guanxi.testing import RunningService
from tests.end_to_end.lists_world import STRANGER, Holder, id_of

#: Who reads: the account itself, another one, or nobody.
OWN, OTHER, NOBODY = "own", "other", "nobody"


class Case(msgspec.Struct, frozen=True):
    """A function, who calls it, and what it returns of a holder's lists."""

    name: str
    #: Returns the function's async iterator, or an awaitable of its list or of an object with it.
    use: Callable[[Any, Holder], Any]
    viewer: str = OWN
    #: The ids of all members.
    members: Callable[[Holder], Sequence[int]] = lambda holder: holder.ids
    #: How many a documented service shows; None for all.
    shown: int | None = None
    #: How many every service shows.
    always: int | None = None

    @property
    def endpoint(self) -> Endpoint:
        return e.BY_NAME[self.name]

    def limit(self, service: RunningService) -> float:
        documented = self.shown if service.settings.profile.name == "documented" else None
        return min(one for one in (documented, self.always, float("inf")) if one is not None)


#: Data with a list that is no list of members, or of a length that the caller chose.
NO_LISTS = {
    "account.legacy_name_to_uid": "of the names given",
    "account.name_to_uid": "of the names given",
    "relation.batch_modify": "of the accounts given",
    "relation.get": "the groups of one account",
    "relation.groups": "at most as many as an account may create",
    "space.masterpieces": "three by definition",
    "channel.season": "of one season",
    "channel.series": "the first aids of a series",
    "space.info": "the tags of one account",
}


def has_list(endpoint: Endpoint) -> bool:
    """Return whether an endpoint's data is a list, or has one at its top."""
    if endpoint.data is None:
        return False
    kind = msgspec.inspect.type_info(endpoint.data)
    found = [*getattr(kind, "types", [kind])]
    for kind in tuple(found):
        if isinstance(kind, msgspec.inspect.StructType):
            for field in kind.fields:
                found += getattr(field.type, "types", [field.type])
    return any(isinstance(kind, msgspec.inspect.ListType) for kind in found)


@cache
def credential_of(service: RunningService, mid: int) -> user.Credential:
    if not mid:
        return user.Credential()
    session = service.sign_in(mid)
    return user.Credential(session.sessdata, session.bili_jct, dedeuserid=str(mid))


def reader(viewer: str, holder: Holder) -> int:
    return {OWN: holder.mid, OTHER: STRANGER, NOBODY: 0}[viewer]


async def collected(result: Any, endpoint: Endpoint) -> list[Any]:
    """Return the items of what a function returned, as decoded JSON."""
    if isinstance(result, AsyncIterator):
        return [msgspec.to_builtins(item) async for item in result]
    return items_in(await result, endpoint)


def items_in(data: Any, endpoint: Endpoint) -> list[Any]:
    """Return the items in a response's data: its first array, if the contract does not say."""
    data = msgspec.to_builtins(data)
    if not isinstance(data, dict):
        return data or []
    paths = endpoint.pages.items
    if endpoint.paging is None and paths == ("list",) and "list" not in data:
        return next(value for value in data.values() if isinstance(value, list))
    return [item for path in paths for item in answers.at(data, path) or []]


def check(case: Case, holder: Holder, limit: float, walk: Callable[[], list[Any]]) -> None:
    """Check that ``walk`` returns every member once, or raises if the server shows only a part."""
    members = set(case.members(holder))
    try:
        found, error = walk(), None
    except ListIncomplete as raised:
        found, error = [msgspec.to_builtins(item) for item in raised.items], raised
    ids = [id_of(item, case.endpoint) for item in found]
    assert len(ids) == len(set(ids)), f"{holder.length}: an item twice"
    assert set(ids) <= members
    assert len(ids) == min(holder.length, limit)
    assert (error is None) == (holder.length <= limit)
    if error is not None:
        assert (error.total, error.cut, error.endpoint) == (holder.length, True, case.name)
