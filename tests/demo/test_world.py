"""The demo's world: deterministic, skewed, and with at least one of each kind of edge."""

from __future__ import annotations

from collections import Counter

import pytest

from guanxi.accounts.account import State
from guanxi.demo.world import GROUPS, HERO, World, make_world


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def test_the_same_seed_gives_the_same_world(world: World) -> None:
    assert make_world() == world
    assert make_world(seed=2) != world


def test_the_world_has_the_requested_size(world: World) -> None:
    assert (len(world.accounts), len(world.edges)) == (2_000, 60_000)
    small = make_world(accounts=100, edges=500)
    assert (len(small.accounts), len(small.edges)) == (100, 500)


def test_generation_stops_when_no_pair_is_left() -> None:
    full = make_world(accounts=60, edges=5_000)
    assert len(full.edges) < 60 * 59


def test_edges_are_unique_and_join_two_existing_accounts(world: World) -> None:
    pairs = [(edge.follower, edge.followed) for edge in world.edges]
    assert len(set(pairs)) == len(pairs)
    assert {mid for pair in pairs for mid in pair} <= world.accounts.keys()
    assert all(follower != followed for follower, followed in pairs)


def test_a_few_accounts_have_most_followers(world: World) -> None:
    followers = sorted(Counter(edge.followed for edge in world.edges).values(), reverse=True)
    assert sum(followers[: len(followers) // 10]) > sum(followers) * 0.4
    assert followers[0] > 5 * followers[len(followers) // 2]


def test_every_kind_of_edge_and_account_occurs(world: World) -> None:
    kinds = Counter(edge.kind for edge in world.edges)
    assert kinds["whisper"] >= 1
    assert kinds["block"] >= 3
    assert any(edge.contract for edge in world.edges)
    assert any(edge.special for edge in world.edges)
    names = {name for edge in world.edges if edge.follower == HERO for name in edge.groups}
    assert names == set(GROUPS.values())
    groups = {(edge.follower, name) for edge in world.edges for name in edge.groups}
    assert groups == world.groups.keys(), "every group needs a fixed id, or it gets a random one"
    states = Counter(state for _, _, state in world.accounts.values())
    assert states[State.DEREGISTERED] == states[State.BANNED] == 1
    for switch in ("hide_followings", "hide_followers", "refuse_follows"):
        assert any(getattr(privacy, switch) for _, privacy, _ in world.accounts.values())
    assert any(card.live for card, _, _ in world.accounts.values())
