"""Administration of accounts and sessions over HTTP, on every engine."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from guanxi.contract import endpoints as e
from guanxi.contract import errors
from guanxi.graph.pair import Act
from guanxi.testing import RunningService, SignedIn, running
from tests import postgres
from tests.service.client import Answer, call, follow, fresh, modify
from tests.service.test_admin import admin
from tests.stores.engines import START, Clock

BANNED = errors.AccountBanned.number


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, clock: Clock) -> Iterator[RunningService]:
    if request.param == "sqlite":
        with running(clock=clock) as one:
            yield one
    else:
        with postgres.schema() as address, running(store=address, clock=clock) as one:
            yield one


def get(service: RunningService, path: str) -> Answer:
    answer = admin(service, "GET", path)
    assert answer.status == 200, answer.body
    return answer


def test_accounts_are_listed_page_by_page(service: RunningService, clock: Clock) -> None:
    now = clock.ns // 10**9
    for mid, name in ((71, "Liste b"), (72, "liste a"), (73, "LISTE c"), (74, "other")):
        assert admin(service, "PUT", f"/accounts/{mid}", {"card": {"name": name}}).status == 200
    body = {"state": "banned", "reason": "spam", "until": now + 10**6}
    assert admin(service, "PUT", "/accounts/73/state", body).status == 200
    pages, after = [], ""
    while True:
        page = get(service, f"/accounts?name=liste&limit=2{after}").body
        pages.append([account["mid"] for account in page["accounts"]])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert pages == [[72, 71], [73]]
    [banned] = get(service, "/accounts?name=LISTE&state=banned").body["accounts"]
    assert banned == {
        "mid": 73,
        "name": "LISTE c",
        "state": "banned",
        "ban": {"reason": "spam", "until": now + 10**6},
        "created": now,
    }
    assert get(service, f"/accounts?name=liste&created_after={now}").body["accounts"] == []
    found = get(service, f"/accounts?name=liste&created_before={now + 1}").body["accounts"]
    assert [account["mid"] for account in found] == [72, 71, 73]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/accounts?limit=0", 400),
        ("/accounts?limit=101", 400),
        ("/accounts?state=gone", 400),
        ("/accounts?created_after=-1", 400),
        ("/accounts?after=x", 400),
        ("/accounts?page=1", 400),
        ("/accounts/{mid}/relations", 400),
        ("/accounts/{mid}/relations?list=fans", 400),
        ("/accounts/{mid}/relations?list=blocks&after=x", 400),
        ("/accounts/99999999/relations?list=blocks", 404),
        ("/accounts/99999999/sessions", 404),
        ("/accounts/99999999/export", 404),
    ],
)
def test_what_is_refused(path: str, status: int, service: RunningService) -> None:
    [account] = fresh(service, 1)
    answer = admin(service, "GET", path.format(mid=account.mid))
    assert answer.status == status
    assert answer.body["error"]


@pytest.mark.parametrize(
    "body",
    [
        {"state": "banned", "until": START // 10**9},
        {"state": "banned", "until": 10**12},
        {"state": "banned", "reason": "x" * 513},
        {"state": "normal", "reason": "x"},
        {"state": "deregistered", "until": 2 * 10**9},
    ],
)
def test_what_no_ban_can_be(body: dict[str, object], service: RunningService) -> None:
    [account] = fresh(service, 1)
    assert admin(service, "PUT", f"/accounts/{account.mid}/state", body).status == 400
    assert get(service, f"/accounts/{account.mid}").body["state"] == "normal"


def test_a_ban_ends_by_the_clock(service: RunningService, clock: Clock) -> None:
    caller, other = fresh(service, 2)
    until = clock.ns // 10**9 + 60
    body = {"state": "banned", "reason": "spam", "until": until}
    assert admin(service, "PUT", f"/accounts/{caller.mid}/state", body).status == 200
    shown = get(service, f"/accounts/{caller.mid}").body
    assert (shown["state"], shown["ban"]) == ("banned", {"reason": "spam", "until": until})
    assert modify(service, caller, other.mid, Act.FOLLOW).code == BANNED
    # The documented API shows neither the reason nor the end.
    for endpoint, fields in ((e.NAV, {}), (e.CARD_BY_MID, {"mid": caller.mid})):
        answer = call(service, endpoint, caller, fields)
        assert answer.code == 0
        assert b"spam" not in answer.raw
        assert str(until).encode() not in answer.raw
    clock.advance(60)
    assert modify(service, caller, other.mid, Act.FOLLOW).code == 0
    shown = get(service, f"/accounts/{caller.mid}").body
    assert (shown["state"], shown["ban"]) == ("normal", None)


def test_the_lists_of_an_account(service: RunningService, clock: Clock) -> None:
    one, two, three, four = fresh(service, 4)
    follow(service, one, two)
    clock.advance(1)
    follow(service, one, three)
    follow(service, three, one)
    assert modify(service, one, four.mid, Act.BLOCK).code == 0
    path = f"/accounts/{one.mid}/relations?list="
    page = get(service, f"{path}followings&limit=1").body
    now = clock.ns // 10**9
    assert page["relations"] == [{"mid": three.mid, "time": now, "mutual": True, "groups": []}]
    page = get(service, f"{path}followings&limit=1&after={page['next']}").body
    assert page["relations"] == [{"mid": two.mid, "time": now - 1, "mutual": False, "groups": []}]
    assert page["next"] is None
    for name, mids in (
        ("followers", [three.mid]),
        ("friends", [three.mid]),
        ("blocks", [four.mid]),
        ("whispers", []),
        ("requests", []),
        ("sent_requests", []),
    ):
        assert [row["mid"] for row in get(service, path + name).body["relations"]] == mids


def signed_in(service: RunningService, mid: int) -> SignedIn:
    issued = admin(service, "POST", f"/accounts/{mid}/sessions", {}).body
    return SignedIn(mid, issued["sessdata"], issued["bili_jct"])


def test_of_two_sessions_one_is_revoked(service: RunningService, clock: Clock) -> None:
    assert admin(service, "PUT", "/accounts/81", {}).status == 200
    first = signed_in(service, 81)
    clock.advance(5)
    second = signed_in(service, 81)
    answer = get(service, "/accounts/81/sessions")
    newest, oldest = answer.body["sessions"]
    now = clock.ns // 10**9
    assert [(each["kind"], each["created"]) for each in (newest, oldest)] == [
        ("cookie", now),
        ("cookie", now - 5),
    ]
    for token in (first.sessdata, second.sessdata, first.bili_jct):
        assert token not in json.dumps(answer.body)
    assert get(service, "/accounts/81").body["sessions"] == 2
    path = f"/accounts/81/sessions/{oldest['id']}"
    assert admin(service, "DELETE", path).body == {"closed": 1}
    clock.advance(2)  # a session may count for one more second
    assert call(service, e.NAV, first).code == errors.NotSignedIn.number
    assert call(service, e.NAV, second).code == 0
    service.do(lambda store: store.flush_visits())
    [left] = get(service, "/accounts/81/sessions").body["sessions"]
    assert (left["id"], left["used"]) == (newest["id"], clock.ns // 10**9)
    assert admin(service, "DELETE", path).status == 404
    # The session of another account is not closed by the path of this one.
    assert admin(service, "PUT", "/accounts/82", {}).status == 200
    assert admin(service, "DELETE", f"/accounts/82/sessions/{newest['id']}").status == 404
    assert call(service, e.NAV, second).code == 0


def test_an_export_over_http(service: RunningService) -> None:
    one, two = fresh(service, 2)
    follow(service, one, two)
    answer = admin(service, "GET", f"/accounts/{one.mid}/export")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.raw.splitlines()]
    assert [line["part"] for line in lines] == ["account", "counts", "follow", "session", "end"]
    assert lines[2]["mid"] == two.mid
    assert one.sessdata.encode() not in answer.raw
