"""Plans that bring an account to what another one has, and what is different afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.contract.relations import DEREGISTERED_NAME
from guanxi.toolbox import exchange, transfer
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.exchange import Line
from guanxi.toolbox.plan import CAP, Act, LeftOut, Relation
from guanxi.toolbox.transfer import Difference
from tests.toolbox.archives import DAY, ME, add_snapshot, item, new_archive

OTHER = Identity(ME.server, 2, "other")


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Archive]:
    with new_archive(tmp_path) as archive:
        add_snapshot(
            archive,
            DAY,
            [(7, "music"), (8, "friends")],
            followings=[
                item(15, since=900, groups=[8]),
                item(14, since=800, name=DEREGISTERED_NAME),
                item(13, since=700, groups=[7, 8], special=True),
                item(12, since=600),
                item(11, since=600, groups=[7]),
                item(2, since=500),
            ],
            blocks=[item(22, attribute=128, since=50), item(21, attribute=128, since=40)],
        )
        yield archive


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Archive]:
    with Archive.create(tmp_path / "target.db", OTHER) as archive:
        add_snapshot(
            archive,
            DAY,
            [(1, "mine"), (2, "friends")],
            followings=[item(15, groups=[1], mutual=True), item(21)],
            blocks=[item(12, attribute=128)],
        )
        yield archive


def test_what_is_there_costs_nothing_and_nothing_is_taken_away(
    source: Archive, target: Archive, tmp_path: Path
) -> None:
    """p10, p15, p26: the oldest first, groups by name, friends of a block list left alone."""
    wanted = exchange.lines(source)
    plan = transfer.plan_transfer(
        target, tmp_path / "plan", wanted, 9, command="migrate", selection="me", blocks=True
    )
    none = Relation()
    assert list(plan.acts()) == [
        Act(1, "create_group", "the source has it", group="music"),
        Act(2, "follow", "the source has it", mid=11, name="u11", expect=none),
        Act(3, "follow", "the source has it", mid=13, name="u13", expect=none),
        Act(
            4,
            "set_groups",
            "the source has it",
            mid=15,
            name="u15",
            groups=("friends", "mine"),
            expect=Relation(6, groups=("mine",), since=1_015),
        ),
        Act(
            5,
            "set_groups",
            "the source has it",
            mid=13,
            name="u13",
            groups=("friends", "music"),
            special=True,
        ),
        Act(6, "set_groups", "the source has it", mid=11, name="u11", groups=("music",)),
        Act(7, "block", "the source has it", mid=22, name="u22", expect=none),
    ]
    assert list(plan.left_out()) == [
        LeftOut(14, DEREGISTERED_NAME, "it is deregistered"),
        LeftOut(12, "u12", "the account blocks it"),
        LeftOut(2, "u2", "it is the account itself"),
        LeftOut(21, "u21", "the account follows it"),
    ]
    header = plan.header
    assert (header.followings, header.change, header.snapshot, header.identity) == (2, 2, 1, OTHER)
    assert (header.command, header.selection, header.remarks) == ("migrate", "me", ())


def test_only_followings_without_blocks(source: Archive, target: Archive, tmp_path: Path) -> None:
    plan = transfer.plan_transfer(
        target, tmp_path / "plan", exchange.lines(source), 9, command="import"
    )
    assert set(plan.header.acts) == {"create_group", "follow", "set_groups"}
    assert plan.header.left_out == 3


def test_what_differs_afterwards(source: Archive, target: Archive) -> None:
    def found(blocks: bool) -> list[Difference]:
        return list(transfer.differences(target, exchange.lines(source), blocks=blocks))

    assert [(one.list, one.mid, one.what) for one in found(blocks=True)] == [
        ("followings", 15, "groups"),
        *(("followings", mid, "missing") for mid in (14, 13, 12, 11, 2)),
        ("blocks", 22, "missing"),
        ("blocks", 21, "missing"),
    ]
    add_snapshot(
        target,
        2 * DAY,
        [(1, "mine"), (2, "friends"), (3, "music")],
        followings=[
            item(30, since=9_000),
            item(13, since=2_000, groups=[2, 3], special=True),
            item(15, since=1_900, groups=[1, 2]),
            item(12, since=1_000),
            item(11, since=900, groups=[3, 1]),
        ],
    )
    assert [(one.mid, one.what) for one in found(blocks=False)] == [
        (15, "order"),  # it was the newest, and is now older than 13
        (14, "missing"),
        (2, "missing"),
    ]


def test_a_list_that_does_not_fit(target: Archive, tmp_path: Path) -> None:
    rows = [Line("followings", mid) for mid in range(100, 100 + CAP)]
    plan = transfer.plan_transfer(target, tmp_path / "p", rows, 9, command="import")
    assert plan.header.remarks == (f"only {CAP - 2} of {CAP} fit under {CAP}",)


@pytest.mark.parametrize("name", ["x" * 17, " ", "a\nb"])
def test_names_that_no_group_can_have(target: Archive, tmp_path: Path, name: str) -> None:
    rows = [Line("followings", 5, groups=(name,))]
    with pytest.raises(SelectionError, match="cannot name a group"):
        transfer.plan_transfer(target, tmp_path / "p", rows, 9, command="import")
    assert not (tmp_path / "p").exists()


def test_a_list_that_was_not_read_completely_is_no_base(target: Archive, tmp_path: Path) -> None:
    """p2: whoever is missing from it may be followed all the same."""
    add_snapshot(target, 2 * DAY, [], followings=[item(3)], incomplete=["followings"])
    with pytest.raises(SelectionError, match="followings"):
        transfer.plan_transfer(target, tmp_path / "p", [], 9, command="import")
