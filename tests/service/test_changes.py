"""GET /changes on the administration address: JSON Lines, long polls and server-sent events."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from guanxi.accounts.account import Card
from guanxi.contract.limits import Limits
from guanxi.graph.pair import Act, Modify
from guanxi.operations import accounts
from guanxi.service import changes, periodic
from guanxi.testing import RunningService, running
from tests.service.client import Answer, send


@pytest.fixture
def service() -> Iterator[RunningService]:
    with running() as one:
        one.do(lambda store: store.set_changes(True))
        one.add_accounts(1, 2, 3, 4)
        yield one


def get(service: RunningService, query: str = "", **headers: str) -> Answer:
    bearer = {"Authorization": f"Bearer {service.admin_token}"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send(service.admin_url, "GET", "/changes", query=query, headers=bearer | named)


def follow(service: RunningService, owner: int, *targets: int) -> None:
    acts = [Modify(owner, target, Act.FOLLOW) for target in targets]
    service.do(lambda store: store.change(acts, Limits().caps))


def end(service: RunningService) -> str:
    return service.do(lambda store: store.changes_status()).cursor


def items(answer: Answer) -> list[Any]:
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/jsonl"
    return [json.loads(line) for line in answer.raw.splitlines()]


def test_changes_are_lines_of_json(service: RunningService) -> None:
    start = end(service)
    follow(service, 1, 2, 3)
    found = get(service, f"after={start}&limit=1")
    [first] = items(found)
    assert (first["kind"], first["actor"], first["target"]) == ("follow", 1, 2)
    assert first["before"] == {}
    assert first["after"].keys() == {"actor"}
    assert found.headers["guanxi-cursor"] == first["cursor"]
    [second] = items(get(service, f"after={first['cursor']}"))
    assert (second["target"], second["number"]) == (3, first["number"] + 1)
    nothing = get(service, f"after={second['cursor']}")
    assert items(nothing) == []
    assert nothing.headers["guanxi-cursor"] == second["cursor"]
    # Without a cursor, from the oldest kept change.
    assert [item["actor"] for item in items(get(service))] == [1, 2, 3, 4, 1, 1]


def test_a_long_poll_ends_with_the_first_change(service: RunningService) -> None:
    start = end(service)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(get, service, f"after={start}&wait=30")
        follow(service, 1, 2)
        assert [item["target"] for item in items(waiting.result())] == [2]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=1.5",
        "limit=x",
        "wait=-1",
        "wait=30.1",
        "wait=nan",
        "after=x",
    ],
)
def test_invalid_parameters_are_refused(service: RunningService, query: str) -> None:
    assert get(service, query).status == 400


def test_cursors_are_refused_by_name(service: RunningService) -> None:
    start = end(service)
    follow(service, 1, 2, 3)
    service.do(lambda store: store.trim_changes(keep_rows=1))
    answer = get(service, f"after={start}")
    assert (answer.status, answer.body["error"].partition(":")[0]) == (410, "CursorTooOld")
    assert "guanxi store export" in answer.body["error"]
    service.do(lambda store: store.set_changes(False))
    answer = get(service, f"after={start}")
    assert (answer.status, answer.body["error"].partition(":")[0]) == (409, "ChangesOff")
    service.do(lambda store: store.set_changes(True))
    answer = get(service, f"after={start}")
    assert answer.status == 409
    assert answer.body["error"].startswith("CursorOfAnotherStore:")


class Events:
    """An open stream of events."""

    def __init__(self, service: RunningService, query: str = "", **headers: str) -> None:
        address = urlsplit(service.admin_url)
        self.connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=30
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {
            "Authorization": f"Bearer {service.admin_token}",
            "Accept": "text/event-stream",
        }
        self.connection.request("GET", f"/changes?{query}", headers=named)
        self.response = self.connection.getresponse()

    def read(self) -> dict[str, str]:
        """Return the fields of the next event; {} for one that is only a comment."""
        fields = {}
        while (line := self.response.readline().decode().rstrip("\n")) != "":
            name, _, value = line.partition(": ")
            fields[name] = value
        return {name: value for name, value in fields.items() if name}

    def event(self) -> dict[str, str]:
        while not (fields := self.read()).keys() & {"id", "event"}:
            pass
        return fields

    def close(self) -> None:
        self.response.close()
        self.connection.close()


def test_events_have_ids_with_which_a_client_continues(service: RunningService) -> None:
    start = end(service)
    follow(service, 1, 2)
    events = Events(service, f"after={start}")
    assert events.response.status == 200
    assert events.response.headers["content-type"].startswith("text/event-stream")
    assert events.read() == {"retry": "1000"}
    first = events.event()
    assert json.loads(first["data"])["target"] == 2
    assert json.loads(first["data"])["cursor"] == first["id"]
    follow(service, 1, 3)
    assert json.loads(events.event()["data"])["target"] == 3
    events.close()
    follow(service, 1, 4)
    again = Events(service, f"after={start}", Last_Event_ID=first["id"])
    assert [json.loads(again.event()["data"])["target"] for _ in range(2)] == [3, 4]
    again.close()


def test_a_stream_says_why_it_ends(
    service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_QUIET_SECONDS", 0.05)
    events = Events(service, f"after={end(service)}")
    assert events.read() == {"retry": "1000"}
    assert events.read() == events.read() == {}  # comments while nothing changes
    service.do(lambda store: store.set_changes(False))
    last = events.event()
    assert last["event"] == "error"
    assert json.loads(last["data"])["error"].startswith("ChangesOff:")
    assert events.response.read() == b""
    events.close()
    with_status = Events(service)
    assert with_status.response.status == 409
    with_status.close()


def test_a_service_deletes_old_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periodic, "CHANGES_SECONDS", 0.01)
    with running() as service:
        service.do(lambda store: store.set_changes(True, keep_rows=2))

        async def add(store: Any) -> None:
            for mid in range(1, 6):
                await accounts.put(store, mid, Card(name=f"u{mid}"))
            while len((await store.changes(None)).items) > 2:
                await asyncio.sleep(0.01)

        service.do(add)
        assert [item["actor"] for item in items(get(service))] == [4, 5]
