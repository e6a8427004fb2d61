"""Files of content: what is read from them, and how what cannot be is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from guanxi.stores.content_files import read_content
from guanxi.stores.port import BadLine, StoreError
from guanxi.world.profile import NOTICE, Notice

LINE = '{"owner": 3, "kind": "notice", "document": {"text": "你好"}}'


def test_lines_are_numbered_and_empty_ones_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text(f"\n{LINE}\n  \n{LINE}", "utf-8")
    entry = NOTICE.entry(3, Notice("你好"))
    assert list(read_content(file)) == [(2, entry), (4, entry)]


def test_an_empty_file_has_nothing(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text("", "utf-8")
    assert list(read_content(file)) == []


def test_the_first_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text(f"{LINE}\n{LINE.replace('notice', 'poem')}\nnonsense\n", "utf-8")
    with pytest.raises(BadLine, match="poem") as caught:
        list(read_content(file))
    assert caught.value.line == 2


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        list(read_content(tmp_path / "missing.jsonl"))
