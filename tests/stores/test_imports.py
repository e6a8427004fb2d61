"""Imports and exports of edges, on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, permutations
from random import Random

import pytest
from msgspec.structs import replace

from guanxi.accounts.account import Card, Privacy, State
from guanxi.graph.groups import CreateGroup, Regroup, RegroupMode
from guanxi.graph.lists import Listing, Sort
from guanxi.graph.pair import SPECIAL, Act, Contract, Modify, mtime_of, sort_key_of_mtime
from guanxi.stores.port import (
    BadLine,
    EdgeRow,
    GroupRow,
    Imported,
    PlainFollow,
    PlainFollows,
    Store,
    StoreError,
    Tally,
)
from tests.counts import count
from tests.stores.engines import START
from tests.stores.world import ALL, do, faults, follow, listed, people


def edge(follower: int, followed: int, time: int = 100, **rest: object) -> EdgeRow:
    return EdgeRow(follower=follower, followed=followed, time=time, **rest)  # type: ignore[arg-type] # fields of several kinds


async def load(store: Store, *rows: EdgeRow, strict: bool = False) -> int:
    """Import the rows; return how many are new or changed."""
    imported = await store.import_edges(lambda: rows, strict=strict)
    assert imported.new + imported.changed + imported.unchanged == len(rows)
    return imported.new + imported.changed


async def edges_of(store: Store) -> list[EdgeRow]:
    return [row async for row in store.edges()]


def imported_tally(imports: int, seen: int | None = None, **counts: int) -> Tally:
    """Return the tally of an account that so many imports touched: each raises every version.

    ``seen`` is how many of them others see, by default all.
    """
    public = imports if seen is None else seen
    return Tally(
        **counts,
        version=imports,
        follower_version=imports,
        public_version=public,
        public_follower_version=public,
        private_version=imports,
    )


async def test_exported_edges_equal_the_imported_ones(store: Store) -> None:
    rows = [
        edge(1, 2, 100, special=True, groups=("a", "b"), contract=Contract(7, 1)),
        edge(1, 3, 200, groups=("b",), finer=1, visits=9),
        edge(1, 4, 200, finer=65_535),
        edge(1, 5, START // 10**9, finer=65_535, visits=2**40),
        edge(2, 3, 5, kind="whisper"),
        edge(2, 1, 300),
        edge(3, 2, 5, kind="whisper"),
        edge(3, 4, 9, kind="block"),
        edge(4, 3, 9, kind="block"),
        edge(2**63 - 1, 1, 1_699_999_999),
    ]
    assert await load(store, *rows) == len(rows)
    assert await faults(store) == []
    assert await edges_of(store) == rows
    assert await load(store, *rows) == 0
    assert await store.tally(1) == imported_tally(1, following=4, follower=2)
    visited = (await store.page(Listing.FOLLOWINGS, 1, Sort.VISITED, ALL)).rows
    assert [(row.mid, row.visits) for row in visited] == [(5, 2**40), (3, 9), (4, 0), (2, 0)]
    assert [(group.name, group.count) for group in await store.groups(1)] == [
        ("特别关注", 1),
        ("默认分组", 2),
        ("a", 1),
        ("b", 2),
    ]
    assert (await store.cards([4]))[4] == Card(name="用户4")
    assert b'"uname":"\xe7\x94\xa8\xe6\x88\xb74"' in (await store.tails([4]))[4]


@pytest.mark.parametrize("many", [100, 101])
async def test_an_import_of_plain_follows(store: Store, many: int) -> None:
    pairs = islice(permutations(range(1, 12), 2), many)
    rows = [edge(*pair, time) for time, pair in enumerate(pairs)]
    assert await load(store, *rows) == many
    assert await edges_of(store) == rows
    assert await store.attributes(1, [10, 11]) == {10: 6, 11: 6 if many > 100 else 2}
    assert await faults(store) == []
    assert await load(store, *rows) == 0


def plain(*pairs: tuple[int, int]) -> list[PlainFollow]:
    """Follows in the order of their times, from 0.5 seconds on."""
    return [
        (follower, sort_key_of_mtime(time) + 2**15, followed)
        for time, (follower, followed) in enumerate(pairs)
    ]


@pytest.mark.parametrize("is_sorted", [True, False])
async def test_plain_follows_as_tuples(store: Store, is_sorted: bool) -> None:
    follows = plain(*islice(permutations(range(1, 12), 2), 108))
    given = follows if is_sorted else follows[::-1]
    rows = PlainFollows([given[:51], [], given[51:52], given[52:]])
    done: list[int] = []
    imported = await store.import_edges(lambda: rows, progress=done.append)
    assert (imported, done[-1]) == (Imported(new=108), 108)
    wanted = [edge(at, to, time, finer=2**15) for time, (at, _, to) in enumerate(follows)]
    assert await edges_of(store) == wanted
    assert await store.attributes(10, [1, 11]) == {1: 6, 11: 2}
    assert await store.attributes(11, [1]) == {1: 6}
    assert await store.tally(11) == imported_tally(1, following=8, follower=10)
    assert await faults(store) == []
    assert await store.import_edges(lambda: rows) == Imported(unchanged=108)


@pytest.mark.parametrize(
    "bad",
    [
        (0, 0, 1),
        (1, 0, 2**63),
        (30, 0, 30),
        (1, -1, 30),
        (1, sort_key_of_mtime(START // 10**9 + 1), 30),
        (1, 5, 2),  # a follow that is in the first chunk
    ],
)
async def test_an_invalid_plain_follow_is_named_by_its_line(store: Store, bad: PlainFollow) -> None:
    follows = plain(*islice(permutations(range(1, 12), 2), 70))
    rows = PlainFollows([follows[:51], [*follows[51:60], bad, *follows[60:]]])
    with pytest.raises(BadLine) as caught:
        await store.import_edges(lambda: rows)
    assert caught.value.line == 61
    assert await edges_of(store) == []


async def test_imports_ignore_the_caps(store: Store) -> None:
    rows = [edge(1, mid, groups=(f"g{mid % 300}",)) for mid in range(2, 3_300)]
    assert await load(store, *rows) == len(rows)
    assert len(await store.groups(1)) == 302
    assert await do(store, Modify(1, 9_999, Act.FOLLOW)) == [40061]
    await people(store, 9_999)
    assert await do(store, Modify(1, 9_999, Act.FOLLOW)) == [22009]


async def test_an_import_creates_the_given_accounts_and_groups(store: Store) -> None:
    await people(store, 1, 2)
    accounts = {
        2: (Card(name="b"), Privacy(hide_followers=True), State.BANNED),
        3: (Card(name="c"), Privacy(), State.DEREGISTERED),
    }
    rows = [edge(1, 2, groups=("x", "y")), edge(4, 3)]
    group_ids = {(1, "x"): 77, (2, "empty"): 5}
    imported = await store.import_edges(lambda: rows, accounts=accounts, groups=group_ids)
    assert imported == Imported(new=2)
    cards = await store.cards([1, 2, 3, 4])
    assert [cards[mid].name for mid in (1, 2, 3, 4)] == ["u1", "b", "账号已注销", "用户4"]
    account = await store.account(2)
    assert account is not None
    assert (account.state, account.privacy.hide_followers) == (State.BANNED, True)
    own_groups = (await store.groups(1))[2:]
    assert own_groups[0] == GroupRow(77, "x", 1)
    assert own_groups[1].name == "y"
    assert own_groups[1].id > 0
    assert (await store.groups(2))[2:] == [GroupRow(5, "empty", 0)]
    assert await faults(store) == []


async def test_an_import_refuses_an_invalid_group(store: Store) -> None:
    await people(store, 1, 2)
    assert await do(store, CreateGroup(1, "x", 7)) == [0]
    for name, group in (("y", 7), ("y", 0), (" y", 9), ("特别关注", 9)):
        with pytest.raises(StoreError, match="account 1 cannot have group"):
            await store.import_edges(lambda: [edge(1, 2)], groups={(1, name): group})
    imported = await store.import_edges(lambda: [edge(1, 2)], groups={(1, "x"): 8})
    assert imported == Imported(new=1)
    assert (await store.groups(1))[2:] == [GroupRow(7, "x", 0)]


async def test_an_import_creates_no_group_for_an_unknown_account(store: Store) -> None:
    with pytest.raises(StoreError, match="account 9 cannot have group"):
        await store.import_edges(lambda: [edge(1, 2)], groups={(9, "x"): 7})
    assert [group async for group in store.owned_groups()] == []
    imported = await store.import_edges(lambda: [edge(9, 2)], groups={(9, "x"): 7})
    assert imported == Imported(new=1)
    assert (await store.groups(9))[2:] == [GroupRow(7, "x", 0)]


@pytest.mark.parametrize("contract", [Contract(2**63, 1), Contract(1, -(2**63) - 1)])
async def test_an_import_refuses_a_contract_over_64_bits(store: Store, contract: Contract) -> None:
    with pytest.raises(BadLine, match=r"^line 2: a contract"):
        await load(store, edge(1, 2), edge(1, 3, contract=contract))
    assert await edges_of(store) == []


async def test_an_import_updates_an_existing_edge(store: Store) -> None:
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    await follow(store, 2, 1)
    await do(store, CreateGroup(1, "a", 7), Regroup(1, RegroupMode.SET, (2,), (7, SPECIAL)))
    store.visit(1, 2)
    await store.flush_visits()
    theirs = (await store.page(Listing.FOLLOWINGS, 2, Sort.NEWEST, ALL)).rows
    assert await load(store, edge(1, 2, 50, groups=("b",)), edge(1, 3, 60)) == 2
    rows = (await store.page(Listing.FOLLOWINGS, 1, Sort.VISITED, ALL)).rows
    (b,) = [group.id for group in await store.groups(1) if group.name == "b"]
    assert [
        (row.mid, mtime_of(row.sort_key), row.groups, row.mutual, row.visits) for row in rows
    ] == [
        (2, 50, (b,), True, 1),
        (3, 60, (), False, 0),
    ]
    assert (await store.page(Listing.FOLLOWINGS, 2, Sort.NEWEST, ALL)).rows == theirs
    # Own: the follow, the follow back, the groups, the import. Others do not see the groups.
    assert await store.tally(1) == Tally(
        following=2,
        follower=1,
        version=4,
        follower_version=3,
        public_version=3,
        public_follower_version=2,
        private_version=1,
    )
    assert await load(store, edge(1, 2, 50, groups=("b",))) == 0
    assert await load(store, edge(1, 2, 50, groups=("b",), contract=Contract(5))) == 1
    assert await load(store, edge(1, 2, 50, groups=("b",), contract=Contract(5))) == 0
    assert await load(store, edge(1, 2, 50, groups=("a", "b"))) == 1
    side = (await store.pair(1, 2)).mine
    assert side.follows is not None
    assert side.follows.contract == Contract(5)
    assert await load(store, edge(1, 2, 50, special=True)) == 1
    assert await load(store, edge(1, 2, 50, special=True, visits=8)) == 1
    assert await load(store, edge(1, 2, 50, special=True, visits=8)) == 0
    assert await load(store, edge(1, 2, 50, special=True, finer=3)) == 1
    [row] = [row for row in await edges_of(store) if (row.follower, row.followed) == (1, 2)]
    assert (row.finer, row.visits) == (3, 8)
    assert await faults(store) == []


async def test_an_imported_follow_back_makes_both_mutual(store: Store) -> None:
    await people(store, 1, 2)
    await follow(store, 1, 2)
    before = (await store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, ALL)).rows[0]
    assert await load(store, edge(2, 1)) == 1
    after = (await store.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, ALL)).rows[0]
    assert after == replace(before, mutual=True)
    assert await store.attributes(2, [1]) == {1: 6}
    assert await faults(store) == []


async def test_an_import_updates_the_time_of_whispers_and_blocks(store: Store) -> None:
    rows = [edge(1, 2, 5, kind="whisper"), edge(1, 3, 5, kind="block")]
    assert await load(store, *rows) == 2
    assert await load(store, *rows) == 0
    moved = [edge(1, 2, 6, kind="whisper"), edge(1, 3, 7, kind="block")]
    assert await load(store, *moved) == 2
    assert await edges_of(store) == moved
    tally = await store.tally(1)
    # Nobody has seen a list of an empty store: SQLite counts its first import for all versions.
    assert tally in [imported_tally(2, seen, whisper=1, black=1) for seen in (0, 1)]


INVALID = {
    "a follow of itself": [edge(1, 2), edge(3, 3)],
    "an unknown kind": [edge(1, 2), edge(1, 3, kind="like")],
    "a mid of zero": [edge(1, 2), edge(0, 3)],
    "a negative mid": [edge(1, 2), edge(1, -3)],
    "a mid too large": [edge(1, 2), edge(1, 2**63)],
    "a negative time": [edge(1, 2), edge(1, 3, -1)],
    "a time too large": [edge(1, 2), edge(1, 3, 2**60)],
    "the same edge twice": [edge(1, 2, 5), edge(1, 2, 5)],
    "followed and blocked": [edge(1, 2), edge(1, 2, kind="block")],
    "followed, and blocked by the other": [edge(1, 2), edge(2, 1, kind="block")],
    "whispered to and followed": [edge(1, 2, kind="whisper"), edge(1, 2)],
    "whispered to, and blocked by the other": [
        edge(1, 2, kind="whisper"),
        edge(2, 1, kind="block"),
    ],
    "a special block": [edge(1, 2), edge(1, 3, kind="block", special=True)],
    "a whisper in groups": [edge(1, 2), edge(1, 3, kind="whisper", groups=("a",))],
    "a whisper under contract": [edge(1, 2), edge(1, 3, kind="whisper", contract=Contract(1))],
    "a whisper with visits": [edge(1, 2), edge(1, 3, kind="whisper", visits=1)],
    "negative visits": [edge(1, 2), edge(1, 3, visits=-1)],
    "too many visits": [edge(1, 2), edge(1, 3, visits=2**63)],
    "a negative finer": [edge(1, 2), edge(1, 3, finer=-1)],
    "a finer too large": [edge(1, 2), edge(1, 3, finer=65_536)],
    "a long group name": [edge(1, 2), edge(1, 3, groups=("x" * 17,))],
    "an empty group name": [edge(1, 2), edge(1, 3, groups=(" ",))],
    "a reserved group name": [edge(1, 2), edge(1, 3, groups=("默认分组",))],
}


@pytest.mark.parametrize("rows", INVALID.values(), ids=INVALID)
async def test_an_invalid_line_is_reported_and_nothing_is_written(
    store: Store, rows: list[EdgeRow]
) -> None:
    await load(store, edge(8, 9))
    filler = [edge(20, mid) for mid in range(21, 40)]
    for trailing in (
        [],
        [edge(20, mid) for mid in range(40, 69)],
    ):  # 50 rows in all: another code path
        with pytest.raises(BadLine) as refused:
            await load(store, rows[0], *filler, rows[1], *trailing)
        assert refused.value.line == 21
        assert str(refused.value) == f"line 21: {refused.value.reason}"
    assert await edges_of(store) == [edge(8, 9)]
    assert await store.account(1) is None
    assert await faults(store) == []


CONTRADICTIONS = {
    "a follow of a blocked account": (Modify(1, 2, Act.BLOCK), edge(1, 2)),
    "a follow of an account that blocks the follower": (Modify(2, 1, Act.BLOCK), edge(1, 2)),
    "a whisper to an account that blocks the follower": (
        Modify(2, 1, Act.BLOCK),
        edge(1, 2, kind="whisper"),
    ),
    "a block of a followed account": (Modify(1, 2, Act.FOLLOW), edge(1, 2, kind="block")),
    "a block of a follower": (Modify(2, 1, Act.FOLLOW), edge(1, 2, kind="block")),
    "a whisper to a followed account": (Modify(1, 2, Act.FOLLOW), edge(1, 2, kind="whisper")),
}


@pytest.mark.parametrize(("act", "row"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
async def test_a_row_that_contradicts_the_store_is_refused(
    store: Store, act: Modify, row: EdgeRow
) -> None:
    await people(store, 1, 2)
    assert await do(store, act) == [0]
    before = await edges_of(store)
    with pytest.raises(BadLine) as refused:
        await load(store, edge(3, 4), row)
    assert refused.value.line == 2
    assert await edges_of(store) == before
    assert await store.account(3) is None


async def test_an_existing_whisper_excludes_a_follow_or_a_block(store: Store) -> None:
    await load(store, edge(1, 2, kind="whisper"))
    for row in (edge(1, 2), edge(1, 2, kind="block"), edge(2, 1, kind="block")):
        with pytest.raises(BadLine):
            await load(store, row)
    assert await load(store, edge(2, 1)) == 1
    assert await store.attributes(1, [2]) == {2: 1}
    assert await store.attributes(2, [1]) == {1: 2}
    assert await faults(store) == []


async def test_a_strict_import_refuses_unknown_accounts(store: Store) -> None:
    await people(store, 1, 2)
    with pytest.raises(BadLine, match=r"^line 2: .* unknown$"):
        await load(store, edge(1, 2), edge(2, 3), strict=True)
    assert await listed(store, Listing.FOLLOWINGS, 1) == []
    assert await load(store, edge(1, 2), edge(2, 1), strict=True) == 2


async def test_an_error_while_reading_rows_changes_nothing(store: Store) -> None:
    def broken() -> Iterator[EdgeRow]:
        yield edge(1, 2)
        raise StoreError("torn")

    with pytest.raises(StoreError, match="torn"):
        await store.import_edges(broken)
    assert await edges_of(store) == []
    assert await load(store) == 0


async def test_an_error_of_the_callers_own_passes_unchanged(store: Store) -> None:
    def unreadable() -> Iterator[EdgeRow]:
        yield edge(1, 2)
        raise PermissionError("not my file")

    with pytest.raises(PermissionError, match="not my file"):
        await store.import_edges(unreadable)
    assert await edges_of(store) == []


async def test_progress_counts_the_rows_read(store: Store) -> None:
    counts: list[int] = []
    rows = [edge(1, mid) for mid in range(2, 25_002)]
    await store.import_edges(lambda: rows, progress=counts.append)
    assert counts == sorted(counts)
    assert counts[-1] == 25_000


async def test_random_imports_leave_no_faults(store: Store) -> None:
    """Random imports after random acts: each is whole or refused, and ``check`` finds no fault."""
    draw = Random(11)
    await people(store, *range(1, 9))
    imported = 0
    for _ in range(count(20, 150)):
        for _ in range(5):
            owner, target = draw.sample(range(1, 9), 2)
            await do(store, Modify(owner, target, draw.choice([1, 1, 1, 2, 4, 5, 6, 7])))
        rows = []
        for _ in range(draw.randrange(1, 4)):
            owner, target = draw.sample(range(1, 9), 2)
            kind = draw.choice(["follow", "follow", "whisper", "block"])
            special = kind == "follow" and draw.random() < 0.3
            groups = ("a", "b")[: draw.randrange(3)] if kind == "follow" else ()
            contract = Contract(9) if kind == "follow" and draw.random() < 0.3 else None
            rows.append(
                edge(
                    owner,
                    target,
                    draw.randrange(10**9),
                    kind=kind,
                    special=special,
                    groups=groups,
                    contract=contract,
                )
            )
        before = await edges_of(store)
        try:
            await load(store, *rows)
        except BadLine:
            assert await edges_of(store) == before
        else:
            imported += 1
            stored = {(row.follower, row.followed, row.kind): row for row in await edges_of(store)}
            for row in rows:
                edge_row = stored[row.follower, row.followed, row.kind]
                values = (edge_row.time, edge_row.special, edge_row.groups)
                assert values == (row.time, row.special, row.groups)
        assert await faults(store) == []
    assert imported
