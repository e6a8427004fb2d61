"""The service under a profile of its own: ``python -m bench.profiled FOLDER STORE PORT``.

Each thread's is written to a file when it ends: where time goes in the loop, and in the writer.
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
from guanxi.service.config import load

_TOP = 15
#: A thread that waits for work does none.
_WAITING = "<method 'get' of '_queue.SimpleQueue' objects>"


def serve(folder: Path, store: str, port: int) -> None:
    """Serve as `guanxi serve` does; the profile begins once it answers."""
    threads = threading.Thread.run

    def run(thread: threading.Thread) -> None:
        profile = cProfile.Profile()
        with suppress(ValueError):  # from Python 3.12 on one thread alone can be profiled
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
    """Where time went, thread by thread, by own time."""
    for file in sorted(folder.iterdir()):
        stats: dict[tuple[str, int, str], tuple[int, int, float, float, object]]
        stats = vars(pstats.Stats(str(file)))["stats"]
        rows = [(*key, *row[1:3]) for key, row in stats.items() if key[2] != _WAITING]
        whole = sum(own for *_, own in rows)
        if whole < 0.1:
            continue
        yield f"{file.name}: {whole:.1f} s"
        for path, line, name, calls, own in sorted(rows, key=lambda row: -row[-1])[:_TOP]:
            place = f"{Path(path).name}:{line} {name}" if line else name
            yield f"  {own / whole:6.1%} {own / calls * 1e6:8.1f} us x {calls:<9,} {place}"


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
