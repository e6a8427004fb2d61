"""Imports of edges from files: each format, and every kind of invalid line."""

from __future__ import annotations

import csv
import json
import os
import sys
import threading
from itertools import islice
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from guanxi.graph.pair import Contract
from guanxi.stores.edge_files import UnreadableLine, import_file, read_edges
from guanxi.stores.port import BadLine, EdgeRow, Imported, Store, StoreError
from tests.stores.world import faults

ROWS = [
    EdgeRow(follower=1, followed=2, time=100, special=True, groups=("a, b", "朋友")),
    EdgeRow(follower=2, followed=1, time=0),
    EdgeRow(follower=1, followed=3, time=1_699_999_999, kind="whisper"),
    EdgeRow(follower=2**63 - 1, followed=3, time=5, kind="block"),
]


def as_csv(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "follower", "followed", "special", "kind", "groups"])
        for row in ROWS:
            special = "true" if row.special else ""
            groups = "|".join(row.groups)
            writer.writerow([row.time, row.follower, row.followed, special, row.kind, groups])


def as_json_lines(path: Path) -> None:
    with path.open("w") as file:
        for row in ROWS:
            record = {name: getattr(row, name) for name in row.__struct_fields__}
            del record["contract"]
            file.write(json.dumps(record) + "\n\n")


def as_parquet(path: Path) -> None:
    records = [{name: getattr(row, name) for name in row.__struct_fields__} for row in ROWS]
    parquet.write_table(pyarrow.Table.from_pylist(records), path)


FORMATS = {
    ".csv": as_csv,
    ".jsonl": as_json_lines,
    ".ndjson": as_json_lines,
    ".parquet": as_parquet,
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_has_the_same_rows(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"edges{suffix}"
    FORMATS[suffix](path)
    assert list(read_edges(path)) == ROWS


def test_three_columns_are_required(tmp_path: Path) -> None:
    path = tmp_path / "edges.CSV"
    for text in (
        "follower,followed,time\n1,2,3\n\n4,5,6",
        "time,follower,followed\n3,1,2\n\n6,4,5",
    ):
        path.write_text(text)
        assert list(read_edges(path)) == [
            EdgeRow(follower=1, followed=2, time=3),
            EdgeRow(follower=4, followed=5, time=6),
        ]
    table = pyarrow.table({"follower": [1], "followed": [2], "time": [3], "kind": [None]})
    parquet.write_table(table, tmp_path / "edges.parquet")
    assert list(read_edges(tmp_path / "edges.parquet")) == [EdgeRow(follower=1, followed=2, time=3)]


PLAIN_NAME = [EdgeRow(follower=1, followed=2 + index, time=index) for index in range(2_500)]
ODD = {
    "a quoted field": ('"1","2","3"', EdgeRow(follower=1, followed=2, time=3)),
    "an empty line": ("\n1,2,3", EdgeRow(follower=1, followed=2, time=3)),
    "a missing number": ("1,,3", "followed"),
    "too many fields": ("1,2,3,4", "4 fields, but the header has 3"),
    "text instead of a number": ("1,2,x", "time"),
    "not UTF-8": ("1,2,\udcff", "not UTF-8"),
}


@pytest.mark.parametrize(("text", "expected"), ODD.values(), ids=ODD)
@pytest.mark.parametrize("before", [0, 1_500])
def test_an_unusual_line_among_many(
    tmp_path: Path, before: int, text: str, expected: EdgeRow | str
) -> None:
    path = tmp_path / "edges.csv"
    lines = [f"{row.follower},{row.followed},{row.time}" for row in PLAIN_NAME]
    lines.insert(before, text)
    path.write_text("follower,followed,time\n" + "\n".join(lines), errors="surrogateescape")
    rows = read_edges(path)
    assert list(islice(rows, before)) == PLAIN_NAME[:before]
    if isinstance(expected, EdgeRow):
        assert list(rows) == [expected, *PLAIN_NAME[before:]]
    else:
        with pytest.raises(UnreadableLine, match=expected) as refused:
            list(rows)
        assert refused.value.line == before + 2


def test_json_lines_may_have_a_contract(tmp_path: Path) -> None:
    path = tmp_path / "edges.jsonl"
    path.write_text('{"follower":1,"followed":2,"time":3,"contract":{"ts":4,"user_attr":1}}')
    (row,) = read_edges(path)
    assert row.contract == Contract(4, 1)


HEADER = "follower,followed,time,kind,special,groups"
BAD_CSV = {
    "no header": ("", 1, "lacks follower, followed, time"),
    "a header that lacks one": ("follower,time\n1,2", 1, "lacks followed"),
    "an unknown column": (
        "follower,followed,time,mood\n1,2,3,x",
        1,
        "columns must be unique",
    ),
    "a column twice": (
        "follower,followed,time,time\n1,2,3,3",
        1,
        "columns must be unique",
    ),
    "too few fields": (f"{HEADER}\n1,2,3,,,\n1,2", 3, "2 fields, but the header has 6"),
    "too many fields": (f"{HEADER}\n1,2,3,,,,", 2, "7 fields, but the header has 6"),
    "a missing mid": (f"{HEADER}\n,2,3,,,", 2, "follower"),
    "text instead of a number": (f"{HEADER}\n1,two,3,,,", 2, "followed"),
    "a number with a point": (f"{HEADER}\n1,2,3.5,,,", 2, "time"),
    "a number with underscores": (f"{HEADER}\n1,2,1_000,,,", 2, "time"),
    "full-width digits": (f"{HEADER}\n1,２,3,,,", 2, "followed"),
    "a special flag that is not a boolean": (f"{HEADER}\n1,2,3,,maybe,", 2, "special"),
    "a quote left open": (f'{HEADER}\n1,2,3,,,a\n1,3,3,,,"a', 3, "not CSV"),
    "not UTF-8": (b"follower,followed,time\n1,2,3\n\xff,1,1", 3, "not UTF-8"),
}


@pytest.mark.parametrize(("text", "line", "reason"), BAD_CSV.values(), ids=BAD_CSV)
def test_an_invalid_csv_line_is_named(
    tmp_path: Path, text: str | bytes, line: int, reason: str
) -> None:
    path = tmp_path / "edges.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UnreadableLine) as refused:
        list(read_edges(path))
    assert (refused.value.line, reason in str(refused.value)) == (line, True), refused.value


GOOD = '{"follower":1,"followed":2,"time":3}\n'
BAD_JSON = {
    "not JSON": ("{", ""),
    "an array": ("[1,2,3]", "object"),
    "a missing field": ('{"follower":1,"followed":2}', "time"),
    "an unknown field": ('{"follower":1,"followed":2,"time":3,"mood":1}', "mood"),
    "a number as text": ('{"follower":"1","followed":2,"time":3}', "follower"),
    "a number too large": ('{"follower":1,"followed":2,"time":1e30}', "time"),
    "groups as text": ('{"follower":1,"followed":2,"time":3,"groups":"a"}', "groups"),
    "not UTF-8": (b'{"follower":1,"followed":2,"time":3,"groups":["\xff"]}', ""),
}


@pytest.mark.parametrize(("text", "reason"), BAD_JSON.values(), ids=BAD_JSON)
def test_an_invalid_json_line_is_named(tmp_path: Path, text: str | bytes, reason: str) -> None:
    path = tmp_path / "edges.jsonl"
    bad = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(GOOD.encode() + b"\n" + bad + b"\n" + GOOD.encode())
    with pytest.raises(UnreadableLine) as refused:
        list(read_edges(path))
    assert refused.value.line == 3
    assert reason in str(refused.value)


def test_an_invalid_parquet_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "edges.parquet"
    table = pyarrow.table({"follower": [1, 1], "followed": [2, None], "time": [3, 3]})
    parquet.write_table(table, path)
    with pytest.raises(UnreadableLine, match=r"^line 2: .*followed") as refused:
        list(read_edges(path))
    assert refused.value.line == 2


def test_an_unreadable_file_is_a_store_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match=r"one of \.csv"):
        list(read_edges(tmp_path / "edges.xlsx"))
    for suffix in FORMATS:
        with pytest.raises(StoreError, match="cannot be read"):
            list(read_edges(tmp_path / f"missing{suffix}"))
    (tmp_path / "text.parquet").write_text("text")
    with pytest.raises(StoreError, match="not a readable Parquet file"):
        list(read_edges(tmp_path / "text.parquet"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(StoreError, match=r"pip install 'guanxi\[parquet\]'"):
        list(read_edges(tmp_path / "text.parquet"))


async def test_a_file_is_imported(store: Store, tmp_path: Path) -> None:
    for suffix, write in FORMATS.items():
        path = tmp_path / f"edges{suffix}"
        write(path)
        reports: list[int] = []
        imported = await import_file(store, path, progress=reports.append)
        assert imported == (Imported(new=4) if suffix == ".csv" else Imported(unchanged=4))
        assert reports == [4]
    assert await faults(store) == []


async def test_an_invalid_edge_is_named_by_its_line_in_the_file(
    store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "edges.csv"
    path.write_text(f"{HEADER}\n1,2,3,,,\n\n1,3,4,,,\n1,2,5,block,,\n")
    with pytest.raises(BadLine) as refused:
        await import_file(store, path)
    assert refused.value.line == 5
    path.write_text(f"{HEADER}\n1,2,3,,,\n\n1,x,4,,,\n1,2,5,block,,\n")
    with pytest.raises(UnreadableLine) as unreadable:
        await import_file(store, path)
    assert unreadable.value.line == 4
    path.write_text(f"{HEADER}\n1,2,3,,,\n")
    with pytest.raises(BadLine, match=r"^line 2: .* unknown") as unknown:
        await import_file(store, path, strict=True)
    assert unknown.value.line == 2
    assert await store.account(1) is None


@pytest.mark.parametrize("rest", ["", ",x", "\n7,7,7,x"])
def test_both_csv_readers_split_the_same_lines(tmp_path: Path, rest: str) -> None:
    """A lone CR does not end a line, whatever follows."""
    path = tmp_path / "edges.csv"
    path.write_bytes(f"follower,followed,time\n1,2,3\n4,5,6\r7,8,9\n{rest}".encode())
    with pytest.raises(UnreadableLine) as refused:
        list(read_edges(path))
    assert refused.value.line == 3


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "edges.csv"
    os.mkfifo(path)
    writer = threading.Thread(target=as_csv, args=[path])
    writer.start()
    try:
        assert list(read_edges(path)) == ROWS
    finally:
        writer.join()
