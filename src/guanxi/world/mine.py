"""What an account is told of itself alone: history, watch-later, notes, logs, events."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from guanxi.contract import structs as s
from guanxi.contract.ids import bvid_of
from guanxi.world import clock, videos
from guanxi.world.kind import Kind

#: What an entry of the history can be, and which tab shows it. Its place here goes into its id.
BUSINESSES = {
    "archive": "archive",
    "pgc": "archive",
    "cheese": "archive",
    "live": "live",
    "article": "article",
    "article-list": "article",
}
_PLACES = {business: place for place, business in enumerate(BUSINESSES)}
_PLACE_BITS = 3
#: The tabs over the history, as they are told.
TABS = [
    s.HistoryTab("archive", "视频"),
    s.HistoryTab("live", "直播"),
    s.HistoryTab("article", "专栏"),
]
#: Progress of what was watched to its end.
FINISHED = -1
#: ``type`` of the older history, by business.
_OLD_TYPES = {"archive": 3, "pgc": 4, "cheese": 10}


class Seen(Struct, frozen=True):
    """Something looked at: the entry as the newer history tells it, and what the older adds.

    ``entry.history`` says what it is; seeing it again replaces it.
    """

    entry: s.HistoryEntry
    #: As ``structs.HistoryVideo`` has it.
    device: int = 2
    bangumi: s.WatchedEpisode | None = None
    cheese: s.WatchedLesson | None = None


class Later(Struct, frozen=True):
    """A video put by. ``progress`` in seconds, -1 to the end."""

    aid: int
    added: int
    progress: int = 0


class Note(Struct, frozen=True):
    """A note and when it was changed."""

    note: s.Note
    time: int


class PublicNote(Struct, frozen=True):
    """A note that others can read, and when it was published. Its author is told from the card."""

    note: s.PublicNote
    time: int


class Change(Struct, frozen=True):
    """A line of a log: experience or moral value gained or lost, and why."""

    id: int
    time: int
    delta: int
    reason: str = ""


class SignedIn(Struct, frozen=True):
    """A line of the log of sign-ins; the address is kept masked."""

    id: int
    time: int
    ip: str = ""
    geo: str = ""
    ok: bool = True
    type: int = 0


class Happened(Struct, frozen=True):
    """An event of the account's life."""

    id: int
    time: int
    title: str = ""


def seen_id(business: str, oid: int) -> int:
    """The id of what was looked at; ``KeyError`` for another business."""
    return oid << _PLACE_BITS | _PLACES[business]


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
    id=lambda one: one.note.id,
    keys={"time": lambda one: one.time},
)
PUBLIC_NOTE = Kind(
    name="public_note",
    body=PublicNote,
    id=lambda one: one.note.id,
    keys={"time": lambda one: one.time},
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
    id=lambda one: one.id,
    keys={"time": lambda one: one.time},
)
EVENT = Kind(
    name="event",
    body=Happened,
    id=lambda event: event.id,
    keys={"time": lambda event: event.time},
)


def old_history(seen: Seen, video: s.Video | None, author: s.Author | None) -> s.HistoryVideo:
    """An entry of the older history; of a video that is gone, what the entry itself remembers."""
    entry, what = seen.entry, seen.entry.history
    if video is None:
        author = s.Author(entry.author_mid, entry.author_name, entry.author_face)
        video = s.Video(
            aid=what.oid,
            title=entry.title,
            pic=entry.cover,
            duration=entry.duration,
            videos=entry.videos,
            cid=what.cid,
        )
    fields: dict[str, Any] = asdict(video) | {"owner": author}
    if what.business == "archive":
        fields["bvid"] = videos.bvid(video)
    return s.HistoryVideo(
        **fields,
        favorite=bool(entry.is_fav),
        type=_OLD_TYPES[what.business],
        device=seen.device,
        page=videos.part(video) if what.business == "archive" else UNSET,
        count=video.videos,
        progress=entry.progress,
        view_at=entry.view_at,
        kid=entry.kid,
        business=what.business,
        redirect_link=entry.uri,
        bangumi=_or_unset(seen.bangumi),
        cheese=_or_unset(seen.cheese),
    )


def _or_unset(value: Any) -> Any | UnsetType:
    return UNSET if value is None else value


def history(seen: Seen) -> s.HistoryEntry:
    """An entry of the history; a video's bvid is made where none is kept."""
    entry, what = seen.entry, seen.entry.history
    if what.business != "archive" or what.bvid:
        return entry
    return replace(entry, history=replace(what, bvid=bvid_of(what.oid)))


def noted(one: Note) -> s.Note:
    """A note as it is listed."""
    return replace(one.note, mtime=clock.minute(one.time), note_id_str=str(one.note.id))


def published(one: PublicNote, author: s.NoteAuthor) -> s.PublicNote:
    """A public note as it is listed."""
    return replace(one.note, pubtime=clock.minute(one.time), author=author)


def gained(change: Change) -> s.Experience:
    """A line of the experience log."""
    return s.Experience(change.delta, clock.second(change.time), change.reason)


def signed_in(one: SignedIn) -> s.SignIn:
    """A line of the log of sign-ins."""
    return s.SignIn(one.ip, one.time, clock.second(one.time), one.ok, one.type, one.geo)
