"""Where walks find items, what tells them apart, and where the next page begins."""

from __future__ import annotations

from types import NoneType
from typing import Any, get_args, get_origin

import msgspec
import pytest
from msgspec import Struct

from guanxi.contract.endpoint import Endpoint, Paging
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.params import wire_types

PAGED = [endpoint for endpoint in ENDPOINTS if endpoint.paging is not None]


def variants(kind: Any) -> list[Any]:
    """The types that a union holds, None apart."""
    parts = get_args(kind) if get_origin(kind) not in {list, dict} else ()
    return [part for part in parts if part is not NoneType] or [kind]


def at(kind: Any, place: str) -> list[Any]:
    """The types that may stand at a place of a type; none where there is no such place."""
    found = [kind]
    for step in place.split(".") if place else []:
        below: list[Any] = []
        for one in (part for each in found for part in variants(each)):
            if step == "-1" and get_origin(one) is list:
                below += get_args(one)
            elif isinstance(one, type) and issubclass(one, Struct):
                below += [
                    field.type for field in msgspec.structs.fields(one) if field.encode_name == step
                ]
        found = below
    return found


def items_of(endpoint: Endpoint) -> list[Any]:
    found = []
    for place in endpoint.pages.items:
        lists = [
            part
            for kind in at(endpoint.data, place)
            for part in variants(kind)
            if get_origin(part) is list
        ]
        assert lists, f"{endpoint.name}: no list at {place!r}"
        found += [get_args(one)[0] for one in lists]
    return found


@pytest.mark.parametrize("endpoint", PAGED, ids=lambda one: one.name)
def test_the_places_are_there(endpoint: Endpoint) -> None:
    items = items_of(endpoint)
    if any(isinstance(item, type) and issubclass(item, Struct) for item in items):
        for key in endpoint.pages.key:
            assert any(at(item, key) for item in items), key
    if endpoint.pages.more:
        assert at(endpoint.data, endpoint.pages.more)


@pytest.mark.parametrize("endpoint", PAGED, ids=lambda one: one.name)
def test_the_next_page_is_asked_for_by_parameters(endpoint: Endpoint) -> None:
    known = wire_types(endpoint.params)
    assert (endpoint.paging is Paging.CHAINED) == bool(endpoint.pages.next)
    if endpoint.paging is Paging.NUMBERED:
        assert endpoint.pages.number in known
    for parameter, place in endpoint.pages.next.items():
        assert parameter in known
        assert at(endpoint.data, place), place


def test_what_counts_pages_is_paged() -> None:
    """A page number that no walk knows of would be a list that nobody can read to its end."""
    for endpoint in ENDPOINTS:
        if {"pn", "page_num", "offset"} & wire_types(endpoint.params).keys():
            assert endpoint.paging is not None, endpoint.name
