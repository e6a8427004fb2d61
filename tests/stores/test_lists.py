"""Every list in every order, by pages and by cursor, on every engine."""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random

import pytest
from msgspec.structs import replace

from guanxi.accounts.account import Card
from guanxi.graph.groups import CreateGroup, Regroup, RegroupMode
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import DEFAULT, REQUESTED, SPECIAL, Act, Contract, Modify, sort_key_of_mtime
from guanxi.operations import accounts
from guanxi.stores.port import EdgeRow, Row, Rows, Slice, Store
from tests.counts import count
from tests.stores.engines import Clock
from tests.stores.world import (
    ALL,
    LIMITS,
    Reader,
    by_cursor,
    by_pages,
    do,
    follow,
    listed,
    mids,
    people,
)

ME, OTHER = 1, 2
SIZES = (1, 5, 16, 53, 100)
CROWD = range(10, 10 + 120)
GROUP = "朋友"


def crowd_edges() -> list[EdgeRow]:
    """Return edges of every kind between one account and many, several in one second."""
    draw = Random(7)
    rows = []
    for mid in CROWD:
        time = 1_600_000_000 + draw.randrange(40)
        kind = draw.choices(("follow", "whisper", "block", "none"), (8, 3, 3, 1))[0]
        if kind == "follow":
            groups = (GROUP,) if draw.random() < 0.5 else ()
            special = draw.random() < 0.3
            row = EdgeRow(follower=ME, followed=mid, time=time, special=special, groups=groups)
            rows.append(row)
        elif kind != "none":
            rows.append(EdgeRow(follower=ME, followed=mid, time=time, kind=kind))
        if kind != "block" and draw.random() < 0.7:
            back = 1_600_000_000 + draw.randrange(40)
            rows.append(EdgeRow(follower=mid, followed=ME, time=back))
        if draw.random() < 0.5:
            theirs = 1_600_000_000 + mid * 7 % 20  # another order, several in one second
            rows.append(EdgeRow(follower=OTHER, followed=mid, time=theirs))
    return rows


ROWS = crowd_edges()
MINE = {row.followed: row for row in ROWS if row.follower == ME and row.kind == "follow"}
FANS = {row.follower: row for row in ROWS if row.followed == ME}
VISITS = {mid: 1 + index % 3 for index, mid in enumerate(sorted(MINE)) if index % 4}


def newest(rows: dict[int, EdgeRow]) -> list[int]:
    return sorted(rows, key=lambda mid: (rows[mid].time, mid), reverse=True)


def kind(name: str) -> dict[int, EdgeRow]:
    return {row.followed: row for row in ROWS if row.follower == ME and row.kind == name}


FOLLOWINGS = newest(MINE)
EXPECTED = {
    Listing.FOLLOWINGS: FOLLOWINGS,
    Listing.FOLLOWERS: newest(FANS),
    Listing.FRIENDS: [mid for mid in FOLLOWINGS if mid in FANS],
    Listing.WHISPERS: newest(kind("whisper")),
    Listing.BLACKS: newest(kind("block")),
}
MEMBERS = {
    SPECIAL: [mid for mid in FOLLOWINGS if MINE[mid].special],
    DEFAULT: [mid for mid in FOLLOWINGS if not MINE[mid].special and not MINE[mid].groups],
    5: [mid for mid in FOLLOWINGS if MINE[mid].groups],
}


def in_order(expected: list[int], sort: Sort) -> list[int]:
    """Sort a list that is in the order newest first."""
    if sort is Sort.OLDEST:
        return expected[::-1]
    if sort is Sort.VISITED:
        return sorted(expected, key=lambda mid: -VISITS.get(mid, 0))
    return expected


async def crowd(store: Store) -> None:
    await store.import_edges(lambda: ROWS, groups={(ME, GROUP): 5})
    for mid, visits in VISITS.items():
        for _ in range(visits):
            store.visit(ME, mid)
    await store.flush_visits()


def orders(listing: Listing) -> list[Sort]:
    lists = (Listing.FOLLOWINGS, Listing.FRIENDS)
    return [Sort.NEWEST, Sort.OLDEST, *([Sort.VISITED] if listing in lists else [])]


def reader_of(store: Store, listing: Listing, sort: Sort) -> Reader:
    return lambda window, after: store.page(listing, ME, sort, window, after)


def members_of(store: Store, group: int, sort: Sort) -> Reader:
    async def read(window: Window, after: Position | None) -> Slice:
        page = await store.members(ME, group, sort, window, after)
        assert page is not None
        return page

    return read


async def test_lists_read_by_pages_and_by_cursor(store: Store) -> None:
    await crowd(store)
    assert all(EXPECTED.values())
    for listing, expected in EXPECTED.items():
        for sort in orders(listing):
            read = reader_of(store, listing, sort)
            for size in SIZES:
                assert mids(await by_pages(read, size)) == in_order(expected, sort)
                assert mids(await by_cursor(read, size)) == in_order(expected, sort)


async def test_a_list_without_visits_has_no_order_by_them(store: Store) -> None:
    await crowd(store)
    for listing in (Listing.FOLLOWERS, Listing.WHISPERS, Listing.BLACKS):
        for window in (ALL, Window(0, 0)):
            with pytest.raises(ValueError, match="no order by VISITED"):
                await store.page(listing, ME, Sort.VISITED, window)


async def test_groups_read_by_pages_and_by_cursor(store: Store) -> None:
    await crowd(store)
    assert all(MEMBERS.values())
    for group, expected in MEMBERS.items():
        for sort in Sort:
            read = members_of(store, group, sort)
            for size in SIZES:
                assert mids(await by_pages(read, size)) == in_order(expected, sort)
                assert mids(await by_cursor(read, size)) == in_order(expected, sort)


async def test_common_and_search_read_by_pages_and_by_cursor(store: Store) -> None:
    await crowd(store)
    theirs = {row.followed: row for row in ROWS if row.follower == OTHER}
    common = [mid for mid in newest(theirs) if mid in MINE]
    matching = [mid for mid in FOLLOWINGS[:60] if "1" in str(mid)]
    assert common != [mid for mid in FOLLOWINGS if mid in theirs]
    assert matching
    for size in SIZES:
        for walk in (by_pages, by_cursor):
            rows = await walk(lambda w, after: store.common(ME, OTHER, w, after), size)
            assert mids(rows) == common
            assert [row.sort_key for row in rows] == [MINE[mid].sort_key for mid in common]
            rows = await walk(lambda w, after: store.search(ME, "1", 60, w, after), size)
            assert mids(rows) == matching
    assert (await store.common(ME, OTHER, Window(3, 2))).total == len(common)
    assert (await store.search(ME, "1", 60, Window(3, 2))).total == len(matching)
    backwards = await store.common(OTHER, ME, ALL)
    assert mids(backwards.rows) == [mid for mid in FOLLOWINGS if mid in theirs]


async def test_a_position_in_common_followings_outlives_its_row(store: Store) -> None:
    """The position is one of the other's list, whatever becomes of either account's row."""
    await people(store, ME, OTHER, 11, 12, 13, 14)
    await follow(store, ME, 14, 13, 12, 11)
    await follow(store, OTHER, 11, 12, 13, 14)
    first = await store.common(ME, OTHER, Window(0, 2))
    assert (mids(first.rows), first.more, first.total) == ([14, 13], True, 4)
    await do(store, Modify(OTHER, 13, Act.UNFOLLOW), Modify(ME, 14, Act.UNFOLLOW))
    rest = await store.common(ME, OTHER, Window(0, 2), first.end)
    assert (mids(rest.rows), rest.more, rest.total) == ([12, 11], False, 2)
    assert (await store.common(ME, OTHER, Window(0, 0))).end is None


async def test_rows_show_the_edge_and_the_owners_groups(store: Store) -> None:
    await crowd(store)
    for row in (await store.page(Listing.FOLLOWINGS, ME, Sort.VISITED, ALL)).rows:
        edge = MINE[row.mid]
        groups = ((SPECIAL,) if edge.special else ()) + ((5,) if edge.groups else ())
        assert row == Row(
            mid=row.mid,
            sort_key=sort_key_of_mtime(edge.time),
            mutual=row.mid in FANS,
            groups=groups,
            visits=VISITS.get(row.mid, 0),
        )
    for row in (await store.page(Listing.FOLLOWERS, ME, Sort.NEWEST, ALL)).rows:
        mine = MINE.get(row.mid)
        groups = ()
        if mine is not None:
            groups = ((SPECIAL,) if mine.special else ()) + ((5,) if mine.groups else ())
        assert row == Row(
            mid=row.mid,
            sort_key=sort_key_of_mtime(FANS[row.mid].time),
            mutual=mine is not None,
            groups=groups,
        )
    for row in (await members_of(store, 5, Sort.NEWEST)(ALL, None)).rows:
        assert row.mutual is (row.mid in FANS)
        assert 5 in row.groups


async def test_a_page_past_the_end_or_without_a_limit_is_empty(store: Store) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 1, 2, 3)
    read = reader_of(store, Listing.FOLLOWINGS, Sort.NEWEST)
    assert mids((await read(Window(1, 5), None)).rows) == [2]
    for window in (Window(2, 5), Window(10_000, 5), Window(0, 0), Window(1, 0)):
        page = await read(window, None)
        assert (list(page.rows), page.more) == ([], False)
        assert page.total == 2, "the total does not depend on the window"
    assert await store.page(Listing.FOLLOWERS, 404, Sort.NEWEST, ALL) == Slice(Rows(), False, 0, 0)
    assert await store.members(404, 5, Sort.NEWEST, ALL) is None
    page = await store.search(404, "", 100, ALL)
    assert (list(page.rows), page.more, page.total) == ([], False, 0)


async def test_contracts_show_in_the_lists_of_both_accounts(store: Store) -> None:
    """004, 关系列表对象: is_contractor is the owner's contract, is_contract the item's."""
    rows = [
        EdgeRow(follower=1, followed=2, time=10, contract=Contract(5, 1)),
        EdgeRow(follower=2, followed=1, time=20),
        EdgeRow(follower=3, followed=1, time=30, contract=Contract(6)),
    ]
    await store.import_edges(lambda: rows)

    async def contracts(listing: Listing, owner: int) -> dict[int, tuple[object, object]]:
        page = await store.page(listing, owner, Sort.NEWEST, ALL)
        return {row.mid: (row.owner_contract, row.item_contract) for row in page.rows}

    assert await contracts(Listing.FOLLOWINGS, 1) == {2: (Contract(5, 1), None)}
    assert await contracts(Listing.FOLLOWERS, 1) == {
        2: (Contract(5, 1), None),
        3: (None, Contract(6)),
    }
    assert await contracts(Listing.FOLLOWINGS, 2) == {1: (None, Contract(5, 1))}
    assert await contracts(Listing.FOLLOWERS, 2) == {1: (None, Contract(5, 1))}
    side = (await store.pair(1, 2)).mine
    assert side.follows is not None
    assert side.follows.contract == Contract(5, 1)
    await follow(store, 1, 3)
    assert await contracts(Listing.FOLLOWINGS, 1) == {
        3: (None, Contract(6)),
        2: (Contract(5, 1), None),
    }
    assert await contracts(Listing.FOLLOWINGS, 3) == {1: (Contract(6), None)}
    assert await do(store, Modify(1, 2, Act.UNFOLLOW)) == [0]
    assert await contracts(Listing.FOLLOWINGS, 2) == {1: (None, None)}
    assert await do(store, Modify(1, 2, Act.FOLLOW), Modify(1, 3, Act.BLOCK)) == [0, 0]
    assert await contracts(Listing.FOLLOWINGS, 1) == {2: (None, None)}


async def test_search_ignores_case(store: Store) -> None:
    names = {2: "Warma", 3: "ÉCLAIR", 4: "straße", 5: "100%_sure", 6: "用户"}
    for mid, name in names.items():
        await accounts.put(store, mid, Card(name=name))
    await people(store, 1)
    await follow(store, 1, *names)

    async def search(text: str, within: int = 100) -> list[int]:
        page = await store.search(1, text, within, ALL)
        assert page.total == len(page.rows)
        return mids(page.rows)

    assert await search("WARMA") == [2]
    assert await search("éclair") == await search("É") == [3]
    assert await search("STRASSE") == [4]
    assert await search("%") == await search("_") == [5]
    assert await search("户") == [6]
    assert await search("") == [6, 5, 4, 3, 2]
    assert await search("", within=2) == [6, 5]
    assert await search("warma", within=4) == []
    await accounts.put(store, 2, Card(name="other"))
    assert await search("warma") == []
    assert await search("OTHER") == [2]


async def test_keyset_pagination_returns_each_unchanged_row_once(
    store: Store, clock: Clock
) -> None:
    """Other rows are added, removed and moved to the front between the pages."""
    unchanged = list(range(100, 100 + count(20, 200)))
    moving = list(range(10, 30))
    await people(store, ME, *unchanged, *moving)
    draw = Random(3)
    everyone = [*unchanged, *moving]
    draw.shuffle(everyone)
    await follow(store, ME, *everyone)
    for fan in everyone:
        await follow(store, fan, ME)
    group = CreateGroup(ME, GROUP, 5)
    assert await do(store, group, Regroup(ME, RegroupMode.SET, tuple(everyone), (5,))) == [0, 0]

    async def change_others() -> None:
        clock.advance(draw.choice([0, 0, 1]))
        for mid in draw.sample(moving, 4):
            act = draw.choice([Act.UNFOLLOW, Act.FOLLOW, Act.BLOCK, Act.UNBLOCK])
            await do(store, Modify(ME, mid, act))
            await do(store, Modify(mid, ME, draw.choice([Act.UNFOLLOW, Act.FOLLOW])))

    readers = [
        reader_of(store, listing, sort)
        for listing in (Listing.FOLLOWINGS, Listing.FOLLOWERS, Listing.FRIENDS)
        for sort in (Sort.NEWEST, Sort.OLDEST)
    ]
    readers.append(members_of(store, 5, Sort.NEWEST))
    readers.append(lambda window, after: store.search(ME, "", 100_000, window, after))
    order = {mid: index for index, mid in enumerate(await listed(store, Listing.FOLLOWINGS, ME))}
    for read in readers:
        walked = mids(await by_cursor(read, 7, between=change_others))
        assert sorted(mid for mid in walked if mid in unchanged) == unchanged
    final = mids(await by_cursor(readers[0], 7))
    assert len(set(final)) == len(final)
    assert [mid for mid in final if mid in unchanged] == sorted(
        unchanged, key=lambda mid: order[mid]
    )


async def test_only_visits_to_followings_count(store: Store) -> None:
    await people(store, 1, 2, 3, 4)
    await follow(store, 1, 2, 3)
    for mid in (2, 2, 3, 4, 404):
        store.visit(1, mid)
    await store.flush_visits()
    assert await listed(store, Listing.FOLLOWINGS, 1, Sort.VISITED) == [2, 3]
    await follow(store, 1, 4)
    assert await listed(store, Listing.FOLLOWINGS, 1, Sort.VISITED) == [2, 3, 4]
    await do(store, Modify(1, 2, Act.UNFOLLOW))
    await follow(store, 1, 2)
    rows = (await store.page(Listing.FOLLOWINGS, 1, Sort.VISITED, ALL)).rows
    assert [(row.mid, row.visits) for row in rows] == [(3, 1), (2, 0), (4, 0)]


async def test_visits_that_another_flush_has_taken_are_waited_for(store: Store) -> None:
    """The server flushes periodically: whoever flushes as well reads them afterwards too."""
    await people(store, 1, 2, 3)
    await follow(store, 1, 2, 3)
    store.visit(1, 2)
    periodic = asyncio.create_task(store.flush_visits())
    await asyncio.sleep(0)  # it has taken the visits, and waits for the store
    await store.flush_visits()
    assert await listed(store, Listing.FOLLOWINGS, 1, Sort.VISITED) == [2, 3]
    await periodic


async def test_lists_of_very_different_lengths(store: Store) -> None:
    """Common followings and attributes of few and of many targets, on short and long lists."""
    others = range(10, 410)
    await people(store, ME, OTHER, *others)
    for mine, theirs in ((others, range(10, 14)), (range(400, 404), others)):
        rows = [EdgeRow(follower=ME, followed=mid, time=1_000 + mid) for mid in mine]
        rows += [EdgeRow(follower=OTHER, followed=mid, time=2_000 - mid) for mid in theirs]
        rows.append(EdgeRow(follower=others[0], followed=ME, time=1))
        await store.import_edges(partial(list, rows))
        both = sorted(set(mine) & set(theirs))
        assert mids((await store.common(ME, OTHER, ALL)).rows) == both
        assert mids((await store.common(OTHER, ME, ALL)).rows) == both[::-1]
        for size in (2, 50, 400):
            targets = [*others[: size // 2], *others[-size // 2 :]]
            expected = {mid: 6 if mid == 10 else 2 for mid in targets if mid in mine}
            assert await store.attributes(ME, targets) == expected
            relations = await store.relations(ME, targets)
            assert {mid: relation.attribute for mid, relation in relations.items()} == expected
        acts = [Modify(who, mid, Act.UNFOLLOW) for who in (ME, OTHER) for mid in others]
        await do(store, *acts)


async def test_pairs_of_many_accounts_are_those_of_each(store: Store) -> None:
    await people(store, *range(1, 9))
    await accounts.set_privacy(store, 6, {"approve_followers": True})
    await follow(store, 1, 2, 3)
    await follow(store, 2, 1)
    await follow(store, 4, 1)
    assert await do(store, Modify(1, 5, Act.BLOCK), Modify(7, 1, Act.BLOCK)) == [0, 0]
    asking = replace(LIMITS, requests=True)
    assert await store.change([Modify(1, 6, Act.FOLLOW)], asking) == [REQUESTED]
    await store.import_edges(lambda: [EdgeRow(follower=1, followed=4, time=5, kind="whisper")])
    found = await store.pairs(1, range(2, 10))
    assert sorted(found) == [2, 3, 4, 5, 6, 7], "8 has none, 9 does not exist"
    assert found == {other: await store.pair(1, other) for other in found}
    assert await store.pairs(1, []) == await store.pairs(99, [1, 2]) == {}
