"""Rules for nicknames, signatures and notices; levels; fan reports of a time."""

from __future__ import annotations

import pytest

from guanxi.contract import structs as s
from guanxi.contract.limits import Limits
from guanxi.world.profile import (
    level_info,
    level_of,
    nickname_code,
    notice_code,
    report_since,
    signature_code,
)

LIMITS = Limits()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("山间放映室", 0),
        ("a-b_9", 0),
        ("ab", 0),
        ("x" * 16, 0),
        ("x" * 17, 40005),
        ("x", 40006),
        ("", 40006),
        ("a b", 40004),
        ("a.b", 40004),
        ("晚风🎮", 40004),
        ("a\nb", 40004),
    ],
)
def test_nickname_code(name: str, code: int) -> None:
    assert nickname_code(name, LIMITS) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [("", 0), ("每周更新, 谢谢!", 0), ("x" * 70, 0), ("x" * 71, 40022), ("好🎵", 40021)],
)
def test_signature_code(text: str, code: int) -> None:
    assert signature_code(text, LIMITS) == code


@pytest.mark.parametrize(
    ("text", "current", "code"),
    [
        ("new", "old", 0),
        ("", "old", 0),
        ("old", "old", -304),
        ("", "", -304),
        ("x" * 150, "", 0),
        ("x" * 151, "", -400),
    ],
)
def test_notice_code(text: str, current: str, code: int) -> None:
    assert notice_code(text, current, LIMITS) == code


@pytest.mark.parametrize(
    ("experience", "level"),
    [(0, 0), (1, 1), (199, 1), (200, 2), (10_799, 4), (10_800, 5), (28_800, 6), (10**9, 6)],
)
def test_level_of(experience: int, level: int) -> None:
    assert level_of(experience) == level


def test_level_info_has_the_bounds_of_the_level() -> None:
    info = level_info(300)
    assert (info.current_level, info.current_min, info.current_exp, info.next_exp) == (
        2,
        200,
        300,
        1_500,
    )
    assert level_info(30_000).next_exp == -1


def test_a_fan_report_of_a_time_has_only_those_who_follow_since() -> None:
    ranked = [s.RankedFan(mid) for mid in (3, 1, 2)]
    report = s.FanReport(
        s.FanSummary(total=9, inc=5), s.FanRanks(ranked, ranked[:1], ranked[1:]), s.FanMedals(7)
    )
    later = report_since(report, {1, 2, 8})
    assert (later.summary.total, later.summary.inc) == (9, 3)
    lists = later.rank_list
    found = [lists.dynamic_act, lists.video_act, lists.video_play]
    assert [[fan.mid for fan in one] for one in found] == [[1, 2], [], [1, 2]]
    assert (later.rank_medal, report.summary.inc) == (report.rank_medal, 5)
