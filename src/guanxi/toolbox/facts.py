"""What no list shows: when each account last posted, its fans and works, when one last watched it.

Each value is kept with the time when it was read. The walk over the accounts can be interrupted at
any account and goes on with those that it has not read yet.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from msgspec import Struct, structs

from guanxi.contract.errors import (
    AccountDeregistered,
    NoSuchUser,
    NotFound,
    ResponseCodeException,
)
from guanxi.contract.relations import DEREGISTERED_NAME
from guanxi.sdk.sync import SyncClient
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.progress import OnProgress, Progress

#: Values that are younger are not read again.
MAX_AGE = 7 * 86_400
#: So many refusals in a row are not about single accounts: the walk ends.
_REFUSALS = 3
#: Seconds of work that a crash may lose.
_UNSAVED = 1.0
_GONE = (NotFound, NoSuchUser, AccountDeregistered)


class Walk(Struct):
    """How a walk over the accounts went so far."""

    #: How many accounts the walk has, and how many it has read.
    accounts: int = 0
    read: int = 0
    calls: int = 0
    #: The accounts that the server refused to show, with its codes.
    unreadable: dict[int, int] = {}


class _Fact(Struct, kw_only=True):
    """A row of the table ``fact``, without those columns that the walk did not read."""

    mid: int
    state: str | None = None
    last_posted: int | None = None
    fans: int | None = None
    posts: int | None = None
    zone: str | None = None


def read_last_posted(
    client: SyncClient,
    archive: Archive,
    now: int,
    *,
    facts: bool = False,
    max_age: int = MAX_AGE,
    on_progress: OnProgress | None = None,
) -> Walk:
    """Read when each account that one follows last posted, one call each, at the client's pace.

    An account without a post costs a second call, for its state: ``banned``, ``deregistered`` or
    ``never_posted``. That call counts as a visit of the account. Accounts that the newest snapshot
    shows as deregistered cost none.

    Args:
        facts: also read the number of fans and of videos, the zone of most of its videos, and
            whether the account is banned: three more calls each.
        max_age: seconds; younger values are kept, 0 reads all again.

    What was read is saved at the latest after a second, and before an error is raised. Raises the
    errors of the SDK that stop a batch, and of the archive; the same call then goes on. An account
    that is refused has its code in ``unreadable``, and nothing is known of it for ``max_age``.
    After three in a row the last refusal is raised; these three come last the next time, and do not
    end that walk.
    """
    walk = Walk()
    pending: list[_Fact] = []
    refused: list[_Fact] = []
    saved = time.monotonic()
    before = max(now - max_age, 0)
    todo = _unread(archive, before, facts=facts)
    walk.accounts = archive.rows("SELECT count(*) FROM temp.unread")[0][0]
    try:
        for mid, name, was_refused in todo:
            try:
                fact = _fact(client, walk, mid, name, facts=facts)
            except ResponseCodeException as error:
                if error.stops:
                    raise
                walk.unreadable[mid] = error.code
                (pending if was_refused else refused).append(_Fact(mid=mid))
                if len(refused) == _REFUSALS:
                    _save(archive, refused, before - 1, facts=facts)
                    raise
                continue
            pending += [*refused, fact]
            refused.clear()
            walk.read += 1
            if time.monotonic() - saved > _UNSAVED:
                _save(archive, pending, now, facts=facts)
                pending, saved = [], time.monotonic()
            if on_progress is not None:
                on_progress(Progress("last_posted", walk.read, walk.accounts, walk.calls))
        pending += refused
    finally:
        _save(archive, pending, now, facts=facts)
    return walk


def read_last_watched(client: SyncClient, archive: Archive) -> int:
    """Read the own history once, and keep when each account's work was last watched.

    The history is one list and takes no call per account. Return how many accounts it shows.
    Raises as ``client.me.iter_history_cursor``, and then keeps nothing.
    """
    watched: dict[int, int] = {}
    for entry in client.me.iter_history_cursor(size=30):
        if entry.author_mid:
            watched[entry.author_mid] = max(entry.view_at, watched.get(entry.author_mid, 0))
    with archive.transaction() as db:
        db.executemany(
            "INSERT INTO fact (mid, last_watched) VALUES (?, ?) ON CONFLICT (mid)"
            " DO UPDATE SET last_watched = max(coalesce(last_watched, 0), excluded.last_watched)",
            watched.items(),
        )
    return len(watched)


#: Those never read first, then the oldest values.
_UNREAD = """
CREATE TEMP TABLE unread AS
SELECT i.mid, p.name, f.state IS NULL AND {0} IS NOT NULL AS was_refused FROM item AS i
LEFT JOIN profile AS p ON p.mid = i.mid AND p.until IS NULL
LEFT JOIN fact AS f ON f.mid = i.mid
WHERE i.list = 'followings' AND i.until IS NULL
    AND coalesce({0}, -1) < :before
ORDER BY {0}, i.since DESC
"""


def _unread(archive: Archive, before: int, *, facts: bool) -> Iterator[tuple[int, str, bool]]:
    """Keep the accounts without a value, or with one of before a time, and yield them.

    Each has its name, and whether the last walk was refused it.
    """
    column = "f.facts_read" if facts else "f.posted_read"
    archive.rows("DROP TABLE IF EXISTS temp.unread")
    archive.rows(_UNREAD.format(column), {"before": before})
    rows = archive.db.execute("SELECT mid, name, was_refused FROM temp.unread ORDER BY rowid")
    return ((mid, name or "", bool(was_refused)) for mid, name, was_refused in rows)


def _fact(client: SyncClient, walk: Walk, mid: int, name: str, *, facts: bool) -> _Fact:
    fact = _Fact(mid=mid)
    if name == DEREGISTERED_NAME:
        fact.state = "deregistered"
        return fact
    walk.calls += 1
    try:
        items = client.space.dynamics(mid).items
    except _GONE:
        fact.state = "deregistered"
        return fact
    # The pinned one comes first, whatever its age: the newest is found by its time.
    times = [one.modules.author.pub_ts for one in items if one.modules is not None]
    fact.last_posted = max(times, default=0) or None
    if facts or fact.last_posted is None:
        walk.calls += 1
        fact.state = _state(client, mid)
    if fact.state is None and (fact.last_posted or not items):  # else its posts have no time
        fact.state = "active" if fact.last_posted else "never_posted"
    if facts and fact.state != "deregistered":
        walk.calls += 2
        fact.fans = client.relation.stat(mid).follower
        videos = client.space.videos(mid, size=1)
        fact.posts = videos.page.count
        zones = (videos.list.types or {}).values()
        fact.zone = max(zones, key=lambda zone: zone.count).name if zones else None
    return fact


def _state(client: SyncClient, mid: int) -> str | None:
    """Return ``banned``, ``deregistered``, or None for an account that is neither."""
    try:
        info = client.space.info(mid)
    except _GONE:
        return "deregistered"
    if info.name == DEREGISTERED_NAME:
        return "deregistered"
    return "banned" if info.silence else None


#: A walk without facts does not look for bans: only a later post says that one was lifted.
_SAVE = """
INSERT INTO fact (mid, state, last_posted, posted_read, fans, posts, zone, facts_read)
VALUES (:mid, :state, :last_posted, :now, :fans, :posts, :zone, :facts_read)
ON CONFLICT (mid) DO UPDATE SET last_posted = excluded.last_posted,
    posted_read = excluded.posted_read,
    state = iif(excluded.facts_read IS NULL AND excluded.state = 'active' AND fact.state = 'banned'
        AND excluded.last_posted <= fact.facts_read, 'banned', excluded.state)
"""
_SAVE_FACTS = """,
    fans = excluded.fans, posts = excluded.posts, zone = excluded.zone,
    facts_read = excluded.facts_read
"""


def _save(archive: Archive, pending: list[_Fact], now: int, *, facts: bool) -> None:
    times = {"now": now, "facts_read": now if facts else None}
    with archive.transaction() as db:
        db.executemany(
            _SAVE + (_SAVE_FACTS if facts else ""),
            [structs.asdict(one) | times for one in pending],
        )
