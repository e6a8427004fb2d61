"""The verbs of a graph that change relations, marks and groups."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime

from guanxi.contract.errors import FollowingLimitReached
from guanxi.embed.arguments import checked_end, checked_mid, checked_text
from guanxi.embed.batch import Batch, delete, modify, regroup, rename, special_act
from guanxi.embed.opened import Opened
from guanxi.embed.refusals import raise_for, refusal
from guanxi.embed.values import Followed
from guanxi.graph.groups import RegroupMode
from guanxi.graph.pair import Act
from guanxi.operations import marks
from guanxi.operations.groups import create


class Acts(Opened):
    """Follows, blocks, mutes and groups, one at a time or in batches."""

    async def follow(self, actor: int, target: int) -> Followed:
        """Let ``actor`` follow ``target``, also one to which it whispers; return what came of it.

        ``"requested"``: the target approves its followers, and may approve or decline this one;
        also if it was requested before. Otherwise ``"followed"``.

        Raise ``AlreadyFollowing``, ``CannotTargetSelf``, ``NoSuchUser``, ``AccountDeregistered``
        (the target), ``AccountBanned`` (the actor), ``FollowRefused`` (the target refuses, or
        blocks the actor), ``TargetInBlacklist`` (the actor blocks it) or ``FollowingLimitReached``.

        Cost: one transaction, shared with other acts that wait at the same time.
        """
        requested = await self._change(modify(actor, target, Act.FOLLOW), actor, target)
        return "requested" if requested else "followed"

    async def unfollow(self, actor: int, target: int) -> None:
        """Let ``actor`` follow ``target`` no more; nothing happens if it does not.

        Raise ``CannotTargetSelf`` or ``AccountBanned``. Cost: as ``follow``.
        """
        await self._modify(actor, target, Act.UNFOLLOW)

    async def block(self, actor: int, target: int) -> None:
        """Let ``actor`` block ``target``, which ends the followings of both.

        Raise ``AlreadyBlocked``, ``CannotTargetSelf``, ``NoSuchUser``, ``AccountDeregistered`` or
        ``AccountBanned``. Cost: as ``follow``.
        """
        await self._modify(actor, target, Act.BLOCK)

    async def unblock(self, actor: int, target: int) -> None:
        """Let ``actor`` block ``target`` no more; nothing happens if it does not.

        Raise ``CannotTargetSelf`` or ``AccountBanned``. Cost: as ``follow``.
        """
        await self._modify(actor, target, Act.UNBLOCK)

    async def remove_follower(self, actor: int, target: int) -> None:
        """End the following of ``target``, a follower of ``actor``.

        Nothing happens if it is none. Raise ``CannotTargetSelf`` or ``AccountBanned``. Cost: as
        ``follow``.
        """
        await self._modify(actor, target, Act.REMOVE_FOLLOWER)

    async def approve(self, actor: int, requester: int) -> None:
        """Let ``requester``, who requests to follow ``actor``, follow it.

        Nothing happens if it follows already. Raise ``NotFound`` if it does not request it,
        ``AccountDeregistered`` if it has left, ``FollowingLimitReached`` if it follows as many
        accounts as it may, ``AccountBanned`` (the actor). Cost: as ``follow``.
        """
        try:
            await self._modify(actor, requester, Act.APPROVE)
        except FollowingLimitReached as error:  # it is the requester that follows so many
            raise refusal(error.code, requester, actor) from None

    async def decline(self, actor: int, requester: int) -> None:
        """End the request of ``requester`` to follow ``actor``; nothing happens without one.

        It may request it again. Raise ``CannotTargetSelf`` or ``AccountBanned``. Cost: as
        ``follow``.
        """
        await self._modify(actor, requester, Act.DECLINE)

    async def cancel(self, actor: int, target: int) -> None:
        """Take back the request of ``actor`` to follow ``target``; nothing happens without one.

        Raise ``CannotTargetSelf`` or ``AccountBanned``. Cost: as ``follow``.
        """
        await self._modify(actor, target, Act.CANCEL_REQUEST)

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[Batch]:
        """Collect changes in an ``async with`` block, made at its end; yield the ``Batch``.

        The results are those of ``Batch.results``. If the block raises, no change is made.

        Cost: one transaction for each 256 changes.
        """
        batch = Batch()
        yield batch
        await self.make(batch)

    async def make(self, batch: Batch) -> None:
        """Make the changes of ``batch``, whose ``results`` are there afterwards.

        A change that the rules refuse raises nothing: its result says why. Raise ``ArgsException``
        for a batch that has been made, ``StoreError`` if the store fails.

        Cost: one transaction for each 256 changes.
        """
        batch.settle(await self.store.change(batch.acts, self._caps) if batch.acts else [])

    async def mute(self, actor: int, target: int, until: datetime | None = None) -> None:
        """Mute ``target`` for ``actor``, until a time (with a zone) or for good.

        A mute is a mark that only its owner sees: ``muted`` lists it, and ``suggest`` leaves the
        account out. Raise ``NoSuchUser``, ``AccountDeregistered``, ``AccountBanned``,
        ``CannotTargetSelf``, or ``ArgsException`` if ``until`` is not in the future.

        Cost: two look-ups and one transaction.
        """
        checked_mid("actor", actor)
        checked_mid("target", target)
        now = self._now()
        end = checked_end(until, now)
        code = await marks.mute(self.store, actor, target, end, now)
        raise_for(code, actor, target)

    async def unmute(self, actor: int, target: int) -> None:
        """End a mute, if there is one. Raise ``NoSuchUser``, ``AccountBanned``.

        Cost: one look-up and one transaction.
        """
        checked_mid("actor", actor)
        checked_mid("target", target)
        await self._check_known(actor)
        raise_for(await marks.unmute(self.store, actor, target), actor, target)

    async def dismiss(self, actor: int, target: int) -> None:
        """Suggest ``target`` to ``actor`` no more. Raise as ``mute``.

        Cost: two look-ups and one transaction.
        """
        checked_mid("actor", actor)
        checked_mid("target", target)
        raise_for(await marks.dismiss(self.store, actor, target, self._now()), actor, target)

    async def undismiss(self, actor: int, target: int) -> None:
        """Let ``target`` be suggested to ``actor`` again. Raise as ``unmute``.

        Cost: one look-up and one transaction.
        """
        checked_mid("actor", actor)
        checked_mid("target", target)
        await self._check_known(actor)
        raise_for(await marks.undismiss(self.store, actor, target), actor, target)

    async def create_group(self, owner: int, name: str) -> int:
        """Create a group; return its id. The same name for two groups of an owner is refused.

        Raise ``GroupExists``, ``GroupNameTooLong``, ``BadRequest`` (control characters, or as many
        groups as there may be), ``NoSuchUser`` or ``AccountBanned``.

        Cost: one read and one transaction.
        """
        checked_mid("owner", owner)
        code, group = await create(self.store, owner, checked_text("name", name), self._limits)
        raise_for(code, owner, name)
        return group

    async def rename_group(self, owner: int, group: int, name: str) -> None:
        """Give a group another name. Raise as ``create_group``, and ``NoSuchGroup``.

        Cost: one transaction.
        """
        await self._change(rename(owner, group, name), owner, group)

    async def delete_group(self, owner: int, group: int) -> None:
        """Delete a group; its members stay followed. Raise ``BadRequest`` if there is none.

        Cost: one transaction for each 2,000 members or so.
        """
        await self._change(delete(owner, group), owner, group)

    async def set_groups(self, owner: int, targets: Iterable[int], groups: Iterable[int]) -> None:
        """Let followings be in exactly ``groups``, which are ids.

        Raise ``NotFollowing`` or ``NoSuchGroup``, and then no following has changed.

        Cost: one transaction, or several for many memberships.
        """
        act = regroup(owner, RegroupMode.SET, targets, groups)
        await self._change(act, owner, list(act.members))

    async def add_to_group(self, owner: int, group: int, targets: Iterable[int]) -> None:
        """Add followings to a group. Raise as ``set_groups``.

        Cost: as ``set_groups``.
        """
        act = regroup(owner, RegroupMode.COPY, targets, [group])
        await self._change(act, owner, list(act.members))

    async def remove_from_group(self, owner: int, group: int, targets: Iterable[int]) -> None:
        """Remove followings from a group; they stay followed. Raise as ``set_groups``.

        Cost: as ``set_groups``.
        """
        act = regroup(owner, RegroupMode.MOVE, targets, [], [group])
        await self._change(act, owner, list(act.members))

    async def set_special(
        self, owner: int, targets: Iterable[int], *, special: bool = True
    ) -> None:
        """Mark followings as special; with ``special=False``, no longer. Raise as ``set_groups``.

        Cost: as ``set_groups``.
        """
        act = special_act(owner, targets, special=special)
        await self._change(act, owner, list(act.members))

    async def _modify(self, actor: int, target: int, act: Act) -> None:
        await self._change(modify(actor, target, act), actor, target)
