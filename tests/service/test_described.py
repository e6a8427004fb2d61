"""What the OpenAPI document says of the rarer envelopes, bodies and paths is what is answered."""

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
    with running() as one:
        yield one


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
    ids=lambda one: getattr(one, "name", ""),
)
def test_good_and_bad_answers_fit(
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


def test_pages_are_described_as_pages(service: RunningService) -> None:
    for endpoint, fields in ((e.SPACE_PAGE, {"mid": 1}), (e.CORRESPOND, {"correspond_path": "00"})):
        told = _operation(endpoint)
        [parameter] = told["parameters"]
        assert (parameter["in"], parameter["required"]) == ("path", True)
        assert list(told["responses"]["200"]["content"]) == ["text/html"]
        answer = ask(service, endpoint, someone(service), **fields)
        assert answer.header("content-type").startswith("text/html")
        assert list(told["responses"]["404"]["content"]) == ["application/json"]


def test_a_signature_is_required_where_it_is_wanted() -> None:
    for endpoint, wanted in ((e.VIDEOS, True), (e.DYNAMICS, False)):
        given = {one["name"]: one["required"] for one in _operation(endpoint)["parameters"]}
        assert (given["wts"], given["w_rid"]) == (wanted, wanted)


def test_an_enum_stands_whole_in_its_parameter() -> None:
    order = next(one for one in _operation(e.VIDEOS)["parameters"] if one["name"] == "order")
    assert order["schema"]["default"] == "pubdate"
    assert set(order["schema"]["enum"]) == {"pubdate", "click", "stow"}


def test_every_reference_leads_somewhere() -> None:
    schemas = _DOCUMENT["components"]["schemas"]
    text = json.dumps(_DOCUMENT)
    references = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert references == schemas.keys()
    assert "#/$defs" not in text
