"""Lines over time, as SVG: how many followings and followers each snapshot found."""

from __future__ import annotations

from typing import NamedTuple

from guanxi.text import Text
from guanxi.toolbox import labels
from guanxi.toolbox.archive import Archive

#: The size of a chart's view, and the most points of its line.
WIDTH, HEIGHT, _POINTS = 600, 120, 300


class Chart(NamedTuple):
    """A line: its points as SVG has them, and the values and Unix times of its ends."""

    name: Text
    points: str
    first: int
    last: int
    low: int
    high: int
    since: int
    until: int


def of(archive: Archive) -> list[Chart]:
    """Return a chart of followings and one of followers, of those with two snapshots or more."""
    found = (_line(archive, name) for name in ("followings", "followers"))
    return [chart for chart in found if chart is not None]


def _line(archive: Archive, name: str) -> Chart | None:
    rows = archive.rows(
        "SELECT s.begun, coalesce(r.total, r.shown) AS n FROM snapshot AS s"
        " JOIN reading AS r ON r.snapshot = s.id AND r.list = ?"
        " WHERE s.ended NOT NULL ORDER BY s.id",
        (name,),
    )
    if len(rows) < 2:
        return None
    step = -(-len(rows) // _POINTS)
    rows = [*rows[:-1:step], rows[-1]]
    times, numbers = [row["begun"] for row in rows], [row["n"] for row in rows]
    low, high = min(numbers), max(numbers)
    points = " ".join(
        f"{WIDTH * (at - times[0]) / max(times[-1] - times[0], 1):.1f},"
        f"{HEIGHT / 2 if low == high else 4 + (HEIGHT - 8) * (high - number) / (high - low):.1f}"
        for at, number in zip(times, numbers, strict=True)
    )
    return Chart(
        labels.LISTS[name], points, numbers[0], numbers[-1], low, high, times[0], times[-1]
    )
