"""The state machine's driver for a store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from itertools import count as numbers
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from msgspec.structs import replace

from guanxi.accounts.account import Card, Privacy, State
from guanxi.contract.limits import Limits
from guanxi.graph.groups import (
    CreateGroup,
    DeleteGroup,
    GroupAct,
    Regroup,
    RegroupMode,
    RenameGroup,
)
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import Modify, mtime_of
from guanxi.operations import accounts
from guanxi.stores.port import BadLine, EdgeRow, Row, Store
from guanxi.stores.sync import Runner, open_sync_store
from tests.counts import LONG
from tests.machine import FOLLOWING_CAP, MOST_GROUPS, PARTS, Seen, View
from tests.stores.engines import Clock, Engine

T = TypeVar("T")

LIMITS = replace(Limits(following_cap=FOLLOWING_CAP, groups=MOST_GROUPS).caps, requests=True)
ALL = Window(0, 1_000)
_STATES = {"normal": State.NORMAL, "banned": State.BANNED, "deregistered": State.DEREGISTERED}


class StoreDriver:
    """Drives an engine through its port, on its own event loop."""

    guarded = False
    thorough = LONG
    requests = True

    def __init__(self, engine: Engine) -> None:
        self.clock = Clock()
        self.ids = numbers(1)
        self.runner, self.store = self.opened(engine)

    def opened(self, engine: Engine) -> tuple[asyncio.Runner | Runner, Store]:
        runner = asyncio.Runner()
        return runner, runner.run(engine.open(self.clock))

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def start(self, names: Mapping[int, str], now: int) -> None:
        self.mids = sorted(names)
        self.set_time(now)
        for mid, name in names.items():
            self.do(accounts.put(self.store, mid, Card(name=name)))

    def set_time(self, now: int) -> None:
        self.clock.ns = now * 10**9

    def change(self, act: Modify | GroupAct) -> int:
        (code,) = self.do(self.store.change([act], LIMITS))
        return code

    def modify(self, owner: int, target: int, act: int) -> int:
        return self.change(Modify(owner, target, act))

    def create_group(self, owner: int, name: str) -> tuple[int, int]:
        group = next(self.ids)
        return self.change(CreateGroup(owner, name, group)), group

    def rename_group(self, owner: int, group: int, name: str) -> int:
        return self.change(RenameGroup(owner, group, name))

    def delete_group(self, owner: int, group: int) -> int:
        return self.change(DeleteGroup(owner, group))

    def regroup(
        self, owner: int, mode: str, members: list[int], groups: list[int], before: list[int]
    ) -> int:
        act = Regroup(owner, RegroupMode(mode), tuple(members), tuple(groups), tuple(before))
        return self.change(act)

    def import_whisper(self, owner: int, target: int, time: int) -> bool:
        row = EdgeRow(follower=owner, followed=target, time=time, kind="whisper")
        try:
            self.do(self.store.import_edges(lambda: [row]))
        except BadLine:
            return False
        return True

    def set_privacy(
        self,
        mid: int,
        *,
        hide_followings: bool,
        hide_followers: bool,
        refuse_follows: bool,
        approve_followers: bool,
    ) -> None:
        privacy = Privacy(
            hide_followings=hide_followings,
            hide_followers=hide_followers,
            refuse_follows=refuse_follows,
            approve_followers=approve_followers,
        )
        self.do(accounts.set_privacy(self.store, mid, privacy))

    def set_state(self, mid: int, state: str) -> None:
        self.do(accounts.set_state(self.store, mid, _STATES[state]))

    def visit(self, owner: int, target: int) -> None:
        self.do(self._visit(owner, target))

    async def _visit(self, owner: int, target: int) -> None:
        self.store.visit(owner, target)
        await self.store.flush_visits()

    def look(self, owner: int) -> View:
        return self.do(self._look(owner))

    async def _look(self, owner: int) -> View:
        store = self.store
        attributes = await store.attributes(owner, self.mids)
        relations = await store.relations(owner, self.mids)
        assert {mid: relation.attribute for mid, relation in relations.items()} == attributes

        async def listed(listing: Listing, sort: Sort = Sort.NEWEST) -> list[Row]:
            return list((await store.page(listing, owner, sort, ALL)).rows)

        def items(rows: Iterable[Row]) -> list[Seen]:
            return [
                Seen(
                    row.mid,
                    mtime_of(row.sort_key),
                    attributes.get(row.mid, 0),
                    frozenset(row.groups),
                )
                for row in rows
            ]

        followings = await listed(Listing.FOLLOWINGS)
        for row in followings:
            relation = relations[row.mid]
            assert (relation.sort_key, relation.groups) == (row.sort_key, row.groups)
            assert row.mutual is (relation.attribute == 6)
        groups = await store.groups(owner)
        members = {}
        for group in groups:
            page = await store.members(owner, group.id, Sort.NEWEST, ALL)
            assert page is not None
            members[group.id] = _mids(page.rows)
        tally = await store.tally(owner)
        others = [mid for mid in self.mids if mid != owner]
        return View(
            followings=items(followings),
            followings_oldest=_mids(await listed(Listing.FOLLOWINGS, Sort.OLDEST)),
            followings_visited=_mids(await listed(Listing.FOLLOWINGS, Sort.VISITED)),
            followers=items(await listed(Listing.FOLLOWERS)),
            followers_oldest=_mids(await listed(Listing.FOLLOWERS, Sort.OLDEST)),
            friends=items(await listed(Listing.FRIENDS)),
            whispers=items(await listed(Listing.WHISPERS)),
            blacks=items(await listed(Listing.BLACKS)),
            counts=(tally.following, tally.whisper, tally.black, tally.follower),
            versions=(
                tally.version,
                tally.follower_version,
                tally.public_version,
                tally.public_follower_version,
                tally.private_version,
            ),
            attributes=attributes,
            groups=[(group.id, group.name, group.count) for group in groups],
            members=members,
            found={
                part: _mids((await store.search(owner, part, 1_000, ALL)).rows) for part in PARTS
            },
            common={other: _mids((await store.common(owner, other, ALL)).rows) for other in others},
        )

    def requests_of(self, owner: int) -> tuple[list[int], list[int]]:
        async def read() -> tuple[list[int], list[int]]:
            received = await self.store.requests(owner, ALL)
            return _mids(received.rows), _mids((await self.store.sent_requests(owner, ALL)).rows)

        return self.do(read())

    def faults(self) -> list[str]:
        async def check() -> list[str]:
            return [f"{fault.invariant}: {fault.detail}" async for fault in self.store.check()]

        return self.do(check())

    def close(self) -> None:
        self.do(self.store.close())
        self.runner.close()


def _mids(rows: Iterable[Row]) -> list[int]:
    return [row.mid for row in rows]


class InFolder(StoreDriver):
    """A driver whose store is in a temporary folder, deleted with it."""

    def __init__(self, make: Callable[[Path], Engine]) -> None:
        self.folder = TemporaryDirectory()
        self.engine = make(Path(self.folder.name))
        super().__init__(self.engine)

    def close(self) -> None:
        super().close()
        self.engine.drop()
        self.folder.cleanup()


class Synchronous(InFolder):
    """The same without an event loop in this thread."""

    def opened(self, engine: Engine) -> tuple[asyncio.Runner | Runner, Store]:
        runner = open_sync_store(engine.address, create=True, clock=self.clock)
        return runner, runner.store
