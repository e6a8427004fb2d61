"""Paths with parameters in them."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.contract.endpoints import CORRESPOND, ENDPOINTS, SPACE_PAGE
from guanxi.contract.params import wire_types
from guanxi.contract.paths import fill, matcher, placeholders


def test_braces_in_a_path_are_parameters() -> None:
    for endpoint in ENDPOINTS:
        assert set(placeholders(endpoint.path)) <= wire_types(endpoint.params).keys()
    assert [one.name for one in ENDPOINTS if placeholders(one.path)] == [
        CORRESPOND.name,
        SPACE_PAGE.name,
    ]


def test_a_filled_path_matches() -> None:
    assert fill(SPACE_PAGE.path, {"mid": "2"}) == "/2/dynamic"
    assert matcher(SPACE_PAGE.path)("/2/dynamic") == {"mid": "2"}
    assert matcher(CORRESPOND.path)("/correspond/1/0a") == {"correspond_path": "0a"}


@pytest.mark.parametrize(
    "path", ["/dynamic", "//dynamic", "/2/3/dynamic", "/2/dynamic/", "/2/xdynamic"]
)
def test_other_paths_do_not_match(path: str) -> None:
    assert matcher(SPACE_PAGE.path)(path) is None


def test_a_missing_parameter_is_refused() -> None:
    with pytest.raises(KeyError, match="mid"):
        fill(SPACE_PAGE.path, {})


def test_a_dot_in_a_template_matches_only_a_dot() -> None:
    assert matcher("/a.b/{x}")("/acb/1") is None


@given(st.text(min_size=1).filter(lambda text: "/" not in text and text.isprintable()))
def test_values_round_trip_through_a_path(value: str) -> None:
    path = fill("/{one}/end", {"one": value})
    assert matcher("/{one}/end")(unquote(path)) == {"one": value}
