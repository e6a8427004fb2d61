"""``guanxi account erase``: what confirms it, what it deletes, and that it continues."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from guanxi.accounts.account import Account
from guanxi.operations import accounts, erasing
from guanxi.stores.port import Erasure, Store
from tests.cli.runner import error_of, guanxi, output_of, with_store
from tests.stores.world import faults, follow, people


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"

    async def fill(opened: Store) -> None:
        await people(opened, 1, 2, 3)
        await accounts.put(opened, 1, key="one")
        await follow(opened, 1, 2, 3)

    with_store(path, fill)
    return path


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


@pytest.mark.parametrize("answer", ["1\n", "u1\n", " 1 \n"])
def test_the_mid_or_the_name_confirms(
    answer: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, answer)
    result = guanxi("account", "erase", "key:one", "--store", store)
    assert result.returncode == 0
    assert "this erases 1 (u1), with 2 followings and 0 followers" in result.stderr
    printed = json.loads(result.stdout)
    assert printed["counts"] == {"followings": 2, "documents": 1, "account": 1}
    assert printed["finished"]
    again = output_of("account", "erase", 1, "--store", store)
    assert json.loads(again) == printed
    assert with_store(store, faults) == []


@pytest.mark.parametrize("answer", ["", "\n", "yes\n", "2\n", "u\n"])
def test_another_answer_changes_nothing(
    answer: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(monkeypatch, answer)
    assert "nothing was changed" in error_of("account", "erase", 1, "--store", store)
    assert with_store(store, lambda opened: opened.account(1)) == Account(mid=1)
    assert with_store(store, lambda opened: opened.erasure(1)) is None


def test_a_script_confirms_by_an_option(store: Path) -> None:
    assert json.loads(output_of("account", "erase", 1, "--yes", "--store", store))["mid"] == 1
    assert "2 账号" not in output_of("account", "show", 2, "--store", store)
    assert "does not exist" in error_of("account", "show", 1, "--store", store)
    assert "was erased" in error_of("account", "add", 1, "--name", "x", "--store", store)


def test_an_unknown_account_is_refused(store: Path) -> None:
    assert "does not exist" in error_of("account", "erase", 9, "--yes", "--store", store)
    assert "does not exist" in error_of("account", "erase", 9, "--store", store)


def test_what_was_interrupted_is_continued_without_a_question(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begin(opened: Store) -> Erasure:
        with monkeypatch.context() as patch:
            patch.setattr("guanxi.stores.sqlite.erasing.CALL_SECONDS", 0.0)
            return await erasing.begin(opened, 1)

    assert not with_store(store, begin).finished
    typed(monkeypatch, "")
    printed = json.loads(output_of("account", "erase", 1, "--store", store))
    assert printed["counts"] == {"followings": 2, "documents": 1, "account": 1}
