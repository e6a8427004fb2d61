"""The graph that is measured on: many accounts, skewed as follow graphs are, made from a seed.

It is kept in a cache and made anew only when its recipe changes. Everybody follows the first
account; whom else they follow, and how many, falls off as a power of the rank.
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

#: Rises when the graph of a recipe changes.
_VERSION = 2
#: SQLite keeps a number in as few bytes as it needs: ids of eight digits take more.
_FIRST_MID = 1
_SINCE, _UNTIL = 1_500_000_000, 1_790_000_000
#: How steeply popularity and the lengths of following lists fall with the rank; where lists end.
_POPULARITY, _FOLLOWS, _MOST = 0.9, 0.65, 2_000
_WIDE, _THOUSANDS = 5_000, 3_000
_PAGE = 50
_SESSION_DAYS = 3_650


class Recipe(Struct, frozen=True):
    """What a graph is made from."""

    accounts: int = 1_000_001
    edges: int = 10_000_000
    #: How many accounts follow 5,000.
    wide: int = 64
    #: How many that follow at least a page have a session.
    signed_in: int = 12_000
    seed: int = 1


QUICK = Recipe(accounts=20_000, edges=220_000, wide=4, signed_in=1_000)


class Made(Struct, frozen=True):
    """What was counted when a graph was made."""

    edges: int
    #: Seconds of `guanxi store import edges`.
    import_seconds: float


class Graph:
    """A graph in its cache: a store, the file that its edges came from, and who is who."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.recipe, self.folder = recipe, folder
        #: The store; the store before its edges came; the edges.
        self.store, self.empty = folder / "graph.db", folder / "accounts.db"
        self.file = folder / "edges.csv"

    @property
    def hub(self) -> int:
        """Whom everybody follows."""
        return _FIRST_MID

    @property
    def wide(self) -> range:
        """Those who follow 5,000."""
        return range(_FIRST_MID + 1, _FIRST_MID + 1 + self.recipe.wide)

    @property
    def thousands(self) -> int:
        """Who follows exactly 3,000."""
        return self.wide.stop

    @property
    def mids(self) -> range:
        return range(_FIRST_MID, _FIRST_MID + self.recipe.accounts)

    @cached_property
    def owners(self) -> list[int]:
        """Accounts with a full page of followings, each with a session."""
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
        """Accounts with a page of followers and few more."""
        return self._column(
            "SELECT mid FROM tally WHERE follower BETWEEN ? AND ? ORDER BY mid", _PAGE, _PAGE + 9
        )

    def followed_by(self, count: int) -> list[int]:
        """Accounts with about so many followers, some of them."""
        about = (count * 9 // 10, count * 11 // 10)
        return self._column("SELECT mid FROM tally WHERE follower BETWEEN ? AND ? LIMIT 20", *about)

    @cached_property
    def secret(self) -> bytes:
        return bytes(self._column("SELECT value FROM meta WHERE name = 'secret'")[0])

    def followings(self, mid: int, most: int) -> list[int]:
        """The newest of an account's followings."""
        return self._column(
            "SELECT target FROM following WHERE owner = ? ORDER BY place DESC LIMIT ?", mid, most
        )

    def token(self, mid: int) -> str:
        """The SESSDATA of an account that has a session."""
        return hashlib.sha256(f"bench {self.recipe.seed} {mid}".encode()).hexdigest()

    def csrf(self, mid: int) -> str:
        return secrets.bili_jct(self.secret, self.token(mid))

    def cookie(self, mid: int) -> str:
        """The value of a Cookie header."""
        return f"SESSDATA={self.token(mid)}; bili_jct={self.csrf(mid)}"

    def _column(self, statement: str, *values: int) -> list[Any]:
        return [row[0] for row in self._db.execute(statement, values)]

    @cached_property
    def _db(self) -> apsw.Connection:
        return apsw.Connection(str(self.store), flags=apsw.SQLITE_OPEN_READONLY)


def graph(recipe: Recipe) -> Graph:
    """The graph of a recipe, made if it is not in the cache."""
    name = hashlib.sha256(msgspec.json.encode([_VERSION, recipe])).hexdigest()[:12]
    folder = CACHE / f"{recipe.accounts}-{recipe.edges}-{name}"
    made = Graph(recipe, folder)
    if not made.store.exists():
        _make(made)
    return made


def _make(graph: Graph) -> None:
    folder = graph.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    asyncio.run(_make_accounts(graph))
    edges = write_edges(graph.file, _edges(graph))
    half = folder / "half.db"
    shutil.copyfile(graph.empty, half)
    seconds = import_edges(graph.file, half)
    asyncio.run(_sign_in(graph, half))
    (folder / "made.json").write_bytes(msgspec.json.encode(Made(edges, seconds)))
    half.rename(graph.store)


def import_edges(file: Path, store: Path, core: int | None = None) -> float:
    """Seconds that the command takes."""
    began = time.perf_counter()
    command = guanxi("store", "import", "edges", str(file), "--store", str(store))
    process = python(*command, core=core, stderr=subprocess.DEVNULL)
    if process.wait():
        raise RuntimeError(f"the import ended with status {process.returncode}")
    return time.perf_counter() - began


def card(mid: int) -> Card:
    """A card as most have it: a face, often a sign, sometimes a membership or a verification."""
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


async def _make_accounts(graph: Graph, chunk: int = 50_000) -> None:
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
    """Sessions of those who are measured, with tokens that derive from the seed."""
    now = int(time.time())
    with closing(apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READWRITE)) as db:
        rich = "SELECT mid FROM tally WHERE following >= ? AND mid > ? ORDER BY following, mid"
        mids = [mid for (mid,) in db.execute(rich, (_PAGE, graph.thousands))]
        random.Random(graph.recipe.seed).shuffle(mids)
        chosen = [*graph.wide, graph.thousands, *mids[: graph.recipe.signed_in]]
        with db:
            db.executemany(
                "INSERT INTO session (digest, mid, kind, created, expires) VALUES (?, ?, ?, ?, ?)",
                sorted(
                    msgspec.structs.astuple(
                        Session(
                            digest=secrets.digest(graph.token(mid)),
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
    """Bring the log into the file, so that the file alone is the store."""
    with closing(apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READWRITE)) as db:
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


# --- who follows whom ---


def write_edges(file: Path, edges: Iterable[tuple[int, int, int]]) -> int:
    """Write follower, followed and time; how many."""
    count = 0
    with file.open("w", encoding="ascii") as out:
        out.write("follower,followed,time\n")
        for follower, followed, at in edges:
            out.write(f"{follower},{followed},{at}\n")
            count += 1
    return count


def _edges(graph: Graph) -> Iterator[tuple[int, int, int]]:
    """Every edge, by follower and time."""
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
        for followed, at in zip(others, times, strict=True):
            yield mid, followed, at


def _lengths(graph: Graph, draw: random.Random) -> list[int]:
    """How many each account follows, in the order of the mids."""
    recipe = graph.recipe
    fixed = [0, *[_WIDE] * recipe.wide, _THOUSANDS]
    others = recipe.accounts - len(fixed)
    left = recipe.edges - sum(fixed)
    shares = [(rank + 20) ** -_FOLLOWS for rank in range(others)]
    lengths = _scaled(shares, left)
    draw.shuffle(lengths)
    return fixed + lengths


def _scaled(shares: list[float], total: int) -> list[int]:
    """Whole numbers in these proportions, from 1 to the most, with about this sum."""

    def at(scale: float) -> list[int]:
        return [min(_MOST, max(1, round(share * scale))) for share in shares]

    low, high = 0.0, 4 * total / sum(shares)
    for _ in range(16):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(at(middle)) < total else (low, middle)
    return at(high)
