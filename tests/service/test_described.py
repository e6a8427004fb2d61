"""Responses match the OpenAPI document, also with rare envelopes, bodies and paths."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.openapi import document
from guanxi.testing import RunningService, running
from tests.service.content_fixtures import ask, someone

_DOCUMENT: dict[str, Any] = json.loads(json.dumps(document()))


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running() as running_service:
        yield running_service


def _operation(endpoint: Endpoint) -> Any:
    return _DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]


@pytest.mark.parametrize(
    ("endpoint", "fields"),
    [
        (e.AUDIOS, {"uid": 1}),
        (e.ALBUMS, {"uid": 1}),
        (e.OLD_DYNAMICS, {"host_uid": 1}),
        (e.LEGACY_NAME_TO_UID, {"names": "a"}),
        (e.COINS, {}),
        (e.CHECK_NICKNAME, {"nickName": "没人用的"}),
        (e.OVERVIEW, {"mid": 1}),
        (e.SPACE_NOTICE, {"mid": 1}),
        (e.RESERVATIONS, {"vmid": 1}),
        (e.TOVIEW, {}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_success_and_error_bodies_match_the_schema(
    service: RunningService, endpoint: Endpoint, fields: dict[str, object]
) -> None:
    described = _operation(endpoint)["responses"]["200"]["content"]["application/json"]["schema"]
    fits = jsonschema_rs.validator_for({**described, "components": _DOCUMENT["components"]})
    good = ask(service, endpoint, someone(service), **fields).body
    bad = ask(service, endpoint).body
    assert good["code"] == 0
    for body in (good, bad):
        fits.validate(body)
        assert not fits.is_valid({**body, "code": "0"})
        missing = {name: value for name, value in body.items() if name != "code"}
        assert not fits.is_valid(missing)


def test_html_pages_are_described_as_html(service: RunningService) -> None:
    for endpoint, fields in ((e.SPACE_PAGE, {"mid": 1}), (e.CORRESPOND, {"correspond_path": "00"})):
        operation = _operation(endpoint)
        [parameter] = operation["parameters"]
        assert (parameter["in"], parameter["required"]) == ("path", True)
        assert list(operation["responses"]["200"]["content"]) == ["text/html"]
        response = ask(service, endpoint, someone(service), **fields)
        assert response.header("content-type").startswith("text/html")
        assert list(operation["responses"]["404"]["content"]) == ["application/json"]


def test_only_signed_endpoints_require_a_signature() -> None:
    for endpoint, required in ((e.VIDEOS, True), (e.DYNAMICS, False)):
        is_required = {
            item["name"]: item["required"] for item in _operation(endpoint)["parameters"]
        }
        assert (is_required["wts"], is_required["w_rid"]) == (required, required)


def test_an_enum_parameter_lists_all_its_values() -> None:
    order = next(item for item in _operation(e.VIDEOS)["parameters"] if item["name"] == "order")
    assert order["schema"]["default"] == "pubdate"
    assert set(order["schema"]["enum"]) == {"pubdate", "click", "stow"}


def test_every_schema_is_referenced_and_every_reference_exists() -> None:
    schemas = _DOCUMENT["components"]["schemas"]
    text = json.dumps(_DOCUMENT)
    references = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert references == schemas.keys()
    assert "#/$defs" not in text
