"""The soak itself: short here, a minute in the long form, ten by ``make soak``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.counts import LONG, count
from tools.soak import soaking
from tools.soak.soaking import Plan, Report, show, soak
from tools.soak.watch import Sample, Usage, growths, slope
from tools.soak.world import Crowd, Feed, Model, differences, fill

#: A second: the start of the processes costs more than that.
SHORT = Plan(seconds=60, connections=8, crowd=300, most=800)
MINUTE = Plan(seconds=60, crowd=20_000)


def test_every_response_of_a_soak_is_what_the_model_allows(tmp_path: Path) -> None:
    report = soak(MINUTE if LONG else SHORT, str(tmp_path / "soak.db"), tmp_path)
    assert report.wrong == []
    assert sum(report.responses.values()) >= count(800, 5_000)
    assert len(report.responses) == 10
    assert 0 < report.changes <= report.responses["write"]
    assert len(report.memory) == len(report.handles) == 3


def test_a_store_that_differs_is_noticed(tmp_path: Path) -> None:
    model, store = Model(1, 10), str(tmp_path / "soak.db")
    asyncio.run(fill(store, model, 1_700_000_000))
    assert asyncio.run(differences(store, model)) == []
    first, second = model.owned(0)[:2]
    first.followings[1] = None
    second.blocks[2] = None
    assert asyncio.run(differences(store, model)) == [
        "followings of 1000: () in the store",
        "blocks of 1001: () in the store",
        "hub 1: 10 followers, not 11",
    ]


def test_the_number_of_a_hubs_followers_has_bounds() -> None:
    crowd = Crowd(100)
    before = crowd.seen()
    crowd.begun += 2  # two follows were sent, one of them answered
    crowd.done += 1
    crowd.leaving += 1  # an unfollow was sent
    assert [*crowd.bounds(before)] == [99, 100, 101, 102]
    assert [*crowd.bounds(crowd.seen())] == [100, 101, 102]


def test_the_feed_must_show_each_change_in_its_order() -> None:
    model = Model(1, 10)
    feed = Feed(model)
    model.accounts[1000].expected += [("follow", 1), ("unfollow", 1), ("block", 2)]
    feed.item({"number": 5, "actor": 1000, "kind": "follow", "target": 1})
    feed.item({"number": 6, "actor": 7, "kind": "follow", "target": 1})
    assert feed.wrong == []
    feed.item({"number": 7, "actor": 1000, "kind": "block", "target": 2})
    feed.item({"number": 7, "actor": 1000, "kind": "block", "target": 2})
    assert feed.wrong == [
        "feed: ('block', 2) of 1000, not ('unfollow', 1)",
        "feed: 7 after 7",
    ]
    assert (feed.missing(), feed.seen) == (0, 3)


def test_a_slope_ignores_a_few_peaks() -> None:
    assert slope([]) == slope([(1, 5)]) == 0
    flat = [(float(at), 100.0) for at in range(60)]
    assert slope([*flat, (60, 900.0), (61, 900.0)]) == 0
    assert slope([(at, 7.0 * at) for at in range(1_000)]) == pytest.approx(7)


def test_growth_is_of_the_processes_that_lived_throughout() -> None:
    def usage(size: int) -> Usage:
        return Usage(size, size, size, 10, 0.0)

    samples = [Sample(at, {1: usage(100 + at), 2 + at: usage(5)}, 0) for at in range(11)]
    [growth] = growths(samples, lambda one: one.anonymous)
    assert (growth.pid, growth.typical, growth.most, growth.grown) == (1, 105, 110, 10)


def test_a_report_shows_what_was_wrong() -> None:
    lines: list[str] = []
    report = Report(
        seconds=2.0,
        responses={"relation": 10},
        p50_ms=1.0,
        p99_ms=2.0,
        changes=0,
        memory=growths([Sample(0, {1: Usage(1, 1, 1 << 20, 9, 0.0)}, 0)], lambda one: one.rss),
        handles=[],
        log_bytes=0,
        cpu={1: 0.5},
        wrong=["a process ended or was started"],
    )
    show(report, lines.append)
    assert lines[0] == "10 responses in 2 s: 5 a second, p50 1.0 ms, p99 2.0 ms"
    assert lines[-1] == "  WRONG a process ended or was started"


def test_memory_that_grows_is_noticed() -> None:
    megabyte = 1 << 20
    samples = [
        Sample(at, {1: Usage(0, 0, (50 + at) * megabyte, 9 + at, 0.0)}, 0) for at in range(11)
    ]
    [memory] = growths(samples, lambda one: one.anonymous)
    [handles] = growths(samples, lambda one: one.handles)
    assert not soaking._is_flat(memory)
    assert handles.grown > soaking.GROWS_HANDLES
