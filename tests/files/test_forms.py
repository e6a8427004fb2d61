"""Any set of edges in any form is read back the same; and no bytes end in a traceback."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.files.accounts import read_accounts
from guanxi.files.table import Request
from guanxi.graph.pair import Contract
from guanxi.stores.lines import group_name
from guanxi.stores.port import EdgeRow, StoreError
from tests.counts import combined, count
from tests.files.reading import NOW, file, read

COLUMNS = (
    "follower",
    "followed",
    "time",
    "kind",
    "special",
    "groups",
    "contract",
    "visits",
    "finer",
)


def cells(row: EdgeRow) -> list[str]:
    """Return an edge as the cells of a CSV line, in the order of ``COLUMNS``."""
    contract = row.contract and {"ts": row.contract.ts, "user_attr": row.contract.user_attr}
    return [
        str(row.follower),
        str(row.followed),
        str(row.time),
        row.kind,
        "true" if row.special else "",
        json.dumps(row.groups, ensure_ascii=False) if row.groups else "",
        json.dumps(contract) if contract else "",
        str(row.visits),
        str(row.finer),
    ]


def separated(rows: Iterable[EdgeRow], separator: str, end: str, quoting: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(COLUMNS)
    writer.writerows(map(cells, rows))
    return text.getvalue()


def json_lines(rows: Iterable[EdgeRow], end: str) -> str:
    def record(row: EdgeRow) -> dict[str, object]:
        fields = dict(zip(COLUMNS, cells(row), strict=True))
        return {**fields, "groups": row.groups, "time": row.time, "follower": row.follower}

    return "".join(json.dumps(record(row), ensure_ascii=False) + end for row in rows)


def zstd(content: bytes) -> bytes:
    """Compress a text by DuckDB; its lines end in LF."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "packed")
        lines = [[line] for line in content.decode().split("\n")[:-1]]
        with duckdb.connect() as db:
            db.execute("CREATE TABLE lines (t VARCHAR)")
            db.executemany("INSERT INTO lines VALUES (?)", lines)
            db.execute(
                f"COPY lines TO '{path}' (FORMAT csv, COMPRESSION zstd, HEADER false, QUOTE '',"
                " ESCAPE '', DELIMITER '\x1f')"
            )
        return path.read_bytes()


SEPARATORS = [",", ";", "\t", "|"]
ENDS = ["\n", "\r\n", "\r"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstd,
}
ROWS = [
    EdgeRow(follower=1, followed=2, time=100, special=True, groups=("a, b", "朋友", "x;y|z")),
    EdgeRow(follower=1, followed=3, time=1_699_999_999, kind="whisper", finer=65_535),
    EdgeRow(follower=2, followed=1, time=0, contract=Contract(-1, 2), visits=2**63 - 1),
    EdgeRow(follower=2**63 - 1, followed=2**63 - 2, time=NOW, kind="block"),
]


FORMS = [
    *combined(SEPARATORS, ENDS, ENCODINGS, ["plain"]),
    *combined([";"], ENDS, ENCODINGS, ["gzip"]),
]


@pytest.mark.parametrize(("separator", "end", "encoding", "compression"), FORMS)
def test_every_dialect_encoding_and_compression(
    tmp_path: Path, separator: str, end: str, encoding: str, compression: str
) -> None:
    content = separated(ROWS, separator, end, csv.QUOTE_MINIMAL).encode(encoding)
    assert read(file(tmp_path, COMPRESSIONS[compression](content))).rows == in_order(ROWS)


_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=16).filter(
    lambda name: group_name(name) == name and name.strip() == name
)
_TIMES = st.integers(0, NOW - 1)
_MIDS = st.integers(1, 5) | st.integers(1, 2**63 - 1)
_FOLLOWS = st.builds(
    EdgeRow,
    follower=_MIDS,
    followed=_MIDS,
    time=_TIMES,
    special=st.booleans(),
    groups=st.lists(_NAMES, max_size=3, unique=True).map(tuple),
    contract=st.none() | st.builds(Contract, st.integers(-(2**63), 2**63 - 1), st.integers(0, 9)),
    finer=st.integers(0, 65_535),
    visits=st.integers(0, 2**63 - 1),
)
_WHISPERS = st.builds(EdgeRow, follower=_MIDS, followed=_MIDS, time=_TIMES, kind=st.just("whisper"))


def in_order(rows: Iterable[EdgeRow]) -> list[EdgeRow]:
    return sorted(rows, key=lambda row: (row.follower, row.sort_key, row.followed))


@given(
    rows=st.lists(
        (_FOLLOWS | _WHISPERS).filter(lambda row: row.follower != row.followed),
        min_size=1,
        max_size=16,
        unique_by=lambda row: (row.follower, row.followed),
    ),
    separator=st.sampled_from(SEPARATORS),
    end=st.sampled_from(ENDS),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    encoding=st.sampled_from(ENCODINGS),
    compression=st.sampled_from(["plain", "gzip"]),
    as_json=st.booleans(),
)
@settings(max_examples=count(8, 150))
def test_any_edges_are_read_back_the_same(
    rows: list[EdgeRow],
    separator: str,
    end: str,
    quoting: int,
    encoding: str,
    compression: str,
    as_json: bool,
) -> None:
    text = json_lines(rows, end) if as_json else separated(rows, separator, end, quoting)
    with TemporaryDirectory() as folder:
        path = file(Path(folder), COMPRESSIONS[compression](text.encode(encoding)))
        assert read(path).rows == in_order(rows)


@pytest.mark.parametrize(
    "text", [separated(ROWS, ",", "\n", csv.QUOTE_ALL), json_lines(ROWS, "\n")]
)
def test_zstd_is_read_back_the_same(tmp_path: Path, text: str) -> None:
    assert read(file(tmp_path, zstd(text.encode()))).rows == in_order(ROWS)


PIECES = [
    b"follower,followed,time\n",
    b"1,2,3\n",
    b"\n",
    b"\r",
    b"\r\n",
    b'"',
    b'""',
    b",",
    b";",
    b"\t",
    b"|",
    b"#",
    b"{",
    b"}",
    b"[",
    b'{"follower":1,"followed":2}\n',
    b'{"follower":',
    b"\xff",
    b"\x00",
    b"\x1e",
    b"\x1f",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"PAR1",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"-1",
    b"9" * 40,
    b"1e999",
    b"2023-11-14T22:13:20Z",
    "山".encode(),
    b"\\",
    b"'",
    b"%",
    b"$",
]


def test_no_bytes_end_in_a_traceback(tmp_path: Path) -> None:
    """Random pieces are read, skipped or refused with a reason; the counts always add up.

    Each file is read in one of three ways, in turn.
    """
    draw = random.Random(31)
    for number in range(count(30, 800)):
        content = b"".join(draw.choices(PIECES, k=draw.randint(0, 12)))
        path = file(tmp_path, content, str(number))
        with suppress(StoreError):
            if number % 3:
                read(path, skip_bad=number % 3 == 1)
                continue
            request = Request(files=(path,), columns={"mid": "follower"})
            with read_accounts(request) as found:
                assert found.counts.refused == len([*found.refused()])
