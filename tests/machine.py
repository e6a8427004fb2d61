"""A state machine of random acts on five accounts, and a plain model of the expected results.

The model is written from DESIGN.md, section 3, in plain dicts. It calls no rule of guanxi, so that
a wrong rule cannot confirm itself. The machine drives a ``Driver``: the rules alone, a store, or a
service over HTTP. After each step, what accounts see of themselves is compared with the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

#: The names of the accounts, by mid; some share parts when case is ignored.
PEOPLE = {1: "Warma", 2: "warmth", 3: "ÉCLAIR", 4: "用户", 5: "éclipse 用户"}
STRANGER = 99
PARTS = ("", "WAR", "é", "户", "zz")

#: The limits of every driver, small enough to be reached.
FOLLOWING_CAP, MOST_GROUPS = 3, 2
START = 1_700_000_000

FOLLOW, UNFOLLOW, WHISPER, CANCEL, BLOCK, UNBLOCK, REMOVE = range(1, 8)
NORMAL, BANNED, DEREGISTERED = "normal", "banned", "deregistered"
SPECIAL, DEFAULT, NO_GROUP = -10, 0, 7_777_777


@dataclass(frozen=True)
class Seen:
    """A list item: its mid, and its mtime, attribute and groups as the owner sees them."""

    mid: int
    mtime: int
    attribute: int
    groups: frozenset[int] = frozenset()


@dataclass(frozen=True)
class View:
    """Everything that an account sees of its own lists, counts and groups."""

    followings: list[Seen]
    followings_oldest: list[int]
    followings_visited: list[int]
    followers: list[Seen]
    followers_oldest: list[int]
    friends: list[Seen]
    whispers: list[Seen]
    blacks: list[Seen]
    #: Of followings, whispers, blacks and followers.
    counts: tuple[int, int, int, int]
    #: Of followings and followers as the owner sees them, of both as others do, and of whispers
    #: and blacks.
    versions: tuple[int, ...]
    #: By mid; without zeros.
    attributes: Mapping[int, int]
    #: (id, name, count), in order.
    groups: list[tuple[int, str, int]]
    #: Mids by group.
    members: Mapping[int, list[int]]
    #: Mids by searched part of a name, and mids by the other account.
    found: Mapping[str, list[int]]
    common: Mapping[int, list[int]]


class Driver(Protocol):
    """What the machine drives. A method returns when its effect is visible to every read."""

    #: Whether it refuses every request of a deregistered account (-101): a service does, a store
    #: refuses only the acts.
    guarded: bool
    #: Whether to compare every account after every fourth step. Those that a step involved are
    #: compared after it, and every account at the end.
    thorough: bool

    def start(self, names: Mapping[int, str], now: int) -> None:
        """Create the accounts, and set the clock to ``now``, in seconds since the Unix epoch."""

    def set_time(self, now: int) -> None: ...

    def modify(self, owner: int, target: int, act: int) -> int:
        """Do the act; return its code."""

    def create_group(self, owner: int, name: str) -> tuple[int, int]:
        """Create a group; return the code and, if that is 0, the new group's id."""

    def rename_group(self, owner: int, group: int, name: str) -> int: ...

    def delete_group(self, owner: int, group: int) -> int: ...

    def regroup(
        self, owner: int, mode: str, members: list[int], groups: list[int], before: list[int]
    ) -> int:
        """Change the groups of members; return the code. ``mode`` is set, copy or move."""

    def import_whisper(self, owner: int, target: int, time: int) -> bool:
        """Import a whisper; return False if it was refused."""

    def set_privacy(
        self, mid: int, *, hide_followings: bool, hide_followers: bool, refuse_follows: bool
    ) -> None: ...

    def set_state(self, mid: int, state: str) -> None: ...

    def visit(self, owner: int, target: int) -> None:
        """Count a visit."""

    def look(self, owner: int) -> View:
        """Return what the owner sees."""

    def faults(self) -> list[str]:
        """Return the faults that ``guanxi check`` finds."""

    def close(self) -> None: ...


@dataclass
class Follow:
    """A following or a block. ``sequence`` rises with each row created or refreshed."""

    sequence: int
    mtime: int
    groups: set[int] = field(default_factory=set)
    visits: int = 0


@dataclass
class Model:
    """The expected state."""

    now: int = START
    sequence: int = 0
    follows: dict[tuple[int, int], Follow] = field(default_factory=dict)
    whispers: dict[tuple[int, int], int] = field(default_factory=dict)
    blocks: dict[tuple[int, int], Follow] = field(default_factory=dict)
    groups: dict[int, dict[int, str]] = field(default_factory=lambda: {mid: {} for mid in PEOPLE})
    states: dict[int, str] = field(default_factory=lambda: dict.fromkeys(PEOPLE, NORMAL))
    refusing: set[int] = field(default_factory=set)

    def followed_by(self, owner: int) -> list[int]:
        return [target for who, target in self.follows if who == owner]

    def newest(self, owner: int) -> list[int]:
        """Return whom the owner follows, the last followed first."""
        rows = {b: row for (a, b), row in self.follows.items() if a == owner}
        return sorted(rows, key=lambda b: -rows[b].sequence)

    def name(self, mid: int) -> str:
        return "账号已注销" if self.states[mid] == DEREGISTERED else PEOPLE[mid]

    def _new_row(self, rows: Mapping[tuple[int, int], Follow], owner: int) -> Follow:
        """Return a new row of the owner, which is the newest even if the clock stepped back."""
        self.sequence += 1
        newest = max((row.mtime for (who, _), row in rows.items() if who == owner), default=0)
        return Follow(self.sequence, max(self.now, newest))

    def modify(self, a: int, b: int, act: int) -> int:
        if act == WHISPER:
            return -400
        if a == b:
            return 22001
        if act in (FOLLOW, BLOCK):
            if b not in self.states:
                return 40061
            if self.states[b] == DEREGISTERED:
                return 22013
        return {
            FOLLOW: self._follow,
            UNFOLLOW: self._unfollow,
            CANCEL: self._cancel,
            BLOCK: self._block,
            UNBLOCK: self._unblock,
            REMOVE: self._remove,
        }[act](a, b)

    def _follow(self, a: int, b: int) -> int:
        if (a, b) in self.blocks:
            return 22003
        if (a, b) in self.follows:
            return 22014
        if b in self.refusing or (b, a) in self.blocks:
            return 22002
        if len(self.followed_by(a)) >= FOLLOWING_CAP:
            return 22009
        self.whispers.pop((a, b), None)
        self.follows[a, b] = self._new_row(self.follows, a)
        back = self.follows.get((b, a))
        if back is not None:
            fresh = self._new_row(self.follows, b)
            back.sequence, back.mtime = fresh.sequence, fresh.mtime
        return 0

    def _unfollow(self, a: int, b: int) -> int:
        self.follows.pop((a, b), None)
        self.whispers.pop((a, b), None)
        return 0

    def _cancel(self, a: int, b: int) -> int:
        self.whispers.pop((a, b), None)
        return 0

    def _block(self, a: int, b: int) -> int:
        if (a, b) in self.blocks:
            return 22120
        for pair in ((a, b), (b, a)):
            self.follows.pop(pair, None)
            self.whispers.pop(pair, None)
        self.blocks[a, b] = self._new_row(self.blocks, a)
        return 0

    def _unblock(self, a: int, b: int) -> int:
        self.blocks.pop((a, b), None)
        return 0

    def _remove(self, a: int, b: int) -> int:
        self.follows.pop((b, a), None)
        return 0

    def import_whisper(self, a: int, b: int, time: int) -> bool:
        if a == b or (a, b) in self.follows or {(a, b), (b, a)} & self.blocks.keys():
            return False
        self.whispers[a, b] = time
        return True

    def check_name(self, owner: int, group: int | None, name: str) -> tuple[int, str]:
        """Return the code of giving the group this name, and the name without outer spaces."""
        if any(ord(char) < 32 for char in name):
            return -400, name
        name = name.strip()
        if not 1 <= len(name) <= 16:
            return 22103, name
        others = {other for gid, other in self.groups[owner].items() if gid != group}
        return (22106 if name in others | {"特别关注", "默认分组"} else 0), name

    def create_group(self, owner: int, name: str) -> tuple[int, str]:
        code, name = self.check_name(owner, None, name)
        full = len(self.groups[owner]) >= MOST_GROUPS
        return (-400 if full and code == 0 else code), name

    def rename_group(self, owner: int, group: int, name: str) -> int:
        if group in (SPECIAL, DEFAULT):
            return -400
        if group not in self.groups[owner]:
            return 22104
        code, name = self.check_name(owner, group, name)
        if code == 0:
            self.groups[owner][group] = name
        return code

    def delete_group(self, owner: int, group: int) -> int:
        if group not in self.groups[owner]:
            return -400
        del self.groups[owner][group]
        for (who, _), row in self.follows.items():
            if who == owner:
                row.groups.discard(group)
        return 0

    def regroup(
        self, owner: int, mode: str, members: list[int], groups: list[int], before: list[int]
    ) -> int:
        known = {SPECIAL, DEFAULT, *self.groups[owner]}
        if {*groups, *before} - known:
            return 22104
        if set(members) - set(self.followed_by(owner)):
            return 22105
        for member in members:
            row = self.follows[owner, member]
            if mode == "set":
                row.groups = set(groups) - {DEFAULT}
            elif mode == "copy":
                row.groups |= set(groups) - {DEFAULT}
            else:
                row.groups = (row.groups - set(before)) | (set(groups) - {DEFAULT})
        return 0

    def visit(self, a: int, b: int) -> None:
        if (a, b) in self.follows:
            self.follows[a, b].visits += 1

    def attribute(self, a: int, b: int) -> int:
        if (a, b) in self.blocks:
            return 128
        if (a, b) in self.follows:
            return 6 if (b, a) in self.follows else 2
        return 1 if (a, b) in self.whispers else 0

    def view(self, owner: int) -> View:
        """Return what the owner must see, with ``versions`` () and followers ordered by mid."""
        rows = {b: row for (a, b), row in self.follows.items() if a == owner}
        newest = self.newest(owner)
        visited = sorted(rows, key=lambda b: (-rows[b].visits, -rows[b].sequence))
        fans = {a: row for (a, b), row in self.follows.items() if b == owner}
        whispers = {b: time for (a, b), time in self.whispers.items() if a == owner}
        blocks = {b: row for (a, b), row in self.blocks.items() if a == owner}
        members = {
            gid: [b for b in newest if gid in rows[b].groups]
            for gid in (SPECIAL, *self.groups[owner])
        }
        members[DEFAULT] = [b for b in newest if not rows[b].groups]
        names = {SPECIAL: "特别关注", DEFAULT: "默认分组", **self.groups[owner]}

        def item(b: int, mtime: int) -> Seen:
            groups = frozenset(rows[b].groups) if b in rows else frozenset()
            return Seen(b, mtime, self.attribute(owner, b), groups)

        followings = [item(b, rows[b].mtime) for b in newest]
        return View(
            followings=followings,
            followings_oldest=newest[::-1],
            followings_visited=visited,
            followers=[item(a, fans[a].mtime) for a in sorted(fans)],
            followers_oldest=sorted(fans),
            friends=[row for row in followings if row.attribute == 6],
            whispers=[
                item(b, whispers[b]) for b in sorted(whispers, key=lambda b: (-whispers[b], -b))
            ],
            blacks=[
                item(b, blocks[b].mtime) for b in sorted(blocks, key=lambda b: -blocks[b].sequence)
            ],
            counts=(len(rows), len(whispers), len(blocks), len(fans)),
            versions=(),
            attributes={b: self.attribute(owner, b) for b in PEOPLE if self.attribute(owner, b)},
            groups=[(gid, name, len(members[gid])) for gid, name in names.items()],
            members=members,
            found={
                part: [b for b in newest if part.lower() in self.name(b).lower()] for part in PARTS
            },
            common={
                other: [b for b in self.newest(other) if b in rows]
                for other in PEOPLE
                if other != owner
            },
        )


people = st.sampled_from(sorted(PEOPLE))
anybody = st.sampled_from([*sorted(PEOPLE), STRANGER])
group_names = st.sampled_from(
    ["朋友", " 朋友 ", "b", "特别关注", "默认分组", " ", "x" * 17, "a\x07b", "c\n", ""]
)
#: A group: special, default, the owner's first or second, or one that the owner does not have.
group_picks = st.sampled_from([SPECIAL, DEFAULT, "first", "second", "unknown"])
some_groups = st.lists(group_picks, min_size=1, max_size=3, unique=True)
own_groups = st.lists(
    st.sampled_from([SPECIAL, DEFAULT, "first", "second"]), min_size=1, max_size=3, unique=True
)
regroup_modes = st.sampled_from(["set", "copy", "move"])
#: An index into whatever exists, taken modulo its length.
picks = st.integers(0, 99)
rarely = st.sampled_from([False, False, False, True])


class RelationMachine(RuleBasedStateMachine):
    """Random acts on a driver. A subclass sets ``make``, which creates the driver."""

    make: ClassVar[Callable[[], Driver]]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.driver = type(self).make()
        self.last: dict[int, View] = {}
        self.involved: set[int] = set(PEOPLE)
        self.steps = 0

    @initialize(
        follows=st.lists(st.tuples(people, people), min_size=6, max_size=14),
        whispers=st.lists(st.tuples(people, people), min_size=2, max_size=5),
        grouping=st.lists(people, min_size=1, max_size=3, unique=True),
    )
    def begin(
        self,
        follows: list[tuple[int, int]],
        whispers: list[tuple[int, int]],
        grouping: list[int],
    ) -> None:
        """Start with some relations, so that most acts have an effect."""
        self.driver.start(PEOPLE, START)
        for owner, other in follows:
            self.modify(owner, other, FOLLOW)
        for owner, other in whispers:
            self.import_whisper(owner, other, 0)
        for owner in grouping:
            self.create_group(owner, "朋友")
            followed = self.model.followed_by(owner)
            if followed:
                self.regroup(owner, "set", followed, ["first", SPECIAL], [])
        self.involved = set(PEOPLE)

    def teardown(self) -> None:
        try:
            self.compare_views(PEOPLE)
            assert self.driver.faults() == []
        finally:
            self.driver.close()

    def refusal(self, owner: int, *, allowed: bool = False, reads: bool = False) -> int:
        """Return the code that refuses an act because of the owner's state, or 0.

        ``allowed``: a ban does not refuse it. ``reads``: nor does an unguarded store otherwise.
        """
        state = self.model.states[owner]
        if state == DEREGISTERED:
            return -101 if self.driver.guarded or not reads else 0
        return -102 if state == BANNED and not allowed else 0

    def group_ids(self, owner: int, picked: Iterable[int | str]) -> list[int]:
        """Return the ids of the picked groups; ``NO_GROUP`` for one that does not exist."""
        own = list(self.model.groups[owner])
        ids = {"first": own[:1], "second": own[1:2], "unknown": []}
        groups = [
            pick if isinstance(pick, int) else (ids[pick] or [NO_GROUP])[0] for pick in picked
        ]
        return list(dict.fromkeys(groups))

    # --- acts ---

    @rule(seconds=st.sampled_from([0, 1, 1, 2, 60, -30]))
    def pass_time(self, seconds: int) -> None:
        self.model.now += seconds
        self.driver.set_time(self.model.now)

    @rule(owner=people, other=anybody, act=st.sampled_from([1, 1, 1, 1, 2, 3, 4, 5, 6, 6, 7]))
    def modify(self, owner: int, other: int, act: int) -> None:
        self.involved = {owner, other}
        expected = self.refusal(owner, allowed=act == WHISPER)  # -400 comes before -102
        expected = expected or self.model.modify(owner, other, act)
        assert self.driver.modify(owner, other, act) == expected

    @rule(pick=picks, act=st.sampled_from([1, 1, 2, 2, 4, 5, 5, 6, 7]), by_target=st.booleans())
    def modify_an_existing_relation(self, pick: int, act: int, by_target: bool) -> None:
        model = self.model
        pairs = sorted({*model.follows, *model.whispers, *model.blocks})
        if pairs:
            owner, other = pairs[pick % len(pairs)]
            self.modify(*((other, owner) if by_target else (owner, other)), act)

    @rule(owner=people, other=people, ago=st.integers(0, 100))
    def import_whisper(self, owner: int, other: int, ago: int) -> None:
        self.involved = {owner, other}
        time = min(START, self.model.now) - ago  # the future is refused
        expected = self.model.import_whisper(owner, other, time)
        assert self.driver.import_whisper(owner, other, time) == expected

    @rule(owner=people, name=group_names)
    def create_group(self, owner: int, name: str) -> None:
        self.involved = {owner}
        expected, stored_name = self.model.create_group(owner, name)
        expected = self.refusal(owner) or expected
        code, group = self.driver.create_group(owner, name)
        assert code == expected
        if code == 0:
            assert group > 0
            assert group not in self.model.groups[owner]
            self.model.groups[owner][group] = stored_name

    @rule(owner=people, pick=group_picks, name=group_names)
    def rename_group(self, owner: int, pick: int | str, name: str) -> None:
        self.involved = {owner}
        (group,) = self.group_ids(owner, [pick])
        expected = self.refusal(owner)
        expected = expected or self.model.rename_group(owner, group, name)
        assert self.driver.rename_group(owner, group, name) == expected

    @rule(owner=people, pick=group_picks)
    def delete_group(self, owner: int, pick: int | str) -> None:
        self.involved = {owner}
        (group,) = self.group_ids(owner, [pick])
        expected = self.refusal(owner)
        expected = expected or self.model.delete_group(owner, group)
        assert self.driver.delete_group(owner, group) == expected

    @rule(pick=picks)
    def delete_an_existing_group(self, pick: int) -> None:
        owned = [(owner, group) for owner, groups in self.model.groups.items() for group in groups]
        if owned:
            owner, group = owned[pick % len(owned)]
            self.involved = {owner}
            expected = self.refusal(owner)
            expected = expected or self.model.delete_group(owner, group)
            assert self.driver.delete_group(owner, group) == expected

    @rule(
        owner=people,
        mode=regroup_modes,
        others=st.lists(people, min_size=1, max_size=3, unique=True),
        into=some_groups,
        out_of=some_groups,
    )
    def regroup(
        self,
        owner: int,
        mode: str,
        others: list[int],
        into: list[int | str],
        out_of: list[int | str],
    ) -> None:
        self.involved = {owner}
        groups = self.group_ids(owner, into)
        before = self.group_ids(owner, out_of) if mode == "move" else []
        expected = self.refusal(owner)
        expected = expected or self.model.regroup(owner, mode, others, groups, before)
        assert self.driver.regroup(owner, mode, others, groups, before) == expected

    @rule(pick=picks, mode=regroup_modes, alone=st.booleans(), into=own_groups, out_of=own_groups)
    def regroup_followings(
        self, pick: int, mode: str, alone: bool, into: list[int | str], out_of: list[int | str]
    ) -> None:
        """Regroup one following, or all of its owner, with groups that mostly exist."""
        if self.model.follows:
            edges = sorted(self.model.follows)
            owner, member = edges[pick % len(edges)]
            self.create_missing_groups(owner)
            members = [member] if alone else self.model.followed_by(owner)
            self.regroup(owner, mode, members, into, out_of)

    def create_missing_groups(self, owner: int) -> None:
        for name in ("朋友", "b")[len(self.model.groups[owner]) :]:
            self.create_group(owner, name)

    @rule(mid=people, followings=st.booleans(), followers=st.booleans(), refuse=rarely)
    def set_privacy(self, mid: int, followings: bool, followers: bool, refuse: bool) -> None:
        self.involved = {mid}
        self.driver.set_privacy(
            mid, hide_followings=followings, hide_followers=followers, refuse_follows=refuse
        )
        (self.model.refusing.add if refuse else self.model.refusing.discard)(mid)

    @rule(mid=people, state=st.sampled_from([NORMAL, NORMAL, NORMAL, BANNED, BANNED, DEREGISTERED]))
    def set_state(self, mid: int, state: str) -> None:
        self.involved = {mid}
        # A restored account would get a new card, and no rule says which.
        if self.model.states[mid] not in (state, DEREGISTERED):
            self.driver.set_state(mid, state)
            self.model.states[mid] = state

    @rule(pick=picks, times=st.integers(1, 3))
    def visit_a_following(self, pick: int, times: int) -> None:
        if self.model.follows:
            edges = sorted(self.model.follows)
            self.visit(*edges[pick % len(edges)], times)

    @rule(owner=people, other=people, times=st.integers(1, 3))
    def visit(self, owner: int, other: int, times: int) -> None:
        self.involved = {owner}
        if self.refusal(owner, reads=True):
            return
        for _ in range(times):
            self.driver.visit(owner, other)
            self.model.visit(owner, other)

    # --- checks ---

    @invariant()
    def views_match_the_model(self) -> None:
        self.steps += 1
        everybody = self.driver.thorough and self.steps % 4 == 0
        self.compare_views(PEOPLE if everybody else self.involved & PEOPLE.keys())

    def compare_views(self, mids: Iterable[int]) -> None:
        for mid in mids:
            if self.refusal(mid, allowed=True, reads=True):
                continue
            view = self.driver.look(mid)
            self.compare(view, self.model.view(mid))
            self.check_versions(self.last.get(mid), view)
            self.last[mid] = view

    @staticmethod
    def compare(view: View, expected: View) -> None:
        for name in View.__dataclass_fields__:
            if name not in ("versions", "followers", "followers_oldest"):
                assert getattr(view, name) == getattr(expected, name), name
        # Followers' edges have several owners: ordered by time, in any order within a second.
        times = [follower.mtime for follower in view.followers]
        assert times == sorted(times, reverse=True)
        assert sorted(view.followers, key=lambda follower: follower.mid) == expected.followers
        assert view.followers_oldest == [follower.mid for follower in view.followers][::-1]

    @staticmethod
    def check_versions(before: View | None, after: View) -> None:
        """Check that a version changed if and only if its lists did, as its readers see them.

        The owner's version of followers may change with groups of accounts that do not follow back,
        and so may that of a following that was made anew within one second.
        """
        if before is None:
            return
        for index, (names, shown) in enumerate(VERSIONS[: len(after.versions)]):
            lists_before, lists_after = [
                [[*map(shown, getattr(view, name))] for name in names] for view in (before, after)
            ]
            if lists_before != lists_after:
                assert before.versions[index] != after.versions[index], names


def as_owner(item: Seen) -> tuple[object, ...]:
    return *as_others(item), item.groups


def as_others(item: Seen) -> tuple[object, ...]:
    return item.mid, item.mtime, item.attribute == 6


#: By version: the lists that it belongs to, and what its readers see of an item.
VERSIONS = (
    (("followings",), as_owner),
    (("followers",), as_owner),
    (("followings",), as_others),
    (("followers",), as_others),
    (("whispers", "blacks"), as_others),
)
