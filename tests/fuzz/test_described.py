"""Sequences of what the served OpenAPI document describes, which Schemathesis draws.

What is true of every response: its code is one that the endpoint declares, its body validates
against the served document and decodes as the declared type, its message is the code's, and a
refused change changed nothing. After each sequence the store is consistent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from guanxi.contract.endpoint import Body, Endpoint, Envelope
from guanxi.contract.endpoints import BY_NAME
from guanxi.contract.params import wire_types
from guanxi.testing import RunningService, SignedIn, running
from tests.counts import count
from tests.fuzz.target import assert_plain
from tests.service.bodies import ACCEPTED, Pairs
from tests.service.client import Answer, call, contents, send
from tests.service.scene import Scene

#: Of which parameters the ids of the world are values.
_MIDS = (
    *("vmid", "fid", "mid", "fids", "uid", "host_mid", "host_uid", "up_mid", "target_id"),
    "biz_id",
)
_GROUPS = ("tagid", "tagids", "beforeTagids", "afterTagids")
#: What the header rule of the profile documented accepts.
_HEADERS = {"User-Agent": "test"}


class World:
    """A service with a scene, which each sequence begins with, and its served document."""

    def __init__(self, service: RunningService) -> None:
        self.service = service
        self.scene = Scene(service)
        self.document = send(service.base_url, "GET", "/openapi.json").body
        schema = schemathesis.openapi.from_dict(self.document)
        schema.config.update(base_url=service.base_url)
        self.schema = schema
        self.strategies: dict[tuple[str, GenerationMode], st.SearchStrategy[Any]] = {}
        self.validators: dict[tuple[str, int], Any] = {}
        scene = self.scene
        self.callers: list[SignedIn | None] = [scene.caller, scene.caller, scene.other, scene.third]
        self.callers.append(None)
        self.mids = [scene.caller.mid, scene.other.mid, scene.third.mid, 404]
        service.mark("scene")

    def cases(self, endpoint: Endpoint, mode: GenerationMode) -> st.SearchStrategy[Any]:
        """Return Schemathesis' strategy of requests to an endpoint."""
        key = endpoint.name, mode
        if key not in self.strategies:
            operation = self.schema[endpoint.path][endpoint.method]
            self.strategies[key] = operation.as_strategy(generation_mode=mode)
        return self.strategies[key]

    def validate(self, endpoint: Endpoint, answer: Answer) -> None:
        """Raise unless the document has this status for the endpoint, and a schema that it fits."""
        key = endpoint.name, answer.status
        if key not in self.validators:
            operation = self.document["paths"][endpoint.path][endpoint.method.lower()]
            content = operation["responses"][str(answer.status)]["content"]
            [schema] = [
                content[kind]["schema"] for kind in content if kind != "application/javascript"
            ][:1]
            whole = {**schema, "components": self.document["components"]}
            self.validators[key] = jsonschema_rs.validator_for(whole)
        if endpoint.body is not Body.HTML or answer.status != 200:
            self.validators[key].validate(answer.body)


@pytest.fixture(scope="module", params=["documented", "open"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with running(request.param) as service:
        yield World(service)


def check(world: World, endpoint: Endpoint, answer: Answer) -> None:
    """Check what is true of every response of an endpoint."""
    assert answer.status < 500, answer.raw
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == "application/javascript":
        assert endpoint.body is Body.JSONP
        raw = answer.raw
        answer = answer._replace(raw=raw[raw.index(b"{") : raw.rindex(b"}") + 1])
    world.validate(endpoint, answer)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    if endpoint.body is Body.HTML and answer.status == 200:
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        return
    assert answer.headers["content-type"].endswith("; charset=utf-8")
    assert kind in ("application/json", "application/javascript")
    if answer.status != 200:
        assert answer.code in endpoint.codes | {-400}
        return
    body = answer.body
    if endpoint.envelope is Envelope.NONE and "code" not in body:
        return
    code = body["code"]
    assert code in endpoint.codes - endpoint.elsewhere | {0}, answer.raw
    if code:
        assert answer.message == endpoint.message(code)
        assert_plain(answer.reason)
    elif endpoint.data is not None and "data" in body:
        kinds = [kind for kind in (endpoint.data, endpoint.cursor_data) if kind is not None]
        assert any(_fits(body["data"], kind) for kind in kinds), answer.raw


def _fits(data: Any, kind: Any) -> bool:
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError:
        return False
    return True


def _texts(value: Any) -> str:
    """Return a drawn value as clients write it in a form."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(_texts, value))
    return value if isinstance(value, str) else json.dumps(value)


class Sequence:
    """One sequence of requests; what responses return is a value of later ones."""

    def __init__(self, world: World, data: st.DataObject) -> None:
        self._world, self._data = world, data
        self.groups = [world.scene.group, 0, -10, 404]
        self.cursors = [""]

    def step(self) -> None:
        """Draw a request, send it and check its response, and what it changed."""
        draw, world = self._data.draw, self._world
        endpoint = BY_NAME[draw(st.sampled_from(sorted(BY_NAME)))]
        mode = draw(st.sampled_from([GenerationMode.POSITIVE] * 3 + [GenerationMode.NEGATIVE]))
        if not wire_types(endpoint.params):
            mode = GenerationMode.POSITIVE  # where there is nothing to send, nothing can misfit
        case = draw(world.cases(endpoint, mode))
        caller = draw(st.sampled_from(world.callers))
        before = contents(world.service)
        if mode is GenerationMode.POSITIVE:
            answer = self._send(endpoint, case, caller)
        else:
            answer = self._as_drawn(endpoint, case, caller)
        check(world, endpoint, answer)
        if endpoint.method == "GET" or answer.status != 200 or answer.code:
            assert contents(world.service) == before, f"{endpoint.name} changed something"
        self._learn(answer)

    def _send(self, endpoint: Endpoint, case: Any, caller: SignedIn | None) -> Answer:
        """Send the drawn fields, some with values of this world, in a form that clients use."""
        draw, world = self._data.draw, self._world
        drawn = {**(case.query or {}), **(case.path_parameters or {})}
        drawn |= case.body if isinstance(case.body, dict) else {}
        known = wire_types(endpoint.params).keys() | endpoint.aliases.keys()
        right = {name: str(value) for name, value in world.scene.fields(endpoint).items()}
        fields = {name: _texts(value) for name, value in drawn.items() if name in known}
        for name in {**fields, **right}:
            value = self._of_world(name, right)
            if value is not None and draw(st.integers(0, 3)):
                fields[name] = value
        pairs: Pairs = list(fields.items())
        if endpoint.method == "GET" or endpoint.ignores_body:
            return call(world.service, endpoint, caller, fields, headers=_HEADERS)
        if caller is not None:
            pairs.append(("csrf", caller.bili_jct))
        sent = draw(st.sampled_from(ACCEPTED))(pairs)
        cookie = {"Cookie": caller.cookie} if caller else {}
        return send(
            world.service.base_url,
            "POST",
            endpoint.path,
            query=sent.query,
            body=sent.body,
            headers={**_HEADERS, **cookie, **sent.headers},
        )

    def _of_world(self, name: str, right: dict[str, str]) -> str | None:
        draw = self._data.draw
        if name in right and draw(st.booleans()):
            return right[name]
        if name in _MIDS:
            return str(draw(st.sampled_from(self._world.mids)))
        if name in _GROUPS:
            return str(draw(st.sampled_from(self.groups)))
        if name == "act":
            return str(draw(st.integers(1, 7)))
        if name == "cursor":
            return draw(st.sampled_from(self.cursors))
        return None

    def _as_drawn(self, endpoint: Endpoint, case: Any, caller: SignedIn | None) -> Answer:
        """Send what does not fit the document just as Schemathesis does."""
        if caller is not None:  # random ones would stop it at the gate
            for sent in (case.query, case.body):
                for name in ("access_key", "appkey", "sign"):
                    if isinstance(sent, dict):
                        sent.pop(name, None)
            if isinstance(case.body, dict) and endpoint.writes:
                case.body["csrf"] = caller.bili_jct
        cookie = {"Cookie": caller.cookie} if caller else {}
        answer = case.call(headers={**_HEADERS, **cookie})
        headers = {name: values[0] for name, values in answer.headers.items()}
        return Answer(answer.status_code, headers, answer.content)

    def _learn(self, answer: Answer) -> None:
        """Keep the ids of groups and the cursors of a response for later requests."""
        if not answer.headers["content-type"].startswith("application/json"):
            return
        data = answer.body.get("data")
        for one in data if isinstance(data, list) else [data]:
            if isinstance(one, dict):
                if isinstance(one.get("tagid"), int):
                    self.groups.append(one["tagid"])
                if one.get("cursor"):
                    self.cursors.append(one["cursor"])


async def _faults(store: Any) -> list[Any]:
    return [fault async for fault in store.check()]


def test_what_the_document_describes(world: World) -> None:
    # What is found is not made smaller: that took minutes for sequences. The steps are printed.
    @settings(
        max_examples=count(6, 80),
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),
    )
    @given(st.data(), st.integers(1, 12))
    def drive(data: st.DataObject, steps: int) -> None:
        world.service.reset("scene")
        sequence = Sequence(world, data)
        for _ in range(steps):
            sequence.step()
        assert world.service.do(_faults) == []

    drive()


def test_the_checks_notice_what_must_not_be(world: World) -> None:
    """A code that is another endpoint's, data of another shape, and a body of no schema."""
    from guanxi.contract import endpoints as e

    world.service.reset("scene")
    answer = world.scene.call(e.STAT)
    check(world, e.STAT, answer)
    bodies: list[Any] = [
        {**answer.body, "data": {**answer.data, "following": "1"}},
        {"code": -22001, "message": "x", "ttl": 1},
        {**answer.body, "code": "0"},
        [],
    ]
    for wrong in bodies:
        changed = answer._replace(raw=json.dumps(wrong).encode())
        with pytest.raises((AssertionError, jsonschema_rs.ValidationError)):
            check(world, e.STAT, changed)
