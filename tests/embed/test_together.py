"""One state machine drives a graph, a service of the same store and the plain model together.

Every other act is done by the library, those between by a client over HTTP in the profile ``open``:
requests to follow are made by ``act`` 1, and answered on the administration address. What each
shows is compared with the model and with the other, and at the end the feed of changes is replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count as numbers
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from guanxi import Graph
from guanxi.contract import errors
from guanxi.contract.limits import OPEN
from guanxi.embed import Item
from guanxi.graph.pair import REQUESTED, Act
from guanxi.service.config import Settings, with_limits
from guanxi.stores.port import Store
from tests.counts import count
from tests.embed.driver import LIMITS, ThroughGraph
from tests.end_to_end.driver import ServiceDriver, code
from tests.machine import (
    APPROVE,
    CANCEL_REQUEST,
    DECLINE,
    DEREGISTERED,
    FOLLOWING_CAP,
    MOST_GROUPS,
    RelationMachine,
    people,
)
from tests.service.test_admin import admin
from tests.stores.engines import ENGINES, Engine
from tests.stores.replay import Replay

SETTINGS = Settings(
    profile=with_limits(OPEN, {"following_cap": FOLLOWING_CAP, "groups": MOST_GROUPS})
)
#: By the answer of the administration address to an act on a request.
_CODES = {
    "an account cannot do this to itself": 22001,
    "one of the accounts does not exist, or left": 40061,
    "the target does not request to follow the account": -404,
    "the account is deregistered": -101,
    errors.AccountDeregistered.meaning: 22013,
    errors.AccountBanned.meaning: -102,
    "the account blocks the target": 22003,
    "the target blocks the account": 22002,
    "the target follows as many accounts as it may": 22009,
}
_PATHS = {
    Act.APPROVE: ("PUT", "requests"),
    Act.DECLINE: ("DELETE", "requests"),
    Act.CANCEL_REQUEST: ("DELETE", "sent-requests"),
}


class OverHTTP(ServiceDriver):
    """A service in the profile ``open``, with requests to follow and the feed of changes."""

    requests = True
    settings = SETTINGS

    def start(self, names: Mapping[int, str], now: int) -> None:
        self.service.do(lambda store: store.set_changes(True))
        super().start(names, now)

    def modify(self, owner: int, target: int, act: int) -> int:
        if act in _PATHS:
            return self._answer(owner, target, Act(act))
        done: list[Any] = []
        given = {"fid": target, "act": act, "re_src": 11}
        refusal = code(lambda: done.append(self.clients[owner].call("relation.modify", given)))
        return REQUESTED if done and (done[0] or {}).get("requested") else refusal

    def _answer(self, owner: int, target: int, act: Act) -> int:
        method, path = _PATHS[act]
        answer = admin(self.service, method, f"/accounts/{owner}/{path}/{target}")
        return 0 if answer.status == 200 else _CODES.get(answer.body["error"], answer.status)

    def requests_of(self, owner: int) -> tuple[list[int], list[int]]:
        received, sent = [
            admin(self.service, "GET", f"/accounts/{owner}/{path}").body["requests"]
            for path in ("requests", "sent-requests")
        ]
        return [row["mid"] for row in received], [row["mid"] for row in sent]


class Together(ThroughGraph, OverHTTP):
    """Lets the graph do every other act, and compares what it reads with what the client reads."""

    def __init__(self, make: Callable[[Path], Engine]) -> None:
        super().__init__(make)
        self.turns = numbers()
        graphs: list[Graph] = []

        async def keep(store: Store) -> None:
            graphs.append(Graph(store, limits=LIMITS, clock=lambda: self.ns))

        self.service.do(keep)
        [self.graph] = graphs

    def call(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        async def work(_: Store) -> Any:
            return await getattr(self.graph, verb)(*args, **kwargs)

        return self.service.do(work)

    def iterated(self, verb: str, *args: Any, **kwargs: Any) -> list[Item]:
        async def work(_: Store) -> list[Item]:
            return [item async for item in getattr(self.graph, f"iter_{verb}")(*args, **kwargs)]

        return self.service.do(work)

    @property
    def doer(self) -> Any:
        """Return what does the next act: this driver over HTTP, or through the graph."""
        return super() if next(self.turns) % 2 else super(ThroughGraph, self)

    def modify(self, owner: int, target: int, act: int) -> int:
        done: int = self.doer.modify(owner, target, act)
        return done

    def create_group(self, owner: int, name: str) -> tuple[int, int]:
        done: tuple[int, int] = self.doer.create_group(owner, name)
        return done

    def rename_group(self, owner: int, group: int, name: str) -> int:
        done: int = self.doer.rename_group(owner, group, name)
        return done

    def delete_group(self, owner: int, group: int) -> int:
        done: int = self.doer.delete_group(owner, group)
        return done

    def regroup(
        self, owner: int, mode: str, members: list[int], groups: list[int], before: list[int]
    ) -> int:
        done: int = self.doer.regroup(owner, mode, members, groups, before)
        return done

    def requests_of(self, owner: int) -> tuple[list[int], list[int]]:
        shown = super().requests_of(owner)
        assert shown == super(ThroughGraph, self).requests_of(owner)
        return shown

    def faults(self) -> list[str]:
        """Replay the whole feed into an empty model, and compare that with the graph."""
        self.service.do(lambda store: Replay().check(store, self.mids))
        return super().faults()


answers = st.permutations([APPROVE, DECLINE, CANCEL_REQUEST])


class TogetherMachine(RelationMachine):
    """Without imports, after which a reader of the feed has to start again from an export."""

    def import_whisper(self, owner: int, other: int, ago: int) -> None:
        """Do nothing."""

    @rule(asker=people, owner=people, answers=answers)
    def ask_and_answer(self, asker: int, owner: int, answers: list[int]) -> None:
        """Request to follow an account that approves its followers, and answer that, repeatedly."""
        for act in answers:
            self.ask(owner, [asker])
            pair = (asker, owner) if act == CANCEL_REQUEST else (owner, asker)
            self.modify(*pair, act)
            if self.model.states[owner] != DEREGISTERED:
                received, _ = self.driver.requests_of(owner)
                pending = self.model.pending
                assert sorted(received) == sorted(a for a, b in pending if b == owner)


class OnSQLite(TogetherMachine):
    make = partial(Together, ENGINES["sqlite"])


class OnPostgreSQL(TogetherMachine):
    make = partial(Together, ENGINES["postgresql"])


OnSQLite.TestCase.settings = settings(max_examples=count(2, 12), stateful_step_count=count(20, 50))
OnPostgreSQL.TestCase.settings = settings(
    max_examples=count(1, 5), stateful_step_count=count(15, 50)
)
TestOnSQLite = OnSQLite.TestCase
TestOnPostgreSQL = pytest.mark.usefixtures("server")(OnPostgreSQL.TestCase)
