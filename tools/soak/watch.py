"""What the processes of a service use: memory, file handles, processor time, the store's log."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

_KB = re.compile(rb"^(Rss|Pss|Anonymous):\s+(\d+) kB", re.M)
#: How many samples a slope is made of, at most: each pair of them is looked at.
_MOST = 400


class Usage(NamedTuple):
    """What a process used at a time, in bytes.

    ``rss`` and ``pss`` include the pages of the store's file that the process has mapped, which the
    system may take back; ``anonymous`` is what the process itself holds.
    """

    rss: int
    pss: int
    anonymous: int
    handles: int
    #: Seconds of processor time since its start.
    cpu: float


class Sample(NamedTuple):
    """What all processes used at a time, by pid, and the size of the store's log."""

    seconds: float
    usages: dict[int, Usage]
    log: int


def usage(pid: int) -> Usage:
    """Return what a process uses. Raise OSError if there is none."""
    folder = Path(f"/proc/{pid}")
    found = {
        name: int(kb) * 1024 for name, kb in _KB.findall((folder / "smaps_rollup").read_bytes())
    }
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    handles = len(os.listdir(folder / "fd"))
    return Usage(found[b"Rss"], found[b"Pss"], found[b"Anonymous"], handles, cpu)


def family(pid: int) -> list[int]:
    """Return a process and its children, the workers."""
    children = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that ended
            children += map(int, (task / "children").read_text().split())
    return children


def sample(pid: int, store: str, seconds: float) -> Sample:
    """Return what a service and its workers use, some seconds after the start."""
    log = 0
    with suppress(OSError):  # a store on a server, or without a log
        log = os.stat(f"{store}-wal").st_size
    return Sample(seconds, {one: usage(one) for one in family(pid)}, log)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of a line through points: the median of those between any two of them.

    A few peaks do not change it (Theil and Sen). 0 for less than two points.
    """
    points = points[:: -(-len(points) // _MOST)] if points else points
    slopes = [
        (y - one[1]) / (x - one[0])
        for index, one in enumerate(points)
        for x, y in points[index + 1 :]
        if x > one[0]
    ]
    return median(slopes) if slopes else 0.0


class Growth(NamedTuple):
    """How one figure of a process was after the warm-up: typically, at most, and its growth."""

    pid: int
    typical: float
    most: float
    #: How much it grew during the samples, by their slope.
    grown: float


def growths(samples: Sequence[Sample], of: Callable[[Usage], float]) -> list[Growth]:
    """Return the growth of a figure of each process that lived through all samples."""
    pids = set.intersection(*(set(one.usages) for one in samples)) if samples else set()
    found = []
    for pid in sorted(pids):
        points = [(one.seconds, of(one.usages[pid])) for one in samples]
        values = [value for _, value in points]
        grown = slope(points) * (points[-1][0] - points[0][0])
        found.append(Growth(pid, median(values), max(values), grown))
    return found
