"""When the store fails: -503 where nothing was done, -504 where it may have been, and no trace."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.limits import DOCUMENTED
from guanxi.service import pages
from guanxi.service.config import Settings
from guanxi.stores.port import StoreError, StoreTimeout, StoreUnavailable
from tests.service.client import call, fresh, modify, send
from tests.service.faults import faulty_service
from tests.service.logged import lines_of, logged

_SECRET_TEXT = "what only the inside knows"


@pytest.mark.parametrize(
    ("endpoint", "status", "code"), [(e.FRIENDS, 503, -503), (e.MODIFY, 504, -504)]
)
def test_an_unexpected_error(endpoint: Endpoint, status: int, code: int, tmp_path: Path) -> None:
    with faulty_service(tmp_path) as (service, store), logged() as lines:
        caller, other = fresh(service, 2)
        store.error = RuntimeError(_SECRET_TEXT)
        fields = {"fid": other.mid, "act": 1, "re_src": 11}
        answer = call(service, endpoint, caller, fields)
        assert (answer.status, answer.code) == (status, code)
        assert _SECRET_TEXT not in answer.raw.decode()
        assert "Error" not in answer.raw.decode()
        [line] = [line for line in lines_of(lines) if line["event"] == "failed"]
        assert line["request_id"] == answer.headers["x-request-id"]
        assert line["endpoint"] == endpoint.name
        assert line["error"]["type"] == "RuntimeError"
        assert any("faults.py" in frame for frame in line["error"]["at"])
        assert _SECRET_TEXT not in lines.getvalue()


@pytest.mark.parametrize("endpoint", [e.FRIENDS, e.MODIFY], ids=lambda one: one.name)
def test_a_request_that_takes_too_long(endpoint: Endpoint, tmp_path: Path) -> None:
    settings = Settings(profile=DOCUMENTED, request_seconds=0.3)
    with faulty_service(tmp_path, settings) as (service, store):
        caller, other = fresh(service, 2)
        store.held = True
        answer = call(service, endpoint, caller, {"fid": other.mid, "act": 1, "re_src": 11})
        assert (answer.status, answer.code) == (504, -504)
        assert store.held, "it was cut off, not waited for"
        store.held = False
        assert call(service, endpoint, caller, {"fid": other.mid, "act": 1, "re_src": 11}).code == 0


@pytest.mark.parametrize(
    "error", [StoreUnavailable("the disk is full"), StoreError("permission denied")]
)
def test_a_failed_write_changes_nothing(error: StoreError, tmp_path: Path) -> None:
    with faulty_service(tmp_path) as (service, store):
        caller, other = fresh(service, 2)
        store.error = error
        store.verbs = frozenset({"change"})
        assert modify(service, caller, other.mid, 1).code == -503
        store.error = None
        relation = call(service, e.RELATION, caller, {"fid": other.mid}).data
        assert relation["attribute"] == 0
        assert modify(service, caller, other.mid, 1).code == 0


def test_readiness_depends_on_the_store_and_health_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "READY_SECONDS", -1.0)
    with faulty_service(tmp_path) as (service, store), logged():
        assert send(service.base_url, "GET", "/readyz").status == 200
        for error in (StoreUnavailable("locked"), RuntimeError(_SECRET_TEXT)):
            store.error = error
            answer = send(service.base_url, "GET", "/readyz")
            assert (answer.status, answer.body) == (503, {"status": "unavailable"})
            assert answer.headers["retry-after"]
        assert send(service.base_url, "GET", "/healthz").status == 200


def test_a_flood_of_checks_of_readiness_does_not_flood_the_log(tmp_path: Path) -> None:
    with faulty_service(tmp_path) as (service, store), logged() as lines:
        store.error = StoreUnavailable("locked")
        for _ in range(50):
            assert send(service.base_url, "GET", "/readyz").status == 503
        # At most one line a second; the fifty took far less than twenty.
        assert 0 < [line["event"] for line in lines_of(lines)].count("not ready") < 20


def test_many_checks_of_readiness_write_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "READY_SECONDS", 1e6)
    with faulty_service(tmp_path) as (service, store), logged():
        store.error = StoreUnavailable("locked")
        assert send(service.base_url, "GET", "/readyz").status == 503
        store.error = None
        assert send(service.base_url, "GET", "/readyz").status == 200
        store.error = StoreUnavailable("locked")  # nobody queries the store again
        assert send(service.base_url, "GET", "/readyz").status == 200


def test_a_failure_to_write_visits_stops_nothing(tmp_path: Path) -> None:
    with logged() as lines:
        with faulty_service(tmp_path) as (service, store):
            store.verbs = frozenset({"flush_visits"})
            store.error = StoreTimeout("no answer in time")
            assert call(service, e.NAV).code == -101
        # Once at the end, and every three seconds until then.
        assert {line["event"] for line in lines_of(lines)} == {"visits not written"}


def test_a_flood_of_failures_is_logged_once_a_second_with_its_number(tmp_path: Path) -> None:
    with faulty_service(tmp_path) as (service, store), logged() as lines:
        [caller] = fresh(service)
        store.error = StoreUnavailable("the disk is full")
        store.verbs = frozenset({"page"})
        for _ in range(50):
            assert call(service, e.FOLLOWINGS, caller, {"vmid": caller.mid}).code == -503
        until = time.monotonic() + 30
        while sum(map(failures_in, lines_of(lines))) < 50:
            assert time.monotonic() < until
            time.sleep(0.05)
        of_requests = [line for line in lines_of(lines) if failures_in(line)]
    assert sum(map(failures_in, of_requests)) == 50
    assert of_requests[0]["error"]["type"] == "StoreUnavailable"
    assert {line["endpoint"] for line in of_requests} == {"relation.followings"}
    # At most one line of each event a second; the fifty took far less than twenty.
    assert len(of_requests) < 40


def failures_in(line: dict[str, Any]) -> int:
    """Return how many failures a log line counts."""
    times: dict[str, int] = {"failed": 1, "failed again": line.get("times", 0)}
    return times.get(line["event"], 0)
