"""The rules of changes of an account."""

from __future__ import annotations

import pytest

from guanxi.accounts.account import (
    DEREGISTERED_CARD,
    Account,
    AccountEdit,
    Card,
    EditRefusal,
    Privacy,
    State,
    decide_account,
)

CARD = Card(name="n", sign="s", vip_type=2)
STORED = (Account(mid=7, privacy=Privacy(hide_followers=True)), CARD)
ERASED = (Account(mid=7, state=State.DEREGISTERED), DEREGISTERED_CARD)


def decide(
    edit: AccountEdit, stored: tuple[Account, Card] | None = STORED, *, name_in_use: bool = False
) -> EditRefusal | tuple[Account, Card]:
    return decide_account(7, edit, stored, name_in_use=name_in_use)


def test_named_fields_change_and_the_others_stay() -> None:
    edit = AccountEdit(card={"sign": "new"}, privacy={"refuse_follows": True}, state=State.BANNED)
    assert decide(edit) == (
        Account(
            mid=7,
            state=State.BANNED,
            privacy=Privacy(hide_followers=True, refuse_follows=True),
        ),
        Card(name="n", sign="new", vip_type=2),
    )
    assert decide(AccountEdit()) == STORED


def test_a_banned_account_does_not_change_itself() -> None:
    banned = Account(mid=7, state=State.BANNED), CARD
    own = AccountEdit(card={"sign": "new"}, by_owner=True)
    assert decide(own, banned) is EditRefusal.BANNED
    assert decide(own) == (STORED[0], Card(name="n", sign="new", vip_type=2))
    assert decide(AccountEdit(card={"sign": "new"}), banned) == (
        banned[0],
        Card(name="n", sign="new", vip_type=2),
    )


def test_an_unknown_account_is_created_or_refused() -> None:
    assert decide(AccountEdit(card={"sign": "s"}), None) is EditRefusal.UNKNOWN
    created = decide(AccountEdit(card={"sign": "s"}, new=Card(name="first")), None)
    assert created == (Account(mid=7), Card(name="first", sign="s"))
    assert decide(AccountEdit(new=Card(name="first"))) == STORED


def test_deregistering_erases_the_card_for_good() -> None:
    account, card = STORED
    erased = decide(AccountEdit(state=State.DEREGISTERED))
    assert erased == (Account(mid=7, state=State.DEREGISTERED, privacy=account.privacy), ERASED[1])
    assert decide(AccountEdit(state=State.DEREGISTERED), ERASED) == ERASED
    shown = decide(AccountEdit(privacy={"hide_followings": True}), ERASED)
    hidden = Privacy(hide_followings=True)
    assert shown == (Account(mid=7, state=State.DEREGISTERED, privacy=hidden), ERASED[1])
    for edit in (
        AccountEdit(state=State.NORMAL),
        AccountEdit(state=State.BANNED),
        AccountEdit(card={"name": "n"}),
        AccountEdit(new=card),
    ):
        assert decide(edit, ERASED) is EditRefusal.DEREGISTERED


@pytest.mark.parametrize(
    ("name", "unique", "in_use", "refused"),
    [
        ("new", True, True, True),
        ("new", True, False, False),
        ("new", False, True, False),
        ("n", True, True, False),
    ],
)
def test_a_new_name_may_have_to_be_unused(
    name: str, unique: bool, in_use: bool, refused: bool
) -> None:
    edit = AccountEdit(card={"name": name}, unique_name=unique)
    decided = decide(edit, name_in_use=in_use)
    assert (decided is EditRefusal.NAME_IN_USE) == refused
    if not refused:
        assert isinstance(decided, tuple)
        assert decided[1].name == name
