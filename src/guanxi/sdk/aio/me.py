"""Typed methods for the caller's own account: what only it may read or change.

All need a sign-in. In addition to the errors that a method lists, each may raise ``NotSignedIn``,
the errors of ``call``, and ``TypeError`` or ``ValueError`` for an argument, before anything is
sent.
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
    otherwise. The ``iter_`` methods yield every item of a list once, page by page.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    # The account

    async def info(self) -> s.MyInfo:
        """Return the caller's own account (000, get_self_info)."""
        return await self._client.call_as(e.MY_INFO, s.MyInfo)

    async def edit(self, *, birthday: str, sex: str, name: str, signature: str) -> None:
        """Change birthday, sex, name and signature together (000, edit_self_info).

        Args:
            birthday: as YYYY-MM-DD.
            sex: 男, 女 or 保密.
            name: the new name, or the current one to keep it.
            signature: at most 70 characters.

        Raises ``BadRequest`` (no such day), ``NicknameTooShort``, ``NicknameTooLong``,
        ``NicknameIllegal``, ``NicknameExists``, ``SignatureTooLong``, ``SignatureHasEmoji``.
        """
        await self._client.execute(
            e.EDIT, birthday=birthday, sex=sex, uname=name, usersign=signature
        )

    async def set_notice(self, notice: str = "") -> None:
        """Set the notice of the caller's space, or delete it if empty (000, User.set_space_notice).

        Raises ``BadRequest`` (over 150 characters), ``NothingChanged``.
        """
        await self._client.execute(e.SET_NOTICE, notice=notice)

    async def coins(self) -> s.Coins:
        """Return the caller's number of coins (000, get_self_coins)."""
        return await self._client.call_as(e.COINS, s.Coins)

    async def jury(self) -> s.Jury:
        """Return the caller's status as a juror (000, get_self_jury_info)."""
        return await self._client.call_as(e.JURY, s.Jury)

    async def fan_report(self, *, since_ms: int | None = None) -> s.FanReport:
        """Return the statistics of the caller's followers (000, User.top_followers).

        ``since_ms`` is the start in milliseconds since the Unix epoch; None for the server's
        default.
        """
        return await self._client.call_as(e.FAN_REPORT, s.FanReport, t=since_ms)

    # History

    async def history(self, *, page: int = 1, size: int = 100) -> list[s.HistoryVideo]:
        """Return one page of the videos that the caller watched, latest first.

        Document 000, get_self_history.
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

        Document 000, get_self_history_new.

        Args:
            type: the type of entries.
            size: entries per page, 1 to 30.
            view_at: the previous cursor's time, in seconds; None for the first page.
            max: the previous cursor's id; None for the first page.
            business: the previous cursor's content type; None for the first page.
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
        """Return the watch-later list (000, get_toview_list)."""
        return await self._client.call_as(e.TOVIEW, s.Toview)

    async def clear_toview(self) -> None:
        """Delete every video from the watch-later list (000, clear_toview_list)."""
        await self._client.execute(e.CLEAR_TOVIEW)

    async def delete_viewed(self) -> None:
        """Delete watched videos from the watch-later list.

        Document 000, delete_viewed_videos_from_toview.
        """
        await self._client.execute(e.DELETE_VIEWED, viewed="true")

    # Notes

    async def notes(self, *, page: int = 1, size: int = 20) -> s.NotePage:
        """Return one page of the caller's notes on videos (000, get_self_notes_info)."""
        return await self._client.call_as(e.NOTES, s.NotePage, pn=page, ps=size)

    def iter_notes(self, *, size: int = 20) -> AsyncIterator[s.Note]:
        """Yield every note of the caller on videos; see ``notes``."""
        return self._client.iter_items(e.NOTES, s.Note, pn=1, ps=size)

    async def public_notes(self, *, page: int = 1, size: int = 20) -> s.PublicNotePage:
        """Return one page of the caller's public notes (000, get_self_public_notes_info)."""
        return await self._client.call_as(e.PUBLIC_NOTES, s.PublicNotePage, pn=page, ps=size)

    def iter_public_notes(self, *, size: int = 20) -> AsyncIterator[s.PublicNote]:
        """Yield every public note of the caller; see ``public_notes``."""
        return self._client.iter_items(e.PUBLIC_NOTES, s.PublicNote, pn=1, ps=size)

    # Logs

    async def experience_log(self) -> s.ExperienceLog:
        """Return what the caller gained experience for in the last week.

        Document 000, get_self_experience_log.
        """
        return await self._client.call_as(e.EXPERIENCE_LOG, s.ExperienceLog)

    async def moral_log(self) -> s.MoralLog:
        """Return the caller's moral value and its changes (000, get_self_moral_log)."""
        return await self._client.call_as(e.MORAL_LOG, s.MoralLog)

    async def login_log(self) -> s.LoginLog:
        """Return when and from where the caller signed in (000, get_self_login_log)."""
        return await self._client.call_as(e.LOGIN_LOG, s.LoginLog)

    async def events(self, *, ts: int = 0) -> s.Events:
        """Return what happened to the caller's account since ``ts``, in seconds.

        Document 000, get_self_events.

        Deprecated: later clients no longer have it.
        """
        return await self._client.call_as(e.EVENTS, s.Events, ts=ts)
