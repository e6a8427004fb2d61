"""Charts: what came and left with each snapshot, and when followings last posted."""

from __future__ import annotations

from pathlib import Path

from guanxi.manage import charts
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive

T = 1_700_000_000


def test_arrivals_and_departures_are_those_of_each_snapshot(tmp_path: Path) -> None:
    with new_archive(tmp_path) as archive:
        add_snapshot(archive, T, followings=[item(2), item(3)])
        assert charts.flows(archive) == []
        add_snapshot(archive, T + DAY, followings=[item(2), item(4), item(5), item(6)])
        add_snapshot(archive, T + 2 * DAY, followings=[item(2)], incomplete=["followings"])
        [flow] = charts.flows(archive)
        assert [(bar.time, bar.value) for bar in flow.came] == [(T + DAY, 3), (T + 2 * DAY, 0)]
        # A list that is not complete never says who left.
        assert [bar.value for bar in flow.left] == [1, 0]
        assert flow.came[0].height == 3 * flow.left[0].height
        assert flow.came[0].y + flow.came[0].height == flow.middle == flow.left[0].y


def test_the_years_are_those_of_the_last_posts(tmp_path: Path) -> None:
    with new_archive(tmp_path) as archive:
        add_snapshot(archive, T, followings=[item(2), item(3), item(4), item(5)])
        assert charts.last_posted(archive) == []
        rows = [(2, 1_577_836_800), (3, 1_577_836_801), (4, 1_704_067_200)]
        archive.db.executemany("INSERT INTO fact (mid, last_posted) VALUES (?, ?)", rows)
        bars = charts.last_posted(archive)
        assert [(bar.label, bar.value) for bar in bars] == [("2020", 2), ("2024", 1)]
        assert bars[0].height == 2 * bars[1].height
        assert all(bar.y + bar.height == charts.HEIGHT for bar in bars)
