"""Typed methods for the caller's own account: what only it may read or change.

All need a sign-in. In addition to the errors that a method lists, each may raise ``NotSignedIn``,
the errors of ``call``, and ``ArgsException`` for an argument, before anything is sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract import enums
from guanxi.contract import structs as s

if TYPE_CHECKING:
    from guanxi.sdk.aio.client import Client


class MeArea:
    """The methods of ``client.me``.

    ``page`` counts from 1; ``size`` is the number of items per page, 1 to 100 unless stated
    otherwise. The ``iter_`` methods yield every item of a list once, page by page. If the list has
    more than the server shows, they raise ``ListIncomplete`` at the end; ``partial=True`` takes
    what there is instead.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    # The account

    async def info(self) -> s.MyInfo:
        """Return the caller's own account (000, get_self_info).

        Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.MY_INFO, s.MyInfo)

    async def edit(self, *, birthday: str, sex: str, name: str, signature: str) -> None:
        """Change birthday, sex, name and signature together (000, edit_self_info).

        Nothing is changed unless all four are valid.

        Args:
            birthday: as YYYY-MM-DD.
            sex: 男, 女 or 保密.
            name: 2 to 16 letters, digits, ``-`` or ``_``; the current name to keep it.
            signature: at most 70 characters, no emoji; empty deletes it.

        Raises ``NotSignedIn``, ``AccountBanned``, ``CsrfFailed``, ``BadRequest`` (no such day),
        ``NicknameTooShort``, ``NicknameTooLong``, ``NicknameIllegal``, ``NicknameExists``,
        ``SignatureTooLong``, ``SignatureHasEmoji``, and as ``call_as``.
        """
        await self._client.execute(
            e.EDIT, birthday=birthday, sex=sex, uname=name, usersign=signature
        )

    async def set_notice(self, notice: str = "") -> None:
        """Set the notice of the caller's space, or delete it if empty (000, User.set_space_notice).

        Raises ``NotSignedIn``, ``AccountBanned``, ``CsrfFailed``, ``BadRequest`` (over 150
        characters), ``NothingChanged`` (it equals the current notice), and as ``call_as``.
        """
        await self._client.execute(e.SET_NOTICE, notice=notice)

    async def coins(self) -> s.Coins:
        """Return the caller's number of coins; ``money`` is None for 0 (000, get_self_coins).

        Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.COINS, s.Coins)

    async def jury(self) -> s.Jury:
        """Return the caller's status as a juror (000, get_self_jury_info).

        ``status`` is 0 for one who never was a juror. Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.JURY, s.Jury)

    async def fan_report(self, *, since_ms: int | None = None) -> s.FanReport:
        """Return the statistics of the caller's followers (000, User.top_followers).

        ``since_ms`` is the start in milliseconds since the Unix epoch, None for the server's
        default; guanxi's service then ranks only those who have followed since, and counts them in
        ``inc``. Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.FAN_REPORT, s.FanReport, t=since_ms)

    # History

    async def history(self, *, page: int = 1, size: int = 100) -> list[s.HistoryVideo]:
        """Return one page of the videos that the caller watched, latest first.

        Document 000, get_self_history. Episodes and lessons are included. ``size`` is at most 100.
        A page past the end is empty. Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.HISTORY, list[s.HistoryVideo], pn=page, ps=size)

    def iter_history(self, *, size: int = 100) -> AsyncIterator[s.HistoryVideo]:
        """Yield every video that the caller watched, latest first; see ``history``."""
        return self._client.iter_items(e.HISTORY, s.HistoryVideo, ps=size)

    async def history_cursor(
        self,
        *,
        type: enums.HistoryType | str = enums.HistoryType.ALL,
        size: int = 20,
        view_at: int | None = None,
        max: int | None = None,
        business: enums.HistoryBusinessType | str | None = None,
    ) -> s.HistoryPage:
        """Return one page of everything that the caller viewed, latest first.

        Document 000, get_self_history_new. A page past the end is empty, and its cursor selects the
        first page again.

        Args:
            type: all, videos (also episodes and lessons), live rooms, or articles.
            size: entries per page, 1 to 30.
            view_at: the previous cursor's time, in seconds; None for the first page.
            max: the previous cursor's id; None for the first page.
            business: the previous cursor's content type; None for the first page.

        Raises ``NotSignedIn``, ``BadRequest`` (``max`` is sent without ``view_at`` and is no
        entry's id), and as ``call_as``.
        """
        return await self._client.call_as(
            e.HISTORY_CURSOR,
            s.HistoryPage,
            type=type,
            ps=size,
            view_at=view_at,
            max=max,
            business=business,
        )

    def iter_history_cursor(
        self, *, type: enums.HistoryType | str = enums.HistoryType.ALL, size: int = 20
    ) -> AsyncIterator[s.HistoryEntry]:
        """Yield everything that the caller viewed, latest first; see ``history_cursor``."""
        return self._client.iter_items(e.HISTORY_CURSOR, s.HistoryEntry, type=type, ps=size)

    async def toview(self) -> s.Toview:
        """Return the watch-later list, latest added first (000, get_toview_list).

        Servers return at most 100 videos. Raises ``NotSignedIn``, ``ListIncomplete`` if the list
        has more (its ``items`` are the videos that were returned), and as ``call_as``.
        """
        return await self._client.call_whole(e.TOVIEW, s.Toview, s.ToviewVideo)

    async def clear_toview(self) -> None:
        """Delete every video from the watch-later list (000, clear_toview_list).

        Raises ``NotSignedIn``, ``AccountBanned``, ``CsrfFailed``, and as ``call_as``.
        """
        await self._client.execute(e.CLEAR_TOVIEW)

    async def delete_viewed(self) -> None:
        """Delete the videos watched to their end from the watch-later list.

        Document 000, delete_viewed_videos_from_toview. Raises ``NotSignedIn``, ``AccountBanned``,
        ``CsrfFailed``, and as ``call_as``.
        """
        await self._client.execute(e.DELETE_VIEWED, viewed="true")

    # Notes

    async def notes(self, *, page: int = 1, size: int = 20) -> s.NotePage:
        """Return one page of the caller's notes on videos, newest first (000, get_self_notes_info).

        ``size`` is at most 100; ``items`` is None for an empty page. Raises ``NotSignedIn``, and as
        ``call_as``.
        """
        return await self._client.call_as(e.NOTES, s.NotePage, pn=page, ps=size)

    def iter_notes(self, *, size: int = 20, partial: bool = False) -> AsyncIterator[s.Note]:
        """Yield every note of the caller on videos; see ``notes``."""
        return self._client.iter_items(e.NOTES, s.Note, pn=1, ps=size, partial=partial)

    async def public_notes(self, *, page: int = 1, size: int = 20) -> s.PublicNotePage:
        """Return one page of the caller's public notes, newest first.

        Document 000, get_self_public_notes_info. ``size`` is at most 100; ``items`` is None for an
        empty page. Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.PUBLIC_NOTES, s.PublicNotePage, pn=page, ps=size)

    def iter_public_notes(
        self, *, size: int = 20, partial: bool = False
    ) -> AsyncIterator[s.PublicNote]:
        """Yield every public note of the caller; see ``public_notes``."""
        return self._client.iter_items(e.PUBLIC_NOTES, s.PublicNote, pn=1, ps=size, partial=partial)

    # Logs

    async def experience_log(self) -> s.ExperienceLog:
        """Return the changes of the caller's experience in the last week, newest first.

        Document 000, get_self_experience_log. guanxi's service counts the week back from the newest
        change. Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.EXPERIENCE_LOG, s.ExperienceLog)

    async def moral_log(self) -> s.MoralLog:
        """Return the caller's moral value and its changes, newest first (000, get_self_moral_log).

        Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.MORAL_LOG, s.MoralLog)

    async def login_log(self) -> s.LoginLog:
        """Return when and from where the caller signed in, latest first (000, get_self_login_log).

        Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.LOGIN_LOG, s.LoginLog)

    async def events(self, *, ts: int = 0) -> s.Events:
        """Return the events of the caller's account from the time ``ts`` on, earliest first.

        Document 000, get_self_events. ``ts`` is in seconds since the Unix epoch. Deprecated: later
        clients no longer have it. Raises ``NotSignedIn``, and as ``call_as``.
        """
        return await self._client.call_as(e.EVENTS, s.Events, ts=ts)
