"""The emulator's own address, as clients in other languages use it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from guanxi.contract import endpoints as e
from guanxi.emulator import control
from guanxi.testing import RunningService, SignedIn
from tests.counts import count
from tests.docs.examples import ROOT, blocks
from tests.service.client import Answer, modify, send

PAGE = "docs/testing.md"


def control_call(
    service: RunningService,
    method: str,
    path: str,
    body: object = None,
    query: Mapping[str, object] = {},
    token: str | None = None,
) -> Answer:
    headers = {"Authorization": f"Bearer {token or service.emulator_token}"}
    raw = None if body is None else json.dumps(body).encode()
    return send(service.emulator_url, method, path, query=query, body=raw, headers=headers)


def session_of(answer: Answer) -> SignedIn:
    return SignedIn(1, answer.body["sessdata"], answer.body["bili_jct"])


def test_a_test_over_http(service: RunningService) -> None:
    """The whole of it, in the order in which a test needs it."""

    def post(path: str, body: object = None) -> Any:
        answer = control_call(service, "POST", path, body)
        assert answer.status == 200, answer.raw
        return answer.body

    post("/renew")
    assert post("/accounts", {"mids": [1, 2], "cards": {"3": {"name": "丙"}}}) == {"accounts": 3}
    edge = {"follower": 3, "followed": 1, "time": 1_700_000_000}
    assert post("/edges", {"edges": [edge]}) == {"changed": 1}
    session = session_of(control_call(service, "POST", "/sessions", {"mid": 1}))
    assert post("/marks", {"name": "ready"})["marks"] == ["start", "ready"]
    fault = post("/faults", {"endpoint": "relation.modify", "code": -352, "times": 1})
    assert (fault["code"], fault["applied"]) == (-352, 0)
    assert [modify(service, session, 2, 1).code for _ in range(2)] == [-352, 0]
    assert control_call(service, "GET", "/faults").body[0]["applied"] == 1
    wanted = {"endpoint": "relation.modify", "params": {"fid": 2}, "times": 2, "by": 1}
    assert post("/requests/assert", wanted) == {}
    failed = control_call(service, "POST", "/requests/assert", {**wanted, "times": 1})
    assert failed.status == 409
    assert failed.body["error"].startswith("relation.modify: expected 1 call with fid=2, by mid 1;")
    [last] = control_call(service, "GET", "/requests", query={"last": 1}).body
    assert (last["endpoint"], last["code"], last["mid"]) == ("relation.modify", 0, 1)
    assert control_call(service, "GET", "/requests", query={"code": -352}).body[0]["number"] == 1
    post("/reset", {"name": "ready"})
    assert service.do(lambda store: store.tally(1)).following == 0
    assert service.do(lambda store: store.tally(1)).follower == 1
    post("/reset")
    about = control_call(service, "GET", "").body
    assert (about["marks"], about["requests"], about["faults"]) == (["start", "ready"], 2, 1)
    service._wait(service.emulator.marks.drop("ready"))


def test_faults_and_stories(service: RunningService) -> None:
    number = control_call(service, "POST", "/faults", {"code": -352}).body["number"]
    assert control_call(service, "DELETE", f"/faults/{number}").status == 200
    assert control_call(service, "DELETE", f"/faults/{number}").status == 404
    stories = control_call(service, "GET", "/stories").body
    assert "flaky" in [story["name"] for story in stories]
    assert len(control_call(service, "POST", "/stories", {"name": "flaky"}).body) == 4
    assert control_call(service, "DELETE", "/faults").status == 200
    assert control_call(service, "GET", "/faults").body == []


def test_one_stub_is_changed_and_removed(service: RunningService) -> None:
    for path in ("/x/a", "/x/b"):
        control_call(service, "POST", "/stubs", {"method": "GET", "path": path, "body": 1})
    changed = {"method": "GET", "path": "/x/a", "body": 2, "status": 201}
    assert control_call(service, "PUT", "/stubs/1", changed).body["number"] == 1
    assert send(service.base_url, "GET", "/x/a").raw == b"2"
    shown = {one["path"]: one["answered"] for one in control_call(service, "GET", "/stubs").body}
    assert shown == {"/x/b": 0, "/x/a": 1}
    assert control_call(service, "DELETE", "/stubs/1").status == 200
    assert send(service.base_url, "GET", "/x/a").status == 404
    assert send(service.base_url, "GET", "/x/b").raw == b"1"
    for method, at in (("DELETE", "/stubs/1"), ("PUT", "/stubs/1"), ("DELETE", "/stubs/x")):
        body = changed if method == "PUT" else None
        assert control_call(service, method, at, body).status == 404, at
    for wrong in ({"status": 99}, {"path": "x"}, {"times": 0}, {"headers": {"a b": "c"}}):
        assert control_call(service, "PUT", "/stubs/2", {**changed, **wrong}).status == 400, wrong
    assert send(service.base_url, "GET", "/x/b").raw == b"1"


def test_the_clock_and_stubs(service: RunningService) -> None:
    at = control_call(service, "PUT", "/clock", {"at": 2_000_000_000}).body
    assert at == {"time": 2_000_000_000.0, "frozen": True}
    assert control_call(service, "PUT", "/clock", {"advance": -10}).body["time"] == 1_999_999_990
    assert control_call(service, "PUT", "/clock", {}).status == 400
    control_call(service, "DELETE", "/clock")
    assert control_call(service, "GET", "").body["frozen"] is False
    stub = {"method": "GET", "path": "/x/{it}", "body": {"code": 0}, "status": 201, "times": 1}
    assert control_call(service, "POST", "/stubs", stub).status == 200
    shown = {"number": 1, "answered": 0, "method": "GET", "path": "/x/{it}", "times": 1}
    assert control_call(service, "GET", "/stubs").body == [shown]
    assert send(service.base_url, "GET", "/x/1").status == 201
    control_call(service, "POST", "/stubs", stub)
    control_call(service, "DELETE", "/stubs")
    assert send(service.base_url, "GET", "/x/1").status == 404
    assert control_call(service, "POST", "/requests/assert-all-answered").status == 409
    control_call(service, "DELETE", "/requests")
    assert control_call(service, "POST", "/requests/assert-all-answered").status == 200
    control_call(service, "POST", "/clear")


def test_an_access_key(service: RunningService) -> None:
    answer = control_call(service, "POST", "/sessions", {"mid": 2, "kind": "app"})
    query = {"access_key": answer.body["access_key"]}
    assert send(service.base_url, "GET", e.WHISPERS.path, query=query).code == 0
    assert service.requests[-1].mid == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/faults", {"code": 0}, 400, "must not be 0"),
        ("POST", "/faults", {"endpoint": "relation.modfy", "code": -1}, 400, "near: relation.mod"),
        ("POST", "/faults", {"odd": 1}, 400, "unknown field"),
        ("POST", "/faults", [], 400, "Expected `object`"),
        ("POST", "/stories", {"name": "rain"}, 400, "is no story"),
        ("POST", "/reset", {"name": "nowhere"}, 400, "there is no mark"),
        ("POST", "/sessions", {"mid": 99}, 400, "99"),
        ("POST", "/edges", {"edges": [{"follower": 1, "followed": 1, "time": 1}]}, 400, ""),
        ("PUT", "/clock", {"at": -1}, 400, "1970 to 9999"),
        ("GET", "/requests?by=x", None, 400, "by must be a number"),
        ("GET", "/requests?odd=x", None, 400, "odd: no such parameter"),
        ("GET", "/requests?world=demo", None, 400, "world: no such parameter"),
        ("GET", "/faults?last=1", None, 400, "last: no such parameter"),
        ("GET", "/requests?last=-1", None, 400, "last must be 0 or more"),
        ("POST", "/faults", {"drop": "after", "retry_after": 1}, 400, "needs code or status"),
        ("PUT", "/clock", {"at": 1e308}, 400, "1970 to 9999"),
        ("GET", "/nothing", None, 404, "Not Found"),
        ("PATCH", "/faults", None, 405, "Method Not Allowed"),
    ],
)
def test_what_is_wrong_is_explained(
    service: RunningService, method: str, path: str, body: object, status: int, message: str
) -> None:
    answer = control_call(service, method, path, body)
    assert answer.status == status, answer.raw
    assert message in answer.body["error"]


def test_the_token_is_needed(service: RunningService) -> None:
    for verb in control._VERBS:
        path = verb.path.replace("{number}", "1")
        assert control_call(service, verb.method, path, {}, token="wrong").status == 401
        assert send(service.emulator_url, verb.method, path).status == 401
    assert send(service.base_url, "GET", "/emulator/faults").status == 404
    foreign = send(service.emulator_url, "GET", "", headers={"Host": "example.com"})
    assert foreign.status == 421


def test_the_document_has_every_request(service: RunningService) -> None:
    document = send(service.emulator_url, "GET", "/openapi.json").body
    served = {
        (method.upper(), path) for path, of_path in document["paths"].items() for method in of_path
    }
    assert served == {(verb.method, control.BASE + verb.path) for verb in control._VERBS}
    table = (ROOT / PAGE).read_text("utf-8").partition("| request | what it does |")[2]
    shown = set(re.findall(r"`(GET|POST|PUT|DELETE) (/[\w{}./-]*)`", table.partition("\n\n")[0]))
    assert shown == {(verb.method, verb.path or "/") for verb in control._VERBS}


schema = schemathesis.openapi.from_dict(control.document() | {"security": []})


@schema.include(method=["POST", "PUT"], path_regex="faults|stories|stubs|marks|clock").parametrize()
@settings(max_examples=count(3, 100), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_document_allows_is_answered(case: Any, service: RunningService) -> None:
    """No request of the document's shape is an error of the emulator."""
    base = service.emulator_url.removesuffix(control.BASE)
    headers = {"Authorization": f"Bearer {service.emulator_token}"}
    answer = case.call(base_url=base, headers=headers)
    assert answer.status_code in (200, 400, 404, 405), answer.text
    assert control_call(service, "GET", "").status == 200


_PROGRAMS = {
    "bash": ("bash", "-euo", "pipefail", "-c"),
    "js": ("node", "--input-type=module", "-e"),
    "go": ("go", "run"),
}


@pytest.mark.parametrize("language", ["bash", "js", "go"])
def test_examples_in_other_languages(
    service: RunningService, language: str, tmp_path: Path
) -> None:
    command = _PROGRAMS[language]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    service.renew()
    [text] = [text for tag, text in blocks(PAGE) if tag == language and "EMULATOR_TOKEN" in text]
    argument = text
    if language == "go":
        program = tmp_path / "main.go"
        program.write_text(text)
        argument = str(program)
    environment = {
        "BASE_URL": service.base_url,
        "EMULATOR_URL": service.emulator_url,
        "EMULATOR_TOKEN": service.emulator_token,
        "PATH": "/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(tmp_path),
    }
    ended = subprocess.run(
        [*command, argument],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    service.assert_called("relation.modify", times=1, fid=2, code=-352)
