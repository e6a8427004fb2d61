"""Reading files of edges: forms of values, order, conflicts, groups, and refused lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb
import pytest

from guanxi.files.edge_groups import groups_of
from guanxi.files.edges import Edges, read_edges
from guanxi.files.outcome import RefusedLines
from guanxi.files.table import Request
from guanxi.graph.pair import Contract
from guanxi.stores.port import EdgeRow, StoreError
from tests.files.reading import NOW, file, follow, read

ROWS = [
    EdgeRow(follower=1, followed=2, time=100, special=True, groups=("a, b", "朋友")),
    EdgeRow(follower=1, followed=3, time=1_699_999_999, kind="whisper"),
    EdgeRow(follower=2, followed=1, time=0),
    EdgeRow(follower=2**63 - 1, followed=3, time=5, kind="block"),
]
EXTRAS = EdgeRow(
    follower=5,
    followed=6,
    time=7,
    contract=Contract(4, 1),
    finer=65_535,
    visits=2**63 - 1,
    groups=("a|b", "[c]"),
)


def as_json(row: EdgeRow) -> str:
    record = {name: getattr(row, name) for name in row.__struct_fields__}
    if row.contract is not None:
        record["contract"] = {"ts": row.contract.ts, "user_attr": row.contract.user_attr}
    return json.dumps(record)


def test_json_lines_have_every_field(tmp_path: Path) -> None:
    path = file(tmp_path, "\n\n".join(map(as_json, [*ROWS, EXTRAS])))
    assert read(path).rows == [*ROWS[:3], EXTRAS, ROWS[3]]


def test_csv_has_every_field(tmp_path: Path) -> None:
    """A cell of groups may be a JSON list, and a contract is a JSON object."""
    path = file(
        tmp_path,
        "time,follower,followed,special,kind,groups,contract,finer,visits\n"
        '100,1,2,true,follow,"a, b|朋友",,,\n'
        "1699999999,1,3,,whisper,,,,\n0,2,1,0,,[],,0,0\n5,9223372036854775807,3,,block,,,,\n"
        '7,5,6,,,"[""a|b"", ""[c]""]","{""ts"": 4, ""user_attr"": 1}",65535,9223372036854775807\n',
    )
    assert read(path).rows == [*ROWS[:3], EXTRAS, ROWS[3]]


def test_parquet_has_every_field(tmp_path: Path) -> None:
    lines = file(tmp_path, "\n".join(map(as_json, [*ROWS, EXTRAS])), "edges.jsonl")
    path = tmp_path / "edges"
    duckdb.execute(
        f"COPY (SELECT * FROM read_json('{lines}', format = 'newline_delimited'))"
        f" TO '{path}' (FORMAT parquet)"
    )
    assert read(path).rows == [*ROWS[:3], EXTRAS, ROWS[3]]


def test_a_key_of_json_lines_may_be_rare(tmp_path: Path) -> None:
    """The columns are not only those of the lines that are looked at first."""
    lines = [f'{{"follower": 1, "followed": {number}}}' for number in range(2, 1_002)]
    path = file(tmp_path, "\n".join([*lines, '{"follower": 2, "followed": 1, "kind": "block"}']))
    assert next(row for row in read(path).rows if row.kind == "block").follower == 2
    assert read(path).found.counts.conflicting == 1


TIMES = {
    "0": (0, 0),
    "1700000000": (1_700_000_000, 0),
    "99999999": (99_999_999, 0),
    "1700000000.5": (1_700_000_000, 32_768),
    "1.7e9": (1_700_000_000, 0),
    "1.7E+09": (1_700_000_000, 0),
    "1700000000250": (1_700_000_000, 16_384),
    "1700000000000001": (1_700_000_000, 0),
    "1700000000500000": (1_700_000_000, 32_768),
    "2023-11-14T22:13:20Z": (1_700_000_000, 0),
    "2023-11-15T06:13:20+08:00": (1_700_000_000, 0),
    "2023-11-15 06:13:20+08": (1_700_000_000, 0),
    "2023-11-15T06:13:20.500+0800": (1_700_000_000, 32_768),
    "2023-11-14 22:13:20 UTC": (1_700_000_000, 0),
    "2023-11-14 22:13:20": (1_700_000_000, 0),
    "2023-11-14T22:13": (1_699_999_980, 0),
    "2023-11-14": (1_699_920_000, 0),
}


@pytest.mark.parametrize("text", TIMES)
@pytest.mark.parametrize("form", ["follower,followed,time\n1,2,{}\n", "1\t2\t{}\n"])
def test_a_time_in_every_form(tmp_path: Path, text: str, form: str) -> None:
    """The fraction of a second becomes ``finer``, in 65536ths."""
    found = read(file(tmp_path, form.format(text)))
    assert found.rows == [follow(1, 2, *TIMES[text])]


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("1700000000", {"seconds": 1}),
        ("1.7e9", {"seconds": 1}),
        ("1700000000000", {"milliseconds": 1}),
        ("1700000000000000", {"microseconds": 1}),
        ("2023-11-14T22:13:20Z", {"iso": 1}),
        ("2023-11-14T22:13:20-03:00", {"iso": 1}),
        ("2023-11-14T22:13:20", {"iso without zone": 1}),
        ("2023-11-14", {"iso without zone": 1}),
        ("", {"none": 1}),
    ],
)
def test_the_form_of_the_times_is_returned(
    tmp_path: Path, text: str, times: dict[str, int]
) -> None:
    assert read(file(tmp_path, f"follower,followed,time\n1,2,{text}\n")).found.times == times


def test_without_times_the_order_of_the_file_is_that_of_the_follows(tmp_path: Path) -> None:
    count = 70_000  # more than one second has places for
    path = file(tmp_path, "\n".join(f"1,{1 + number}" for number in range(count, 0, -1)))
    rows = read(path).rows
    assert [row.followed for row in rows] == [*range(count + 1, 1, -1)]
    assert len({row.sort_key for row in rows}) == count
    assert (rows[-1].time, rows[-1].finer) == (NOW, 65_535)


def test_an_empty_time_is_none_and_loses_against_one(tmp_path: Path) -> None:
    path = file(tmp_path, "follower,followed,time\n1,2,\n1,3,5\n1,2,7\n1,4,\n")
    assert [(row.followed, row.time) for row in read(path).rows] == [(3, 5), (2, 7), (4, NOW)]


# --- several lines of one pair ---


@pytest.mark.parametrize(("on_conflict", "time"), [("newest", 9), ("oldest", 3)])
def test_of_two_times_one_is_kept(tmp_path: Path, on_conflict: str, time: int) -> None:
    path = file(tmp_path, "follower,followed,time\n1,2,5\n1,2,9\n1,2,3\n1,2,9\n2,1,1\n")
    found = read(path, on_conflict=on_conflict)  # type: ignore[arg-type]
    assert found.rows == [follow(1, 2, time), follow(2, 1, 1)]
    assert (found.found.counts.repeated, found.found.counts.conflicting) == (1, 2)


def test_of_two_times_the_later_line_can_be_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "follower,followed,time\n\n1,2,5\n1,2,5\n1,2,9\n1,3,4\n")
    with pytest.raises(RefusedLines, match="line 5: contradicts line 3"):
        read(path, on_conflict="refuse")
    found = read(path, on_conflict="refuse", skip_bad=True)
    assert found.rows == [follow(1, 3, 4), follow(1, 2, 5)]
    assert (found.found.counts.repeated, found.refused) == (1, [(5, "contradicts line 3")])


#: Kinds of edges from 1 to 2 and from 2 to 1, and the edges that are left: the rules of graph.pair.
RULES = [
    (["follow"], ["block"], [("block", 2)]),
    (["block"], ["follow"], [("block", 1)]),
    (["whisper"], ["block"], [("block", 2)]),
    (["block"], ["block"], [("block", 1), ("block", 2)]),
    (["whisper"], ["follow"], [("whisper", 1), ("follow", 2)]),
    (["whisper", "follow"], [], [("follow", 1)]),
    (["follow", "block"], [], [("block", 1)]),
    (["block", "follow", "whisper"], ["whisper", "follow"], [("block", 1)]),
    (["request"], ["request"], [("request", 1), ("request", 2)]),
    (["request"], ["follow"], [("follow", 2), ("request", 1)]),
    (["request"], ["block"], [("block", 2)]),
    (["request", "whisper"], [], [("whisper", 1), ("request", 1)]),
    (["whisper", "request", "whisper"], [], [("whisper", 1), ("request", 1)]),
    (["follow", "request"], [], [("follow", 1)]),
    (["request", "block"], ["request"], [("block", 1)]),
]


@pytest.mark.parametrize("on_conflict", ["newest", "oldest"])
@pytest.mark.parametrize(("there", "back", "left"), RULES)
def test_contradictions_are_resolved_by_the_rules(
    tmp_path: Path,
    on_conflict: str,
    there: list[str],
    back: list[str],
    left: list[tuple[str, int]],
) -> None:
    lines = [f"1,2,{kind},{at}" for at, kind in enumerate(there)]
    lines += [f"2,1,{kind},{at}" for at, kind in enumerate(back)]
    for ordered in (lines, lines[::-1]):
        path = file(tmp_path, "\n".join(["follower,followed,kind,time", *ordered]))
        found = read(path, on_conflict=on_conflict)  # type: ignore[arg-type]
        assert [(row.kind, row.follower) for row in found.rows] == left
        assert found.found.counts.conflicting == len(lines) - len(left)


def test_a_block_beside_a_follow_can_be_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "follower,followed,kind\n1,2,follow\n2,1,block\n3,1,block\n1,3,follow\n")
    found = read(path, on_conflict="refuse", skip_bad=True)
    assert [(row.follower, row.kind) for row in found.rows] == [(1, "follow"), (3, "block")]
    assert found.refused == [(3, "contradicts line 2"), (5, "contradicts line 4")]


def test_a_request_beside_a_follow_can_be_refused(tmp_path: Path) -> None:
    lines = ["1,2,request,5", "1,2,whisper,5", "1,2,follow,5", "1,3,follow,5", "1,3,request,5"]
    lines += ["1,4,request,5", "1,4,request,6", "1,4,request,5"]
    path = file(tmp_path, "\n".join(["follower,followed,kind,time", *lines]))
    found = read(path, on_conflict="refuse", skip_bad=True)
    assert [(row.followed, row.kind) for row in found.rows] == [
        (3, "follow"),
        (2, "request"),
        (4, "request"),
    ]
    assert found.refused == [
        (3, "contradicts line 2"),
        (4, "contradicts line 2"),
        (6, "contradicts line 5"),
        (8, "contradicts line 7"),
    ]
    assert found.found.counts.repeated == 1


# --- groups ---


@pytest.mark.parametrize(
    ("cells", "separator", "groups"),
    [
        (["a|b", "a"], "|", {("a", "b"), ("a",)}),
        (["a;b", "a"], ";", {("a", "b"), ("a",)}),
        (["同学、同事", "同事、家人"], "、", {("同学", "同事"), ("同事", "家人")}),
        (["a; b ;", "b"], ";", {("a", "b"), ("b",)}),
        (["同学;同事"], "|", {("同学;同事",)}),
        (["a;b", "c|d"], "|", {("a;b",), ("c", "d")}),
        (["a;b", "c、d", "a"], "|", {("a;b",), ("c、d",), ("a",)}),
        (['"[""a;b"", ""c|d""]"', "a"], "|", {("a;b", "c|d"), ("a",)}),
        (["[a]", "[a"], "|", {("[a]",), ("[a",)}),
    ],
)
def test_the_separator_of_groups_is_found_out_where_it_is_clear(
    tmp_path: Path, cells: list[str], separator: str, groups: set[tuple[str, ...]]
) -> None:
    lines = [f"1\t{number}\t{cell}" for number, cell in enumerate(cells, 2)]
    found = read(file(tmp_path, "\n".join(["follower\tfollowed\tgroups", *lines])))
    assert {row.groups for row in found.rows} == groups
    assert found.found.group_separator == separator


def test_the_separator_of_groups_can_be_given(tmp_path: Path) -> None:
    path = file(tmp_path, "follower,followed,groups\n1,2,同学;同事\n")
    assert read(path, group_separator=";").rows[0].groups == ("同学", "同事")
    assert read(path, group_separator=";").found.odd_groups == ()
    assert read(path).found.odd_groups == ((1, "同学;同事"),)


def test_groups_of_a_cell_that_only_looks_like_json() -> None:
    assert groups_of("[" * 100_000, "|") == ("[" * 100_000,)
    assert groups_of('["a", 1]', "|") == ('["a", 1]',)


# --- refused lines ---

HEADER = "follower,followed,time,kind,special,groups,contract,visits,finer"
BAD: dict[str, tuple[str | bytes, str]] = {
    "no follower": (",2,3,,,,,,", "follower: an empty value is not"),
    "a follower of 0": ("0,2,3,,,,,,", "follower: 0 is not"),
    "a negative follower": ("-1,2,3,,,,,,", "follower: -1 is not"),
    "an id of 2^63": ("1,9223372036854775808,3,,,,,,", "followed: 9223372036854775808 is not"),
    "an id of 20 digits": ("12345678901234567890,2,3,,,,,,", "follower: 12345678901234567890"),
    "a fraction": ("1,1.5,3,,,,,,", "followed: '1.5' is not"),
    "digits with underscores": ("1,1_0,3,,,,,,", "followed: '1_0' is not"),
    "full-width digits": ("1,２,3,,,,,,", "followed: '２' is not"),
    "hexadecimal": ("1,0x2,3,,,,,,", "followed: '0x2' is not"),
    "itself": ("7,7,3,,,,,,", "account 7 cannot follow"),
    "a time of 20 digits": ("1,2,12345678901234567890,,,,,,", "time: 12345678901234567890 is not"),
    "a time of words": ("1,2,yesterday,,,,,,", "time: 'yesterday' is not"),
    "a time before 1970": ("1,2,1969-12-31,,,,,,", "time: '1969-12-31' is not"),
    "a day that is none": ("1,2,2023-02-29,,,,,,", "time: '2023-02-29' is not"),
    "infinity": ("1,2,infinity,,,,,,", "time: 'infinity' is not"),
    "a time after now": (f"1,2,{NOW + 1},,,,,,", f"time: {NOW + 1} is later than now"),
    "another kind": ("1,2,3,friend,,,,,", "kind: 'friend' is not"),
    "a flag": ("1,2,3,,maybe,,,,", "special: 'maybe' is not"),
    "a group name": (f"1,2,3,,,{'x' * 30},,,", f"groups: '{'x' * 30}' is not a valid group"),
    "a contract": ("1,2,3,,,,nothing,,", "contract: 'nothing' is not"),
    "a contract time": (
        '1,2,3,,,,"{""ts"": 12345678901234567890}",,',
        "contract: '{\"ts\": 12345678901234567890}' is not",
    ),
    "visits": ("1,2,3,,,,,-1,", "visits: -1 is not"),
    "finer": ("1,2,3,,,,,,65536", "finer: 65536 is not"),
    "a special block": ("1,2,3,block,1,,,,", "only a follow can be special"),
    "a whisper in a group": ("1,2,3,whisper,,a,,,", "only a follow can be special"),
    "a visited block": ("1,2,3,block,,,,1,", "only a follow can be special"),
    "too few fields": ("1,2", "the number of fields differs"),
    "too many fields": ("1,2,3,,,,,,,", "the number of fields differs"),
    "a quote inside": ('1,2,3,,,a"b,,,', "a quote is left open or misplaced"),
    "an open quote": ('1,2,3,,,"a,,,', "a quote is left open or misplaced"),
    "text after a quote": ('1,2,3,,,"a"b,,,', "a quote is left open or misplaced"),
    "not UTF-8": (b"1,2,3,,,\xff,,,", "not UTF-8"),
    "a control character": ("1,2\x1f,3,,,,,,", "followed: '2\\x1e' is not"),
    "a carriage return": ("1,2\r3,3,,,,,,", "followed: '2\\x1e3' is not"),
}


@pytest.mark.parametrize(("line", "why"), BAD.values(), ids=BAD)
def test_a_refused_line_is_named(tmp_path: Path, line: str | bytes, why: str) -> None:
    path = file(tmp_path, b"\n".join([HEADER.encode(), b"", _bytes(line), b"8,9,1,,,,,,\n"]))
    with pytest.raises(RefusedLines) as refused:
        read(path)
    assert (refused.value.count, refused.value.first[0].line) == (1, 3)
    assert why in str(refused.value)
    found = read(path, skip_bad=True)
    assert [line for line, _ in found.refused] == [3]
    assert len(found.rows) == 1


def test_refused_lines_after_many_are_named(tmp_path: Path) -> None:
    """DuckDB reads 2,048 lines at once."""
    good = [b"3,%d,5,,,,,," % number for number in range(4, 2_504)]
    bad = [row for line, _ in BAD.values() for row in (_bytes(line), b"8,9,1,,,,,,")]
    found = read(file(tmp_path, b"\n".join([HEADER.encode(), *good, *bad])), skip_bad=True)
    assert [line for line, _ in found.refused] == [2_502 + 2 * at for at in range(len(BAD))]
    for (_, reason), (_, why) in zip(found.refused, BAD.values(), strict=True):
        assert why in reason
    assert len(found.rows) == 2_501


def _bytes(line: str | bytes) -> bytes:
    return line if isinstance(line, bytes) else line.encode()


def test_refused_lines_are_in_the_order_of_the_file(tmp_path: Path) -> None:
    lines = [*["1,2,3"] * 3, "-1,2,3", "1,\xff,3", "1,2,x,", "1,5,3", '1,"a', "1,1.5,3"]
    path = file(tmp_path, "\n".join(["follower,followed,time", *lines]).encode("latin-1"))
    assert [line for line, _ in read(path, skip_bad=True).refused] == [5, 6, 7, 9, 10]


def test_twenty_of_many_refused_lines_are_shown(tmp_path: Path) -> None:
    path = file(tmp_path, "follower,followed\n" + "0,1\n" * 200_000)
    with pytest.raises(RefusedLines) as refused:
        read(path)
    lines = str(refused.value).splitlines()
    assert lines[0].startswith("line 2: ")
    assert lines[19].startswith("line 21: ")
    assert lines[20:] == [
        "… and 199980 more",
        "200000 lines are refused, so nothing was written; --skip-bad skips such lines",
    ]


def test_a_line_of_another_file_is_named_with_it(tmp_path: Path) -> None:
    first = file(tmp_path, "1,2\n", "first")
    second = file(tmp_path, "3,4\n5,x\n", "second")
    with pytest.raises(RefusedLines, match=f"{second}: line 2: followed"):
        read(first, second)


def test_the_line_of_an_edge_is_known(tmp_path: Path) -> None:
    """Whatever is before it: blank lines, lines that are not UTF-8, quotes over lines."""
    text = b'follower,followed,groups\n\n9,1,"a\nb"\n9,2,"c"\n' + b"\xff\n\n8,3,\n"
    path = file(tmp_path, text)
    with read_edges(Request(files=(path,)), now=NOW, skip_bad=True) as edges:
        assert [_line(edges, number) for number in (1, 2)] == [(8, 8, 3), (5, 9, 2)]
        assert [row.line for row in edges.refused()] == [3, 6]


def _line(edges: Edges, number: int) -> tuple[int, int, int]:
    _, line, follower, followed = edges.line_of(number)
    return line, follower, followed


def test_duckdb_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(StoreError, match=r"pip install 'guanxi\[files\]'"):
        read(file(tmp_path, "1,2\n"))
