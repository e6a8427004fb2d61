"""Run the service under a profiler: ``python -m bench.profiled FOLDER STORE PORT``.

The profile of each thread is written to a file in FOLDER when the thread ends.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from guanxi.service import server
from guanxi.service.configuration import load

_TOP = 15
#: Time in this call is waiting for work, and is not counted.
_WAITING = "<method 'get' of '_queue.SimpleQueue' objects>"


def serve(folder: Path, store: str, port: int) -> None:
    """Serve until stopped, as `guanxi serve` does, and write the profiles to `folder`.

    The profile of the event loop begins when the service is ready.
    """
    threads = threading.Thread.run

    def run(thread: threading.Thread) -> None:
        profile = cProfile.Profile()
        with suppress(ValueError):  # since Python 3.12, only one thread can be profiled
            profile.enable()
        try:
            threads(thread)
        finally:
            profile.disable()
            profile.dump_stats(folder / thread.name)

    setattr(threading.Thread, "run", run)  # noqa: B010 - mypy refuses it as an assignment
    profile = cProfile.Profile()
    plan = server.Plan(store, load(environ=os.environ), port=port)
    server.serve(plan, lambda _: profile.enable())
    profile.disable()
    profile.dump_stats(folder / "loop")


def top(folder: Path) -> Iterator[str]:
    """Yield a report of the profiles in `folder`: per thread, the functions with most own time.

    Threads with less than 0.1 s are omitted.
    """
    for file in sorted(folder.iterdir()):
        stats: dict[tuple[str, int, str], tuple[int, int, float, float, object]]
        stats = vars(pstats.Stats(str(file)))["stats"]
        rows = [(*key, *row[1:3]) for key, row in stats.items() if key[2] != _WAITING]
        whole = sum(own for *_, own in rows)
        if whole < 0.1:
            continue
        yield f"{file.name}: {whole:.1f} s"
        for path, line, name, calls, own in sorted(rows, key=lambda row: -row[-1])[:_TOP]:
            function = f"{Path(path).name}:{line} {name}" if line else name
            yield f"  {own / whole:6.1%} {own / calls * 1e6:8.1f} us x {calls:<9,} {function}"


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
