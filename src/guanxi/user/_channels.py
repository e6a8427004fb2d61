"""A channel by its id: a season or a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guanxi.contract import endpoints as e
from guanxi.contract.enums import ChannelOrder, ChannelSeriesType
from guanxi.contract.errors import AnswerException, StatementException
from guanxi.sdk import answers
from guanxi.sdk.credential import Credential
from guanxi.user import _clients

if TYPE_CHECKING:
    from guanxi.user._shapes import SeasonVideos, SeriesVideos
    from guanxi.user._user import User

#: The uid of a channel whose owner is not known yet.
_UNKNOWN = -1


class ChannelSeries:
    """A channel, as ``User.get_channels`` lists them (000, class ChannelSeries).

    Args:
        uid: whose it is; -1 where that is not known: it is asked for when it is needed.
        type_: season or series.
        id_: its id.
        credential: who is looking, as in ``User``.

    ``meta`` is what is known of it, None until it is asked for. Raises ``StatementException`` for
    an ``id_`` of -1 and a ``type_`` of None.
    """

    def __init__(
        self,
        uid: int = _UNKNOWN,
        type_: ChannelSeriesType = ChannelSeriesType.SERIES,
        id_: int = -1,
        credential: Credential | None = None,
    ) -> None:
        if id_ == -1:
            raise StatementException("id_: must be a channel's id")
        if not isinstance(type_, ChannelSeriesType):
            raise StatementException("type_: must be a ChannelSeriesType")
        self._uid = uid
        self.id_ = id_
        self.is_new = type_.value
        self._credential = credential
        self.meta: dict[str, Any] | None = None

    @property
    def credential(self) -> Credential:
        """Who is looking; can be set."""
        return _clients.account_of(self._credential)

    @credential.setter
    def credential(self, credential: Credential | None) -> None:
        self._credential = credential

    @property
    def owner(self) -> User:
        """Whose it is; of uid -1 where that is not known yet."""
        from guanxi.user._user import User  # it is made of parts that make channels

        return User(self._uid, self._credential)

    def __repr__(self) -> str:
        return f"ChannelSeries({self._uid}, {self.get_type()}, {self.id_})"

    def get_type(self) -> ChannelSeriesType:
        """Season or series. Sends nothing."""
        return ChannelSeriesType(self.is_new)

    def get_id(self) -> int:
        """Its id. Sends nothing."""
        return self.id_

    async def get_meta(self) -> dict[str, Any]:
        """What it is, and whose (000): asked for once. No sign-in. Raises ``NotFound``."""
        if self.meta is None:
            if self.get_type() is ChannelSeriesType.SEASON:
                data = await _clients.call(e.SEASON, {"season_id": self.id_}, Credential())
                meta, uid = answers.at(data, "info"), answers.at(data, "info.upper.mid")
            else:
                data = await _clients.call(e.SERIES, {"series_id": self.id_}, Credential())
                meta, uid = answers.at(data, "meta"), answers.at(data, "meta.mid")
            if not isinstance(meta, dict) or not isinstance(uid, int):
                raise AnswerException("the answer does not say whose the channel is", path="$.data")
            self.meta, self._uid = meta, uid
        return self.meta

    async def get_owner(self) -> User:
        """Whose it is (000); asked for where it is not known."""
        if self._uid == _UNKNOWN:
            await self.get_meta()
        return self.owner

    async def get_videos(
        self, sort: ChannelOrder = ChannelOrder.DEFAULT, pn: int = 1, ps: int = 100
    ) -> SeasonVideos | SeriesVideos:
        """Its videos (000). See ``User.get_channel_videos_season`` and ``…_series``."""
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
    """A channel whose ``meta`` came with a list."""
    channel = ChannelSeries(uid, type_, id_, credential)
    channel.meta = meta
    return channel
