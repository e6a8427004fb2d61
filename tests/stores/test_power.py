"""Losses of power: what was answered is in the files that remain, which are a sound store."""

from __future__ import annotations

import asyncio
import gzip
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import apsw
import pytest

from guanxi.accounts.account import Card
from guanxi.files.copies import back_up, restore
from guanxi.graph.lists import Listing
from guanxi.operations import accounts
from guanxi.stores.port import EdgeRow, StoreError
from guanxi.stores.sqlite import SQLiteStore, opening, writer
from guanxi.stores.sqlite.opening import version_of
from guanxi.stores.sqlite.schema import VERSION
from tests.counts import count
from tests.stores.disk import Answered, Disk, Sync, Truncate, Write, recorded
from tests.stores.owners import OWNERS, State, next_act, prepared, state_of
from tests.stores.world import do, faults, follow, listed, people

pytestmark = pytest.mark.usefixtures("runner")

KEPT = Path(__file__).parent / "kept"
#: The schema of the kept store.
OLD = 2
#: How many times the writers write in each recording, of up to four owners at once.
ROUNDS = count(40, 400)


async def write(store: SQLiteStore, disk: Disk, draw: Random, rounds: int) -> list[State]:
    """Let owners write concurrently; return the state before the first and after each round."""
    states = [await state_of(store)]
    for number in range(1, rounds + 1):
        owners = draw.sample(OWNERS, draw.randint(1, 4))
        acts = {owner: next_act(owner, states[-1][owner], draw) for owner in owners}
        codes = await asyncio.gather(*(do(store, act) for act, _ in acts.values()))
        assert codes == [[0]] * len(acts)
        disk.answered(number)
        states.append(states[-1] | {owner: after for owner, (_, after) in acts.items()})
        if number == rounds // 2:
            await asyncio.sleep(0.05)  # a pause in which the log is copied into the file
    return states


@asynccontextmanager
async def cut(disk: Disk, at: int, draw: Random, folder: Path) -> AsyncIterator[Path]:
    """Yield a folder with the files that a loss of power after ``at`` events leaves."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in disk.left(at, draw).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    yield folder


def cuts(disk: Disk, after: int, number: int, draw: Random) -> list[int]:
    """Return random points of a recording, half of them at changes of the main file."""
    main, points = disk.known(str(disk.folder / "s.db")), range(after, len(disk.events) + 1)
    kinds = (Write, Truncate, Sync)
    of_main = [
        at
        for at, event in enumerate(disk.events, 1)
        if isinstance(event, kinds) and event.file == main and at in points
    ]
    return [draw.choice((of_main or points) if each % 2 else points) for each in range(number)]


def after_answers(disk: Disk) -> list[int]:
    """Return the points right after an answer, when the least of it may be on the disk."""
    return [at for at, event in enumerate(disk.events, 1) if isinstance(event, Answered)]


def sound(path: Path) -> None:
    """Check that SQLite finds no fault in a file."""
    db = apsw.Connection(str(path))
    try:
        assert db.pragma("integrity_check") == "ok"
    finally:
        db.close()


@asynccontextmanager
async def reopened(path: Path) -> AsyncIterator[SQLiteStore]:
    """Open a store that lost power as any other; check that it is sound, before and after."""
    store = await SQLiteStore.open(path)
    try:
        assert await faults(store) == []
        yield store
        await people(store, 99)  # it can be written
        assert await faults(store) == []
    finally:
        await store.close()
    sound(path)


async def lost(disk: Disk, states: list[State], at: int, draw: Random, folder: Path) -> list[str]:
    """Cut the power; return what is wrong with the store that is left."""
    async with cut(disk, at, draw, folder):
        answered = len(disk.answers(at))
        before, after = states[answered], states[min(answered + 1, len(states) - 1)]
        async with reopened(folder / "s.db") as store:
            found = await state_of(store)
        return [
            f"cut {at}, owner {owner}: {found[owner]}, not {before[owner]} or {after[owner]}"
            for owner in OWNERS
            if found[owner] not in (before[owner], after[owner])
        ]


async def written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, draw: Random
) -> tuple[Disk, list[State], int]:
    """Record writers, whose log is copied into the file and begins again several times."""
    monkeypatch.setattr(writer, "LOG_PAGES", 60)
    monkeypatch.setattr(writer, "QUIET_SECONDS", 0.02)
    monkeypatch.setattr(opening, "_LOG_BYTES_KEPT", 40 * 4096)
    await prepared(folder / "s.db")
    with recorded(folder) as disk:
        store = await SQLiteStore.open(folder / "s.db")
        opened = len(disk.events)
        states = await write(store, disk, draw, ROUNDS)
        await store.close()
    return disk, states, opened


async def test_no_answered_write_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Random(19)
    (folder := tmp_path / "disk").mkdir()
    disk, states, opened = await written(folder, monkeypatch, draw)
    for at in cuts(disk, opened, count(5, 200), draw):
        assert await lost(disk, states, at, draw, tmp_path / "left") == []


@pytest.mark.parametrize(
    "planted",
    [
        "OFF",
        pytest.param("NORMAL", marks=pytest.mark.long),
        pytest.param("a disk that lies", marks=pytest.mark.long),
    ],
)
async def test_a_store_that_does_not_sync_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    """These tests must be able to fail: a store, or a disk, that syncs too little."""

    def connect(path: Path, *, writes: bool = False, busy_ms: int = 200) -> apsw.Connection:
        db = opening.connect(path, writes=writes, busy_ms=busy_ms)
        db.pragma("synchronous", planted)
        return db

    if planted in ("OFF", "NORMAL"):
        monkeypatch.setattr(writer, "connect", connect)
    else:
        monkeypatch.setattr(Disk, "lying", ".db")
    draw = Random(19)
    (folder := tmp_path / "disk").mkdir()
    disk, states, opened = await written(folder, monkeypatch, draw)
    found = 0
    for at in cuts(disk, opened, 20, draw):
        try:
            found += bool(await lost(disk, states, at, draw, tmp_path / "left"))
        except (StoreError, AssertionError):  # it is damaged
            found += 1
    assert found


# --- what is done once: a scenario makes files, does something to them, and checks what is left ---


async def create(folder: Path, disk: Disk) -> None:
    store = await SQLiteStore.open(folder / "s.db", create=True)
    disk.answered("open")
    for mid in range(1, 4):
        await accounts.put(store, mid, Card(name=f"u{mid}"))
        disk.answered(mid)
    await store.close()


async def created(folder: Path, answers: list[object]) -> None:
    mids = set(answers) - {"open"}
    try:
        async with reopened(folder / "s.db") as store:
            found = set(await store.cards([1, 2, 3]))
    except StoreError as error:  # it was not created, or is empty: "create one"
        assert "create one" in str(error)  # noqa: PT017
        assert not answers
        return
    assert found in (mids, {*mids, len(mids) + 1})


EDGES = [
    EdgeRow(follower=1 + at % 17, followed=100 + at, time=at) for at in range(count(600, 2_000))
]


async def import_all(folder: Path, disk: Disk, *, used: bool) -> None:
    store = await SQLiteStore.open(folder / "s.db", create=True)
    await people(store, *(range(1, 4) if used else ()))
    disk.answered("open")
    await store.import_edges(lambda: EDGES)
    disk.answered("imported")
    await store.close()


async def imported(folder: Path, answers: list[object], *, used: bool) -> None:
    if not answers:
        return
    async with reopened(folder / "s.db") as store:
        number = len([row async for row in store.edges()])
    if "imported" in answers:
        assert number == len(EDGES)
    elif not used:
        assert number in (0, len(EDGES))


async def before_migration(folder: Path) -> None:
    (folder / "s.db").write_bytes(gzip.decompress((KEPT / "25196c1.db.gz").read_bytes()))


async def migrate(folder: Path, disk: Disk) -> None:
    store = await SQLiteStore.open(folder / "s.db")
    disk.answered("migrated")
    await store.close()


async def migrated(folder: Path, answers: list[object]) -> None:
    version = version_of(folder / "s.db")
    assert version in (OLD, VERSION)
    if answers:
        assert version == VERSION
    if version == VERSION:  # the way back
        copy = folder / f"s.db.schema-{OLD}"
        assert version_of(copy) == OLD
        sound(copy)
    async with reopened(folder / "s.db") as store:
        assert await listed(store, Listing.FOLLOWINGS, 5) == [1, 3]


async def before_backup(folder: Path) -> None:
    store = await SQLiteStore.open(folder / "s.db", create=True)
    await people(store, *range(1, 60))
    await follow(store, 1, 2)
    await store.close()


async def back_up_in_use(folder: Path, disk: Disk) -> None:
    store = await SQLiteStore.open(folder / "s.db")
    await follow(store, 1, 3)
    disk.answered("followed")
    await asyncio.to_thread(
        back_up, str(folder / "s.db"), folder / "b.db", force=False, progress=lambda *_: None
    )
    disk.answered("backed up")
    await store.close()


async def backed_up(folder: Path, answers: list[object]) -> None:
    if "backed up" in answers or (folder / "b.db").exists():
        async with reopened(folder / "b.db") as store:
            assert await listed(store, Listing.FOLLOWINGS, 1) == [3, 2]
    async with reopened(folder / "s.db") as store:
        assert await listed(store, Listing.FOLLOWINGS, 1) in ([3, 2], [2][len(answers) :])


async def before_restore(folder: Path) -> None:
    await before_backup(folder)
    await asyncio.to_thread(
        back_up, str(folder / "s.db"), folder / "b.db", force=False, progress=lambda *_: None
    )
    store = await SQLiteStore.open(folder / "s.db")
    await follow(store, 1, 3)
    for name in ("s.db", "s.db-wal"):  # as a crash leaves them
        shutil.copy(folder / name, folder / f"{name}.left")
    await store.close()
    for name in ("s.db", "s.db-wal"):
        (folder / f"{name}.left").replace(folder / name)


async def put_back(folder: Path, disk: Disk, *, discard: bool) -> None:
    restored = await asyncio.to_thread(
        restore,
        folder / "b.db",
        str(folder / "s.db"),
        force=True,
        discard=discard,
        stamp="then",
    )
    assert restored
    disk.answered("restored")


async def restored(folder: Path, answers: list[object], *, discard: bool) -> None:
    async with reopened(folder / "s.db") as store:
        found = await listed(store, Listing.FOLLOWINGS, 1)
    assert found in ([2], [3, 2][2 * len(answers) :])
    if found == [2] and not discard:
        async with reopened(folder / "s.db.replaced-then") as store:
            assert await listed(store, Listing.FOLLOWINGS, 1) == [3, 2]


async def nothing(_folder: Path) -> None:
    pass


class Scenario(NamedTuple):
    prepare: Callable[[Path], Awaitable[None]]
    act: Callable[[Path, Disk], Awaitable[None]]
    #: Called with the folder that is left and what was answered.
    check: Callable[[Path, list[object]], Awaitable[None]]


SCENARIOS = {
    "a new store": Scenario(nothing, create, created),
    "an import": Scenario(nothing, partial(import_all, used=False), partial(imported, used=False)),
    "an import into a store in use": Scenario(
        nothing, partial(import_all, used=True), partial(imported, used=True)
    ),
    "a migration": Scenario(before_migration, migrate, migrated),
    "a backup": Scenario(before_backup, back_up_in_use, backed_up),
    "a restore": Scenario(
        before_restore, partial(put_back, discard=False), partial(restored, discard=False)
    ),
    "a restore that discards": Scenario(
        before_restore, partial(put_back, discard=True), partial(restored, discard=True)
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
async def test_what_is_done_once_is_whole_or_absent(tmp_path: Path, name: str) -> None:
    scenario, draw = SCENARIOS[name], Random(19)
    (folder := tmp_path / "disk").mkdir()
    await scenario.prepare(folder)
    with recorded(folder) as disk:
        begun = len(disk.events)
        await scenario.act(folder, disk)
    for at in [*cuts(disk, begun, count(1, 30), draw), *after_answers(disk)]:
        async with cut(disk, at, draw, tmp_path / "left") as left:
            await scenario.check(left, disk.answers(at))
