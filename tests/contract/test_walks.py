"""The paths that a walk reads: items, their identity, and the next page."""

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
    """Return the members of a union, without None."""
    parts = get_args(kind) if get_origin(kind) not in {list, dict} else ()
    return [part for part in parts if part is not NoneType] or [kind]


def at(kind: Any, path: str) -> list[Any]:
    """Return the types that may be at a path of a type; empty if there is none."""
    found = [kind]
    for step in path.split(".") if path else []:
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
    for path in endpoint.pages.items:
        lists = [
            part
            for kind in at(endpoint.data, path)
            for part in variants(kind)
            if get_origin(part) is list
        ]
        assert lists, f"{endpoint.name}: no list at {path!r}"
        found += [get_args(one)[0] for one in lists]
    return found


@pytest.mark.parametrize("endpoint", PAGED, ids=lambda one: one.name)
def test_the_paths_exist(endpoint: Endpoint) -> None:
    items = items_of(endpoint)
    if any(isinstance(item, type) and issubclass(item, Struct) for item in items):
        for key in endpoint.pages.key:
            assert any(at(item, key) for item in items), key
    if endpoint.pages.more:
        assert at(endpoint.data, endpoint.pages.more)


@pytest.mark.parametrize("endpoint", PAGED, ids=lambda one: one.name)
def test_the_next_page_is_selected_by_parameters(endpoint: Endpoint) -> None:
    known = wire_types(endpoint.params)
    assert (endpoint.paging is Paging.CHAINED) == bool(endpoint.pages.next)
    if endpoint.paging is Paging.NUMBERED:
        assert endpoint.pages.number in known
    for parameter, path in endpoint.pages.next.items():
        assert parameter in known
        assert at(endpoint.data, path), path


def test_endpoints_with_a_page_number_are_paged() -> None:
    """A list with an undeclared page number could not be walked to its end."""
    for endpoint in ENDPOINTS:
        if {"pn", "page_num", "offset"} & wire_types(endpoint.params).keys():
            assert endpoint.paging is not None, endpoint.name
