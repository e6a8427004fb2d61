"""The OpenAPI document: it derives from the contract, is valid, and holds what the service does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from guanxi.contract.endpoint import ACCESS_KEY, COOKIE, Body, Endpoint
from guanxi.contract.endpoints import CREATE_GROUP, ENDPOINTS, MODIFY, RENAME_GROUP
from guanxi.contract.limits import OPEN
from guanxi.contract.openapi import document
from guanxi.contract.params import PageSize, is_list, wire_types
from guanxi.testing import RunningService
from tests.service.client import call, send
from tests.service.scene import Scene

DOCUMENT = document()


def operation(endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
    return found


def test_the_document_is_served_unchanged(documented: RunningService) -> None:
    answer = send(documented.base_url, "GET", "/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.body == json.loads(json.dumps(DOCUMENT))


def test_every_reference_resolves() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    text = json.dumps(DOCUMENT)
    references = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert references <= schemas.keys()
    assert schemas.keys() - references == set(), "nothing is left over"


def test_a_default_of_the_open_profile_is_described() -> None:
    form = operation(MODIFY)["requestBody"]["content"]["multipart/form-data"]["schema"]
    for name, value in OPEN.defaults.items():
        assert name in form["required"]
        assert f"the profile open takes {value} if" in form["properties"][name]["description"]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.name)
def test_every_endpoint_is_documented_completely(endpoint: Endpoint) -> None:
    documented = operation(endpoint)
    assert documented["operationId"] == endpoint.name
    for code in endpoint.codes:
        assert f"| {code} | {endpoint.message(code)} |" in documented["description"]
    ways = {way for one in documented["security"] for way in one}
    assert ways == endpoint.auth
    assert ({} in documented["security"]) == (-101 not in endpoint.codes - endpoint.elsewhere)
    given = wire_types(endpoint.params)
    names = given.keys() | endpoint.aliases.keys()
    by_app = {"appkey", "sign"} if endpoint.app_signed else set()
    by_key = {"access_key"} if ACCESS_KEY in endpoint.auth else set()
    if endpoint.method == "GET":
        parameters = {one["name"]: one for one in documented["parameters"]}
        wbi = {"wts", "w_rid"} if endpoint.wbi else set()
        assert parameters.keys() == names | wbi | by_app
        for name, kind in given.items():
            assert (parameters[name].get("explode") is False) == is_list(kind)
        documented_fields = parameters
    elif not endpoint.ignores_body:
        contents = documented["requestBody"]["content"]
        assert contents.keys() == {"application/x-www-form-urlencoded", "multipart/form-data"}
        [form, same] = contents.values()
        assert form == same
        documented_fields = form["schema"]["properties"]
        assert documented_fields.keys() == names | {"csrf"} | by_key | by_app
        assert set(form["schema"]["required"]) <= given.keys()
    else:
        documented_fields = {}
    for other, name in endpoint.aliases.items():
        assert f"an alias of {name}" in documented_fields[other]["description"]
        assert not documented_fields[other].get("required")
    for name, field in documented_fields.items():
        assert field["description"] not in ("", name), "the description must say more than the name"
    assert set(DOCUMENT["components"]["securitySchemes"]) == {COOKIE, ACCESS_KEY}


def test_the_document_contains_the_limits() -> None:
    def schema(endpoint: Endpoint, name: str) -> Any:
        documented = operation(endpoint)
        if endpoint.method == "POST":
            form, _ = documented["requestBody"]["content"].values()
            return form["schema"]["properties"][name]
        return next(one["schema"] for one in documented["parameters"] if one["name"] == name)

    for endpoint in ENDPOINTS:
        if "ps" in wire_types(endpoint.params):
            size = schema(endpoint, "ps")
            limited = wire_types(endpoint.params)["ps"] is PageSize
            assert size["minimum"] == 1
            assert size["maximum"] == 100 if limited else size["maximum"] <= 100
        for name in ("fids", *endpoint.aliases):
            if "fids" in wire_types(endpoint.params):
                ids = schema(endpoint, name)
                assert (ids["minItems"], ids["maxItems"]) == (1, 50)
    for endpoint, name in ((CREATE_GROUP, "tag"), (RENAME_GROUP, "name")):
        text = schema(endpoint, name)
        assert (text["minLength"], text["maxLength"]) == (1, 16)
    assert "7 remove follower" in schema(MODIFY, "act")["description"]
    assert "222 activity" in schema(MODIFY, "re_src")["description"]


@pytest.mark.parametrize(
    "endpoint",
    [one for one in ENDPOINTS if "ps" in wire_types(one.params)],
    ids=lambda one: one.name,
)
def test_the_largest_page_is_the_documented_one(
    endpoint: Endpoint, documented: RunningService
) -> None:
    schemas = {one["name"]: one["schema"] for one in operation(endpoint)["parameters"]}
    most = schemas["ps"]["maximum"]
    scene = Scene(documented)
    assert scene.call(endpoint, ps=most).code == 0
    assert scene.call(endpoint, ps=most + 1).code == endpoint.invalid_code
    page = Path("docs/endpoints.md").read_text("utf-8")
    section = page.partition(f"\n## {endpoint.name}\n")[2].partition("\n## ")[0]
    assert f"| `ps` | integer, 1 to {most} |" in section


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.name)
def test_security_names_the_ways_that_sign_in(
    endpoint: Endpoint, documented: RunningService
) -> None:
    """Where {} is not among them, -101 answers a caller without a session, and them alone."""
    scene = Scene(documented)
    fields = scene.fields(endpoint)
    by_key = {**fields, "access_key": documented.access_key(scene.caller.mid)}
    codes = {
        (): call(documented, endpoint, None, fields).code,
        (ACCESS_KEY,): call(documented, endpoint, None, by_key).code,
        (COOKIE,): call(documented, endpoint, scene.caller, fields).code,
    }
    listed = {tuple(one) for one in operation(endpoint)["security"]}
    if () in listed:
        assert -101 not in codes.values()
    else:
        assert {ways for ways, code in codes.items() if code != -101} == listed


@pytest.mark.parametrize(
    "endpoint",
    [one for one in ENDPOINTS if one.body is not Body.HTML],
    ids=lambda one: one.name,
)
def test_responses_match_the_document(endpoint: Endpoint, either: RunningService) -> None:
    """Good and bad answers both; a document that took anything would say nothing."""
    schema = operation(endpoint)["responses"]["200"]["content"]["application/json"]["schema"]
    components = {"components": DOCUMENT["components"]}
    whole = jsonschema_rs.validator_for({**schema, **components})
    scene = Scene(either)
    bodies = [
        scene.call(endpoint).body,
        call(either, endpoint, None, scene.fields(endpoint)).body,
        call(either, endpoint, scene.caller, "x=%zz").body,
    ]
    for body in bodies:
        whole.validate(body)
        assert not whole.is_valid({**body, "code": "0"})
        assert not whole.is_valid([body])
