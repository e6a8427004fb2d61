"""Lists of accounts in files of other programs."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.ids import read_ids

TWO = [(2, "b"), (3, "c, d")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("2\n\n3\r\n", [(2, ""), (3, "")]),
        ("2,b\n3,c, d", TWO),
        ('2\tb\n3\t"c, d"\n', TWO),
        ("\ufeff2,b\n3,c, d\n", TWO),
        ('name,MID\nb,2\n"c, d",3\n', TWO),
        ('uid,sign,uname\n2,x,b\n3,"two\nlines","c, d"\n', TWO),
        ("name\tid\nb\t2\nc, d\t3\n", TWO),
        ("[2, 3]", [(2, ""), (3, "")]),
        ('[{"mid": 2, "name": null}]', [(2, "")]),
        ('[\n"2",\n{"uid": 3, "name": "c"}]', [(2, ""), (3, "c")]),
        ('{"mid": 2, "name": "b"}\n\n{"fid": "3", "uname": "c, d"}\n', TWO),
        (f"{2**63 - 1}\n", [(2**63 - 1, "")]),
        ("", []),
        ("mid,name\n", []),
    ],
)
def test_files_of_ids_are_read(tmp_path: Path, content: str, expected: object) -> None:
    """p7, p8: lists that other tools wrote."""
    path = tmp_path / "ids"
    path.write_text(content, "utf-8", newline="")
    assert [(one.mid, one.name) for one in read_ids(path)] == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("2\n3\nx,4\n", "line 3: no id in 'x,4'"),
        ("2\n\n-3\n", "line 3: no id in '-3'"),
        ("2\n0\n", "line 2: no id in '0'"),
        (f"2\n{2**63}\n", f"line 2: no id in '{2**63}'"),
        ("2\n１２\n", "line 2: no id in '１２'"),
        ("name,sign\nb,x\n", "line 1: no id in 'name,sign'"),
        ('mid,name\n2,b\n"",c\n', "line 3: no id in ',c'"),
        ("mid\n2\n" + "x" * 99, "line 3: no id in '" + "x" * 60 + "'"),
        ('{"mid": 2}\n{"mid": 3\n', "line 2: no id in '{\"mid\": 3'"),
        ('{"mid": 2}\n{"name": "x"}\n', "line 2: no id in "),
        ("[2, true]", "line 2: no id in 'True'"),
        ("[2, 3", "is not valid JSON"),
        ('{"mid": 2}\n{"mid": ' + "[" * 2_000, "line 2: no id in "),
        ("[" * 2_000, "is not valid JSON"),
        ("mid\n2\0\n", "no id in"),
        ('{"guanxi_plan": 1, "mid": 2}', "is a plan, not a list"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "ids"
    path.write_text(content, "utf-8", newline="")
    with pytest.raises(SelectionError) as raised:
        list(read_ids(path))
    assert message in str(raised.value)


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ids"
    path.write_bytes("2,音乐\n".encode("gb18030"))
    with pytest.raises(SelectionError, match="save it as UTF-8"):
        list(read_ids(path))
    with pytest.raises(FileNotFoundError):
        list(read_ids(tmp_path / "other"))


def test_standard_input_is_read_and_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    standard = io.TextIOWrapper(io.BytesIO("\ufeff2,b\n3\n".encode()))
    monkeypatch.setattr(sys, "stdin", standard)
    assert [one.mid for one in read_ids("-")] == [2, 3]
    assert not standard.buffer.closed
