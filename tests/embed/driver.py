"""The part of a state machine's driver that acts and reads through a graph."""

from __future__ import annotations

from typing import Any, Literal

from guanxi.contract.errors import ResponseCodeException
from guanxi.contract.limits import Limits
from guanxi.embed import Item, Page
from guanxi.graph.pair import REQUESTED, SPECIAL, Act
from tests.machine import FOLLOWING_CAP, MOST_GROUPS, View

LIMITS = Limits(following_cap=FOLLOWING_CAP, groups=MOST_GROUPS)

#: A driver below that has what a graph lacks; a class that inherits from both names it.
_Base: Any = object

_VERBS = {
    Act.FOLLOW: "follow",
    Act.UNFOLLOW: "unfollow",
    Act.BLOCK: "block",
    Act.UNBLOCK: "unblock",
    Act.REMOVE_FOLLOWER: "remove_follower",
    Act.APPROVE: "approve",
    Act.DECLINE: "decline",
    Act.CANCEL_REQUEST: "cancel",
}


class ThroughGraph(_Base):  # type: ignore[misc]
    """Acts and reads through a graph, and what that lacks through the driver below it."""

    mids: list[int]

    def call(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        """Return the result of one of the graph's verbs."""
        raise NotImplementedError

    def iterated(self, verb: str, *args: Any, **kwargs: Any) -> list[Item]:
        """Return what the iterator over a list yields."""
        raise NotImplementedError

    def code(self, verb: str, *args: Any) -> int:
        """Return the code of an act, 0 if it raises nothing."""
        try:
            done = self.call(verb, *args)
        except ResponseCodeException as error:
            return error.code
        return REQUESTED if done == "requested" else 0

    def modify(self, owner: int, target: int, act: int) -> int:
        verb = _VERBS.get(Act(act))
        if verb is not None:
            return self.code(verb, owner, target)
        done: int = super().modify(owner, target, act)
        return done

    def create_group(self, owner: int, name: str) -> tuple[int, int]:
        try:
            return 0, self.call("create_group", owner, name)
        except ResponseCodeException as error:
            return error.code, 0

    def rename_group(self, owner: int, group: int, name: str) -> int:
        return self.code("rename_group", owner, group, name)

    def delete_group(self, owner: int, group: int) -> int:
        return self.code("delete_group", owner, group)

    def regroup(
        self, owner: int, mode: str, members: list[int], groups: list[int], before: list[int]
    ) -> int:
        if mode == "set":
            return self.code("set_groups", owner, members, groups)
        if mode == "copy" and groups == [SPECIAL]:
            return self.code("set_special", owner, members)
        if mode == "copy" and len(groups) == 1:
            return self.code("add_to_group", owner, groups[0], members)
        if mode == "move" and not groups and len(before) == 1:
            return self.code("remove_from_group", owner, before[0], members)
        done: int = super().regroup(owner, mode, members, groups, before)
        return done

    def requests_of(self, owner: int) -> tuple[list[int], list[int]]:
        received, sent = self.pages("requests", owner), self.pages("sent_requests", owner)
        return [item.mid for item in received], [item.mid for item in sent]

    def look(self, owner: int) -> View:
        """Return what the store shows, after the library was compared with it."""
        view: View = super().look(owner)
        for name, listed in (
            ("following", view.followings),
            ("followers", view.followers),
            ("friends", view.friends),
            ("blocked", view.blacks),
            ("whispers", view.whispers),
        ):
            items = self.pages(name, owner)
            assert self.iterated(name, owner) == items
            assert [(item.mid, item.time) for item in items] == [
                (seen.mid, seen.mtime) for seen in listed
            ]
            if name not in ("blocked", "whispers"):
                assert [item.mutual for item in items] == [seen.attribute == 6 for seen in listed]
        oldest = self.pages("following", owner, order="oldest")
        assert self.iterated("following", owner, order="oldest") == oldest
        assert [item.mid for item in oldest] == view.followings_oldest
        assert {
            item.mid: {*item.groups, *([SPECIAL] if item.special else [])} for item in oldest
        } == {seen.mid: set(seen.groups) for seen in view.followings}
        counts = self.call("counts", owner)
        assert (
            counts.following,
            counts.whispers,
            counts.blocked,
            counts.followers,
        ) == view.counts
        assert [(one.id, one.name, one.count) for one in self.call("groups", owner)] == [
            group for group in view.groups if group[0] > 0
        ]
        for group, members in view.members.items():
            found = self.pages("members", owner, group)
            assert self.iterated("members", owner, group) == found
            assert [item.mid for item in found] == members
        for part, mids in view.found.items():
            items = self.pages("search", owner, part)
            assert [item.mid for item in items] == mids
            assert self.iterated("search", owner, part) == items
        others = [mid for mid in self.mids if mid != owner]
        followers = {seen.mid for seen in view.followers}
        relations = self.call("relations", owner, others)
        for other in others:
            items = self.pages("common", owner, other)
            assert [item.mid for item in items] == view.common[other]
            assert self.iterated("common", owner, other) == items
            known = self.pages("known_followers", owner, other)
            assert self.iterated("known_followers", owner, other) == known
            relation = relations[other]
            assert relation == self.call("relation", owner, other)
            attribute = view.attributes.get(other, 0)
            assert relation.following == (attribute in (2, 6))
            assert relation.mutual == (attribute == 6)
            assert relation.blocked == (attribute == 128)
            assert relation.followed_by == (other in followers)
        return view

    def pages(
        self, verb: str, *args: Any, order: Literal["newest", "oldest"] | None = None
    ) -> list[Item]:
        """Return a whole list, by pages of two."""
        found: list[Item] = []
        cursor: str | None = None
        more = {} if order is None else {"order": order}
        while True:
            page: Page[Item] = self.call(verb, *args, limit=2, cursor=cursor, **more)
            found += page.items
            cursor = page.cursor
            if cursor is None:
                return found
