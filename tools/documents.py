"""Documents made from the code: coverage, endpoints, limits, codes, commands."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import typer
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from guanxi import user
from guanxi.cli.app import app
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import DOCUMENTED_RELATION, ENDPOINTS
from guanxi.contract.errors import CODES
from guanxi.contract.limits import ALL, PROFILES, limit_sources
from guanxi.contract.params import LARGEST
from guanxi.sdk.sync import SyncClient
from guanxi.service.routes import HANDLERS
from guanxi.user._works import Works
from guanxi.world.kind import Kind
from guanxi.world.kinds import KINDS
from tests.end_to_end.content_cases import CASES

#: What documents 000 and 001 name, as the tests hold the code to it.
_MODULE = Path(__file__).resolve().parents[1] / "tests/documents/user_module.json"
#: What they refer to, and the endpoints of what asks through the client's own methods.
_REFERRED = {
    "ChannelSeries": "",
    "ChannelSeries.get_meta": "",
    "ChannelSeries.get_owner": "",
    "ChannelSeries.get_videos": "",
    "Credential": "",
    "Credential.check_valid": "`web.nav`",
    "Credential.check_refresh": "`login.cookie_info`",
    "Credential.refresh": (
        "`login.cookie_info`, `login.correspond`, `login.cookie_refresh`, `login.confirm_refresh`"
    ),
    "sync": "",
}
_NOTE = "<!-- Made by `make generate`; do not edit. -->\n"


def coverage() -> str:
    """docs/coverage.md: each endpoint declared, served, callable and tested."""
    with SyncClient(base_url="http://127.0.0.1:1") as client:
        rows = [_coverage_row(endpoint, client) for endpoint in ENDPOINTS]
    documented = [row for row in rows if row[0] in {f"`{e.name}`" for e in DOCUMENTED_RELATION}]
    head = ("endpoint", "request", "document", "declared", "served", "callable", "tested")
    return (
        f"{_NOTE}# Coverage\n\n"
        f"{_complete(documented)} of the {len(documented)} endpoints of document 004, and"
        f" {_complete(rows)} of {len(rows)} in all, are declared in the contract, served by the"
        " service, callable by that name on the SDK's client and tested over HTTP against what the"
        " store holds.\n\n"
        f"{_table(head, rows)}"
    )


def _coverage_row(endpoint: Endpoint, client: SyncClient) -> tuple[str, ...]:
    area, _, verb = endpoint.name.partition(".")
    callable_ = callable(getattr(getattr(client, area), verb, None))
    facts = (True, endpoint.name in HANDLERS, callable_, endpoint.name in CASES)
    return (
        f"`{endpoint.name}`",
        f"{endpoint.method} `{endpoint.path}`",
        endpoint.seed,
        *("yes" if fact else "no" for fact in facts),
    )


def _complete(rows: Iterable[tuple[str, ...]]) -> int:
    return sum("no" not in row for row in rows)


def endpoints() -> str:
    """docs/endpoints.md: every endpoint with its parameters, its sign-in and its codes."""
    pages = [
        f"{_NOTE}# Endpoints\n\n"
        "GET takes parameters in the query, POST in a form; several values are joined by commas."
        " A write that a cookie signs in carries `csrf`, the session's `bili_jct`; the SDK and"
        " `guanxi api` add it. How large `ps` and a list of ids may be, and how much of a list is"
        " shown: [limits.md](limits.md). What a code means: [codes.md](codes.md).\n"
    ]
    return "".join([*pages, *map(_endpoint_section, ENDPOINTS)])


def _endpoint_section(endpoint: Endpoint) -> str:
    [_], parts = msgspec.json.schema_components([endpoint.params])
    struct = parts[endpoint.params.__name__]
    rows = [
        _parameter_row(name, _inlined(one, parts), required=name in struct["required"])
        for name, one in struct["properties"].items()
    ]
    ways = " or ".join(sorted(endpoint.auth, reverse=True))
    signed = "; wbi signature" if endpoint.wbi else ""
    also = ", ".join(f"`{other}` for `{name}`" for other, name in endpoint.aliases.items())
    found, others = _in_order(endpoint.codes), _in_order(endpoint.elsewhere)
    facts = (
        f"{endpoint.method} `{endpoint.path}`",
        f"document: {endpoint.seed}",
        f"sign-in: {endpoint.login}{f' ({ways})' if ways else ''}{signed}",
        f"codes: 0, {found}",
        *([f"of these other servers alone answer: {others}"] if others else []),
        *([f"also taken: {also}"] if also else []),
    )
    told = "".join(f"- {fact}\n" for fact in facts)
    head = ("parameter", "type", "default", "meaning")
    table = f"\n{_table(head, rows)}" if rows else "\nNo parameters.\n"
    return f"\n## {endpoint.name}\n\n{endpoint.summary}\n\n{told}{table}"


def _in_order(codes: Collection[int]) -> str:
    return ", ".join(map(str, sorted(codes, key=lambda code: (code > 0, abs(code)))))


def _parameter_row(name: str, schema: Mapping[str, Any], *, required: bool) -> tuple[str, ...]:
    default = "required" if required else "left out"
    if "default" in schema:
        default = "empty" if schema["default"] == "" else f"`{schema['default']}`"
    return (f"`{name}`", _values(schema), default, schema.get("description", ""))


def _inlined(schema: Mapping[str, Any], parts: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema with what it refers to in its place."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**parts[name], **schema} if name else schema


def _values(schema: Mapping[str, Any]) -> str:
    """What a parameter may be."""
    if "enum" in schema:
        return ", ".join("empty" if one == "" else f"`{one}`" for one in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_values(one) for one in schema["anyOf"])
    if schema["type"] == "array":
        return f"list, each: {_values(schema['items'])}"
    if schema["type"] == "integer":
        low, most = schema.get("minimum"), schema.get("maximum")
        if low is None:
            return "integer"
        return f"integer, {low} to {'2^63 - 1' if most in (None, LARGEST) else most}"
    if schema["type"] in ("boolean", "null"):
        return "`true` or `false`" if schema["type"] == "boolean" else "nothing"
    most = schema.get("maxLength")
    return f"text, at most {most} characters" if most else "text"


def limits() -> str:
    """docs/limits.md: every limit by profile, with its source."""
    by_profile = {name: asdict(profile.limits) for name, profile in PROFILES.items()}
    rows = [
        (
            f"`{name}`",
            f"`GUANXI_LIMIT_{name.upper()}`",
            *(
                "all" if values[name] == ALL else f"{values[name]:,}"
                for values in by_profile.values()
            ),
            source,
        )
        for name, source in limit_sources().items()
    ]
    return (
        f"{_NOTE}# Limits\n\n"
        "`documented` answers as the documents say; `open` is for your own product. A limit is set"
        " by its variable, or in the table `[limits]` of the file that `guanxi serve --config`"
        " names.\n\n"
        f"{_table(('limit', 'variable', *by_profile, 'source'), rows)}"
    )


def _number(limit: int) -> str:
    return "all" if limit == ALL else f"{limit:,}"


def codes() -> str:
    """docs/codes.md: every code, its exception and its source."""
    rows = [
        (str(number), f"`{kind.__name__}`", kind.wire_message, kind.meaning, kind.source)
        for number, kind in sorted(CODES.items(), key=lambda item: (item[0] > 0, abs(item[0])))
    ]
    return (
        f"{_NOTE}# Codes\n\n"
        "Each code has an exception of its own under `guanxi.ResponseCodeException`.\n\n"
        f"{_table(('code', 'exception', 'message', 'meaning', 'source'), rows)}"
    )


def cli() -> str:
    """docs/cli.md: the help of every command."""
    pages = [
        _NOTE,
        "# Commands\n\nData goes to standard output, everything else to standard error.\n",
    ]
    waiting = [("guanxi", typer.main.get_command(app))]
    while waiting:
        path, command = waiting.pop(0)
        context = typer.Context(command, info_name=path, terminal_width=100, max_content_width=100)
        pages.append(f"\n## {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
        below = getattr(command, "commands", {})
        waiting += [(f"{path} {name}", inner) for name, inner in below.items()]
    return "".join(pages)


def user_module() -> str:
    """docs/user-module.md: each documented name, its endpoint, the documents it stands in."""
    documented = json.loads(_MODULE.read_text("utf-8"))
    rows = [_user_row(entry) for entry in documented]
    rows += [_user_row({"name": name, "documents": []}) for name in _REFERRED]
    return (
        f"{_NOTE}# The documented module\n\n"
        f"`guanxi.user` has all {len(rows)} names of documents 000 and 001, and of what they refer"
        " to. Arguments are as the code has them.\n\n"
        "What they return is annotated for editors and type checkers. Importing those names at"
        " run time\nwould add a fifth to what the import costs, so `typing.get_type_hints` does not"
        " find them.\n\n"
        f"{_table(('name', 'arguments', 'endpoint', 'documents'), rows)}"
    )


def _user_row(entry: dict[str, Any]) -> tuple[str, ...]:
    name: str = entry["name"]
    value: Any = user
    for part in name.split("."):
        value = getattr(value, part)
    if isinstance(value, type):
        members: Iterable[Enum] = value if issubclass(value, Enum) else ()
        told = ", ".join(f"`{one.name}`" for one in members) or "class"
    else:
        parameters = inspect.signature(value).parameters.values()
        told = ", ".join(f"`{_argument(one)}`" for one in parameters if one.name != "self")
    documents = ", ".join(entry["documents"]) or "referred to"
    return (f"`{name}`", told, _endpoints_of(value) or _REFERRED.get(name, ""), documents)


def _argument(one: inspect.Parameter) -> str:
    if one.default is one.empty:
        return one.name
    return f"{one.name}={one.default if isinstance(one.default, Enum) else repr(one.default)}"


def _endpoints_of(value: Any) -> str:
    """The endpoints that a function's source names; those of a class are at its methods."""
    if isinstance(value, type):
        return ""
    code = inspect.getsource(value)
    called = re.findall(r"\b(?:self|owner)\.(get_\w+)\(", code)
    methods = [getattr(user.User, name) for name in called if hasattr(user.User, name)]
    code += "".join(inspect.getsource(method) for method in methods)
    code += inspect.getsource(Works._channel_page) if "_channel_page" in code else ""
    names = dict.fromkeys(re.findall(r"\be\.([A-Z_]+)\b", code))
    return ", ".join(f"`{getattr(e, name).name}`" for name in names)


def content_kinds() -> str:
    """docs/content-kinds.md: every kind of content, and what its documents are made of."""
    parts: dict[str, type[Struct]] = {}
    rows = []
    for kind in sorted(KINDS, key=lambda kind: kind.name):
        _add_parts(kind.body, parts)
        what = " ".join((kind.body.__doc__ or "").partition("\n\n")[0].split()).replace("``", "`")
        many = "one" if kind.id is Kind(name="", body=kind.body).id else "many"
        told = (many, *(", ".join(names) for names in (kind.keys, kind.filters)))
        rows.append((f"`{kind.name}`", _part(kind.body), what, *told))
    pages = [
        _NOTE,
        "# Kinds of content\n\n"
        "What a line of a file of content can hold; [content.md](content.md) has the format.\n\n",
        _table(("kind", "document", "what it is", "each has", "ordered by", "filtered by"), rows),
    ]
    for name, struct in sorted(parts.items()):
        hints = get_type_hints(struct)
        fields = [
            (f"`{field.encode_name}`", _type_of(hints[field.name]), _default_of(field))
            for field in msgspec.structs.fields(struct)
        ]
        pages += [f"\n## {name}\n\n", _table(("field", "type", "default"), fields)]
    return "".join(pages)


def _add_parts(kind: Any, found: dict[str, type[Struct]]) -> None:
    """Add the structs that a type is made of, at any depth, by the name they are listed under."""
    inner: Iterable[Any] = get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Struct):
        name = _part_name(kind)
        if name in found:
            return
        found[name] = kind
        inner = get_type_hints(kind).values()
    for one in inner:
        _add_parts(one, found)


def _part_name(struct: type[Struct]) -> str:
    """The name of a struct; one of the world's own has its room's before it, as names repeat."""
    room = struct.__module__.removeprefix("guanxi.world.")
    return struct.__name__ if room == struct.__module__ else f"{room}.{struct.__name__}"


def _part(struct: type[Struct]) -> str:
    name = _part_name(struct)
    return f"[{name}](#{name.lower().replace('.', '')})"


_SIMPLE = {int: "integer", float: "number", str: "text", bool: "true or false", Any: "anything"}


def _type_of(kind: Any) -> str:
    """A type in the words of JSON."""
    inner = [one for one in get_args(kind) if one is not UnsetType]
    origin = get_origin(kind)
    if kind is type(None):
        return "null"
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if origin in {Union, UnionType}:
        return " or ".join(map(_type_of, inner))
    if origin is Literal:
        return "one of " + ", ".join(f"`{one}`" for one in inner)
    if origin in {list, tuple, frozenset}:
        return f"list of {_type_of(inner[0])}"
    if origin is dict:
        return "object"
    if issubclass(kind, Enum):
        members: Iterable[Enum] = kind
        return "one of " + ", ".join(f"`{one.value}`" for one in members)
    return _part(kind)


def _default_of(field: msgspec.structs.FieldInfo) -> str:
    if field.default is UNSET:
        return "left out"
    if field.default is not msgspec.NODEFAULT:
        return f"`{msgspec.json.encode(field.default).decode()}`"
    if field.default_factory is msgspec.NODEFAULT:
        return "must be there"
    empty = msgspec.json.encode(field.default_factory()).decode()
    return f"`{empty}`" if empty in {"[]", "{}"} else "its defaults"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
