"""``guanxi backup --last-posted``: what a person gets of the walk over the accounts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.contract import structs as s
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, running
from guanxi.world import feed, mine
from guanxi.world.feed import Post, PostType
from tests.cli.runner import error_of, output_of
from tests.service.content_fixtures import put


@pytest.fixture
def service() -> Iterator[RunningService]:
    with running() as service:
        service.add_accounts(1, 2, 3, 4)
        rows = [EdgeRow(follower=1, followed=mid, time=1_000 + mid) for mid in (2, 3, 4)]
        service.import_edges(rows)
        put(service, 2, feed.POST, Post(id=1, type=PostType.WORD, time=1_700_000_000, text="t"))
        service.set_state(3, "banned")
        entry = s.HistoryEntry(
            history=s.HistoryTarget(oid=1, business="archive"),
            author_mid=2,
            view_at=1_700_000_100,
        )
        put(service, 1, mine.SEEN, mine.Seen(entry))
        yield service


def test_the_walk_and_the_history_are_in_the_archive(
    service: RunningService, tmp_path: Path
) -> None:
    """p6, p22, p23, p25."""
    me = service.sign_in(1)
    account = {
        "GUANXI_BASE_URL": service.base_url,
        "GUANXI_SESSDATA": me.sessdata,
        "GUANXI_BILI_JCT": me.bili_jct,
        "XDG_DATA_HOME": str(tmp_path),
    }
    shown = output_of("backup", "--last-posted", "--last-watched", **account)
    assert "last posted: 3 accounts read, 5 calls" in shown
    assert "the history shows 1 accounts as watched" in shown
    columns = "mid,state,last_posted,last_watched"
    rows = json.loads(output_of("show", "--columns", columns, "--json", **account))["rows"]
    assert [tuple(row.values()) for row in rows] == [
        (4, "never_posted", None, None),
        (3, "banned", None, None),
        (2, "active", "2023-11-14 22:13:20", "2023-11-14 22:15:00"),
    ]
    again = json.loads(output_of("backup", "--last-posted", "--json", **account))
    assert again["last_posted"] == {"accounts": 0, "read": 0, "calls": 0, "unreadable": {}}
    facts = json.loads(output_of("backup", "--facts", "--max-age", 0, "--json", **account))
    assert facts["last_posted"]["read"] == 3
    assert "--max-age" in error_of("backup", "--max-age", -1, **account)
