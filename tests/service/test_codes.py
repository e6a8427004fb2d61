"""Every code that the contract names for an endpoint can be had from it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from guanxi.accounts.account import Privacy, State
from guanxi.accounts.tokens import refresh_token
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import ACCESS_KEY, Body, Endpoint
from guanxi.contract.endpoints import BY_NAME, ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.contract.params import wire_types
from guanxi.service.config import Settings
from guanxi.service.routes import HANDLERS
from guanxi.stores.port import StoreTimeout, StoreUnavailable
from guanxi.testing import RunningService, running
from tests.service.client import Answer, call, fresh, modify, secret_of
from tests.service.faults import faulty_service
from tests.service.scene import Scene

#: These ask nothing of the store, so that nothing can be late; a session that was just verified is
#: taken on trust.
_NO_STORE = {
    one.name for one in (e.BUVID, e.DEVICE_REPORT, e.SPACE_PAGE, e.QR_GENERATE, e.CORRESPOND)
}


Provoked = Callable[[Scene, Endpoint], Answer]


def _signed_out(scene: Scene, endpoint: Endpoint) -> Answer:
    return call(scene.service, endpoint, None, scene.fields(endpoint))


def _forged(scene: Scene, endpoint: Endpoint) -> Answer:
    return scene.call(endpoint, csrf="0" * 32)


def _intercepted(scene: Scene, endpoint: Endpoint) -> Answer:
    """Break the header rule where it applies; elsewhere send an invalid access id."""
    if not endpoint.header_rule:
        return scene.call(endpoint, w_webid="x.y.z")
    agent = {"User-Agent": "Python-client/1"}
    return call(scene.service, endpoint, scene.caller, scene.fields(endpoint), headers=agent)


def _repeated(scene: Scene, endpoint: Endpoint) -> Answer:
    """A field that the endpoint reads, twice."""
    right = [(name, str(value)) for name, value in scene.fields(endpoint).items()]
    if ACCESS_KEY not in endpoint.auth:
        twice = right or [(next(iter(wire_types(endpoint.params))), "1")] * 2
        return call(scene.service, endpoint, scene.caller, [*right, *twice])
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
    -352: _intercepted,
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


def _nothing(scene: Scene, endpoint: Endpoint) -> Answer:
    """An id that nothing has."""
    [field] = scene.fields(endpoint)
    return scene.call(endpoint, **{field: 2**62})


def _hidden_content(scene: Scene, endpoint: Endpoint) -> Answer:
    scene.hide_content()
    return scene.call(endpoint)


def _has_none(scene: Scene, endpoint: Endpoint) -> Answer:
    [field] = scene.fields(endpoint)
    return scene.call(endpoint, **{field: scene.third.mid})


def _same_notice(scene: Scene, endpoint: Endpoint) -> Answer:
    assert scene.call(endpoint, notice="一样").code == 0
    return scene.call(endpoint, notice="一样")


def _another_sessions(scene: Scene, endpoint: Endpoint) -> Answer:
    theirs = refresh_token(secret_of(scene.service), scene.other.sessdata)
    return scene.call(endpoint, refresh_token=theirs)


def _named(name: str) -> Provoked:
    """A nickname; braces stand for the other's mid."""

    def provoked(scene: Scene, endpoint: Endpoint) -> Answer:
        field = _name_field(scene, endpoint)
        return scene.call(endpoint, **{field: name.format(scene.other.mid)})

    return provoked


def _signature(text: str) -> Provoked:
    return lambda scene, endpoint: scene.call(endpoint, usersign=text)


def _name_field(scene: Scene, endpoint: Endpoint) -> str:
    names = ("tag", "name", "nickName", "uname")
    return next(name for name in scene.fields(endpoint) if name in names)


_GROUP_FIELDS = ("tagid", "tagids", "afterTagids")

OWN: dict[int, Provoked] = {
    -102: _banned,
    -304: _same_notice,
    -404: _nothing,
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
    40004: _named("有空格 的"),
    40005: _named("长" * 17),
    40006: _named("短"),
    40014: _named("u{}"),
    40021: _signature("🙂"),
    40022: _signature("长" * 71),
    40061: _unknown,
    53013: _hidden_content,
    53016: _has_none,
    86095: _another_sessions,
    88214: _has_none,
}

_EVERY = [
    (endpoint.name, code)
    for endpoint in ENDPOINTS
    for code in sorted(endpoint.codes - endpoint.elsewhere)
    if code not in (-503, -504)  # below
    if code not in (-412, -799)  # in test_rates.py
]


def _provoked(service: RunningService, endpoint: Endpoint, code: int) -> Answer:
    provoked = _repeated if code == endpoint.invalid_code else (OWN | GENERIC)[code]
    return provoked(Scene(service), endpoint)


@pytest.mark.holds(each="name", aspect="codes")
@pytest.mark.parametrize(("name", "code"), _EVERY)
def test_code(name: str, code: int, documented: RunningService) -> None:
    endpoint = BY_NAME[name]
    answer = _provoked(documented, endpoint, code)
    status = 404 if endpoint.body is Body.HTML else 200
    assert (answer.status, answer.code) == (status, code), answer.raw
    assert answer.message == endpoint.message(code)
    assert answer.body.get("msg", answer.message) == answer.message
    assert answer.reason, "a user would be lost"
    assert answer.reason.isascii()


def test_codes_of_other_servers_are_in_the_contracts_table() -> None:
    for endpoint in ENDPOINTS:
        assert endpoint.elsewhere <= endpoint.codes, endpoint.name


class _Sentence(NamedTuple):
    """What a document says that a code means at an endpoint."""

    document: str
    section: str
    path: str
    code: int
    text: str


def _sentences() -> list[_Sentence]:
    """Return the sentences of all five documents, in the documents' order."""
    lines = Path("tests/documents/messages.jsonl").read_text("utf-8").splitlines()
    return [
        _Sentence(row["document"], row["section"], row["path"], int(code), text)
        for row in map(json.loads, lines)
        for code, text in row["messages"].items()
    ]


#: Where a newer document contradicts an older one, which then does not count: what it has instead.
_REPLACED = {
    ("002", e.FOLLOWERS.path, 22007): "003: the first 1,000, then an empty list",
    ("003", e.FOLLOWERS.path, 22007): "004: the first 1,000, then an empty list",
    ("002", e.FOLLOWINGS.path, 22007): "003: the first 100, then an empty list",
    ("002", e.MODIFY.path, 22003): "004: another text",
    ("003", e.MODIFY.path, 22003): "004: another text",
}
_SENTENCES = [one for one in _sentences() if (one.document, one.path, one.code) not in _REPLACED]
_BY_PATH = {endpoint.path: endpoint for endpoint in ENDPOINTS}


def _width(text: str) -> str:
    """Return a text with the comma of document 003, of which only an ASCII copy is left."""
    return text.replace("，", ",")


@pytest.mark.parametrize(
    ("path", "code"), list(dict.fromkeys((one.path, one.code) for one in _SENTENCES))
)
def test_the_message_is_the_documents(path: str, code: int, documented: RunningService) -> None:
    answer = _provoked(documented, _BY_PATH[path], code)
    assert answer.code == code
    for one in _SENTENCES:
        if (one.path, one.code) == (path, code):
            ascii_only = one.document == "003"
            message = _width(answer.message) if ascii_only else answer.message
            assert message == one.text, (one.document, one.section)


def test_a_replaced_sentence_is_in_no_answer() -> None:
    """Otherwise it is not replaced, and belongs to the test above."""
    replaced = [one for one in _sentences() if (one.document, one.path, one.code) in _REPLACED]
    assert len(replaced) == len(_REPLACED)
    for one in replaced:
        endpoint = _BY_PATH[one.path]
        assert one.code not in endpoint.codes or endpoint.message(one.code) != one.text


def test_every_message_of_a_single_endpoint_is_a_documents() -> None:
    documented = {(one.path, one.code, one.text) for one in _SENTENCES}
    for endpoint in ENDPOINTS:
        for code, message in endpoint.messages.items():
            assert (endpoint.path, code, message) in documented, (endpoint.name, code)


def test_the_page_of_codes_has_every_message() -> None:
    page = Path("docs/codes.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line[:1] == "|"]
    for endpoint in ENDPOINTS:
        for code in endpoint.codes:
            found = [row for row in rows if row[0] == str(code) and endpoint.message(code) in row]
            assert found, (endpoint.name, code)
            is_its_own = code in endpoint.messages
            assert not is_its_own or f"`{endpoint.name}`" in found[0][-1]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.name)
def test_valid_params_return_code_0(endpoint: Endpoint, documented: RunningService) -> None:
    answer = Scene(documented).call(endpoint)
    assert (answer.status, answer.code) == (200, 0), answer.raw


def test_every_endpoint_has_a_handler_and_no_handler_is_left_over() -> None:
    assert HANDLERS.keys() == BY_NAME.keys()


def test_store_unavailable_and_time_out(tmp_path: Path) -> None:
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
        assert store.called.wait(30)
        for endpoint in [one for one in ENDPOINTS if one.name in _NO_STORE]:
            answer = call(service, endpoint, None, {"mid": 1, "correspond_path": "00"})
            assert (answer.status, answer.code) == (503, -503)
        store.held = False
        slow.join()
        assert [answer.code for answer in answers] == [0]


@pytest.mark.parametrize(("slow", "other"), [(e.MODIFY, e.FRIENDS), (e.FRIENDS, e.MODIFY)])
def test_writes_that_wait_refuse_no_reads_nor_reads_writes(
    tmp_path: Path, slow: Endpoint, other: Endpoint
) -> None:
    settings = Settings(profile=DOCUMENTED, requests_at_once=1)
    with faulty_service(tmp_path, settings) as (service, store):
        caller, target = fresh(service, 2)
        fields = {"POST": {"fid": target.mid, "act": 1, "re_src": 11}, "GET": {}}
        verb = "change" if slow is e.MODIFY else "page"
        store.verbs, store.held = frozenset({verb}), True
        answers: list[Answer] = []
        waiting = threading.Thread(
            target=lambda: answers.append(call(service, slow, caller, fields[slow.method]))
        )
        waiting.start()
        assert store.called.wait(30)
        assert call(service, slow, caller, fields[slow.method]).code == -503
        assert call(service, other, caller, fields[other.method]).code == 0
        store.held = False
        waiting.join()
        assert [answer.code for answer in answers] == [0]
