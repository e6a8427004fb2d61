"""Imports of edges on PostgreSQL, next to COPY of the same rows into the same table.

COPY gets the rows of `relation` ready and sorted: it checks, pairs and counts nothing. In
`postgres-import-slices` the store has a tenth of the edges before, and on both sides four clients
follow other accounts meanwhile.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from secrets import token_hex
from typing import NamedTuple, TypeAlias

from bench.graph import QUICK, cached_graph, card
from bench.lines import Bench, Line, Sides, Wrong
from bench.postgres import on_serving_core
from bench.slopes import plain_server
from guanxi.accounts.account import Card, Privacy, State
from guanxi.contract.limits import OPEN
from guanxi.graph.pair import Act, Modify, sort_key_of_mtime
from guanxi.stores import open_store
from guanxi.stores.port import EdgeRow, Store, StoreUnavailable
from guanxi.stores.postgresql.connections import PATIENT, Connection, connect

#: The last accounts have no imported edges: the clients follow among them.
_OTHERS, _CLIENTS = 400, 4
#: Of the edges of `postgres-import-slices`, the part that is stored before.
_BEFORE = 10
#: A row of `relation`: owner, other, follows, followed.
_End: TypeAlias = tuple[int, int, int | None, int | None]


class _Edges(NamedTuple):
    """Edges, those that are stored before, and the accounts."""

    new: list[EdgeRow]
    stored: list[EdgeRow]
    accounts: Mapping[int, tuple[Card, Privacy, State]]
    #: Accounts without imported edges.
    others: Sequence[int]


def _edges(*, is_stored: bool) -> _Edges:
    graph = cached_graph(QUICK)
    others = graph.mids[-_OTHERS:]
    rows = []
    with graph.file.open(encoding="ascii") as lines:
        next(lines)
        for line in lines:
            follower, followed, since = map(int, line.split(","))
            if max(follower, followed) < others[0]:
                rows.append(EdgeRow(follower=follower, followed=followed, time=since))
    stored = rows[::_BEFORE] if is_stored else []
    new = [row for at, row in enumerate(rows) if not is_stored or at % _BEFORE]
    accounts = {mid: (card(mid), Privacy(), State.NORMAL) for mid in graph.mids}
    return _Edges(new, stored, accounts, others)


def _ends(edges: Sequence[EdgeRow]) -> list[_End]:
    """Return the rows of `relation` for edges, sorted."""
    sort_keys = {
        (row.follower, row.followed): row.time * sort_key_of_mtime(1) + row.finer for row in edges
    }
    keys = {*sort_keys} | {(b, a) for a, b in sort_keys}
    return [(a, b, sort_keys.get((a, b)), sort_keys.get((b, a))) for a, b in sorted(keys)]


@asynccontextmanager
async def _store(server: str, edges: _Edges) -> AsyncIterator[tuple[Store, Connection]]:
    """Provide a new store with the accounts and the stored edges, and a connection to it."""
    name = f"guanxi_bench_{token_hex(4)}"
    address = f"{server}{'&' if '?' in server else '?'}search_path={name}"
    store = await open_store(address, create=True)
    db = await connect(address, PATIENT)
    try:
        await store.import_edges(lambda: edges.stored, accounts=edges.accounts)
        await db.execute("VACUUM ANALYZE")
        yield store, db
    finally:
        await store.close()
        await db.execute(f"DROP SCHEMA {name} CASCADE")
        await db.close()


@asynccontextmanager
async def _following(store: Store, others: Sequence[int], clients: int) -> AsyncIterator[None]:
    """Let clients follow and unfollow other accounts while the block runs. Wrong if one fails."""
    stopped = asyncio.Event()

    async def follow(draw: random.Random) -> None:
        while not stopped.is_set():
            owner, target = draw.sample(others, 2)
            act = draw.choice((Act.FOLLOW, Act.UNFOLLOW))
            try:
                await store.change([Modify(owner, target, act)], OPEN.limits.caps)
            except StoreUnavailable as error:
                raise Wrong(f"a follow next to the import was refused: {error}") from None

    following = [asyncio.create_task(follow(random.Random(at))) for at in range(clients)]
    try:
        yield
    finally:
        stopped.set()
        await asyncio.gather(*following)


async def _import(store: Store, _db: Connection, edges: _Edges) -> None:
    done = await store.import_edges(lambda: edges.new)
    if done.new != len(edges.new):
        raise Wrong(f"{done.new} of {len(edges.new)} edges were imported as new")


async def _copy(_store: Store, db: Connection, edges: _Edges, ends: Sequence[_End]) -> None:
    columns = ("owner", "other", "follows", "followed")
    if edges.stored:  # they are in the way of those that have the same pair
        known = {(row.follower, row.followed) for row in edges.stored}
        ends = [end for end in ends if end[:2] not in known and end[1::-1] not in known]
    await db.copy_records_to_table("relation", records=ends, columns=columns)


@contextmanager
def _imported(bench: Bench, clients: int) -> Iterator[Sides]:
    edges = _edges(is_stored=bool(clients))
    with plain_server() as address:

        def timed(work: Callable[..., Awaitable[None]], *arguments: object) -> float:
            async def run() -> float:
                async with (
                    _store(address, edges) as (store, db),
                    _following(store, edges.others, clients),
                ):
                    began = time.perf_counter()
                    await work(store, db, edges, *arguments)
                    return time.perf_counter() - began

            return on_serving_core(bench, run)

        yield Sides(partial(timed, _import), partial(timed, _copy, _ends(edges.new)))


LINES = tuple(
    Line(
        name=name,
        what=what,
        against="COPY of the same rows into relation" + (", next to the same" if clients else ""),
        unit="s",
        bound=3.0,
        at_most=True,
        rounds=7,
        quick=False,
        sides=partial(_imported, clients=clients),
    )
    for name, what, clients in (
        ("postgres-import", "an import into a store without edges, on PostgreSQL", 0),
        (
            "postgres-import-slices",
            f"an import in slices, next to {_CLIENTS} clients that follow",
            _CLIENTS,
        ),
    )
)
