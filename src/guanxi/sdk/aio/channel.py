"""Typed methods for channels by their id. An account's channels are in ``space``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract import structs as s

if TYPE_CHECKING:
    from guanxi.sdk.aio.client import Client


class ChannelArea:
    """The methods of ``client.channel``. They need no sign-in."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def season(self, season: int) -> s.SeasonById:
        """Return a season's metadata, with its owner (000, ChannelSeries.get_meta).

        ``season`` is its id. Needs no sign-in. Raises ``NotFound`` if there is no such season, and
        as ``call_as``.
        """
        return await self._client.call_as(e.SEASON, s.SeasonById, season_id=season)

    async def series(self, series: int) -> s.SeriesById:
        """Return a series' metadata, owner and first aids (000, ChannelSeries.get_meta).

        ``series`` is its id. Needs no sign-in. Raises ``NotFound`` if there is no such series, and
        as ``call_as``.
        """
        return await self._client.call_as(e.SERIES, s.SeriesById, series_id=series)
