"""A request as code to copy: for curl, for Python and for the command line."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode

from guanxi.contract.endpoint import COOKIE, Endpoint
from guanxi.service.docs.described import fields_of, in_path


class Snippet(NamedTuple):
    """A name and the code."""

    name: str
    code: str


def snippets(endpoint: Endpoint, values: Mapping[str, str], base_url: str) -> list[Snippet]:
    """Return a request to an endpoint as code. Sessions come from the environment.

    ``values`` are the parameters by wire name. Signatures are left to the SDK, which adds them.
    """
    return [
        Snippet("curl", _curl(endpoint, values, base_url)),
        Snippet("Python", _python(endpoint, values, base_url)),
        Snippet("guanxi", _command(endpoint, values, base_url)),
    ]


def _curl(endpoint: Endpoint, values: Mapping[str, str], base_url: str) -> str:
    path, rest = endpoint.path, dict(values)
    for name in in_path(endpoint):
        path = path.replace(f"{{{name}}}", quote(rest.pop(name, ""), safe=""))
    is_post = endpoint.method == "POST"
    query = "" if is_post or not rest else f"?{urlencode(rest)}"
    lines = [f"curl -s {shlex.quote(f'{base_url}{path}{query}')}"]
    if is_post:
        lines[0] = lines[0].replace("curl -s", "curl -s -X POST", 1)
        lines += [
            f"--data-urlencode {shlex.quote(f'{one}={value}')}" for one, value in rest.items()
        ]
    if COOKIE in endpoint.auth:
        lines.append('-b "SESSDATA=$GUANXI_SESSDATA"')
        if endpoint.writes:
            lines.append('--data-urlencode "csrf=$GUANXI_BILI_JCT"')
    code = " \\\n  ".join(lines)
    if endpoint.wbi and not endpoint.unsigned:
        code = f"# needs the wbi signature (wts, w_rid), which Python and guanxi add\n{code}"
    return code


def _python(endpoint: Endpoint, values: Mapping[str, str], base_url: str) -> str:
    numbers = {one.name for one in fields_of(endpoint.name) if one.is_number}
    written = ", ".join(
        f"{name!r}: {value if name in numbers and _is_plain(value) else repr(value)}"
        for name, value in values.items()
    )
    given = f", {{{written}}}" if written else ""
    return (
        "from guanxi import SyncClient\n\n"
        "# the account: GUANXI_SESSDATA and GUANXI_BILI_JCT\n"
        f"with SyncClient(base_url={base_url!r}) as client:\n"
        f"    print(client.call({endpoint.name!r}{given}))"
    )


def _command(endpoint: Endpoint, values: Mapping[str, str], base_url: str) -> str:
    pairs = [shlex.quote(f"{name}={value}") for name, value in values.items()]
    return " ".join(["guanxi api", endpoint.name, *pairs, "--base-url", shlex.quote(base_url)])


def _is_plain(value: str) -> bool:
    return value.isascii() and value.isdigit() and (value == "0" or not value.startswith("0"))
