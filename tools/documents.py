"""Documents made from the code: coverage, endpoints, limits, codes, commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import typer
from msgspec.structs import asdict

from guanxi.cli.app import app
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import DOCUMENTED_RELATION, ENDPOINTS
from guanxi.contract.errors import CODES
from guanxi.contract.limits import ALL, PROFILES, limit_sources
from guanxi.contract.params import LARGEST
from guanxi.sdk.sync import SyncClient
from guanxi.service.routes import HANDLERS
from tests.end_to_end.cases import CASES

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
        _parameter_row(name, one, required=name in struct["required"])
        for name, one in struct["properties"].items()
    ]
    ways = " or ".join(sorted(endpoint.auth, reverse=True))
    signed = "; wbi signature" if endpoint.wbi else ""
    also = ", ".join(f"`{other}` for `{name}`" for other, name in endpoint.aliases.items())
    found = sorted(endpoint.codes, key=lambda code: (code > 0, abs(code)))
    facts = (
        f"{endpoint.method} `{endpoint.path}`",
        f"document: {endpoint.seed}",
        f"sign-in: {endpoint.login}{f' ({ways})' if ways else ''}{signed}",
        f"codes: 0, {', '.join(map(str, found))}",
        *([f"also taken: {also}"] if also else []),
    )
    told = "".join(f"- {fact}\n" for fact in facts)
    head = ("parameter", "type", "default", "meaning")
    table = f"\n{_table(head, rows)}" if rows else "\nNo parameters.\n"
    return f"\n## {endpoint.name}\n\n{endpoint.summary}\n\n{told}{table}"


def _parameter_row(name: str, schema: Mapping[str, Any], *, required: bool) -> tuple[str, ...]:
    default = "required" if required else "left out"
    if "default" in schema:
        default = "empty" if schema["default"] == "" else f"`{schema['default']}`"
    return (f"`{name}`", _values(schema), default, schema.get("description", ""))


def _values(schema: Mapping[str, Any]) -> str:
    """What a parameter may be."""
    if "enum" in schema:
        return ", ".join("empty" if one == "" else f"`{one}`" for one in schema["enum"])
    if schema["type"] == "array":
        return f"list, each: {_values(schema['items'])}"
    if schema["type"] == "integer":
        most = schema["maximum"]
        return f"integer, {schema['minimum']} to {'2^63 - 1' if most == LARGEST else most}"
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


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
