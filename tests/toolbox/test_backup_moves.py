"""A backup of lists that another client changes between any two of its requests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from guanxi.sdk.sync import SyncClient
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.backup import Outcome, backup
from tests.counts import count
from tests.toolbox.moving import (
    LISTS,
    ME,
    OTHERS,
    Between,
    Lists,
    World,
    credential_of,
    moving_world,
)

NOW = 2_000_000_000


def read(world: World, archive: Archive, hook: Callable[[], None], size: int) -> Outcome:
    """Back up, with a call of ``hook`` before each request; go on after each interruption."""
    while True:
        client = SyncClient(
            credential=credential_of(world.service, ME),
            base_url=world.service.base_url,
            transport=Between(hook),
        )
        with client:
            try:
                return backup(client, archive, NOW, size=size)
            except KeyboardInterrupt:
                continue


def members(archive: Archive, name: str) -> list[int]:
    rows = archive.rows(
        "SELECT mid FROM item WHERE list = ? AND until IS NULL ORDER BY since DESC, tie DESC",
        (name,),
    )
    return [row["mid"] for row in rows]


def check_left(archive: Archive, states: list[Lists]) -> None:
    """Check that whoever left in the newest snapshot was missing in one of these states."""
    rows = archive.rows(
        "SELECT list, mid FROM changes WHERE change = 'left' AND snapshot = ?", (archive.newest(),)
    )
    for row in rows:
        assert any(row["mid"] not in state[row["list"]] for state in states), tuple(row)


@pytest.mark.parametrize("profile", ["documented", "open"])
@pytest.mark.parametrize("often", [0.05, 0.3, 1.0])
def test_complete_lists_are_what_the_server_had(profile: str, often: float, tmp_path: Path) -> None:
    """p2: a complete list equals the server's at one time of the backup; nobody falsely left.

    Each round backs up while another client acts before requests: rarely, often, before each.
    Whoever is complete must be found at once if nothing moves.
    """
    rounds = 0
    for seed in range(count(1, 10)):
        random = Random(f"{profile}-{often}-{seed}")
        with (
            moving_world(random, profile) as world,
            Archive.create(
                tmp_path / f"{seed}.db", Identity(world.service.base_url, ME)
            ) as archive,
        ):
            before = len(world.states) - 1
            for _ in range(count(4, 8)):
                acts = [random.randrange(12)]

                def hook(
                    random: Random = random, world: World = world, acts: list[int] = acts
                ) -> None:
                    if random.random() < often and (acts[0] or often < 1):
                        acts[0] -= 1
                        for _ in range(random.choice([1, 1, 2, 3])):
                            world.act(random)
                        if random.random() < 0.1:
                            raise KeyboardInterrupt

                begin = len(world.states) - 1
                found = read(world, archive, hook, size=random.choice([3, 4, 7]))
                for name in LISTS:
                    reading = found.readings[name]
                    assert reading.complete or reading.reason in {"moved", "cap"}
                    if reading.complete:
                        rounds += 1
                        now = members(archive, name)
                        assert now in [state[name] for state in world.states[begin:]], (seed, name)
                check_left(archive, world.states[before:])
                before = begin
            quiet = read(world, archive, lambda: None, size=5)
            for name in LISTS:
                assert quiet.readings[name].complete or len(world.states[-1][name]) > 30
                assert members(archive, name) == world.states[-1][name] or name == "followers"
            check_left(archive, world.states[before:])
    assert rounds > 10


@pytest.mark.parametrize("when", range(2, 6))
def test_one_who_leaves_as_another_comes_is_noticed(when: int, tmp_path: Path) -> None:
    """p2: the total stays the same and no account repeats; the first page, read again, differs."""
    with (
        moving_world(Random(1)) as world,
        Archive.create(tmp_path / "archive.db", Identity(world.service.base_url, ME)) as archive,
    ):
        followings = world.states[-1]["followings"]
        new = min(set(OTHERS).difference(*(world.states[-1][name] for name in LISTS)))
        requests = [0]

        def hook() -> None:
            requests[0] += 1
            if requests[0] == 2 + when:  # nav and stat come first
                world.me.relation.unfollow(followings[2])
                world.me.relation.follow(new)

        found = read(world, archive, hook, size=3)
        assert found.readings["followings"].complete
        followings.remove(followings[2])
        assert members(archive, "followings") == [new, *followings]
