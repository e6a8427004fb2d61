"""The module against documents 000 and 001: names, arguments, their order and defaults."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from typing import Any

import pytest

from guanxi import user
from guanxi.contract.params import wire_types
from guanxi.user import User, _clients
from tests.documents.test_wire import BY_ADDRESS, MODULE, WIRED, by_name

CALLED = [entry for entry in MODULE if entry["kind"] in {"method", "function"}]
DEPRECATED = [
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
    """Return a default value as the documents write it."""
    return str(value) if isinstance(value, Enum) else repr(value)


#: Arguments that only some have: 001 gives get_relation a uid, 17.4.2 pages to get_channel_list.
ADDED = {"User.get_relation": ("uid",), "User.get_channel_list": ("pn", "ps")}


@pytest.mark.holds(each="entry", aspect="arguments")
@pytest.mark.parametrize("entry", CALLED, ids=by_name)
def test_arguments_match_the_documents(entry: dict[str, Any]) -> None:
    function = named(entry["name"])
    ours = [
        {"name": parameter.name}
        if parameter.default is parameter.empty
        else {"name": parameter.name, "default": written(parameter.default)}
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "self"
    ]
    theirs = [
        {name: value for name, value in parameter.items() if name in {"name", "default"}}
        for parameter in entry["parameters"]
    ]
    theirs += [{"name": name, "default": "None"} for name in ADDED.get(entry["name"], ())]
    assert ours == theirs
    assert inspect.iscoroutinefunction(function) == entry["async"]


#: Arguments that are sent as another value, or that the client applies itself.
CONVERTED = {
    "User.get_followers": {"desc"},
    "User.get_followings": {"attention"},
    "get_self_special_followings": {"pn", "ps"},
    "get_self_whisper_followings": {"pn", "ps"},
}


@pytest.mark.parametrize("entry", WIRED, ids=by_name)
def test_errors_name_the_arguments_of_the_documents(entry: dict[str, Any]) -> None:
    endpoint = BY_ADDRESS[entry["wire"]["method"], entry["wire"]["path"]]
    names = {**_clients._ARGUMENTS, **_clients._ENDPOINT_ARGUMENTS.get(endpoint.name, {})}
    named = {names.get(one, one) for one in wire_types(endpoint.params)}
    arguments = {one["name"] for one in entry["parameters"]} - {"credential"}
    assert arguments - named == CONVERTED.get(entry["name"], set())


@pytest.mark.holds(each="entry", aspect="arguments")
@pytest.mark.parametrize(
    "entry", [entry for entry in MODULE if entry["kind"] == "enum"], ids=by_name
)
def test_enums_match_the_documents(entry: dict[str, Any]) -> None:
    members = {member.name: member.value for member in named(entry["name"])}
    assert members == entry["members"]


def test_every_name_is_exported() -> None:
    documented = {entry["name"] for entry in MODULE if "." not in entry["name"]}
    referred = {"ChannelSeries", "Credential", "sync"}
    assert set(user.__all__) == documented | referred | {"using"}


def test_user_has_the_documented_methods_and_no_others() -> None:
    documented = {
        entry["name"].removeprefix("User.") for entry in MODULE if "User." in entry["name"]
    }
    ours = {
        name for name, _ in inspect.getmembers(User, inspect.isfunction) if not name.startswith("_")
    }
    assert ours | {"__init__"} == documented
    assert len(documented) == 40


def test_every_docstring_names_its_document() -> None:
    for entry in CALLED:
        if entry["name"] != "User.__init__":
            docstring = inspect.getdoc(named(entry["name"])) or ""
            assert re.search(r"00[01]", docstring), entry["name"]


def test_deprecated_names_have_a_note() -> None:
    for value in DEPRECATED:
        assert "eprecated" in (inspect.getdoc(value) or ""), value


def test_the_credential_has_the_documented_parts_in_order() -> None:
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
