"""Records of changes, and their replay into a plain model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from guanxi.graph.effects import change
from guanxi.graph.feed import (
    BLANKED,
    IMPORTED,
    Model,
    Record,
    Unreplayable,
    apply,
    dropped,
    erased,
    named,
    record,
    regrouped,
    without,
)
from guanxi.graph.pair import SPECIAL, Contract, Edge, Pair, Side

FOLLOWS = Side(follows=Edge(5, frozenset({3, SPECIAL}), Contract(7, 1)))


def replay(*records: Record) -> Model:
    """Apply records as a reader has them: through JSON."""
    model = Model()
    for each in records:
        sent: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(each))
        apply(model, msgspec.convert(sent, Record))
    return model


def recorded(before: Pair, after: Pair) -> Record:
    made = change(1, 2, before, after)
    assert made is not None
    return record(made)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("follow", Pair(theirs=FOLLOWS), Pair(FOLLOWS, Side(follows=Edge(9)))),
        ("unfollow", Pair(FOLLOWS, FOLLOWS), Pair(theirs=FOLLOWS)),
        ("block", Pair(FOLLOWS, FOLLOWS), Pair(Side(blocks=8))),
        ("unblock", Pair(Side(blocks=8)), Pair()),
        ("whisper", Pair(), Pair(Side(whispers=4))),
        ("cancel_whisper", Pair(Side(whispers=4), FOLLOWS), Pair(theirs=FOLLOWS)),
        ("remove_follower", Pair(theirs=FOLLOWS), Pair()),
    ],
)
def test_a_change_of_a_pair_is_replayed(kind: str, before: Pair, after: Pair) -> None:
    made = recorded(before, after)
    assert (made.kind, made.actor, made.target) == (kind, 1, 2)
    begin = Record("follow", 1, 2, {}, {"actor": before.mine, "target": before.theirs})
    model = replay(begin, made)
    assert model.sides == {
        pair: side
        for pair, side in (((1, 2), after.mine), ((2, 1), after.theirs))
        if side != Side()
    }
    assert replay(begin, made, made).sides == model.sides


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ({1}, {1, SPECIAL}, "special"),
        ({SPECIAL}, set(), "special"),
        ({1}, {2}, "regroup"),
        ({1}, {2, SPECIAL}, "regroup"),
    ],
)
def test_a_change_of_groups(before: Iterable[int], after: Iterable[int], kind: str) -> None:
    old, new = (Pair(Side(follows=Edge(5, frozenset(ids)))) for ids in (before, after))
    made = recorded(old, new)
    assert made == regrouped(1, 2, before, after)
    assert made.kind == kind
    assert replay(recorded(Pair(), old), made).sides == {(1, 2): new.mine}
    assert replay(made).sides == {}  # of an account that is not followed


def test_groups_are_replayed() -> None:
    start = [
        named(1, 7, None, "a"),
        named(1, 8, None, "b"),
        recorded(Pair(), Pair(Side(follows=Edge(5)))),
        regrouped(1, 2, (), (7, 8)),
    ]
    renamed = named(1, 7, "a", "c")
    assert (renamed.kind, renamed.before["name"]) == ("group_rename", "a")
    assert replay(*start, renamed).groups == {1: {7: "c", 8: "b"}}
    left = dropped(1, 7, "a", [2], whole=False)
    model = replay(*start, left)
    assert (left.kind, model.groups) == ("ungroup", {1: {7: "a", 8: "b"}})
    assert model.sides == {(1, 2): Side(follows=Edge(5, frozenset({8})))}
    model = replay(*start, dropped(1, 7, "a", [2], whole=True))
    assert model.groups == {1: {8: "b"}}
    assert model.sides == {(1, 2): Side(follows=Edge(5, frozenset({8})))}


def test_accounts_are_replayed() -> None:
    records = [
        Record("account", 1, after={"name": "甲"}),
        Record("privacy", 1, before={"hide_followers": False}, after={"hide_followers": True}),
        Record("state", 1, before={"state": "normal"}, after={"state": "banned"}),
    ]
    assert replay(*records).accounts == {
        1: {"name": "甲", "hide_followers": True, "state": "banned"}
    }


def test_what_is_no_part_of_the_graph_changes_nothing() -> None:
    assert replay(Record("mute", 1, 2, after={"until": 5})) == Model()


def test_an_import_cannot_be_replayed() -> None:
    with pytest.raises(Unreplayable, match="export"):
        replay(IMPORTED)


def test_a_damaged_record_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        replay(Record("follow", 1, 2, after={"actor": {"follows": 3}}))


def test_an_erasure_deletes_all_of_and_about_an_account() -> None:
    model = replay(
        Record("account", 1, after={"name": "a"}),
        Record("account", 2, after={"name": "b"}),
        named(1, 7, None, "g"),
        named(2, 8, None, "h"),
        recorded(Pair(), Pair(FOLLOWS, FOLLOWS)),
        Record("follow", 2, 3, {}, {"actor": FOLLOWS}),
        erased(1),
    )
    assert model == Model(
        sides={(2, 3): FOLLOWS}, groups={2: {8: "h"}}, accounts={2: {"name": "b"}}
    )
    assert replay(erased(5), BLANKED) == Model()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Record("state", 1, after={"state": "banned"}), BLANKED),
        (Record("follow", 1, 2, {}, {"actor": FOLLOWS}), BLANKED),
        (Record("follow", 2, 1, {}, {"actor": FOLLOWS}), BLANKED),
        (named(1, 7, None, "g"), BLANKED),
        (dropped(2, 7, "g", [1, 3], whole=True), dropped(2, 7, "g", [3], whole=True)),
        (dropped(2, 7, "g", [1], whole=False), dropped(2, 7, "g", [], whole=False)),
        (dropped(2, 7, "g", [3], whole=True), None),
        (Record("follow", 2, 3, {}, {"actor": FOLLOWS}), None),
        (IMPORTED, None),
    ],
)
def test_a_record_that_names_an_erased_account_is_blanked(
    before: Record, after: Record | None
) -> None:
    left = without(before, 1)
    assert left is before if after is None else left == after
