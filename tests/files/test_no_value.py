r"""How files write that there is no value: \N, NULL, nan."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from guanxi.files.accounts import read_accounts
from guanxi.files.export import EXPORTS, export_file
from guanxi.files.table import Request
from guanxi.stores.port import EdgeRow, Store
from tests.files.reading import NOW, file, follow, read


@pytest.mark.parametrize("separator", ["\t", ",", ";", "|"])
def test_a_field_of_backslash_n_is_empty(tmp_path: Path, separator: str) -> None:
    """As psql's \\copy and mysqldump write NULL; in quotes it is a text."""
    names = ("follower", "followed", "time", "kind", "special", "groups")
    lines = [
        names,
        ("1", "2", r"\N", r"\N", r"\N", r"\N"),
        ("1", "3", "7", r" \N ", "1", r"\N"),
        ("1", "4", "8", "follow", r"\N", r'"\N"'),
        ("1", "5", "9", r"\N", "1", '"a"'),
    ]
    found = read(file(tmp_path, "\n".join(map(separator.join, lines))))
    assert [(row.followed, row.special, row.groups) for row in found.rows] == [
        (3, True, ()),
        (4, False, (r"\N",)),
        (5, True, ("a",)),
        (2, False, ()),
    ]
    assert found.rows[-1].time == NOW
    assert found.found.no_values == (r"\N",)


def test_spaces_may_separate_backslash_n(tmp_path: Path) -> None:
    assert read(file(tmp_path, "1 2 \\N\n1 3 5\n")).rows == [
        follow(1, 3, 5),
        follow(1, 2, NOW, 65_534),
    ]


@pytest.mark.parametrize("mark", ["NULL", "null", "NaN", "nan", "NaT", "None", "<NA>"])
def test_no_value_in_a_column_that_is_no_text(tmp_path: Path, mark: str) -> None:
    """As pandas and others write it. In a text it is data, which is noted."""
    path = file(
        tmp_path,
        "follower,followed,time,kind,special,visits,finer,contract,groups\n"
        f"1,2,{mark},{mark},{mark},{mark},{mark},{mark},\n1,3,4,,,,,,{mark}|a\n",
    )
    found = read(path)
    assert found.rows == [
        EdgeRow(follower=1, followed=3, time=4, groups=(mark, "a")),
        follow(1, 2, NOW, 65_534),
    ]
    assert found.found.no_values == (mark,)
    assert read(file(tmp_path, f"follower,followed\n1,{mark}\n"), skip_bad=True).refused


def test_no_value_in_accounts(tmp_path: Path) -> None:
    path = file(tmp_path, "mid,name,sign,level,state,live\n1,NULL,\\N,nan,NULL,None\n2,b,nan,1,,\n")
    with read_accounts(Request(files=(path,))) as found:
        assert found.counts.refused == 0
        [one, two] = [line for _, line in found.lines()]
        assert (one.card, one.state, one.level) == ({"name": "NULL"}, None, None)
        assert two.card == {"name": "b", "sign": "nan"}
        assert found.no_values() == ["NULL", "nan"]


def test_a_column_of_numbers_with_nan(tmp_path: Path) -> None:
    """A column of times with a gap is one of doubles in pandas."""
    path = tmp_path / "edges"
    duckdb.execute(
        "COPY (SELECT * FROM (VALUES (1, 2, 'nan'::DOUBLE), (1, 3, 5.0))"
        f" AS t(follower, followed, time)) TO '{path}' (FORMAT parquet)"
    )
    assert read(path).rows == [follow(1, 3, 5), follow(1, 2, NOW, 65_534)]


@pytest.mark.parametrize("ending", ["csv", "csv.zst", "jsonl"])
async def test_an_exported_group_may_have_such_a_name(
    store: Store, tmp_path: Path, ending: str
) -> None:
    rows = [EdgeRow(follower=1, followed=2, time=5, groups=(r"\N",))]
    rows.append(EdgeRow(follower=1, followed=3, time=6, groups=("NULL",)))
    await store.import_edges(lambda: rows)
    path = tmp_path / f"e.{ending}"
    await export_file(store, EXPORTS["edges"], path)
    assert read(path).rows == rows
