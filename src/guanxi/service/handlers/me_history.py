"""Handlers for the caller's history, watch-later list and notes."""

from __future__ import annotations

from msgspec import UNSET

from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.enums import HistoryType
from guanxi.contract.params import LARGEST, InvalidParameter
from guanxi.service.answers import encode
from guanxi.service.handlers import documents, people
from guanxi.service.handling import Service
from guanxi.stores.port import Query
from guanxi.world import mine, videos
from guanxi.world.mine import LATER, NOTE, PUBLIC_NOTE, SEEN, seen_id

_VIDEO = "archive"
#: The video and author of a history entry whose video is deleted, or that is no video.
_NO_VIDEO: tuple[s.Video | None, s.Author | None] = (None, None)


async def history(service: Service, caller: int, params: p.HistoryParams) -> bytes:
    """Handle GET /x/v2/history: one page of the older history (000, get_self_history).

    Newest first; only videos, episodes and lessons. An entry whose video is deleted shows what the
    entry itself recorded.
    """
    page, _ = await documents.numbered_page(
        service, SEEN, caller, "time", pn=params.pn, ps=params.ps, where={"tab": _VIDEO}
    )
    aids = [seen.entry.history.oid for seen in page if seen.entry.history.business == _VIDEO]
    by_aid = await documents.videos(service, aids)
    items = []
    for seen in page:
        target = seen.entry.history
        is_video = target.business == _VIDEO
        video, author = by_aid.get(target.oid, _NO_VIDEO) if is_video else _NO_VIDEO
        items.append(mine.old_history_item(seen, video, author))
    return encode(items)


async def history_cursor(service: Service, caller: int, params: p.HistoryCursorParams) -> bytes:
    """Handle GET /x/web-interface/history/cursor: one page of the caller's history.

    Newest first, only entries of the requested ``type``, from after the entry that the cursor
    (``max``, ``business``, ``view_at``) names (000, get_self_history_new). Raise InvalidParameter
    if that is deleted, unless ``view_at`` is sent too. An empty page returns a cursor of zeros,
    which selects the first page.
    """
    query = Query(
        order="time",
        where={} if params.type is HistoryType.ALL else {"tab": params.type.value},
        limit=params.ps,
        after=await _after(service, caller, params),
    )
    page = (await service.store.documents(SEEN, caller, query)).items
    cursor = s.HistoryCursor(ps=params.ps)
    if page:
        last = page[-1].entry
        cursor.max, cursor.business = last.history.oid, last.history.business
        cursor.view_at = last.view_at
    return encode(s.HistoryPage(cursor, mine.TABS, [mine.history_item(seen) for seen in page]))


async def _after(
    service: Service, caller: int, params: p.HistoryCursorParams
) -> tuple[int, int] | None:
    """Return the position (time, id) after which the page begins; None for the first page.

    ``max`` and ``business`` (a video if absent or empty) name an entry. Its time is ``view_at``; if
    that is 0 or absent, the stored time: raise InvalidParameter if the entry is not stored. If
    ``max`` is 0 or absent, the page begins with the entries older than ``view_at``.
    """
    view_at = 0 if params.view_at is UNSET else params.view_at
    oid = 0 if params.max is UNSET else params.max
    if not oid:
        return (view_at, 0) if view_at else None
    business = _VIDEO if params.business is UNSET else params.business or _VIDEO
    entry_id = min(seen_id(business, oid), LARGEST)
    if view_at:
        return view_at, entry_id
    seen = await service.store.get(SEEN, caller, entry_id)
    if seen is None:
        raise InvalidParameter("max", "not in the history")
    return seen.entry.view_at, entry_id


async def toview(service: Service, caller: int, _params: p.NoParams) -> bytes:
    """Handle GET /x/v2/history/toview: the caller's watch-later list (000, get_toview_list).

    The ``limits.toview`` entries added last, newest first. Those whose video is deleted are omitted
    from the list and from its count, which also counts older entries (guanxi's own rule), so that a
    client learns whether it has seen them all.
    """
    query = Query(order="time", limit=service.profile.limits.toview)
    rows, more = await service.store.documents(LATER, caller, query)
    older = await service.store.count(LATER, caller) - len(rows) if more else 0
    by_aid = await documents.videos(service, [later.aid for later in rows])
    items = [
        videos.toview_item(*by_aid[later.aid], added=later.added, progress=later.progress)
        for later in rows
        if later.aid in by_aid
    ]
    return encode(s.Toview(len(items) + older, items))


async def clear_toview(service: Service, caller: int, _params: p.NoParams) -> bytes:
    """Handle POST /x/v2/history/toview/clear: delete the caller's whole watch-later list.

    Source: 000, clear_toview_list.
    """
    await service.store.delete(LATER, caller, by=caller)
    return b""


async def delete_viewed(service: Service, caller: int, params: p.ToviewDeletion) -> bytes:
    """Handle POST /x/v2/history/toview/del: remove the videos that were watched to their end.

    They are removed from the caller's watch-later list (000, delete_viewed_videos_from_toview).
    Nothing is removed unless ``viewed`` is "true" (guanxi's own rule).
    """
    if params.viewed == "true":
        await service.store.delete(LATER, caller, where={"finished": 1}, by=caller)
    return b""


async def notes(service: Service, caller: int, params: p.NotesParams) -> bytes:
    """Handle GET /x/note/list: one page of the caller's notes on videos (000, get_self_notes_info).

    Newest first, with the total; the list is null instead of empty.
    """
    rows, total = await documents.numbered_page(
        service, NOTE, caller, "time", pn=params.pn, ps=params.ps
    )
    items = [mine.note_item(note) for note in rows]
    return encode(s.NotePage(items or None, s.SizedPage(params.pn, params.ps, total)))


async def public_notes(service: Service, caller: int, params: p.NotesParams) -> bytes:
    """Handle GET /x/note/publish/list/user: one page of the caller's published notes.

    Newest first, with the total (000, get_self_public_notes_info). The list is null instead of
    empty.
    """
    rows, total = await documents.numbered_page(
        service, PUBLIC_NOTE, caller, "time", pn=params.pn, ps=params.ps
    )
    author = people.note_author(
        caller, await people.card(service, caller), await people.profile(service, caller)
    )
    items = [mine.public_note_item(note, author) for note in rows]
    return encode(s.PublicNotePage(items or None, s.SizedPage(params.pn, params.ps, total)))
