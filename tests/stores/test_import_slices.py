"""An import into a PostgreSQL store that others use: in slices, between which they write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import combinations
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import astuple, replace

from guanxi.graph.pair import Contract
from guanxi.stores import open_store
from guanxi.stores.port import BadLine, EdgeRow, Imported, OnOtherTime, SentRequest, Store
from guanxi.stores.postgresql import slices
from tests import postgres
from tests.counts import count
from tests.stores.world import faults, follow, people

pytestmark = pytest.mark.usefixtures("runner")

_IMPORTED, _PAIRS = range(1, 41), 200


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "WHOLE", 100)
    monkeypatch.setattr(slices, "_LEAST", 10)
    monkeypatch.setattr(slices, "_FIRST", 10)
    monkeypatch.setattr(slices, "_LARGEST", 10)


@pytest.fixture
def address() -> Iterator[str]:
    with postgres.schema() as made:
        yield made


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Store]:
    store = await open_store(address, create=True)
    try:
        await people(store, *_IMPORTED, *range(100, 200))
        await follow(store, 100, 101)
        yield store
    finally:
        await store.close()


def rows() -> list[EdgeRow]:
    pairs = [(one, other) for one in _IMPORTED for other in _IMPORTED if one != other][:_PAIRS]
    return [EdgeRow(kind="follow", follower=one, followed=other, time=9) for one, other in pairs]


async def test_others_write_while_an_import_goes_on(address: str) -> None:
    async with opened(address) as store:
        running = asyncio.create_task(store.import_edges(rows))
        written, between = 0, 0
        while not running.done():
            await follow(store, 101 + written % 49, 150 + written // 49)
            written += 1
            between += 0 < (await store.tally(40)).follower < 5  # five of the imported follow it
        assert await running == Imported(new=_PAIRS)
        assert between >= 2
        assert (await store.tally(40)).follower == 5
        assert await faults(store) == []


async def test_an_import_that_is_stopped_leaves_whole_slices(address: str) -> None:
    async with opened(address) as store:
        running = asyncio.create_task(store.import_edges(rows))
        while not (await store.tally(1)).following:
            await asyncio.sleep(0.005)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert await faults(store) == []
        found = [edge async for edge in store.edges() if edge.follower < 100]
        assert found
        assert await store.import_edges(rows) == Imported(
            new=_PAIRS - len(found), unchanged=len(found)
        )
        assert await faults(store) == []


async def test_an_edge_that_is_refused_is_found_before_the_first_slice(address: str) -> None:
    async with opened(address) as store:
        last = EdgeRow(kind="block", follower=101, followed=100, time=9)
        with pytest.raises(BadLine) as caught:
            await store.import_edges(lambda: [*rows(), last])
        assert caught.value.line == _PAIRS + 1
        unknown = EdgeRow(kind="follow", follower=999, followed=1, time=9)
        with pytest.raises(BadLine):
            await store.import_edges(lambda: [*rows(), unknown], strict=True)
        assert (await store.tally(1)).following == 0


async def test_unknown_accounts_are_created_with_the_slice_that_names_them(address: str) -> None:
    async with opened(address) as store:
        new = range(1_000, 1_050)
        edges = [EdgeRow(kind="follow", follower=mid, followed=1, time=9) for mid in new]
        assert (await store.import_edges(lambda: [*rows(), *edges])).new == _PAIRS + len(new)
        assert (await store.cards([*new])).keys() == {*new}
        assert await faults(store) == []


def random_rows(draw: Random) -> list[EdgeRow]:
    """Return edges that do not contradict one another, with everything that an edge can have."""
    found = []
    for pair in combinations(_IMPORTED[:20], 2):
        blocks = draw.random() < 0.15
        for follower, followed in (pair, pair[::-1]):
            if draw.random() < 0.4:
                continue
            time, kind = draw.randrange(1, 5), draw.choice(["follow"] * 5 + ["whisper"])
            if blocks or kind == "whisper":
                kind = "block" if blocks else kind
                row = EdgeRow(follower=follower, followed=followed, time=time, kind=kind)
            else:
                row = EdgeRow(
                    follower=follower,
                    followed=followed,
                    time=time,
                    special=draw.random() < 0.2,
                    groups=tuple(draw.sample(["a", "b", "c"], draw.choice([0, 0, 1, 2]))),
                    contract=Contract(draw.randrange(1, 9)) if draw.random() < 0.2 else None,
                    visits=draw.choice([0, 0, 3]),
                )
            found.append(row)
    draw.shuffle(found)
    return found


@pytest.mark.parametrize("on_other_time", ["replace", "newest", "oldest"])
@pytest.mark.parametrize("seed", range(count(1, 3)))
async def test_slices_write_what_one_transaction_writes_and_what_a_file_has(
    seed: int,
    on_other_time: OnOtherTime,
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = Random(seed)
    before, rows = random_rows(draw), random_rows(draw)
    requested = draw.sample([(a, b) for a in range(200, 215) for b in _IMPORTED[:15]], 60)
    found = []
    with postgres.schema() as other:
        for at, whole in ((address, 100), (other, 10**6), (str(tmp_path / "s.db"), 100)):
            monkeypatch.setattr(slices, "WHOLE", whole)
            store = await open_store(at, create=True)
            await people(store, *_IMPORTED, *range(200, 215))
            await store.import_edges(lambda: before)
            await store.put_requests([SentRequest(*pair, 5) for pair in requested])
            ends = [EdgeRow(follower=a, followed=b, time=3) for a, b in requested[::2]]
            done = await store.import_edges(
                lambda: [*rows, *ends],  # noqa: B023 - is awaited
                on_contradiction="resolve",
                on_other_time=on_other_time,
            )
            assert await faults(store) == []
            found.append(
                (
                    done,
                    # each slice creates the groups that it needs, in the order of slices
                    [replace(row, groups=(*sorted(row.groups),)) async for row in store.edges()],
                    [row async for row in store.pending_requests()],
                )
            )
            await store.close()
    in_slices, in_one, in_a_file = found
    assert in_slices == in_one == in_a_file
    assert min(astuple(found[0][0])) > 0
    assert len(found[0][2]) == len(requested) // 2


def first_bad(rows: list[EdgeRow]) -> int | None:
    """Return the first line that repeats or contradicts an earlier one."""
    for line, later in enumerate(rows, 1):
        for earlier in rows[: line - 1]:
            if {earlier.follower, earlier.followed} == {later.follower, later.followed} and (
                earlier.follower == later.follower
                or (earlier.kind == "block") != (later.kind == "block")
            ):
                return line
    return None


@pytest.mark.parametrize("whole", [1, 10**6])
async def test_the_first_line_that_repeats_or_contradicts_another_is_named(
    whole: int, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "WHOLE", whole)
    draw, bad = Random(9), 0
    async with opened(address) as store:
        for _ in range(count(30, 60)):
            rows = [
                EdgeRow(
                    follower=pair[0],
                    followed=pair[1],
                    time=9,
                    kind=draw.choice(["follow", "follow", "whisper", "block"]),
                )
                for pair in (draw.sample([1, 2, 3, 4, 5], 2) for _ in range(draw.randint(2, 5)))
            ]
            line = first_bad(rows)
            try:
                await store.import_edges(lambda: rows, on_contradiction="resolve")  # noqa: B023 - is awaited
                found = None
            except BadLine as error:
                found = error.line
            assert found == line
            bad += line is not None
        assert 5 < bad < count(30, 60) - 5
        assert await faults(store) == []


async def test_a_slice_with_little_to_write_is_not_followed_by_a_larger_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert slices._next_size(10, 0.001, Imported(new=10)) == 10  # the largest here
    monkeypatch.setattr(slices, "_LARGEST", 1_000)
    assert slices._next_size(10, 0.001, Imported(new=10)) == 20
    assert slices._next_size(10, 0.001, Imported(new=1, unchanged=9)) == 10
    assert slices._next_size(100, 1.0, Imported(new=100)) == 50
