"""Paths with parameters in them."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.contract.endpoints import CORRESPOND, ENDPOINTS, SPACE_PAGE
from guanxi.contract.params import wire_types
from guanxi.contract.paths import fill, matcher, placeholders


def test_what_stands_in_a_path_is_a_parameter() -> None:
    for endpoint in ENDPOINTS:
        assert set(placeholders(endpoint.path)) <= wire_types(endpoint.params).keys()
    assert [one.name for one in ENDPOINTS if placeholders(one.path)] == [
        CORRESPOND.name,
        SPACE_PAGE.name,
    ]


def test_filled_and_found() -> None:
    assert fill(SPACE_PAGE.path, {"mid": "2"}) == "/2/dynamic"
    assert matcher(SPACE_PAGE.path)("/2/dynamic") == {"mid": "2"}
    assert matcher(CORRESPOND.path)("/correspond/1/0a") == {"correspond_path": "0a"}


@pytest.mark.parametrize(
    "path", ["/dynamic", "//dynamic", "/2/3/dynamic", "/2/dynamic/", "/2/xdynamic"]
)
def test_other_paths(path: str) -> None:
    assert matcher(SPACE_PAGE.path)(path) is None


def test_a_path_without_its_parameter() -> None:
    with pytest.raises(KeyError, match="mid"):
        fill(SPACE_PAGE.path, {})


def test_a_dot_is_a_dot() -> None:
    assert matcher("/a.b/{x}")("/acb/1") is None


@given(st.text(min_size=1).filter(lambda text: "/" not in text and text.isprintable()))
def test_what_is_filled_in_is_found_again(value: str) -> None:
    path = fill("/{one}/end", {"one": value})
    assert matcher("/{one}/end")(unquote(path)) == {"one": value}
