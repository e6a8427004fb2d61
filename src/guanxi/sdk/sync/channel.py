# Made by `make generate` from src/guanxi/sdk/aio/channel.py.
# Do not edit: edit that instead.

"""Channels by their own id, typed; those of an account are in ``space``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guanxi.contract import endpoints as e
from guanxi.contract import structs as s

if TYPE_CHECKING:
    from guanxi.sdk.sync.client import SyncClient


class ChannelArea:
    """``client.channel``. No sign-in; ``NotFound`` where there is no such channel."""

    def __init__(self, client: SyncClient) -> None:
        self._client = client

    def season(self, season: int) -> s.SeasonById:
        """What a season is, and whose (000, ChannelSeries.get_meta)."""
        return self._client.ask(e.SEASON, s.SeasonById, season_id=season)

    def series(self, series: int) -> s.SeriesById:
        """What a series is, and whose (000, ChannelSeries.get_meta)."""
        return self._client.ask(e.SERIES, s.SeriesById, series_id=series)
