"""Marks and resets: the whole store, row by row, and what is cached of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.accounts.account import AccountEdit, Card
from guanxi.contract import endpoints as e
from guanxi.contract.limits import Caps
from guanxi.emulator.state import START
from guanxi.graph.groups import CreateGroup
from guanxi.graph.pair import Act, Modify
from guanxi.operations import marks
from guanxi.stores.port import EdgeRow, Store
from guanxi.testing import RunningService, running
from tests.counts import count
from tests.service.client import call, follow, modify

MIDS = range(1, 7)
CAPS = Caps(following=100, groups=10, group_name=16)


def rows(service: RunningService) -> dict[str, list[str]]:
    """Return every row of every table of the service's file."""
    with closing(apsw.Connection(str(service.store), flags=apsw.SQLITE_OPEN_READONLY)) as file:
        named = file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            str(name): sorted(map(repr, file.execute(f"SELECT * FROM {name}"))) for (name,) in named
        }


def faults(service: RunningService) -> list[object]:
    async def check(store: Store) -> list[object]:
        return [fault async for fault in store.check()]

    return service.do(check)


# --- random changes, and the way back ---


def _act(draw: Random) -> Callable[[Store], Any]:
    acts = [Modify(draw.choice(MIDS), draw.choice(MIDS), draw.choice([*Act])) for _ in range(3)]
    return lambda store: store.change(acts, CAPS)


def _group(draw: Random) -> Callable[[Store], Any]:
    group = CreateGroup(draw.choice(MIDS), str(draw.randrange(20)), draw.randrange(1, 10**9))
    return lambda store: store.change([group], CAPS)


def _card(draw: Random) -> Callable[[Store], Any]:
    mid, edit = draw.choice(MIDS), AccountEdit(card={"name": f"n{draw.randrange(9)}"})
    return lambda store: store.edit_account(mid, edit)


def _mute(draw: Random) -> Callable[[Store], Any]:
    a, b, now = draw.choice(MIDS), draw.choice(MIDS), int(time.time())
    return lambda store: marks.mute(store, a, b, None, now)


def _import(draw: Random) -> Callable[[Store], Any]:
    pairs = {(draw.randrange(1, 20), draw.randrange(20, 40)) for _ in range(5)}
    edges = [EdgeRow(follower=a, followed=b, time=1_700_000_000 + a) for a, b in pairs]
    return lambda store: store.import_edges(lambda: edges)


def _visit(draw: Random) -> Callable[[Store], Any]:
    async def visit(store: Store) -> None:
        store.visit(draw.choice(MIDS), draw.choice(MIDS))
        if draw.random() < 0.5:
            await store.flush_visits()

    return visit


def _record(draw: Random) -> Callable[[Store], Any]:
    return lambda store: store.set_changes(draw.random() < 0.8)


_CHANGES = (_act, _act, _act, _group, _card, _mute, _import, _visit, _record)


@pytest.fixture(scope="module")
def world() -> Iterator[RunningService]:
    with running() as service:
        yield service


@settings(max_examples=count(15, 100))
@given(
    st.lists(st.integers(0, len(_CHANGES) - 1), max_size=12),
    st.lists(
        st.one_of(
            st.integers(0, len(_CHANGES) - 1),
            st.sampled_from(["mark a", "mark b", "reset a"]),
            st.sampled_from(["reset b", "reset"]),
        ),
        max_size=20,
    ),
    st.integers(0, 2**16),
)
def test_a_reset_store_equals_the_marked_one(
    world: RunningService, before: list[int], steps: list[int | str], seed: int
) -> None:
    """Acts, imports, documents, visits, the feed: every table is what it was, and consistent."""
    service, draw = world, Random(seed)
    service._wait(service.emulator.marks.drop("a"))
    service._wait(service.emulator.marks.drop("b"))
    service.reset(START)
    service.add_accounts(*MIDS)
    for which in before:
        service.do(_CHANGES[which](draw))
    service.mark("a")
    kept, last = {"a": rows(service)}, "a"
    for step in steps:
        if isinstance(step, int):
            service.do(_CHANGES[step](draw))
        elif step.startswith("mark"):
            last = step[5:]
            service.mark(last)
            kept[last] = rows(service)
        elif step == "reset":
            service.reset()
            assert rows(service) == kept[last]
        elif step[6:] in kept:
            service.reset(step[6:])
            assert rows(service) == kept[step[6:]]
    service.reset("a")
    assert rows(service) == kept["a"]
    assert faults(service) == []


def test_every_table_has_a_primary_key(service: RunningService) -> None:
    """SQLite's session extension ignores the changes of a table without one."""
    with closing(apsw.Connection(str(service.store), flags=apsw.SQLITE_OPEN_READONLY)) as file:
        for table in rows(service):
            if not table.startswith("sqlite"):
                columns = file.execute(f"PRAGMA table_info({table})").fetchall()
                assert any(column[5] for column in columns), table


def test_a_reset_without_a_mark_is_to_the_start() -> None:
    with running() as service:
        empty = rows(service)
        service.add_accounts(1, 2)
        follow(service, service.sign_in(1), service.sign_in(2))
        service.reset()
        assert rows(service) == empty


def test_marks_have_names(service: RunningService) -> None:
    one = service.sign_in(1)
    service.mark("one")
    modify(service, one, 2, 1)
    service.mark("two")
    modify(service, one, 3, 1)
    service.reset()
    assert service.do(lambda store: store.tally(1)).following == 1
    service.reset("one")
    assert service.do(lambda store: store.tally(1)).following == 0
    service.reset()
    assert service.do(lambda store: store.tally(1)).following == 1, "the last mark made is two"
    with pytest.raises(ValueError, match="there is no mark 'three': use start, one, two"):
        service.reset("three")
    for name in ("one", "two"):
        service._wait(service.emulator.marks.drop(name))


def test_what_is_cached_is_forgotten(service: RunningService) -> None:
    """Sessions, states, cards and counted visits: none of after the mark shows after a reset."""
    one, two = service.sign_in(1), service.sign_in(2)
    follow(service, one, two)
    service.mark("cached")
    service.add_accounts(4, cards={2: Card(name="late")})
    late = service.sign_in(4)
    assert call(service, e.FOLLOWINGS, one, {"vmid": 1}).data["list"][0]["uname"] == "late"
    assert modify(service, late, 2, 1).code == 0
    for _ in range(3):
        call(service, e.RELATION, one, {"fid": 2})  # counts a visit, which is written later
    service.reset("cached")
    assert call(service, e.FOLLOWINGS, one, {"vmid": 1}).data["list"][0]["uname"] == "u2"
    assert modify(service, late, 2, 1).code == -101
    assert service.do(lambda store: store.account(4)) is None
    service.do(lambda store: store.flush_visits())
    assert rows(service)["visit"] == []
    service._wait(service.emulator.marks.drop("cached"))


def test_a_server_has_no_marks(address: str) -> None:
    with running(store=address) as service:
        with pytest.raises(ValueError, match="marks need a store in a SQLite file"):
            service.mark()
        with pytest.raises(ValueError, match="marks need a store in a SQLite file"):
            service.reset()
        service.fault(code=-352)


def test_a_large_given_file_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guanxi.emulator.state._LARGEST", 1_000)
    with running(store=tmp_path / "kept.db") as service:
        with pytest.raises(ValueError, match="there is no mark"):
            service.reset()
        service.mark()
        service.reset()


def test_marks_while_the_store_writes(service: RunningService) -> None:
    """A mark belongs to the writer's connection, which its thread may be using."""
    marks_of = service.emulator.marks

    async def both(store: Store) -> None:
        async def write() -> None:
            for number in range(300):
                await store.edit_account(1, AccountEdit(card={"name": f"n{number}"}))

        writing = asyncio.create_task(write())
        while not writing.done():
            await marks_of.mark("busy")
            await marks_of.reset("busy")
            await marks_of.drop("busy")
        await writing

    service.do(both)


def test_a_request_that_waits_does_not_act_in_the_next_test(service: RunningService) -> None:
    """As of a client that timed out, whose connection the service still has."""
    session = service.sign_in(1)
    delay = service.fault("relation.modify", delay=3)
    with ThreadPoolExecutor() as threads:
        late = threads.submit(modify, service, session, 2, 1)
        while delay.applied == 0:
            time.sleep(0.01)
        service.renew()
        with pytest.raises(ConnectionError):
            late.result()
    assert service.requests == []
