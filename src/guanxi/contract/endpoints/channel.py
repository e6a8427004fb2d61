"""Channels by their own id; those of an account are in its space."""

from __future__ import annotations

from guanxi.contract import params as p
from guanxi.contract import structs as s
from guanxi.contract.endpoint import Endpoint, Login

SEASON = Endpoint(
    name="channel.season",
    method="GET",
    path="/x/space/fav/season/list",
    params=p.SeasonId,
    data=s.SeasonById,
    login=Login.NONE,
    auth=frozenset(),
    own_codes=frozenset({-400, -404}),
    summary="A season and its owner, by the season's id.",
    seed="000, 001, ChannelSeries.get_meta; -404 is ours",
)
SERIES = Endpoint(
    name="channel.series",
    method="GET",
    path="/x/series/series",
    params=p.SeriesId,
    data=s.SeriesById,
    login=Login.NONE,
    auth=frozenset(),
    own_codes=frozenset({-400, -404}),
    summary="A series and its owner, by the series' id.",
    seed="000, 001, ChannelSeries.get_meta; -404 is ours",
)
