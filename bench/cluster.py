"""Lines on a Citus cluster, that of `tools/cluster` for example; `--cluster` names its coordinator.

The store is filled from a small graph, in a schema that is dropped afterwards: what is compared is
the cost of transactions over several nodes, on one machine that runs them all.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from secrets import token_hex

import asyncpg

from bench.graph import Graph, Recipe, cached_graph
from bench.lines import Bench, Line, Sides, Skipped, Wrong
from bench.load import Plan, load
from bench.machine import guanxi, python, serving
from bench.postgres import rate_by_hand
from bench.reads import port_of
from bench.writes import Follows
from guanxi.graph.pair import sort_key_at
from guanxi.stores.postgresql import schema
from guanxi.stores.postgresql.connections import PATIENT, connect

#: The environment variable that names the coordinator, as for the tests.
ADDRESS = "GUANXI_TEST_POSTGRES"
_RECIPE = Recipe(accounts=6_000, edges=70_000, wide=1, signed_in=400)
#: Follows of a transaction by hand, and the connections that send them.
_BY_HAND, _CONNECTIONS = 16, 2
#: Per connection, more than are answered: an account has few others left to follow.
_FOLLOWS_A_SECOND = 60


@contextmanager
def distributed() -> Iterator[tuple[Graph, str]]:
    """Yield a graph and the address of a distributed store that holds it, in a schema of its own.

    Raise Skipped if no cluster is named, Wrong if the copy fails.
    """
    server = os.environ.get(ADDRESS)
    if not server:
        raise Skipped(f"no cluster: name its coordinator by --cluster or {ADDRESS}")
    graph = cached_graph(_RECIPE)
    name = f"guanxi_bench_{token_hex(4)}"
    address = f"{server}{'&' if '?' in server else '?'}search_path={name}"
    try:
        asyncio.run(schema.init(address, distribute=True))
        command = guanxi("store", "copy", str(graph.store), address)
        if python(*command, stdout=subprocess.DEVNULL).wait():
            raise Wrong("guanxi store copy failed")
        yield graph, address
    finally:
        asyncio.run(_drop(address, name))


async def _drop(address: str, name: str) -> None:
    connection = await connect(address, PATIENT)
    await connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
    await connection.close()


async def _by_hand(
    connection: asyncpg.Connection[asyncpg.Record], pairs: Sequence[tuple[int, int]], slot: int
) -> None:
    """Write new follows in one transaction: an INSERT of all rows, and one of the slots."""
    now = sort_key_at(time.time_ns())
    rows = [
        f"({owner}, {other}, {now}, NULL), ({other}, {owner}, NULL, {now})"
        for owner, other in pairs
    ]
    slots = [f"({other}, {slot}, 1, 1)" for _, other in pairs]
    await connection.execute("BEGIN")
    await connection.execute(
        f"INSERT INTO relation (owner, other, follows, followed) VALUES {', '.join(rows)}"
        " ON CONFLICT (owner, other) DO UPDATE SET"
        " follows = excluded.follows, followed = excluded.followed"
    )
    await connection.execute(
        f"INSERT INTO follower_tally (mid, slot, follower, version) VALUES {', '.join(slots)}"
        " ON CONFLICT (mid, slot) DO UPDATE SET"
        " follower = follower_tally.follower + excluded.follower,"
        " version = follower_tally.version + excluded.version"
    )
    await connection.execute("COMMIT")


@contextmanager
def _follow(bench: Bench) -> Iterator[Sides]:
    count = round(_FOLLOWS_A_SECOND * (bench.seconds + 1))
    with distributed() as (graph, address), serving(address, bench.cores.serve) as url:
        new = Follows(graph, bench.connections)
        draw = random.Random(graph.recipe.seed)

        def ours() -> float:
            plan = Plan(
                port=port_of(url),
                sequences=[[request for _, _, request in batch] for batch in new(count)],
                seconds=bench.seconds,
                cycled=False,
            )
            return load(plan, bench.cores.load).rate

        by_hand = partial(rate_by_hand, write=_by_hand, connections=_CONNECTIONS)
        yield Sides(ours, partial(by_hand, bench, address, graph, draw, _BY_HAND))


LINES = (
    Line(
        name="citus-follow",
        what="durable follows over HTTP, on a Citus cluster",
        against=f"{_BY_HAND} in a transaction of two INSERTs, from {_CONNECTIONS} connections,",
        unit="follows/s",
        bound=0.5,
        quick=False,
        sides=_follow,
    ),
)
