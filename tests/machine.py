"""A machine of random acts on five accounts, and a plain model of what must come of them.

The model is written from DESIGN.md, section 3, in dicts and in words of its own: it calls no rule
of guanxi's, so that a rule cannot vouch for itself. What is driven is a ``Driver``: the rules
alone, a store, or a service over HTTP. After each step every account is looked at through its own
eyes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

#: The accounts, by name: names that meet in letters of any case and in none.
PEOPLE = {1: "Warma", 2: "warmth", 3: "ÉCLAIR", 4: "用户", 5: "éclipse 用户"}
STRANGER = 99
PARTS = ("", "WAR", "é", "户", "zz")

#: What a driver is to allow, small enough to be met.
FOLLOWING_CAP, MOST_GROUPS = 3, 2
START = 1_700_000_000

FOLLOW, UNFOLLOW, WHISPER, CANCEL, BLOCK, UNBLOCK, REMOVE = range(1, 8)
NORMAL, BANNED, DEREGISTERED = "normal", "banned", "deregistered"
SPECIAL, DEFAULT, NO_GROUP = -10, 0, 7_777_777


@dataclass(frozen=True)
class Seen:
    """An account in a list: when its edge was made, what it is to the owner, in which groups."""

    mid: int
    mtime: int
    attribute: int
    groups: frozenset[int] = frozenset()


@dataclass(frozen=True)
class View:
    """All that an account sees of itself."""

    followings: list[Seen]
    followings_oldest: list[int]
    followings_visited: list[int]
    followers: list[Seen]
    followers_oldest: list[int]
    friends: list[Seen]
    whispers: list[Seen]
    blacks: list[Seen]
    #: following, whisper, black, follower.
    counts: tuple[int, int, int, int]
    #: Changes when the lists of followings, and of followers, do.
    versions: tuple[int, int]
    attributes: Mapping[int, int]
    #: id, name, count; in order.
    groups: list[tuple[int, str, int]]
    members: Mapping[int, list[int]]
    #: By part of a name, and by another account.
    found: Mapping[str, list[int]]
    common: Mapping[int, list[int]]


class Driver(Protocol):
    """What the machine moves. Each method returns once what it did is done."""

    #: Whether it turns away those who are deregistered (-101), and tells them nothing: a service
    #: does, a store leaves that to the service.
    guarded: bool
    #: Whether every account can be looked at after every step, or only those that it concerned.
    thorough: bool

    def start(self, names: Mapping[int, str], now: int) -> None:
        """Make the accounts; the time is ``now``, in seconds, until it is set again."""

    def set_time(self, now: int) -> None: ...

    def modify(self, owner: int, target: int, act: int) -> int:
        """The code."""

    def create_group(self, owner: int, name: str) -> tuple[int, int]:
        """The code and, with code 0, the new group's id."""

    def rename_group(self, owner: int, group: int, name: str) -> int: ...

    def delete_group(self, owner: int, group: int) -> int: ...

    def regroup(
        self, owner: int, mode: str, members: list[int], groups: list[int], before: list[int]
    ) -> int:
        """``how`` is set, copy or move; the code."""

    def import_whisper(self, owner: int, target: int, time: int) -> bool:
        """Whether it was taken."""

    def set_privacy(
        self, mid: int, *, hide_followings: bool, hide_followers: bool, refuse_follows: bool
    ) -> None: ...

    def set_state(self, mid: int, state: str) -> None: ...

    def visit(self, owner: int, target: int) -> None:
        """A visit, counted before the next look."""

    def look(self, owner: int) -> View: ...

    def faults(self) -> list[str]:
        """What ``guanxi check`` finds."""

    def close(self) -> None: ...


@dataclass
class Follow:
    """``turn`` counts the edges as they were made or made anew, so that it orders an owner's."""

    turn: int
    mtime: int
    groups: set[int] = field(default_factory=set)
    visits: int = 0


@dataclass
class Model:
    """What must be so."""

    now: int = START
    turn: int = 0
    follows: dict[tuple[int, int], Follow] = field(default_factory=dict)
    whispers: dict[tuple[int, int], int] = field(default_factory=dict)
    blocks: dict[tuple[int, int], Follow] = field(default_factory=dict)
    groups: dict[int, dict[int, str]] = field(default_factory=lambda: {mid: {} for mid in PEOPLE})
    states: dict[int, str] = field(default_factory=lambda: dict.fromkeys(PEOPLE, NORMAL))
    refusing: set[int] = field(default_factory=set)

    def followed_by(self, owner: int) -> list[int]:
        return [target for who, target in self.follows if who == owner]

    def name(self, mid: int) -> str:
        return "账号已注销" if self.states[mid] == DEREGISTERED else PEOPLE[mid]

    def _made_now(self, rows: Mapping[tuple[int, int], Follow], owner: int) -> Follow:
        """A new row of an owner: it comes first, also when the clock went back."""
        self.turn += 1
        newest = max((row.mtime for (who, _), row in rows.items() if who == owner), default=0)
        return Follow(self.turn, max(self.now, newest))

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
        self.follows[a, b] = self._made_now(self.follows, a)
        back = self.follows.get((b, a))
        if back is not None:
            fresh = self._made_now(self.follows, b)
            back.turn, back.mtime = fresh.turn, fresh.mtime
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
        self.blocks[a, b] = self._made_now(self.blocks, a)
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

    def named(self, owner: int, group: int | None, name: str) -> tuple[int, str]:
        """The code of giving a group this name, and the name it then has."""
        if any(ord(char) < 32 for char in name):
            return -400, name
        name = name.strip()
        if not 1 <= len(name) <= 16:
            return 22103, name
        others = {other for gid, other in self.groups[owner].items() if gid != group}
        return (22106 if name in others | {"特别关注", "默认分组"} else 0), name

    def create_group(self, owner: int, name: str) -> tuple[int, str]:
        code, name = self.named(owner, None, name)
        full = len(self.groups[owner]) >= MOST_GROUPS
        return (-400 if full and code == 0 else code), name

    def rename_group(self, owner: int, group: int, name: str) -> int:
        if group in (SPECIAL, DEFAULT):
            return -400
        if group not in self.groups[owner]:
            return 22104
        code, name = self.named(owner, group, name)
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
        """What the owner must see; ``versions`` aside, and followers in an order of mids."""
        rows = {b: row for (a, b), row in self.follows.items() if a == owner}
        newest = sorted(rows, key=lambda b: -rows[b].turn)
        visited = sorted(rows, key=lambda b: (-rows[b].visits, -rows[b].turn))
        fans = {a: row for (a, b), row in self.follows.items() if b == owner}
        whispers = {b: time for (a, b), time in self.whispers.items() if a == owner}
        blocks = {b: row for (a, b), row in self.blocks.items() if a == owner}
        members = {
            gid: [b for b in newest if gid in rows[b].groups]
            for gid in (SPECIAL, *self.groups[owner])
        }
        members[DEFAULT] = [b for b in newest if not rows[b].groups]
        names = {SPECIAL: "特别关注", DEFAULT: "默认分组", **self.groups[owner]}

        def seen(b: int, mtime: int) -> Seen:
            groups = frozenset(rows[b].groups) if b in rows else frozenset()
            return Seen(b, mtime, self.attribute(owner, b), groups)

        followings = [seen(b, rows[b].mtime) for b in newest]
        return View(
            followings=followings,
            followings_oldest=newest[::-1],
            followings_visited=visited,
            followers=[seen(a, fans[a].mtime) for a in sorted(fans)],
            followers_oldest=sorted(fans),
            friends=[each for each in followings if each.attribute == 6],
            whispers=[
                seen(b, whispers[b]) for b in sorted(whispers, key=lambda b: (-whispers[b], -b))
            ],
            blacks=[
                seen(b, blocks[b].mtime) for b in sorted(blocks, key=lambda b: -blocks[b].turn)
            ],
            counts=(len(rows), len(whispers), len(blocks), len(fans)),
            versions=(0, 0),
            attributes={b: self.attribute(owner, b) for b in PEOPLE if self.attribute(owner, b)},
            groups=[(gid, name, len(members[gid])) for gid, name in names.items()],
            members=members,
            found={
                part: [b for b in newest if part.lower() in self.name(b).lower()] for part in PARTS
            },
            common={
                other: [b for b in newest if (other, b) in self.follows]
                for other in PEOPLE
                if other != owner
            },
        )


people = st.sampled_from(sorted(PEOPLE))
anybody = st.sampled_from([*sorted(PEOPLE), STRANGER])
group_names = st.sampled_from(
    ["朋友", " 朋友 ", "b", "特别关注", "默认分组", " ", "x" * 17, "a\x07b", "c\n", ""]
)
#: A group by its place among the owner's; beyond them, one that is not there.
group_picks = st.sampled_from([SPECIAL, DEFAULT, "first", "second", "another's"])
some_groups = st.lists(group_picks, min_size=1, max_size=3, unique=True)
own_groups = st.lists(
    st.sampled_from([SPECIAL, DEFAULT, "first", "second"]), min_size=1, max_size=3, unique=True
)
hows = st.sampled_from(["set", "copy", "move"])
#: Chooses among what is there, whatever its number.
picks = st.integers(0, 99)
rarely = st.sampled_from([False, False, False, True])


class RelationMachine(RuleBasedStateMachine):
    """Random acts; ``make`` makes what they are done to. Subclass it with one."""

    make: ClassVar[Callable[[], Driver]]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.driver = type(self).make()
        self.last: dict[int, View] = {}
        self.concerned: set[int] = set(PEOPLE)

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
        """A graph to start from, so that acts meet something."""
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
        self.concerned = set(PEOPLE)

    def teardown(self) -> None:
        try:
            self.look_at(PEOPLE)
            assert self.driver.faults() == []
        finally:
            self.driver.close()

    def refusal(self, owner: int, *, changes_edges: bool) -> int:
        """What one who may not act is answered; 0 for one who may."""
        state = self.model.states[owner]
        if state == DEREGISTERED:
            return -101 if self.driver.guarded else 0
        return -102 if state == BANNED and changes_edges else 0

    def picked(self, owner: int, chosen: Iterable[int | str]) -> list[int]:
        """Ids of groups; of those that are not there, one that nobody has."""
        own = list(self.model.groups[owner])
        ids = {"first": own[:1], "second": own[1:2], "another's": []}
        found = [each if isinstance(each, int) else (ids[each] or [NO_GROUP])[0] for each in chosen]
        return list(dict.fromkeys(found))

    # --- what happens ---

    @rule(seconds=st.sampled_from([0, 1, 1, 2, 60, -30]))
    def pass_time(self, seconds: int) -> None:
        self.model.now += seconds
        self.driver.set_time(self.model.now)

    @rule(owner=people, other=anybody, act=st.sampled_from([1, 1, 1, 1, 2, 3, 4, 5, 6, 6, 7]))
    def modify(self, owner: int, other: int, act: int) -> None:
        self.concerned = {owner, other}
        expected = self.refusal(owner, changes_edges=act != WHISPER)  # -400 comes before -102
        expected = expected or self.model.modify(owner, other, act)
        assert self.driver.modify(owner, other, act) == expected

    @rule(pick=picks, act=st.sampled_from([1, 1, 2, 2, 4, 5, 5, 6, 7]), turned=st.booleans())
    def modify_where_something_stands(self, pick: int, act: int, turned: bool) -> None:
        """By the one who holds it, or by the other."""
        model = self.model
        standing = sorted({*model.follows, *model.whispers, *model.blocks})
        if standing:
            owner, other = standing[pick % len(standing)]
            self.modify(*((other, owner) if turned else (owner, other)), act)

    @rule(owner=people, other=people, ago=st.integers(0, 100))
    def import_whisper(self, owner: int, other: int, ago: int) -> None:
        self.concerned = {owner, other}
        time = min(START, self.model.now) - ago  # the future is refused
        expected = self.model.import_whisper(owner, other, time)
        assert self.driver.import_whisper(owner, other, time) == expected

    @rule(owner=people, name=group_names)
    def create_group(self, owner: int, name: str) -> None:
        self.concerned = {owner}
        expected, name_then = self.model.create_group(owner, name)
        expected = self.refusal(owner, changes_edges=False) or expected
        code, group = self.driver.create_group(owner, name)
        assert code == expected
        if code == 0:
            assert group > 0
            assert group not in self.model.groups[owner]
            self.model.groups[owner][group] = name_then

    @rule(owner=people, pick=group_picks, name=group_names)
    def rename_group(self, owner: int, pick: int | str, name: str) -> None:
        self.concerned = {owner}
        (group,) = self.picked(owner, [pick])
        expected = self.refusal(owner, changes_edges=False)
        expected = expected or self.model.rename_group(owner, group, name)
        assert self.driver.rename_group(owner, group, name) == expected

    @rule(owner=people, pick=group_picks)
    def delete_group(self, owner: int, pick: int | str) -> None:
        self.concerned = {owner}
        (group,) = self.picked(owner, [pick])
        expected = self.refusal(owner, changes_edges=False)
        expected = expected or self.model.delete_group(owner, group)
        assert self.driver.delete_group(owner, group) == expected

    @rule(pick=picks)
    def delete_a_group_that_is_there(self, pick: int) -> None:
        held = [(owner, group) for owner, groups in self.model.groups.items() for group in groups]
        if held:
            owner, group = held[pick % len(held)]
            self.concerned = {owner}
            expected = self.refusal(owner, changes_edges=False)
            expected = expected or self.model.delete_group(owner, group)
            assert self.driver.delete_group(owner, group) == expected

    @rule(
        owner=people,
        mode=hows,
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
        self.concerned = {owner}
        groups = self.picked(owner, into)
        before = self.picked(owner, out_of) if mode == "move" else []
        expected = self.refusal(owner, changes_edges=False)
        expected = expected or self.model.regroup(owner, mode, others, groups, before)
        assert self.driver.regroup(owner, mode, others, groups, before) == expected

    @rule(pick=picks, mode=hows, alone=st.booleans(), into=own_groups, out_of=own_groups)
    def regroup_those_followed(
        self, pick: int, mode: str, alone: bool, into: list[int | str], out_of: list[int | str]
    ) -> None:
        """Into and out of groups that are there, as far as they are."""
        if self.model.follows:
            edges = sorted(self.model.follows)
            owner, member = edges[pick % len(edges)]
            self.make_sure_of_groups(owner)
            members = [member] if alone else self.model.followed_by(owner)
            self.regroup(owner, mode, members, into, out_of)

    def make_sure_of_groups(self, owner: int) -> None:
        for name in ("朋友", "b")[len(self.model.groups[owner]) :]:
            self.create_group(owner, name)

    @rule(mid=people, followings=st.booleans(), followers=st.booleans(), refuse=rarely)
    def set_privacy(self, mid: int, followings: bool, followers: bool, refuse: bool) -> None:
        self.concerned = {mid}
        self.driver.set_privacy(
            mid, hide_followings=followings, hide_followers=followers, refuse_follows=refuse
        )
        (self.model.refusing.add if refuse else self.model.refusing.discard)(mid)

    @rule(mid=people, state=st.sampled_from([NORMAL, NORMAL, NORMAL, BANNED, BANNED, DEREGISTERED]))
    def set_state(self, mid: int, state: str) -> None:
        self.concerned = {mid}
        # One who came back would bring a card of their own: no rule says which.
        if self.model.states[mid] not in (state, DEREGISTERED):
            self.driver.set_state(mid, state)
            self.model.states[mid] = state

    @rule(pick=picks, times=st.integers(1, 3))
    def visit_one_followed(self, pick: int, times: int) -> None:
        if self.model.follows:
            edges = sorted(self.model.follows)
            self.visit(*edges[pick % len(edges)], times)

    @rule(owner=people, other=people, times=st.integers(1, 3))
    def visit(self, owner: int, other: int, times: int) -> None:
        self.concerned = {owner}
        if self.refusal(owner, changes_edges=False):
            return
        for _ in range(times):
            self.driver.visit(owner, other)
            self.model.visit(owner, other)

    # --- what must be so ---

    @invariant()
    def views_agree(self) -> None:
        self.look_at(PEOPLE if self.driver.thorough else self.concerned & PEOPLE.keys())

    def look_at(self, mids: Iterable[int]) -> None:
        for mid in mids:
            if self.refusal(mid, changes_edges=False):
                continue
            view = self.driver.look(mid)
            self.compare(view, self.model.view(mid))
            self.versions_moved(self.last.get(mid), view)
            self.last[mid] = view

    @staticmethod
    def compare(view: View, expected: View) -> None:
        for name in View.__dataclass_fields__:
            if name not in ("versions", "followers", "followers_oldest"):
                assert getattr(view, name) == getattr(expected, name), name
        # Edges of several owners: by time, and either way round within a second.
        times = [each.mtime for each in view.followers]
        assert times == sorted(times, reverse=True)
        assert sorted(view.followers, key=lambda each: each.mid) == expected.followers
        assert view.followers_oldest == [each.mid for each in view.followers][::-1]

    @staticmethod
    def versions_moved(before: View | None, after: View) -> None:
        """A version changes when its list does. Attributes are the viewer's, not the list's."""
        if before is None:
            return
        for names, at in ((OWN_LISTS, 0), (("followers",), 1)):
            if any(told(getattr(before, name)) != told(getattr(after, name)) for name in names):
                assert before.versions[at] != after.versions[at]


OWN_LISTS = ("followings", "followings_visited", "whispers", "blacks", "groups", "members")


def told(rows: object) -> object:
    """A list without what its viewer adds."""
    if not isinstance(rows, list):
        return rows
    return [replace(row, attribute=0) if isinstance(row, Seen) else row for row in rows]
