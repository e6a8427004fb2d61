"""Reading files of content, and the errors of invalid lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from guanxi.files.content import read_content
from guanxi.stores.port import BadLine, StoreError
from guanxi.world.profile import NOTICE, Notice

LINE = '{"owner": 3, "kind": "notice", "document": {"text": "你好"}}'


def test_lines_are_numbered_and_empty_lines_skipped(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text(f"\n{LINE}\n  \n{LINE}", "utf-8")
    entry = NOTICE.entry(3, Notice("你好"))
    assert list(read_content(file)) == [(2, entry), (4, entry)]


def test_an_empty_file_has_no_documents(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text("", "utf-8")
    assert list(read_content(file)) == []


def test_the_first_invalid_line_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text(f"{LINE}\n{LINE.replace('notice', 'poem')}\nnonsense\n", "utf-8")
    with pytest.raises(BadLine, match="poem") as caught:
        list(read_content(file))
    assert caught.value.line == 2


def test_a_missing_file_raises_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        list(read_content(tmp_path / "missing.jsonl"))
