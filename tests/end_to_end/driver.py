"""The state machine's driver for a service: it acts and reads over HTTP, through the SDK."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import uvloop

from guanxi import Credential, SyncClient
from guanxi.accounts.account import Card, Privacy, State
from guanxi.accounts.secrets import TokenKind
from guanxi.contract.errors import ResponseCodeException
from guanxi.contract.limits import DOCUMENTED
from guanxi.contract.structs import RelationItem
from guanxi.graph.lists import Window
from guanxi.operations import accounts
from guanxi.operations.sessions import issue
from guanxi.service.config import Settings, with_limits
from guanxi.service.http import bind, serving, url_of
from guanxi.service.metrics import Metrics
from guanxi.service.server import application_of
from guanxi.stores.port import BadLine, EdgeRow
from tests.machine import DEREGISTERED, FOLLOWING_CAP, MOST_GROUPS, PARTS, Seen, View
from tests.stores.engines import Engine

T = TypeVar("T")

SETTINGS = Settings(
    profile=with_limits(DOCUMENTED, {"following_cap": FOLLOWING_CAP, "groups": MOST_GROUPS})
)
#: Slightly longer than a worker caches an ended session, in seconds.
TRUST_SECONDS = 1.05
ALL = Window(0, 1_000)
STATES = {"normal": State.NORMAL, "banned": State.BANNED, "deregistered": State.DEREGISTERED}


class ServiceDriver:
    """A service on a store with an adjustable clock, and a client for each account."""

    guarded = True
    #: A look is some twenty requests, so only the accounts that a step changed are looked at.
    thorough = False

    def __init__(self, make: Callable[[Path], Engine]) -> None:
        self.folder = TemporaryDirectory()
        self.engine = make(Path(self.folder.name))
        self.ns = 0
        self.hidden: set[int] = set()
        self.clients: dict[int, SyncClient] = {}
        started: Future[str] = Future()
        self.thread = threading.Thread(target=self._work, args=(started,), daemon=True)
        self.thread.start()
        self.base_url = started.result(30)

    def _work(self, started: Future[str]) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(started))

    async def _serve(self, started: Future[str]) -> None:
        self.loop, self.stop = asyncio.get_running_loop(), asyncio.Event()
        self.store = await self.engine.open(lambda: self.ns)
        try:
            with bind("127.0.0.1", 0) as listener:
                application = application_of(self.store, SETTINGS, Metrics())
                async with serving((application, listener)):
                    started.set_result(url_of(listener))
                    await self.stop.wait()
        finally:
            await self.store.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the service's store, for what no endpoint does; return its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def start(self, names: Mapping[int, str], now: int) -> None:
        self.mids = sorted(names)
        self.set_time(now)
        for mid, name in names.items():
            self.do(accounts.put(self.store, mid, Card(name=name)))
            issued = self.do(issue(self.store, mid, TokenKind.COOKIE, 1, int(time.time())))
            credential = Credential(issued.token, issued.bili_jct)
            self.clients[mid] = SyncClient(base_url=self.base_url, credential=credential)

    def set_time(self, now: int) -> None:
        self.ns = now * 10**9

    def modify(self, owner: int, target: int, act: int) -> int:
        return code(lambda: self.clients[owner].relation.modify(target, act))

    def create_group(self, owner: int, name: str) -> tuple[int, int]:
        created: list[int] = []
        refusal = code(
            lambda: created.append(
                self.clients[owner].call("relation.create_group", {"tag": name})["tagid"]
            )
        )
        return refusal, created[0] if created else 0

    def rename_group(self, owner: int, group: int, name: str) -> int:
        given = {"tagid": group, "name": name}
        return code(lambda: self.clients[owner].call("relation.rename_group", given))

    def delete_group(self, owner: int, group: int) -> int:
        return code(lambda: self.clients[owner].relation.delete_group(group))

    def regroup(
        self, owner: int, how: str, members: list[int], groups: list[int], before: list[int]
    ) -> int:
        relation = self.clients[owner].relation
        acts: dict[str, Callable[[], None]] = {
            "set": lambda: relation.set_groups(members, groups),
            "copy": lambda: relation.copy_to_groups(members, groups),
            "move": lambda: relation.move_between_groups(members, before, groups),
        }
        return code(acts[how])

    def import_whisper(self, owner: int, target: int, time: int) -> bool:
        row = EdgeRow(follower=owner, followed=target, time=time, kind="whisper")
        try:
            self.do(self.store.import_edges(lambda: [row]))
        except BadLine:
            return False
        return True

    def set_privacy(
        self, mid: int, *, hide_followings: bool, hide_followers: bool, refuse_follows: bool
    ) -> None:
        (self.hidden.add if hide_followings else self.hidden.discard)(mid)
        privacy = Privacy(
            hide_followings=hide_followings,
            hide_followers=hide_followers,
            refuse_follows=refuse_follows,
        )
        self.do(accounts.set_privacy(self.store, mid, privacy))

    def set_state(self, mid: int, state: str) -> None:
        self.do(accounts.set_state(self.store, mid, STATES[state]))
        if state == DEREGISTERED:
            time.sleep(TRUST_SECONDS)

    def visit(self, owner: int, target: int) -> None:
        self.clients[owner].relation.mutual(target)
        self.do(self.store.flush_visits())

    def look(self, owner: int) -> View:
        relation = self.clients[owner].relation
        followings = list(relation.iter_followings(owner, size=2))
        followers = list(relation.iter_followers(owner, size=2))
        stat = relation.stat(owner)
        others = [mid for mid in self.mids if mid != owner]
        attributes = {int(mid): item.attribute for mid, item in relation.many(others).items()}
        assert {
            mid: relation.get(mid).attribute for mid in others if relation.get(mid).attribute
        } == attributes
        groups = relation.groups()
        return View(
            followings=seen(followings),
            followings_oldest=mids(relation.followings(owner, order="asc").items),
            followings_visited=mids(relation.followings(owner, order_type="attention").items),
            followers=seen(followers),
            followers_oldest=mids(relation.followers(owner, order="asc").items),
            friends=seen(relation.friends().items),
            whispers=seen(relation.whispers().items),
            blacks=seen(relation.blacks().items),
            counts=(stat.following, stat.whisper, stat.black, stat.follower),
            versions=(
                relation.followings(owner, size=1).re_version,
                relation.followers(owner, size=1).re_version,
            ),
            attributes=attributes,
            groups=[(group.id, group.name, group.count) for group in groups],
            members={
                group.id: [item.mid for item in relation.iter_group_members(group.id, size=2)]
                for group in groups
            },
            found={part: mids(relation.search(owner, part).items) for part in PARTS},
            common={other: self._common(owner, other) for other in others},
        )

    def _common(self, owner: int, other: int) -> list[int]:
        result = mids(self.clients[owner].relation.same(other).items)
        if other not in self.hidden:
            return result
        assert result == []
        # The endpoint hides the common followings of a hidden list; the store still has them.
        return [row.mid for row in self.do(self.store.common(owner, other, ALL)).rows]

    def faults(self) -> list[str]:
        async def found() -> list[str]:
            return [f"{fault.invariant}: {fault.detail}" async for fault in self.store.check()]

        return self.do(found())

    def close(self) -> None:
        for client in self.clients.values():
            client.close()
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(30)
        self.engine.drop()
        self.folder.cleanup()


def code(act: Callable[[], object]) -> int:
    try:
        act()
    except ResponseCodeException as error:
        return error.code
    return 0


def mids(items: Iterable[RelationItem]) -> list[int]:
    return [item.mid for item in items]


def seen(items: Iterable[RelationItem]) -> list[Seen]:
    for item in items:
        assert item.special == (-10 in (item.tag or ()))
    return [Seen(item.mid, item.mtime, item.attribute, frozenset(item.tag or ())) for item in items]
