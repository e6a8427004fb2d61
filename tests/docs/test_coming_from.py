"""Tests of the tables for users of bilibili-api: they have every name, and no useless note."""

from __future__ import annotations

import re
from typing import Any

import pytest

from guanxi import user
from tests.documents.test_wire import MODULE
from tools import coming_from, documents
from tools.coming_from import NOTES, PAGE
from tools.generate import ROOT

REFERRED = list(documents._REFERRED)


def test_every_documented_name_has_one_row() -> None:
    _, _, table = (ROOT / PAGE).read_text("utf-8").partition("<!-- generated: names -->")
    rows = re.findall(r"^\| `([\w.]+)` \|", table, re.M)
    assert rows == [entry["name"] for entry in MODULE] + REFERRED
    assert len(rows) >= 91


def test_a_note_of_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NOTES, "User.get_nothing", "the same")
    with pytest.raises(ValueError, match=r"no document has User\.get_nothing"):
        coming_from.names(MODULE, REFERRED)


def test_a_name_with_other_arguments_needs_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    async def get_self_friends(credential: Any, size: int = 1) -> None: ...

    monkeypatch.setattr(user, "get_self_friends", get_self_friends)
    with pytest.raises(ValueError, match="get_self_friends has other arguments"):
        coming_from.names(MODULE, REFERRED)


def test_a_name_that_is_missing_is_noticed() -> None:
    with pytest.raises(AttributeError):
        coming_from.names(MODULE, ["User.get_nothing"])
