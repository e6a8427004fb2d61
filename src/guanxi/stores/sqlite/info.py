"""The facts about a store in a file, for its operator."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import apsw

from guanxi.accounts.account import State
from guanxi.stores.port.info import BACKED_UP, CHECKED, StoreInfo, time_of_note
from guanxi.stores.sqlite.copies import users

_NOTE = "SELECT value FROM meta WHERE name = ?"
#: The lengths of the lists, which are kept by account: an edge is not read.
_LISTS = "SELECT total(following), total(whisper), total(black) FROM tally"
_TABLES = {
    "requests": "request",
    "groups": "grp",
    "sessions": "session",
    "documents": "content",
}
#: Numbers are given without gaps, and deleted from the oldest on.
_CHANGES = "SELECT max(number) - min(number) + 1 FROM change"
_EXACT_CHANGES = "SELECT count(*) FROM change"
_TIME = "SELECT time FROM change ORDER BY number {} LIMIT 1"


def info(db: apsw.Connection, exact: bool) -> Iterator[StoreInfo]:
    """Yield the facts, once. With ``exact`` each change is counted."""
    states = dict(db.execute("SELECT state, count(*) FROM account GROUP BY state"))
    following, whisper, black = db.execute(_LISTS).get
    counts = {
        "accounts": sum(states.values()),
        "followings": int(following),
        "whispers": int(whisper),
        "blocks": int(black),
    }
    for name, table in _TABLES.items():
        counts[name] = int(db.execute(f"SELECT count(*) FROM {table}").get)
    counts["changes"] = int(db.execute(_EXACT_CHANGES if exact else _CHANGES).get or 0)
    path = db.filename
    page = int(db.pragma("page_size"))
    yield StoreInfo(
        engine=f"SQLite {apsw.sqlite_lib_version()}",
        schema=int(db.pragma("user_version")),
        bytes={
            "file": _size(path),
            "log": _size(f"{path}-wal"),
            "free": int(db.pragma("freelist_count")) * page,
        },
        counts=counts,
        states={state.name.lower(): states.get(state, 0) for state in State},
        estimated=False,
        oldest_change_ms=db.execute(_TIME.format("ASC")).get,
        newest_change_ms=db.execute(_TIME.format("DESC")).get,
        checked=time_of_note(db.execute(_NOTE, (CHECKED,)).get),
        backed_up=time_of_note(db.execute(_NOTE, (BACKED_UP,)).get),
        users=users(Path(path)),
    )


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
