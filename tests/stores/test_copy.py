"""Copies of a store, into the same engine and into the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from random import Random

import pytest

from guanxi.accounts.account import Card, Privacy, State
from guanxi.accounts.administrators import AuditEntry, Scope
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.graph.groups import CreateGroup, Regroup, RegroupMode, RenameGroup
from guanxi.graph.lists import Listing, Sort
from guanxi.graph.pair import SPECIAL, Act, Contract, Modify, sort_key_at
from guanxi.operations import accounts, admin_tokens
from guanxi.stores import copy, open_store
from guanxi.stores.port import BadLine, EdgeRow, Query, Store, StoreError
from guanxi.world.profile import NOTICE, Notice
from guanxi.world.videos import VIDEO
from tests.counts import count
from tests.stores.documents import put, video
from tests.stores.engines import ENGINES, START, Clock, Engine
from tests.stores.world import ALL, do, faults, people

pytestmark = pytest.mark.usefixtures("runner")

NOW = START // 10**9
#: The accounts from 10 on have random relations.
CROWD = count(35, 60)


@pytest.fixture(params=product(ENGINES, ENGINES), ids=" to ".join)
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    """Yield each pair of engines, without data: the source and the target."""
    engines = []
    for index, name in enumerate(request.param):
        folder = tmp_path / str(index)
        folder.mkdir()
        engines.append(ENGINES[name](folder))
    yield engines[0], engines[1]
    for engine in engines:
        engine.drop()


class Progress:
    """Records the progress that a copy reports."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, int]] = []

    def __call__(self, part: str, count: int) -> None:
        self.reports.append((part, count))


async def fill(store: Store, clock: Clock) -> None:
    """Write at least one of everything that a store holds."""
    rows = [
        EdgeRow(follower=1, followed=2, time=10, contract=Contract(3, 1), visits=7),
        EdgeRow(follower=2, followed=1, time=10),
        EdgeRow(follower=4, followed=5, time=12, kind="whisper"),
        EdgeRow(follower=5, followed=6, time=12, kind="block"),
    ]
    await store.import_edges(lambda: rows)
    await accounts.put(
        store, 7, Card(name="七", face="f", vip_type=1), Privacy(hide_followers=True)
    )
    await accounts.put(store, 8, Card(name="erased"))
    await people(store, *range(10, CROWD))
    draw = Random(3)
    acts = [
        Modify(owner, target, Act.BLOCK if draw.random() < 0.1 else Act.FOLLOW)
        for owner, target in product(range(10, CROWD), repeat=2)
        if owner != target and draw.random() < 0.3
    ]
    for act in acts:
        clock.advance(draw.choice([0, 0, 0.01, 1]))
        await do(store, act)
    groups = (CreateGroup(10, "z", 9), CreateGroup(10, "a", 3), RenameGroup(10, 9, "b"))
    assert await do(store, *groups, CreateGroup(11, "空", 9)) == [0, 0, 0, 0]
    followed = [
        row.mid for row in (await store.page(Listing.FOLLOWINGS, 10, Sort.NEWEST, ALL)).rows
    ]
    grouped = Regroup(10, RegroupMode.SET, tuple(followed[:3]), (3, 9, SPECIAL))
    assert await do(store, grouped) == [0]
    store.visit(10, followed[0])
    store.visit(10, followed[0])
    await store.flush_visits()
    await put(store, VIDEO, 1, *(video(aid, at=aid, title=f"标题 {aid}") for aid in range(1, 20)))
    await put(store, NOTICE, 7, Notice("n"))
    await put(store, NOTICE, 99, Notice("its owner has no account"))
    for digest, expires in ((b"a", NOW + 10**9), (b"b", NOW + 10**9), (b"over", 5)):
        session = Session(digest=digest, mid=7, kind=TokenKind.APP, created=1, expires=expires)
        assert await store.open_session(session) is None
    await accounts.set_state(store, 8, State.DEREGISTERED)
    await accounts.set_state(store, 2, State.BANNED)
    for name in ("reader", "other"):
        await admin_tokens.new_token(store, name, [Scope.READ], 9, NOW)
    for number in range(1, 21):
        await store.append_audit(AuditEntry(number=number, who="reader", what="PUT /x", mid=7))


async def copied(source: Store, target: Store) -> list[copy.Difference]:
    await copy.copy(source, target, Progress(), NOW)
    return [difference async for difference in copy.differences(source, target, Progress(), NOW)]


async def everything(store: Store) -> list[object]:
    rows = [store.accounts(), store.owned_groups(), store.edges(), store.entries()]
    return [[row async for row in part] for part in rows]


async def test_a_copy_holds_everything_of_its_source(
    ends: tuple[Engine, Engine], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy, "_ENTRIES", 7)
    source, target = [await engine.open(clock) for engine in ends]
    await fill(source, clock)
    assert await copied(source, target) == []
    assert await everything(target) == await everything(source)
    for mid in (1, 2, 4, 5, 6, *range(10, CROWD)):
        for listing in Listing:
            for sort in Sort:
                if sort is not Sort.VISITED or listing is Listing.FOLLOWINGS:
                    ours, theirs = [
                        await store.page(listing, mid, sort, ALL) for store in (source, target)
                    ]
                    assert list(ours.rows) == list(theirs.rows)
                    assert ours.total == theirs.total
        assert await source.groups(mid) == await target.groups(mid)
    query = Query(order="pubdate", limit=50, text="标题 1")
    assert await source.documents(VIDEO, 1, query) == await target.documents(VIDEO, 1, query)
    assert await target.session(b"a") == await source.session(b"a")
    assert await target.session(b"over") is None
    assert len(await target.admin_tokens()) == 2
    assert await target.admin_tokens() == await source.admin_tokens()
    assert len(await target.audit(2_000)) == 20
    assert await target.audit(2_000) == await source.audit(2_000)
    assert await faults(target) == []
    secret = source.secret
    await copy.finish(target)
    for store in (source, target):
        await store.close()
    reopened = await open_store(ends[1].address)
    assert reopened.secret == secret
    # A finished copy is a store like any other: new rows sort after the copied ones.
    assert await do(reopened, Modify(7, 10, Act.FOLLOW), CreateGroup(10, "c", 4)) == [0, 0]
    assert [group.name for group in await reopened.groups(10)][2:] == ["b", "a", "c"]
    with pytest.raises(StoreError, match="not empty"):
        await copy.copy(reopened, reopened, Progress(), NOW)
    assert await faults(reopened) == []
    await reopened.close()


async def test_differences_name_part_and_account(ends: tuple[Engine, Engine], clock: Clock) -> None:
    source, target = [await engine.open(clock) for engine in ends]
    await fill(source, clock)
    assert await copied(source, target) == []
    clock.advance(10)
    await accounts.put(source, 7, Card(name="another"))
    await accounts.put(source, 70, Card(name="new"))
    await do(source, Modify(4, 5, Act.CANCEL_WHISPER))
    await do(target, Modify(6, 5, Act.BLOCK), CreateGroup(12, "a", 1))
    await put(source, VIDEO, 1, video(1, title="changed"))
    await target.close_session(b"b")
    await target.delete_admin_token("reader")
    await source.end_audit(AuditEntry(number=3, who="", what="", status=200))
    differing = [
        difference async for difference in copy.differences(source, target, Progress(), NOW)
    ]
    assert set(differing) == {
        ("accounts", 7),
        ("accounts", 70),
        ("relations", 4),
        ("relations", 6),
        ("groups", 12),
        ("documents", 1),
        ("sessions", 7),
        ("tokens", 0),
        ("audit log", 0),
    }
    for store in (source, target):
        await store.close()


@pytest.mark.long
async def test_an_interrupted_copy_resumes(
    ends: tuple[Engine, Engine], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = [await engine.open(clock) for engine in ends]
    await fill(source, clock)
    small = tuple(part._replace(batch_size=7) for part in copy.PARTS)
    monkeypatch.setattr(copy, "PARTS", small)
    whole = Progress()
    steps = 0

    class Stopped(Exception):
        pass

    def stop_at(step: int) -> copy.Progress:
        def progress(part: str, count: int) -> None:
            nonlocal steps
            whole(part, count)
            steps += 1
            if steps == step:
                raise Stopped

        return progress

    stops = 0
    while True:
        try:
            await copy.copy(source, target, stop_at(steps + 3), NOW)
            break
        except Stopped:
            stops += 1
    assert stops > count(6, 20)
    assert [
        difference async for difference in copy.differences(source, target, Progress(), NOW)
    ] == []
    assert await faults(target) == []
    # No batch is copied again, except one whose progress was not noted.
    relations = sum(count == 7 for part, count in whole.reports if part == "relations")
    assert relations <= stops + 1
    for store in (source, target):
        await store.close()


async def test_edges_of_another_store_may_be_written_twice(
    ends: tuple[Engine, Engine], clock: Clock
) -> None:
    source, target = [await engine.open(clock) for engine in ends]
    await fill(source, clock)
    await target.put_accounts([row async for row in source.accounts()])
    names = {(row.owner, row.name): row.id async for row in source.owned_groups()}
    await target.import_edges(tuple, groups=names)
    rows = [row async for row in source.edges()]
    assert {row.kind for row in rows} == {"follow", "whisper", "block"}
    assert any(row.groups for row in rows)
    shuffled = Random(5).sample(rows, len(rows))
    half = len(rows) // 2
    for some in (shuffled[:half], shuffled[half - 9 :], shuffled[: half + 9]):
        await target.put_edges(some)
        await target.count_edges()
        await target.count_edges()
        assert await faults(target) == []
    assert [row async for row in target.edges()] == rows
    for mid in range(10, CROWD):
        tallies = [await store.tally(mid) for store in (source, target)]
        assert len({(it.following, it.whisper, it.black, it.follower) for it in tallies}) == 1
        assert await source.groups(mid) == await target.groups(mid)
    for store in (source, target):
        await store.close()


async def test_the_target_of_an_unfinished_copy_is_refused(
    ends: tuple[Engine, Engine], clock: Clock
) -> None:
    source, target = [await engine.open(clock) for engine in ends]
    await fill(source, clock)

    class Stopped(Exception):
        pass

    def stop(part: str, _: int) -> None:
        if part == "counts":
            raise Stopped

    with pytest.raises(Stopped):
        await copy.copy(source, target, stop, NOW)
    await target.close()
    with pytest.raises(StoreError, match="has not finished"):
        await open_store(ends[1].address)
    again = await open_store(ends[1].address, copying=True)
    assert await copied(source, again) == []
    assert await faults(again) == []
    await copy.finish(again)
    await again.close()
    await (await open_store(ends[1].address)).close()
    await source.close()


async def test_a_copy_is_in_the_feed_of_its_target(
    ends: tuple[Engine, Engine], clock: Clock
) -> None:
    source, target = [await engine.open(clock) for engine in ends]
    await people(source, 1, 2)
    await do(source, Modify(1, 2, Act.FOLLOW))
    await target.set_changes(True)
    begin = (await target.changes_status()).cursor
    assert await copied(source, target) == []
    found = await target.changes(begin)
    assert "import" in [item.kind for item in found.items]
    for store in (source, target):
        await store.close()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_an_edge_in_an_unknown_group_is_refused(store: Store) -> None:
    await people(store, 1, 2)
    rows = [
        EdgeRow(follower=1, followed=2, time=1, groups=("none",)),
        EdgeRow(follower=2, followed=1, time=1),
    ]
    with pytest.raises(StoreError, match="account 1 has no group named 'none'"):
        await store.put_edges(rows)
    assert [row async for row in store.edges()] == []


async def test_a_target_with_other_data_is_refused(
    ends: tuple[Engine, Engine], clock: Clock
) -> None:
    source, target = [await engine.open(clock) for engine in ends]
    await people(source, 1)
    await put(target, NOTICE, 1, Notice("n"))
    with pytest.raises(StoreError, match="not empty"):
        await copy.copy(source, target, Progress(), NOW)
    await target.delete(NOTICE, 1)
    await people(target, 1)
    with pytest.raises(StoreError, match="not empty"):
        await copy.copy(source, target, Progress(), NOW)
    assert await target.note("copy") is None
    for store in (source, target):
        await store.close()


async def test_a_store_whose_clock_was_a_day_ahead_is_copied(
    ends: tuple[Engine, Engine], clock: Clock
) -> None:
    old, new = ends
    source, target = await old.open(clock), await new.open(clock)
    await people(source, *range(1, 8))
    await do(source, Modify(1, 2, Act.FOLLOW), Modify(1, 7, Act.BLOCK))
    clock.advance(86_400)
    await do(source, Modify(1, 3, Act.FOLLOW), Modify(4, 3, Act.FOLLOW))
    clock.advance(-86_400)
    await do(source, Modify(1, 4, Act.FOLLOW), Modify(2, 3, Act.FOLLOW))
    for store in (source, target):
        if store is target:
            await copy.copy(source, target, Progress(), NOW)
            assert [d async for d in copy.differences(source, target, Progress(), NOW)] == []
        rows = (await store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, ALL)).rows
        assert [row.mid for row in rows] == [4, 3, 2]
        keys = [row.sort_key for row in rows]
        assert keys == sorted(keys, reverse=True)
        assert keys[0] > sort_key_at(START + 86_400 * 10**9) > keys[2]
        assert await faults(store) == []
    late = EdgeRow(follower=5, followed=6, time=NOW + 86_400)
    with pytest.raises(BadLine, match="1970"):  # a file of an import has no such excuse
        await target.import_edges(lambda: [late])
    await source.close()
    await target.close()
