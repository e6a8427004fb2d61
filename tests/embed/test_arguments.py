"""The arguments of the library: each wrong one has a name, a sentence, and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from guanxi import ArgsException, Graph, NoSuchUser, SyncGraph
from guanxi.contract.errors import MistypedArgsException
from tests.stores.engines import ENGINES, Clock, Engine

HUGE = 10**5_000  # Python refuses to print it
LATEST = datetime.max.replace(tzinfo=UTC)

#: No valid value of any argument but a text.
NO_TEXTS: list[Any] = [None, 5, 2.5, True, b"x", ["x"]]
NO_MIDS: list[Any] = [0, -1, 2**63, HUGE, None, "2", 2.0, True, [2]]
NO_LISTS: list[Any] = [None, 5, "23", b"23"]
NO_GROUPS: list[Any] = [2**70, -(2**70), HUGE, None, "1", 1.0, True]
NO_CURSORS: list[Any] = [0, False, "", "é", "_" * 32, "A" * 31, b"A" * 32, ["x"]]
NO_LIMITS: list[Any] = [0, -1, 1_001, HUGE, None, "5", True, 5.0]
MANY = range(1, 1_002)

#: Verbs, with the wrong argument as ... and the values that it may not have.
WRONG: list[tuple[str, tuple[Any, ...], dict[str, Any], list[Any]]] = [
    ("put_account", (...,), {}, [*NO_MIDS[:4], *NO_MIDS[5:]]),
    ("put_account", (2,), {"name": ...}, [*NO_TEXTS[1:], "x" * 65, "\0", "\ud800"]),
    ("put_account", (2,), {"face": ...}, [*NO_TEXTS[1:], "x" * 2_049, "\0", "\ud800"]),
    ("put_account", (2,), {"sign": ...}, [*NO_TEXTS[1:], "x" * 513, "\0", "\ud800"]),
    ("put_account", (), {"key": ...}, [*NO_TEXTS, "", "x" * 256, "\0", "\ud800"]),
    ("put_account", (2,), {"refuse_follows": ...}, ["no", 1, 0]),
    ("set_privacy", (1,), {"hide_followings": ...}, ["no", 1, 0]),
    ("account", (...,), {}, NO_MIDS),
    ("accounts", (...,), {}, [*NO_LISTS, [0], ["1"], MANY]),
    ("key_of", (...,), {}, [*NO_LISTS, [0], ["1"], MANY]),
    ("mid_of", (...,), {}, [*NO_LISTS, [5], [None], ["\ud800"], [*map(str, MANY)]]),
    ("ban", (...,), {}, NO_MIDS),
    ("follow", (..., 2), {}, NO_MIDS),
    ("follow", (1, ...), {}, NO_MIDS),
    ("block", (1, ...), {}, NO_MIDS),
    ("mute", (1, ...), {}, NO_MIDS),
    ("mute", (1, 2), {"until": ...}, ["2030", 5, date(2030, 1, 1), datetime(2100, 1, 1), LATEST]),
    ("dismiss", (1, ...), {}, NO_MIDS),
    ("create_group", (1, ...), {}, [*NO_TEXTS, "\ud800", "\0"]),
    ("rename_group", (1, ..., "x"), {}, NO_GROUPS),
    ("rename_group", (1, 1, ...), {}, NO_TEXTS),
    ("delete_group", (1, ...), {}, NO_GROUPS),
    ("set_groups", (1, ..., [0]), {}, [*NO_LISTS, [0], [[2]], ["2"]]),
    ("set_groups", (1, [3], ...), {}, [*NO_LISTS, [2**70], ["1"], [True]]),
    ("add_to_group", (1, ..., [3]), {}, NO_GROUPS),
    ("remove_from_group", (1, ..., [3]), {}, NO_GROUPS),
    ("set_special", (1, ...), {}, [*NO_LISTS, [0]]),
    ("set_special", (1, [3]), {"special": ...}, ["no", 1, None]),
    ("relation", (1, ...), {}, NO_MIDS),
    ("relations", (1, ...), {}, [*NO_LISTS, [0], MANY]),
    ("counts", (...,), {}, NO_MIDS),
    ("groups", (...,), {}, NO_MIDS),
    ("members", (1, ...), {}, NO_GROUPS),
    ("following", (...,), {}, NO_MIDS),
    ("following", (1,), {"cursor": ...}, NO_CURSORS),
    ("following", (1,), {"limit": ...}, NO_LIMITS),
    ("following", (1,), {"order": ...}, ["best", None, ["x"], "NEWEST"]),
    ("common", (1, ...), {}, NO_MIDS),
    ("known_followers", (1, ...), {}, NO_MIDS),
    ("search", (1, ...), {}, [*NO_TEXTS, "\0", "\ud800"]),
    ("suggest", (1,), {"limit": ...}, NO_LIMITS),
    ("muted", (1,), {"cursor": ...}, NO_CURSORS),
    ("import_following", (1, ...), {}, [*NO_LISTS, [None], [0]]),
    ("import_following", (1, [2]), {"mode": ...}, [None, "add", ["merge"], 1]),
]

#: Verbs that read what an account without an account cannot have.
OF_NOBODY: list[tuple[str, tuple[Any, ...]]] = [
    ("counts", (99,)),
    ("groups", (99,)),
    ("relations", (99, [1])),
    ("relation", (99, 1)),
    ("in_groups", (1, 99)),
    *((verb, (99,)) for verb in ("following", "followers", "friends", "blocked", "muted")),
    ("members", (99, 0)),
    ("members", (99, -10)),
    ("search", (99, "x")),
    ("common", (99, 1)),
    ("common", (1, 99)),
    ("known_followers", (99, 1)),
    ("known_followers", (1, 99)),
    ("suggest", (99,)),
]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = ENGINES[request.param](tmp_path)
    yield engine
    engine.drop()


@pytest.fixture
def graph(engine: Engine) -> Iterator[SyncGraph]:
    """Yield a graph where 1 follows 3."""
    with SyncGraph.open(engine.address, clock=Clock()) as graph:
        for mid in (1, 2, 3):
            graph.put_account(mid, name=f"u{mid}", face="f", sign="s")
        graph.follow(1, 3)
        yield graph


def called(graph: SyncGraph, verb: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return getattr(graph, verb)(*args, **kwargs)


def filled(
    args: tuple[Any, ...], kwargs: dict[str, Any], value: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments with ``value`` where they have ``...``."""
    return (
        tuple(value if one is ... else one for one in args),
        {name: value if one is ... else one for name, one in kwargs.items()},
    )


def everything(graph: SyncGraph) -> list[Any]:
    """Return what may have changed."""
    mids = (1, 2, 3)
    return [
        graph.accounts(mids),
        graph.key_of(mids),
        [graph.counts(mid) for mid in mids],
        [graph.relations(mid, mids) for mid in mids],
        [graph.groups(mid) for mid in mids],
        [graph.muted(mid) for mid in mids],
    ]


def test_each_wrong_argument_is_refused_by_name(graph: SyncGraph) -> None:
    before = everything(graph)
    for verb, args, kwargs, values in WRONG:
        for value in values:
            given = filled(args, kwargs, value)
            with pytest.raises(ArgsException) as caught:
                called(graph, verb, *given)
            about = (verb, str(caught.value))
            assert len(str(caught.value)) < 120, about
            assert caught.value.args[0].zh != caught.value.args[0].en, about
            assert isinstance(caught.value, ValueError), about
    assert everything(graph) == before


def test_another_type_is_a_type_error_too(graph: SyncGraph) -> None:
    for verb, args in (("follow", (1, "2")), ("search", (1, None)), ("accounts", ("12",))):
        with pytest.raises(TypeError) as caught:
            called(graph, verb, args, {})
        assert type(caught.value) is MistypedArgsException


def test_lists_of_nobody_are_refused(graph: SyncGraph) -> None:
    for verb, args in OF_NOBODY:
        with pytest.raises(NoSuchUser, match=r"^99 has no account: put_account creates one$"):
            called(graph, verb, args, {})


def test_empty_lists_of_somebody_are_empty(graph: SyncGraph) -> None:
    for verb, args in OF_NOBODY:
        known = tuple(2 if value == 99 else value for value in args)
        if verb not in ("counts", "relation", "relations", "in_groups"):
            found = called(graph, verb, known, {})
            assert (found if isinstance(found, list) else found.items) == [], verb
    assert graph.counts(2).followers == 0
    assert graph.relation(2, 1) == graph.relations(2, [1])[1]


def test_the_most_that_each_argument_may_be(graph: SyncGraph) -> None:
    assert graph.put_account(2**63 - 1, name="x" * 64, sign="x" * 512, face="x" * 2_048)
    assert graph.put_account(2, key="x" * 255) == 2
    assert graph.mid_of(["x" * 255, *map(str, range(999))]) == {"x" * 255: 2}
    assert len(graph.accounts(range(1, 1_001))) == 3
    assert len(graph.relations(1, range(1, 1_001))) == 1_000
    assert len(graph.following(1, limit=1_000).items) == 1
    assert graph.accounts(iter([1, 1])).keys() == {1}, "any iterable, repeated or not"
    assert graph.accounts([]) == {}


def test_a_path_is_an_address(tmp_path: Path) -> None:
    async def work() -> None:
        async with Graph.open(tmp_path / "graph.db") as graph:
            await graph.put_account(1)

    asyncio.run(work())
    with SyncGraph.open(tmp_path / "graph.db", create=False) as graph:
        assert graph.account(1) is not None
    wrong: Any
    for wrong in (None, 5, b"graph.db", ["graph.db"]):
        with pytest.raises(MistypedArgsException, match=r"^address: must be a path or postgresql"):
            SyncGraph.open(wrong)
