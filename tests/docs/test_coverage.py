"""Every entry of the documents has its tests."""

from __future__ import annotations

from tests.documents.entries import ENTRIES, EXEMPT
from tools.coverage import missing
from tools.holders import holders


def test_every_entry_is_held() -> None:
    assert missing() == [], "mark the tests that check these: see tests/holding.py"


def test_no_exemption_is_left_over() -> None:
    assert [pair for pair in EXEMPT if pair in holders()] == []
    assert {name for name, _ in EXEMPT} <= ENTRIES.keys()
