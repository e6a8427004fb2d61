"""Another library's client against the service; only the destination of requests is changed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from guanxi.demo.world import DEREGISTERED, GROUPS, HERO, World
from guanxi.graph.pair import Attribute
from guanxi.stores import open_store
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, SignedIn

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-stranger" / "bin" / "python"
FRESH, OTHER, GROUPED = 100_001, 2, 14082

pytestmark = [
    pytest.mark.stranger,
    pytest.mark.skipif(
        not PYTHON.exists() and "CI" not in os.environ,
        reason="no .venv-stranger: `make stranger` makes it",
    ),
]


@pytest.fixture
def results(demo: RunningService, hero: SignedIn) -> dict[str, Any]:
    """Return the result or error of each step of stranger.py."""
    demo.do(lambda store: store.import_edges(list))
    given = {
        "base_url": demo.base_url,
        "mid": HERO,
        "sessdata": hero.sessdata,
        "bili_jct": hero.bili_jct,
        "other": OTHER,
        "fresh": FRESH,
        "deregistered": DEREGISTERED,
        "grouped": GROUPED,
    }
    done = subprocess.run(
        [PYTHON, ROOT / "tests" / "end_to_end" / "stranger.py"],
        input=json.dumps(given).encode(),
        capture_output=True,
        timeout=120,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def newest_first(world: World, kind: str = "follow") -> list[int]:
    """Return the mids that the hero follows, whispers to or blocks, newest first."""
    edges = [edge for edge in world.edges if edge.follower == HERO and edge.kind == kind]
    return [edge.followed for edge in sorted(edges, key=_order, reverse=True)]


def followers(world: World) -> list[int]:
    edges = [edge for edge in world.edges if edge.followed == HERO and edge.kind == "follow"]
    return [edge.follower for edge in sorted(edges, key=_order_back, reverse=True)]


def _order(edge: EdgeRow) -> tuple[int, int]:
    return edge.time, edge.followed


def _order_back(edge: EdgeRow) -> tuple[int, int]:
    return edge.time, edge.follower


def mids(page: dict[str, Any]) -> list[int]:
    return [item["mid"] for item in page["list"]]


def test_an_unmodified_client_works(
    results: dict[str, Any], world: World, demo: RunningService
) -> None:
    followed, following = newest_first(world), set(newest_first(world))
    mutual = [mid for mid in followed if mid in followers(world)]
    special = [edge.followed for edge in world.edges if edge.follower == HERO and edge.special]
    others = [edge.followed for edge in world.edges if edge.follower == OTHER]

    # The results of reads equal the world.
    assert mids(results["followings"]) == followed[:5]
    assert results["followings"]["total"] == len(followed)
    assert mids(results["followings_oldest"]) == followed[::-1][:5]
    assert set(mids(results["followings_visited"])) <= following
    assert set(mids(results["others_followings"])) == set(others)
    assert results["all_followings"] == followed
    assert mids(results["followers"]) == followers(world)[:5]
    assert set(mids(results["same"])) == following & set(others)
    assert results["stat"] == {
        "mid": HERO,
        "following": len(followed),
        "whisper": len(newest_first(world, "whisper")),
        "black": len(newest_first(world, "block")),
        "follower": len(followers(world)),
    }
    assert results["relation"]["relation"]["attribute"] == 0
    assert set(results["special"]) == set(special)
    assert mids(results["whispers"]) == newest_first(world, "whisper")
    assert set(mids(results["friends"])) == set(mutual)
    assert mids(results["blacks"]) == newest_first(world, "block")

    # The results of changes.
    for step in ("rename", "set_group", "delete", "block", "unblock", "unfollow", "remove"):
        assert results[step] is None, step
    assert results["follow_again"] == {"refused": 22014}
    assert results["follow_deregistered"] == {"refused": 22013}
    assert results["relation_after"]["relation"]["attribute"] == 2

    # The stored rows afterwards.
    asyncio.run(check_store(demo, results["create"]["tagid"]))


async def check_store(demo: RunningService, group: int) -> None:
    store = await open_store(str(demo.store))
    try:
        relations = await store.relations(HERO, [FRESH, GROUPED, 1, 2, 22179720])
        assert 1 not in relations
        assert 22179720 not in relations
        assert relations[2].attribute == Attribute.BLOCKED
        for mid in (FRESH, GROUPED):
            assert relations[mid].attribute in (Attribute.FOLLOWING, Attribute.MUTUAL)
            assert set(relations[mid].groups) == {group}
        assert await store.relations(175989424, [HERO]) == {}
        names = {row.id: row.name for row in await store.groups(HERO)}
        assert names[group] == "熟人"
        assert "临时" not in names.values()
        assert set(GROUPS) <= names.keys()
        assert [fault async for fault in store.check()] == []
    finally:
        await store.close()
