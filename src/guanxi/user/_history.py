"""The caller's history, watch-later list and notes.

All need sessdata; changes also need bili_jct.
"""

from __future__ import annotations

from typing import Any

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.enums import HistoryBusinessType, HistoryType
from guanxi.contract.errors import StatementException
from guanxi.sdk.credential import Credential
from guanxi.sdk.tallied import check_whole
from guanxi.user import _clients
from guanxi.user import _types as t


async def get_self_history(
    page_num: int = 1, per_page_item: int = 100, credential: Credential | None = None
) -> list[t.HistoryVideo]:
    """Return one page of the videos that the caller watched, latest first (000).

    Episodes and lessons are included.

    Args:
        page_num: page, from 1; past the end it is empty.
        per_page_item: items per page, 1 to 100.
        credential: needs sessdata; None: that of ``using`` or the environment.

    Raises ``ApiException``, or ``ValueError`` for bad arguments.
    """
    videos: list[t.HistoryVideo] = await _clients.call(
        e.HISTORY, {"pn": page_num, "ps": per_page_item}, credential
    )
    return videos


async def get_self_history_new(
    credential: Credential | None,
    _type: HistoryType = HistoryType.ALL,
    ps: int = 20,
    view_at: int | None = None,
    max: int | None = None,
    business: HistoryBusinessType | str | None = None,
) -> t.HistoryPage:
    """Return one page of everything that the caller viewed, latest first (000).

    ``view_at``, ``max`` and ``business`` are those of the previous page's ``cursor``; None for the
    first page. An empty page ends the list.

    Args:
        credential: needs sessdata; None: that of ``using`` or the environment.
        _type: all, videos (also episodes and lessons), live rooms, or articles.
        ps: entries per page, 1 to 30.
        view_at: seconds since the Unix epoch.
        max: an entry's id.
        business: an entry's content type.

    Raises ``ApiException``, or ``ValueError`` for bad arguments.
    """
    page: t.HistoryPage = await _clients.call(
        e.HISTORY_CURSOR,
        {"type": _type, "ps": ps, "view_at": view_at, "max": max, "business": business},
        credential,
    )
    return page


async def get_toview_list(credential: Credential | None) -> t.Toview:
    """Return the caller's watch-later list, last added first (000).

    Servers return at most 100 videos. ``credential`` needs sessdata; None: that of ``using`` or the
    environment. Raises ``ListIncomplete`` if the list has more (its ``items`` are the videos that
    were returned), or another ``ApiException``.
    """
    videos: t.Toview = await _clients.call(e.TOVIEW, {}, credential)
    check_whole(videos, e.TOVIEW)
    return videos


async def clear_toview_list(credential: Credential | None) -> dict[str, Any] | None:
    """Delete every video from the caller's watch-later list (000). Returns None.

    ``credential`` needs sessdata and bili_jct; None: that of ``using`` or the environment. Raises
    ``ApiException``.
    """
    done: dict[str, Any] | None = await _clients.call(e.CLEAR_TOVIEW, {}, credential)
    return done


async def delete_viewed_videos_from_toview(
    credential: Credential | None,
) -> dict[str, Any] | None:
    """Delete videos watched to their end from the caller's watch-later list (000). Returns None.

    ``credential`` needs sessdata and bili_jct; None: that of ``using`` or the environment. Raises
    ``ApiException``.
    """
    done: dict[str, Any] | None = await _clients.call(
        e.DELETE_VIEWED, {"viewed": "true"}, credential
    )
    return done


async def get_self_notes_info(
    page_num: int, page_size: int, credential: Credential | None
) -> t.NotePage:
    """Return one page of the caller's notes on videos, newest first (000).

    Args:
        page_num: page, from 1; past the end ``list`` is None.
        page_size: items per page, 1 to 100.
        credential: needs sessdata; None: that of ``using`` or the environment.

    Raises ``StatementException`` for a page or a size below 1, ``ValueError`` for a size over 100,
    or another ``ApiException``.
    """
    page: t.NotePage = await _notes(e.NOTES, page_num, page_size, credential)
    return page


async def get_self_public_notes_info(
    page_num: int, page_size: int, credential: Credential | None
) -> t.PublicNotePage:
    """Return one page of the caller's public notes, newest first (000).

    Args:
        page_num: page, from 1; past the end ``list`` is None.
        page_size: items per page, 1 to 100.
        credential: needs sessdata; None: that of ``using`` or the environment.

    Raises ``StatementException`` for a page or a size below 1, ``ValueError`` for a size over 100,
    or another ``ApiException``.
    """
    page: t.PublicNotePage = await _notes(e.PUBLIC_NOTES, page_num, page_size, credential)
    return page


async def _notes(
    endpoint: Endpoint, page_num: int, page_size: int, credential: Credential | None
) -> Any:
    params: dict[str, object] = {"page_num": page_num, "page_size": page_size}
    for name, value in params.items():
        if isinstance(value, int) and value <= 0:
            raise StatementException(f"{name}: must be at least 1")
    return await _clients.call(endpoint, {"pn": page_num, "ps": page_size}, credential)
