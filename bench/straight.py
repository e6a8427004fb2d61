"""SQLite without the service: the same work by a program that opens the file directly.

``python -m bench.straight TASK STORE FILE SECONDS`` prints operations per second. It opens the
store as guanxi does, so that cache and durability are the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import apsw
import msgspec

from guanxi.graph.pair import mtime_of, sort_key_at
from guanxi.stores.sqlite.opening import connect, immediate
from guanxi.stores.sqlite.reads import _SIDE
from guanxi.stores.sqlite.schema import MUTUAL
from guanxi.stores.sqlite.writer import LOG_PAGES

_BATCH = 64
_CHUNK = 100_000
_IMPORT_CACHE_KIB = 256 * 1024

_COMMON = """
SELECT mine.target, mine.place, mine.flags
FROM following AS mine JOIN following AS theirs ON theirs.target = mine.target
WHERE mine.owner = ? AND theirs.owner = ?
ORDER BY theirs.place DESC, theirs.target DESC
"""


def common(store: Path, file: Path, seconds: float) -> float:
    """Read all common followings of two accounts; return joins per second.

    `file` holds the pairs of mids as JSON. All rows are read, because a response has the total.
    """
    pairs = cycle(msgspec.json.decode(file.read_bytes()))
    with closing(connect(store)) as db:
        return _timed(lambda: bool(db.execute(_COMMON, next(pairs)).fetchall()), seconds)


_MUTE = "SELECT body FROM content WHERE owner = ? AND kind = 'mute' AND id = ?"


def edge(store: Path, file: Path, seconds: float) -> float:
    """Look up both sides of a relation and a mute; return look-ups of all three per second.

    `file` holds pairs of mids as JSON, the first of which follows the second.
    """
    pairs = cycle(msgspec.json.decode(file.read_bytes()))
    with closing(connect(store)) as db:

        def look_up() -> bool:
            one, other = next(pairs)
            mine = db.execute(_SIDE, (one, other)).get
            _theirs = db.execute(_SIDE, (other, one)).get
            _mute = db.execute(_MUTE, (one, other)).get
            return mine[0] is not None

        return _timed(look_up, seconds)


_PAGE = """
SELECT target, name, face, sign, place, flags
FROM following CROSS JOIN account ON mid = target
WHERE owner = ? ORDER BY place DESC, target DESC LIMIT 51
"""
_TOTAL = "SELECT following FROM tally WHERE mid = ?"


def page(store: Path, file: Path, seconds: float) -> float:
    """Read the newest 50 followings with their cards, as tuples, and how many there are.

    Return pages per second. `file` holds pairs of mids as JSON; the first follow at least 50.
    """
    pairs = cycle(msgspec.json.decode(file.read_bytes()))
    with closing(connect(store)) as db:

        def read() -> bool:
            owner, _ = next(pairs)
            rows: list[Any] = db.execute(_PAGE, (owner,)).fetchall()
            items = [
                (mid, name, face, sign, mtime_of(place), bool(flags & MUTUAL))
                for mid, name, face, sign, place, flags in rows[:50]
            ]
            total: int = db.execute(_TOTAL, (owner,)).get
            return len(items) == 50 and total >= 50

        return _timed(read, seconds)


_FOLLOW = (
    "INSERT INTO following (owner, place, target, flags) VALUES (?1, ?3, ?2, 0)",
    "INSERT INTO follower (owner, place, source, flags) VALUES (?2, ?3, ?1, 0)",
    "UPDATE tally SET following = following + 1, version = version + 1"
    " WHERE mid = ?1 AND ?2 AND ?3",
    "UPDATE tally SET follower = follower + 1, follower_version = follower_version + 1"
    " WHERE mid = ?2 AND ?1 AND ?3",
)


def follows(store: Path, file: Path, seconds: float) -> float:
    """Insert new follows, 64 per durable transaction; return follows per second.

    `file` holds the (owner, target) pairs as JSON. Exit with an error if they run out.
    """
    changes = iter(msgspec.json.decode(file.read_bytes()))
    wal_pages = 0

    def on_commit(_db: apsw.Connection, _name: str, pages: int) -> int:
        nonlocal wal_pages
        wal_pages = pages
        return apsw.SQLITE_OK

    with closing(connect(store, writes=True)) as db:
        db.set_wal_hook(on_commit)

        def batch() -> int:
            nonlocal wal_pages
            count = 0
            with immediate(db):
                for owner, target in islice(changes, _BATCH):
                    values = (owner, target, sort_key_at(time.time_ns()))
                    for statement in _FOLLOW:
                        db.execute(statement, values)
                    count += 1
            if wal_pages >= LOG_PAGES:
                db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                wal_pages = 0
            return count

        return _timed(batch, seconds)


def edges(store: Path, file: Path, _seconds: float) -> float:
    """Insert all rows of an import with executemany, in the file's order; return edges per second.

    `file` is an imported store. The time to read its rows, chunk by chunk, does not count.
    """
    spent, count = 0.0, 0
    began = time.perf_counter()
    db = connect(store, writes=True)
    db.pragma("cache_size", -_IMPORT_CACHE_KIB)
    db.execute("BEGIN IMMEDIATE")
    spent += time.perf_counter() - began
    for statement, rows in _statements(file):
        began = time.perf_counter()
        db.executemany(statement, rows)
        spent += time.perf_counter() - began
        count += len(rows) if "INTO following " in statement else 0
    began = time.perf_counter()
    db.execute("COMMIT")
    db.close()
    return count / (spent + time.perf_counter() - began)


def _statements(imported: Path) -> Iterator[tuple[str, Sequence[tuple[int, ...]]]]:
    """Yield statements and rows: both sides of edges by follower and time, then tallies."""
    with closing(connect(imported)) as db:
        stored = db.execute("SELECT owner, place, target, flags FROM following")
        while rows := list(islice(stored, _CHUNK)):
            yield "INSERT OR REPLACE INTO following VALUES (?, ?, ?, ?)", rows
            followers = [(target, place, owner, flags) for owner, place, target, flags in rows]
            yield "INSERT OR REPLACE INTO follower VALUES (?, ?, ?, ?)", followers
        tallies = list(db.execute("SELECT * FROM tally"))
        values = ", ".join("?" * len(tallies[0]))
        yield f"INSERT OR REPLACE INTO tally VALUES ({values})", tallies


def _timed(work: Callable[[], int], seconds: float) -> float:
    """Repeat `work` for `seconds`; return the sum of its results per second.

    Exit with an error if it returns 0.
    """
    count = 0
    began = time.perf_counter()
    while (last := time.perf_counter()) < began + seconds:
        step = work()
        if not step:
            sys.exit("bench.straight: no work left, or an empty result")
        count += step
    return count / (last - began)


_TASKS: dict[str, Callable[[Path, Path, float], float]] = {
    "common": common,
    "edge": edge,
    "page": page,
    "follows": follows,
    "edges": edges,
}


def main() -> None:
    task, store, file, seconds = sys.argv[1:]
    print(_TASKS[task](Path(store), Path(file), float(seconds)))


if __name__ == "__main__":
    main()
