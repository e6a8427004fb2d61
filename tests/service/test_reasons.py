"""What a reason says where one code has several causes; ``test_codes`` has one of each code."""

from __future__ import annotations

from pathlib import Path

import pytest

from guanxi.accounts.account import Privacy
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.stores.port import StoreTimeout, StoreUnavailable
from guanxi.testing import RunningService, running
from tests.service.client import call, fresh, modify, send, signed
from tests.service.faults import faulty_service
from tests.service.scene import Scene

_NAV = "the current wbi keys, which GET /x/web-interface/nav returns"


def test_the_part_of_a_wbi_signature_is_named(documented: RunningService) -> None:
    caller, other = fresh(documented, 2)
    mid, wts, w_rid = signed(documented, {"mid": other.mid})
    for pairs, reason in [
        ([mid], f"w_rid: missing; sign the request with {_NAV}"),
        ([mid, wts], f"w_rid: missing; sign the request with {_NAV}"),
        ([mid, w_rid], "wts: missing; w_rid has to sign it too"),
        (
            [mid, wts, ("w_rid", "0" * 32)],
            f"w_rid: wrong or stale; sign all other fields with {_NAV}",
        ),
    ]:
        cookie = {"Cookie": caller.cookie}
        answer = send(documented.base_url, "GET", e.MUTUAL.path, query=pairs, headers=cookie)
        assert (answer.code, answer.message) == (-403, "访问权限不足")
        assert answer.reason == reason


def test_the_page_limit_of_the_open_profile_is_in_the_reason(open_service: RunningService) -> None:
    [caller] = fresh(open_service)
    answer = call(open_service, e.SEARCH, caller, {"vmid": caller.mid, "pn": 201})
    assert (answer.code, answer.message) == (22007, "访问超过 5 页")
    assert answer.reason == "pn: at most 200"


def test_the_limit_of_followings_is_in_the_reason() -> None:
    with running(limits={"following_cap": 1}) as service:
        caller, other, third = fresh(service, 3)
        assert modify(service, caller, other.mid, 1).code == 0
        answer = modify(service, caller, third.mid, 1)
        assert (answer.code, answer.message) == (22009, "关注已达上限")
        assert answer.reason.endswith("; at most 1")


def test_a_refresh_names_which_of_its_two_tokens_is_wrong(documented: RunningService) -> None:
    scene = Scene(documented)
    for field in ("refresh_csrf", "refresh_token"):
        answer = scene.call(e.COOKIE_REFRESH, **{field: "0" * 32})
        assert answer.code == 86095
        assert answer.reason.startswith(f"{field}: not this session's; ")


def test_the_caller_is_the_wrong_target(documented: RunningService) -> None:
    scene = Scene(documented)
    answer = scene.call(e.MODIFY, fid=scene.caller.mid)
    assert (answer.code, answer.reason) == (22001, "fid: is the caller's own account")


@pytest.mark.parametrize(
    ("endpoint", "code", "ids", "wrong"),
    [
        (e.GROUP_MEMBERS, 22104, {"tagid": 99}, "tagid: 99"),
        (e.RENAME_GROUP, 22104, {"tagid": 99}, "tagid: 99"),
        (e.DELETE_GROUP, -400, {"tagid": 99}, "tagid: 99"),
        (e.SET_MEMBERS, 22104, {"tagids": "-10,0,98,99"}, "tagids: 98"),
        (e.COPY_MEMBERS, 22104, {"tagids": "-10,99,98"}, "tagids: 99"),
        (e.MOVE_MEMBERS, 22104, {"beforeTagids": "97", "afterTagids": "98"}, "beforeTagids: 97"),
        (e.MOVE_MEMBERS, 22104, {"beforeTagids": "0", "afterTagids": "98"}, "afterTagids: 98"),
    ],
    ids=lambda one: getattr(one, "name", None),
)
def test_the_group_that_is_not_the_callers_is_named(
    endpoint: Endpoint, code: int, ids: dict[str, object], wrong: str, documented: RunningService
) -> None:
    answer = Scene(documented).call(endpoint, **ids)
    reason = f"{wrong} is no group of yours; GET /x/relation/tags lists them"
    assert (answer.code, answer.reason) == (code, reason)


@pytest.mark.parametrize("tagid", [-10, 0])
def test_a_fixed_group_is_neither_renamed_nor_deleted(
    tagid: int, documented: RunningService
) -> None:
    scene = Scene(documented)
    for endpoint, done in [(e.RENAME_GROUP, "renamed"), (e.DELETE_GROUP, "deleted")]:
        answer = scene.call(endpoint, tagid=tagid)
        assert (answer.code, answer.reason) == (-400, f"tagid: {tagid} cannot be {done}")


def test_why_a_name_of_a_group_cannot_be_used(documented: RunningService) -> None:
    scene = Scene(documented)
    assert call(documented, e.CREATE_GROUP, scene.caller, {"tag": "同事"}).code == 0
    for name, reason in [
        ("同事", "you have a group of this name"),
        (" 同事 ", "you have a group of this name"),
        ("特别关注", "the name is reserved"),
        (" 默认分组", "the name is reserved"),
    ]:
        for endpoint, field in [(e.CREATE_GROUP, "tag"), (e.RENAME_GROUP, "name")]:
            answer = scene.call(endpoint, **{field: name})
            assert (answer.code, answer.reason) == (22106, f"{field}: {reason}")


def test_nobody_learns_from_a_reason_whether_an_account_blocks_or_refuses(
    documented: RunningService,
) -> None:
    scene = Scene(documented)
    caller, third = scene.caller, scene.third
    assert modify(documented, third, caller.mid, 5).code == 0
    blocked = scene.call(e.MODIFY)
    assert modify(documented, third, caller.mid, 6).code == 0
    assert scene.call(e.MODIFY).code == 0, "the block is over"
    assert modify(documented, caller, third.mid, 2).code == 0
    documented.set_privacy(third.mid, Privacy(refuse_follows=True))
    refusing = scene.call(e.MODIFY)
    assert blocked.code == 22002
    assert blocked.raw == refusing.raw


@pytest.mark.parametrize("endpoint", [e.FRIENDS, e.MODIFY], ids=lambda one: one.name)
def test_the_reason_of_a_failure_says_what_may_have_changed(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    late = "the change may have been made: read before you repeat it"
    with faulty_service(tmp_path) as (service, store):
        scene = Scene(service)
        for error, code, message, outcome in [
            (StoreUnavailable("the disk is full"), -503, "服务暂不可用", "nothing was changed"),
            (
                StoreTimeout("no answer in time"),
                -504,
                "服务调用超时",
                late if endpoint.writes else "no response in time",
            ),
        ]:
            store.error = error
            answer = scene.call(endpoint)
            assert (answer.code, answer.message) == (code, message)
            assert answer.reason.startswith(outcome)
            assert "x-request-id" in answer.reason
            assert answer.headers["x-request-id"]
            assert str(error) not in answer.raw.decode()
            store.error = None
