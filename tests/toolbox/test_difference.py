"""The difference of two snapshots: nothing is guessed, and whoever is uncertain has a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from guanxi.contract.relations import DEREGISTERED_NAME
from guanxi.toolbox import snapshots
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.difference import CATEGORIES, Difference, difference
from guanxi.toolbox.errors import NoSuchSnapshot, SelectionError
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with new_archive(tmp_path) as opened:
        yield opened


def mids(found: Difference, name: str, category: str) -> list[int | None]:
    return [change.mid for change in found.changes(name, category)]


def reasons(found: Difference, name: str) -> dict[int | None, str | None]:
    return {change.mid: change.reason for change in found.changes(name, "unknown")}


def changed(found: Difference) -> dict[str, dict[str, int]]:
    """Return the counts that are not 0."""
    counts = {
        name: {category: count for category, count in each.items() if count}
        for name, each in found.counts().items()
    }
    return {name: each for name, each in counts.items() if each}


def test_everything_that_can_change(archive: Archive) -> None:
    """p13: who stopped following me since last time, and all other changes."""
    add_snapshot(
        archive,
        DAY,
        [(7, "friends"), (8, "music"), (9, "old")],
        followings=[
            *(item(2), item(3, mutual=True), item(4), item(5, special=True), item(6)),
            *(item(7, groups=[7, 9]), item(8, name="eight"), item(9, name="nine"), item(10)),
        ],
        followers=[item(3), item(20)],
        blocks=[item(30)],
        whispers=[item(40)],
    )
    add_snapshot(
        archive,
        2 * DAY,
        [(7, "close friends"), (8, "music"), (10, "new")],
        followings=[
            *(item(11), item(3), item(4, mutual=True), item(5), item(6, special=True)),
            *(item(7, groups=[7, 8]), item(8, name="acht"), item(9, name=DEREGISTERED_NAME)),
            item(10),
        ],
        followers=[item(21), item(4)],
        blocks=[item(31)],
        whispers=[],
    )
    found = difference(archive)
    assert {name: mids(found, "followings", name) for name in CATEGORIES["followings"]} == {
        "came": [11],
        "first_seen": [],
        "left": [2],
        "became_mutual": [4],
        "stopped_following_you": [3],
        "became_special": [6],
        "no_longer_special": [5],
        "groups_changed": [7],
        "renamed": [8],
        "deregistered": [9],
        "unknown": [],
    }
    [groups] = found.changes("followings", "groups_changed")
    assert (groups.before, groups.after) == (["friends", "old"], ["close friends", "music"])
    [renamed] = found.changes("followings", "renamed")
    assert (renamed.before, renamed.name) == ("eight", "acht")
    [deregistered] = found.changes("followings", "deregistered")
    assert deregistered.name == "nine"
    assert (mids(found, "followers", "came"), mids(found, "followers", "left")) == (
        [4, 21],
        [3, 20],
    )
    assert (mids(found, "blocks", "came"), mids(found, "blocks", "left")) == ([31], [30])
    assert mids(found, "whispers", "left") == [40]
    for category, expected in (
        ("created", [(10, "new", None)]),
        ("deleted", [(9, "old", None)]),
        ("renamed", [(7, "close friends", "friends")]),
    ):
        rows = found.changes("groups", category)
        assert [(one.id, one.name, one.before) for one in rows] == expected
    assert found.has_changes()


def test_nothing_changed(archive: Archive) -> None:
    for day in (1, 2):
        add_snapshot(archive, day * DAY, [(7, "a")], followings=[item(3, groups=[7]), item(2)])
    found = difference(archive)
    assert not found.has_changes()
    assert changed(found) == {}
    assert found.not_read == ["followers", "blocks", "whispers"]


def test_a_list_that_is_not_complete_says_of_nobody_that_they_left(archive: Archive) -> None:
    """p2, p12: a capped, moved or interrupted list is no base of "left", whichever it is."""
    add_snapshot(archive, DAY, followers=[item(3), item(2)])
    add_snapshot(archive, 2 * DAY, followers=[item(4), item(3)], incomplete=["followers"])
    add_snapshot(archive, 3 * DAY, followers=[item(5), item(4)])
    found = difference(archive, 1, 2)
    assert changed(found) == {"followers": {"came": 1, "unknown": 1}}
    assert reasons(found, "followers") == {2: "cap"}
    found = difference(archive, 2, 3)
    assert changed(found) == {"followers": {"first_seen": 1, "unknown": 2}}
    assert reasons(found, "followers") == {2: "cap", 3: "cap"}
    found = difference(archive, 1, 3)  # both are complete: what is between does not matter
    assert changed(found) == {"followers": {"came": 2, "left": 2}}


def test_who_left_because_the_account_was_deregistered_is_unknown(archive: Archive) -> None:
    """p11, p23: whether a deregistered account left first cannot be known."""
    add_snapshot(
        archive,
        DAY,
        followings=[item(2, mutual=True, name="two"), item(3, mutual=True)],
        followers=[item(2, name="two"), item(3), item(4), item(5)],
    )
    archive.db.execute("INSERT INTO fact (mid, state) VALUES (4, 'deregistered')")
    add_snapshot(
        archive,
        2 * DAY,
        followings=[item(2, name=DEREGISTERED_NAME), item(3)],
        followers=[item(3)],
    )
    found = difference(archive)
    assert mids(found, "followers", "left") == [5]
    assert reasons(found, "followers") == {2: "deregistered", 4: "deregistered"}
    assert mids(found, "followings", "stopped_following_you") == [3]
    assert reasons(found, "followings") == {2: "deregistered"}
    assert [one.name for one in found.changes("followers", "unknown")] == ["two", "u4"]


def test_whoever_was_seen_between_but_not_in_the_second_is_unknown(archive: Archive) -> None:
    add_snapshot(archive, DAY, followers=[item(2)])
    add_snapshot(archive, 2 * DAY, followers=[item(3), item(2)])
    add_snapshot(archive, 3 * DAY, followers=[item(2)], incomplete=["followers"])
    found = difference(archive, 1, 3)
    assert changed(found) == {"followers": {"unknown": 1}}
    assert reasons(found, "followers") == {3: "cap"}


def test_which_snapshots(archive: Archive) -> None:
    with pytest.raises(NoSuchSnapshot, match="run guanxi backup once more"):
        difference(archive)
    for day in range(1, 4):
        add_snapshot(archive, day * DAY, followings=[item(mid) for mid in range(day + 1, 1, -1)])
    with pytest.raises(NoSuchSnapshot, match="no snapshot 9"):
        difference(archive, 1, 9)
    with pytest.raises(SelectionError, match="3 is newer than 1"):
        difference(archive, 3, 1)
    for given, numbers in (((), (2, 3)), ((1,), (1, 3)), ((None, 2), (1, 2)), ((2, 2), (2, 2))):
        found = difference(archive, *given)
        assert (found.before, found.after) == numbers
        assert len(mids(found, "followings", "came")) == numbers[1] - numbers[0]


def test_json_is_whole_and_counts_what_a_limit_leaves_out(archive: Archive) -> None:
    add_snapshot(archive, DAY, [(7, "a")], followings=[item(2)])
    add_snapshot(archive, 2 * DAY, [(8, "b")], followings=[item(5), item(4), item(3, name='"3"')])
    data = json.loads("".join(difference(archive).json()))
    assert data["schema_version"] == 1
    assert (data["from"]["id"], data["to"]["id"]) == (1, 2)
    assert data["followings"]["came"] == [
        {"mid": 3, "name": '"3"'},
        {"mid": 4, "name": "u4"},
        {"mid": 5, "name": "u5"},
    ]
    assert data["followings"]["left"] == [{"mid": 2, "name": "u2"}]
    assert data["followings"]["readings"]["to"] == {
        "total": 3, "shown": 3, "complete": True, "reason": None,
    }  # fmt: skip
    assert data["groups"]["created"] == [{"id": 8, "name": "b"}]
    short = json.loads("".join(difference(archive).json(limit=1)))
    assert len(short["followings"]["came"]) == 1
    assert short["counts"]["followings"]["came"] == 3


def test_random_snapshots_agree_with_sets(archive: Archive) -> None:
    """p2: over any chain of snapshots, "came" and "left" are what the members really did."""
    draw = Random(16)
    members: dict[int, set[int]] = {}
    whole = {}
    for number in range(1, 9):
        members[number] = {mid for mid in range(2, 40) if draw.random() < 0.6}
        whole[number] = draw.random() < 0.7
        seen = members[number] if whole[number] else {m for m in members[number] if m % 3}
        items = [item(mid) for mid in sorted(seen, reverse=True)]
        incomplete = [] if whole[number] else ["followers"]
        add_snapshot(archive, number * DAY, followers=items, incomplete=incomplete)
    for a, before in members.items():
        for b in range(a, len(members) + 1):
            found = difference(archive, a, b)
            came, left = (set(mids(found, "followers", name)) for name in ("came", "left"))
            if whole[a] and whole[b]:
                assert (came, left) == (members[b] - before, before - members[b])
            else:
                assert left == set()
                later = set().union(*(members[n] for n in range(a, b + 1)))
                assert came <= (later - before if whole[a] else set())


def test_a_removed_snapshot_between_changes_nothing(archive: Archive) -> None:
    draw = Random(7)
    for number in range(1, 4):
        people = [item(mid, mutual=draw.random() < 0.5) for mid in range(40, 1, -1)]
        add_snapshot(archive, number * DAY, followings=[p for p in people if draw.random() < 0.7])
    before = "".join(difference(archive, 1, 3).json())
    snapshots.remove(archive, 2)
    assert "".join(difference(archive, 1, 3).json()) == before
