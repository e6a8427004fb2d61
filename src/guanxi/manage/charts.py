"""Charts as SVG that the server makes: counts over time, arrivals and departures, last posted.

Each has its numbers as text too: in its label, and in a table that can be opened.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from guanxi.text import Text
from guanxi.toolbox import labels
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.difference import difference

#: The size of a chart's view, the most points of its line, and the most bars.
WIDTH, HEIGHT, _POINTS, _BARS = 600, 120, 300, 24


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


class Bar(NamedTuple):
    """A bar: its rectangle, and its label and value. ``time`` is a Unix time instead of a label."""

    x: float
    y: float
    width: float
    height: float
    value: int
    label: str = ""
    time: int = 0


class Flow(NamedTuple):
    """Arrivals upwards and departures downwards, a pair for each snapshot after the first shown."""

    name: Text
    came: list[Bar]
    left: list[Bar]
    #: Where neither is drawn: the line between both.
    middle: float


def of(archive: Archive) -> list[Chart]:
    """Return a chart of followings and one of followers, of those with two snapshots or more."""
    found = (_line(archive, name) for name in ("followings", "followers"))
    return [chart for chart in found if chart is not None]


def flows(archive: Archive) -> list[Flow]:
    """Return who came and left with each of the newest snapshots, of followings and followers.

    Who left counts only where both snapshots have the whole list, as in ``difference``.
    """
    rows = archive.rows(
        "SELECT id, begun FROM snapshot WHERE ended NOT NULL ORDER BY id DESC LIMIT ?",
        (_BARS + 1,),
    )
    rows.reverse()
    found = []
    for name in ("followings", "followers"):
        counts = []
        for old, new in pairwise(rows):
            one = difference(archive, old["id"], new["id"], lists=(name,)).counts().get(name, {})
            counts.append((new["begun"], one.get("came", 0), one.get("left", 0)))
        if any(came or left for _, came, left in counts):
            found.append(_flow(labels.LISTS[name], counts))
    return found


def last_posted(archive: Archive) -> list[Bar]:
    """Return how many followings last posted in each year; none if no year is known."""
    rows = archive.rows(
        "SELECT substr(last_posted, 1, 4) AS year, count(*) AS n FROM followings"
        " WHERE last_posted NOT NULL GROUP BY year ORDER BY year DESC LIMIT ?",
        (_BARS,),
    )
    counts = [(row["year"], row["n"]) for row in reversed(rows)]
    step = WIDTH / max(len(counts), 1)
    most = max((n for _, n in counts), default=1)
    bars = []
    for position, (year, n) in enumerate(counts):
        height = round((HEIGHT - 4) * n / most, 1)
        x, width = round(position * step + step * 0.1, 1), round(step * 0.8, 1)
        bars.append(Bar(x, HEIGHT - height, width, height, n, year))
    return bars


def _flow(name: Text, counts: list[tuple[int, int, int]]) -> Flow:
    most_came, most_left = max(came for _, came, _ in counts), max(left for *_, left in counts)
    scale = (HEIGHT - 6) / max(most_came + most_left, 1)
    middle = round(3 + most_came * scale, 1)
    step = WIDTH / len(counts)
    came, left = [], []
    for position, (time, arrived, departed) in enumerate(counts):
        x, width = round(position * step + step * 0.15, 1), round(step * 0.7, 1)
        up, down = round(arrived * scale, 1), round(departed * scale, 1)
        came.append(Bar(x, round(middle - up, 1), width, up, arrived, time=time))
        left.append(Bar(x, middle, width, down, departed, time=time))
    return Flow(name, came, left, middle)


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
