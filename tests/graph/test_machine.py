"""The state machine of random acts on the rules alone, applied to dicts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count as numbers

from hypothesis import settings
from msgspec.structs import replace

from guanxi.graph.groups import (
    SPECIAL_NAME,
    CreateGroup,
    DeleteGroup,
    DropGroup,
    GroupAct,
    GroupFacts,
    Memberships,
    PutGroup,
    Regroup,
    Regrouped,
    RegroupMode,
    RenameGroup,
    decide_group,
    memberships,
)
from guanxi.graph.pair import (
    DEFAULT,
    EMPTY_SIDE,
    SPECIAL,
    Edge,
    Facts,
    Modify,
    Pair,
    Refusal,
    Side,
    attribute,
    decide,
    mtime_of,
    next_sort_key,
    sort_key_of_mtime,
)
from tests.counts import count
from tests.machine import (
    BANNED,
    DEREGISTERED,
    FOLLOWING_CAP,
    MOST_GROUPS,
    NORMAL,
    PARTS,
    RelationMachine,
    Seen,
    View,
)


class RulesDriver:
    """A driver that applies the rules to sides in a dict, without a store."""

    guarded = False
    thorough = True

    def __init__(self) -> None:
        self.sides: dict[tuple[int, int], Side] = {}
        self.groups: dict[int, dict[int, str]] = {}
        self.visits: dict[tuple[int, int], int] = {}
        #: The counts of each owner's groups, as a store would keep them.
        self.counted: dict[int, Memberships] = {}
        self.version = dict[int, int]()
        self.ids = numbers(1)

    def start(self, names: Mapping[int, str], now: int) -> None:
        self.names = dict(names)
        self.now = now
        self.states = dict.fromkeys(names, NORMAL)
        self.refusing: set[int] = set()

    def set_time(self, now: int) -> None:
        self.now = now

    def side(self, owner: int, target: int) -> Side:
        return self.sides.get((owner, target), EMPTY_SIDE)

    def put(self, owner: int, target: int, side: Side) -> None:
        if side != self.side(owner, target):
            for mid in (owner, target):
                self.version[mid] = self.version.get(mid, 0) + 1
        if side.follows is None:
            self.visits.pop((owner, target), None)
        before, after = (
            frozenset[int]() if each.follows is None else each.follows.groups
            for each in (self.side(owner, target), side)
        )
        self.counted[owner] = self.counted.get(owner, Memberships()) + memberships(before, after)
        self.sides[owner, target] = side

    def sort_key(self, owner: int, *, blocks: bool = False) -> int:
        sort_keys = [
            side.blocks if blocks else side.follows and side.follows.sort_key
            for (who, _), side in self.sides.items()
            if who == owner
        ]
        return next_sort_key(
            sort_key_of_mtime(self.now), max((sort_key or 0 for sort_key in sort_keys), default=0)
        )

    def modify(self, owner: int, target: int, act: int) -> int:
        pair = Pair(self.side(owner, target), self.side(target, owner))
        facts = Facts(
            pair=pair,
            banned=self.states.get(owner) == BANNED,
            actor_deregistered=self.states.get(owner) == DEREGISTERED,
            known=target in self.states,
            deregistered=self.states.get(target) == DEREGISTERED,
            refuses_follows=target in self.refusing,
            following=len(self.edges(owner)),
            following_cap=FOLLOWING_CAP,
            sort_key=self.sort_key(owner, blocks=act == 5),
            their_sort_key=self.sort_key(target),
        )
        after = decide(Modify(owner, target, act), facts)
        if isinstance(after, Refusal):
            return after.code
        self.put(owner, target, after.mine)
        self.put(target, owner, after.theirs)
        return 0

    def decide_group(self, act: GroupAct) -> int:
        names = self.groups.setdefault(act.owner, {})
        facts = GroupFacts(
            names=names,
            banned=self.states.get(act.owner) == BANNED,
            deregistered=self.states.get(act.owner) == DEREGISTERED,
            members={target: edge.groups for target, edge in self.edges(act.owner).items()},
            name_length=16,
            max_groups=MOST_GROUPS,
        )
        change = decide_group(act, facts)
        match change:
            case Refusal(code):
                return code
            case PutGroup(group, name):
                names[group] = name
            case DropGroup(group):
                del names[group]
                for target, edge in self.edges(act.owner).items():
                    self.regrouped(act.owner, target, edge.groups - {group})
            case Regrouped(members):
                for target, groups in members.items():
                    self.regrouped(act.owner, target, groups)
        self.version[act.owner] = self.version.get(act.owner, 0) + 1
        return 0

    def regrouped(self, owner: int, target: int, groups: frozenset[int]) -> None:
        edge = self.edges(owner)[target]
        self.put(owner, target, Side(follows=replace(edge, groups=groups)))

    def create_group(self, owner: int, name: str) -> tuple[int, int]:
        group = next(self.ids)
        return self.decide_group(CreateGroup(owner, name, group)), group

    def rename_group(self, owner: int, group: int, name: str) -> int:
        return self.decide_group(RenameGroup(owner, group, name))

    def delete_group(self, owner: int, group: int) -> int:
        return self.decide_group(DeleteGroup(owner, group))

    def regroup(
        self, owner: int, mode: str, members: list[int], groups: list[int], before: list[int]
    ) -> int:
        return self.decide_group(
            Regroup(owner, RegroupMode(mode), tuple(members), tuple(groups), tuple(before))
        )

    def import_whisper(self, owner: int, target: int, time: int) -> bool:
        mine, theirs = self.side(owner, target), self.side(target, owner)
        if owner == target or mine.follows or mine.blocks or theirs.blocks:
            return False
        self.put(owner, target, replace(mine, whispers=sort_key_of_mtime(time)))
        return True

    def set_privacy(
        self, mid: int, *, hide_followings: bool, hide_followers: bool, refuse_follows: bool
    ) -> None:
        (self.refusing.add if refuse_follows else self.refusing.discard)(mid)

    def set_state(self, mid: int, state: str) -> None:
        self.states[mid] = state
        if state == DEREGISTERED:
            self.names[mid] = "账号已注销"

    def visit(self, owner: int, target: int) -> None:
        if target in self.edges(owner):
            self.visits[owner, target] = self.visits.get((owner, target), 0) + 1
            self.version[owner] = self.version.get(owner, 0) + 1

    def edges(self, owner: int) -> dict[int, Edge]:
        """Return the owner's followings, newest first."""
        edges = {
            target: side.follows
            for (who, target), side in self.sides.items()
            if who == owner and side.follows is not None
        }
        newest = sorted(edges, key=lambda target: (edges[target].sort_key, target), reverse=True)
        return {target: edges[target] for target in newest}

    def attribute(self, owner: int, target: int) -> int:
        back = self.side(target, owner).follows is not None
        return int(attribute(self.side(owner, target), followed_back=back))

    def item(self, owner: int, target: int, sort_key: int) -> Seen:
        edge = self.side(owner, target).follows
        groups = edge.groups if edge else frozenset()
        return Seen(target, mtime_of(sort_key), self.attribute(owner, target), groups)

    def items(self, owner: int, sort_keys: Mapping[int, int | None]) -> list[Seen]:
        rows = [(sort_key, mid) for mid, sort_key in sort_keys.items() if sort_key is not None]
        return [self.item(owner, mid, sort_key) for sort_key, mid in sorted(rows, reverse=True)]

    def look(self, owner: int) -> View:
        edges = self.edges(owner)
        mine = {target: side for (who, target), side in self.sides.items() if who == owner}
        fans = {
            who: side.follows.sort_key
            for (who, target), side in self.sides.items()
            if target == owner and side.follows is not None
        }
        own = self.groups.get(owner, {})
        followings = self.items(owner, {mid: edge.sort_key for mid, edge in edges.items()})
        followers = self.items(owner, fans)
        whispers = self.items(owner, {mid: side.whispers for mid, side in mine.items()})
        blacks = self.items(owner, {mid: side.blocks for mid, side in mine.items()})
        members = {
            group: [mid for mid, edge in edges.items() if group in edge.groups]
            for group in (SPECIAL, *own)
        }
        members[DEFAULT] = [mid for mid, edge in edges.items() if not edge.groups]
        names = {SPECIAL: SPECIAL_NAME, DEFAULT: "默认分组", **own}
        counted = self.counted.get(owner, Memberships())
        kept = {
            SPECIAL: counted.special,
            DEFAULT: len(edges) - counted.grouped,
            **{group: counted.members.get(group, 0) for group in own},
        }
        attributes = {mid: self.attribute(owner, mid) for mid in self.names}
        return View(
            followings=followings,
            followings_oldest=list(edges)[::-1],
            followings_visited=sorted(edges, key=lambda mid: -self.visits.get((owner, mid), 0)),
            followers=followers,
            followers_oldest=[row.mid for row in followers][::-1],
            friends=[row for row in followings if row.attribute == 6],
            whispers=whispers,
            blacks=blacks,
            counts=(len(followings), len(whispers), len(blacks), len(followers)),
            versions=(self.version.get(owner, 0), self.version.get(owner, 0)),
            attributes={mid: value for mid, value in attributes.items() if value},
            groups=[(group, name, kept[group]) for group, name in names.items()],
            members=members,
            found={
                part: [mid for mid in edges if part.casefold() in self.names[mid].casefold()]
                for part in PARTS
            },
            common={
                other: [mid for mid in self.edges(other) if mid in edges]
                for other in self.names
                if other != owner
            },
        )

    def faults(self) -> list[str]:
        """Return the pairs that have a block together with another relation."""
        return [
            f"{owner}, {target}"
            for (owner, target), side in self.sides.items()
            if side.blocks is not None
            and (side.follows or side.whispers or self.side(target, owner).follows)
        ]

    def close(self) -> None:
        pass


class RulesMachine(RelationMachine):
    make = RulesDriver


RulesMachine.TestCase.settings = settings(
    max_examples=count(40, 250), stateful_step_count=count(50, 100)
)
TestRules = RulesMachine.TestCase
