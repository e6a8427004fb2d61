"""What one looked at, put by, and noted."""

from __future__ import annotations

from msgspec import UNSET

from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.enums import HistoryType
from guanxi.contract.params import LARGEST, InvalidParameter
from guanxi.service import documents, people
from guanxi.service.answers import encode
from guanxi.service.handling import Service
from guanxi.stores.port import Query
from guanxi.world import mine, videos
from guanxi.world.mine import LATER, NOTE, PUBLIC_NOTE, SEEN, seen_id

_VIDEO = "archive"
#: What is found of a video that is not there any more, and of what is no video.
_GONE: tuple[s.Video | None, s.Author | None] = (None, None)


async def history(service: Service, caller: int, asked: p.HistoryParams) -> bytes:
    """000, get_self_history: videos, episodes and lessons alone."""
    kept, _ = await documents.numbered(
        service, SEEN, caller, "time", pn=asked.pn, ps=asked.ps, where={"tab": _VIDEO}
    )
    aids = [one.entry.history.oid for one in kept if one.entry.history.business == _VIDEO]
    found = await documents.videos(service, aids)
    told = []
    for one in kept:
        what = one.entry.history
        video, author = found.get(what.oid, _GONE) if what.business == _VIDEO else _GONE
        told.append(mine.old_history(one, video, author))
    return encode(told)


async def history_cursor(service: Service, caller: int, asked: p.HistoryCursorParams) -> bytes:
    """000, get_self_history_new: on from an entry, which need not be there any more."""
    query = Query(
        order="time",
        where={} if asked.type is HistoryType.ALL else {"tab": asked.type.value},
        limit=asked.ps,
        after=await _after(service, caller, asked),
    )
    kept = (await service.store.documents(SEEN, caller, query)).items
    cursor = s.HistoryCursor(ps=asked.ps)
    if kept:
        last = kept[-1].entry
        cursor.max, cursor.business = last.history.oid, last.history.business
        cursor.view_at = last.view_at
    return encode(s.HistoryPage(cursor, mine.TABS, [mine.history(one) for one in kept]))


async def _after(
    service: Service, caller: int, asked: p.HistoryCursorParams
) -> tuple[int, int] | None:
    """The place to go on from: a time, an entry, or an entry's own time; None to begin."""
    view_at = 0 if asked.view_at is UNSET else asked.view_at
    oid = 0 if asked.max is UNSET else asked.max
    if not oid:
        return (view_at, 0) if view_at else None
    business = _VIDEO if asked.business is UNSET else asked.business or _VIDEO
    place = min(seen_id(business, oid), LARGEST)
    if view_at:
        return view_at, place
    seen = await service.store.get(SEEN, caller, place)
    if seen is None:
        raise InvalidParameter("max", "不在历史记录中", "not in the history")
    return seen.entry.view_at, place


async def toview(service: Service, caller: int, _asked: p.NoParams) -> bytes:
    """000, get_toview_list; videos that are gone are left out."""
    query = Query(order="time", limit=service.profile.limits.toview)
    kept = (await service.store.documents(LATER, caller, query)).items
    found = await documents.videos(service, [one.aid for one in kept])
    told = [
        videos.later(*found[one.aid], added=one.added, progress=one.progress)
        for one in kept
        if one.aid in found
    ]
    return encode(s.Toview(len(told), told))


async def clear_toview(service: Service, caller: int, _asked: p.NoParams) -> bytes:
    """000, clear_toview_list."""
    await service.store.delete(LATER, caller)
    return b""


async def delete_viewed(service: Service, caller: int, asked: p.ToviewDeletion) -> bytes:
    """000, delete_viewed_videos_from_toview: nothing goes unless ``viewed`` says so (ours)."""
    if asked.viewed == "true":
        await service.store.delete(LATER, caller, where={"finished": 1})
    return b""


async def notes(service: Service, caller: int, asked: p.NotesParams) -> bytes:
    """000, get_self_notes_info."""
    kept, total = await documents.numbered(service, NOTE, caller, "time", pn=asked.pn, ps=asked.ps)
    told = [mine.noted(one) for one in kept]
    return encode(s.NotePage(told or None, s.SizedPage(asked.pn, asked.ps, total)))


async def public_notes(service: Service, caller: int, asked: p.NotesParams) -> bytes:
    """000, get_self_public_notes_info."""
    kept, total = await documents.numbered(
        service, PUBLIC_NOTE, caller, "time", pn=asked.pn, ps=asked.ps
    )
    author = people.note_author(
        caller, await people.card(service, caller), await people.profile(service, caller)
    )
    told = [mine.published(one, author) for one in kept]
    return encode(s.PublicNotePage(told or None, s.SizedPage(asked.pn, asked.ps, total)))
