"""Generate documents from the code: endpoints, limits, codes, commands."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from guanxi import user
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.errors import CODES
from guanxi.contract.limits import ALL, OPEN, PROFILES, limit_sources
from guanxi.contract.openapi import parameter_schema
from guanxi.contract.params import LARGEST
from guanxi.sdk import settings
from guanxi.user._works import Works
from guanxi.world.kind import Kind
from guanxi.world.kinds import KINDS
from tools.coming_from import page as coming_from_page
from tools.markdown import NOTE, table

#: The names that documents 000 and 001 define; tests compare the code with this file.
_CHINESE = Path(__file__).parents[1] / "docs" / "zh" / "user-module.md"
_MODULE = Path(__file__).resolve().parents[1] / "tests/documents/user_module.json"
#: Names that the documents only refer to, with the endpoints that those call through the client.
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
#: What docs/user-module.md says between its first paragraph and its table.
_USER_MODULE = """\
> **A call without a credential acts as the account of the environment**, `GUANXI_SESSDATA` and
> `GUANXI_BILI_JCT`, **also to write**: `User(2).modify_relation(RelationType.BLOCK)` blocks in
> its name. In the original such a call has no account. Set `GUANXI_NO_DEFAULT_CREDENTIAL=1` to
> have it so here: a call without a credential is then signed out, and one that needs an account
> raises `CredentialNoSessdataException` before anything is sent. Within `with using(client):`
> such a call acts as the client's account, with or without that variable.

- **Two orders of arguments.** `get_articles`, `get_subscribed_bangumi` and
  `get_channel_videos_series` have the published package's order of positional arguments, which is
  in the table, and accept the documents' too: `get_articles(ArticleOrder.VIEW, 1, 30)`,
  `get_subscribed_bangumi(1, 15, BangumiType.DRAMA)`, `get_channel_videos_series(9, 1, 100)`. Enum
  members decide which is meant. Pass the value of a member, such as 2 for `BangumiType.DRAMA`, by
  keyword.
- **`get_channel_list()`** returns all channels, as in the documents; with `pn` or `ps`, one page,
  as in release 17.4.2.
- **`name2uid_sync`** returns the dictionary, which can also be awaited, since 001 lists a
  coroutine.
- **Ids** are numbers or their digits as text: `User("2")`. `User.uid` cannot be changed.
- **Copies** of a `User` or a `ChannelSeries` have the same credential. **Pickles** have none of
  its secrets: after unpickling it is signed out until its `credential` is set again. One that was
  made without a credential has none afterwards either.
- **Results** are what the server sent. From guanxi's service they have exactly the keys of their
  annotations, in both profiles; keys that another server adds are passed on.
  `typing.get_type_hints` resolves the annotations at run time; the shapes of results are imported
  when it is first called.
- **Not here**: of release 17.4.2, `User.get_upower_qa_list` and `User.get_upower_qa_detail`,
  which neither document has.

"""


def endpoints() -> str:
    """Return docs/endpoints.md: every endpoint with its parameters, sign-in and codes."""
    pages = [
        f"{NOTE}# Endpoints\n\n"
        "Send parameters in the query of a GET and in the form of a POST; join several values"
        " by commas. A write with a cookie needs `csrf`, the session's `bili_jct`; the SDK and"
        " `guanxi api` add it. The bounds are those of a service without settings of its own;"
        " [limits.md](limits.md) has their sources, and how much of a list is visible;"
        " [codes.md](codes.md) has the meaning of the codes. A"
        " running service has the same as OpenAPI 3.1 at `/openapi.json`.\n"
    ]
    return "".join([*pages, *map(_endpoint_section, ENDPOINTS)])


def _endpoint_section(endpoint: Endpoint) -> str:
    rows = [
        _parameter_row(field, parameter_schema(endpoint, field.encode_name))
        for field in msgspec.structs.fields(endpoint.params)
    ]
    ways = " or ".join(sorted(endpoint.auth, reverse=True))
    signed = "; wbi signature" if endpoint.wbi else ""
    also = ", ".join(f"`{other}` for `{name}`" for other, name in endpoint.aliases.items())
    answered, others = _in_order(endpoint.codes), _in_order(endpoint.elsewhere)
    facts = (
        f"{endpoint.method} `{endpoint.path}`",
        f"document: {endpoint.seed}",
        f"sign-in: {_sign_in(endpoint)}{f' ({ways})' if ways else ''}{signed}",
        f"codes: 0, {answered}",
        *([f"only other servers answer: {others}"] if others else []),
        *([f"aliases: {also}"] if also else []),
    )
    bullets = "".join(f"- {fact}\n" for fact in facts)
    head = ("parameter", "type", "default", "meaning")
    listed = f"\n{table(head, rows)}" if rows else "\nNo parameters.\n"
    return f"\n## {endpoint.name}\n\n{endpoint.summary}\n\n{bullets}{listed}"


def _in_order(codes: Collection[int]) -> str:
    return ", ".join(map(str, sorted(codes, key=lambda code: (code > 0, abs(code)))))


def _sign_in(endpoint: Endpoint) -> str:
    return "required" if endpoint.needs_session else endpoint.login


def _parameter_row(field: msgspec.structs.FieldInfo, schema: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a parameter's name, values, default and meaning, from its OpenAPI schema."""
    name, default = field.encode_name, "required" if field.required else "absent"
    if "default" in schema:
        default = "empty" if schema["default"] == "" else f"`{schema['default']}`"
    return (f"`{name}`", _values(schema), default, schema.get("description", ""))


def _values(schema: Mapping[str, Any]) -> str:
    """Return the allowed values of a parameter in words."""
    if "enum" in schema:
        return ", ".join("empty" if one == "" else f"`{one}`" for one in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_values(one) for one in schema["anyOf"])
    if schema["type"] == "array":
        most = f" of at most {schema['maxItems']}" if "maxItems" in schema else ""
        return f"list{most}, each: {_values(schema['items'])}"
    if schema["type"] == "integer":
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is None:
            return "integer"
        return f"integer, {low} to {'2^63 - 1' if high in (None, LARGEST) else high}"
    if schema["type"] in ("boolean", "null"):
        return "`true` or `false`" if schema["type"] == "boolean" else "nothing"
    length = schema.get("maxLength")
    return f"text, at most {length} characters" if length else "text"


def limits() -> str:
    """Return docs/limits.md: every limit by profile, with its source."""
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
        f"{NOTE}# Limits\n\n"
        "`documented` answers as the documents say; `open` is for your own product. There,"
        " parameters that only the documents need may be left out:"
        f" {', '.join(f'`{name}`' for name in OPEN.defaults)}. A limit is set"
        " by its variable, or in the table `[limits]` of the file that `guanxi serve --config`"
        " names. A source is a [document](documents.md) and its section.\n\n"
        f"{table(('limit', 'variable', *by_profile, 'source'), rows)}"
    )


def codes() -> str:
    """Return docs/codes.md: every code, its exception and its source."""
    rows = [
        (
            str(number),
            f"`{kind.__name__}`",
            kind.wire_message,
            kind.meaning,
            "yes" if kind.can_retry else "",
            "yes" if kind.stops else "",
            "yes" if kind.skips else "",
            kind.source,
        )
        for number, kind in sorted(CODES.items(), key=lambda item: (item[0] > 0, abs(item[0])))
    ]
    head = ("code", "exception", "message", "meaning", "retry", "stop", "skip", "source")
    return (
        f"{NOTE}# Codes\n\n"
        "Each code has an exception of its own under `guanxi.ResponseCodeException`, with"
        " three attributes: `can_retry`, whether the same call may succeed later; `stops`, whether"
        " a batch of calls must stop instead of going on with the next item; and `skips`, whether"
        " the refusal concerns this item alone. A source is a [document](documents.md) and its"
        " section.\n\n"
        "The message on the wire is the documented one, alone. What was wrong with this request is"
        " in `reason`, a key of guanxi's own, in English: the parameter, header or rule, and what"
        " would be right. The exceptions have it as `reason`, empty from other servers.\n\n"
        f"{table(head, rows)}"
        "\n## Messages of single endpoints\n\n"
        "These endpoints answer a code with another message than the table's, as their document has"
        " it. A client that compares messages has to know both.\n\n"
        f"{table(('code', 'message', 'endpoints'), _other_messages())}"
    )


def _other_messages() -> list[tuple[str, str, str]]:
    """Return the rows of the messages that differ from ``CODES``, with their endpoints."""
    names: dict[tuple[int, str], list[str]] = {}
    for endpoint in ENDPOINTS:
        for code, message in endpoint.messages.items():
            names.setdefault((code, message), []).append(f"`{endpoint.name}`")
    return [
        (str(code), message, ", ".join(sorted(answering)))
        for (code, message), answering in sorted(names.items())
    ]


def cli(language: str) -> str:
    """Return docs/cli.md or docs/cli.zh-CN.md: the help of every command in one language.

    A process of its own, because help is in the language that the process starts with.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tools.commands"],
        env=os.environ | {"GUANXI_LANG": language, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return f"{NOTE}{done.stdout}"


def coming_from() -> str:
    """Return docs/coming-from-bilibili-api.md: its text as it is, with current tables."""
    return coming_from_page(json.loads(_MODULE.read_text("utf-8")), _REFERRED)


def user_module() -> str:
    """Return docs/user-module.md: each documented name with its endpoint and documents."""
    documented = json.loads(_MODULE.read_text("utf-8"))
    rows = [_user_row(entry) for entry in documented]
    rows += [_user_row({"name": name, "documents": []}) for name in _REFERRED]
    return (
        f"{NOTE}# The documented module\n\n"
        f"`from guanxi import user` is the module of [documents 000 and 001](documents.md), with"
        f" all {len(rows)} names that they define or refer to. Code written for the original runs"
        " after one changed import; [Coming from bilibili-api](coming-from-bilibili-api.md) says"
        " what is the same and what differs. [relation.md](relation.md), [space.md](space.md) and"
        " [me.md](me.md) have examples.\n\n"
        f"{_USER_MODULE}"
        f"{table(('name', 'arguments', 'endpoint', 'documents'), rows)}\n"
        f"{_settings()}"
    )


def user_module_in_chinese() -> str:
    """Return docs/zh/user-module.md, written by hand but for the table of names."""
    rows = [_user_row(entry) for entry in json.loads(_MODULE.read_text("utf-8"))]
    rows += [_user_row({"name": name, "documents": []}) for name in _REFERRED]
    head, begin, rest = _CHINESE.read_text("utf-8").partition("<!-- generated: names -->\n")
    _, end, tail = rest.partition("<!-- end -->\n")
    chinese = [(*row[:3], row[3].replace("referred to", "提到")) for row in rows]
    return f"{head}{begin}{table(('名字', '参数', '接口', '文档'), chinese)}{end}{tail}"


def _settings() -> str:
    """Return the section about the original's settings."""
    ignored = [
        (f"`{name}`", "none" if value == "" else f"{value}", instead)
        for name, (value, instead) in settings.FIXED.items()
    ]
    return (
        "## The settings of the original\n\n"
        "`from guanxi import request_settings, settings, select_client` is accepted."
        " Four\nsettings have an effect, on the clients of `guanxi.user` outside of"
        f" `using`: `proxy` (for credentials\nwithout one; empty: none), `timeout` (seconds, less"
        f" than {settings.MAX_TIMEOUT:,.0f}; of a whole\ncall with its retries, not of a request),"
        " `max_response` (ours: the most bytes of a response that\nare read) and `wbi_retry_times`"
        f" (1 to {settings.MAX_WBI_TRIES}). Clients that are opened after a change use it.\n\n"
        "The others have a fixed value here. Setting another one, or selecting an HTTP library,"
        " warns with\n`guanxi.SettingIgnored` and does nothing:\n\n"
        f"{table(('setting', 'value here', 'what to use instead'), ignored)}"
    )


def _user_row(entry: dict[str, Any]) -> tuple[str, ...]:
    name: str = entry["name"]
    value: Any = user
    for part in name.split("."):
        value = getattr(value, part)
    if isinstance(value, type):
        members: Iterable[Enum] = value if issubclass(value, Enum) else ()
        arguments = ", ".join(f"`{one.name}`" for one in members) or "class"
    else:
        parameters = inspect.signature(value).parameters.values()
        shown = (one for one in parameters if one.name != "self")
        arguments = ", ".join(f"`{_argument(one)}`" for one in shown)
    documents = ", ".join(entry["documents"]) or "referred to"
    return (f"`{name}`", arguments, _endpoints_of(value) or _REFERRED.get(name, ""), documents)


def _argument(one: inspect.Parameter) -> str:
    if one.default is one.empty:
        return one.name
    return f"{one.name}={one.default if isinstance(one.default, Enum) else repr(one.default)}"


def _endpoints_of(value: Any) -> str:
    """Return the endpoints that a function's source names; empty for a class."""
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
    """Return docs/content-kinds.md: every kind of content with the fields of its documents."""
    parts: dict[str, type[Struct]] = {}
    rows = []
    for kind in sorted(KINDS, key=lambda kind: kind.name):
        _add_parts(kind.body, parts)
        what = " ".join((kind.body.__doc__ or "").partition("\n\n")[0].split()).replace("``", "`")
        many = "one" if kind.id is Kind(name="", body=kind.body).id else "many"
        details = (many, *(", ".join(names) for names in (kind.keys, kind.filters)))
        rows.append((f"`{kind.name}`", _part(kind.body), what, *details))
    pages = [
        NOTE,
        "# Kinds of content\n\n"
        "The documents that a content file may contain; [content.md](content.md) has the"
        " format.\n\n",
        table(("kind", "document", "meaning", "per account", "ordered by", "filtered by"), rows),
    ]
    for name, struct in sorted(parts.items()):
        hints = get_type_hints(struct)
        fields = [
            (f"`{field.encode_name}`", _type_of(hints[field.name]), _default_of(field))
            for field in msgspec.structs.fields(struct)
        ]
        pages += [f"\n## {name}\n\n", table(("field", "type", "default"), fields)]
    return "".join(pages)


def _add_parts(kind: Any, found: dict[str, type[Struct]]) -> None:
    """Add the structs in a type, at any depth, to ``found`` by their listed name."""
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
    """Return the listed name of a struct; the world's are qualified, since names repeat."""
    room = struct.__module__.removeprefix("guanxi.world.")
    return struct.__name__ if room == struct.__module__ else f"{room}.{struct.__name__}"


def _part(struct: type[Struct]) -> str:
    name = _part_name(struct)
    return f"[{name}](#{name.lower().replace('.', '')})"


_SIMPLE = {int: "integer", float: "number", str: "text", bool: "true or false", Any: "anything"}


def _type_of(kind: Any) -> str:
    """Return a type in JSON's words."""
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
