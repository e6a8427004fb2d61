"""Reading files of content, and the errors of invalid lines."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from threading import Thread

import pytest

from guanxi.accounts.account import AccountEdit
from guanxi.files.content import import_content, read_content
from guanxi.files.export import EXPORTS, export_file
from guanxi.operations import accounts
from guanxi.stores.port import BadLine, Store, StoreError
from guanxi.world.profile import NOTICE, Notice
from tests.stores.world import people

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


@pytest.mark.parametrize("line", ['{"owner": 1, "kind": "key", "document": {"key": "a"}}'])
async def test_a_key_is_refused_and_nothing_is_written(
    store: Store, tmp_path: Path, line: str
) -> None:
    """It would be another account's as well, or a second one of its owner."""
    await people(store, 1, 2, 3)
    await accounts.edit(store, 2, AccountEdit(key="a"))
    file = tmp_path / "c.jsonl"
    file.write_text(f"{LINE}\n{line}\n", "utf-8")
    with pytest.raises(BadLine, match=r"store import accounts") as caught:
        await import_content(store, file)
    assert caught.value.line == 2
    assert [row.key async for row in store.accounts()] == ["", "a", ""]
    assert [entry.kind async for entry in store.entries()] == ["key"]
    exported = tmp_path / "out.jsonl"
    assert (await export_file(store, EXPORTS["content"], exported)).rows == 0


CSV = 'owner,kind,document\n3,notice,"{""text"": ""你好""}"\n\n'
BAD = {
    "a kind": "3,poem,{}",
    "no owner": ",notice,{}",
    "no document": "3,notice,",
    "a document that is no JSON": "3,notice,{",
    "a quote": '3,notice,{"text": ""}',
    "not UTF-8": "3,notice,\udcff",
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
def test_the_first_invalid_line_of_a_table_is_reported(tmp_path: Path, line: str) -> None:
    file = tmp_path / "c.csv"
    file.write_text(f"{CSV}{line}\n", "utf-8", errors="surrogateescape")
    with pytest.raises(BadLine) as caught:
        list(read_content(file))
    assert caught.value.line == 4


@pytest.mark.parametrize("content", [gzip.compress(LINE.encode())[:-9], b"\x28\xb5\x2f\xfd\x04"])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "c"
    file.write_bytes(content)
    with pytest.raises(StoreError, match="broken"):
        list(read_content(file))


def test_a_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(gzip.compress(LINE.encode()),))
    writer.start()
    assert list(read_content(pipe)) == [(1, NOTICE.entry(3, Notice("你好")))]
    writer.join()
