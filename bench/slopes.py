"""How the cost of a read grows with the length of its list: 1,000, 10,000 and 100,000 followings.

A store is read directly, without the service. The table has the median of each read at the three
lengths, and its slope: by which power of the length it grew, from the shortest to the longest. A
read whose slope is 0 costs the same for every list, one of 1 reads the whole list.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from math import log10
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.lines import Bench, Skipped
from bench.machine import CACHE
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import DEFAULT, SPECIAL
from guanxi.stores import is_server_address, open_store
from guanxi.stores.port import EdgeRow, Store
from guanxi.stores.postgresql.connections import PATIENT, connect
from tools.postgres import Server, programs

#: The lengths of the lists, by their owners; how many of each are visited, and follow back.
LENGTHS = {1: 1_000, 2: 10_000, 3: 100_000}
_VISITED, _MUTUAL = 100, 10
#: Of so many followings one is in a group, and another in the special group.
_GROUPED = 50
_GROUP, _FIRST = 1_000, 1_000
_PAGE = Window(0, 50)
_REPEATS = 15

_Read = Callable[[Store, int], Awaitable[object]]
READS: dict[str, _Read] = {
    "tags": lambda store, mid: store.groups(mid),
    "newest": lambda store, mid: store.page(Listing.FOLLOWINGS, mid, Sort.NEWEST, _PAGE),
    "oldest": lambda store, mid: store.page(Listing.FOLLOWINGS, mid, Sort.OLDEST, _PAGE),
    "most-visited": lambda store, mid: store.page(Listing.FOLLOWINGS, mid, Sort.VISITED, _PAGE),
    "friends": lambda store, mid: store.page(Listing.FRIENDS, mid, Sort.NEWEST, _PAGE),
    "no-group": lambda store, mid: store.members(mid, DEFAULT, Sort.NEWEST, _PAGE),
    "special": lambda store, mid: store.members(mid, SPECIAL, Sort.NEWEST, _PAGE),
    "group": lambda store, mid: store.members(mid, _GROUP + mid, Sort.NEWEST, _PAGE),
    "group-visited": lambda store, mid: store.members(mid, _GROUP + mid, Sort.VISITED, _PAGE),
    "search": lambda store, mid: store.search(mid, "user_10", 1_000, _PAGE),
    "attributes": lambda store, mid: store.attributes(mid, range(_FIRST, _FIRST + 500, 10)),
    "common": lambda store, mid: store.common(mid, 4, _PAGE),
}


class Growth(NamedTuple):
    """The seconds of a read at each of ``LENGTHS``."""

    name: str
    seconds: tuple[float, ...]

    @property
    def slope(self) -> float:
        """Return the power of the length by which the read grew."""
        lengths = [*LENGTHS.values()]
        return log10(self.seconds[-1] / self.seconds[0]) / log10(lengths[-1] / lengths[0])


def _rows() -> Iterator[EdgeRow]:
    """Yield the lists; the account 4 follows 100 others."""
    for mid, length in {**LENGTHS, 4: 100}.items():
        for number in range(length):
            # Scattered over the list, so that a read must look for them.
            is_visited = number % (length // min(length, _VISITED)) == 0
            yield EdgeRow(
                follower=mid,
                followed=_FIRST + number,
                time=1_600_000_000 + number * 7919 % length,
                special=number % _GROUPED == 1,
                groups=("group",) if number % _GROUPED == 2 else (),
                visits=1 + number % 3 if is_visited else 0,
            )
        for number in range(0, length, length // _MUTUAL):
            yield EdgeRow(follower=_FIRST + number, followed=mid, time=1_600_000_000)


async def fill(store: Store) -> None:
    """Fill a new store with the lists."""
    groups = {(mid, "group"): _GROUP + mid for mid in (*LENGTHS, 4)}
    await store.import_edges(_rows, groups=groups)


async def seconds_of(store: Store, read: _Read, mid: int) -> float:
    """Return the median of how long a read of an account's list takes."""
    taken = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        await read(store, mid)
        taken.append(time.perf_counter() - began)
    return median(taken[2:])


async def grown(address: str, names: Sequence[str] = tuple(READS)) -> list[Growth]:
    """Fill a new store and return how each of the named reads grows."""
    store = await open_store(address, create=True)
    try:
        await fill(store)
        await store.ready()
        if is_server_address(address):
            connection = await connect(address, PATIENT)
            await connection.execute("VACUUM ANALYZE")
            await connection.close()
        found = []
        for name in names:
            seconds = [await seconds_of(store, READS[name], mid) for mid in LENGTHS]
            found.append(Growth(name, tuple(seconds)))
        return found
    finally:
        await store.close()


@contextmanager
def _sqlite(folder: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir=folder) as inner:
        yield str(Path(inner) / "slopes.db")


@contextmanager
def plain_server() -> Iterator[str]:
    """Yield the address of a new PostgreSQL; raise Skipped without its programs."""
    folder = programs()
    if folder is None:
        raise Skipped("PostgreSQL not found: put initdb on PATH")
    with tempfile.TemporaryDirectory(prefix="guanxi-pg-", dir=CACHE) as scratch:
        Path(scratch).chmod(0o755)
        server = Server(folder, {}, Path(scratch) / "data")
        server.make()
        try:
            server.start()
            yield server.address
        finally:
            server.stop()
            server.delete()


def print_tables(bench: Bench, say: Callable[[str], None]) -> None:
    """Pass the tables of SQLite and PostgreSQL to ``say`` as Markdown, line by line."""
    engines = {"SQLite": lambda: _sqlite(bench.folder), "PostgreSQL": plain_server}
    for engine, made in engines.items():
        with made() as address:
            lengths = " | ".join(f"{length:,}" for length in LENGTHS.values())
            say(f"\n| {engine}, ms | {lengths} | slope |\n|---|---|---|---|---|")
            for growth in asyncio.run(grown(address)):
                figures = " | ".join(f"{seconds * 1000:.2f}" for seconds in growth.seconds)
                say(f"| {growth.name} | {figures} | {growth.slope:.2f} |")
