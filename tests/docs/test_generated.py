"""Tests that the generated pages are up to date."""

from __future__ import annotations

import pytest

from tools.generate import OUTPUTS, ROOT


@pytest.mark.parametrize("path", OUTPUTS)
def test_a_generated_page_is_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == OUTPUTS[path](), "run `make generate`"


def test_coverage_is_complete() -> None:
    text = (ROOT / "docs" / "coverage.md").read_text("utf-8")
    assert "24 of the 24 endpoints" in text
    assert "| no |" not in text
