"""The verbs of a graph that read relations and lists."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Literal, TypeVar

from msgspec.structs import replace

from guanxi.contract import errors
from guanxi.contract.errors import ArgsException
from guanxi.contract.params import LATEST
from guanxi.embed.arguments import (
    MOST,
    checked_cursor,
    checked_group,
    checked_limit,
    checked_mid,
    checked_mids,
    checked_text,
)
from guanxi.embed.opened import Opened
from guanxi.embed.refusals import refusal
from guanxi.embed.values import Counts, Group, Item, Mute, Page, Relation, Suggested, moment
from guanxi.graph.lists import Listing, Position, Sort, Window, encode_cursor
from guanxi.graph.pair import DEFAULT, SPECIAL, Attribute, Pair, mtime_of
from guanxi.operations import marks
from guanxi.stores.port import NO_TALLY, Slice
from guanxi.text import Text
from guanxi.world.marks import MUTE, Mark

T = TypeVar("T")

#: How many items the iterators read at a time.
_CHUNK = 200
Order = Literal["newest", "oldest"]
_SORTS: Mapping[Order, Sort] = {"newest": Sort.NEWEST, "oldest": Sort.OLDEST}
_NO_RELATION, _NO_BRIEF = Relation(), (0, "", "", "")
_FOLLOWING = frozenset({int(Attribute.FOLLOWING), int(Attribute.MUTUAL)})


class Lists(Opened):
    """Relations, counts, groups and the pages of every list."""

    async def relation(self, owner: int, target: int) -> Relation:
        """Return what ``owner`` has towards ``target``, and whether that one follows it.

        Raise ``CannotTargetSelf``; ``NoSuchUser`` if there is no relation and no such account.

        Cost: three look-ups; two more if there is no relation.
        """
        checked_mid("owner", owner)
        checked_mid("target", target)
        if owner == target:
            raise refusal(errors.CannotTargetSelf.number, owner, target)
        mark = await self.store.get(MUTE, owner, target)
        muted = mark is not None and mark.until > self._now()
        relation = _relation(await self.store.pair(owner, target), muted=muted)
        if relation == _NO_RELATION:
            for mid in (owner, target):
                await self._check_known(mid)
        return relation

    async def relations(self, owner: int, targets: Iterable[int]) -> dict[int, Relation]:
        """Return what ``owner`` has towards each of up to 1,000 accounts, by mid, in their order.

        One that does not exist, and the owner, have no relation. Raise ``NoSuchUser`` if there is
        no owner.

        Cost: two look-ups for each that it follows, four for each other.
        """
        checked_mid("owner", owner)
        targets = checked_mids("targets", targets, MOST)
        held = await self.store.relations(owner, targets)
        if not held:
            await self._check_known(owner)
        muted = await marks.muted(self.store, owner, targets, self._now())
        # What is held does not say of these whether they follow the owner.
        others = [
            target
            for target in targets
            if target not in held or held[target].attribute not in _FOLLOWING
        ]
        pairs = await self.store.pairs(owner, others) if others else {}
        found = {
            target: _relation(pairs.get(target, Pair()), muted=target in muted) for target in others
        }
        for target, one in held.items():
            if target not in found:
                found[target] = Relation(
                    following=True,
                    followed_by=one.attribute == Attribute.MUTUAL,
                    muted=target in muted,
                    special=SPECIAL in one.groups,
                    groups=_own(one.groups),
                    time=mtime_of(one.sort_key),
                )
        return {target: found[target] for target in targets}

    async def in_groups(self, owner: int, target: int) -> tuple[int, ...]:
        """Return the ids of the owner's groups that hold ``target``, ascending.

        Raise and cost: as ``relation``.
        """
        return (await self.relation(owner, target)).groups

    async def counts(self, mid: int) -> Counts:
        """Return how long the lists of an account are. Raise ``NoSuchUser``.

        Cost: one look-up; two if all are empty.
        """
        checked_mid("mid", mid)
        tally = await self.store.tally(mid)
        if tally == NO_TALLY:
            await self._check_known(mid)
        return Counts(
            following=tally.following,
            followers=tally.follower,
            blocked=tally.black,
            whispers=tally.whisper,
        )

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

    async def whispers(
        self, mid: int, limit: int = 50, cursor: str | None = None, *, order: Order = "newest"
    ) -> Page[Item]:
        """Return a page of whom an account follows in secret; only an import makes such relations.

        Arguments, errors and cost: as ``following``.
        """
        return await self._page(Listing.WHISPERS, mid, limit, cursor, order)

    async def requests(self, mid: int, limit: int = 50, cursor: str | None = None) -> Page[Item]:
        """Return a page of those who request to follow an account; without a total.

        Newest first. Arguments, errors and cost: as ``following``.
        """
        checked_mid("mid", mid)
        window, after = _window(limit, cursor)
        return await self._shown(await self.store.requests(mid, window, after), after, mid)

    async def sent_requests(
        self, mid: int, limit: int = 50, cursor: str | None = None
    ) -> Page[Item]:
        """Return a page of those whom an account requests to follow; without a total.

        Newest first. Arguments, errors and cost: as ``following``.
        """
        checked_mid("mid", mid)
        window, after = _window(limit, cursor)
        return await self._shown(await self.store.sent_requests(mid, window, after), after, mid)

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
        """Return a page of those whom ``mid`` and ``other`` both follow, in the latter's order.

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
        ``limit`` is the most that are returned, 1 to 1,000. Left out are whom ``mid`` follows,
        blocks, has muted or dismissed, and who blocks it, refuses to be followed, or is banned or
        deregistered; accounts that hide their followings suggest nobody. Raise ``NoSuchUser``.

        Cost: at most 200 followings of each of the 200 newest followings.
        """
        checked_mid("mid", mid)
        checked_limit(limit)
        found = await self.store.suggestions(mid, limit, self._now())
        if not found:
            await self._check_known(mid)
        briefs = await self.store.briefs([one.mid for one in found])
        return [
            Suggested(
                mid=one.mid,
                name=brief[1],
                face=brief[2],
                sign=brief[3],
                shared=one.shared,
                followers=one.followers,
            )
            for one in found
            if (brief := briefs.get(one.mid)) is not None
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
                until=None if mark.until == LATEST else moment(mark.until),
            )
            for mark in found
        ]
        end = None if last is None else encode_cursor(Position(last.time, last.target))
        return Page(items=items, cursor=end, total=None)

    async def iter_following(self, mid: int, *, order: Order = "newest") -> AsyncIterator[Item]:
        """Yield whom an account follows, also if the list changes meanwhile.

        Whoever is in the list from the first item to the last is yielded once. Errors: as
        ``following``, with the first item.

        Cost: that of ``following`` for each 200 items.
        """
        async for item in _walk(partial(self.following, mid, limit=_CHUNK, order=order)):
            yield item

    async def iter_followers(self, mid: int, *, order: Order = "newest") -> AsyncIterator[Item]:
        """Yield the followers of an account, as ``iter_following`` does.

        Raise as ``followers``. Cost: that of ``followers`` for each 200 items.
        """
        async for item in _walk(partial(self.followers, mid, limit=_CHUNK, order=order)):
            yield item

    async def iter_friends(self, mid: int, *, order: Order = "newest") -> AsyncIterator[Item]:
        """Yield those who follow an account and are followed by it, as ``iter_following`` does.

        Raise as ``friends``. Cost: that of ``friends`` for each 200 items.
        """
        async for item in _walk(partial(self.friends, mid, limit=_CHUNK, order=order)):
            yield item

    async def iter_blocked(self, mid: int, *, order: Order = "newest") -> AsyncIterator[Item]:
        """Yield whom an account blocks, as ``iter_following`` does.

        Raise as ``blocked``. Cost: that of ``blocked`` for each 200 items.
        """
        async for item in _walk(partial(self.blocked, mid, limit=_CHUNK, order=order)):
            yield item

    async def iter_whispers(self, mid: int, *, order: Order = "newest") -> AsyncIterator[Item]:
        """Yield whom an account follows in secret, as ``iter_following`` does.

        Raise as ``whispers``. Cost: that of ``whispers`` for each 200 items.
        """
        async for item in _walk(partial(self.whispers, mid, limit=_CHUNK, order=order)):
            yield item

    async def iter_members(
        self, owner: int, group: int, *, order: Order = "newest"
    ) -> AsyncIterator[Item]:
        """Yield the followings in one group of an account, as ``iter_following`` does.

        Raise as ``members``. Cost: that of ``members`` for each 200 items.
        """
        async for item in _walk(partial(self.members, owner, group, limit=_CHUNK, order=order)):
            yield item

    async def iter_common(self, mid: int, other: int) -> AsyncIterator[Item]:
        """Yield those whom both accounts follow, as ``iter_following`` does.

        Raise as ``common``. Cost: that of ``common`` for each 200 items.
        """
        async for item in _walk(partial(self.common, mid, other, limit=_CHUNK)):
            yield item

    async def iter_known_followers(self, mid: int, other: int) -> AsyncIterator[Item]:
        """Yield those whom ``mid`` follows and who follow ``other``, as ``iter_following`` does.

        Raise as ``known_followers``. Cost: that of ``known_followers`` for each 200 items.
        """
        async for item in _walk(partial(self.known_followers, mid, other, limit=_CHUNK)):
            yield item

    async def iter_search(self, mid: int, text: str) -> AsyncIterator[Item]:
        """Yield the followings whose name contains ``text``, as ``iter_following`` does.

        Raise as ``search``. Cost: that of ``search`` for each 200 items.
        """
        async for item in _walk(partial(self.search, mid, text, limit=_CHUNK)):
            yield item

    async def iter_muted(self, mid: int) -> AsyncIterator[Mute]:
        """Yield whom an account has muted, as ``iter_following`` does.

        Raise as ``muted``. Cost: that of ``muted`` for each 200 items.
        """
        async for item in _walk(partial(self.muted, mid, limit=_CHUNK)):
            yield item

    async def _page(
        self, listing: Listing, mid: int, limit: int, cursor: str | None, order: Order
    ) -> Page[Item]:
        checked_mid("mid", mid)
        window, after = _window(limit, cursor)
        page = await self.store.page(listing, mid, _sort(order), window, after)
        return await self._shown(page, after, mid)

    async def _shown(self, page: Slice, after: Position | None, *mids: int) -> Page[Item]:
        """Return a page of rows with the cards of their accounts.

        Raise ``NoSuchUser`` if the list is empty because one of ``mids`` does not exist.
        """
        rows = page.rows
        if not rows and after is None:
            for mid in mids:
                await self._check_known(mid)
        briefs = await self.store.briefs(rows.mids) if rows else {}
        items = []
        columns = zip(rows.mids, rows.sort_keys, rows.mutuals, strict=True)
        for mid, sort_key, mutual in columns:
            _, name, face, sign = briefs.get(mid, _NO_BRIEF)
            items.append(Item(mid, name, face, sign, mtime_of(sort_key), bool(mutual)))
        for index, row in rows.extras.items():  # those with groups are among them
            special = SPECIAL in row.groups
            items[index] = replace(items[index], special=special, groups=_own(row.groups))
        cursor = None
        if page.more:
            last = rows[-1]
            cursor = encode_cursor(page.end or Position(last.sort_key, last.mid, last.visits))
        return Page(items=items, cursor=cursor, total=page.total)


async def _walk(page: Callable[..., Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """Yield the items of every page; ``page`` accepts a cursor."""
    cursor: str | None = None
    while True:
        read = await page(cursor=cursor)
        for item in read.items:
            yield item
        cursor = read.cursor
        if cursor is None:
            return


def _relation(pair: Pair, *, muted: bool) -> Relation:
    mine, edge = pair.mine, pair.mine.follows
    followed_by = pair.theirs.follows is not None
    if edge is not None:
        return Relation(
            following=True,
            followed_by=followed_by,
            muted=muted,
            special=SPECIAL in edge.groups,
            groups=_own(sorted(edge.groups)),
            time=mtime_of(edge.sort_key),
        )
    blocks = mine.blocks
    return Relation(
        followed_by=followed_by,
        blocked=blocks is not None,
        requested=mine.requests is not None,
        muted=muted,
        time=0 if blocks is None else mtime_of(blocks),
    )


def _own(groups: Iterable[int]) -> tuple[int, ...]:
    """Return ids of groups, in their order, without that of the special group."""
    return tuple(group for group in groups if group != SPECIAL)


def _window(limit: int, cursor: str | None) -> tuple[Window, Position | None]:
    return Window(0, checked_limit(limit)), checked_cursor(cursor)


def _sort(order: Order) -> Sort:
    try:
        return _SORTS[order]
    except (KeyError, TypeError):
        raise ArgsException(
            Text("order：须为 newest 或 oldest", "order: must be 'newest' or 'oldest'")
        ) from None
