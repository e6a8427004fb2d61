"""Tests that a text from outside cannot act on the terminal, and ends no command in a traceback."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from guanxi.cli.terminal import escaped
from tests.cli.runner import error_of, guanxi, output_of

HOSTILE = "a\x1b]0;x\x07\x9b31m\u202eb\u2066c\u2028d"


def test_only_the_terminal_module_prints() -> None:
    room = Path(__file__).parents[2] / "src/guanxi/cli"
    found = [
        f"{path.name}:{call.lineno}"
        for path in sorted(room.glob("*.py"))
        if path.name != "terminal.py"
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] in ("print", "echo")
    ]
    assert found == []


def test_controls_and_bidi_are_escapes() -> None:
    assert escaped(HOSTILE) == r"a\x1b]0;x\x07\x9b31m\u202eb\u2066c\u2028d"
    assert escaped("甲 a\n\udcff") == "甲 a\n\\udcff"


def test_usage_errors_are_escaped() -> None:
    assert escaped(HOSTILE) in error_of(HOSTILE)
    assert escaped(HOSTILE) in error_of("api", HOSTILE)


def test_store_names_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / HOSTILE
    result = guanxi("store", "init", path)
    assert result.returncode == 0
    assert result.stderr == f"{escaped(str(path))}: created\n"


def test_json_is_escaped_and_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "e.csv"
    file.write_text(f"follower,followed,{HOSTILE[:-2]}\n1,2,3\n")
    printed = output_of("store", "import", "edges", file, "--json", "--store", tmp_path / "s.db")
    assert printed.rstrip("\n").isprintable()
    assert any("\x9b31m\u202e" in note for note in json.loads(printed)["notes"])


@pytest.mark.parametrize("digits", [20, 5_000])
def test_numbers_of_many_digits_are_wrong_arguments(tmp_path: Path, digits: int) -> None:
    store = tmp_path / "s.db"
    output_of("account", "add", 1, "--name", "a", "--store", store)
    assert "Usage" in error_of("account", "add", "9" * digits, "--name", "b", "--store", store)
    assert "--days" in error_of("session", "new", 1, "--days", "9" * digits, "--store", store)
    file = tmp_path / "c.csv"
    file.write_text(f"owner,kind,document\n{'9' * digits},notice,{{}}\n")
    assert "line 2" in error_of("store", "import", "content", file, "--store", store)
