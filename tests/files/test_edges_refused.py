"""Edges that are refused after their line was read: by another line, a rule, or the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from guanxi.files.edges import import_edges, read_edges
from guanxi.files.outcome import RefusedLines
from guanxi.files.table import Request
from guanxi.stores.port import BadLine, Store
from tests.files.reading import NOW, file, follow, read
from tests.stores.world import people


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(
    ("line", "strict", "why"),
    [("7,8,9,follow", True, "accounts 7 and 8 do not exist"), ("1,2,9,block", False, "contradict")],
)
async def test_a_refusal_by_the_store_names_line_and_file(
    store: Store, tmp_path: Path, line: str, strict: bool, why: str, several: bool
) -> None:
    await people(store, 1, 2, 3)
    await store.import_edges(lambda: [follow(1, 2, 5)])
    header = "follower,followed,time,kind\n"
    files = [file(tmp_path, f"{header}\n{line}\n", "bad")]
    files += [file(tmp_path, f"{header}1,3,4,follow\n", "good")] * several
    with (
        read_edges(Request(files=tuple(files)), now=NOW, on_conflict="refuse") as edges,
        pytest.raises(BadLine) as refused,
    ):
        await import_edges(store, edges, strict=strict, on_conflict="refuse")
    where = f"{files[0]}: " if several else ""
    assert str(refused.value).startswith(f"{where}line 3: ")
    assert why in str(refused.value)


def test_a_contradicted_line_of_another_file_is_named_with_it(tmp_path: Path) -> None:
    header = "follower,followed,time,kind\n"
    first = file(tmp_path, header.encode() + b"\xff\n1,2,3,\n3,4,5,\n", "1")
    second = file(tmp_path, f"{header}\n1,2,4,\n4,3,1,block\n6,7,1,\n6,7,2,\n", "2")
    with read_edges(
        Request(files=(first, second)), now=NOW, on_conflict="refuse", skip_bad=True
    ) as edges:
        refused = [(row.file, row.line, row.reason.en) for row in edges.refused()]
    assert refused[1:] == [
        (second, 3, f"contradicts line 3 of {first}"),
        (second, 4, f"contradicts line 4 of {first}"),
        (second, 6, "contradicts line 5"),
    ]
    with pytest.raises(RefusedLines, match=f"{second}: line 3: contradicts line 3 of {first}"):
        read(first, second, on_conflict="refuse")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_refused_late_have_their_text(tmp_path: Path, end: str) -> None:
    """Blank lines, lines that are not UTF-8 and quotes over lines before them do not move it."""
    header = "follower,followed,time,groups"
    lines = [header, "", "\udcff", '8,9,1,"a\nb"', "1,2,3,", "1,2,4,", "5,6,1,bad\x07", "0,1,1,"]
    content = end.join(lines).encode(errors="surrogateescape")
    first, second = file(tmp_path, content, "1"), file(tmp_path, f"{header}\n1,2,5,\n", "2")
    with read_edges(
        Request(files=(first, second)), now=NOW, on_conflict="refuse", skip_bad=True
    ) as edges:
        refused = [(row.file, row.line, row.text) for row in edges.refused()]
    assert refused == [
        (first, 3, ""),
        (first, 4, '8,9,1,"a\nb"'),
        (first, 7, "1,2,4,"),
        (first, 8, "5,6,1,bad\x07"),
        (first, 9, "0,1,1,"),
        (second, 2, "1,2,5,"),
    ]
