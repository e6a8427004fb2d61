"""``guanxi api``: call any endpoint from the shell."""

from __future__ import annotations

import json
import sys
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from guanxi.cli.login import DEFAULT_NAME, BaseUrl, Name, client_of
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import BY_NAME
from guanxi.contract.params import wire_types
from guanxi.sdk.hosts import base_address


def api(
    name: Annotated[
        str | None, typer.Argument(help="The endpoint's name, such as relation.followings.")
    ] = None,
    params: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE…", help="Its parameters.")
    ] = None,
    base_url: BaseUrl = None,
    account: Name = DEFAULT_NAME,
    listed: Annotated[
        bool, typer.Option("--list", help="List all endpoints with a summary, and call none.")
    ] = False,
) -> None:
    """调用任一接口。 Call an endpoint, and print its data as JSON.

    The account comes from GUANXI_SESSDATA and GUANXI_BILI_JCT, else from guanxi login for this
    server; without either, the call is signed out. No option accepts a secret, so that none ends up
    in the shell's history. Only the server checks the values. Fails without a name or --list, for
    an unknown endpoint or parameter, if the endpoint needs an account and there is none, without a
    response, or for a code other than 0.
    """
    if listed:
        for endpoint in BY_NAME.values():
            print(f"{endpoint.name:<30} {endpoint.summary}")
        return
    endpoint = _endpoint(name)
    values = _values(endpoint, params or [])
    if base_address(base_url) is None:
        print(
            f"发往 sending to https://{endpoint.host} (未设 GUANXI_BASE_URL is not set)",
            file=sys.stderr,
        )
    with client_of(base_url, account) as client:
        data = client.call(endpoint, values)
    if data is None and endpoint.writes:
        print("ok", file=sys.stderr)
    print(_json(data))


def _endpoint(name: str | None) -> Endpoint:
    """Return the endpoint called ``name``.

    Raise BadParameter if ``name`` is None or, with the nearest name, if there is no such endpoint.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    if name is None:
        raise typer.BadParameter(
            "缺少接口名，可用 guanxi api --list 查看"
            " (the endpoint's name is missing; for a list: guanxi api --list)"
        )
    near = get_close_matches(name, BY_NAME, 1, cutoff=0)[0]
    raise typer.BadParameter(
        f"没有接口 {name}；是否想用 {near}？ (no such endpoint; did you mean {near}?)"
    )


def _values(endpoint: Endpoint, params: list[str]) -> dict[str, str]:
    """Return the values of KEY=VALUE arguments, by key; of a repeated key, the last.

    Raise BadParameter for an argument without "=" and for a key that the endpoint does not declare.
    """
    known = [*wire_types(endpoint.params), *endpoint.aliases]
    values = {}
    for param in params:
        key, equals, value = param.partition("=")
        if not equals:
            raise typer.BadParameter(f"{param}: 应为 KEY=VALUE (must be KEY=VALUE)")
        if key not in known:
            raise typer.BadParameter(
                f"{endpoint.name} 没有参数 {key}"
                f" (has no parameter {key}; its parameters: {', '.join(known) or 'none'})"
            )
        values[key] = value
    return values


def _json(data: Any) -> str:
    """Return data as JSON, with escapes if standard output cannot show its characters."""
    text = json.dumps(data, ensure_ascii=False, indent=2)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return json.dumps(data, indent=2)
    return text
