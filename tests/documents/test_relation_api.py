"""The contract against documents 002 to 004, endpoint by endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from guanxi.contract import structs
from guanxi.contract.endpoint import ACCESS_KEY
from guanxi.contract.endpoints import BY_NAME, DOCUMENTED_RELATION
from guanxi.contract.params import wire_types
from tests.documents.entries import API
from tests.documents.test_wire import by_name, names_in

#: Codes of older documents that the newest one no longer has.
SUPERSEDED = {
    # 004 cuts these lists without a code, and has 22118 and 22115 for hidden ones.
    "relation.followers": {22007},
    "relation.followings": {22007},
}


def test_the_fixture_is_complete() -> None:
    names = {one["name"] for one in API["endpoints"]}
    assert names == {one.name for one in DOCUMENTED_RELATION} | {"relation.legacy_mutual"}
    counts = {
        number: sum(number in one["sections"] for one in API["endpoints"])
        for number in ("004", "003", "002")
    }
    assert counts == {"004": 24, "003": 24, "002": 14}


@pytest.mark.parametrize("documented", API["endpoints"], ids=by_name)
def test_parameters_are_declared(documented: dict[str, Any]) -> None:
    endpoint = BY_NAME[documented["name"]]
    names = set(documented["required"]) | set(documented["optional"])
    assert names - wire_types(endpoint.params).keys() == set()
    assert (ACCESS_KEY in endpoint.auth) >= documented["access_key"]
    assert endpoint.writes == documented["csrf"]


@pytest.mark.parametrize("documented", API["endpoints"], ids=by_name)
def test_codes_are_declared(documented: dict[str, Any]) -> None:
    endpoint = BY_NAME[documented["name"]]
    newest = next(iter(documented["codes"]))
    for number, codes in documented["codes"].items():
        missing = set(codes) - endpoint.codes
        assert missing == (
            set() if number == newest else missing & SUPERSEDED.get(endpoint.name, set())
        ), number


@pytest.mark.parametrize("documented", API["endpoints"] + API["objects"], ids=by_name)
def test_names_of_responses_are_declared(documented: dict[str, Any]) -> None:
    endpoint = BY_NAME.get(documented["name"])
    data = endpoint.data if endpoint else getattr(structs, documented["struct"])
    # The biligame host has these around the data.
    around = {"ts", "request_id"} if documented["name"] == "relation.game_followings" else set()
    assert set(documented["returns"]) - set(names_in(data)) - around == set()
