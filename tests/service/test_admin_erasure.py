"""Erasing an account over the administration, on every engine, and what a client sees of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guanxi.accounts.account import DEREGISTERED_CARD
from guanxi.contract import endpoints as e
from guanxi.contract import params as p
from guanxi.graph.pair import Act
from guanxi.operations import erasing
from guanxi.service.config import Settings
from guanxi.service.handlers import relation_lists
from guanxi.service.handling import Service
from guanxi.stores import open_store
from guanxi.stores.layer import Layer
from guanxi.stores.port import Erasure, Store
from guanxi.testing import RunningService, running
from tests import postgres
from tests.service.client import call, fresh, modify
from tests.service.test_admin import admin
from tests.stores.world import faults, follow, people

_SECONDS = 60


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest) -> Iterator[RunningService]:
    if request.param == "sqlite":
        with running("open") as one:
            yield one
    else:
        with postgres.schema() as address, running("open", store=address) as one:
            yield one


def finished(service: RunningService, mid: int) -> dict[str, Any]:
    """Wait for the end of an erasure, and return what is shown of it."""
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        answer = admin(service, "GET", f"/accounts/{mid}/erasure")
        assert answer.status == 200
        if answer.body["finished"]:
            return dict(answer.body)
    raise TimeoutError("the erasure does not end")


def test_an_account_is_erased(service: RunningService) -> None:
    caller, friend, other = fresh(service, 3)
    modify(service, caller, friend.mid, Act.FOLLOW)
    modify(service, friend, caller.mid, Act.FOLLOW)
    modify(service, other, caller.mid, Act.BLOCK)
    path = f"/accounts/{caller.mid}"
    answer = admin(service, "DELETE", path)
    assert answer.status == 202
    assert answer.headers["location"] == f"{path}/erasure"
    shown = finished(service, caller.mid)
    assert shown["counts"] == {
        "sessions": 1,
        "followings": 1,
        "followers": 1,
        "blocked_it": 1,
        "account": 1,
    }
    assert (shown["mid"], shown["stage"]) == (caller.mid, "finished")
    assert shown["begun"] <= shown["finished"] <= time.time() + 1
    again = admin(service, "DELETE", path)
    assert (again.status, again.body) == (202, shown)
    assert admin(service, "GET", path).status == 404
    assert admin(service, "PUT", path, {"card": {"name": "again"}}).status == 409
    assert admin(service, "POST", f"{path}/sessions").status == 404
    for vmid in (friend.mid, other.mid):
        stat = call(service, e.STAT, friend, {"vmid": vmid}).data
        assert (stat["following"], stat["follower"]) == (0, 0)
    assert call(service, e.FOLLOWERS, friend, {"vmid": friend.mid}).data["list"] == []
    assert modify(service, friend, caller.mid, Act.FOLLOW).code == 40061
    until = time.monotonic() + _SECONDS  # a worker may remember the session for a second
    while call(service, e.BLACKS, caller).code != -101:
        assert time.monotonic() < until


@pytest.mark.parametrize("method", ["DELETE /accounts/{}", "GET /accounts/{}/erasure"])
def test_an_unknown_account_is_not_found(method: str, service: RunningService) -> None:
    verb, path = method.split()
    answer = admin(service, verb, path.format(99_999_999))
    assert answer.status == 404
    assert answer.body["error"]


def test_a_service_continues_what_another_process_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"

    async def begin() -> Erasure:
        store = await open_store(str(path), create=True)
        await people(store, *range(1, 30))
        await follow(store, 1, *range(2, 30))
        with monkeypatch.context() as patch:
            patch.setattr("guanxi.stores.sqlite.erasing.CALL_SECONDS", 0.0)
            erased = await erasing.begin(store, 1)
        await store.close()
        return erased

    assert not asyncio.run(begin()).finished
    with running("open", store=str(path)) as service:
        assert finished(service, 1)["counts"] == {"followings": 28, "account": 1}

        async def check(store: Store) -> list[str]:
            return await faults(store)

        assert service.do(check) == []


class Between(Layer):
    """A store in which an account is erased after each read of rows, before its card is read."""

    gone = 0

    async def page(self, *args: Any) -> Any:
        rows = await self.store.page(*args)
        await erasing.erase(self.store, self.gone)
        return rows

    async def members(self, *args: Any) -> Any:
        rows = await self.store.members(*args)
        await erasing.erase(self.store, self.gone)
        return rows


def test_a_page_that_is_being_read_shows_an_erased_account_as_one_that_left(tmp_path: Path) -> None:
    async def work() -> None:
        store = await open_store(str(tmp_path / "s.db"), create=True)
        await people(store, 1, 2, 3, 4, 5)
        await follow(store, 1, 2, 3, 4, 5)
        between = Between(store)
        service = Service(between, Settings())
        pages: list[tuple[int, Callable[[], Awaitable[bytes]]]] = [
            (2, lambda: relation_lists.followings(service, 1, p.FollowingsParams(vmid=1))),
            (3, lambda: relation_lists.group_members(service, 1, p.GroupParams(tagid=0))),
        ]
        for between.gone, read in pages:
            response = await read()
            assert DEREGISTERED_CARD.name.encode() in response
            assert b"u5" in response
        await store.close()

    asyncio.run(work())
