"""Tests that the generated pages are up to date."""

from __future__ import annotations

from tools import generate
from tools.generate import ROOT


def test_generated_files_are_current() -> None:
    stale = [name for name, text in generate.texts() if (ROOT / name).read_text("utf-8") != text]
    assert stale == [], "run `make generate`"


def test_every_sync_module_is_generated() -> None:
    """A module that was deleted in the async package must not remain in the sync one."""
    for twin in generate.TWINS.values():
        for path in (ROOT / "src/guanxi" / twin.target).glob("*.py"):
            assert path.relative_to(ROOT).as_posix() in generate.OUTPUTS


def test_coverage_is_complete() -> None:
    text = (ROOT / "docs" / "coverage.md").read_text("utf-8")
    assert "24 of the 24 endpoints" in text
    assert "| no |" not in text
