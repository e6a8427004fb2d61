"""The tables of what an account may do, and of what is shown of it."""

from __future__ import annotations

from itertools import product

from guanxi.accounts.account import State
from guanxi.accounts.rights import CALLER, SHOWN, Part
from guanxi.contract.endpoint import Does


def test_the_tables_have_every_row() -> None:
    assert CALLER.keys() == {*product(State, Does)}
    assert SHOWN.keys() == {*product(State, Part)}


def test_a_banned_account_signs_in_and_reads_and_changes_nothing() -> None:
    assert [CALLER[State.BANNED, does] for does in Does] == [0, 0, -102]


def test_every_other_account_shows_every_part() -> None:
    hidden = {(state, part) for (state, part), shown in SHOWN.items() if not shown}
    assert {state for state, _ in hidden} == {State.DEREGISTERED}


def test_a_deregistered_account_shows_its_relations_alone() -> None:
    shown = {part for part in Part if SHOWN[State.DEREGISTERED, part]}
    assert shown == {Part.RELATIONS}
