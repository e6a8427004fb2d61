"""A whole world as JSON Lines, one row a line, that loads again.

The rows are those of a store's copy (``stores.copy``): accounts, groups, relations, requests,
documents and erasures, and then sessions, without their tokens, and the store's secret. Counts and
versions are not rows of their own. Visits, QR sign-ins, the feed of changes, tokens of the
administration and its audit log are left out, and are deleted by ``load``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import msgspec

from guanxi.accounts.secrets import Session
from guanxi.contract.undecodable import UNDECODABLE, why
from guanxi.stores.copy import PARTS
from guanxi.stores.layer import Layer
from guanxi.stores.port import AccountRow, EdgeRow, OwnedGroup, SentRequest, Store
from guanxi.stores.port.erasing import Erasure
from guanxi.world.kind import Entry

_SESSIONS, _SECRET = "sessions", "secret"
_TYPES: dict[str, Any] = {
    "accounts": AccountRow,
    "groups": OwnedGroup,
    "relations": EdgeRow,
    "requests": SentRequest,
    "documents": Entry,
    "erasures": Erasure,
    _SESSIONS: Session,
    _SECRET: bytes,
}


async def dumped(store: Store) -> AsyncIterator[bytes]:
    """Yield the lines of a store's world, each with its line feed. It holds the store's secret.

    When sessions were used is written first where it waits in memory, so that the lines are the
    same until a next request changes something.
    """
    await store.flush_visits()
    for part in PARTS:
        async for row in part.rows(store, 0):
            yield _line(part.name, row)
    sessions = [session async for session in store.sessions()]
    for session in sorted(sessions, key=lambda one: (one.mid, one.digest)):
        yield _line(_SESSIONS, session)
    yield _line(_SECRET, secret_of(store))


def secret_of(store: Store) -> bytes:
    """Return the secret that a store keeps, even if a layer before it has another."""
    while isinstance(store, Layer):
        store = store.store
    return store.secret


def _line(part: str, row: object) -> bytes:
    return msgspec.json.encode({part: row}) + b"\n"


async def load(store: Store, lines: Iterable[bytes], *, secret: bool) -> None:
    """Write the world of a dump into a store without accounts.

    With ``secret`` also the dump's secret, which counts when the store is opened again; without it,
    sessions are loaded only if the store has that secret already. Raise ValueError, which names the
    line, for one that is not of a dump, and StoreError if the store refuses the rows.
    """
    rows = _decoded(lines)
    given = rows.pop(_SECRET, [None])[-1]
    sessions = rows.pop(_SESSIONS, [])
    for part in PARTS:
        some = rows.get(part.name, [])
        for start in range(0, len(some), part.batch_size):
            await part.put(store, some[start : start + part.batch_size])
    if secret and given is not None:
        await store.put_note(_SECRET, given)
    if secret or given == secret_of(store):
        for session in sessions:
            await store.open_session(session)


def _decoded(lines: Iterable[bytes]) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = {}
    for number, (part, raw) in enumerate(_split(lines), 1):
        try:
            rows.setdefault(part, []).append(msgspec.json.decode(raw, type=_TYPES[part]))
        except UNDECODABLE as error:
            raise ValueError(f"line {number}: {part}: {why(error)}") from None
    return rows


def _split(lines: Iterable[bytes]) -> Iterator[tuple[str, msgspec.Raw]]:
    for number, line in enumerate(lines, 1):
        try:
            [(part, raw)] = msgspec.json.decode(line, type=dict[str, msgspec.Raw]).items()
        except (ValueError, *UNDECODABLE):  # a ValueError too for several pairs
            raise ValueError(f"line {number}: no row of a dump") from None
        if part not in _TYPES:
            raise ValueError(f"line {number}: {part!r} is none of {', '.join(_TYPES)}")
        yield part, raw


async def load_demo(store: Store, seed: int, accounts: int = 200, edges: int = 2_000) -> None:
    """Write the demo's world into a store without accounts."""
    from guanxi.demo.content import make_content
    from guanxi.demo.world import make_world

    world = make_world(seed, accounts, edges)
    await store.import_edges(lambda: world.edges, accounts=world.accounts, groups=world.groups)
    await store.put(make_content(world, seed))
