"""The module against documents 000 and 001: names, arguments, their order and defaults."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from typing import Any

import pytest

import guanxi
from guanxi import user
from guanxi.user import User
from tests.documents.test_wire import MODULE, by_name

CALLED = [one for one in MODULE if one["kind"] in {"method", "function"}]
RETIRED = [
    User.get_album,
    user.get_self_events,
    user.RelationType,
]


def named(name: str) -> Any:
    value: Any = user
    for part in name.split("."):
        value = getattr(value, part)
    return value


def written(value: object) -> str:
    """A default as the documents write it."""
    return str(value) if isinstance(value, Enum) else repr(value)


@pytest.mark.parametrize("entry", CALLED, ids=by_name)
def test_arguments_are_the_documented_ones(entry: dict[str, Any]) -> None:
    function = named(entry["name"])
    ours = [
        {"name": one.name}
        if one.default is one.empty
        else {"name": one.name, "default": written(one.default)}
        for one in inspect.signature(function).parameters.values()
        if one.name != "self"
    ]
    theirs = [
        {name: value for name, value in one.items() if name in {"name", "default"}}
        for one in entry["parameters"]
    ]
    if entry["name"] == "User.get_relation":  # 001 gives it a uid
        theirs = [{"name": "uid", "default": "None"}]
    assert ours == theirs
    assert inspect.iscoroutinefunction(function) == entry["async"]


@pytest.mark.parametrize("entry", [one for one in MODULE if one["kind"] == "enum"], ids=by_name)
def test_enums_are_the_documented_ones(entry: dict[str, Any]) -> None:
    members = {member.name: member.value for member in named(entry["name"])}
    assert members == entry["members"]


def test_every_name_is_exported() -> None:
    documented = {one["name"] for one in MODULE if "." not in one["name"]}
    referred = {"ChannelSeries", "Credential", "sync"}
    assert set(user.__all__) == documented | referred | {"using"}


def test_user_has_the_documented_methods_and_no_others() -> None:
    documented = {one["name"].removeprefix("User.") for one in MODULE if "User." in one["name"]}
    ours = {
        name for name, _ in inspect.getmembers(User, inspect.isfunction) if not name.startswith("_")
    }
    assert ours | {"__init__"} == documented
    assert len(documented) == 40


def test_every_name_says_what_it_does_and_where_it_is_documented() -> None:
    for entry in CALLED:
        if entry["name"] != "User.__init__":
            told = inspect.getdoc(named(entry["name"])) or ""
            assert re.search(r"00[01]", told), entry["name"]


def test_what_is_retired_says_so() -> None:
    for value in RETIRED:
        assert "eprecated" in (inspect.getdoc(value) or ""), value


def test_the_credential_is_the_sdk_s() -> None:
    one = user.Credential("a", "b")
    assert isinstance(one, guanxi.Credential)
    assert one == guanxi.Credential("a", "b")
    assert hash(one) == hash(guanxi.Credential("a", "b"))
    assert type(user.Credential.from_cookies({"SESSDATA": "a"})) is user.Credential
    parts = list(inspect.signature(user.Credential).parameters)
    assert parts[:7] == [
        "sessdata",
        "bili_jct",
        "buvid3",
        "buvid4",
        "dedeuserid",
        "ac_time_value",
        "proxy",
    ]
