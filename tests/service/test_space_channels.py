"""Channels: seasons before series in one numbering, and the videos in each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guanxi.accounts.account import Card
from guanxi.contract import endpoints as e
from guanxi.contract import structs as s
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.ids import bvid_of
from guanxi.testing import RunningService, SignedIn, running
from guanxi.world import videos
from tests.service.content_fixtures import ask, pages, put, read, someone, walk

_SEASONS, _SERIES, _LONG = 13, 10, 33
_NOBODY = 9_999_999_999


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as one:
        yield one


@pytest.fixture(scope="module")
def owner(service: RunningService) -> SignedIn:
    """One season and one series hold many videos, of which the second is gone."""
    one = someone(service, Card(name="频道主", face="f"))
    base = _base(one)
    put(
        service,
        one.mid,
        videos.VIDEO,
        *(
            s.Video(base + n, title=f"v{n}", pubdate=n, stat=s.VideoStat(view=n))
            for n in range(_LONG)
            if n != 1
        ),
    )
    aids = tuple(base + n for n in range(_LONG))
    put(
        service,
        one.mid,
        videos.SEASON,
        *(
            videos.Season(
                s.SeasonMeta(base + n, name=f"合集{n}", ptime=n // 2, cover="c", description="d"),
                aids if n == 3 else aids[: n % 3],
            )
            for n in range(_SEASONS)
        ),
    )
    put(
        service,
        one.mid,
        videos.SERIES,
        *(
            videos.Series(s.SeriesMeta(base + n, name=f"列表{n}", mtime=n), aids if n == 4 else ())
            for n in range(_SERIES)
        ),
    )
    return one


def _base(owner: SignedIn) -> int:
    return owner.mid * 1000


@pytest.mark.parametrize("endpoint", [e.CHANNELS, e.LEGACY_CHANNELS], ids=lambda one: one.name)
@pytest.mark.parametrize("size", [4, 13, 20, 100])
def test_channels_in_one_numbering(
    service: RunningService, owner: SignedIn, endpoint: Endpoint, size: int
) -> None:
    base = _base(owner)
    told = list(pages(service, endpoint, mid=owner.mid, page_size=size))
    assert [len(page) for page in told[:-1]] == [size] * (len(told) - 1)
    assert [key for page in told for key in page] == [
        *((0, base + n, None) for n in reversed(range(_SEASONS))),
        *((1, None, base + n) for n in reversed(range(_SERIES))),
    ]
    total = read(service, endpoint, mid=owner.mid, page_size=size).lists.page
    assert total == s.NumberedPage(1, size, _SEASONS + _SERIES)


def test_a_channel_of_the_list(service: RunningService, owner: SignedIn) -> None:
    base = _base(owner)
    lists = read(service, e.CHANNELS, mid=owner.mid, page_size=100).lists
    long_one = next(one for one in lists.seasons if one.meta.id == base + 3)
    assert long_one.meta == s.SeasonMeta(
        base + 3, cover="c", description="d", mid=owner.mid, name="合集3", ptime=1, total=_LONG
    )
    assert long_one.recent_aids == [base, base + 2, base + 3, base + 4]
    assert [one.aid for one in long_one.archives] == long_one.recent_aids
    assert (long_one.archives[1].title, long_one.archives[1].stat.view) == ("v2", 2)
    assert long_one.archives[1].bvid == bvid_of(base + 2)
    series = next(one for one in lists.series if one.meta.id == base + 4)
    assert (series.meta.mid, series.meta.total, series.meta.name) == (owner.mid, _LONG, "列表4")
    assert series.recent_aids == long_one.recent_aids
    assert lists.series[0].archives == []


def test_no_channels(service: RunningService) -> None:
    lists = read(service, e.CHANNELS, mid=_NOBODY).lists
    assert (lists.seasons, lists.series, lists.page.total) == ([], [], 0)
    for wrong in ({"page_size": 101}, {"page_num": 0}):
        assert ask(service, e.CHANNELS, mid=1, **wrong).code == -400


@pytest.mark.parametrize(
    "endpoint", [e.SEASON_VIDEOS, e.LEGACY_SEASON_VIDEOS], ids=lambda one: one.name
)
@pytest.mark.parametrize("reverse", ["false", "true"])
def test_videos_of_a_season(
    service: RunningService, owner: SignedIn, endpoint: Endpoint, reverse: str
) -> None:
    base = _base(owner)
    asked: dict[str, object] = {
        "mid": owner.mid,
        "season_id": base + 3,
        "sort_reverse": reverse,
        "page_size": 8,
    }
    order = [base + n for n in range(_LONG)][:: -1 if reverse == "true" else 1]
    assert walk(service, endpoint, **asked) == [aid for aid in order if aid != base + 1]
    page = read(service, endpoint, **asked, page_num=2)
    assert page.aids == order[8:16]
    assert page.page == s.NumberedPage(2, 8, _LONG)
    assert (page.meta.id, page.meta.mid, page.meta.total) == (base + 3, owner.mid, _LONG)


@pytest.mark.parametrize("sort", ["desc", "asc"])
def test_videos_of_a_series(service: RunningService, owner: SignedIn, sort: str) -> None:
    base = _base(owner)
    asked: dict[str, object] = {
        "mid": owner.mid,
        "series_id": base + 4,
        "sort": sort,
        "ps": 8,
    }
    order = [base + n for n in range(_LONG)][:: -1 if sort == "asc" else 1]
    assert walk(service, e.SERIES_VIDEOS, **asked) == [aid for aid in order if aid != base + 1]
    page = read(service, e.SERIES_VIDEOS, **asked, pn=5)
    assert page.aids == order[32:]
    assert page.page == s.SizedPage(5, 8, _LONG)


def test_a_channel_of_somebody_else(service: RunningService, owner: SignedIn) -> None:
    base, other = _base(owner), someone(service)
    for mid, number in ((other.mid, base + 3), (owner.mid, 1), (owner.mid, 2**63 - 1)):
        assert ask(service, e.SEASON_VIDEOS, mid=mid, season_id=number).code == -400
        assert ask(service, e.SERIES_VIDEOS, mid=mid, series_id=number).code == -400
    for wrong in ({"sort_reverse": "yes"}, {"page_size": 101}, {"page_num": 0}):
        asked = {"mid": owner.mid, "season_id": base + 3, **wrong}
        assert ask(service, e.SEASON_VIDEOS, **asked).code == -400


def test_a_season_by_its_id(service: RunningService, owner: SignedIn) -> None:
    base = _base(owner)
    told = read(service, e.SEASON, season_id=base + 3)
    assert told.info == s.SeasonInfo(
        base + 3, "合集3", "c", "d", _LONG, s.Author(owner.mid, "频道主", "f")
    )
    assert ask(service, e.SEASON, season_id=1).code == -404
    assert ask(service, e.SEASON, season_id=0).code == -400


def test_a_series_by_its_id(service: RunningService, owner: SignedIn) -> None:
    base = _base(owner)
    told = read(service, e.SERIES, series_id=base + 4)
    assert (told.meta.id, told.meta.mid, told.meta.total) == (base + 4, owner.mid, _LONG)
    assert told.recent_aids == [base, base + 2, base + 3, base + 4]
    assert ask(service, e.SERIES, series_id=1).code == -404
    assert ask(service, e.SERIES).code == -400
