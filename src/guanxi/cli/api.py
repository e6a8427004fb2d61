"""``guanxi api``: any endpoint from the shell."""

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
        str | None, typer.Argument(help="The endpoint, such as relation.followings.")
    ] = None,
    params: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE…", help="Its parameters.")
    ] = None,
    base_url: BaseUrl = None,
    account: Name = DEFAULT_NAME,
    listed: Annotated[
        bool, typer.Option("--list", help="List the endpoints instead, with what they do.")
    ] = False,
) -> None:
    """调用任一接口。 Call an endpoint and print its data as JSON.

    The account is taken from GUANXI_SESSDATA and GUANXI_BILI_JCT, else it is the one that guanxi
    login kept for the server: secrets never stand in a command.
    """
    if listed:
        for endpoint in BY_NAME.values():
            print(f"{endpoint.name:<30} {endpoint.summary}")
        return
    endpoint = _endpoint(name)
    given = _given(endpoint, params or [])
    if base_address(base_url) is None:
        print(f"发往 sending to https://{endpoint.host} (no GUANXI_BASE_URL)", file=sys.stderr)
    with client_of(base_url, account) as client:
        data = client.call(endpoint, given)
    if data is None and endpoint.writes:
        print("ok", file=sys.stderr)
    print(_shown(data))


def _endpoint(name: str | None) -> Endpoint:
    if name in BY_NAME:
        return BY_NAME[name]
    if name is None:
        raise typer.BadParameter("缺少接口名 (an endpoint is missing): guanxi api --list")
    near = get_close_matches(name, BY_NAME, 1, cutoff=0)[0]
    raise typer.BadParameter(
        f"没有接口 {name}；是否想用 {near}？ (no such endpoint; did you mean {near}?)"
    )


def _given(endpoint: Endpoint, params: list[str]) -> dict[str, str]:
    """The parameters of a command line; one that the endpoint does not declare is refused."""
    known = [*wire_types(endpoint.params), *endpoint.aliases]
    given = {}
    for param in params:
        key, equals, value = param.partition("=")
        if not equals:
            raise typer.BadParameter(f"{param}: 应为 KEY=VALUE (must be KEY=VALUE)")
        if key not in known:
            there = ", ".join(known) or "none"
            raise typer.BadParameter(
                f"{endpoint.name} 没有参数 {key} (has no parameter {key}; there are: {there})"
            )
        given[key] = value
    return given


def _shown(data: Any) -> str:
    """Data as JSON, with escapes where standard output cannot show the characters."""
    text = json.dumps(data, ensure_ascii=False, indent=2)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return json.dumps(data, indent=2)
    return text
