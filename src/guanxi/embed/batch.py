"""Many changes in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from guanxi.contract.errors import ArgsException, ResponseCodeException
from guanxi.embed.arguments import (
    checked_flag,
    checked_group,
    checked_groups,
    checked_mid,
    checked_mids,
    checked_text,
)
from guanxi.embed.refusals import refusal
from guanxi.graph.groups import (
    CreateGroup,
    DeleteGroup,
    GroupAct,
    Regroup,
    RegroupMode,
    RenameGroup,
)
from guanxi.graph.pair import REQUESTED, SPECIAL, Act, Modify
from guanxi.stores.group_ids import new_group_id
from guanxi.text import Text


class Result(Struct, frozen=True):
    """The result of one change of a batch."""

    #: None if it was done, or there was nothing to do.
    error: ResponseCodeException | None = None
    #: Whether a follow became a request, as the target approves its followers.
    requested: bool = False


def _result(code: int, actor: int, target: object) -> Result:
    if code == REQUESTED:
        return Result(requested=True)
    return Result(refusal(code, actor, target) if code else None)


class Batch:
    """Changes that are collected in a ``with`` block and made at its end, in order.

    Up to 256 changes are one transaction; more are several, one after another. A change that the
    rules refuse changes nothing, and the others are made all the same: ``results`` has the result
    of each, in order, after the block. If the block raises, no change is made.

    The verbs' arguments are those of ``Graph``: ``actor``, ``owner``, ``target``, ``targets`` are
    mids, ``group`` and ``groups`` ids of groups, ``name`` is a group's name, ``special`` is False
    to remove the mark. Each verb raises ``ArgsException`` for an invalid argument, or if the batch
    has been made.
    """

    def __init__(self) -> None:
        self._acts: list[Modify | GroupAct] = []
        self._targets: list[object] = []
        self._new_groups: set[int] = set()
        self._results: list[Result] | None = None

    @property
    def results(self) -> Sequence[Result]:
        """Return the result of each change. Raise ``ArgsException`` before the block has ended."""
        if self._results is None:
            zh, en = "批次尚未执行", "results: the batch is made at the end of its block"
            raise ArgsException(Text(zh, en))
        return self._results

    def follow(self, actor: int, target: int) -> None:
        """Let ``actor`` follow ``target``."""
        self._modify(actor, target, Act.FOLLOW)

    def approve(self, actor: int, requester: int) -> None:
        """Let ``requester``, who requests to follow ``actor``, follow it."""
        self._modify(actor, requester, Act.APPROVE)

    def decline(self, actor: int, requester: int) -> None:
        """End the request of ``requester`` to follow ``actor``."""
        self._modify(actor, requester, Act.DECLINE)

    def unfollow(self, actor: int, target: int) -> None:
        """Let ``actor`` follow ``target`` no more."""
        self._modify(actor, target, Act.UNFOLLOW)

    def block(self, actor: int, target: int) -> None:
        """Let ``actor`` block ``target``, which ends the followings of both."""
        self._modify(actor, target, Act.BLOCK)

    def unblock(self, actor: int, target: int) -> None:
        """Let ``actor`` block ``target`` no more."""
        self._modify(actor, target, Act.UNBLOCK)

    def remove_follower(self, actor: int, target: int) -> None:
        """End the following of ``target``, a follower of ``actor``."""
        self._modify(actor, target, Act.REMOVE_FOLLOWER)

    def set_special(self, owner: int, targets: Iterable[int], *, special: bool = True) -> None:
        """Mark followings as special, or not."""
        self._regroup(special_act(owner, targets, special=special))

    def set_groups(self, owner: int, targets: Iterable[int], groups: Iterable[int]) -> None:
        """Let followings be in exactly ``groups``."""
        self._regroup(regroup(owner, RegroupMode.SET, targets, groups))

    def add_to_group(self, owner: int, group: int, targets: Iterable[int]) -> None:
        """Add followings to a group."""
        self._regroup(regroup(owner, RegroupMode.COPY, targets, [group]))

    def remove_from_group(self, owner: int, group: int, targets: Iterable[int]) -> None:
        """Remove followings from a group."""
        self._regroup(regroup(owner, RegroupMode.MOVE, targets, [], [group]))

    def create_group(self, owner: int, name: str) -> int:
        """Create a group; return the id that it gets, which later changes of the batch may use.

        If the rules refuse the group, its result says why, and those changes get ``NoSuchGroup``.
        The id is one of two thousand million at random: should the owner have it already, the batch
        raises ``StoreUnavailable``, and may be made again.
        """
        act = CreateGroup(
            checked_mid("owner", owner), checked_text("name", name), new_group_id(self._new_groups)
        )
        self._add(act, name)
        self._new_groups.add(act.group)
        return act.group

    def rename_group(self, owner: int, group: int, name: str) -> None:
        """Give a group another name."""
        self._add(rename(owner, group, name), group)

    def delete_group(self, owner: int, group: int) -> None:
        """Delete a group; its members stay followed."""
        self._add(delete(owner, group), group)

    @property
    def acts(self) -> Sequence[Modify | GroupAct]:
        """Return what is to be done."""
        return self._acts

    def settle(self, codes: Sequence[int]) -> None:
        """Set ``results`` from ``codes``, the store's, one for each change in their order.

        ``Graph.make`` calls this. Raise ValueError if there are not as many.
        """
        self._results = [
            _result(code, act.owner, target)
            for code, act, target in zip(codes, self._acts, self._targets, strict=True)
        ]

    def _modify(self, actor: int, target: int, act: Act) -> None:
        self._add(modify(actor, target, act), target)

    def _regroup(self, act: Regroup) -> None:
        self._add(act, list(act.members))

    def _add(self, act: Modify | GroupAct, target: object) -> None:
        if self._results is not None:
            zh, en = "批次已执行，请另开一批", "the batch has been made: begin another one"
            raise ArgsException(Text(zh, en))
        self._acts.append(act)
        self._targets.append(target)


def modify(actor: int, target: int, act: Act) -> Modify:
    """Return an act; raise ``ArgsException`` for an invalid argument, as the functions below do."""
    return Modify(checked_mid("actor", actor), checked_mid("target", target), act)


def rename(owner: int, group: int, name: str) -> RenameGroup:
    """Return the act that gives a group another name."""
    return RenameGroup(
        checked_mid("owner", owner), checked_group("group", group), checked_text("name", name)
    )


def delete(owner: int, group: int) -> DeleteGroup:
    """Return the act that deletes a group."""
    return DeleteGroup(checked_mid("owner", owner), checked_group("group", group))


def regroup(
    owner: int,
    mode: RegroupMode,
    targets: Iterable[int],
    groups: Iterable[int],
    before: Iterable[int] = (),
) -> Regroup:
    """Return an act on the groups of followings."""
    return Regroup(
        checked_mid("owner", owner),
        mode,
        tuple(checked_mids("targets", targets)),
        tuple(checked_groups("groups", groups)),
        tuple(checked_groups("group", before)),
    )


def special_act(owner: int, targets: Iterable[int], *, special: bool) -> Regroup:
    """Return the act that marks followings as special, or not."""
    if checked_flag("special", special):
        return regroup(owner, RegroupMode.COPY, targets, [SPECIAL])
    return regroup(owner, RegroupMode.MOVE, targets, [], [SPECIAL])
