"""The graph of the benchmark: many accounts, skewed as follow graphs are, generated from a seed.

It is cached and generated again only if its recipe changes. Every account with followings follows
the first one, the hub; popularity and the number of followings fall as a power of the rank.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import apsw
import msgspec
from msgspec import Struct

from bench.machine import CACHE, guanxi, python
from guanxi.accounts import secrets
from guanxi.accounts.account import Card, Privacy, State
from guanxi.accounts.secrets import DAY, Session, TokenKind
from guanxi.stores import open_store
from guanxi.stores.sqlite.schema import VERSION as SCHEMA

#: Increase it when the same recipe gives another graph: the cache is then not used.
_VERSION = 3
#: Small, as SQLite stores a number in as few bytes as it needs: larger ids need more space.
_FIRST_MID = 1
_SINCE, _UNTIL = 1_500_000_000, 1_790_000_000
#: Exponents by which popularity and followings fall with the rank; the maximum of followings.
_POPULARITY, _FOLLOWS, _MAX_FOLLOWINGS = 0.9, 0.65, 2_000
_WIDE, _THOUSANDS = 5_000, 3_000
_PAGE = 50
#: How many accounts with a page of followings the lines need: one for each connection. A graph with
#: so many edges for each account has enough.
_CALLERS, _DENSE = 64, 10
_SESSION_DAYS = 3_650


class Recipe(Struct, frozen=True):
    """The parameters that determine a graph."""

    accounts: int = 1_000_001
    edges: int = 10_000_000
    #: The number of accounts that follow 5,000.
    wide: int = 64
    #: The number of accounts, each with at least a page of followings, that get a session.
    signed_in: int = 12_000
    seed: int = 1


QUICK = Recipe(accounts=20_000, edges=220_000, wide=4, signed_in=1_000)


class Stats(Struct, frozen=True):
    """What was measured when a graph was created."""

    edges: int
    #: The duration of `guanxi store import edges`.
    import_seconds: float


class Graph:
    """A graph in the cache: its store, its file of edges, and the accounts with special roles."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.recipe, self.folder = recipe, folder
        #: The store; the store with the accounts alone; the CSV file of edges.
        self.store, self.empty = folder / "graph.db", folder / "accounts.db"
        self.file = folder / "edges.csv"

    @property
    def hub(self) -> int:
        """The account that everybody follows."""
        return _FIRST_MID

    @property
    def wide(self) -> range:
        """The accounts that follow 5,000."""
        return range(_FIRST_MID + 1, _FIRST_MID + 1 + self.recipe.wide)

    @property
    def thousands(self) -> int:
        """The account that follows exactly 3,000."""
        return self.wide.stop

    @property
    def mids(self) -> range:
        return range(_FIRST_MID, _FIRST_MID + self.recipe.accounts)

    @cached_property
    def owners(self) -> list[int]:
        """Accounts with at least a page of followings and a session, in random order."""
        found = self._column(
            "SELECT mid FROM tally WHERE following >= ? AND mid IN (SELECT mid FROM session)"
            " AND mid > ? ORDER BY mid",
            _PAGE,
            self.thousands,
        )
        random.Random(self.recipe.seed).shuffle(found)
        return found

    @cached_property
    def small(self) -> list[int]:
        """Accounts with 50 to 59 followers."""
        return self._column(
            "SELECT mid FROM tally WHERE follower BETWEEN ? AND ? ORDER BY mid", _PAGE, _PAGE + 9
        )

    def followed_by(self, count: int) -> list[int]:
        """Return up to 20 accounts whose number of followers is within 10 % of `count`."""
        bounds = (count * 9 // 10, count * 11 // 10)
        return self._column(
            "SELECT mid FROM tally WHERE follower BETWEEN ? AND ? LIMIT 20", *bounds
        )

    @cached_property
    def secret(self) -> bytes:
        return bytes(self._column("SELECT value FROM meta WHERE name = 'secret'")[0])

    def followings(self, mid: int, limit: int) -> list[int]:
        """Return the targets of the account's newest followings, at most `limit`."""
        return self._column(
            "SELECT target FROM following WHERE owner = ? ORDER BY place DESC LIMIT ?", mid, limit
        )

    def token(self, mid: int) -> str:
        """Return the SESSDATA of an account that has a session."""
        random = hashlib.sha256(f"bench {self.recipe.seed} {mid}".encode()).hexdigest()
        return secrets.with_mid(mid, random)

    def csrf(self, mid: int) -> str:
        return secrets.bili_jct(self.secret, self.token(mid))

    def cookie(self, mid: int) -> str:
        """Return the Cookie header of a signed-in account."""
        return f"SESSDATA={self.token(mid)}; bili_jct={self.csrf(mid)}"

    def _column(self, statement: str, *values: int) -> list[Any]:
        return [row[0] for row in self._db.execute(statement, values)]

    @cached_property
    def _db(self) -> apsw.Connection:
        return apsw.Connection(str(self.store), flags=apsw.SQLITE_OPEN_READONLY)


def too_sparse(recipe: Recipe) -> str | None:
    """Return why the lines cannot be measured on a graph with so few edges, or None if they can."""
    if recipe.edges >= _DENSE * recipe.accounts:
        return None
    lengths = _lengths(Graph(recipe, CACHE), random.Random(recipe.seed))
    found = sum(length >= _PAGE for length in lengths[recipe.wide + 2 :])
    if found >= _CALLERS:
        return None
    return f"only {found} accounts follow {_PAGE}, and {_CALLERS} must: use more edges"


def cached_graph(recipe: Recipe) -> Graph:
    """Return the graph of a recipe; create it first if it is not in the cache."""
    name = hashlib.sha256(msgspec.json.encode([_VERSION, SCHEMA, recipe])).hexdigest()[:12]
    folder = CACHE / f"{recipe.accounts}-{recipe.edges}-{name}"
    graph = Graph(recipe, folder)
    if not graph.store.exists():
        _create(graph)
    return graph


def _create(graph: Graph) -> None:
    folder = graph.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    asyncio.run(_create_accounts(graph))
    edges = write_edges(graph.file, _edges(graph))
    half = folder / "half.db"
    shutil.copyfile(graph.empty, half)
    seconds = import_edges(graph.file, half)
    asyncio.run(_sign_in(graph, half))
    (folder / "made.json").write_bytes(msgspec.json.encode(Stats(edges, seconds)))
    half.rename(graph.store)


def import_edges(file: Path, store: Path, core: int | None = None) -> float:
    """Run `guanxi store import edges` on a core (None: any); return its duration in seconds.

    Raise RuntimeError if the command fails.
    """
    began = time.perf_counter()
    process = start_import(file, store, core)
    if process.wait():
        raise RuntimeError(f"guanxi store import edges exited with status {process.returncode}")
    return time.perf_counter() - began


def start_import(file: Path, store: Path, core: int | None = None) -> subprocess.Popen[bytes]:
    """Start `guanxi store import edges` on a core (None: any); return its process."""
    command = guanxi("store", "import", "edges", str(file), "--store", str(store))
    return python(*command, core=core, stderr=subprocess.DEVNULL)


def card(mid: int) -> Card:
    """Return a typical card: a face, often a sign, sometimes a membership or a verification."""
    return Card(
        name=f"用户{mid}的名字",
        face=f"https://i2.hdslb.com/bfs/face/{mid:040x}.jpg",
        sign="这个人很神秘，什么都没有写" * (mid % 3),
        vip_type=mid % 5 // 3,
        vip_due_ms=1_800_000_000_000 * (mid % 5 // 3),
        vip_status=mid % 5 // 3,
        official_type=0 if mid % 20 == 0 else -1,
        official_desc="bilibili 知名UP主" if mid % 20 == 0 else "",
    )


async def _create_accounts(graph: Graph, chunk: int = 50_000) -> None:
    store = await open_store(str(graph.empty), create=True)
    try:
        for first in range(0, len(graph.mids), chunk):
            accounts = {
                mid: (card(mid), Privacy(), State.NORMAL) for mid in graph.mids[first:][:chunk]
            }
            await store.import_edges(lambda: (), accounts=accounts)
    finally:
        await store.close()
    _close_log(graph.empty)


async def _sign_in(graph: Graph, store: Path) -> None:
    """Create the sessions of the measured accounts, with tokens derived from the seed."""
    now = int(time.time())
    with closing(apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READWRITE)) as db:
        query = "SELECT mid FROM tally WHERE following >= ? AND mid > ? ORDER BY following, mid"
        mids = [mid for (mid,) in db.execute(query, (_PAGE, graph.thousands))]
        random.Random(graph.recipe.seed).shuffle(mids)
        chosen = [*graph.wide, graph.thousands, *mids[: graph.recipe.signed_in]]
        with db:
            db.executemany(
                "INSERT INTO session (digest, mid, kind, created, expires, used)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                sorted(
                    msgspec.structs.astuple(
                        Session(
                            digest=secrets.session_digest(graph.token(mid)),
                            mid=mid,
                            kind=TokenKind.COOKIE,
                            created=now,
                            expires=now + _SESSION_DAYS * DAY,
                        )
                    )
                    for mid in chosen
                ),
            )
    _close_log(store)


def _close_log(store: Path) -> None:
    """Move the write-ahead log into the database file, so that the file can be copied alone."""
    with closing(apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READWRITE)) as db:
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


# --- edges ---


def write_edges(file: Path, edges: Iterable[tuple[int, int, int]]) -> int:
    """Write edges (follower, followed, time) as CSV; return how many."""
    count = 0
    with file.open("w", encoding="ascii") as out:
        out.write("follower,followed,time\n")
        for follower, followed, since in edges:
            out.write(f"{follower},{followed},{since}\n")
            count += 1
    return count


def _edges(graph: Graph) -> Iterator[tuple[int, int, int]]:
    """Yield every edge as (follower, followed, time), sorted by follower and time."""
    recipe, mids = graph.recipe, graph.mids
    draw = random.Random(recipe.seed)
    popular = list(mids)
    draw.shuffle(popular)
    weights = list(accumulate((rank + 1) ** -_POPULARITY for rank in range(len(popular))))
    lengths = _lengths(graph, draw)
    for mid, length in zip(mids, lengths, strict=True):
        chosen = dict.fromkeys([graph.hub]) if mid != graph.hub and length else {}
        while len(chosen) < length:
            missing = length - len(chosen)
            chosen.update(dict.fromkeys(draw.choices(popular, cum_weights=weights, k=missing)))
            chosen.pop(mid, None)
        times = sorted(draw.choices(range(_SINCE, _UNTIL), k=len(chosen)))
        others = list(chosen)
        draw.shuffle(others)
        for followed, since in zip(others, times, strict=True):
            yield mid, followed, since


def more_edges(graph: Graph, count: int) -> Iterator[tuple[int, int, int]]:
    """Yield `count` edges as (follower, followed, time), in random order, each pair once.

    Followers are drawn uniformly, followed accounts by popularity; some edges are stored already.
    """
    draw = random.Random(graph.recipe.seed + 1)
    popular = list(graph.mids)
    draw.shuffle(popular)
    weights = list(accumulate((rank + 1) ** -_POPULARITY for rank in range(len(popular))))
    seen: set[tuple[int, int]] = set()
    while len(seen) < count:
        pair = draw.choice(graph.mids), draw.choices(popular, cum_weights=weights)[0]
        if pair[0] != pair[1] and pair not in seen:
            seen.add(pair)
            yield *pair, draw.randrange(_SINCE, _UNTIL)


def _lengths(graph: Graph, draw: random.Random) -> list[int]:
    """Return the number of followings of each account, in the order of the mids."""
    recipe = graph.recipe
    fixed = [0, *[_WIDE] * recipe.wide, _THOUSANDS]
    others = recipe.accounts - len(fixed)
    remaining = recipe.edges - sum(fixed)
    shares = [(rank + 20) ** -_FOLLOWS for rank in range(others)]
    lengths = _scaled(shares, remaining)
    draw.shuffle(lengths)
    return fixed + lengths


def _scaled(shares: list[float], total: int) -> list[int]:
    """Return integers proportional to `shares`, from 1 to 2,000, whose sum is about `total`."""

    def lengths_at(scale: float) -> list[int]:
        return [min(_MAX_FOLLOWINGS, max(1, round(share * scale))) for share in shares]

    low, high = 0.0, 4 * total / sum(shares)
    for _ in range(16):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(lengths_at(middle)) < total else (low, middle)
    return lengths_at(high)
