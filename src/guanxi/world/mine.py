"""Content that only its own account may read: history, watch-later, notes, logs, events."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from guanxi.contract import structs as s
from guanxi.contract.ids import bvid_of
from guanxi.world import clock, videos
from guanxi.world.kind import Kind

#: The tab that shows a history entry, by its ``business`` (type). The order is part of stored ids:
#: append only.
BUSINESSES = {
    "archive": "archive",
    "pgc": "archive",
    "cheese": "archive",
    "live": "live",
    "article": "article",
    "article-list": "article",
}
_BUSINESS_CODES = {business: code for code, business in enumerate(BUSINESSES)}
_BUSINESS_BITS = 3
#: The tabs above the history, as sent in its response.
TABS = [
    s.HistoryTab("archive", "视频"),
    s.HistoryTab("live", "直播"),
    s.HistoryTab("article", "专栏"),
]
#: The progress of a video that was watched to its end.
FINISHED = -1
#: ``type`` of the older history, by business.
_OLD_TYPES = {"archive": 3, "pgc": 4, "cheese": 10}


class Seen(Struct, frozen=True):
    """A history entry: an item of the newer history, and the extra fields of the older one.

    ``entry.history`` identifies what was seen; seeing it again replaces the document.
    """

    entry: s.HistoryEntry
    #: See ``structs.HistoryVideo``.
    device: int = 2
    bangumi: s.WatchedEpisode | None = None
    cheese: s.WatchedLesson | None = None


class Later(Struct, frozen=True):
    """A video in the watch-later list. ``progress`` is in seconds; -1: watched to the end."""

    aid: int
    added: int
    progress: int = 0


class Note(Struct, frozen=True):
    """A note on a video, with the Unix time of its last change."""

    note: s.Note
    time: int


class PublicNote(Struct, frozen=True):
    """A published note, with its Unix time of publication. Its author is read from the card."""

    note: s.PublicNote
    time: int


class Change(Struct, frozen=True):
    """A line of the log of experience or of moral value: the difference, and why."""

    id: int
    time: int
    delta: int
    reason: str = ""


class SignedIn(Struct, frozen=True):
    """A line of the sign-in log. ``ip`` must already be masked, such as ``1.2.*.*``."""

    id: int
    time: int
    ip: str = ""
    geo: str = ""
    ok: bool = True
    type: int = 0


class Happened(Struct, frozen=True):
    """An event in the account's history on the site."""

    id: int
    time: int
    title: str = ""


def seen_id(business: str, oid: int) -> int:
    """Return the id of a ``Seen`` document, from the content type and id of what was seen.

    Raise ``KeyError`` if ``business`` (the content type) is not in BUSINESSES.
    """
    return oid << _BUSINESS_BITS | _BUSINESS_CODES[business]


SEEN = Kind(
    name="seen",
    body=Seen,
    id=lambda seen: seen_id(seen.entry.history.business, seen.entry.history.oid),
    keys={"time": lambda seen: seen.entry.view_at},
    filters={
        "tab": lambda seen: BUSINESSES[seen.entry.history.business],
        "business": lambda seen: seen.entry.history.business,
    },
)
LATER = Kind(
    name="later",
    body=Later,
    id=lambda later: later.aid,
    keys={"time": lambda later: later.added},
    filters={"finished": lambda later: int(later.progress == FINISHED)},
)
NOTE = Kind(
    name="note",
    body=Note,
    id=lambda document: document.note.id,
    keys={"time": lambda document: document.time},
)
PUBLIC_NOTE = Kind(
    name="public_note",
    body=PublicNote,
    id=lambda document: document.note.id,
    keys={"time": lambda document: document.time},
)
EXPERIENCE = Kind(
    name="experience",
    body=Change,
    id=lambda change: change.id,
    keys={"time": lambda change: change.time},
)
MORAL = Kind(
    name="moral",
    body=Change,
    id=lambda change: change.id,
    keys={"time": lambda change: change.time},
)
SIGN_IN = Kind(
    name="sign_in",
    body=SignedIn,
    id=lambda line: line.id,
    keys={"time": lambda line: line.time},
)
EVENT = Kind(
    name="event",
    body=Happened,
    id=lambda event: event.id,
    keys={"time": lambda event: event.time},
)


def old_history_item(seen: Seen, video: s.Video | None, author: s.Author | None) -> s.HistoryVideo:
    """Return an entry as an item of the older history, with its video and author.

    ``author`` must be given with a ``video``. If ``video`` is None (deleted, or not a video), both
    are made from what the entry recorded, and ``author`` is ignored. Raise ``KeyError`` if the
    entry's business is not archive, pgc or cheese.
    """
    entry, target = seen.entry, seen.entry.history
    if video is None:
        author = s.Author(entry.author_mid, entry.author_name, entry.author_face)
        video = s.Video(
            aid=target.oid,
            title=entry.title,
            pic=entry.cover,
            duration=entry.duration,
            videos=entry.videos,
            cid=target.cid,
        )
    fields: dict[str, Any] = asdict(video) | {"owner": author}
    if target.business == "archive":
        fields["bvid"] = videos.bvid(video)
    return s.HistoryVideo(
        **fields,
        favorite=bool(entry.is_fav),
        type=_OLD_TYPES[target.business],
        device=seen.device,
        page=videos.first_part(video) if target.business == "archive" else UNSET,
        count=video.videos,
        progress=entry.progress,
        view_at=entry.view_at,
        kid=entry.kid,
        business=target.business,
        redirect_link=entry.uri,
        bangumi=_unset_if_none(seen.bangumi),
        cheese=_unset_if_none(seen.cheese),
    )


def _unset_if_none(value: Any) -> Any | UnsetType:
    return UNSET if value is None else value


def history_item(seen: Seen) -> s.HistoryEntry:
    """Return an entry as an item of the newer history; a missing bvid of a video is computed."""
    entry, target = seen.entry, seen.entry.history
    if target.business != "archive" or target.bvid:
        return entry
    return replace(entry, history=replace(target, bvid=bvid_of(target.oid)))


def note_item(document: Note) -> s.Note:
    """Return a note as an item of its owner's list, with its time as text."""
    note, time = document.note, document.time
    return replace(note, mtime=clock.minute(time), note_id_str=str(note.id))


def public_note_item(document: PublicNote, author: s.NoteAuthor) -> s.PublicNote:
    """Return a published note as a list item, with its author and its time as text."""
    return replace(document.note, pubtime=clock.minute(document.time), author=author)


def log_line(change: Change) -> s.Experience:
    """Return a line of the experience log; the log of moral value has the same shape."""
    return s.Experience(change.delta, clock.second(change.time), change.reason)


def sign_in_item(line: SignedIn) -> s.SignIn:
    """Return a line of the sign-in log, with its time as a number and as text."""
    return s.SignIn(line.ip, line.time, clock.second(line.time), line.ok, line.type, line.geo)
