"""What a caller's long reads cost the others: nothing, beyond a bound, and only while it waits."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import apsw
import msgspec
import pytest
from msgspec.structs import replace

from guanxi.accounts.account import Card, Privacy, State
from guanxi.contract import endpoints as e
from guanxi.contract.limits import OPEN
from guanxi.contract.params import SearchParams
from guanxi.service.config import Settings
from guanxi.service.handlers import relation_lists
from guanxi.service.handling import Service
from guanxi.stores.port import EdgeRow, Store, Tally
from guanxi.stores.port import lanes as rules
from guanxi.stores.port.lanes import BOUNDS, Lane
from guanxi.stores.sqlite import SQLiteStore, reads, shared
from guanxi.testing import RunningService, SignedIn, running
from tests.service.client import call, fresh, send
from tests.service.logged import lines_of, logged

OTHER = 7
#: As long as a read may last, so that it stops for no other reason than the client's.
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    """A service whose reads of lists of more than 100 rows are long."""
    with pytest.MonkeyPatch.context() as patch, running("open") as service:
        patch.setattr(rules, "AT_ONCE_ROWS", 100)
        patch.setattr(rules, "SHORT_ROWS", 100)
        service.import_edges(
            EdgeRow(follower=OTHER, followed=mid, time=1) for mid in range(10, 210)
        )
        yield service


def never_end(patch: pytest.MonkeyPatch) -> None:
    """Let the read of shared followings last until it is stopped."""

    def tally(db: apsw.Connection, mid: int) -> Tally:
        list(db.execute(ENDLESS))
        return reads.tally(db, mid)

    patch.setattr(shared, "tally", tally)


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    never_end(monkeypatch)


def are_waiting(service: RunningService, number: int) -> bool:
    """Return whether so many reads wait or run in the long lane."""

    async def count(store: Store) -> int:
        engine: Any = store
        while not isinstance(engine, SQLiteStore):
            engine = engine.store
        return engine._lanes[Lane.LONG]._admission.all

    return service.do(count) == number


def wait_until(reached: Callable[[], bool]) -> None:
    """Wait until the service has done what must follow; fail if it never does."""
    until = time.monotonic() + 5
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.005)


def unread(service: RunningService, caller: SignedIn) -> socket.socket:
    """Return a connection with a request whose answer nobody reads."""
    address = urlsplit(service.base_url)
    assert address.hostname is not None
    connection = socket.create_connection((address.hostname, address.port or 0))
    target = f"{e.SAME.path}?vmid={OTHER}"
    head = f"GET {target} HTTP/1.1\r\nHost: {address.netloc}\r\nCookie: {caller.cookie}\r\n\r\n"
    connection.sendall(head.encode())
    return connection


@pytest.mark.usefixtures("endless")
def test_long_reads_are_bounded_and_stop_with_their_client(
    service: RunningService, caplog: pytest.LogCaptureFixture
) -> None:
    bounds = BOUNDS[Lane.LONG]
    *callers, late = fresh(service, bounds.address // bounds.account + 1)
    caplog.clear()
    with ExitStack() as connections, logged() as lines:
        for number, caller in enumerate(callers):
            for _ in range(bounds.account):
                connections.enter_context(closing(unread(service, caller)))
            wait_until(partial(are_waiting, service, (number + 1) * bounds.account))
            refused = call(service, e.SAME, caller, {"vmid": OTHER})
            assert (refused.status, refused.code) == (503, -503)
            assert refused.headers["retry-after"] == "1"
            assert "the account has too many long reads at once" in refused.reason
        refused = call(service, e.SAME, late, {"vmid": OTHER})
        assert (refused.status, refused.code) == (503, -503)
        assert "the address has too many long reads at once" in refused.reason
        for caller in (late, callers[0]):
            assert call(service, e.GROUPS, caller).code == 0
            assert call(service, e.FOLLOWINGS, caller, {"vmid": OTHER}).data["total"] == 200
            assert call(service, e.STAT, caller, {"vmid": OTHER}).data["following"] == 200
            assert call(service, e.RELATION, caller, {"fid": OTHER}).code == 0
        assert are_waiting(service, bounds.address), "all of them were there all the while"
    wait_until(partial(are_waiting, service, 0))
    assert not lines_of(lines), "neither refusals nor lost clients are failures"
    assert not caplog.records, "neither does the server complain"
    bearer = {"Authorization": f"Bearer {service.admin_token}"}
    metrics = send(service.admin_url, "GET", "/metrics", headers=bearer).raw.decode()
    counted = f'guanxi_requests_total{{code="-503",endpoint="{e.SAME.name}"}} '
    assert f"{counted}{bounds.address // bounds.account + 1}.0" in metrics


def test_the_lane_is_free_again(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read whose client has gone does not keep the next one waiting."""
    caller, other = fresh(service, 2)
    with monkeypatch.context() as patch:
        never_end(patch)
        with closing(unread(service, caller)):
            wait_until(partial(are_waiting, service, 1))
    answer = call(service, e.SAME, other, {"vmid": OTHER})
    assert (answer.code, answer.data["total"]) == (0, 0)


def test_a_search_examines_the_newest_followings(tmp_path: Path) -> None:
    """The bound of ``limits.searched`` holds for pages by number and by cursor, and for totals."""
    limits = replace(OPEN.limits, searched=5, own_followings=4)
    settings = Settings(profile=replace(OPEN, limits=limits))
    params = {
        "by number": SearchParams(vmid=1, ps=2, pn=2),
        "by number, named": SearchParams(vmid=1, name="1", ps=2, pn=1),
        "by cursor": SearchParams(vmid=1, ps=50, cursor=""),
        "by cursor, named": SearchParams(vmid=1, name="1", ps=50, cursor=""),
    }

    async def search() -> dict[str, tuple[int, list[int]]]:
        store = await SQLiteStore.open(tmp_path / "s.db", create=True)
        rows = [EdgeRow(follower=1, followed=mid, time=mid) for mid in range(8, 16)]
        cards = {mid: (Card(name=f"u{mid}"), Privacy(), State.NORMAL) for mid in (1, *range(8, 16))}
        await store.import_edges(lambda: rows, accounts=cards)
        service = Service(store, settings)
        found = {}
        for name, one in params.items():
            data = msgspec.json.decode(await relation_lists.search(service, 1, one))
            found[name] = data["total"], [item["mid"] for item in data["list"]]
        await store.close()
        return found

    # The eight are 8 to 15, the newest 15 first: 11 to 15 are searched, and 12 to 15 are listed.
    assert asyncio.run(search()) == {
        "by number": (5, [13, 12]),
        "by number, named": (5, [15, 14]),
        "by cursor": (5, [15, 14, 13, 12, 11]),
        "by cursor, named": (5, [15, 14, 13, 12, 11]),
    }
