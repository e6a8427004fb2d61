"""Administration of requests to follow, on every engine, and what a client sees of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from guanxi.accounts.account import Privacy
from guanxi.contract import endpoints as e
from guanxi.graph.pair import Act
from guanxi.testing import RunningService, running
from tests import postgres
from tests.service.client import call, fresh, modify
from tests.service.test_admin import admin


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest) -> Iterator[RunningService]:
    if request.param == "sqlite":
        with running("open") as one:
            yield one
    else:
        with postgres.schema() as address, running("open", store=address) as one:
            yield one


def listed(service: RunningService, path: str) -> list[int]:
    answer = admin(service, "GET", path)
    assert answer.status == 200
    return [item["mid"] for item in answer.body["requests"]]


def test_a_request_is_listed_and_approved(service: RunningService) -> None:
    one, other, approving = fresh(service, 3)
    service.set_privacy(approving.mid, Privacy(approve_followers=True))
    for caller in (one, other):
        answer = modify(service, caller, approving.mid, Act.FOLLOW)
        assert (answer.code, answer.data) == (0, {"requested": True})
        assert call(service, e.RELATION, caller, {"fid": approving.mid}).data["attribute"] == 0
    path = f"/accounts/{approving.mid}/requests"
    assert listed(service, path) == [other.mid, one.mid]
    first = admin(service, "GET", f"{path}?limit=1").body
    assert listed(service, f"{path}?limit=1&after={first['next']}") == [one.mid]
    assert listed(service, f"/accounts/{one.mid}/sent-requests") == [approving.mid]
    assert admin(service, "PUT", f"{path}/{one.mid}").status == 200
    assert call(service, e.RELATION, one, {"fid": approving.mid}).data["attribute"] == 2
    assert admin(service, "DELETE", f"{path}/{other.mid}").status == 200
    assert listed(service, path) == []
    assert admin(service, "PUT", f"{path}/{other.mid}").status == 404
    modify(service, other, approving.mid, Act.FOLLOW)
    sent = f"/accounts/{other.mid}/sent-requests/{approving.mid}"
    assert admin(service, "DELETE", sent).status == 200
    assert listed(service, path) == []


def test_an_approval_across_a_block_is_refused(service: RunningService) -> None:
    """The block ended the request; the answer names who blocks whom."""
    blocking, other = fresh(service, 2)
    modify(service, blocking, other.mid, Act.BLOCK)
    pairs = [(blocking, other, "account blocks"), (other, blocking, "target blocks")]
    for approver, sender, text in pairs:
        answer = admin(service, "PUT", f"/accounts/{approver.mid}/requests/{sender.mid}")
        assert answer.status == 409
        assert text in answer.body["error"]


def test_a_batch_of_follows_fails_for_no_request(service: RunningService) -> None:
    caller, plain, approving = fresh(service, 3)
    service.set_privacy(approving.mid, Privacy(approve_followers=True))
    fids = f"{plain.mid},{approving.mid},{caller.mid}"
    answer = call(service, e.BATCH_MODIFY, caller, {"fids": fids, "act": 1, "re_src": 11})
    assert (answer.code, answer.data["failed_fids"]) == (0, [caller.mid])
    assert listed(service, f"/accounts/{approving.mid}/requests") == [caller.mid]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/accounts/99999999/requests", 404),
        ("GET", "/accounts/{mid}/requests?after=x", 400),
        ("GET", "/accounts/{mid}/requests?limit=0", 400),
        ("GET", "/accounts/{mid}/requests?page=1", 400),
        ("PUT", "/accounts/{mid}/requests/{mid}", 400),
        ("PUT", "/accounts/{mid}/requests/99999999", 404),
    ],
)
def test_what_is_refused(method: str, path: str, status: int, service: RunningService) -> None:
    [account] = fresh(service, 1)
    answer = admin(service, method, path.format(mid=account.mid))
    assert answer.status == status
    assert answer.body["error"]
