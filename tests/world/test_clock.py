"""Times in the wire's formats."""

from __future__ import annotations

import pytest

from guanxi.world import clock

#: 2023-11-15 06:13:20 in Beijing, the day before in London.
INSTANT = 1_700_000_000


def test_times_are_in_beijing_time() -> None:
    assert clock.minute(INSTANT) == "2023-11-15 06:13"
    assert clock.second(INSTANT) == "2023-11-15 06:13:20"
    assert clock.day(INSTANT) == "2023-11-15"


def test_seconds_of_day_is_the_beginning_in_beijing() -> None:
    beginning = clock.seconds_of_day("2023-11-15")
    assert clock.second(beginning) == "2023-11-15 00:00:00"
    with pytest.raises(ValueError, match="day is out of range"):
        clock.seconds_of_day("2023-02-30")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00"), (59, "00:59"), (61, "01:01"), (6_000, "100:00")]
)
def test_length(seconds: int, text: str) -> None:
    assert clock.length(seconds) == text
