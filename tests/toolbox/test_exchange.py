"""Files that carry lists: what is written is read back, and no spreadsheet runs it."""

from __future__ import annotations

import csv
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.toolbox import exchange
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.exchange import Line
from guanxi.toolbox.snapshots import LISTS
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
LINES = st.builds(
    Line,
    list=st.sampled_from(LISTS),
    mid=st.integers(1, 2**63 - 1),
    name=TEXTS,
    since=st.integers(0, 2**33),
    special=st.booleans(),
    groups=st.lists(TEXTS.filter(bool), max_size=3).map(tuple),
    note=TEXTS,
    keep=st.none() | TEXTS.filter(lambda text: text != " "),
)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, suffix: str
) -> None:
    """p7, p10: groups, special marks, times, notes and blocks."""
    path = tmp_path_factory.mktemp("files") / f"lists{suffix}"

    @given(st.lists(LINES, max_size=5))
    def check(rows: list[Line]) -> None:
        assert exchange.write(path, rows) == len(rows)
        assert list(exchange.read(path)) == rows
        assert exchange.is_export(path) is (bool(rows) or suffix == ".csv")

    check()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_archive_as_lines(tmp_path: Path) -> None:
    with new_archive(tmp_path) as archive:
        groups = [(7, "音乐"), (8, "a|b")]
        add_snapshot(
            archive,
            DAY,
            groups,
            followings=[item(3, groups=[7, 8], special=True), item(2)],
            blocks=[item(5, attribute=128)],
        )
        with archive.transaction() as db:
            db.execute("INSERT INTO note VALUES (3, 'why', 1)")
            db.execute("INSERT INTO mark VALUES (2, 'a friend', 1)")
        expected = [
            Line("followings", 3, "u3", 1_003, True, ("音乐", "a|b"), "why"),
            Line("followings", 2, "u2", 1_002, keep="a friend"),
            Line("blocks", 5, "u5", 1_005),
        ]
        assert list(exchange.lines(archive)) == expected
        assert list(exchange.lines(archive, "blocks")) == expected[2:]


def test_all_lines_are_of_one_snapshot(tmp_path: Path) -> None:
    with new_archive(tmp_path) as archive, Archive.open(archive.path) as other:
        add_snapshot(archive, DAY, followings=[item(3), item(2)], blocks=[item(5)])
        found = exchange.lines(archive)
        first = next(found)
        add_snapshot(other, 2 * DAY, followings=[item(3)], blocks=[item(6)])
        assert [first.mid, *(line.mid for line in found)] == [3, 2, 5]
        assert [line.mid for line in exchange.lines(archive)] == [3, 6]


def test_a_spreadsheet_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    names = ["=1+1", "+1", "-1", "@a", "\tx", "'=1", "plain", "''"]
    exchange.write(path, [Line("followings", n, name) for n, name in enumerate(names, 1)])
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [row["name"] for row in csv.DictReader(file)]
    assert cells == ["'=1+1", "'+1", "'-1", "'@a", "'\tx", "''=1", "plain", "''"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"list":"followings","mid":1}\n{"list":"followings","mid":"x"}\n', "line 2: .*mid"),
        ('{"list":"followings","mid":1}\n{"list":"foll', "line 2: "),
        ('{"list":"friends","mid":1}\n', "line 1: .*friends"),
        ('{"list":"followings","mid":0}\n', "line 1: .*mid"),
        ('{"list":"followings","mid":9223372036854775808}\n', "line 1: .*mid"),
        ('{"list":"followings","mid":1,"since":-1}\n', "line 1: .*since"),
        ("list,mid,name,since,special,groups,note,keep\nfollowings,1\n", "line 2: 8 columns"),
        ("list,mid,name,since,special,groups,note,keep\nfollowings,x,,0,0,,,\n", "line 2: .*mid"),
    ],
)
def test_lines_that_cannot_be_read(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    assert exchange.is_export(path)
    with pytest.raises(SelectionError, match=message):
        list(exchange.read(path))


@pytest.mark.parametrize(
    "content",
    [
        '{"mid":1,"note":"why","list":"blocks"}\n',
        "\ufeffmid,list,name,since,special,groups,note,keep\r\n1,blocks,,0,0,,why,\r\n",
        '"mid","note","list","keep","name","since","special","groups"\n1,why,blocks,,,0,0,\n',
    ],
)
def test_another_order_of_columns(tmp_path: Path, content: str) -> None:
    """It is no list of ids: whoever is blocked in it would be followed."""
    path = tmp_path / "file"
    path.write_text(content, newline="")
    assert exchange.is_export(path)
    assert list(exchange.read(path)) == [Line("blocks", 1, note="why")]


def test_another_encoding_and_other_ends_of_lines(tmp_path: Path) -> None:
    """A spreadsheet in Chinese saves CSV as GBK."""
    path = tmp_path / "file.csv"
    exchange.write(path, [Line("followings", 1, "音乐")])
    path.write_bytes(path.read_text("utf-8-sig").encode("gbk"))
    assert exchange.is_export(path)
    with pytest.raises(SelectionError, match="save it as UTF-8"):
        list(exchange.read(path))
    for content in ("1\r2\r", '{"mid":' + "[" * 2_000):
        path.write_text(content, newline="")
        assert not exchange.is_export(path)


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError):
        exchange.write(path, (Line("blocks", 1 // n) for n in (1, 0)))
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(SelectionError, match=r"must end in \.csv or \.jsonl"):
        exchange.write(tmp_path / "a.xlsx", [])
