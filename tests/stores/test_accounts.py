"""Accounts, cards and sessions, on every engine."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from guanxi.accounts.account import DEREGISTERED_CARD, Account, Card, Privacy, State, tail_of
from guanxi.accounts.secrets import Session, TokenKind, digest
from guanxi.contract.structs import ItemTail, RelationItem
from guanxi.graph.lists import Listing
from guanxi.graph.pair import Act, Modify
from guanxi.stores.port import Store, StoreError, Tally
from tests.stores.world import do, faults, follow, listed, people

CARD = Card(
    name='Warma "\\\u2028😀',
    face="https://example.com/f.jpg",
    face_nft=1,
    sign="line\nline",
    official_type=1,
    official_desc="官方",
    vip_type=2,
    vip_due_ms=1_800_000_000_000,
    vip_status=1,
    live=1,
    live_url="https://example.com/live",
    nft_icon="https://example.com/n.png",
)


async def test_a_stored_card_is_read_back_unchanged(store: Store) -> None:
    await store.put_account(7, CARD)
    await store.put_account(2**63 - 1, Card(name="last"))
    assert await store.cards([7, 8, 2**63 - 1]) == {7: CARD, 2**63 - 1: Card(name="last")}
    assert await store.account(7) == Account(mid=7)
    assert await store.account(8) is None
    assert await store.cards([]) == {}
    assert await store.tails([]) == {}


async def test_a_tail_completes_a_list_item(store: Store) -> None:
    await store.put_account(7, CARD)
    tails = await store.tails([7, 8])
    assert tails.keys() == {7}
    spliced = b'{"mid":7' + tails[7]
    item = msgspec.json.decode(spliced, type=RelationItem)
    expected = tail_of(CARD)
    for name in ItemTail.__struct_fields__:
        assert getattr(item, name) == getattr(expected, name)
    assert msgspec.json.decode(spliced).keys() == {"mid", *msgspec.json.decode(b"{" + tails[7][1:])}
    await store.put_account(7, replace(CARD, name="new"))
    assert b'"uname":"new"' in (await store.tails([7]))[7]


async def test_replacing_a_card_keeps_the_privacy(store: Store) -> None:
    privacy = Privacy(hide_followings=True, refuse_follows=True)
    await store.put_account(7, CARD, privacy)
    await store.put_account(7, Card(name="new"))
    assert await store.account(7) == Account(mid=7, privacy=privacy)
    await store.set_privacy(7, Privacy(hide_followers=True))
    assert await store.account(7) == Account(mid=7, privacy=Privacy(hide_followers=True))
    assert (await store.cards([7]))[7].name == "new"
    await store.put_account(7, CARD, Privacy())
    assert await store.account(7) == Account(mid=7)


async def test_setting_an_unknown_account_is_an_error(store: Store) -> None:
    with pytest.raises(StoreError, match="no account 7"):
        await store.set_privacy(7, Privacy())
    with pytest.raises(StoreError, match="no account 7"):
        await store.set_state(7, State.BANNED)
    assert await store.tally(7) == Tally()


async def test_deregistering_erases_the_card_and_keeps_the_edges(store: Store) -> None:
    await people(store, 1, 3)
    await store.put_account(2, CARD, Privacy(hide_followers=True))
    await follow(store, 1, 2)
    await follow(store, 2, 3)
    await store.open_session(session_of(2, b"a"))
    await store.set_state(2, State.DEREGISTERED)
    assert await store.account(2) == Account(
        mid=2, state=State.DEREGISTERED, privacy=Privacy(hide_followers=True)
    )
    assert (await store.cards([2]))[2] == DEREGISTERED_CARD
    assert DEREGISTERED_CARD.name.encode() in (await store.tails([2]))[2]
    assert await store.session(b"a") is None
    assert await listed(store, Listing.FOLLOWERS, 2) == [1]
    assert await listed(store, Listing.FOLLOWINGS, 2) == [3]
    await store.put_account(2, CARD)
    assert (await store.cards([2]))[2] == DEREGISTERED_CARD
    assert await do(store, Modify(3, 2, Act.FOLLOW), Modify(1, 2, Act.UNFOLLOW)) == [22013, 0]
    await store.set_state(2, State.NORMAL)
    await store.put_account(2, CARD)
    assert (await store.cards([2]))[2] == CARD
    assert await do(store, Modify(3, 2, Act.FOLLOW)) == [0]
    assert await faults(store) == []


async def test_a_ban_keeps_card_and_sessions(store: Store) -> None:
    await store.put_account(2, CARD)
    await store.open_session(session_of(2, b"a"))
    await store.set_state(2, State.BANNED)
    assert await store.account(2) == Account(mid=2, state=State.BANNED)
    assert (await store.cards([2]))[2] == CARD
    assert await store.session(b"a") is not None


def session_of(mid: int, token: bytes, kind: TokenKind = TokenKind.COOKIE) -> Session:
    return Session(digest=token, mid=mid, kind=kind, created=1, expires=2**40)


async def test_sessions_open_and_close(store: Store) -> None:
    await people(store, 1, 2)
    mine = session_of(1, digest("token"))
    app = session_of(1, digest("key"), TokenKind.APP)
    theirs = session_of(2, digest("other"))
    for session in (mine, app, theirs):
        await store.open_session(session)
        assert await store.session(session.digest) == session
    assert await store.close_session(mine.digest) is True
    assert await store.close_session(mine.digest) is False
    assert await store.session(mine.digest) is None
    assert await store.close_sessions(1) == 1
    assert await store.close_sessions(1) == 0
    assert await store.session(app.digest) is None
    assert await store.session(theirs.digest) == theirs
