"""Administration of keys, mutes, dismissals and suggestions, on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import quote, urlencode

import pytest

from guanxi.contract.params import LATEST
from guanxi.graph.pair import Act
from guanxi.testing import RunningService, running
from tests import postgres
from tests.service.client import modify
from tests.service.test_admin import admin
from tests.stores.engines import Clock

UUID = "6f1c2f3e-2a63-4f1c-9d0b-5a4f7f1f2f3e"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, clock: Clock) -> Iterator[RunningService]:
    if request.param == "sqlite":
        with running("open", clock=clock) as one:
            yield one
    else:
        with postgres.schema() as address, running("open", store=address, clock=clock) as one:
            yield one


def now(clock: Clock) -> int:
    return clock.ns // 10**9


# --- keys ---


def test_an_account_by_its_key(service: RunningService) -> None:
    body = {"key": UUID, "card": {"name": "甲"}, "privacy": {"hide_followers": True}}
    answer = admin(service, "PUT", "/accounts", body)
    mid = answer.body["mid"]
    assert (answer.status, answer.body) == (200, {"mid": mid})
    assert 0 < mid < 2**53
    again = admin(service, "PUT", "/accounts", {"key": UUID, "card": {"sign": "s"}})
    assert (again.status, again.body) == (200, {"mid": mid})
    account = admin(service, "GET", f"/accounts/{mid}").body
    assert (account["key"], account["card"]["name"], account["card"]["sign"]) == (UUID, "甲", "s")
    assert account["privacy"]["hide_followers"] is True


def test_requests_at_once_with_one_key_make_one_account(service: RunningService) -> None:
    put = partial(admin, service, "PUT", "/accounts", {"key": "at once"})
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda _: put(), range(8))]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body["mid"] for answer in answers}) == 1


def test_a_put_gives_and_ends_a_key(service: RunningService) -> None:
    def key(mid: int) -> object:
        return admin(service, "GET", f"/accounts/{mid}").body["key"]

    assert admin(service, "PUT", "/accounts/101", {"key": "键/1 &"}).status == 200
    assert admin(service, "PUT", "/accounts/101", {"card": {"sign": "s"}}).status == 200
    assert admin(service, "PUT", "/accounts/101", {"key": None}).status == 200
    assert key(101) == "键/1 &"
    refused = admin(service, "PUT", "/accounts/102", {"key": "键/1 &", "card": {"name": "x"}})
    assert (refused.status, "another account has it" in refused.body["error"]) == (409, True)
    assert admin(service, "GET", "/accounts/102").status == 404
    assert admin(service, "PUT", "/accounts/101", {"key": ""}).status == 200
    assert key(101) is None
    assert admin(service, "PUT", "/accounts/102", {"key": "键/1 &"}).status == 200
    assert key(102) == "键/1 &"


def test_mids_of_keys_and_keys_of_mids(service: RunningService) -> None:
    keys = [f"k&{n}=？" for n in range(100)]
    mids = range(1_000, 1_100)
    for mid, key in zip(mids, keys, strict=True):
        assert admin(service, "PUT", f"/accounts/{mid}", {"key": key}).status == 200
    query = urlencode([("key", key) for key in keys])
    found = dict(zip(keys, mids, strict=True))
    assert admin(service, "GET", f"/mids?{query}").body == {"mids": found}
    query = urlencode([("mid", mid) for mid in mids])
    by_mid = {str(mid): key for key, mid in found.items()}
    assert admin(service, "GET", f"/keys?{query}").body == {"keys": by_mid}
    assert admin(service, "GET", "/mids?key=nobody").body == {"mids": {}}
    assert admin(service, "GET", "/keys?mid=999&mid=1000").body == {"keys": {"1000": keys[0]}}


@pytest.mark.parametrize("key", ["", "x" * 256, "a\u0007", "a\n"])
def test_what_is_no_key_is_refused(service: RunningService, key: str) -> None:
    answers = [
        admin(service, "PUT", "/accounts", {"key": key}),
        admin(service, "GET", f"/mids?key={quote(key)}"),
    ]
    if key:
        answers.append(admin(service, "PUT", "/accounts/2000", {"key": key}))
    for answer in answers:
        assert (answer.status, "1 to 255 characters" in answer.body["error"]) == (400, True)
    assert admin(service, "GET", "/accounts/2000").status == 404


# --- mutes, dismissals, suggestions ---


def test_a_mute_for_a_time_and_for_good(service: RunningService, clock: Clock) -> None:
    service.add_accounts(1, 2, 3)
    began = now(clock)
    assert admin(service, "PUT", "/accounts/1/mutes/2", {"until": began + 60}).status == 200
    clock.advance(1)
    assert admin(service, "PUT", "/accounts/1/mutes/3").status == 200
    both = [
        {"mid": 3, "time": began + 1, "until": None},
        {"mid": 2, "time": began, "until": began + 60},
    ]
    assert admin(service, "GET", "/accounts/1/mutes").body == {"mutes": both, "next": None}
    assert admin(service, "GET", "/accounts/2/mutes").body == {"mutes": [], "next": None}
    clock.advance(59)
    assert admin(service, "GET", "/accounts/1/mutes").body["mutes"] == both[:1], "one has ended"
    assert admin(service, "DELETE", "/accounts/1/mutes/3").status == 200
    assert admin(service, "DELETE", "/accounts/1/mutes/3").status == 200
    assert admin(service, "GET", "/accounts/1/mutes").body["mutes"] == []


def test_pages_of_mutes(service: RunningService, clock: Clock) -> None:
    service.add_accounts(*range(200, 211))
    for target in range(201, 211):
        admin(service, "PUT", f"/accounts/200/mutes/{target}")
        clock.advance(target % 2)
    seen: list[int] = []
    path = "/accounts/200/mutes?limit=3"
    after: str | None = ""
    while after is not None:
        page = admin(service, "GET", path + (f"&after={after}" if after else "")).body
        assert len(page["mutes"]) <= 3
        seen += [mute["mid"] for mute in page["mutes"]]
        after = page["next"]
    assert seen == [*range(210, 200, -1)]


def test_suggestions_without_whom_an_account_dismissed(service: RunningService) -> None:
    service.add_accounts(*range(301, 307))
    for follower, followed in ((301, 302), (301, 303), (302, 304), (303, 304), (302, 305)):
        assert modify(service, service.sign_in(follower), followed, Act.FOLLOW).code == 0

    def suggested(query: str = "") -> list[dict[str, int]]:
        found: list[dict[str, int]] = admin(
            service, "GET", f"/accounts/301/suggestions{query}"
        ).body["suggestions"]
        return found

    first = {"mid": 304, "shared": 2, "followers": 2}
    assert suggested() == [first, {"mid": 305, "shared": 1, "followers": 1}]
    assert suggested("?limit=1") == [first]
    assert admin(service, "PUT", "/accounts/301/dismissals/304").status == 200
    assert [one["mid"] for one in suggested()] == [305]
    assert admin(service, "PUT", "/accounts/301/mutes/305").status == 200
    assert suggested() == []
    assert admin(service, "DELETE", "/accounts/301/dismissals/304").status == 200
    assert suggested() == [first]


@pytest.mark.parametrize(("path", "one"), [("mutes", 400), ("dismissals", 450)])
def test_refused_marks_change_nothing(service: RunningService, path: str, one: int) -> None:
    left, banned, nobody = one + 1, one + 2, one + 9
    service.add_accounts(one, left, banned)
    for mid, state in ((left, "deregistered"), (banned, "banned")):
        assert admin(service, "PUT", f"/accounts/{mid}/state", {"state": state}).status == 200
    cases = [
        (one, one, 400, "to itself"),
        (one, nobody, 404, "does not exist"),
        (nobody, one, 404, "does not exist"),
        (one, left, 409, "deregistered"),
        (left, one, 404, "does not exist"),
        (banned, one, 409, "banned"),
    ]
    for owner, target, status, why in cases:
        answer = admin(service, "PUT", f"/accounts/{owner}/{path}/{target}")
        assert (answer.status, why in answer.body["error"]) == (status, True), (owner, target)
    for owner in (one, banned):
        assert admin(service, "GET", f"/accounts/{owner}/mutes").body["mutes"] == []
    assert admin(service, "PUT", f"/accounts/{one}/{path}/{banned}").status == 200, (
        "a banned one may be"
    )
    assert admin(service, "DELETE", f"/accounts/{one}/{path}/{left}").status == 200
    assert admin(service, "DELETE", f"/accounts/{one}/{path}/{one}").status == 400
    assert admin(service, "DELETE", f"/accounts/{banned}/{path}/{one}").status == 409


@pytest.mark.parametrize(
    ("method", "path", "payload", "status"),
    [
        ("PUT", "/accounts", None, 400),
        ("PUT", "/accounts", {}, 400),
        ("PUT", "/accounts", {"key": 5}, 400),
        ("PUT", "/accounts", {"key": "a", "mid": 5}, 400),
        ("POST", "/accounts", None, 405),
        ("GET", "/mids", None, 400),
        ("GET", "/mids?mid=1", None, 400),
        ("GET", "/mids?" + "&".join(["key=a"] * 101), None, 400),
        ("GET", "/keys", None, 400),
        ("GET", "/keys?mid=0", None, 400),
        ("GET", f"/keys?mid={2**63}", None, 400),
        ("GET", "/keys?mid=x", None, 400),
        ("GET", "/keys?" + "&".join(["mid=1"] * 101), None, 400),
        ("PUT", "/accounts/501/mutes/0", None, 404),
        ("PUT", f"/accounts/501/mutes/{2**63}", None, 404),
        ("PUT", "/accounts/501/mutes/x", None, 404),
        ("PUT", "/accounts/501/mutes/502", {"until": 0}, 400),
        ("PUT", "/accounts/501/mutes/502", {"until": -1}, 400),
        ("PUT", "/accounts/501/mutes/502", {"until": LATEST + 1}, 400),
        ("PUT", "/accounts/501/mutes/502", {"until": 2**70}, 400),
        ("PUT", "/accounts/501/mutes/502", {"until": "soon"}, 400),
        ("PUT", "/accounts/501/mutes/502", {"til": 1}, 400),
        ("PUT", "/accounts/501/mutes/502", [], 400),
        ("POST", "/accounts/501/mutes/502", {}, 405),
        ("GET", "/accounts/599/mutes", None, 404),
        ("GET", "/accounts/501/mutes?limit=0", None, 400),
        ("GET", "/accounts/501/mutes?limit=101", None, 400),
        ("GET", "/accounts/501/mutes?limit=", None, 400),
        ("GET", "/accounts/501/mutes?after=x", None, 400),
        ("GET", "/accounts/501/mutes?after=1-", None, 400),
        ("GET", f"/accounts/501/mutes?after=1-{2**63}", None, 400),
        ("GET", "/accounts/501/mutes?cursor=1-1", None, 400),
        ("GET", "/accounts/599/suggestions", None, 404),
        ("GET", "/accounts/501/suggestions?limit=101", None, 400),
        ("GET", "/accounts/501/suggestions?after=1-1", None, 400),
    ],
)
def test_errors_have_a_status_and_a_reason(
    method: str, path: str, payload: object, status: int, service: RunningService
) -> None:
    service.add_accounts(501, 502)
    answer = admin(service, method, path, payload)
    assert (answer.status, list(answer.body)) == (status, ["error"])
    assert admin(service, "GET", "/accounts/501/mutes").body["mutes"] == []
