"""The state machine's driver for a service: it acts and reads over HTTP, through the SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from guanxi import Credential, SyncClient
from guanxi.accounts.account import Card, Privacy, State
from guanxi.contract.errors import ResponseCodeException
from guanxi.contract.limits import DOCUMENTED
from guanxi.contract.structs import RelationItem
from guanxi.graph.lists import Window
from guanxi.service.config import Settings, with_limits
from guanxi.stores.port import BadLine, EdgeRow, Store
from guanxi.testing import running
from tests.machine import DEREGISTERED, FOLLOWING_CAP, MOST_GROUPS, PARTS, Seen, View
from tests.stores.engines import Engine

SETTINGS = Settings(
    profile=with_limits(DOCUMENTED, {"following_cap": FOLLOWING_CAP, "groups": MOST_GROUPS})
)
ALL = Window(0, 1_000)
STATES = {"normal": State.NORMAL, "banned": State.BANNED, "deregistered": State.DEREGISTERED}


class ServiceDriver:
    """A service on a store with an adjustable clock, and a client for each account."""

    guarded = True
    #: A look is some twenty requests, so only the accounts that a step changed are looked at.
    thorough = False
    requests = False
    settings = SETTINGS

    def __init__(self, make: Callable[[Path], Engine]) -> None:
        self.folder = TemporaryDirectory()
        self.engine = make(Path(self.folder.name))
        self.ns = 0
        self.hidden: set[int] = set()
        self.clients: dict[int, SyncClient] = {}
        # On Citus the engine creates its tables in its own way.
        asyncio.run(self._create())
        self.running = running(
            store=self.engine.address, settings=self.settings, clock=lambda: self.ns
        )
        self.service = self.running.__enter__()

    async def _create(self) -> None:
        await (await self.engine.open(lambda: self.ns)).close()

    def start(self, names: Mapping[int, str], now: int) -> None:
        self.mids = sorted(names)
        self.set_time(now)
        for mid, name in names.items():
            self.service.add_accounts(cards={mid: Card(name=name)})
            session = self.service.sign_in(mid)
            credential = Credential(session.sessdata, session.bili_jct)
            self.clients[mid] = SyncClient(base_url=self.service.base_url, credential=credential)

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
            self.service.import_edges([row])
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
        (self.hidden.add if hide_followings else self.hidden.discard)(mid)
        privacy = Privacy(
            hide_followings=hide_followings,
            hide_followers=hide_followers,
            refuse_follows=refuse_follows,
            approve_followers=approve_followers,
        )
        self.service.set_privacy(mid, privacy)

    def set_state(self, mid: int, state: str) -> None:
        self.service.set_state(mid, STATES[state])
        if state == DEREGISTERED:  # the service trusts the session for a second more
            self.ns += 10**9
            assert code(self.clients[mid].relation.friends) == -101
            self.ns -= 10**9

    def visit(self, owner: int, target: int) -> None:
        self.clients[owner].relation.mutual(target)
        self.service.do(lambda store: store.flush_visits())

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
        common = self.service.do(lambda store: store.common(owner, other, ALL))
        return [row.mid for row in common.rows]

    def requests_of(self, owner: int) -> tuple[list[int], list[int]]:
        raise NotImplementedError

    def faults(self) -> list[str]:
        async def found(store: Store) -> list[str]:
            return [f"{fault.invariant}: {fault.detail}" async for fault in store.check()]

        return self.service.do(found)

    def close(self) -> None:
        for client in self.clients.values():
            client.close()
        self.running.__exit__(None, None, None)
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
