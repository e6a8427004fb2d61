"""Channels by their id: seasons and series."""

from __future__ import annotations

from typing import Any

from guanxi.contract import endpoints as e
from guanxi.contract.enums import ChannelOrder, ChannelSeriesType
from guanxi.contract.errors import AnswerException, StatementException
from guanxi.sdk import answers
from guanxi.sdk.credential import Credential
from guanxi.user import _clients
from guanxi.user import _types as t
from guanxi.user._about import Kept

#: The uid of a channel with an unknown owner.
_UNKNOWN = -1


class ChannelSeries:
    """A channel of a user, a season or a series (000, class ChannelSeries).

    Args:
        uid: the owner's mid; -1 if unknown: it is then fetched when it is needed.
        type_: season or series.
        id_: the channel's id.
        credential: the caller's, as in ``User``.

    ``meta`` is the channel's metadata, None until it is fetched; ``User.get_channels`` sets it.
    Raises ``StatementException`` if ``id_`` is -1 or ``type_`` is not a ``ChannelSeriesType``,
    ``ArgsException`` if an id is neither a number nor its digits as text.
    """

    def __init__(
        self,
        uid: int = _UNKNOWN,
        type_: ChannelSeriesType = ChannelSeriesType.SERIES,
        id_: int = -1,
        credential: Credential | None = None,
    ) -> None:
        uid, id_ = _clients.as_id("uid", uid), _clients.as_id("id_", id_)
        if id_ == -1:
            raise StatementException("id_: must be a channel's id")
        if not isinstance(type_, ChannelSeriesType):
            raise StatementException("type_: must be a ChannelSeriesType")
        self._uid = uid
        self.id_ = id_
        self.is_new = type_.value
        self._kept = Kept(credential)
        self.meta: dict[str, Any] | None = None

    @property
    def credential(self) -> Credential:
        """The caller's credential; can be set. None selects that of ``using`` or the environment.

        Copies share it and pickles leave it out, as with ``User.credential``.

        Reading raises ``TypeError`` if it was set to any other type, ``ValueError`` if the
        environment's is invalid.
        """
        return _clients.account_of(self._kept.credential)

    @credential.setter
    def credential(self, credential: Credential | None) -> None:
        self._kept = Kept(credential)

    @property
    def owner(self) -> t.User:
        """The user who owns the channel; its uid is -1 if it is not known yet. Sends nothing."""
        return t.User(self._uid, self._kept.credential)

    def __repr__(self) -> str:
        return f"ChannelSeries({self._uid}, {self.get_type()}, {self.id_})"

    def get_type(self) -> ChannelSeriesType:
        """Return whether the channel is a season or a series. Sends nothing."""
        return ChannelSeriesType(self.is_new)

    def get_id(self) -> int:
        """Return the channel's id. Sends nothing."""
        return self.id_

    async def get_meta(self) -> dict[str, Any]:
        """Return the channel's metadata (000); it is fetched only once, signed out.

        The first call sets ``meta`` and the owner. Raises ``NotFound`` (no such channel),
        ``AnswerException`` if the response does not name the owner, or another ``ApiException``.
        """
        if self.meta is None:
            if self.get_type() is ChannelSeriesType.SEASON:
                data = await _clients.call(e.SEASON, {"season_id": self.id_}, Credential())
                meta, uid = answers.at(data, "info"), answers.at(data, "info.upper.mid")
            else:
                data = await _clients.call(e.SERIES, {"series_id": self.id_}, Credential())
                meta, uid = answers.at(data, "meta"), answers.at(data, "meta.mid")
            if not isinstance(meta, dict) or not isinstance(uid, int):
                raise AnswerException(
                    "the response does not name the owner of the channel", path="$.data"
                )
            self.meta, self._uid = meta, uid
        return self.meta

    async def get_owner(self) -> t.User:
        """Return the user who owns the channel (000).

        An unknown owner is fetched with ``get_meta``, whose errors pass through.
        """
        if self._uid == _UNKNOWN:
            await self.get_meta()
        return self.owner

    async def get_videos(
        self, sort: ChannelOrder = ChannelOrder.DEFAULT, pn: int = 1, ps: int = 100
    ) -> t.SeasonVideos | t.SeriesVideos:
        """Return one page of the channel's videos (000); an unknown owner is fetched first.

        ``sort`` is the order, ``pn`` the page, from 1, ``ps`` the items per page, 1 to 100. Errors
        are those of ``User.get_channel_videos_season`` or
        ``User.get_channel_videos_series``, and the errors of ``get_meta``.
        """
        owner = await self.get_owner()
        if self.get_type() is ChannelSeriesType.SEASON:
            return await owner.get_channel_videos_season(self.id_, sort, pn, ps)
        return await owner.get_channel_videos_series(self.id_, sort, pn, ps)


def known(
    uid: int,
    type_: ChannelSeriesType,
    id_: int,
    credential: Credential | None,
    meta: dict[str, Any],
) -> ChannelSeries:
    """Return a new ``ChannelSeries`` with ``meta`` set, so that it need not be fetched.

    Raise ``StatementException`` if ``id_`` is -1 or ``type_`` is not a ``ChannelSeriesType``.
    """
    channel = ChannelSeries(uid, type_, id_, credential)
    channel.meta = meta
    return channel
