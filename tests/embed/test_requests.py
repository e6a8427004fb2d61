"""Requests to follow in the library: made, listed, approved, declined, taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from guanxi import (
    FollowingLimitReached,
    FollowRefused,
    Graph,
    NotFound,
    NotSignedIn,
    SyncGraph,
)
from guanxi.contract import endpoints as e
from guanxi.contract.limits import DOCUMENTED, OPEN, Limits
from guanxi.embed import Imported, application
from guanxi.service.config import Settings
from tests.embed.test_mounted import SAME, follow, in_scope
from tests.service.test_mounted import answer_of, scope_of
from tests.stores.engines import ENGINES, Clock, Engine
from tests.stores.world import faults

T = TypeVar("T")


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = ENGINES[request.param](tmp_path)
    yield engine
    engine.drop()


def on_graph(
    engine: Engine,
    work: Callable[[Graph], Coroutine[Any, Any, T]],
    limits: Limits = OPEN.limits,
) -> T:
    """Run ``work`` with the accounts 1 to 5; 2 approves its followers."""

    async def run() -> T:
        graph = Graph(await engine.open(Clock()), limits=limits)
        try:
            for mid in range(1, 6):
                await graph.put_account(mid, name=f"u{mid}", approve_followers=mid == 2)
            result = await work(graph)
            assert await faults(graph.store) == []
            return result
        finally:
            await graph.close()

    return asyncio.run(run())


def test_a_request_is_approved(engine: Engine) -> None:
    async def work(graph: Graph) -> None:
        assert await graph.follow(1, 3) == "followed"
        assert await graph.follow(1, 2) == "requested"
        assert await graph.follow(1, 2) == "requested"
        await graph.follow(3, 2)
        relation = await graph.relation(1, 2)
        assert (relation.requested, relation.following) == (True, False)
        assert (await graph.relations(1, [2, 3]))[2].requested
        assert (await graph.counts(2)).followers == 0
        first = await graph.requests(2, limit=1)
        assert [(item.mid, item.name) for item in first.items] == [(3, "u3")]
        assert [item.mid for item in (await graph.requests(2, cursor=first.cursor)).items] == [1]
        assert [item.mid for item in (await graph.sent_requests(1)).items] == [2]
        await graph.approve(2, 1)
        await graph.approve(2, 1)
        relation = await graph.relation(1, 2)
        assert (relation.requested, relation.following) == (False, True)
        await graph.decline(2, 3)
        assert (await graph.requests(2)).items == []
        assert not (await graph.relation(3, 2)).following
        with pytest.raises(NotFound, match=r"^3 has no pending request to follow 2$"):
            await graph.approve(2, 3)

    on_graph(engine, work)


def test_what_ends_a_request(engine: Engine) -> None:
    async def pending(graph: Graph) -> list[int]:
        return [item.mid for item in (await graph.requests(2)).items]

    async def work(graph: Graph) -> None:
        ends: list[tuple[str, tuple[int, ...]]] = [
            ("cancel", (1, 2)),
            ("unfollow", (1, 2)),
            ("block", (1, 2)),
            ("block", (2, 1)),
        ]
        for verb, args in ends:
            assert await graph.follow(1, 2) == "requested", verb
            await getattr(graph, verb)(*args)
            assert await pending(graph) == [], verb
            if verb == "block":
                await graph.unblock(*args)
                assert await pending(graph) == [], "it does not come back"
        await graph.follow(1, 2)
        await graph.set_privacy(2, approve_followers=False)
        assert await pending(graph) == [1], "switching off leaves requests"
        assert await graph.follow(1, 2) == "followed"
        assert await pending(graph) == []
        await graph.set_privacy(2, approve_followers=True)
        await graph.follow(3, 2)
        await graph.follow(4, 2)
        await graph.deregister(3)
        assert await pending(graph) == [4]
        await graph.deregister(2)
        assert (await graph.sent_requests(4)).items == []

    on_graph(engine, work)


def test_an_approval_over_the_requesters_cap(engine: Engine) -> None:
    async def work(graph: Graph) -> None:
        await graph.follow(1, 2)
        await graph.follow(1, 3)
        with pytest.raises(
            FollowingLimitReached,
            match=r"^1 has reached the limit of followings and cannot follow 2$",
        ):
            await graph.approve(2, 1)
        assert (await graph.relation(1, 2)).requested

    on_graph(engine, work, Limits(following_cap=1))


def test_batches_and_imports_say_that_it_is_a_request(engine: Engine) -> None:
    async def work(graph: Graph) -> None:
        foreseen = await graph.import_following(1, [2, 3], preview=True)
        assert await graph.import_following(1, [2, 3]) == foreseen
        assert foreseen == [
            Imported(mid=2, outcome="request"),
            Imported(mid=3, outcome="follow"),
        ]
        async with graph.batch() as batch:
            batch.follow(4, 2)
            batch.follow(4, 3)
            batch.approve(2, 1)
            batch.decline(2, 4)
        assert [result.requested for result in batch.results] == [True, False, False, False]
        assert [result.error for result in batch.results] == [None] * 4
        assert (await graph.relation(1, 2)).following
        assert not (await graph.relation(4, 2)).requested

    on_graph(engine, work)


def test_without_a_loop(engine: Engine) -> None:
    with SyncGraph.open(engine.address) as graph:
        graph.put_account(1)
        graph.put_account(2, approve_followers=True)
        assert graph.follow(1, 2) == "requested"
        graph.approve(2, 1)
        assert graph.relation(1, 2).following


def test_over_http_the_response_says_so(engine: Engine) -> None:
    async def work(graph: Graph) -> None:
        opened = application(graph.store, caller=in_scope)
        answer = await follow(opened, SAME)
        assert (answer.code, answer.data) == (0, {"requested": True})
        relation = await answer_of(opened, scope_of(e.RELATION.path, "fid=2", user=1))
        assert relation.data["attribute"] == 0
        assert [item.mid for item in (await graph.requests(2)).items] == [1]
        await graph.decline(2, 1)
        documented = application(
            graph.store, caller=in_scope, settings=Settings(profile=DOCUMENTED)
        )
        assert (await follow(documented, SAME)).code == FollowRefused.number
        assert (await graph.requests(2)).items == []

    on_graph(engine, work)


def test_a_preview_knows_the_state_of_the_owner(engine: Engine) -> None:
    """As the import itself does: who has left changes nothing."""

    async def work(graph: Graph) -> None:
        await graph.deregister(1)
        for preview in (True, False):
            [one] = await graph.import_following(1, [3], preview=preview)
            assert (one.outcome, type(one.error)) == ("refused", NotSignedIn)

    on_graph(engine, work)
