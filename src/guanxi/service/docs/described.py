"""The endpoints as their pages show them, derived from the OpenAPI document."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from guanxi.contract import errors, openapi
from guanxi.contract.endpoint import Endpoint, Login
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.params import wire_types
from guanxi.contract.paths import placeholders
from guanxi.service.docs.chinese import both, summary
from guanxi.text import Text

#: The areas in the order of the list: the first part of an endpoint's name.
AREAS = {
    "relation": Text("关系", "Relations"),
    "account": Text("账号", "Accounts"),
    "me": Text("自己的数据", "The caller's own data"),
    "space": Text("空间", "Spaces"),
    "channel": Text("合集与系列", "Channels"),
    "login": Text("登录", "Sign-in"),
    "web": Text("网页", "The web page's own"),
}
LOGINS = {
    Login.NONE: Text("无需登录", "no sign-in"),
    Login.OPTIONAL: Text("可不登录", "sign-in optional"),
    Login.REQUIRED: Text("需登录", "needs a sign-in"),
}
#: Endpoints to begin with, and what they are for.
OFTEN = {
    "relation.followings": Text("一个账号关注了谁", "whom an account follows"),
    "relation.followers": Text("谁关注了一个账号", "who follows an account"),
    "relation.stat": Text("关注与粉丝的数量", "how many followings and followers"),
    "relation.modify": Text("关注、取消关注、拉黑", "follow, unfollow, block"),
    "relation.groups": Text("自己的分组", "the caller's groups"),
    "relation.many": Text("与许多账号的关系", "the relation to many accounts"),
    "web.nav": Text("谁已登录，以及签名的密钥", "who is signed in, and the keys of the signature"),
}
#: Parameters that the page sends, or that are for callers other than a browser.
_OWN = frozenset({"csrf", "wts", "w_rid", "access_key", "appkey", "sign"})
_FORM = "application/x-www-form-urlencoded"


class Field(NamedTuple):
    """A parameter of a form: ``choices`` is empty where any text is accepted."""

    name: str
    what: Text
    choices: tuple[str, ...]
    default: str
    required: bool
    is_list: bool
    is_number: bool


class Code(NamedTuple):
    """A code that an endpoint may answer; ``elsewhere`` if only other servers do."""

    number: int
    message: str
    meaning: Text
    elsewhere: bool


class Area(NamedTuple):
    """An area of the API and its endpoints."""

    key: str
    name: Text
    endpoints: tuple[Endpoint, ...]


def areas(text: str = "") -> list[Area]:
    """Return the areas with the endpoints that contain every word of a text, in any case.

    Looked through are name, method, path and summary. Areas without one are left out.
    """
    words = text.lower().split()
    found: dict[str, list[Endpoint]] = {key: [] for key in AREAS}
    for one in ENDPOINTS:
        key = one.name.partition(".")[0]
        about = summary(one.name, one.summary)
        searched = f"{one.name} {one.method} {one.path} {about.en} {about.zh}".lower()
        if all(word in searched for word in words):
            found.setdefault(key, []).append(one)
    return [
        Area(key, AREAS.get(key, Text(key, key)), tuple(endpoints))
        for key, endpoints in found.items()
        if endpoints
    ]


@cache
def _operations() -> dict[str, dict[str, Any]]:
    paths = openapi.document()["paths"].values()
    return {one["operationId"]: one for methods in paths for one in methods.values()}


@cache
def fields_of(endpoint_name: str) -> tuple[Field, ...]:
    """Return the parameters that a person fills in; aliases are left out."""
    operation = _operations()[endpoint_name]
    found = [
        _field(one["name"], one["schema"], one["description"], required=one["required"])
        for one in operation.get("parameters", ())
    ]
    form = operation.get("requestBody", {}).get("content", {}).get(_FORM, {}).get("schema", {})
    found += [
        _field(name, schema, schema.get("description", ""), required=name in form["required"])
        for name, schema in form.get("properties", {}).items()
    ]
    return tuple(one for one in found if one.name not in _OWN)


def _field(name: str, schema: dict[str, Any], what: str, *, required: bool) -> Field:
    choices = schema.get("enum") or next(
        (one["enum"] for one in schema.get("anyOf", ()) if "enum" in one), ()
    )
    default = schema.get("default", "")
    return Field(
        name,
        both(what),
        tuple(str(one) for one in choices if one != ""),
        "" if default is None else str(default),
        required,
        schema.get("type") == "array",
        schema.get("type") == "integer" or (bool(choices) and all(map(_is_number, choices))),
    )


def _is_number(choice: object) -> bool:
    return isinstance(choice, int)


def codes_of(endpoint: Endpoint) -> list[Code]:
    """Return the codes that an endpoint may answer, in the order of their numbers."""
    return [
        Code(
            number,
            endpoint.message(number),
            both(errors.CODES[number].meaning),
            number in endpoint.elsewhere,
        )
        for number in sorted(endpoint.codes)
    ]


def in_path(endpoint: Endpoint) -> list[str]:
    """Return the parameters that are part of an endpoint's path."""
    return list(placeholders(endpoint.path))


def known(endpoint: Endpoint, values: dict[str, str]) -> dict[str, str]:
    """Return the values of an endpoint's own parameters that are not empty."""
    names = wire_types(endpoint.params).keys() | endpoint.aliases.keys() | {*in_path(endpoint)}
    return {name: value for name, value in values.items() if value and name in names}
