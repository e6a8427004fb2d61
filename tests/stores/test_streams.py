"""Exports of a store row by row, and its notes, on every engine."""

from __future__ import annotations

from guanxi.accounts.account import (
    DEREGISTERED_CARD,
    Account,
    AccountEdit,
    Card,
    Privacy,
    State,
)
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.contract.structs import Video
from guanxi.graph.groups import CreateGroup, RenameGroup
from guanxi.operations import accounts
from guanxi.stores.port import AccountRow, EdgeRow, OwnedGroup, Store
from guanxi.world.keys import KEY, Key, key_id
from guanxi.world.profile import NOTICE, Notice
from guanxi.world.videos import VIDEO
from tests.stores.engines import START, Opener
from tests.stores.world import do, people

#: The time of the stores' clocks, in seconds.
NOW = START // 10**9


async def test_accounts_are_in_order_of_mid(store: Store) -> None:
    card, privacy = Card(name="三", sign="s", vip_type=2), Privacy(refuse_follows=True)
    await accounts.put(store, 2**63 - 1, Card(name="last"))
    await accounts.put(store, 3, card, privacy)
    await accounts.put(store, 2, Card(name="erased"))
    await accounts.edit(store, 3, AccountEdit(key="用户-3"))
    await accounts.set_state(store, 2, State.DEREGISTERED)
    rows = [
        AccountRow(Account(mid=2, state=State.DEREGISTERED), DEREGISTERED_CARD, "", NOW),
        AccountRow(Account(mid=3, privacy=privacy), card, "用户-3", NOW),
        AccountRow(Account(mid=2**63 - 1), Card(name="last"), "", NOW),
    ]
    for after, expected in ((0, rows), (2, rows[1:]), (3, rows[2:])):
        assert [row async for row in store.accounts(after)] == expected


async def test_of_several_keys_the_one_of_the_highest_id_counts(store: Store) -> None:
    """Imported content could have several."""
    await people(store, 1)
    await store.put([KEY.entry(1, Key(key)) for key in ("a", "b", "c")])
    last = max("abc", key=key_id)
    assert [row.key async for row in store.accounts()] == [last]
    assert await accounts.keys_of(store, [1]) == {1: last}


async def test_groups_are_in_order_of_owner_and_creation(store: Store) -> None:
    await people(store, 1, 2)
    creations = [CreateGroup(2, "z", 1), CreateGroup(1, "z", 9), CreateGroup(1, "a", 3)]
    assert await do(store, *creations, RenameGroup(1, 9, "b")) == [0] * 4
    groups = [OwnedGroup(1, 9, "b"), OwnedGroup(1, 3, "a"), OwnedGroup(2, 1, "z")]
    assert [group async for group in store.owned_groups()] == groups
    assert [group async for group in store.owned_groups(1)] == groups[2:]


async def test_edges_are_those_of_the_accounts_after_a_mid(store: Store) -> None:
    rows = [
        EdgeRow(follower=1, followed=3, time=4),
        EdgeRow(follower=2, followed=3, time=5, kind="whisper"),
        EdgeRow(follower=2, followed=1, time=6),
        EdgeRow(follower=3, followed=4, time=1, kind="block"),
    ]
    await store.import_edges(lambda: reversed(rows))
    for after, expected in ((0, rows), (1, rows[1:]), (2, rows[3:]), (3, [])):
        assert [row async for row in store.edges(after)] == expected


async def test_documents_are_in_order_of_owner_kind_and_id(store: Store) -> None:
    entries = [
        NOTICE.entry(1, Notice("n")),
        VIDEO.entry(1, Video(aid=5, title="ẞ", tid=3)),
        VIDEO.entry(1, Video(aid=70, pubdate=9)),
        NOTICE.entry(2, Notice("")),
    ]
    await store.put(entries[::-1])
    assert [entry async for entry in store.entries()] == entries
    assert [entry async for entry in store.entries(1)] == entries[3:]


async def test_sessions_include_expired_ones(store: Store) -> None:
    await people(store, 1, 2)
    sessions = [
        Session(digest=bytes([index]), mid=1 + index % 2, kind=kind, created=5, expires=expires)
        for index, (kind, expires) in enumerate(
            [(TokenKind.APP, 6), (TokenKind.COOKIE, 2**40), (TokenKind.COOKIE, 7)]
        )
    ]
    for session in sessions:
        assert await store.open_session(session) is None
    stored = [session async for session in store.sessions()]
    assert sorted(stored, key=lambda session: session.digest) == sessions


async def test_a_note_is_written_replaced_and_deleted(open_again: Opener) -> None:
    store = await open_again()
    assert await store.note("n") is None
    await store.put_note("n", b"1")
    await store.put_note("n", b"\0\xff")
    assert await store.note("n") == b"\0\xff"
    await store.put_note("n", None)
    await store.put_note("n", None)
    assert await store.note("n") is None
    assert await store.note("secret") == store.secret
    await store.put_note("secret", b"s" * 32)
    assert (await open_again()).secret == b"s" * 32
