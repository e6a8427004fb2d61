# Made by `make generate` from src/guanxi/sdk/aio/me.py.
# Do not edit: edit that instead.

"""The endpoints of one's own account, typed: what it alone is told, and what it may change.

All need a sign-in. Besides the errors that each lists it may raise ``NotSignedIn``, what ``call``
does, and ``TypeError`` or ``ValueError`` for an argument, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract import enums
from guanxi.contract import structs as s

if TYPE_CHECKING:
    from guanxi.sdk.sync.client import SyncClient


class MeArea:
    """``client.me``.

    ``page`` counts from 1; ``size`` is items a page, 1 to 100, or to 30 where that is said. The
    ``iter_`` methods walk whole lists and meet each item once.
    """

    def __init__(self, client: SyncClient) -> None:
        self._client = client

    # The account

    def info(self) -> s.MyInfo:
        """Oneself (000, get_self_info)."""
        return self._client.ask(e.MY_INFO, s.MyInfo)

    def edit(self, *, birthday: str, sex: str, name: str, signature: str) -> None:
        """Change birthday, sex, name and signature, all four at once (000, edit_self_info).

        Args:
            birthday: as YYYY-MM-DD.
            sex: 男, 女 or 保密.
            name: the new name, or the old one.
            signature: 70 characters at most.

        Raises ``BadRequest`` (no such day), ``NicknameTooShort``, ``NicknameTooLong``,
        ``NicknameIllegal``, ``NicknameExists``, ``SignatureTooLong``, ``SignatureHasEmoji``.
        """
        self._client.tell(e.EDIT, birthday=birthday, sex=sex, uname=name, usersign=signature)

    def set_notice(self, notice: str = "") -> None:
        """Change the notice of one's space; an empty one deletes it (000, User.set_space_notice).

        Raises ``BadRequest`` (over 150 characters), ``NothingChanged``.
        """
        self._client.tell(e.SET_NOTICE, notice=notice)

    def coins(self) -> s.Coins:
        """How many coins one has (000, get_self_coins)."""
        return self._client.ask(e.COINS, s.Coins)

    def jury(self) -> s.Jury:
        """One's state as a juror (000, get_self_jury_info)."""
        return self._client.ask(e.JURY, s.Jury)

    def fan_report(self, *, since_ms: int | None = None) -> s.FanReport:
        """What a creator is told of their followers (000, User.top_followers).

        ``since_ms`` is in milliseconds since 1970.
        """
        return self._client.ask(e.FAN_REPORT, s.FanReport, t=since_ms)

    # History

    def history(self, *, page: int = 1, size: int = 100) -> list[s.HistoryVideo]:
        """What one watched, the latest first, by page (000, get_self_history)."""
        return self._client.ask(e.HISTORY, list[s.HistoryVideo], pn=page, ps=size)

    def iter_history(self, *, size: int = 100) -> Iterator[s.HistoryVideo]:
        """Everything that one watched, page after page; as ``history``."""
        return self._client.items(e.HISTORY, s.HistoryVideo, ps=size)

    def history_cursor(
        self,
        *,
        type: enums.HistoryType | str = enums.HistoryType.ALL,
        size: int = 20,
        view_at: int | None = None,
        max: int | None = None,
        business: enums.HistoryBusinessType | str | None = None,
    ) -> s.HistoryPage:
        """Everything that one looked at, the latest first (000, get_self_history_new).

        Args:
            type: which part of it.
            size: entries, 1 to 30.
            view_at: the last cursor's time, in seconds; None to begin.
            max: the last cursor's id; None to begin.
            business: the last cursor's kind; None to begin.
        """
        return self._client.ask(
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
    ) -> Iterator[s.HistoryEntry]:
        """Everything that one looked at, run after run; as ``history_cursor``."""
        return self._client.items(e.HISTORY_CURSOR, s.HistoryEntry, type=type, ps=size)

    def toview(self) -> s.Toview:
        """The videos put by to be watched later (000, get_toview_list)."""
        return self._client.ask(e.TOVIEW, s.Toview)

    def clear_toview(self) -> None:
        """Empty the watch-later list (000, clear_toview_list)."""
        self._client.tell(e.CLEAR_TOVIEW)

    def delete_viewed(self) -> None:
        """Take what has been watched out of that list (000, delete_viewed_videos_from_toview)."""
        self._client.tell(e.DELETE_VIEWED, viewed="true")

    # Notes

    def notes(self, *, page: int = 1, size: int = 20) -> s.NotePage:
        """One's own notes on videos (000, get_self_notes_info)."""
        return self._client.ask(e.NOTES, s.NotePage, pn=page, ps=size)

    def iter_notes(self, *, size: int = 20) -> Iterator[s.Note]:
        """Every note, page after page; as ``notes``."""
        return self._client.items(e.NOTES, s.Note, pn=1, ps=size)

    def public_notes(self, *, page: int = 1, size: int = 20) -> s.PublicNotePage:
        """One's own notes that others can read (000, get_self_public_notes_info)."""
        return self._client.ask(e.PUBLIC_NOTES, s.PublicNotePage, pn=page, ps=size)

    def iter_public_notes(self, *, size: int = 20) -> Iterator[s.PublicNote]:
        """Every public note, page after page; as ``public_notes``."""
        return self._client.items(e.PUBLIC_NOTES, s.PublicNote, pn=1, ps=size)

    # Logs

    def experience_log(self) -> s.ExperienceLog:
        """What one gained experience for in the last week (000, get_self_experience_log)."""
        return self._client.ask(e.EXPERIENCE_LOG, s.ExperienceLog)

    def moral_log(self) -> s.MoralLog:
        """One's moral value and what changed it (000, get_self_moral_log)."""
        return self._client.ask(e.MORAL_LOG, s.MoralLog)

    def login_log(self) -> s.LoginLog:
        """When and from where one signed in (000, get_self_login_log)."""
        return self._client.ask(e.LOGIN_LOG, s.LoginLog)

    def events(self, *, ts: int = 0) -> s.Events:
        """What happened to one's account since a time, in seconds (000, get_self_events).

        Deprecated: later clients have given it up.
        """
        return self._client.ask(e.EVENTS, s.Events, ts=ts)
