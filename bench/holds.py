"""The line for the longest time that one request holds SQLite's writer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from bench.lines import Bench, Line, Sides, Wrong
from guanxi.contract.limits import Limits
from guanxi.graph.groups import CreateGroup, DeleteGroup, GroupAct, Regroup, RegroupMode
from guanxi.stores.port import EdgeRow
from guanxi.stores.sqlite import SQLiteStore

OWNER, GROUP, FIRST = 1, 7, 10
#: The group ids of the second act: as many as one request may name.
GROUPS = range(100, 300)


class Timed(SQLiteStore):
    """A store that remembers the longest time that the work of one transaction took."""

    longest = 0.0

    async def write(self, work: Callable[[apsw.Connection], Any]) -> Any:
        def timed(db: apsw.Connection) -> Any:
            since = time.perf_counter()
            try:
                return work(db)
            finally:
                self.longest = max(self.longest, time.perf_counter() - since)

        return await super().write(timed)


async def _longest(file: Path, members: int) -> float:
    """Return the longest hold, in milliseconds, of the two largest acts on groups."""
    store = await Timed.open(file, create=True)
    assert isinstance(store, Timed)
    try:
        mids = range(FIRST, FIRST + members)
        rows = [EdgeRow(follower=OWNER, followed=mid, time=mid, groups=("a",)) for mid in mids]
        await store.import_edges(lambda: rows, groups={(OWNER, "a"): GROUP})
        caps = Limits(groups=len(GROUPS) + 1).caps
        await store.change([CreateGroup(OWNER, f"g{it}", it) for it in GROUPS], caps)
        store.longest = 0.0
        acts: list[GroupAct] = [
            Regroup(OWNER, RegroupMode.COPY, tuple(mids[:50]), tuple(GROUPS)),
            DeleteGroup(OWNER, GROUP),
        ]
        for act in acts:
            if await store.change([act], caps) != [0]:
                raise Wrong(f"{act} was refused")
        return 1_000 * store.longest
    finally:
        await store.close()


@contextmanager
def _sides(bench: Bench) -> Iterator[Sides]:
    members = 30_000 if bench.quick else 300_000

    def ours() -> float:
        for file in bench.folder.glob("holds.db*"):
            file.unlink()
        return asyncio.run(_longest(bench.folder / "holds.db", members))

    yield Sides(ours, partial(float, 20))


LINES = (
    Line(
        name="longest-hold",
        what="longest hold of the writer: 50 x 200 memberships, a group of 300,000 deleted",
        against="20 ms",
        unit="ms",
        bound=1.0,
        at_most=True,
        rounds=5,
        sides=_sides,
    ),
)
