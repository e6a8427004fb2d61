"""Channels: seasons before series, paged as one list, and the videos in each."""

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
_UNKNOWN_MID = 9_999_999_999


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as running_service:
        yield running_service


@pytest.fixture(scope="module")
def owner(service: RunningService) -> SignedIn:
    """An owner with one season and one series of many videos; the second video does not exist."""
    account = someone(service, Card(name="频道主", face="f"))
    base = _base(account)
    put(
        service,
        account.mid,
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
        account.mid,
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
        account.mid,
        videos.SERIES,
        *(
            videos.Series(s.SeriesMeta(base + n, name=f"列表{n}", mtime=n), aids if n == 4 else ())
            for n in range(_SERIES)
        ),
    )
    return account


def _base(owner: SignedIn) -> int:
    return owner.mid * 1000


@pytest.mark.parametrize(
    "endpoint", [e.CHANNELS, e.LEGACY_CHANNELS], ids=lambda endpoint: endpoint.name
)
@pytest.mark.parametrize("size", [4, 13, 20, 100])
def test_seasons_and_series_are_paged_as_one_list(
    service: RunningService, owner: SignedIn, endpoint: Endpoint, size: int
) -> None:
    base = _base(owner)
    id_pages = list(pages(service, endpoint, mid=owner.mid, page_size=size))
    assert [len(page) for page in id_pages[:-1]] == [size] * (len(id_pages) - 1)
    assert [key for page in id_pages for key in page] == [
        *((0, base + n, None) for n in reversed(range(_SEASONS))),
        *((1, None, base + n) for n in reversed(range(_SERIES))),
    ]
    total = read(service, endpoint, mid=owner.mid, page_size=size).lists.page
    assert total == s.NumberedPage(1, size, _SEASONS + _SERIES)


def test_a_channel_lists_its_first_existing_videos(
    service: RunningService, owner: SignedIn
) -> None:
    base = _base(owner)
    lists = read(service, e.CHANNELS, mid=owner.mid, page_size=100).lists
    long_season = next(item for item in lists.seasons if item.meta.id == base + 3)
    assert long_season.meta == s.SeasonMeta(
        base + 3, cover="c", description="d", mid=owner.mid, name="合集3", ptime=1, total=_LONG
    )
    assert long_season.recent_aids == [base, base + 2, base + 3, base + 4]
    assert [item.aid for item in long_season.archives] == long_season.recent_aids
    assert (long_season.archives[1].title, long_season.archives[1].stat.view) == ("v2", 2)
    assert long_season.archives[1].bvid == bvid_of(base + 2)
    series = next(item for item in lists.series if item.meta.id == base + 4)
    assert (series.meta.mid, series.meta.total, series.meta.name) == (owner.mid, _LONG, "列表4")
    assert series.recent_aids == long_season.recent_aids
    assert lists.series[0].archives == []


@pytest.mark.parametrize(
    "endpoint", [e.CHANNELS, e.LEGACY_CHANNELS], ids=lambda endpoint: endpoint.name
)
@pytest.mark.parametrize("count", [0, 1, 101, 260])
def test_older_clients_get_all_channels_in_one_page_as_large_as_the_total(
    service: RunningService, endpoint: Endpoint, count: int
) -> None:
    account = someone(service, Card(name=f"{count}个频道", face="f"))
    base = _base(account)
    put(
        service,
        account.mid,
        videos.SERIES,
        *(videos.Series(s.SeriesMeta(base + n, name=f"列表{n}", mtime=n)) for n in range(count)),
    )
    total = read(service, endpoint, mid=account.mid, page_size=1).lists.page.total
    assert total == count
    lists = read(service, endpoint, mid=account.mid, page_size=total).lists
    assert [item.meta.id for item in lists.series] == [base + n for n in reversed(range(count))]
    assert lists.page == s.NumberedPage(1, count, count)


def test_an_account_without_channels_has_an_empty_page(service: RunningService) -> None:
    lists = read(service, e.CHANNELS, mid=_UNKNOWN_MID).lists
    assert (lists.seasons, lists.series, lists.page.total) == ([], [], 0)
    for invalid in ({"page_size": 10_001}, {"page_size": -1}, {"page_num": 0}):
        assert ask(service, e.CHANNELS, mid=1, **invalid).code == -400


@pytest.mark.parametrize(
    "endpoint", [e.SEASON_VIDEOS, e.LEGACY_SEASON_VIDEOS], ids=lambda endpoint: endpoint.name
)
@pytest.mark.parametrize("reverse", ["false", "true"])
def test_a_season_is_paged_in_both_orders(
    service: RunningService, owner: SignedIn, endpoint: Endpoint, reverse: str
) -> None:
    base = _base(owner)
    params: dict[str, object] = {
        "mid": owner.mid,
        "season_id": base + 3,
        "sort_reverse": reverse,
        "page_size": 8,
    }
    order = [base + n for n in range(_LONG)][:: -1 if reverse == "true" else 1]
    assert walk(service, endpoint, **params) == [aid for aid in order if aid != base + 1]
    page = read(service, endpoint, **params, page_num=2)
    assert page.aids == order[8:16]
    assert page.page == s.NumberedPage(2, 8, _LONG)
    assert (page.meta.id, page.meta.mid, page.meta.total) == (base + 3, owner.mid, _LONG)


@pytest.mark.parametrize("sort", ["desc", "asc"])
def test_a_series_is_paged_in_both_orders(
    service: RunningService, owner: SignedIn, sort: str
) -> None:
    base = _base(owner)
    params: dict[str, object] = {
        "mid": owner.mid,
        "series_id": base + 4,
        "sort": sort,
        "ps": 8,
    }
    order = [base + n for n in range(_LONG)][:: -1 if sort == "asc" else 1]
    assert walk(service, e.SERIES_VIDEOS, **params) == [aid for aid in order if aid != base + 1]
    page = read(service, e.SERIES_VIDEOS, **params, pn=5)
    assert page.aids == order[32:]
    assert page.page == s.SizedPage(5, 8, _LONG)


def test_a_channel_of_another_account_is_refused(service: RunningService, owner: SignedIn) -> None:
    base, other = _base(owner), someone(service)
    for mid, number in ((other.mid, base + 3), (owner.mid, 1), (owner.mid, 2**63 - 1)):
        assert ask(service, e.SEASON_VIDEOS, mid=mid, season_id=number).code == -400
        assert ask(service, e.SERIES_VIDEOS, mid=mid, series_id=number).code == -400
    for invalid in ({"sort_reverse": "yes"}, {"page_size": 101}, {"page_num": 0}):
        params = {"mid": owner.mid, "season_id": base + 3, **invalid}
        assert ask(service, e.SEASON_VIDEOS, **params).code == -400


def test_a_season_by_its_id(service: RunningService, owner: SignedIn) -> None:
    base = _base(owner)
    data = read(service, e.SEASON, season_id=base + 3)
    assert data.info == s.SeasonInfo(
        base + 3, "合集3", "c", "d", _LONG, s.Author(owner.mid, "频道主", "f")
    )
    assert ask(service, e.SEASON, season_id=1).code == -404
    assert ask(service, e.SEASON, season_id=0).code == -400


def test_a_series_by_its_id(service: RunningService, owner: SignedIn) -> None:
    base = _base(owner)
    data = read(service, e.SERIES, series_id=base + 4)
    assert (data.meta.id, data.meta.mid, data.meta.total) == (base + 4, owner.mid, _LONG)
    assert data.recent_aids == [base, base + 2, base + 3, base + 4]
    assert ask(service, e.SERIES, series_id=1).code == -404
    assert ask(service, e.SERIES).code == -400
