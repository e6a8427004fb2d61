"""Exports: every form read back, one snapshot, filters, and files that are whole or absent."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count as numbers
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guanxi.accounts.account import Account, AccountEdit, Ban, Card, Privacy, State
from guanxi.files.content import read_content
from guanxi.files.edges import import_edges, read_edges
from guanxi.files.export import EXPORTS, export_file
from guanxi.files.outcome import Counts
from guanxi.files.table import Request
from guanxi.graph.feed import Model, Record, apply
from guanxi.graph.pair import REQUESTED, Act, Contract, Edge, Modify, Side
from guanxi.operations import accounts
from guanxi.stores.layer import Layer
from guanxi.stores.lines import MAX_FINER, group_name
from guanxi.stores.port import AccountRow, EdgeRow, Store, StoreError
from guanxi.world.kinds import entry_of
from guanxi.world.profile import NOTICE, Notice
from guanxi.world.videos import VIDEO
from tests.counts import combined, count
from tests.files import reading as the_reader
from tests.stores.documents import put, video
from tests.stores.engines import ENGINES, START, Clock
from tests.stores.world import LIMITS, faults, people

ENDINGS = (
    *("csv", "csv.gz", "csv.zst", "jsonl", "jsonl.gz", "jsonl.zst", "ndjson", "parquet"),
    "CSV.GZ",
)
NOW = START // 10**9
CAPS = msgspec.structs.replace(LIMITS, requests=True)


def records(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file, read without the code that is tested."""
    name, _, compression = path.name.lower().removeprefix("export.").partition(".")
    if name == "parquet":
        with duckdb.connect() as db:
            found = db.execute(f"FROM read_parquet('{path}')")
            columns = [column[0] for column in found.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    if compression == "zst":
        with duckdb.connect() as db:
            if name == "csv":
                found = db.execute(
                    f"FROM read_csv('{path}', header = true, all_varchar = true, delim = ',',"
                    " quote = '\"', escape = '\"', new_line = '\\n')"
                )
                columns = [column[0] for column in found.description or ()]
                rows = [["" if cell is None else cell for cell in row] for row in found.fetchall()]
                return [dict(zip(columns, row, strict=True)) for row in rows]
            found = db.execute(
                f"FROM read_csv('{path}', delim = '\x1f', quote = '', escape = '', header = false,"
                " columns = {'line': 'VARCHAR'}, auto_detect = false, compression = 'zstd')"
            )
            return [json.loads(line) for (line,) in found.fetchall()]
    data = gzip.decompress(path.read_bytes()) if compression else path.read_bytes()
    if name != "csv":
        return [json.loads(line) for line in data.decode().split("\n") if line]
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))


def edges_in(path: Path) -> list[EdgeRow]:
    return [msgspec.convert(edge(row), EdgeRow, strict=False) for row in records(path)]


def edge(row: dict[str, Any]) -> dict[str, Any]:
    for name, begin in (("groups", "["), ("contract", "{")):
        cell = row[name]
        if isinstance(cell, str) and cell.startswith(begin):
            row[name] = json.loads(cell)
        elif isinstance(cell, str):
            row[name] = [part for part in cell.split("|") if part] if name == "groups" else None
    return row


async def in_order(rows: AsyncIterator[Any]) -> list[Any]:
    return [row async for row in rows]


def sorted_groups(rows: list[EdgeRow]) -> list[EdgeRow]:
    return [msgspec.structs.replace(row, groups=tuple(sorted(row.groups))) for row in rows]


def ordered(rows: list[EdgeRow]) -> list[EdgeRow]:
    """Return edges in the reader's order."""
    return sorted(rows, key=lambda row: (row.follower, row.sort_key, row.followed))


async def edges_of(store: Store) -> list[EdgeRow]:
    """Return the edges, with the groups of each in order of their names."""
    return sorted_groups(await in_order(store.edges()))


# --- an import of an export gives the same store ---

times = st.integers(0, NOW)
big = st.integers(-(2**63), 2**63 - 1)
names = (
    st.text(st.sampled_from("ab|;,、；，[]\"'{}\\ 同学\u00a0😀"), min_size=1, max_size=6)
    | st.text(max_size=16)
).filter(lambda name: group_name(name) == name)
follows: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    kind=st.just("follow"),
    time=times,
    special=st.booleans(),
    groups=st.lists(names, max_size=3, unique=True).map(tuple),
    contract=st.none() | st.builds(Contract, big, big),
    finer=st.integers(0, MAX_FINER),
    visits=st.integers(0, 2**63 - 1),
)
whispers = st.fixed_dictionaries({"kind": st.just("whisper"), "time": times})
blocks = st.fixed_dictionaries({"kind": st.just("block"), "time": times})
sides = st.none() | follows | whispers
pairs = st.tuples(sides, sides) | st.tuples(blocks, st.none() | blocks)
mids = st.integers(1, 5) | st.integers(2**63 - 5, 2**63 - 1)


@st.composite
def graphs(draw: st.DrawFn) -> list[EdgeRow]:
    rows = []
    ends = st.tuples(mids, mids).filter(lambda pair: pair[0] != pair[1])
    for first, second in draw(st.lists(ends, max_size=16, unique_by=frozenset)):
        one, other = draw(pairs)
        rows += [EdgeRow(follower=first, followed=second, **one)] if one else []
        rows += [EdgeRow(follower=second, followed=first, **other)] if other else []
    return rows


@pytest.mark.parametrize("engine_name", ENGINES)
def test_an_import_of_exported_edges_gives_the_same_edges(engine_name: str, tmp_path: Path) -> None:
    examples = numbers()
    short, long = (6, 100) if engine_name == "sqlite" else (3, 30)

    @settings(max_examples=count(short, long))
    @given(graphs(), st.sampled_from(ENDINGS))
    @example([EdgeRow(follower=1, followed=2, time=3, groups=("{",))], "csv")
    def check(rows: list[EdgeRow], ending: str) -> None:
        folder = tmp_path / str(next(examples))
        folder.mkdir()
        asyncio.run(round_trip(engine_name, folder, rows, ending))

    check()


async def round_trip(name: str, folder: Path, rows: list[EdgeRow], ending: str) -> None:
    file, again = folder / f"export.{ending}", folder / f"again.{ending}"
    for part in ("source", "target"):
        (folder / part).mkdir()
    engines = [ENGINES[name](folder / part) for part in ("source", "target")]
    source, target = [await engine.open(Clock()) for engine in engines]
    try:
        await source.import_edges(lambda: rows)
        done = await export_file(source, EXPORTS["edges"], file)
        assert (done.rows, done.bytes) == (len(rows), file.stat().st_size)
        read = edges_in(file)
        assert read == await edges_of(source)
        if rows:  # an empty file has no lines that the reader could look at
            assert sorted_groups(the_reader.read(file).rows) == ordered(read)
        await target.import_edges(lambda: read)
        assert await edges_of(target) == read
        await export_file(target, EXPORTS["edges"], again)
        assert records_of_bytes(again) == records_of_bytes(file)
    finally:
        for store in (source, target):
            await store.close()
        for engine in engines:
            engine.drop()


def records_of_bytes(path: Path) -> bytes:
    """Return a file's bytes; of gzip, those inside: its header has the file's name."""
    data = path.read_bytes()
    return gzip.decompress(data) if path.name.lower().endswith(".gz") else data


@pytest.mark.parametrize("ending", ["csv", "csv.zst", "jsonl", "parquet"])
async def test_odd_group_names_are_read_back(store: Store, tmp_path: Path, ending: str) -> None:
    odd = ["a|b", "a;b", "a,b", "a、b", "[a", '["a"]', 'a"b', "'a'", "a\\b", "a b"]
    rows = [
        EdgeRow(follower=1, followed=mid, time=mid, groups=(name, "z"))
        for mid, name in enumerate(odd, 2)
    ]
    await store.import_edges(lambda: rows)
    file = tmp_path / f"export.{ending}"
    await export_file(store, EXPORTS["edges"], file)
    assert sorted_groups(the_reader.read(file).rows) == sorted_groups(rows)


CARD = Card(
    name='=甲 "1", 2',
    face="https://example.com/a?b=1&c=2",
    face_nft=1,
    sign="two\nlines, \"quoted\" | 'and' \\ more\r\n",
    official_type=1,
    official_desc="编辑",
    vip_type=2,
    vip_due_ms=2**53,
    vip_status=1,
    live=1,
    live_url="https://example.com/live",
    nft_icon="[]",
)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_exported_accounts_are_those_of_the_store(
    store: Store, tmp_path: Path, ending: str
) -> None:
    await accounts.put(store, 2**63 - 1, CARD, Privacy(hide_followers=True))
    await people(store, 1, 2)
    ban = Ban('spam, "again"', 2_000_000_000)
    await accounts.edit(store, 1, AccountEdit(state=State.BANNED, ban=ban, key='"键", |1'))
    await accounts.set_state(store, 2, State.DEREGISTERED)
    file = tmp_path / f"export.{ending}"
    done = await export_file(store, EXPORTS["accounts"], file)
    assert done.rows == 3
    read = [account_of(row) for row in records(file)]
    assert read == await in_order(store.accounts())
    assert read[2].card == CARD
    assert read[0].account.ban == ban
    assert [row.created for row in read] == [1_700_000_000] * 3
    assert [row.key for row in read] == ['"键", |1', "", ""]


def account_of(row: dict[str, Any]) -> AccountRow:
    card, privacy = [
        {name: row[name] for name in kind.__struct_fields__} for kind in (Card, Privacy)
    ]
    account = Account(
        mid=int(row["mid"]),
        state=State[row["state"].upper()],
        privacy=msgspec.convert(privacy, Privacy, strict=False),
        ban=Ban(row["ban_reason"], int(row["ban_until"])) if row["ban_reason"] else None,
    )
    card = msgspec.convert(card, Card, strict=False)
    return AccountRow(account, card, row["key"], int(row["created"]))


@pytest.mark.parametrize("ending", ENDINGS)
async def test_exported_content_is_that_of_the_store(
    store: Store, tmp_path: Path, ending: str
) -> None:
    await people(store, 1, 7)
    title = 'a "title"\n, \\n 标题'
    await put(store, VIDEO, 1, *(video(aid, at=aid, title=title) for aid in (1, 2**53 + 1)))
    await put(store, NOTICE, 7, Notice("n"))
    file = tmp_path / f"export.{ending}"
    done = await export_file(store, EXPORTS["content"], file)
    assert done.rows == 3
    exported = await in_order(store.entries())
    assert [entry_in(row) for row in records(file)] == exported
    assert [entry for _, entry in read_content(file)] == exported


def entry_in(row: dict[str, Any]) -> Any:
    document = row["document"]
    if isinstance(document, str):
        document = json.loads(document)
    return entry_of(
        json.dumps({"owner": int(row["owner"]), "kind": row["kind"], "document": document}).encode()
    )


# --- requests to follow ---


@pytest.mark.parametrize("ending", ["csv", "csv.zst", "jsonl", "parquet"])
async def test_exported_requests_are_read_back(store: Store, tmp_path: Path, ending: str) -> None:
    """Also into a store that lacks the accounts, and again; a whisper may be next to one."""
    await people(store, 1, 2, 3, 4)
    await accounts.set_privacy(store, 2, {"approve_followers": True})
    whisper = EdgeRow(follower=3, followed=2, time=5, kind="whisper")
    await store.import_edges(lambda: [whisper])
    for mid in (1, 3):
        assert await store.change([Modify(mid, 2, Act.FOLLOW)], CAPS) == [REQUESTED]
    assert await store.change([Modify(2, 1, Act.FOLLOW)], CAPS) == [0]
    file, other_folder = tmp_path / f"export.{ending}", tmp_path / "other"
    assert (await export_file(store, EXPORTS["edges"], file)).rows == 4
    kinds = [(row.follower, row.kind) for row in edges_in(file)]
    assert kinds == [(1, "request"), (2, "follow"), (3, "whisper"), (3, "request")]
    other_folder.mkdir()
    for name in ENGINES:
        engine = ENGINES[name](other_folder)
        other = await engine.open(Clock())
        try:
            assert await imported(other, file) == Counts(read=4, new=4)
            assert await imported(other, file) == Counts(read=4, unchanged=4)
            assert await in_order(other.edges(requests=True)) == edges_in(file)
            names = {mid: card.name for mid, card in (await other.cards([1, 2, 3])).items()}
            assert names == {1: "用户1", 2: "用户2", 3: "用户3"}
            assert await faults(other) == []
            assert await other.change([Modify(2, 3, Act.APPROVE)], CAPS) == [0]
        finally:
            await other.close()
            engine.drop()


async def imported(store: Store, file: Path, *, strict: bool = False) -> Counts:
    with read_edges(Request(files=(file,)), now=NOW) as edges:
        return await import_edges(store, edges, strict=strict)


async def test_requests_that_the_store_excludes_are_left_out(store: Store, tmp_path: Path) -> None:
    await people(store, *range(1, 7))
    for mid in (4, 6):
        await accounts.set_state(store, mid, State.DEREGISTERED)
    rows = [EdgeRow(follower=1, followed=2, time=5)]
    rows += [EdgeRow(follower=3, followed=1, time=5, kind="block")]
    await store.import_edges(lambda: rows)
    await accounts.set_state(store, 5, State.BANNED)
    pairs = [(1, 2), (1, 3), (3, 1), (1, 4), (6, 1), (1, 5), (2, 1), (1, 9)]
    lines = "".join(f"{owner},{target},5,request\n" for owner, target in pairs)
    file = tmp_path / "in.csv"
    file.write_text(f"follower,followed,time,kind\n{lines}")
    assert await imported(store, file, strict=True) == Counts(read=8, new=2, conflicting=6)
    pending = [row[:2] async for row in store.pending_requests()]
    assert pending == [(1, 5), (2, 1)]
    assert await store.cards([9]) == {}
    assert await faults(store) == []


async def test_an_export_with_its_requests_begins_a_replay(store: Store, tmp_path: Path) -> None:
    """What the feed has after the export's cursor may answer a request that was in the export."""
    await people(store, *range(1, 8))
    for mid in (1, 2):
        await accounts.set_privacy(store, mid, {"approve_followers": True})
    await store.import_edges(lambda: [EdgeRow(follower=3, followed=1, time=5, kind="whisper")])
    await store.set_changes(True)
    sent = [Modify(mid, 1, Act.FOLLOW) for mid in (2, 3, 4, 5, 6, 7)]
    assert await store.change([*sent, Modify(1, 2, Act.FOLLOW)], CAPS) == [REQUESTED] * 7
    file = tmp_path / "export.jsonl"
    cursor = (await export_file(store, EXPORTS["edges"], file)).cursor
    answers = [Modify(1, 3, Act.APPROVE), Modify(1, 4, Act.DECLINE), Modify(1, 5, Act.BLOCK)]
    assert await store.change([*answers, Modify(2, 1, Act.APPROVE)], CAPS) == [0] * 4
    await accounts.set_state(store, 6, State.DEREGISTERED)
    model = Model(sides=sides_in(file))
    assert sorted(model.sides) == [(1, 2), *((mid, 1) for mid in range(2, 8))]
    for item in (await store.changes(cursor)).items:
        apply(model, Record(item.kind, item.actor, item.target, item.before, item.after))
    stored = {}
    async for row in store.edges(requests=True):
        pair = row.follower, row.followed
        stored[pair] = (await store.pair(*pair)).mine
    assert model.sides == stored
    assert sorted(stored) == [(1, 2), (1, 5), (2, 1), (3, 1), (7, 1)]


def sides_in(file: Path) -> dict[tuple[int, int], Side]:
    """Return what accounts have towards others, as the lines of an export say."""
    names = {"whisper": "whispers", "block": "blocks", "request": "requests"}
    sides: dict[tuple[int, int], dict[str, Any]] = {}
    for row in edges_in(file):
        side = sides.setdefault((row.follower, row.followed), {})
        if row.kind == "follow":
            side["follows"] = Edge(row.sort_key)
        else:
            side[names[row.kind]] = row.sort_key
    return {pair: Side(**side) for pair, side in sides.items()}


# --- one snapshot ---


class WritesMeanwhile(Layer):
    """A store that another client changes while its edges are read."""

    def __init__(self, store: Store, other: Store, rows: list[EdgeRow]) -> None:
        super().__init__(store)
        self.other, self.rows, self.written = other, rows, 0

    async def edges(
        self,
        after: int = 0,
        at: Callable[[str | None], object] | None = None,
        *,
        requests: bool = False,
    ) -> AsyncIterator[EdgeRow]:
        count = 0
        async for row in self.store.edges(after, requests=requests):
            count += 1
            if count == len(self.rows) // 3:
                self.written = (await self.other.import_edges(lambda: self.rows)).changed
            yield row


@pytest.mark.parametrize("ending", ["csv", "parquet"])
async def test_an_export_has_one_snapshot(open_again: Any, tmp_path: Path, ending: str) -> None:
    reader, writer = await open_again(), await open_again()
    old, new = (
        [EdgeRow(follower=mid, followed=mid + 1, time=time) for mid in range(1, 6_001)]
        for time in (5, 6)
    )
    await writer.import_edges(lambda: old)
    changing = WritesMeanwhile(reader, writer, new)
    file = tmp_path / f"export.{ending}"
    await export_file(changing, EXPORTS["edges"], file)
    assert changing.written == 6_000
    assert edges_in(file) == old
    await export_file(reader, EXPORTS["edges"], file, force=True)
    assert edges_in(file) == new


# --- filters ---

EDGES = [
    EdgeRow(follower=1, followed=2, time=10, contract=Contract(3, 1), groups=("同学", "b")),
    EdgeRow(follower=1, followed=3, time=20, special=True, visits=5),
    EdgeRow(follower=2, followed=1, time=30),
    EdgeRow(follower=2, followed=4, time=40, kind="whisper"),
    EdgeRow(follower=3, followed=4, time=50, kind="block"),
]


async def filtered(store: Store, folder: Path, where: str, ending: str) -> list[int]:
    await store.import_edges(lambda: EDGES)
    file = folder / f"export.{ending}"
    await export_file(store, EXPORTS["edges"], file, where=where)
    return [row.time for row in edges_in(file)]


@pytest.mark.parametrize(
    ("selection", "ending"),
    combined(
        [
            ("follower = 1 AND time >= 20", [20]),
            ("true", [10, 20, 30, 40, 50]),
            ("false", []),
            ("special OR visits > 4", [20]),
            ("kind <> 'follow' -- the rest", [40, 50]),
            ("list_contains(groups, '同学')", [10]),
            ("contract.ts = 3", [10]),
            ("FOLLOWED IN (1, 2) OR kind LIKE 'bl%'", [10, 30, 50]),
        ],
        ["csv", "jsonl.gz", "parquet"],
    ),
)
async def test_a_filter_selects_rows_and_keeps_their_order(
    store: Store, tmp_path: Path, selection: tuple[str, list[int]], ending: str
) -> None:
    where, expected = selection
    assert await filtered(store, tmp_path, where, ending) == expected


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("", "--where"),
        ("followr = 1", "no column followr; there are follower, followed"),
        ("follower =", "syntax error"),
        ("kind > 1", "Cannot compare"),
        ("follower = 1; DROP TABLE x", "--where"),
        ("1 = 1) OR (1 = 1", "syntax error"),
        ("follower = 1 ORDER BY time", "--where"),
        ("follower = 1, followed = 2", "single expression"),
        ("follower IN (SELECT 1)", "subquery"),
        ("EXISTS (FROM read_text('/etc/hostname'))", "subquery"),
        ("(SELECT count(*) FROM glob('/*')) > 0", "subquery"),
        ("no_such_function(follower)", "no_such_function"),
        ("count(*) > 1", "--where"),
        ("kind::BIGINT > 1", "Could not convert"),
    ],
)
async def test_a_bad_filter_is_refused_with_its_reason(
    store: Store, tmp_path: Path, where: str, reason: str
) -> None:
    with pytest.raises(StoreError, match="--where") as caught:
        await filtered(store, tmp_path, where, "csv")
    assert reason in str(caught.value)
    assert [*exports_in(tmp_path)] == []


def exports_in(folder: Path) -> Iterator[str]:
    """Yield the names in a folder but those of the store, temporary ones included."""
    return (path.name for path in folder.iterdir() if not path.name.startswith("guanxi.db"))


# --- whole or not at all ---


@pytest.mark.parametrize("name", ["e", "e.txt", "e.csv.bz2", "e.parquet.gz", ".gz", "csv"])
async def test_an_unknown_ending_is_refused(store: Store, tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match=r"must end in \.csv"):
        await export_file(store, EXPORTS["edges"], tmp_path / name)
    assert [*exports_in(tmp_path)] == []


async def test_an_existing_file_is_kept_unless_forced(store: Store, tmp_path: Path) -> None:
    await store.import_edges(lambda: EDGES)
    file = tmp_path / "export.csv"
    file.write_text("mine")
    with pytest.raises(StoreError, match=r"exists; --force replaces it"):
        await export_file(store, EXPORTS["edges"], file)
    assert file.read_text() == "mine"
    await export_file(store, EXPORTS["edges"], file, force=True)
    assert edges_in(file) == await edges_of(store)
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    with pytest.raises(StoreError, match="not a regular file"):
        await export_file(store, EXPORTS["edges"], folder, force=True)
    assert sorted(exports_in(tmp_path)) == ["export.csv", "folder.csv"]


class CreatesTheFile(Layer):
    """A store during whose export another program creates the file."""

    def __init__(self, store: Store, file: Path) -> None:
        super().__init__(store)
        self.file = file

    async def edges(
        self,
        after: int = 0,
        at: Callable[[str | None], object] | None = None,
        *,
        requests: bool = False,
    ) -> AsyncIterator[EdgeRow]:
        self.file.write_text("theirs")
        async for row in self.store.edges(after, at, requests=requests):
            yield row


async def test_a_file_that_appears_meanwhile_is_kept(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    with pytest.raises(StoreError, match="exists"):
        await export_file(CreatesTheFile(store, file), EXPORTS["edges"], file)
    assert file.read_text() == "theirs"
    assert [*exports_in(tmp_path)] == ["export.csv"]


async def test_a_failed_read_leaves_nothing(store: Store, tmp_path: Path) -> None:
    await store.close()
    for ending in ("csv", "parquet"):
        with pytest.raises(StoreError):
            await export_file(store, EXPORTS["edges"], tmp_path / f"export.{ending}")
    assert [*exports_in(tmp_path)] == []
