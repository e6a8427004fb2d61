"""Reading bytes as a file of edges, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from guanxi.files.edges import Found, read_edges
from guanxi.files.outcome import OnConflict
from guanxi.files.table import Request
from guanxi.graph.pair import finer_of, mtime_of
from guanxi.stores.port import EdgeRow, SentRequest

#: No edge of these tests is later, in seconds since the Unix epoch.
NOW = 1_800_000_000


class Read(NamedTuple):
    """What was read: the edges in order, then the requests to follow; what was refused, and why."""

    rows: list[EdgeRow]
    refused: list[tuple[int, str]]
    found: Found


def read(
    *files: Path,
    columns: Mapping[str, str] = {},
    sql: str | None = None,
    on_conflict: OnConflict = "newest",
    skip_bad: bool = False,
    group_separator: str | None = None,
) -> Read:
    """Read files of edges."""
    with read_edges(
        Request(files=files, columns=columns, sql=sql),
        now=NOW,
        on_conflict=on_conflict,
        skip_bad=skip_bad,
        group_separator=group_separator,
    ) as edges:
        refused = [(row.line, row.reason.en) for row in edges.refused()]
        rows = [*edges.rows()]
        assert [*edges.rows()] == rows, "the edges can be read again"
        rows += [request_row(sent) for part in edges.requests() for sent in part]
        counts = edges.found.counts
        assert counts.read == (
            edges.found.ready + counts.repeated + counts.conflicting + counts.refused
        )
        assert (edges.found.ready, counts.refused) == (len(rows), len(refused))
        return Read(rows, refused, edges.found)


def file(folder: Path, content: str | bytes, name: str = "edges") -> Path:
    """Write a file of a text, in UTF-8, or of bytes."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def request_row(sent: SentRequest) -> EdgeRow:
    time, finer = mtime_of(sent.sort_key), finer_of(sent.sort_key)
    return EdgeRow(
        follower=sent.owner, followed=sent.target, time=time, finer=finer, kind="request"
    )


def follow(follower: int, followed: int, time: int, finer: int = 0) -> EdgeRow:
    return EdgeRow(follower=follower, followed=followed, time=time, finer=finer)
