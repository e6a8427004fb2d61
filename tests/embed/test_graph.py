"""The library: wrong arguments, keys, mutes, imports, batches, and where it may be used."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import apsw
import pytest

import guanxi
from guanxi import (
    AccountBanned,
    AccountDeregistered,
    AlreadyFollowing,
    ArgsException,
    CannotTargetSelf,
    FollowRefused,
    Graph,
    GroupExists,
    NoSuchGroup,
    NoSuchUser,
    NotFollowing,
    SyncGraph,
    TargetInBlacklist,
)
from guanxi.accounts.account import State
from guanxi.contract.errors import BadRequest, MistypedArgsException
from guanxi.embed import Imported, Mute, Relation, Result, StoreError, StoreUnavailable
from guanxi.stores.sync import open_sync_store
from tests.stores.engines import ENGINES, START, Clock, Engine
from tests.stores.world import faults

T = TypeVar("T")
NOW = datetime.fromtimestamp(START // 10**9, UTC)
Work = Callable[[Graph], Coroutine[Any, Any, T]]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = ENGINES[request.param](tmp_path)
    yield engine
    engine.drop()


@pytest.fixture(params=["loop", "threads"])
def graph(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Callable[..., Any]]:
    """Yield a function that calls a verb of a graph with the accounts 1 to 9.

    Of ``Graph`` on an event loop, and of ``SyncGraph`` without one.
    """
    clock = Clock()
    if request.param == "loop":
        with asyncio.Runner() as runner:
            opened = runner.run(_opened(engine, clock))

            async def call(verb: str, *args: Any, **kwargs: Any) -> Any:
                found = getattr(opened, verb)(*args, **kwargs)
                return [one async for one in found] if hasattr(found, "__aiter__") else await found

            yield lambda *args, **kwargs: runner.run(call(*args, **kwargs))
            assert runner.run(faults(opened.store)) == []
            runner.run(opened.close())
    else:
        asyncio.run(_closed(engine, clock))
        with SyncGraph.open(engine.address, clock=clock) as synchronous:

            def called(verb: str, *args: Any, **kwargs: Any) -> Any:
                found = getattr(synchronous, verb)(*args, **kwargs)
                return list(found) if isinstance(found, Iterator) else found

            yield called


async def _opened(engine: Engine, clock: Clock) -> Graph:
    graph = Graph(await engine.open(clock), clock=clock)
    for mid in range(1, 10):
        await graph.put_account(mid, name=f"u{mid}")
    return graph


async def _closed(engine: Engine, clock: Clock) -> None:
    await (await _opened(engine, clock)).close()


# --- what is refused, and by which name ---

WRONG: list[tuple[type[Exception], str, tuple[Any, ...], dict[str, Any]]] = [
    (CannotTargetSelf, "follow", (1, 1), {}),
    (CannotTargetSelf, "relation", (1, 1), {}),
    (CannotTargetSelf, "mute", (1, 1), {}),
    (NoSuchUser, "follow", (1, 99), {}),
    (NoSuchUser, "follow", (99, 1), {}),
    (NoSuchUser, "relation", (1, 99), {}),
    (NoSuchUser, "relation", (99, 1), {}),
    (NoSuchUser, "following", (99,), {}),
    (NoSuchUser, "followers", (99,), {}),
    (NoSuchUser, "iter_following", (99,), {}),
    (NoSuchUser, "import_following", (99, [1]), {}),
    (NoSuchUser, "ban", (99,), {}),
    (NoSuchUser, "set_privacy", (99,), {"refuse_follows": True}),
    (NoSuchUser, "mute", (1, 99), {}),
    (NoSuchUser, "mute", (99, 1), {}),
    (NoSuchUser, "unmute", (99, 1), {}),
    (NoSuchUser, "undismiss", (99, 1), {}),
    (NoSuchGroup, "members", (1, 7), {}),
    (NoSuchGroup, "rename_group", (1, 7, "x"), {}),
    (NotFollowing, "set_special", (1, [2]), {}),
    (BadRequest, "delete_group", (1, 7), {}),
    (BadRequest, "create_group", (1, "a\nb"), {}),
    (ArgsException, "follow", (1, 0), {}),
    (ArgsException, "follow", (-1, 2), {}),
    (ArgsException, "follow", (1, 2**63), {}),
    (MistypedArgsException, "follow", (1, "2"), {}),
    (MistypedArgsException, "follow", (1.0, 2), {}),
    (MistypedArgsException, "follow", (True, 2), {}),
    (MistypedArgsException, "relations", (1, ["2"]), {}),
    (ArgsException, "relations", (1, range(2, 1_003)), {}),
    (ArgsException, "set_special", (1, [0]), {}),
    (ArgsException, "following", (1,), {"limit": 0}),
    (ArgsException, "following", (1,), {"limit": 1_001}),
    (MistypedArgsException, "following", (1,), {"limit": "5"}),
    (ArgsException, "following", (1,), {"cursor": "x"}),
    (ArgsException, "following", (1,), {"cursor": 5}),
    (ArgsException, "following", (1,), {"order": "best"}),
    (ArgsException, "suggest", (1,), {"limit": -1}),
    (ArgsException, "muted", (1,), {"cursor": "!"}),
    (ArgsException, "mute", (1, 2), {"until": NOW}),
    (ArgsException, "mute", (1, 2), {"until": datetime(2100, 1, 1)}),
    (ArgsException, "put_account", (), {"name": "x"}),
    (ArgsException, "put_account", (), {"key": ""}),
    (ArgsException, "put_account", (), {"key": "k" * 256}),
    (ArgsException, "import_following", (1, [2]), {"mode": "add"}),
]


def test_what_is_wrong_has_a_name_and_changes_nothing(graph: Callable[..., Any]) -> None:
    for error, verb, args, kwargs in WRONG:
        with pytest.raises(error) as caught:
            graph(verb, *args, **kwargs)
        assert type(caught.value) is error, (verb, args)
        assert "code" not in str(caught.value)
    for mid in (1, 2):
        counts = graph("counts", mid)
        assert (counts.following, counts.followers, counts.blocked) == (0, 0, 0)
    assert graph("groups", 1) == []
    assert graph("muted", 1).items == []


def test_acts_that_the_rules_refuse(graph: Callable[..., Any]) -> None:
    graph("follow", 1, 2)
    with pytest.raises(AlreadyFollowing, match=r"^1 follows 2 already$"):
        graph("follow", 1, 2)
    graph("block", 3, 1)
    with pytest.raises(FollowRefused, match=r"^3 refuses to be followed by 1$"):
        graph("follow", 1, 3)
    with pytest.raises(TargetInBlacklist, match=r"^3 blocks 1: unblock it first$"):
        graph("follow", 3, 1)
    graph("set_privacy", 4, refuse_follows=True)
    with pytest.raises(FollowRefused):
        graph("follow", 1, 4)
    graph("ban", 5)
    with pytest.raises(AccountBanned, match=r"^5 is banned$"):
        graph("follow", 5, 1)
    graph("unban", 5)
    graph("follow", 5, 1)
    graph("deregister", 6)
    with pytest.raises(AccountDeregistered, match=r"^6 is deregistered$"):
        graph("follow", 1, 6)
    with pytest.raises(AccountDeregistered):
        graph("put_account", 6, name="again")
    assert graph("account", 6).state is State.DEREGISTERED
    assert graph("account", 99) is None
    graph("create_group", 1, "friends")
    with pytest.raises(GroupExists, match=r"^1 has a group  friends  already$"):
        graph("create_group", 1, " friends ")


# --- accounts, keys, mutes ---


def test_accounts_keep_what_is_not_given(graph: Callable[..., Any]) -> None:
    assert graph("put_account", 1, sign="hello", hide_followers=True) == 1
    graph("set_privacy", 1, refuse_follows=True)
    person = graph("account", 1)
    assert (person.name, person.sign, person.state) == ("u1", "hello", State.NORMAL)
    assert (person.privacy.hide_followers, person.privacy.refuse_follows) == (True, True)
    assert {*graph("accounts", [1, 2, 99])} == {1, 2}


def test_a_mute_ends(engine: Engine) -> None:
    clock = Clock()

    async def work() -> None:
        graph = await _opened(engine, clock)
        await graph.follow(1, 2)
        await graph.mute(1, 2, NOW + timedelta(seconds=2))
        clock.advance(1)
        assert (await graph.relation(1, 2)).muted
        assert (await graph.relations(1, [2]))[2].muted
        clock.advance(1)
        assert not (await graph.relation(1, 2)).muted
        assert not (await graph.relations(1, [2]))[2].muted
        assert (await graph.muted(1)).items == []
        await graph.close()

    asyncio.run(work())


def test_ids_of_the_application(graph: Callable[..., Any]) -> None:
    mid = graph("put_account", key="6f1c2f3e", name="first")
    assert graph("put_account", key="6f1c2f3e", sign="s") == mid
    assert graph("put_account", 1, key="one") == 1
    assert graph("mid_of", ["6f1c2f3e", "one", "none"]) == {"6f1c2f3e": mid, "one": 1}
    assert graph("key_of", [mid, 1, 2]) == {mid: "6f1c2f3e", 1: "one"}
    with pytest.raises(ArgsException, match="key: another account has one"):
        graph("put_account", 2, key="one", name="changed")
    assert graph("account", 2).name == "u2"


def test_mutes(graph: Callable[..., Any]) -> None:
    graph("mute", 1, 2)
    graph("mute", 1, 3, NOW + timedelta(hours=1))
    page = graph("muted", 1)
    assert [(mute.mid, mute.until) for mute in page.items] == [
        (3, NOW + timedelta(hours=1)),
        (2, None),
    ]
    assert isinstance(page.items[0], Mute)
    assert page.items[0].since == NOW
    assert graph("iter_muted", 1) == page.items
    assert graph("relation", 1, 2) == Relation(muted=True)
    assert graph("relation", 2, 1) == Relation(), "nobody else sees it"
    for other, mute in {2: True, 3: True, 4: False}.items():
        assert graph("relations", 1, [2, 3, 4])[other].muted is mute
        assert graph("relation", 1, other).muted is mute
    first = graph("muted", 1, limit=1)
    assert [mute.mid for mute in graph("muted", 1, cursor=first.cursor).items] == [2]
    graph("follow", 1, 4)
    graph("follow", 4, 2)
    graph("follow", 4, 5)
    assert [one.mid for one in graph("suggest", 1)] == [5]
    graph("unmute", 1, 2)
    assert not graph("relation", 1, 2).muted
    graph("dismiss", 1, 5)
    assert [(one.mid, one.name, one.shared) for one in graph("suggest", 1)] == [(2, "u2", 1)]
    graph("undismiss", 1, 5)
    assert len(graph("suggest", 1, limit=1)) == 1


# --- batches and imports ---


def test_imports_say_what_becomes_of_each(graph: Callable[..., Any]) -> None:
    for target in (2, 3):
        graph("follow", 1, target)
    graph("block", 7, 1)
    wanted = [3, 5, 1, 99, 7, 5]
    foreseen = graph("import_following", 1, wanted, "replace", preview=True)
    assert [item.mid for item in graph("following", 1).items] == [3, 2], "a preview changes nothing"
    done = graph("import_following", 1, wanted, "replace")
    assert [(one.mid, one.outcome, type(one.error)) for one in done] == [
        (3, "unchanged", type(None)),
        (5, "follow", type(None)),
        (1, "refused", CannotTargetSelf),
        (99, "refused", NoSuchUser),
        (7, "refused", FollowRefused),
        (2, "unfollow", type(None)),
    ]
    assert [(one.mid, one.outcome) for one in foreseen] == [(one.mid, one.outcome) for one in done]
    assert [item.mid for item in graph("following", 1).items] == [5, 3]
    assert graph("import_following", 1, [8, 9])[0] == Imported(mid=8, outcome="follow")
    assert [item.mid for item in graph("following", 1).items] == [9, 8, 5, 3], "the oldest first"
    assert graph("import_following", 1, []) == []


def on_graph(engine: Engine, work: Work[T]) -> T:
    async def run() -> T:
        graph = await _opened(engine, Clock())
        try:
            return await work(graph)
        finally:
            await graph.close()

    return asyncio.run(run())


def test_a_batch(engine: Engine) -> None:
    async def work(graph: Graph) -> None:
        async with graph.batch() as batch:
            batch.follow(1, 2)
            batch.follow(1, 1)
            batch.set_special(1, [2])
            batch.follow(2, 1)
            batch.rename_group(1, 7, "x")
            with pytest.raises(ArgsException, match="at the end of its block"):
                assert batch.results
        kinds = [type(result.error) for result in batch.results]
        assert kinds == [type(None), CannotTargetSelf, type(None), type(None), NoSuchGroup]
        assert batch.results[0] == Result()
        with pytest.raises(ArgsException, match="begin another one"):
            batch.follow(3, 4)
        relation = await graph.relation(1, 2)
        assert (relation.mutual, relation.special) == (True, True)
        assert relation.since == NOW
        async with graph.batch() as empty:
            pass
        assert empty.results == []

    on_graph(engine, work)


def test_a_batch_creates_groups_that_it_uses(engine: Engine) -> None:
    async def work(graph: Graph) -> None:
        async with graph.batch() as batch:
            batch.follow(1, 2)
            friends = batch.create_group(1, "friends")
            work = batch.create_group(1, "work")
            again = batch.create_group(1, " friends ")
            batch.set_groups(1, [2], [friends, work])
            batch.add_to_group(1, again, [2])
            batch.rename_group(1, work, "colleagues")
            nobodys = batch.create_group(99, "x")
        kinds = [type(result.error) for result in batch.results]
        done = type(None)
        assert kinds == [done, done, done, GroupExists, done, NoSuchGroup, done, NoSuchUser]
        assert "friends" in str(batch.results[3].error)
        assert len({friends, work, again, nobodys}) == 4
        groups = [(group.id, group.name, group.count) for group in await graph.groups(1)]
        assert groups == [(friends, "friends", 1), (work, "colleagues", 1)]
        assert await graph.in_groups(1, 2) == tuple(sorted([friends, work]))

    on_graph(engine, work)


def test_a_batch_whose_block_raises_changes_nothing(engine: Engine) -> None:
    async def work(graph: Graph) -> None:
        async def broken() -> None:
            async with graph.batch() as batch:
                batch.follow(1, 2)
                batch.follow(1, 0)

        with pytest.raises(ArgsException):
            await broken()
        assert (await graph.counts(1)).following == 0

    on_graph(engine, work)


def test_a_batch_without_a_loop(engine: Engine) -> None:
    with SyncGraph.open(engine.address) as graph:
        for mid in (1, 2):
            graph.put_account(mid)
        with graph.batch() as batch:
            batch.follow(1, 2)
            batch.follow(1, 1)
        assert [type(result.error) for result in batch.results] == [type(None), CannotTargetSelf]
        assert graph.relation(1, 2).following


def test_an_iterator_while_the_list_changes(engine: Engine) -> None:
    async def work(graph: Graph) -> None:
        await graph.import_following(1, range(2, 10))
        seen = []
        async for item in graph.iter_following(1, order="oldest"):
            seen.append(item.mid)
            if item.mid == 3:
                await graph.unfollow(1, 2)
        assert seen == [*range(2, 10)]

    on_graph(engine, work)


# --- where it may be used ---


def test_it_is_awaited_or_used_in_a_block(engine: Engine) -> None:
    async def work() -> None:
        async with Graph.open(engine.address) as graph:
            await graph.put_account(1)
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            await graph.counts(1)
        again = await Graph.open(engine.address, create=False)
        assert await again.account(1) is not None
        await again.close()
        await again.close()

    asyncio.run(work())


def test_no_graph_at_the_address(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        SyncGraph.open(str(tmp_path / "none.db"), create=False)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "newer.db")
    SyncGraph.open(path).close()
    with closing(apsw.Connection(path)) as db:
        db.pragma("user_version", 99)
    with pytest.raises(StoreError, match=r"newer guanxi.*update"):
        SyncGraph.open(path)


def test_in_a_running_loop_it_says_what_to_use(engine: Engine) -> None:
    with SyncGraph.open(engine.address) as graph:
        graph.put_account(1)

        async def inside() -> None:
            with pytest.raises(StoreError, match="use the asynchronous interface"):
                graph.counts(1)
            with pytest.raises(StoreError, match="use the asynchronous interface"):
                next(graph.iter_following(1))

        asyncio.run(inside())
        assert graph.counts(1).following == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_in_a_forked_process(engine: Engine) -> None:
    with SyncGraph.open(engine.address) as graph:
        graph.put_account(1)
        read, write = os.pipe()
        child = os.fork()
        if not child:
            try:
                graph.follow(1, 2)
                said = b"worked"
            except BaseException as error:
                said = str(error).encode()
            os.write(write, said)
            os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        with os.fdopen(read) as pipe:
            assert "open one store per process" in pipe.read()
        assert graph.counts(1).following == 0


def test_eight_threads(engine: Engine) -> None:
    people = range(1, 25)
    with SyncGraph.open(engine.address) as graph:
        for mid in people:
            graph.put_account(mid, name=f"u{mid}")

        def work(owner: int) -> int:
            for target in people:
                if target != owner:
                    graph.follow(owner, target)
                    assert graph.relation(owner, target).following
            return sum(1 for _ in graph.iter_following(owner))

        with ThreadPoolExecutor(8) as pool:
            assert [*pool.map(work, range(1, 9))] == [len(people) - 1] * 8
        assert graph.counts(24).followers == 8


# --- what it says of itself ---


def verbs(of: type) -> dict[str, Callable[..., Awaitable[Any]]]:
    return {
        name: value
        for name, value in inspect.getmembers(of, inspect.isfunction)
        if not name.startswith("_")
    }


#: These open and close.
WITHOUT_COST = {"open", "close"}


@pytest.mark.parametrize("of", [Graph, SyncGraph])
def test_every_verb_says_what_it_costs(of: type) -> None:
    found = verbs(of)
    assert len(found) > 40
    for name in found.keys() - WITHOUT_COST:
        doc = inspect.getdoc(found[name]) or ""
        assert "Cost: " in doc or "cost: as" in doc, name


def test_both_have_the_same_verbs() -> None:
    assert verbs(Graph).keys() - verbs(SyncGraph).keys() == {"make"}
    assert verbs(SyncGraph).keys() <= verbs(Graph).keys() | WITHOUT_COST
    for name, verb in verbs(SyncGraph).items():
        mine = inspect.signature(verb).parameters
        assert mine == inspect.signature(verbs(Graph)[name]).parameters, name


def test_it_awaits_nothing_but_the_store() -> None:
    """So that ``SyncGraph`` can run its coroutines without a loop."""
    folder = Path(guanxi.__file__).parent / "embed"
    apart = {"mounted.py", "__init__.py"}
    for path in folder.glob("*.py"):
        if path.name in apart:
            continue
        imported = {
            alias.name
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert "asyncio" not in imported


def test_no_relation_has_no_time() -> None:
    assert Relation().since is None


def test_a_store_of_a_runner_is_its_own(tmp_path: Path) -> None:
    runner = open_sync_store(str(tmp_path / "s.db"), create=True)
    graph = SyncGraph(runner)
    assert graph.store is runner.store
    graph.close()
