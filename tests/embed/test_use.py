"""How a program may use the library: tasks, threads, cancelled calls, forks, and its types."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import assert_type

import pytest

from guanxi import AlreadyFollowing, Graph, SyncGraph
from guanxi.contract.errors import ResponseCodeException
from guanxi.embed import (
    Batch,
    Counts,
    Group,
    Imported,
    Item,
    Mute,
    Page,
    Person,
    Relation,
    Result,
    StoreError,
    StoreUnavailable,
    Suggested,
)
from tests.counts import count
from tests.stores.engines import ENGINES, Engine
from tests.stores.world import faults

PEOPLE = range(1, 301)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = ENGINES[request.param](tmp_path)
    yield engine
    engine.drop()


@pytest.fixture
def filled(engine: Engine) -> Engine:
    with SyncGraph.open(engine.address) as graph:
        for mid in (1, 2, 3):
            graph.put_account(mid)
        graph.follow(1, 2)
    return engine


# --- on an event loop ---


def test_a_batch_is_seen_as_a_whole(engine: Engine) -> None:
    """By readers on the same loop, while other tasks write."""
    seen: set[int] = set()

    async def work() -> None:
        async with Graph.open(engine.address) as graph:
            for mid in PEOPLE:
                await graph.put_account(mid)
            begun, done = asyncio.Event(), asyncio.Event()

            async def watch() -> None:
                while not done.is_set():
                    seen.add((await graph.counts(1)).following)
                    begun.set()
                    await asyncio.sleep(0)

            async def write() -> None:
                for target in range(2, 60):
                    await graph.follow(300, target)

            watching, writing = asyncio.create_task(watch()), asyncio.create_task(write())
            await begun.wait()
            async with graph.batch() as batch:
                for target in range(2, 202):
                    batch.follow(1, target)
            assert all(result.error is None for result in batch.results)
            await writing
            done.set()
            await watching

    asyncio.run(work())
    assert seen == {0, 200}


def test_a_cancelled_act_is_done_or_not_done(engine: Engine) -> None:
    draw = random.Random(1)

    async def work() -> None:
        async with Graph.open(engine.address) as graph:
            for mid in range(1, 10):
                await graph.put_account(mid)
            for _ in range(count(60, 300)):
                pair = draw.sample(range(1, 10), 2)
                verb = draw.choice([graph.follow, graph.unfollow, graph.block, graph.unblock])
                task = asyncio.create_task(verb(*pair))
                await asyncio.sleep(draw.choice([0, 0, 0.000_2, 0.001]))
                task.cancel()
                with suppress(asyncio.CancelledError, ResponseCodeException):
                    await task
                relation = await graph.relation(*pair)
                assert not (relation.following and relation.blocked)
            assert await faults(graph.store) == []

    asyncio.run(work())


def test_a_loop_of_another_thread_is_refused(filled: Engine) -> None:
    async def work() -> None:
        async with Graph.open(filled.address) as graph:

            def elsewhere() -> None:
                with pytest.raises(StoreError, match="open one store per loop"):
                    asyncio.run(_followed(graph))

            await asyncio.to_thread(elsewhere)
            assert await _followed(graph) == 1

    asyncio.run(work())


async def _followed(graph: Graph) -> int:
    return (await graph.counts(1)).following


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_of_a_loop_is_refused(filled: Engine) -> None:
    async def work() -> str:
        async with Graph.open(filled.address) as graph:
            read, write = os.pipe()
            child = os.fork()
            if not child:
                said = ["nothing"]
                try:
                    for verb in (_followed(graph), graph.follow(1, 3), graph.following(1)):
                        try:
                            verb.send(None)
                        except StoreError as error:
                            said.append(str(error))
                        verb.close()
                finally:
                    os.write(write, "\n".join(said[1:]).encode())
                    os._exit(0)
            os.close(write)
            os.waitpid(child, 0)
            assert await _followed(graph) == 1
            with os.fdopen(read) as pipe:
                return pipe.read()

    assert (
        asyncio.run(work()).split("\n")
        == ["the store was opened before a fork: open one store per process"] * 3
    )


def test_an_iterator_may_be_left_early(filled: Engine) -> None:
    async def work() -> None:
        async with Graph.open(filled.address) as graph:
            async for item in graph.iter_following(1):
                assert item.mid == 2
                break
            await graph.follow(1, 3)
            assert [item.mid async for item in graph.iter_following(1)] == [3, 2]

    asyncio.run(work())


# --- in threads ---


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_threads_that_end_leave_no_files_open(filled: Engine) -> None:
    """As those of a server with a thread for each request."""
    with SyncGraph.open(filled.address) as graph:

        def one() -> None:
            assert next(graph.iter_following(1)).mid == 2  # and left there

        def run(times: int) -> int:
            for _ in range(times):
                thread = threading.Thread(target=one)
                thread.start()
                thread.join()
            return len(os.listdir("/proc/self/fd"))

        few = run(3)
        assert run(60) <= few + 3


def test_closed_while_threads_use_it(filled: Engine) -> None:
    graph = SyncGraph.open(filled.address)
    started = threading.Barrier(9)

    def work(number: int) -> str:
        started.wait()
        try:
            while True:
                with suppress(ResponseCodeException):
                    (graph.follow if number % 2 else graph.unfollow)(1, 3)
                graph.following(1)
        except StoreUnavailable as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(work, number) for number in range(8)]
        started.wait()
        graph.close()
        assert {result.result(60) for result in results} == {"the store is closed"}
    graph.close()
    with pytest.raises(StoreUnavailable, match="the store is closed"):
        graph.counts(1)
    with pytest.raises(StoreUnavailable, match="the store is closed"):
        next(graph.iter_following(1))
    with SyncGraph.open(filled.address) as again:
        assert again.relation(1, 2).following


def test_an_iterator_goes_from_thread_to_thread(filled: Engine) -> None:
    with SyncGraph.open(filled.address) as graph, ThreadPoolExecutor(1) as pool:
        graph.follow(1, 3)
        items = graph.iter_following(1)
        assert next(items).mid == 3
        assert [item.mid for item in pool.submit(list, items).result()] == [2]


def test_one_of_many_threads_follows(filled: Engine) -> None:
    with SyncGraph.open(filled.address) as graph, ThreadPoolExecutor(8) as pool:

        def follow(_number: int) -> bool:
            try:
                graph.follow(2, 3)
            except AlreadyFollowing:
                return False
            return True

        assert sum(pool.map(follow, range(8))) == 1
        mids = {*pool.map(lambda _: graph.put_account(key="one of many"), range(8))}
        assert len(mids) == 1, "one key has one account"


# --- types, which mypy checks ---


def test_types_on_a_loop(tmp_path: Path) -> None:
    asyncio.run(_typed(tmp_path))


async def _typed(tmp_path: Path) -> None:
    async with Graph.open(tmp_path / "g.db") as graph:
        assert_type(graph, Graph)
        assert_type(await graph.put_account(1, name="x"), int)
        await graph.put_account(2)
        assert_type(await graph.account(1), Person | None)
        assert_type(await graph.relation(1, 2), Relation)
        assert_type((await graph.relation(1, 2)).since, datetime | None)
        assert_type(await graph.relations(1, {2}), dict[int, Relation])
        assert_type(await graph.counts(1), Counts)
        assert_type(await graph.groups(1), list[Group])
        assert_type(await graph.following(1, order="oldest"), Page[Item])
        assert_type((await graph.muted(1)).items, list[Mute])
        assert_type(await graph.suggest(1), list[Suggested])
        assert_type([one async for one in graph.iter_common(1, 2)], list[Item])
        assert_type(await graph.import_following(1, (2,), "replace"), list[Imported])
        async with graph.batch() as batch:
            assert_type(batch, Batch)
        assert_type([*batch.results], list[Result])


def test_types_in_threads(tmp_path: Path) -> None:
    with SyncGraph.open(tmp_path / "g.db") as graph:
        assert_type(graph, SyncGraph)
        assert_type(graph.put_account(1), int)
        graph.put_account(2)
        assert_type(graph.account(1), Person | None)
        assert_type(graph.relation(1, 2), Relation)
        assert_type(graph.following(1, order="oldest"), Page[Item])
        assert_type([*graph.iter_muted(1)], list[Mute])
        assert_type(graph.import_following(1, [2], "merge", preview=True), list[Imported])
        with graph.batch() as batch:
            assert_type(batch, Batch)
