"""Files that people have, each imported by the command: what is stored and what is said."""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pytest

from guanxi.stores import open_store
from guanxi.stores.port import EdgeRow, Store
from tests.cli.runner import error_of, guanxi, output_of
from tests.files.reading import file

T = TypeVar("T")


def with_store(path: Path, do: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        store = await open_store(str(path))
        try:
            return await do(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def _edges(store: Store) -> list[EdgeRow]:
    assert [fault async for fault in store.check()] == []
    return [row async for row in store.edges()]


class Shop:
    """A store, and the command that imports into it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "s.db"

    def imported(self, content: str | bytes, *options: object) -> str:
        """Import a file of edges; return what the command says."""
        path = file(self.folder, content)
        result = guanxi("store", "import", "edges", path, *options, "--store", self.path)
        assert result.returncode == 0, result.stderr
        assert result.stdout == ""
        return result.stderr

    def refused(self, content: str | bytes, *options: object) -> str:
        """Import a file of edges that is refused; check that no store appears; return why."""
        path = file(self.folder, content)
        message = error_of("store", "import", "edges", path, *options, "--store", self.path)
        assert not self.path.exists()
        return message

    def edges(self) -> list[EdgeRow]:
        return with_store(self.path, _edges)

    def pairs(self) -> list[tuple[int, int]]:
        return [(row.follower, row.followed) for row in self.edges()]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


# --- i1: no time ---


@pytest.mark.parametrize(
    "content",
    ["1,9\n1,4\n1,7\n", "follower,followed\n1,9\n1,4\n1,7\n", "# a graph\n1\t9\n1\t4\n1\t7\n"],
)
def test_an_edge_list_without_times_keeps_its_order(shop: Shop, content: str) -> None:
    before = int(time.time())
    said = shop.imported(content)
    rows = shop.edges()
    assert [row.followed for row in rows] == [9, 4, 7]
    assert before - 1 <= rows[-1].time <= time.time()
    assert "times: none, so in the file's order, the last now (3)" in said
    assert ("no header" in said) == (not content.startswith("follower"))


# --- i2: a line twice ---


def test_a_repeated_line_counts_once(shop: Shop) -> None:
    said = shop.imported("follower,followed,time\n1,2,3\n1,2,3\n4,5,6\n")
    assert "3 read, 2 new, 0 changed, 0 unchanged, 1 repeated, 0 in conflict, 0 refused" in said
    again = shop.imported("follower,followed,time\n1,2,3\n4,5,7\n")
    assert "2 read, 0 new, 1 changed, 1 unchanged, 0 repeated, 0 in conflict" in again
    assert shop.pairs() == [(1, 2), (4, 5)]


# --- i3: a pair with two times ---


@pytest.mark.parametrize(
    ("options", "kept"),
    [([], 9), (["--on-conflict", "newest"], 9), (["--on-conflict", "oldest"], 5)],
)
def test_of_two_times_one_is_chosen(shop: Shop, options: list[str], kept: int) -> None:
    said = shop.imported("follower,followed,time\n1,2,5\n1,2,9\n", *options)
    assert "1 in conflict" in said
    assert [row.time for row in shop.edges()] == [kept]


def test_two_times_can_be_refused(shop: Shop) -> None:
    message = shop.refused("follower,followed,time\n1,2,5\n1,2,9\n", "--on-conflict", "refuse")
    assert "line 3: contradicts line 2" in message


# --- i4: a follow and a block ---


def test_a_block_wins_over_a_follow(shop: Shop) -> None:
    content = "follower,followed,kind\n1,2,follow\n2,1,block\n"
    assert "line 3: contradicts line 2" in shop.refused(content, "--on-conflict", "refuse")
    assert "1 in conflict" in shop.imported(content)
    assert [(row.follower, row.kind) for row in shop.edges()] == [(2, "block")]


def test_a_block_in_the_store_wins_or_the_line_is_refused(shop: Shop) -> None:
    shop.imported("follower,followed,kind\n2,1,block\n")
    content = "follower,followed\n5,6\n\n1,2\n"
    path = file(shop.folder, content)
    argv = ["store", "import", "edges", path, "--on-conflict", "refuse", "--store", shop.path]
    assert "line 4: " in error_of(*argv)
    assert "2 read, 1 new, 0 changed, 0 unchanged, 0 repeated, 1 in conflict" in (
        shop.imported(content)
    )
    assert shop.pairs() == [(2, 1), (5, 6)]


# --- i5: one bad line of many ---


def test_one_bad_line_of_many_is_refused_or_skipped(shop: Shop) -> None:
    lines = [f"{number % 500 + 1},{number + 600}" for number in range(20_000)]
    lines[12_345] = "1,nobody"
    content = "\n".join(lines)
    message = shop.refused(content)
    assert "line 12346: followed: 'nobody' is not an account id" in message
    assert "1 line is refused, so nothing was written" in message
    bad = shop.folder / "bad.csv"
    said = shop.imported(content, "--bad-lines", bad)
    assert said.startswith("20,000 read, ")
    assert "1 refused" in said
    assert len(shop.pairs()) == 19_999
    with bad.open(newline="", encoding="utf-8") as opened:
        [row] = csv.DictReader(opened)
    assert (row["line"], row["text"]) == ("12346", "1,nobody")
    assert row["reason"].startswith("followed: 'nobody'")


# --- i6: dialects, encodings, compression ---

SIX = "follower;followed;time\r\n1;2;3\r\n4;5;6\r\n"
FORMS = {
    "semicolons": SIX.encode(),
    "tabs": SIX.replace(";", "\t").encode(),
    "commas": SIX.replace(";", ",").encode(),
    "UTF-16": SIX.encode("utf-16"),
    "UTF-8 with a mark": SIX.encode("utf-8-sig"),
    "gzip": gzip.compress(SIX.encode()),
    "gzip of UTF-16": gzip.compress(SIX.encode("utf-16")),
    "quotes over lines": b'follower,note,followed,time\n1,"a\n\n""b"",",2,3\n4,,5,6\n',
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_the_form_of_a_file_is_found_out(shop: Shop, content: bytes) -> None:
    shop.imported(content)
    assert [(row.follower, row.followed, row.time) for row in shop.edges()] == [
        (1, 2, 3),
        (4, 5, 6),
    ]


def test_zstd_is_read(shop: Shop) -> None:
    packed = shop.folder / "packed"
    duckdb.execute(
        "COPY (SELECT * FROM (VALUES (1, 2, 3), (4, 5, 6)) AS t(follower, followed, time))"
        f" TO '{packed}' (FORMAT csv, COMPRESSION zstd)"
    )
    shop.imported(packed.read_bytes())
    assert shop.pairs() == [(1, 2), (4, 5)]


# --- i7: other columns ---

OTHERS = "id,src,dst,created_at,weight\n1,5,6,1700000000,x\n2,7,8,1700000001,y\n"


def test_columns_are_named_and_others_left_alone(shop: Shop) -> None:
    said = shop.imported(OTHERS, "--columns", "follower=src,followed=dst,time=created_at")
    assert said.count("columns ignored: id, weight") == 1
    assert [(row.follower, row.followed, row.time) for row in shop.edges()] == [
        (5, 6, 1_700_000_000),
        (7, 8, 1_700_000_001),
    ]


def test_columns_have_numbers_where_there_is_no_header(shop: Shop) -> None:
    shop.imported("5,6,-1,1700000000\n", "--columns", "follower=2,followed=1,time=4")
    assert [(row.follower, row.time) for row in shop.edges()] == [(6, 1_700_000_000)]


def test_a_query_may_join_files(shop: Shop) -> None:
    names = file(shop.folder, "name,mid\na,1\nb,2\nc,3\n", "names")
    query = (
        "SELECT a.mid AS follower, b.mid AS followed FROM file1"
        " JOIN file2 a ON a.name = x JOIN file2 b ON b.name = y"
    )
    shop.imported("x,y\na,b\nc,b\n", names, "--sql", query)
    assert shop.pairs() == [(1, 2), (3, 2)]


def test_a_query_reads_no_other_file(shop: Shop) -> None:
    secret = file(shop.folder, "1,2\n", "secret.csv")
    message = shop.refused("1,2\n", "--sql", f"SELECT 1 AS follower, * FROM '{secret}'")
    assert "the query of --sql failed" in message


def test_a_query_over_a_file_with_a_bad_line_names_it(shop: Shop) -> None:
    message = shop.refused(
        "a,b\n1,2\n3\n", "--sql", "SELECT a AS follower, b AS followed FROM file"
    )
    assert "line 3: the number of fields" in message


# --- i8: forms of times ---


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2023-11-15T06:13:20+08:00", "times: ISO 8601 (1)"),
        ("1700000000000", "times: milliseconds (1)"),
        ("1700000000000000", "times: microseconds (1)"),
        ("1.7e9", "times: seconds (1)"),
        ("2023-11-14 22:13:20", "times: ISO 8601 without zone, as UTC (1)"),
    ],
)
def test_a_time_is_recognised_and_said(shop: Shop, text: str, said: str) -> None:
    assert said in shop.imported(f"follower,followed,time\n1,2,{text}\n")
    assert [row.time for row in shop.edges()] == [1_700_000_000]


# --- i9: another product's header ---


def test_a_wrong_header_is_shown_with_what_is_needed(shop: Shop) -> None:
    message = shop.refused("Account address,Show boosts\na@example.com,true\n")
    assert "the header is: Account address, Show boosts" in message
    assert "The columns follower and followed are needed" in message
    assert "--columns follower=" in message


# --- i10: several faults ---


def test_faults_are_in_the_order_of_the_file(shop: Shop) -> None:
    message = shop.refused("follower,followed\n-1,2\n1,2\n1,3\n1,4\n1.5,2\n1,5\n")
    first, second, *_ = message.splitlines()
    assert "line 2: follower: -1" in first
    assert "line 6: follower: '1.5'" in second


# --- i11: separators of groups ---


def test_the_summary_warns_of_a_group_name_with_a_separator(shop: Shop) -> None:
    content = "follower,followed,time,groups\n1,2,3,同学;同事\n"
    said = shop.imported(content)
    assert "is there a separator in these group names? 同学;同事" in said
    assert "--group-separator" in said
    assert "group names?" not in shop.imported(content), "the group exists now"


def test_the_separator_can_be_given(shop: Shop) -> None:
    content = "follower,followed,time,groups\n1,2,3,同学;同事\n"
    assert "group names?" not in shop.imported(content, "--group-separator", ";")
    assert shop.edges()[0].groups == ("同学", "同事")


# --- i12: accounts ---


def test_accounts_get_names(shop: Shop) -> None:
    path = file(shop.folder, "mid,name,face\n1,山新,https://example.com/1.jpg\n2,Ada,\n")
    result = guanxi("store", "import", "accounts", path, "--store", shop.path)
    assert result.stderr.startswith("2 read, 2 new, 0 changed, 0 unchanged")
    cards = with_store(shop.path, lambda store: store.cards([1, 2]))
    assert (cards[1].name, cards[1].face) == ("山新", "https://example.com/1.jpg")
    assert cards[2].name == "Ada"


# --- i13: hostile files ---

HOSTILE = {
    "a deep line": ('{"a":' * 200_000 + "1" + "}" * 200_000, "line 1: follower"),
    "a deep line that does not end": ('{"a":' * 200_000, "line 1: not a JSON object"),
    "a deep contract": (
        '{"follower":1,"followed":2,"contract":' + "[" * 200_000 + "]" * 200_000 + "}",
        "line 1: contract",
    ),
    "a contract time of 20 digits": (
        '{"follower":1,"followed":2,"contract":{"ts":12345678901234567890}}',
        "line 1: contract",
    ),
    "a truncated Parquet file": (b"PAR1" + bytes(100), "cannot be read: "),
    "a truncated gzip file": (gzip.compress(b"1,2\n" * 1_000)[:-9], "is a broken gzip file"),
    "half a UTF-16 character": ("1,2".encode("utf-16")[:-1], "is not valid UTF-16"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(50), "is a ZIP archive"),
    "a JSON array": ('[{"follower": 1, "followed": 2}]', "is a JSON array"),
    "a long line": ("1,2\n" + "3" * 3_000_000 + ",4\n", "line 2: longer than 2,000,000 bytes"),
    "an empty file": ("", "is empty"),
    "comments alone": ("# a\n\n#b\n", "is empty"),
}


@pytest.mark.parametrize(("content", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_with_a_reason(
    shop: Shop, content: str | bytes, said: str
) -> None:
    message = shop.refused(content)
    assert said in message
    assert "None" not in message
    assert max(map(len, message.splitlines())) < 400


# --- what the command says and writes ---


def test_a_summary_is_json_on_request(shop: Shop) -> None:
    path = file(shop.folder, "1,2\n1,2\n3,x\n")
    argv = ["store", "import", "edges", path, "--skip-bad", "--json", "--store", shop.path]
    counts = json.loads(output_of(*argv))
    notes = counts.pop("notes")
    assert counts.pop("read") == sum(counts.values()) == 3
    assert (counts["repeated"], counts["refused"]) == (1, 1)
    assert len(notes) == 2


def test_a_dry_run_writes_nothing(shop: Shop) -> None:
    said = shop.imported("1,2\n1,2\n", "--dry-run")
    assert "2 read, 1 new, 0 changed, 0 unchanged, 1 repeated, 0 in conflict, 0 refused" in said
    assert "nothing was written" in said
    assert not shop.path.exists()


def test_an_unknown_account_is_named(shop: Shop) -> None:
    output_of("account", "add", 1, "--store", shop.path)
    path = file(shop.folder, "follower,followed\n\n1,77\n")
    argv = ["store", "import", "edges", path, "--strict", "--store", shop.path]
    assert "line 3: there is no account 77" in error_of(*argv)
    path.write_text("follower,followed\n\n78,77\n")
    assert "line 3: accounts 78 and 77 do not exist" in error_of(*argv)


@pytest.mark.parametrize("columns", ["follower", "follower=", "=x", "friend=a"])
def test_columns_must_be_pairs_of_names(shop: Shop, columns: str) -> None:
    assert "--columns" in shop.refused("1,2\n", "--columns", columns)
