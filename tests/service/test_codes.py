"""Every code that the contract names for an endpoint can be had from it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from guanxi.accounts.account import Privacy, State
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import ACCESS_KEY, Endpoint
from guanxi.contract.endpoints import BY_NAME, ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.service.config import Settings
from guanxi.service.routes import HANDLERS
from guanxi.stores.port import StoreTimeout, StoreUnavailable
from guanxi.testing import RunningService, running
from tests.service.client import Answer, call, follow, fresh, modify
from tests.service.faults import faulty_service

#: These ask nothing of the store, so that nothing can be late.
_NO_STORE = {e.BUVID.name, e.DEVICE_REPORT.name}


def fields_for(endpoint: Endpoint, other: int, group: int) -> dict[str, object]:
    """Required fields that are right."""
    right = {
        **dict.fromkeys(("vmid", "fid", "mid", "fids"), other),
        **dict.fromkeys(("tagid", "tagids", "afterTagids"), group),
        "beforeTagids": 0,
        "act": 1,
        "re_src": 11,
        "tag": "新组",
        "name": "改名",
    }
    required = [f.encode_name for f in msgspec.structs.fields(endpoint.params) if f.required]
    return {name: right[name] for name in required}


class Scene:
    """A caller who follows another and has a group, and a third account."""

    def __init__(self, service: RunningService) -> None:
        self.service = service
        self.caller, self.other, self.third = fresh(service, 3)
        follow(service, self.caller, self.other)
        made = call(service, e.CREATE_GROUP, self.caller, {"tag": "组"})
        self.group: int = made.data["tagid"]

    def fields(self, endpoint: Endpoint) -> dict[str, object]:
        known = self.third if endpoint in (e.MODIFY, e.BATCH_MODIFY) else self.other
        return fields_for(endpoint, known.mid, self.group)

    def call(self, endpoint: Endpoint, **changed: object) -> Answer:
        return call(self.service, endpoint, self.caller, {**self.fields(endpoint), **changed})

    def hide(self, **switches: bool) -> None:
        self.service.set_privacy(self.other.mid, Privacy(**switches))


Provoked = Callable[[Scene, Endpoint], Answer]


def _signed_out(scene: Scene, endpoint: Endpoint) -> Answer:
    return call(scene.service, endpoint, None, scene.fields(endpoint))


def _forged(scene: Scene, endpoint: Endpoint) -> Answer:
    return scene.call(endpoint, csrf="0" * 32)


def _python(scene: Scene, endpoint: Endpoint) -> Answer:
    agent = {"User-Agent": "Python-client/1"}
    return call(scene.service, endpoint, scene.caller, scene.fields(endpoint), headers=agent)


def _repeated(scene: Scene, endpoint: Endpoint) -> Answer:
    """A field that the endpoint reads, twice."""
    right = [(name, str(value)) for name, value in scene.fields(endpoint).items()]
    if ACCESS_KEY not in endpoint.auth:
        return call(scene.service, endpoint, scene.caller, right + right)
    twice = [("access_key", ""), ("access_key", "")]
    if endpoint.method == "POST":
        return call(scene.service, endpoint, scene.caller, right, query=twice)
    return call(scene.service, endpoint, scene.caller, right + twice)


def _wrong_signature(scene: Scene, endpoint: Endpoint) -> Answer:
    signature = {"appkey": "0" * 16, "sign": "0" * 32}
    return scene.call(endpoint, **signature) if not endpoint.wbi else scene.call(endpoint, w_rid="")


GENERIC: dict[int, Provoked] = {
    -101: _signed_out,
    -111: _forged,
    -352: _python,
    -400: _repeated,
    -403: _wrong_signature,
}


def _banned(scene: Scene, endpoint: Endpoint) -> Answer:
    scene.service.set_state(scene.caller.mid, State.BANNED)
    return scene.call(endpoint)


def _hidden_followings(scene: Scene, endpoint: Endpoint) -> Answer:
    scene.hide(hide_followings=True)
    return scene.call(endpoint)


def _hidden_followers(scene: Scene, endpoint: Endpoint) -> Answer:
    scene.hide(hide_followers=True)
    return scene.call(endpoint)


def _deep(scene: Scene, endpoint: Endpoint) -> Answer:
    return scene.call(endpoint, pn=6)


def _self(scene: Scene, endpoint: Endpoint) -> Answer:
    return scene.call(endpoint, fid=scene.caller.mid)


def _refused(scene: Scene, endpoint: Endpoint) -> Answer:
    scene.service.set_privacy(scene.third.mid, Privacy(refuse_follows=True))
    return scene.call(endpoint)


def _blocked(scene: Scene, endpoint: Endpoint) -> Answer:
    assert modify(scene.service, scene.caller, scene.third.mid, 5).code == 0
    return scene.call(endpoint)


def _blocked_twice(scene: Scene, endpoint: Endpoint) -> Answer:
    assert modify(scene.service, scene.caller, scene.third.mid, 5).code == 0
    return scene.call(endpoint, act=5)


def _full(scene: Scene, endpoint: Endpoint) -> Answer:
    with running(limits={"following_cap": 1}) as small:
        return Scene(small).call(endpoint)


def _deregistered(scene: Scene, endpoint: Endpoint) -> Answer:
    scene.service.set_state(scene.third.mid, State.DEREGISTERED)
    return scene.call(endpoint)


def _again(scene: Scene, endpoint: Endpoint) -> Answer:
    return scene.call(endpoint, fid=scene.other.mid)


def _unknown(scene: Scene, endpoint: Endpoint) -> Answer:
    return scene.call(endpoint, fid=2**62)


def _no_group(scene: Scene, endpoint: Endpoint) -> Answer:
    field = next(name for name in scene.fields(endpoint) if name in _GROUP_FIELDS)
    return scene.call(endpoint, **{field: 99})


def _not_followed(scene: Scene, endpoint: Endpoint) -> Answer:
    return scene.call(endpoint, fids=scene.third.mid)


def _long_name(scene: Scene, endpoint: Endpoint) -> Answer:
    return scene.call(endpoint, **{_name_field(scene, endpoint): "长" * 17})


def _same_name(scene: Scene, endpoint: Endpoint) -> Answer:
    call(scene.service, e.CREATE_GROUP, scene.caller, {"tag": "另一组"})
    return scene.call(endpoint, **{_name_field(scene, endpoint): "另一组"})


def _nobody(scene: Scene, endpoint: Endpoint) -> Answer:
    return scene.call(endpoint, mid=2**62)


def _name_field(scene: Scene, endpoint: Endpoint) -> str:
    return next(name for name in scene.fields(endpoint) if name in ("tag", "name"))


_GROUP_FIELDS = ("tagid", "tagids", "afterTagids")

OWN: dict[int, Provoked] = {
    -102: _banned,
    -404: _nobody,
    22001: _self,
    22002: _refused,
    22003: _blocked,
    22007: _deep,
    22009: _full,
    22013: _deregistered,
    22014: _again,
    22103: _long_name,
    22104: _no_group,
    22105: _not_followed,
    22106: _same_name,
    22115: _hidden_followings,
    22118: _hidden_followers,
    22120: _blocked_twice,
    40061: _unknown,
}

_EVERY = [
    (endpoint.name, code)
    for endpoint in ENDPOINTS
    for code in sorted(endpoint.codes)
    if code not in (-503, -504)
]


@pytest.mark.parametrize(("name", "code"), _EVERY)
def test_code(name: str, code: int, documented: RunningService) -> None:
    endpoint = BY_NAME[name]
    answer = (OWN | GENERIC)[code](Scene(documented), endpoint)
    assert (answer.status, answer.code) == (200, code), answer.raw
    if code != -404:  # told in the data of an endpoint without envelope
        assert answer.message.startswith(endpoint.message(code))


def test_codes_with_a_message_of_their_own() -> None:
    """004, 修改分组成员 and the two after it; 004, 批量操作用户关系."""
    for endpoint in ENDPOINTS:
        members = endpoint in (e.SET_MEMBERS, e.COPY_MEMBERS, e.MOVE_MEMBERS)
        if 22104 in endpoint.codes:
            assert endpoint.message(22104) == ("无权限" if members else "该分组不存在")
    assert e.BATCH_MODIFY.message(22003) == "用户位于黑名单"
    assert e.MODIFY.message(22003) == "关注失败，请将该用户移除黑名单之后再试"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.name)
def test_right_fields_answer_0(endpoint: Endpoint, documented: RunningService) -> None:
    answer = Scene(documented).call(endpoint)
    assert (answer.status, answer.code) == (200, 0), answer.raw


def test_every_endpoint_has_a_handler_and_no_handler_is_left_over() -> None:
    assert HANDLERS.keys() == BY_NAME.keys()


def test_unavailable_and_late(tmp_path: Path) -> None:
    with faulty_service(tmp_path) as (service, store):
        scene = Scene(service)
        for endpoint in ENDPOINTS:
            if endpoint.name in _NO_STORE:
                continue
            store.error = StoreUnavailable("the disk is full")
            answer = scene.call(endpoint)
            assert (answer.status, answer.code) == (503, -503), endpoint.name
            assert int(answer.headers["retry-after"]) >= 1
            store.error = StoreTimeout("no answer in time")
            answer = scene.call(endpoint)
            assert (answer.status, answer.code) == (504, -504), endpoint.name
            assert "retry-after" not in answer.headers
            store.error = None


def test_too_many_requests_at_once(tmp_path: Path) -> None:
    settings = Settings(profile=DOCUMENTED, requests_at_once=1)
    with faulty_service(tmp_path, settings) as (service, store):
        [caller] = fresh(service)
        store.held = True
        answers: list[Answer] = []
        slow = threading.Thread(target=lambda: answers.append(call(service, e.FRIENDS, caller)))
        slow.start()
        assert store.asked.wait(30)
        for endpoint in [one for one in ENDPOINTS if one.name in _NO_STORE]:
            answer = call(service, endpoint)
            assert (answer.status, answer.code) == (503, -503)
        store.held = False
        slow.join()
        assert [answer.code for answer in answers] == [0]
