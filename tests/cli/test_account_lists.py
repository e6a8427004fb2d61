"""``guanxi account list``, ``ban`` and ``export``, ``guanxi session list`` and ``revoke``."""

from __future__ import annotations

import json
from pathlib import Path
from unicodedata import east_asian_width

import pytest

from guanxi.cli.store.account_lists import fitting
from tests.cli.runner import error_of, guanxi, output_of


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    for mid, name in ((1, "Warma"), (2, "很" * 40), (4, "other"), (2**63 - 1, "warm\x1b[2J")):
        output_of("account", "add", mid, "--name", name, "--store", path)
    return path


def test_accounts_are_listed_as_a_table_of_80_cells(store: Path) -> None:
    output_of("account", "ban", 4, "--reason", "spam", "--until", 4_000_000_000, "--store", store)
    lines = output_of("account", "list", "--store", store).splitlines()
    assert lines[0].split() == ["mid", "state", "created", "name"]
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "4", str(2**63 - 1)]
    assert lines[3].split()[1] == "banned"
    for line in lines:
        assert sum(2 if east_asian_width(one) in "WF" else 1 for one in line) <= 80
        assert "\x1b" not in line
    named = output_of("account", "list", "--name", "WARM", "--store", store).splitlines()
    assert [line.split()[0] for line in named[1:]] == [str(2**63 - 1), "1"]
    assert output_of("account", "list", "--name", "x", "--store", store) == ""


def test_a_list_continues_after_its_cursor(store: Path) -> None:
    mids: list[int] = []
    after: list[str] = []
    for left in (1, 1, 1, 1):
        done = guanxi("account", "list", "--limit", left, "--json", *after, "--store", store)
        mids += [json.loads(line)["mid"] for line in done.stdout.splitlines()]
        cursor = done.stderr.rpartition("--after ")[2].strip()
        after = ["--after", cursor]
    assert mids == [1, 2, 4, 2**63 - 1]
    assert "not a cursor" in error_of("account", "list", "--after", "x", "--store", store)


def test_a_ban_has_a_reason_and_an_end(store: Path) -> None:
    arguments = ("--reason", "spam", "--until", 4_000_000_000, "--store", store)
    output_of("account", "ban", 1, *arguments)
    shown = json.loads(output_of("account", "show", 1, "--store", store))
    assert (shown["state"], shown["ban"]) == ("banned", {"reason": "spam", "until": 4_000_000_000})
    [line] = output_of("account", "list", "--state", "banned", "--json", "--store", store).split(
        "\n"
    )[:1]
    assert json.loads(line)["ban"] == {"reason": "spam", "until": 4_000_000_000}
    assert "until" in error_of("account", "ban", 1, "--until", 1, "--store", store)
    assert guanxi("account", "ban", 1, "--lift", *arguments).returncode == 2
    output_of("account", "ban", 1, "--lift", "--store", store)
    shown = json.loads(output_of("account", "show", 1, "--store", store))
    assert (shown["state"], shown["ban"]) == ("normal", None)


def test_sessions_are_listed_and_one_is_revoked(store: Path) -> None:
    tokens = [
        json.loads(output_of("session", "new", 1, *kind, "--store", store))
        for kind in ((), ("--app",))
    ]
    text = output_of("session", "list", 1, "--json", "--store", store)
    listed = [json.loads(line) for line in text.splitlines()]
    assert {each["kind"] for each in listed} == {"cookie", "app"}
    table = output_of("session", "list", 1, "--store", store)
    assert len(table.splitlines()) == 3
    for secret in (tokens[0]["sessdata"], tokens[0]["bili_jct"], tokens[1]["access_key"]):
        assert secret not in text + table
    [app] = [each["id"] for each in listed if each["kind"] == "app"]
    assert output_of("session", "revoke", 4, app, "--store", store) == "0\n"
    assert output_of("session", "revoke", 1, app, "--store", store) == "1\n"
    left = output_of("session", "list", 1, "--json", "--store", store).splitlines()
    assert [json.loads(line)["kind"] for line in left] == ["cookie"]
    assert output_of("session", "revoke", 1, "--store", store) == "1\n"
    assert output_of("session", "list", 1, "--store", store) == ""


def test_an_account_is_exported_to_a_file(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    output_of("account", "export", 1, "--out", file, "--store", store)
    parts = [json.loads(line)["part"] for line in file.read_bytes().splitlines()]
    assert parts == ["account", "counts", "end"]
    assert "exists" in error_of("account", "export", 1, "--out", file, "--store", store)
    before = file.read_bytes()
    assert "does not exist" in error_of(
        "account", "export", 9, "--out", file, "--force", "--store", store
    )
    assert file.read_bytes() == before
    done = guanxi("account", "export", 1, "--store", store)
    assert done.stdout.encode() == before
    assert done.stderr == "exported 3 lines\n"


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("很好", 4, "很好"),
        ("很好的", 4, "很…"),
        ("a很好", 4, "a很…"),
        ("", 3, ""),
    ],
)
def test_a_text_is_cut_to_cells(text: str, cells: int, shown: str) -> None:
    assert fitting(text, cells) == shown
