"""The follow graph as a library: one object with a verb for every act and list of the rules."""

from __future__ import annotations

import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from datetime import datetime
from os import PathLike
from types import TracebackType
from typing import Literal

from msgspec.inspect import StrType, type_info

from guanxi.accounts.account import Account, AccountEdit, Card, EditRefusal, Privacy, State
from guanxi.contract import errors
from guanxi.contract.errors import ArgsException
from guanxi.contract.limits import OPEN, Limits
from guanxi.embed.arguments import (
    MOST,
    checked_address,
    checked_cursor,
    checked_end,
    checked_flag,
    checked_group,
    checked_keys,
    checked_limit,
    checked_mid,
    checked_mids,
    checked_text,
)
from guanxi.embed.batch import Batch, delete, modify, regroup, rename, special_act
from guanxi.embed.refusals import raise_for, refusal, unknown
from guanxi.embed.values import (
    Counts,
    Group,
    Imported,
    Item,
    Mute,
    Page,
    Person,
    Relation,
    Suggested,
    moment,
)
from guanxi.graph.groups import GroupAct, RegroupMode
from guanxi.graph.lists import Listing, Position, Sort, Window, encode_cursor
from guanxi.graph.pair import (
    DEFAULT,
    SPECIAL,
    Act,
    Attribute,
    Facts,
    Modify,
    Pair,
    Refusal,
    decide,
    mtime_of,
)
from guanxi.operations import accounts, marks
from guanxi.operations.groups import create
from guanxi.stores import open_store
from guanxi.stores.port import NO_TALLY, Slice, Store
from guanxi.text import Text
from guanxi.world import clock as times
from guanxi.world.marks import Mark

#: How many items the iterators read at a time.
_CHUNK = 200
Order = Literal["newest", "oldest"]
_SORTS: Mapping[Order, Sort] = {"newest": Sort.NEWEST, "oldest": Sort.OLDEST}


class Opening:
    """A graph that is being opened: ``await`` it, or use it in ``async with``."""

    def __init__(self, opened: Callable[[], Awaitable[Graph]]) -> None:
        self._opened = opened
        self._graph: Graph | None = None

    def __await__(self) -> Generator[object, None, Graph]:
        return self._opened().__await__()

    async def __aenter__(self) -> Graph:
        self._graph = await self._opened()
        return self._graph

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._graph is not None:
            await self._graph.close()


class Graph:
    """The accounts, relations and groups of one store, in this process.

    It belongs to the event loop that opened it; ``SyncGraph`` is for code without one. ``store`` is
    the store itself, which ``guanxi.embed.application`` serves.

    Every verb checks its arguments: ``ArgsException`` (a ``ValueError``) for what is no mid from 1
    to 2^63 - 1, or is out of range, ``MistypedArgsException`` (a ``TypeError`` too) for another
    type. An act that the rules refuse raises the SDK's exception, such as ``AlreadyFollowing`` or
    ``NoSuchUser``, and changes nothing. ``guanxi.embed.StoreError`` and its subclasses are for the
    store: it is closed, busy, full, or was opened before a fork. An act is one transaction, and
    durable when its verb returns; a read shows one snapshot.
    """

    def __init__(
        self,
        store: Store,
        *,
        limits: Limits = OPEN.limits,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.store = store
        self._limits, self._clock = limits, clock

    @classmethod
    def open(
        cls,
        address: str | PathLike[str],
        *,
        create: bool = True,
        limits: Limits = OPEN.limits,
        clock: Callable[[], int] = time.time_ns,
    ) -> Opening:
        """Open the graph at the path of a SQLite file, or in a ``postgresql://…`` database.

        ``create`` creates a missing file or missing tables. ``limits`` are those of the profile
        ``open`` unless given; ``clock`` returns nanoseconds since the Unix epoch. Raise
        ``StoreError`` if there is no graph, or a newer version of guanxi wrote it.
        """

        async def opened() -> Graph:
            store = await open_store(checked_address(address), create=create, clock=clock)
            return cls(store, limits=limits, clock=clock)

        return Opening(opened)

    async def close(self) -> None:
        """Give the writes that wait a second, then close the store. Safe to call again."""
        await self.store.close()

    # --- accounts ---

    async def put_account(
        self,
        mid: int | None = None,
        *,
        key: str | None = None,
        name: str | None = None,
        face: str | None = None,
        sign: str | None = None,
        hide_followings: bool | None = None,
        hide_followers: bool | None = None,
        refuse_follows: bool | None = None,
    ) -> int:
        """Create an account, or change the given fields of it; return its mid.

        ``key`` is your own id of it, any text of up to 255 characters; with a key and without a
        mid, the account with that key is changed, or one with a random mid created. With both, the
        account gets the key; ``ArgsException`` if another one has it. A name has up to 64
        characters, ``sign`` 512, ``face``, an address, 2,048. Raise ``AccountDeregistered`` for a
        deregistered account.

        Cost: one transaction; with a key alone one read before it.
        """
        texts = {"name": name, "face": face, "sign": sign}
        card = {
            field: checked_text(field, value, _LENGTHS[field])
            for field, value in texts.items()
            if value is not None
        }
        privacy = _switches(hide_followings, hide_followers, refuse_follows)
        if key is not None:
            checked_text("key", key)
            try:
                accounts.check_key(key)
            except ValueError as error:
                raise ArgsException(error.args[0]) from None
        if mid is None:
            if key is None:
                raise ArgsException(
                    Text("mid：请给出 mid 或 key", "mid: give a mid, or a key to get one")
                )
            return await accounts.put_by_key(self.store, key, card, privacy)
        checked_mid("mid", mid)
        edit = AccountEdit(card=card, privacy=privacy, new=Card(), key=key)
        await self._edit(mid, edit)
        return mid

    async def account(self, mid: int) -> Person | None:
        """Return an account, or None if there is none.

        Cost: two look-ups.
        """
        return (await self.accounts([mid])).get(mid)

    async def accounts(self, mids: Iterable[int]) -> dict[int, Person]:
        """Return accounts by mid, up to 1,000; those that do not exist are omitted.

        Cost: two look-ups for each.
        """
        cards = await self.store.cards(checked_mids("mids", mids, MOST))
        found = {}
        for mid, card in cards.items():
            account = await self.store.account(mid)
            if account is not None:
                found[mid] = _person(account, card)
        return found

    async def set_privacy(
        self,
        mid: int,
        *,
        hide_followings: bool | None = None,
        hide_followers: bool | None = None,
        refuse_follows: bool | None = None,
    ) -> None:
        """Set the given switches of an account. Raise ``NoSuchUser``.

        Cost: one transaction.
        """
        checked_mid("mid", mid)
        switches = _switches(hide_followings, hide_followers, refuse_follows)
        await self._edit(mid, AccountEdit(privacy=switches))

    async def ban(self, mid: int) -> None:
        """Ban an account: it changes nothing any more, and others see it. Raise ``NoSuchUser``.

        Cost: one transaction.
        """
        await self._set_state(mid, State.BANNED)

    async def unban(self, mid: int) -> None:
        """Lift the ban of an account. Raise ``NoSuchUser`` or ``AccountDeregistered``.

        Cost: one transaction.
        """
        await self._set_state(mid, State.NORMAL)

    async def deregister(self, mid: int) -> None:
        """Deregister an account for good: its card is erased and its key freed; relations stay.

        Raise ``NoSuchUser``. Cost: one transaction.
        """
        await self._set_state(mid, State.DEREGISTERED)

    async def mid_of(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the mid of the account with each of up to 1,000 keys; unknown keys are omitted.

        Cost: one look-up for each.
        """
        return await accounts.mids_of_keys(self.store, checked_keys("keys", keys))

    async def key_of(self, mids: Iterable[int]) -> dict[int, str]:
        """Return the key of each of up to 1,000 accounts; those without one are omitted.

        Cost: one look-up for each.
        """
        return await accounts.keys_of(self.store, checked_mids("mids", mids, MOST))

    # --- acts ---

    async def follow(self, actor: int, target: int) -> None:
        """Let ``actor`` follow ``target``, also one to which it whispers.

        Raise ``AlreadyFollowing``, ``CannotTargetSelf``, ``NoSuchUser``, ``AccountDeregistered``
        (the target), ``AccountBanned`` (the actor), ``FollowRefused`` (the target refuses, or
        blocks the actor), ``TargetInBlacklist`` (the actor blocks it) or ``FollowingLimitReached``.

        Cost: one transaction, shared with other acts that wait at the same time.
        """
        await self._modify(actor, target, Act.FOLLOW)

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

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[Batch]:
        """Collect changes in an ``async with`` block, and make them at its end.

        The results are those of ``Batch.results``. If the block raises, no change is made.

        Cost: one transaction for each 256 changes.
        """
        batch = Batch()
        yield batch
        await self.make(batch)

    async def make(self, batch: Batch) -> None:
        """Make the changes of a batch, which has the results then.

        Cost: one transaction for each 256 changes.
        """
        batch.settle(await self.store.change(batch.acts, self._limits.caps) if batch.acts else [])

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
        raise_for(await marks.undismiss(self.store, actor, target), actor, target)

    # --- groups ---

    async def groups(self, owner: int) -> list[Group]:
        """Return the groups that an account made, oldest first. Raise ``NoSuchUser``.

        Cost: one row for each; a look-up if there is none.
        """
        checked_mid("owner", owner)
        rows = await self.store.groups(owner)
        own = [row for row in rows if row.id not in (SPECIAL, DEFAULT)]
        if not own:
            await self._check_known(owner)
        return [Group(id=row.id, name=row.name, count=row.count) for row in own]

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
        """Mark followings as special, or not. Raise as ``set_groups``.

        Cost: as ``set_groups``.
        """
        act = special_act(owner, targets, special=special)
        await self._change(act, owner, list(act.members))

    async def in_groups(self, owner: int, target: int) -> tuple[int, ...]:
        """Return the ids of the owner's groups that hold ``target``, ascending.

        Cost: one look-up.
        """
        return (await self.relation(owner, target)).groups

    # --- relations ---

    async def relation(self, owner: int, target: int) -> Relation:
        """Return what ``owner`` has towards ``target``, and whether that one follows it.

        Raise ``CannotTargetSelf``; ``NoSuchUser`` if there is no relation and no such account.

        Cost: two look-ups; two more if there is no relation.
        """
        checked_mid("owner", owner)
        checked_mid("target", target)
        if owner == target:
            raise refusal(errors.CannotTargetSelf.number, owner, target)
        pair = await self.store.pair(owner, target)
        relation = _relation(pair)
        if relation == _NO_RELATION:
            for mid in (owner, target):
                await self._check_known(mid)
        return relation

    async def relations(self, owner: int, targets: Iterable[int]) -> dict[int, Relation]:
        """Return what ``owner`` has towards each of up to 1,000 accounts, by mid, in their order.

        One that does not exist, and the owner, have no relation. Raise ``NoSuchUser`` if there is
        no owner.

        Cost: one look-up for each that it follows, three for each other.
        """
        checked_mid("owner", owner)
        targets = checked_mids("targets", targets, MOST)
        held = await self.store.relations(owner, targets)
        if not held:
            await self._check_known(owner)
        found = {}
        for target in targets:
            one = held.get(target)
            # What is held does not say of these whether they follow the owner.
            if one is None or one.attribute not in _FOLLOWING:
                found[target] = _relation(await self.store.pair(owner, target))
            else:
                found[target] = Relation(
                    following=True,
                    followed_by=one.attribute == Attribute.MUTUAL,
                    special=SPECIAL in one.groups,
                    groups=tuple(group for group in one.groups if group != SPECIAL),
                    time=mtime_of(one.sort_key),
                )
        return found

    async def counts(self, mid: int) -> Counts:
        """Return how long the lists of an account are. Raise ``NoSuchUser``.

        Cost: one look-up; two if all are empty.
        """
        checked_mid("mid", mid)
        tally = await self.store.tally(mid)
        if tally == NO_TALLY:
            await self._check_known(mid)
        return Counts(following=tally.following, followers=tally.follower, blocked=tally.black)

    # --- lists ---

    async def following(
        self, mid: int, limit: int = 50, cursor: str | None = None, *, order: Order = "newest"
    ) -> Page[Item]:
        """Return a page of whom an account follows.

        ``limit`` is 1 to 1,000; ``cursor`` that of the page before, None for the first. Raise
        ``NoSuchUser``; ``ArgsException`` for an invalid cursor.

        Cost: ``limit`` rows and cards, however long the list is.
        """
        return await self._page(Listing.FOLLOWINGS, mid, limit, cursor, order)

    async def followers(
        self, mid: int, limit: int = 50, cursor: str | None = None, *, order: Order = "newest"
    ) -> Page[Item]:
        """Return a page of the followers of an account; groups are those in which it has them.

        Arguments, errors and cost: as ``following``.
        """
        return await self._page(Listing.FOLLOWERS, mid, limit, cursor, order)

    async def friends(
        self, mid: int, limit: int = 50, cursor: str | None = None, *, order: Order = "newest"
    ) -> Page[Item]:
        """Return a page of those who follow an account and are followed by it; without a total.

        Arguments and errors: as ``following``. Cost: the rows of its followings up to the page.
        """
        return await self._page(Listing.FRIENDS, mid, limit, cursor, order)

    async def blocked(
        self, mid: int, limit: int = 50, cursor: str | None = None, *, order: Order = "newest"
    ) -> Page[Item]:
        """Return a page of whom an account blocks.

        Arguments, errors and cost: as ``following``.
        """
        return await self._page(Listing.BLACKS, mid, limit, cursor, order)

    async def members(
        self,
        owner: int,
        group: int,
        limit: int = 50,
        cursor: str | None = None,
        *,
        order: Order = "newest",
    ) -> Page[Item]:
        """Return a page of the followings in one group of an account; without a total.

        ``group`` is an id, -10 for those marked as special, 0 for those in no group. Raise
        ``NoSuchGroup``. Arguments and cost: as ``following``.
        """
        checked_mid("owner", owner)
        window, after = _window(limit, cursor)
        checked_group("group", group)
        page = await self.store.members(owner, group, _sort(order), window, after)
        if page is None:
            raise refusal(errors.NoSuchGroup.number, owner, group)
        return await self._shown(page, after, owner)

    async def common(
        self, mid: int, other: int, limit: int = 50, cursor: str | None = None
    ) -> Page[Item]:
        """Return a page of those whom both accounts follow, in the order of the other's list.

        Groups are those of ``mid``. Arguments and errors: as ``following``.

        Cost: the rows of the shorter list, three times.
        """
        checked_mid("mid", mid)
        checked_mid("other", other)
        window, after = _window(limit, cursor)
        return await self._shown(
            await self.store.common(mid, other, window, after), after, mid, other
        )

    async def known_followers(
        self, mid: int, other: int, limit: int = 3, cursor: str | None = None
    ) -> Page[Item]:
        """Return a page of those whom ``mid`` follows and who follow ``other``, newest first.

        The total says how many there are: "followed by A, B and 12 others". Arguments and errors:
        as ``following``.

        Cost: the rows of the shorter of both lists, twice.
        """
        checked_mid("mid", mid)
        checked_mid("other", other)
        window, after = _window(limit, cursor)
        return await self._shown(
            await self.store.known_followers(mid, other, window, after), after, mid, other
        )

    async def search(
        self, mid: int, text: str, limit: int = 50, cursor: str | None = None
    ) -> Page[Item]:
        """Return a page of the followings of an account whose name contains ``text``.

        Case is ignored; the newest 20,000 followings are searched. Arguments and errors: as
        ``following``.

        Cost: one card for each of these.
        """
        checked_mid("mid", mid)
        window, after = _window(limit, cursor)
        checked_text("text", text)
        found = await self.store.search(mid, text, self._limits.searched, window, after)
        return await self._shown(found, after, mid)

    async def suggest(self, mid: int, limit: int = 20) -> list[Suggested]:
        """Return accounts to follow: those whom the followings of ``mid`` follow, the best first.

        The order is by the number of those followings over the square root of all its followers.
        Left out are whom ``mid`` follows, blocks, has muted or dismissed, and who blocks it,
        refuses to be followed, or is banned or deregistered; accounts that hide their followings
        suggest nobody. Raise ``NoSuchUser``.

        Cost: at most 200 followings of each of the 200 newest followings.
        """
        checked_mid("mid", mid)
        checked_limit(limit)
        found = await self.store.suggestions(mid, limit, self._now())
        if not found:
            await self._check_known(mid)
        cards = await self.store.cards([one.mid for one in found])
        return [
            Suggested(
                mid=one.mid,
                name=cards[one.mid].name,
                face=cards[one.mid].face,
                sign=cards[one.mid].sign,
                shared=one.shared,
                followers=one.followers,
            )
            for one in found
            if one.mid in cards
        ]

    async def muted(self, mid: int, limit: int = 50, cursor: str | None = None) -> Page[Mute]:
        """Return a page of whom an account has muted, newest first; without a total.

        A page may have less than ``limit`` items although more follow: some have ended. Arguments
        and errors: as ``following``.

        Cost: ``limit`` rows.
        """
        checked_mid("mid", mid)
        window, after = _window(limit, cursor)
        position = None if after is None else Mark(after.mid, after.sort_key)
        found, last = await marks.mutes(self.store, mid, window.limit, position, self._now())
        if not found and after is None:
            await self._check_known(mid)
        items = [
            Mute(
                mid=mark.target,
                time=mark.time,
                until=None if mark.until == times.LATEST else moment(mark.until),
            )
            for mark in found
        ]
        end = None if last is None else encode_cursor(Position(last.time, last.target))
        return Page(items=items, cursor=end, total=None)

    async def iter_following(self, mid: int, *, order: Order = "newest") -> AsyncIterator[Item]:
        """Yield whom an account follows, also if the list changes meanwhile.

        Whoever is in the list from the first item to the last is yielded once. Raise
        ``NoSuchUser``.

        Cost: a page of 200 at a time.
        """
        async for item in self._iterate(Listing.FOLLOWINGS, mid, order):
            yield item

    async def iter_followers(self, mid: int, *, order: Order = "newest") -> AsyncIterator[Item]:
        """Yield the followers of an account, as ``iter_following`` does.

        Cost: a page of 200 at a time.
        """
        async for item in self._iterate(Listing.FOLLOWERS, mid, order):
            yield item

    async def iter_friends(self, mid: int, *, order: Order = "newest") -> AsyncIterator[Item]:
        """Yield those who follow an account and are followed by it, as ``iter_following`` does.

        Cost: a page of 200 at a time.
        """
        async for item in self._iterate(Listing.FRIENDS, mid, order):
            yield item

    async def iter_blocked(self, mid: int, *, order: Order = "newest") -> AsyncIterator[Item]:
        """Yield whom an account blocks, as ``iter_following`` does.

        Cost: a page of 200 at a time.
        """
        async for item in self._iterate(Listing.BLACKS, mid, order):
            yield item

    # --- imports ---

    async def import_following(
        self,
        owner: int,
        targets: Iterable[int],
        mode: Literal["merge", "replace"] = "merge",
        *,
        preview: bool = False,
    ) -> list[Imported]:
        """Let ``owner`` follow accounts, the oldest first; return what became of each.

        ``replace`` also ends the followings that are not among them. ``preview`` changes nothing,
        and returns what would be done if nobody else changed anything.

        Cost: the rows of its followings, two look-ups for each new one, and a transaction for each
        256 changes.
        """
        checked_mid("owner", owner)
        wanted = checked_mids("targets", targets)
        if mode not in ("merge", "replace"):
            raise ArgsException(
                Text("mode：须为 merge 或 replace", "mode: must be 'merge' or 'replace'")
            )
        await self._check_known(owner)
        current = {item.mid: None async for item in self.iter_following(owner)}
        found = {mid: Imported(mid=mid, outcome="unchanged") for mid in wanted}
        new = [mid for mid in wanted if mid not in current]
        gone = [mid for mid in current if mid not in found] if mode == "replace" else []
        acts = [Modify(owner, mid, Act.UNFOLLOW) for mid in gone]
        acts += [Modify(owner, mid, Act.FOLLOW) for mid in new]
        if preview:
            codes = await self._foreseen(owner, acts, len(current))
        else:
            codes = await self.store.change(acts, self._limits.caps) if acts else []
        for act, code in zip(acts, codes, strict=True):
            if code:
                error = refusal(code, owner, act.target)
                found[act.target] = Imported(mid=act.target, outcome="refused", error=error)
            else:
                outcome = "follow" if act.act == Act.FOLLOW else "unfollow"
                found[act.target] = Imported(mid=act.target, outcome=outcome)
        return list(found.values())

    async def _foreseen(self, owner: int, acts: Sequence[Modify], following: int) -> list[int]:
        """Return the codes that acts of ``owner``, who follows so many, would have."""
        codes = []
        actor = await self.store.account(owner)
        for act in acts:
            target = await self.store.account(act.target)
            facts = Facts(
                pair=await self.store.pair(owner, act.target),
                banned=actor is not None and actor.state is State.BANNED,
                known=target is not None,
                deregistered=target is not None and target.state is State.DEREGISTERED,
                refuses_follows=target is not None and target.privacy.refuse_follows,
                following=following,
                following_cap=self._limits.following_cap,
                sort_key=1,
                their_sort_key=1,
            )
            decided = decide(act, facts)
            codes.append(decided.code if isinstance(decided, Refusal) else 0)
            if not isinstance(decided, Refusal):
                following += 1 if act.act == Act.FOLLOW else -1
        return codes

    # --- what the verbs share ---

    def _now(self) -> int:
        return self._clock() // 10**9

    async def _check_known(self, mid: int) -> None:
        if await self.store.account(mid) is None:
            raise unknown(mid)

    async def _set_state(self, mid: int, state: State) -> None:
        checked_mid("mid", mid)
        await self._edit(mid, AccountEdit(state=state))

    async def _edit(self, mid: int, edit: AccountEdit) -> None:
        refused = await self.store.edit_account(mid, edit)
        if refused is None:
            return
        if refused is EditRefusal.UNKNOWN:
            raise unknown(mid)
        if refused is EditRefusal.DEREGISTERED:
            raise refusal(errors.AccountDeregistered.number, mid, mid)
        raise ArgsException(
            Text(f"key：{edit.key} 属于另一账号", f"key: another account has {edit.key}")
        )

    async def _modify(self, actor: int, target: int, act: Act) -> None:
        await self._change(modify(actor, target, act), actor, target)

    async def _change(self, act: Modify | GroupAct, actor: int, target: object) -> None:
        [code] = await self.store.change([act], self._limits.caps)
        raise_for(code, actor, target)

    async def _page(
        self, listing: Listing, mid: int, limit: int, cursor: str | None, order: Order
    ) -> Page[Item]:
        checked_mid("mid", mid)
        window, after = _window(limit, cursor)
        page = await self.store.page(listing, mid, _sort(order), window, after)
        return await self._shown(page, after, mid)

    async def _iterate(self, listing: Listing, mid: int, order: Order) -> AsyncIterator[Item]:
        cursor: str | None = None
        while True:
            page = await self._page(listing, mid, _CHUNK, cursor, order)
            for item in page.items:
                yield item
            cursor = page.cursor
            if cursor is None:
                return

    async def _shown(self, page: Slice, after: Position | None, *mids: int) -> Page[Item]:
        """Return a page of rows with the cards of their accounts.

        Raise ``NoSuchUser`` if the list is empty because one of ``mids`` does not exist.
        """
        rows = page.rows
        if not rows and after is None:
            for mid in mids:
                await self._check_known(mid)
        cards = await self.store.cards(rows.mids) if rows else {}
        items = [
            Item(
                mid=row.mid,
                name=(card := cards.get(row.mid, _NO_CARD)).name,
                face=card.face,
                sign=card.sign,
                time=mtime_of(row.sort_key),
                mutual=row.mutual,
                special=SPECIAL in row.groups,
                groups=tuple(group for group in row.groups if group != SPECIAL)
                if row.groups
                else (),
            )
            for row in rows
        ]
        cursor = None
        if page.more:
            last = rows[-1]
            cursor = encode_cursor(page.end or Position(last.sort_key, last.mid, last.visits))
        return Page(items=items, cursor=cursor, total=page.total)


_NO_RELATION, _NO_CARD = Relation(), Card()
_FOLLOWING = frozenset({int(Attribute.FOLLOWING), int(Attribute.MUTUAL)})
#: How long the texts of a card may be, by field.
_LENGTHS = {
    field.name: field.type.max_length
    for field in type_info(Card).fields  # type: ignore[attr-defined]
    if isinstance(field.type, StrType)
}


def _relation(pair: Pair) -> Relation:
    mine, edge = pair.mine, pair.mine.follows
    followed_by = pair.theirs.follows is not None
    if edge is not None:
        return Relation(
            following=True,
            followed_by=followed_by,
            special=SPECIAL in edge.groups,
            groups=tuple(sorted(edge.groups - {SPECIAL})),
            time=mtime_of(edge.sort_key),
        )
    if mine.blocks is not None:
        return Relation(followed_by=followed_by, blocked=True, time=mtime_of(mine.blocks))
    return Relation(followed_by=followed_by)


def _person(account: Account, card: Card) -> Person:
    return Person(
        mid=account.mid,
        name=card.name,
        face=card.face,
        sign=card.sign,
        state=account.state,
        privacy=account.privacy,
    )


def _switches(
    hide_followings: bool | None, hide_followers: bool | None, refuse_follows: bool | None
) -> dict[str, bool]:
    given = zip(
        Privacy.__struct_fields__, (hide_followings, hide_followers, refuse_follows), strict=True
    )
    return {name: checked_flag(name, value) for name, value in given if value is not None}


def _window(limit: int, cursor: str | None) -> tuple[Window, Position | None]:
    return Window(0, checked_limit(limit)), checked_cursor(cursor)


def _sort(order: Order) -> Sort:
    try:
        return _SORTS[order]
    except (KeyError, TypeError):
        raise ArgsException(
            Text("order：须为 newest 或 oldest", "order: must be 'newest' or 'oldest'")
        ) from None
