"""Files that are made from others are as those others would make them today."""

from __future__ import annotations

import pytest

from tools.generate import OUTPUTS, ROOT


@pytest.mark.parametrize("path", OUTPUTS)
def test_not_stale(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == OUTPUTS[path](), "run `make generate`"


def test_coverage_is_whole() -> None:
    text = (ROOT / "docs" / "coverage.md").read_text("utf-8")
    assert "24 of the 24 endpoints" in text
    assert "| no |" not in text
