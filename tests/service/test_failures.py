"""When the store fails: -503 where nothing was done, -504 where it may have been, and no trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.limits import DOCUMENTED
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


def test_readiness_depends_on_the_store_and_health_does_not(tmp_path: Path) -> None:
    with faulty_service(tmp_path) as (service, store), logged():
        assert send(service.base_url, "GET", "/readyz").status == 200
        for error in (StoreUnavailable("locked"), RuntimeError(_SECRET_TEXT)):
            store.error = error
            answer = send(service.base_url, "GET", "/readyz")
            assert (answer.status, answer.body) == (503, {"status": "unavailable"})
            assert answer.headers["retry-after"]
        assert send(service.base_url, "GET", "/healthz").status == 200


def test_a_failure_to_write_visits_stops_nothing(tmp_path: Path) -> None:
    with logged() as lines:
        with faulty_service(tmp_path) as (service, store):
            store.verbs = frozenset({"flush_visits"})
            store.error = StoreTimeout("no answer in time")
            assert call(service, e.NAV).code == -101
        assert [line["event"] for line in lines_of(lines)] == ["visits not written"]
