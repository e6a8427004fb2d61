"""Reads that examine whole lists return the same page, whichever way they find it."""

from __future__ import annotations

from random import Random

import pytest

from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.stores.port import EdgeRow, Store

pytestmark = pytest.mark.usefixtures("runner")

#: The lengths of two lists, and how many followings they share: equal, one much longer, and few.
SHAPES = [(40, 40, 30), (40, 40, 2), (200, 10, 9), (10, 200, 9), (200, 10, 1), (30, 30, 0)]


@pytest.mark.parametrize(("mine", "theirs", "shared"), SHAPES)
async def test_common_followings(store: Store, mine: int, theirs: int, shared: int) -> None:
    draw = Random(mine * theirs + shared)
    both = range(1_000, 1_000 + shared)
    lists = {
        1: [*both, *range(2_000, 2_000 + mine - shared)],
        2: [*both, *range(3_000, 3_000 + theirs - shared)],
    }
    rows = [
        EdgeRow(follower=owner, followed=mid, time=draw.randrange(1, 50))
        for owner, mids in lists.items()
        for mid in mids
    ]
    await store.import_edges(lambda: rows)
    whole = await store.page(Listing.FOLLOWINGS, 2, Sort.NEWEST, Window(0, 1_000))
    expected = [row for row in whole.rows if row.mid in both]
    own = await store.relations(1, [*both])
    page = await store.common(1, 2, Window(0, 1_000))
    assert [row.mid for row in page.rows] == [row.mid for row in expected]
    assert [row.sort_key for row in page.rows] == [own[row.mid].sort_key for row in expected]
    walked, after = [], None
    while True:
        page = await store.common(1, 2, Window(0, 4), after)
        assert page.total == shared
        walked += [row.mid for row in page.rows]
        after = page.end
        if not page.more:
            break
    assert walked == [row.mid for row in expected]
    assert (await store.common(1, 2, Window(3, 2))).rows.mids[:] == tuple(walked[3:5])


@pytest.mark.parametrize("listing", [Listing.FOLLOWINGS, Listing.FRIENDS])
async def test_the_most_visited_first(store: Store, listing: Listing) -> None:
    draw = Random(5)
    visits = {mid: draw.choice([0, 0, 0, 1, 2]) for mid in range(10, 60)}
    rows = [
        EdgeRow(follower=1, followed=mid, time=draw.randrange(1, 20), visits=visits[mid])
        for mid in visits
    ]
    rows += [EdgeRow(follower=mid, followed=1, time=1) for mid in visits if mid % 3]
    await store.import_edges(lambda: rows)
    newest = await store.page(listing, 1, Sort.NEWEST, Window(0, 100))
    expected = sorted(newest.rows, key=lambda row: -visits[row.mid])
    expected_mids = [row.mid for row in expected]
    for limit in (1, 7, 100):
        walked: list[int] = []
        after = None
        while True:
            page = await store.page(listing, 1, Sort.VISITED, Window(0, limit), after)
            by_number = await store.page(listing, 1, Sort.VISITED, Window(len(walked), limit))
            assert [*by_number.rows.mids] == [*page.rows.mids]
            walked += page.rows.mids
            last = page.rows[-1]
            assert last.visits == visits[last.mid]
            after = Position(last.sort_key, last.mid, last.visits)
            if not page.more:
                break
        assert walked == expected_mids
