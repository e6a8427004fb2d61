"""All that is kept of one account, line by line.

Each line is an object with ``part``, in this order:

| part | fields | lines |
|---|---|---|
| account | mid, key, state, ban, created, privacy, card | 1 |
| counts | following, whisper, black, follower | 1 |
| group | id, name | each group that it created |
| follow, whisper, block | mid, time; of a follow also special, groups, contract, visits | each |
| follower | mid, time | each |
| request_sent, request_received | mid, time | each |
| content | kind, document | each document: videos, mutes, dismissals, … |
| session | id, kind, created, used, expires | each, without what signs in |
| sign_in | expires | each confirmed QR sign-in that was not used yet |
| end | lines | 1: how many lines came before it |

Times are in seconds since the Unix epoch; ``created`` and ``used`` are 0 if that is unknown. Groups
are by name. An export without the last line is incomplete. What others have kept about the account
(that they block or mute it) is theirs, and not in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec

from guanxi.accounts.account import EditRefusal
from guanxi.accounts.secrets import Session
from guanxi.graph.pair import mtime_of
from guanxi.operations.accounts import AccountError
from guanxi.operations.sessions import described
from guanxi.stores.port import (
    AccountRow,
    EdgeRow,
    Follower,
    Grant,
    OwnedGroup,
    ReceivedRequest,
    SentRequest,
    Store,
    Tally,
)
from guanxi.world.kind import Entry

Line = dict[str, Any]


def _account(row: AccountRow) -> Line:
    account, card, key, created = row
    return {
        "part": "account",
        "mid": account.mid,
        "key": key or None,
        "state": account.state.name.lower(),
        "ban": account.ban,
        "created": created,
        "privacy": account.privacy,
        "card": card,
    }


def _counts(row: Tally) -> Line:
    names = ("following", "whisper", "black", "follower")
    return {"part": "counts", **{name: getattr(row, name) for name in names}}


def _edge(row: EdgeRow) -> Line:
    line: Line = {"part": row.kind, "mid": row.followed, "time": row.time}
    if row.kind == "follow":
        line |= {
            "special": row.special,
            "groups": row.groups,
            "contract": row.contract,
            "visits": row.visits,
        }
    return line


#: How a row of each kind is written.
_LINES: Mapping[type, Callable[[Any], Line]] = {
    AccountRow: _account,
    Tally: _counts,
    OwnedGroup: lambda row: {"part": "group", "id": row.id, "name": row.name},
    EdgeRow: _edge,
    Follower: lambda row: {"part": "follower", "mid": row.mid, "time": row.time},
    SentRequest: lambda row: {
        "part": "request_sent",
        "mid": row.target,
        "time": mtime_of(row.sort_key),
    },
    ReceivedRequest: lambda row: {"part": "request_received", "mid": row.mid, "time": row.time},
    Entry: lambda row: {
        "part": "content",
        "kind": row.kind,
        "document": msgspec.Raw(row.body),
    },
    Session: lambda row: {"part": "session", **described(row)},
    Grant: lambda row: {"part": "sign_in", "expires": row.expires},
}


async def lines(store: Store, mid: int) -> AsyncIterator[Line]:
    """Yield all that is kept of an account, from one snapshot, in bounded memory.

    Raise ``AccountError`` if it is unknown, StoreError if the store fails.
    """
    count = 0
    async for row in store.about(mid):
        yield _LINES[type(row)](row)
        count += 1
    if not count:
        raise AccountError(EditRefusal.UNKNOWN, mid)
    yield {"part": "end", "lines": count}


async def encoded(store: Store, mid: int) -> AsyncIterator[bytes]:
    """Yield the lines of an account as JSON Lines; arguments and errors are those of ``lines``."""
    encode = msgspec.json.Encoder().encode
    async for line in lines(store, mid):
        yield encode(line) + b"\n"
