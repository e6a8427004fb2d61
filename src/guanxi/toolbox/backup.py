"""Read an account's lists into a snapshot of its archive.

Lists change while they are read, and the documents give ``re_version`` no meaning. This rests on
what a list is: the newest account first. Whoever is followed, is followed again or becomes mutual
comes to the front with a new time; whoever leaves is missing from then on. Nothing comes in
between.

**Noticing a move.** A reading of a list is sound if each of its pages had the same total, no
account repeats, the distinct accounts are as many as that total, and the first page, read again at
the end, has the same accounts with the same times and the same total. Then nobody came, who would
be on the first page now, and so nobody left, since the total is the same: the list was the same
from the first request to the last. A list that fits one page needs no second request.

**Reading again.** The next reading begins with the first page and ends at an account ``a``, the
last of a page, that the reading before also had, with the same time. Whoever is behind ``a`` is
older and has been there since before ``a`` came. The reading before has all of them if its totals
were the same from ``a``'s page to its end: a page misses an account only if the list in front of
it shrinks, and as the list behind it never grows, the total would shrink too. So the earlier
reading's remainder behind ``a`` has at least those whom the list now has there; if it is as long as
the new total leaves room for, it has exactly those, and it completes the new reading. A list that
moved is read again up to where it moved, and not to its end.

After ``READINGS`` readings a list that still moves is not complete.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Connection
from typing import Any, NamedTuple, TypedDict

import msgspec
from msgspec import UNSET, Struct, structs

from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import BLACKS, FOLLOWERS, FOLLOWINGS, NAV, WHISPERS
from guanxi.contract.errors import (
    FollowersHidden,
    FollowingsHidden,
    NetworkException,
    NotSignedIn,
    ResponseCodeException,
)
from guanxi.contract.limits import Limits
from guanxi.contract.structs import Nav, Stat, WbiImages
from guanxi.sdk import answers
from guanxi.sdk.conversation import Page
from guanxi.sdk.sync import SyncClient
from guanxi.toolbox import snapshots
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.progress import OnProgress, Progress
from guanxi.toolbox.snapshots import Item, Reading

#: How often a list is read that moves whenever it is read.
READINGS = 5
#: Seconds after which what an interrupted backup read is too old to go on with.
STALE = 86_400
#: What is read is written after so many pages or seconds: a killed backup reads them again.
_PAGES, _SECONDS = 16, 1.0


class _List(NamedTuple):
    name: str
    endpoint: Endpoint
    #: The field of ``Stat`` with the list's length.
    stat: str
    #: The endpoint names the list's owner.
    owned: bool = False

    @property
    def counted(self) -> bool:
        """Return whether each page has the list's total."""
        return bool(self.endpoint.pages.total)


_LISTS = (
    _List("followings", FOLLOWINGS, "following", owned=True),
    _List("followers", FOLLOWERS, "follower", owned=True),
    _List("blocks", BLACKS, "black"),
    _List("whispers", WHISPERS, "whisper"),
)
#: As many followers as the documents' hosts show: for the time left.
_SHOWN_FOLLOWERS = Limits().followers
_HIDDEN = (FollowingsHidden, FollowersHidden)


class _Shown(TypedDict, total=False):
    """What is decoded of a page."""

    list: list[Item] | None
    total: Any
    cursor: Any


class Outcome(Struct, frozen=True):
    """What a backup found.

    ``readings`` are those of the snapshot's lists. ``calls`` counts the requests of all runs that
    it took, ``calls_now`` those of the last one.
    """

    snapshot: int
    readings: dict[str, Reading]
    calls: int
    calls_now: int


class _Walk(Struct, frozen=True):
    """Where the reading of a list has come to: JSON in the table ``progress``."""

    #: Which reading this is, from 1.
    reading: int = 1
    pages: int = 0
    #: How many items its pages had; they are staged at the positions below.
    count: int = 0
    #: The position of the next page; None for the first.
    next: dict[str, Any] | None = None
    total: int | None = None
    #: From this position on, all totals were the same.
    stable: int = 0
    by_cursor: bool = False
    #: The last page was read.
    ended: bool = False
    #: ``stable`` and ``count`` of the reading before.
    earlier: tuple[int, int] = (0, 0)
    #: What is known of the list, when nothing is left to read.
    result: Reading | None = None


def backup(
    client: SyncClient,
    archive: Archive,
    now: int,
    *,
    nav: Nav | None = None,
    size: int = 50,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Read all lists of the signed-in account into one new snapshot; return what was read.

    Interrupted at any point, the same call goes on; what is older than a day is read anew. A list
    that the server refuses or hides is marked so, and the others are read.

    Args:
        client: acts as the account, at its pace.
        archive: of this account.
        now: seconds since the Unix epoch.
        nav: who is signed in, if the caller has requested it already.
        size: accounts on a page, 1 to 50.
        on_progress: is called after each page, with a list's name as the part.

    Raise ArchiveMismatch if another account is signed in, ArchiveBusy, ArchiveFull, and as
    ``client.call`` for a lost connection or a code that stops: then what was read is kept.
    """
    began = time.monotonic()
    with archive.locked(), _soft_commits(archive):
        backing = _Backup(client, archive, size, on_progress)
        number = backing.begin(now, nav)
        readings = {one.name: backing.read_list(one) for one in _LISTS[:1]}
        readings["groups"] = backing.read_groups()
        readings |= {one.name: backing.read_list(one) for one in _LISTS[1:]}
        [row] = archive.rows("SELECT calls FROM snapshot WHERE id = ?", (number,))
        ended = now + int(time.monotonic() - began)
        archive.db.execute("PRAGMA synchronous = FULL")
        snapshots.finish(archive, number, readings, ended, calls=row["calls"])
        return Outcome(number, readings, row["calls"], backing.calls)


@contextmanager
def _soft_commits(archive: Archive) -> Iterator[None]:
    """Let commits not wait for the disk: if the power fails, pages are read again.

    What was staged survives a killed process all the same.
    """
    archive.db.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        archive.db.execute("PRAGMA synchronous = FULL")


class _Backup:
    """One run of a backup."""

    def __init__(
        self, client: SyncClient, archive: Archive, size: int, on_progress: OnProgress | None
    ) -> None:
        self.client = client
        self.archive = archive
        self.size = size
        self.on_progress = on_progress
        self.calls = 0
        self._saved_calls = 0
        self._began = self._saved = time.monotonic()
        self._stat = Stat(archive.identity.mid)
        self._walks: dict[str, _Walk] = {}
        #: Pages that are not written yet: their items, and the walk before and after each.
        self._pending: list[tuple[list[Item], _Walk, _Walk]] = []

    def begin(self, now: int, nav: Nav | None) -> int:
        """Check who is signed in; return the number of the snapshot, new or to go on with."""
        self.calls += 1  # also if the caller has requested it
        nav = self.client.web.nav() if nav is None else nav
        if not nav.is_login or nav.mid is UNSET:
            raise NotSignedIn(NotSignedIn.number, NotSignedIn.wire_message, endpoint=NAV.name)
        me = Identity(self.archive.identity.server, nav.mid, str(nav.uname or ""))
        self.archive.check_identity(me)
        found = self.archive.rows("SELECT begun FROM snapshot WHERE ended IS NULL")
        if found and found[0]["begun"] < now - STALE:
            snapshots.discard(self.archive)
        number = snapshots.begin(self.archive, now)
        profile = structs.replace(nav, wbi_img=WbiImages())
        with self.archive.transaction() as db:
            known = {"name": me.name, "profile": msgspec.json.encode(profile).decode()}
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", known.items())
        rows = self.archive.rows("SELECT list, state FROM progress")
        states: dict[str, str] = {row["list"]: row["state"] for row in rows}
        stat = states.pop("stat", None)
        if stat is None:
            self._stat = self._read_stat()
            self._save("stat", self._stat)
        else:
            self._stat = msgspec.json.decode(stat, type=Stat)
        self._walks = {
            name: msgspec.json.decode(state, type=_Walk) for name, state in states.items()
        }
        return number

    def read_groups(self) -> Reading:
        """Read the groups, after the followings: each one that these name then exists or did.

        A following that names no known group was in one that was deleted since.
        """
        walk = self._walks.get("groups", _Walk())
        if walk.result is not None:
            return walk.result
        groups: list[tuple[int, str]] = []
        try:
            self.calls += 1
            groups = [(one.id, one.name) for one in self.client.relation.groups() if one.id > 0]
            result = Reading(len(groups), len(groups), complete=True)
        except ResponseCodeException as error:
            result = _refused(error, None, 0)
        with self.archive.transaction() as db:
            snapshots.stage_groups(db, groups)
            self._write(db, "groups", structs.replace(walk, result=result))
        return result

    def read_list(self, one: _List) -> Reading:
        """Read a list, or what is left of it, until it is complete or known not to be."""
        walk = self._walks.get(one.name, _Walk())
        page: Page | None = None
        try:
            while (result := walk.result) is None:
                if walk.ended:
                    walk, page = self._after_end(one, walk)
                else:
                    walk = self._add(one, walk, page or self._page(one, walk.next))
                    page = None
        except ResponseCodeException as error:
            result = _refused(error, walk.total, walk.count)
            self._save(one.name, structs.replace(walk, result=result))
        finally:
            self._flush(one.name)  # whatever stopped this: the same call goes on from here
        self._walks[one.name] = structs.replace(walk, result=result)
        return result

    def _page(self, one: _List, start: dict[str, Any] | None) -> Page:
        """Return the page at a position of a list; an empty one past its end."""
        self.calls += 1
        params = {"vmid": self.archive.identity.mid} if one.owned else {}
        size = {one.endpoint.pages.size: self.size} if one.counted else {}
        pages = self.client.pages(one.endpoint, params | size, start, partial=True, kind=_Shown)
        return next(pages, Page([], None, None, []))

    def _add(self, one: _List, walk: _Walk, page: Page) -> _Walk:
        """Stage a page; return the walk after it."""
        items: list[Item] = page.items
        total = answers.at(page.data, one.endpoint.pages.total) if one.counted else None
        if not isinstance(total, int):
            total = self._total(one) if walk.total is None else walk.total
        count = walk.count + len(items)
        by_cursor = isinstance(answers.at(page.data, "cursor"), str)
        after = structs.replace(
            walk,
            pages=walk.pages + 1,
            count=count,
            next=page.next,
            total=total,
            stable=walk.stable if walk.total in (None, total) else walk.count,
            by_cursor=by_cursor,
            ended=page.next is None or (not by_cursor and count >= total),
        )
        self._pending.append((items, walk, after))
        late = time.monotonic() - self._saved > _SECONDS
        if late or len(self._pending) >= _PAGES:
            self._flush(one.name)
        self._report(one, after)
        if items and walk.reading > 1 and not after.ended:
            return self._taken_over(one, after, items[-1])
        return after

    def _taken_over(self, one: _List, walk: _Walk, last: Item) -> _Walk:
        """Take over what the earlier reading has behind an account, if the list still has it.

        Return the walk after that, or the same walk if it has to go on.
        """
        [row] = self.archive.rows(
            "SELECT max(position) AS position FROM staged"
            " WHERE list = ? AND pass = ? AND mid = ? AND since = ?",
            (one.name, walk.reading - 1, last.mid, last.mtime),
        )
        stable, count = walk.earlier
        position = row["position"]
        if position is None or position < stable:
            return walk
        if walk.count + count - 1 - position != walk.total:
            return walk
        self._flush(one.name)
        after = structs.replace(walk, count=walk.total, next=None, ended=True)
        with self.archive.transaction() as db:
            db.execute(
                "INSERT INTO staged SELECT list, ?, position + ?, mid, since, attribute, special,"
                " groups, name, sign, face, verified"
                " FROM staged WHERE list = ? AND pass = ? AND position > ?",
                (walk.reading, walk.count - 1 - position, one.name, walk.reading - 1, position),
            )
            self._write(db, one.name, after)
        return after

    def _after_end(self, one: _List, walk: _Walk) -> tuple[_Walk, Page | None]:
        """Return the walk with its result, or another reading with its first page if it has one."""
        self._flush(one.name)
        [found] = self.archive.rows(
            "SELECT count(DISTINCT mid) AS shown FROM staged WHERE list = ? AND pass = ?",
            (one.name, walk.reading),
        )
        shown, total, page = found["shown"], walk.total, None
        moved = walk.stable > 0 or not shown == walk.count == total
        if not moved and walk.pages > 1:
            page = self._page(one, None)
            moved = not self._is_beginning(one, walk, page)
        short = not walk.by_cursor and walk.count < (total or 0)
        if not moved:
            after = structs.replace(walk, result=Reading(total, shown, complete=True))
        elif short and (one.counted or walk.reading > 1):
            after = structs.replace(walk, result=Reading(total, shown, False, "cap"))
        elif walk.reading == READINGS:
            after = structs.replace(walk, result=Reading(total, shown, False, "moved"))
        else:
            after = _Walk(walk.reading + 1, earlier=(walk.stable, walk.count))
            if not one.counted:
                self._stat = self._read_stat()
        with self.archive.transaction() as db:
            older = "DELETE FROM staged WHERE list = ? AND pass < ?"
            db.execute(older, (one.name, walk.reading))
            if after.result is None:
                snapshots.index_staged(db)
            self._write(db, one.name, after)
        return after, page if after.result is None else None

    def _is_beginning(self, one: _List, walk: _Walk, page: Page) -> bool:
        """Return whether a first page has the accounts, times and total of the reading's."""
        items: list[Item] = page.items
        staged = self.archive.rows(
            "SELECT mid, since FROM staged WHERE list = ? AND pass = ? AND position < ?"
            " ORDER BY position",
            (one.name, walk.reading, len(items)),
        )
        total = answers.at(page.data, one.endpoint.pages.total) if one.counted else walk.total
        same = [(item.mid, item.mtime) for item in items] == [tuple(row) for row in staged]
        return total == walk.total and same

    def _total(self, one: _List) -> int:
        """Return a list's length as the account's numbers have it."""
        length: int = getattr(self._stat, one.stat)
        return length

    def _read_stat(self) -> Stat:
        self.calls += 1
        return self.client.relation.stat(self.archive.identity.mid)

    def _flush(self, name: str) -> None:
        """Write the pages that are not written yet, and where the walk has come to with them."""
        if self._pending:
            with self.archive.transaction() as db:
                for items, before, _ in self._pending:
                    snapshots.stage(db, name, items, start=before.count, reading=before.reading)
                self._write(db, name, self._pending[-1][2])
            self._pending.clear()

    def _save(self, name: str, state: Struct) -> None:
        self._flush(name)
        with self.archive.transaction() as db:
            self._write(db, name, state)

    def _write(self, db: Connection, name: str, state: Struct) -> None:
        """Write where a walk has come to, and how many requests were made."""
        encoded = msgspec.json.encode(state).decode()
        db.execute("INSERT OR REPLACE INTO progress VALUES (?, ?)", (name, encoded))
        new = self.calls - self._saved_calls
        db.execute("UPDATE snapshot SET calls = calls + ? WHERE ended IS NULL", (new,))
        self._saved_calls, self._saved = self.calls, time.monotonic()

    def _report(self, one: _List, walk: _Walk) -> None:
        if self.on_progress is None:
            return
        left = self._calls_of(one, walk) + sum(
            self._calls_of(other, self._walks.get(other.name, _Walk()))
            for other in _LISTS[_LISTS.index(one) + 1 :]
        )
        pace = self.client.pace
        mean = (time.monotonic() - self._began) / self.calls
        seconds = mean * left if pace is None else pace.expected(left, 0)
        self.on_progress(Progress(one.name, walk.count, walk.total, self.calls, seconds))

    def _calls_of(self, one: _List, walk: _Walk) -> int:
        """Return about how many requests a list still needs."""
        total = self._total(one) if walk.total is None else walk.total
        if one.stat == "follower" and not walk.by_cursor:
            total = min(total, _SHOWN_FOLLOWERS)
        return 0 if walk.result else -(-max(0, total - walk.count) // self.size)


def _refused(error: ResponseCodeException, total: int | None, shown: int) -> Reading:
    """Return what is known of a list that the server refuses; raise the error if work must stop.

    That is so for a code that stops, one that may be gone later, and an HTTP error.
    """
    if error.stops or error.can_retry or isinstance(error, NetworkException):
        raise error
    reason = "hidden" if isinstance(error, _HIDDEN) else "refused"
    return Reading(total, shown, False, reason)
