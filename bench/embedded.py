"""The library in a process of its own: ``Graph`` on a loop, or ``SyncGraph`` in threads.

``python -m bench.embedded TASK STORE FILE SECONDS`` prints operations per second. `FILE` holds
pairs of mids as JSON. Exit with an error if a read is empty or the pairs of a task that writes run
out.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import msgspec

from guanxi import Graph, SyncGraph

Pairs = Iterator[tuple[int, int]]
_TASKS, _THREADS, _PAGE = 64, 8, 50
#: How many operations are done between two looks at the clock. Several tasks take turns after each,
#: as handlers of requests do.
_STRETCH = 16


async def edge(graph: Graph, pair: tuple[int, int]) -> bool:
    """Read the relation of an account to one that it follows."""
    return (await graph.relation(*pair)).following


async def page(graph: Graph, pair: tuple[int, int]) -> bool:
    """Read the first page of an account's followings."""
    return len((await graph.following(pair[0], limit=_PAGE)).items) == _PAGE


async def follow(graph: Graph, pair: tuple[int, int]) -> bool:
    """Let an account follow another one."""
    await graph.follow(*pair)
    return True


def sync_edge(graph: SyncGraph, pair: tuple[int, int]) -> bool:
    """Read as ``edge``."""
    return graph.relation(*pair).following


def sync_page(graph: SyncGraph, pair: tuple[int, int]) -> bool:
    """Read as ``page``."""
    return len(graph.following(pair[0], limit=_PAGE).items) == _PAGE


async def _in_tasks(
    store: Path,
    pairs: Pairs,
    seconds: float,
    count: int,
    work: Callable[[Graph, tuple[int, int]], Awaitable[bool]],
) -> float:
    """Do `work` in so many tasks for `seconds`; return how often a second."""
    async with Graph.open(store, create=False) as graph:
        began = time.perf_counter()
        stretch = _STRETCH if count == 1 else 1

        async def task() -> int:
            done = 0
            while time.perf_counter() < began + seconds:
                for _ in range(stretch):
                    if (pair := next(pairs, None)) is None:
                        raise SystemExit("bench.embedded: no pairs left")
                    _check(await work(graph, pair))
                done += stretch
                await asyncio.sleep(0)
            return done

        done = sum(await asyncio.gather(*(task() for _ in range(count))))
        return done / (time.perf_counter() - began)


def _in_threads(
    store: Path, pairs: Pairs, seconds: float, work: Callable[[SyncGraph, tuple[int, int]], bool]
) -> float:
    """Do `work` in 8 threads for `seconds`; return how often a second."""
    with SyncGraph.open(store, create=False) as graph, ThreadPoolExecutor(_THREADS) as pool:
        began = time.perf_counter()

        def thread(_number: int) -> int:
            done = 0
            while time.perf_counter() < began + seconds:
                for _ in range(_STRETCH):
                    _check(work(graph, next(pairs)))
                done += _STRETCH
            return done

        done = sum(pool.map(thread, range(_THREADS)))
        return done / (time.perf_counter() - began)


def _check(done: bool) -> None:
    if not done:
        raise SystemExit("bench.embedded: an empty result")


def _run(task: str, store: Path, pairs: list[tuple[int, int]], seconds: float) -> float:
    match task:
        case "edge":
            return asyncio.run(_in_tasks(store, cycle(pairs), seconds, 1, edge))
        case "page":
            return asyncio.run(_in_tasks(store, cycle(pairs), seconds, 1, page))
        case "follows":
            return asyncio.run(_in_tasks(store, iter(pairs), seconds, _TASKS, follow))
        case "tasks-edge":
            return asyncio.run(_in_tasks(store, cycle(pairs), seconds, _THREADS, edge))
        case "tasks-page":
            return asyncio.run(_in_tasks(store, cycle(pairs), seconds, _THREADS, page))
        case "threads-edge":
            return _in_threads(store, cycle(pairs), seconds, sync_edge)
        case "threads-page":
            return _in_threads(store, cycle(pairs), seconds, sync_page)
    raise SystemExit(f"bench.embedded: no task {task}")


def main() -> None:
    task, store, file, seconds = sys.argv[1:]
    pairs = msgspec.json.decode(Path(file).read_bytes(), type=list[tuple[int, int]])
    print(_run(task, Path(store), pairs, float(seconds)))


if __name__ == "__main__":
    main()
