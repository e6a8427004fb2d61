"""Accounts, cards and sessions, on every engine."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from guanxi.accounts.account import (
    DEREGISTERED_CARD,
    Account,
    AccountEdit,
    Card,
    EditRefusal,
    Privacy,
    State,
    tail_of,
)
from guanxi.accounts.secrets import Session, SessionRefusal, TokenKind, digest
from guanxi.contract.structs import ItemTail, RelationItem
from guanxi.graph.groups import (
    CreateGroup,
    DeleteGroup,
    GroupAct,
    Regroup,
    RegroupMode,
    RenameGroup,
)
from guanxi.graph.lists import Listing
from guanxi.graph.pair import Act, Modify
from guanxi.operations import accounts
from guanxi.operations.accounts import AccountError
from guanxi.stores.port import Store, Tally
from guanxi.world.kind import DocumentEdit
from guanxi.world.profile import PROFILE, Profile
from tests.counts import count
from tests.stores.engines import Opener
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
    await accounts.put(store, 7, CARD)
    await accounts.put(store, 2**63 - 1, Card(name="last"))
    assert await store.cards([7, 8, 2**63 - 1]) == {7: CARD, 2**63 - 1: Card(name="last")}
    assert await store.briefs([7, 8, 2**63 - 1]) == {
        7: (7, CARD.name, CARD.face, CARD.sign),
        2**63 - 1: (2**63 - 1, "last", "", ""),
    }
    assert await store.account(7) == Account(mid=7)
    assert await store.account(8) is None
    assert await store.cards([]) == {}
    assert await store.briefs([]) == {}
    assert await store.tails([]) == {}


async def test_a_tail_completes_a_list_item(store: Store) -> None:
    await accounts.put(store, 7, CARD)
    tails = await store.tails([7, 8])
    assert tails.keys() == {7}
    spliced = b'{"mid":7' + tails[7]
    item = msgspec.json.decode(spliced, type=RelationItem)
    expected = tail_of(CARD)
    for name in ItemTail.__struct_fields__:
        assert getattr(item, name) == getattr(expected, name)
    assert msgspec.json.decode(spliced).keys() == {"mid", *msgspec.json.decode(b"{" + tails[7][1:])}
    await accounts.put(store, 7, replace(CARD, name="new"))
    assert b'"uname":"new"' in (await store.tails([7]))[7]


async def test_replacing_a_card_keeps_the_privacy(store: Store) -> None:
    privacy = Privacy(hide_followings=True, refuse_follows=True)
    await accounts.put(store, 7, CARD, privacy)
    await accounts.put(store, 7, Card(name="new"))
    assert await store.account(7) == Account(mid=7, privacy=privacy)
    await accounts.set_privacy(store, 7, Privacy(hide_followers=True))
    assert await store.account(7) == Account(mid=7, privacy=Privacy(hide_followers=True))
    assert (await store.cards([7]))[7].name == "new"
    await accounts.put(store, 7, CARD, Privacy())
    assert await store.account(7) == Account(mid=7)


async def test_setting_an_unknown_account_is_an_error(store: Store) -> None:
    with pytest.raises(AccountError, match="account 7 does not exist"):
        await accounts.set_privacy(store, 7, Privacy())
    with pytest.raises(AccountError, match="account 7 does not exist"):
        await accounts.set_state(store, 7, State.BANNED)
    assert await store.tally(7) == Tally()


async def test_deregistering_erases_the_card_and_keeps_the_edges(store: Store) -> None:
    await people(store, 1, 3)
    await accounts.put(store, 2, CARD, Privacy(hide_followers=True))
    await follow(store, 1, 2)
    await follow(store, 2, 3)
    await store.open_session(session_of(2, b"a"))
    await accounts.set_state(store, 2, State.DEREGISTERED)
    assert await store.account(2) == Account(
        mid=2, state=State.DEREGISTERED, privacy=Privacy(hide_followers=True)
    )
    assert (await store.cards([2]))[2] == DEREGISTERED_CARD
    assert DEREGISTERED_CARD.name.encode() in (await store.tails([2]))[2]
    assert await store.session(b"a") is None
    assert await listed(store, Listing.FOLLOWERS, 2) == [1]
    assert await listed(store, Listing.FOLLOWINGS, 2) == [3]
    assert await do(store, Modify(3, 2, Act.FOLLOW), Modify(1, 2, Act.UNFOLLOW)) == [22013, 0]
    assert await faults(store) == []


async def test_a_deregistered_account_stays_so_and_keeps_its_erased_card(store: Store) -> None:
    await accounts.put(store, 2, CARD)
    await accounts.set_state(store, 2, State.DEREGISTERED)
    for change in (
        accounts.set_state(store, 2, State.NORMAL),
        accounts.set_state(store, 2, State.BANNED),
        accounts.put(store, 2, CARD),
        accounts.put(store, 2),
    ):
        with pytest.raises(AccountError, match="account 2 is deregistered") as caught:
            await change
        assert caught.value.refusal is EditRefusal.DEREGISTERED
    await accounts.set_state(store, 2, State.DEREGISTERED)
    # What others may see of its lists can still be changed.
    await accounts.set_privacy(store, 2, {"hide_followers": True})
    assert await store.account(2) == Account(
        mid=2, state=State.DEREGISTERED, privacy=Privacy(hide_followers=True)
    )
    assert (await store.cards([2]))[2] == DEREGISTERED_CARD
    assert await faults(store) == []


async def test_a_change_names_its_fields_and_keeps_the_others(store: Store) -> None:
    await accounts.put(store, 7, {"name": "n"}, {"hide_followings": True}, new=CARD)
    assert (await store.cards([7]))[7] == replace(CARD, name="n")
    changes: list[dict[str, str | int]] = [
        {"sign": "s"},
        {"face": "f"},
        {"vip_type": 1},
        {"live": 0},
    ]
    await asyncio.gather(
        *(accounts.put(store, 7, change) for change in changes),
        accounts.set_privacy(store, 7, {"refuse_follows": True}),
        accounts.set_privacy(store, 7, {"hide_followers": True}),
        accounts.set_state(store, 7, State.BANNED),
    )
    expected = replace(CARD, name="n", sign="s", face="f", vip_type=1, live=0)
    assert (await store.cards([7]))[7] == expected
    privacy = Privacy(hide_followings=True, hide_followers=True, refuse_follows=True)
    assert await store.account(7) == Account(mid=7, state=State.BANNED, privacy=privacy)


async def test_two_processes_change_different_fields_and_none_is_lost(open_again: Opener) -> None:
    first, second = await open_again(), await open_again()
    await accounts.put(first, 7, CARD)
    for turn in range(count(10, 50)):
        await asyncio.gather(
            accounts.put(first, 7, {"sign": f"s{turn}"}),
            accounts.put(second, 7, {"face": f"f{turn}"}),
        )
        card = (await first.cards([7]))[7]
        assert (card.sign, card.face) == (f"s{turn}", f"f{turn}")


async def test_of_concurrent_edits_to_one_name_one_succeeds(open_again: Opener) -> None:
    stores = [await open_again(), await open_again()]
    await people(stores[0], *range(1, 9))
    for turn in range(count(5, 50)):
        wanted = AccountEdit(card={"name": f"wanted{turn}"}, unique_name=True)
        results = await asyncio.gather(
            *(stores[mid % 2].edit_account(mid, wanted) for mid in range(1, 9))
        )
        assert sorted(results, key=str) == [EditRefusal.NAME_IN_USE] * 7 + [None]
        winner = results.index(None) + 1
        cards = await stores[0].cards(range(1, 9))
        assert [mid for mid, card in cards.items() if card.name == f"wanted{turn}"] == [winner]
        # The winner may send the same edit again.
        assert await stores[1].edit_account(winner, wanted) is None
    assert await faults(stores[0]) == []


async def test_an_unknown_account_is_created_only_on_request(store: Store) -> None:
    await people(store, 1)
    named = AccountEdit(card={"name": "u1"}, unique_name=True)
    assert await store.edit_account(7, named) is EditRefusal.UNKNOWN
    assert await store.edit_account(7, replace(named, new=CARD)) is EditRefusal.NAME_IN_USE
    assert await store.account(7) is None
    taken = AccountEdit(new=Card(name="u1"), unique_name=True)
    assert await store.edit_account(7, taken) is EditRefusal.NAME_IN_USE
    same = AccountEdit(card={"name": "u1"}, new=Card(name="u1"), unique_name=True)
    assert await store.edit_account(7, same) is EditRefusal.NAME_IN_USE
    assert await store.account(7) is None
    free = replace(named, card={"name": "u7"}, new=CARD)
    assert await store.edit_account(7, free) is None
    assert (await store.cards([7]))[7] == replace(CARD, name="u7")
    assert await faults(store) == []


async def test_an_edit_changes_account_and_documents_together(store: Store) -> None:
    await people(store, 1, 2)
    await store.put([PROFILE.entry(1, Profile(sex="女", coins=7))])
    both = DocumentEdit(kind=PROFILE, fields={"sex": "男"})
    refused = AccountEdit(card={"name": "u2"}, unique_name=True)
    assert await store.edit_account(1, refused, [both]) is EditRefusal.NAME_IN_USE
    assert await store.get(PROFILE, 1) == Profile(sex="女", coins=7)
    assert await store.edit_account(1, AccountEdit(card={"sign": "s"}), [both]) is None
    assert await store.get(PROFILE, 1) == Profile(sex="男", coins=7)
    assert (await store.cards([1]))[1] == Card(name="u1", sign="s")
    twice = [DocumentEdit(kind=PROFILE, fields={name: "x"}) for name in ("birthday", "school")]
    assert await store.edit_account(1, AccountEdit(), twice) is None
    assert await store.get(PROFILE, 1) == Profile(sex="男", coins=7, birthday="x", school="x")
    # A document that is not stored starts with the defaults of its class.
    assert await store.edit_account(2, AccountEdit(), [both]) is None
    assert await store.get(PROFILE, 2) == Profile(sex="男")


async def test_a_ban_keeps_card_and_sessions(store: Store) -> None:
    await accounts.put(store, 2, CARD)
    await store.open_session(session_of(2, b"a"))
    await accounts.set_state(store, 2, State.BANNED)
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


async def test_a_ban_refuses_the_accounts_own_changes(store: Store) -> None:
    await people(store, 1, 2)
    await follow(store, 1, 2)
    assert await do(store, CreateGroup(1, "组", 7)) == [0]
    await accounts.set_state(store, 1, State.BANNED)
    regroup = Regroup(1, RegroupMode.SET, (2,), (7,))
    acts: list[GroupAct] = [CreateGroup(1, "b", 8), RenameGroup(1, 7, "c"), DeleteGroup(1, 7)]
    before = await store.groups(1)
    for act in [*acts, regroup]:
        assert await do(store, act) == [-102]
    assert await do(store, *acts, CreateGroup(2, "组", 9), regroup) == [-102, -102, -102, 0, -102]
    assert await store.groups(1) == before
    own = AccountEdit(card={"sign": "s"}, by_owner=True)
    document = DocumentEdit(kind=PROFILE, fields={"sex": "男"})
    assert await store.edit_account(1, own, [document]) is EditRefusal.BANNED
    assert ((await store.cards([1]))[1], await store.get(PROFILE, 1)) == (Card(name="u1"), None)
    # Its owner cannot, the service's operator can.
    assert await store.edit_account(1, replace(own, by_owner=False), [document]) is None
    await accounts.set_state(store, 1, State.NORMAL)
    assert await do(store, regroup) == [0]
    assert await store.edit_account(1, own) is None
    assert await faults(store) == []


async def test_a_deregistered_account_changes_nothing(store: Store) -> None:
    """Also within the second in which a service may trust its session and its state."""
    await people(store, 1, 2, 3)
    await follow(store, 1, 2)
    assert await do(store, CreateGroup(1, "组", 7)) == [0]
    await accounts.set_state(store, 1, State.DEREGISTERED)
    follows = [Modify(1, target, act) for target in (2, 3) for act in (1, 2, 5)]
    regroup = Regroup(1, RegroupMode.SET, (2,), (7,))
    before = [await store.tally(mid) for mid in (1, 2, 3)], await store.groups(1)
    assert (
        await do(store, *follows, regroup, CreateGroup(1, "b", 8), DeleteGroup(1, 7)) == [-101] * 9
    )
    assert ([await store.tally(mid) for mid in (1, 2, 3)], await store.groups(1)) == before


async def test_a_digest_has_one_session(store: Store) -> None:
    await people(store, 1, 2)
    mine, theirs = session_of(1, b"a"), session_of(2, b"a")
    assert await store.open_session(mine) is None
    for again in (mine, theirs, replace(mine, created=2)):
        assert await store.open_session(again) is SessionRefusal.DIGEST_IN_USE
    assert await store.session(b"a") == mine
    together = [replace(mine, digest=b"b", created=at) for at in range(1, count(6, 30))]
    refusals = await asyncio.gather(*map(store.open_session, together))
    assert sorted(map(str, refusals)) == sorted(
        ["None", *[str(SessionRefusal.DIGEST_IN_USE)] * (len(together) - 1)]
    )
    assert await store.session(b"b") == together[refusals.index(None)]


async def test_the_oldest_sessions_make_room(store: Store) -> None:
    await people(store, 1, 2)
    assert await store.open_session(session_of(2, b"other")) is None
    for at in (5, 1, 4, 2, 3):
        assert await store.open_session(replace(session_of(1, b"%d" % at), created=at)) is None
    assert await _digests(store) == {b"other", b"1", b"2", b"3", b"4", b"5"}
    expired = replace(session_of(1, b"expired"), created=6, expires=6)
    assert await store.open_session(expired, 6) is None
    assert await _digests(store) == {b"other", b"1", b"2", b"3", b"4", b"5", b"expired"}
    # The expired one takes no room.
    assert await store.open_session(replace(session_of(1, b"7"), created=7), 6) is None
    assert await _digests(store) == {b"other", b"1", b"2", b"3", b"4", b"5", b"7"}
    # The new session stays, even if its clock is behind.
    assert await store.open_session(replace(session_of(1, b"0"), created=0), 3) is None
    assert await _digests(store) == {b"other", b"5", b"7", b"0"}
    assert await store.open_session(replace(session_of(1, b"8"), created=8), 1) is None
    assert await _digests(store) == {b"other", b"8"}
    assert await faults(store) == []


async def test_sign_ins_at_once_do_not_exceed_the_bound(open_again: Opener) -> None:
    first, second = await open_again(), await open_again()
    await people(first, 1)
    sessions = [replace(session_of(1, b"%d" % at), created=at) for at in range(count(12, 50))]
    await asyncio.gather(
        *(
            store.open_session(session, 3)
            for store, session in zip([first, second] * len(sessions), sessions, strict=False)
        )
    )
    assert len(await _digests(first)) == 3


async def _digests(store: Store) -> set[bytes]:
    return {session.digest async for session in store.sessions()}


async def test_an_edit_keeps_a_document_that_is_put_meanwhile(open_again: Opener) -> None:
    first, second = await open_again(), await open_again()
    await people(first, *range(1, count(31, 201)))
    changes = [DocumentEdit(kind=PROFILE, fields={"sex": "男"})]
    for mid in range(1, count(31, 201)):
        await asyncio.gather(
            first.edit_account(mid, AccountEdit(), changes),
            second.put([PROFILE.entry(mid, Profile(coins=7))]),
        )
        profile = await first.get(PROFILE, mid)
        assert profile is not None
        assert profile.coins == 7
    assert await faults(first) == []


async def test_many_accounts_are_those_of_each(store: Store) -> None:
    await people(store, 1, 2, 3)
    await accounts.set_privacy(store, 2, {"hide_followers": True})
    await accounts.set_state(store, 3, State.BANNED)
    found = await store.accounts_of([3, 2, 1, 99])
    assert found == {mid: await store.account(mid) for mid in (1, 2, 3)}
    assert await store.accounts_of([]) == {}
