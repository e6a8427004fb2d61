"""``guanxi api``: any endpoint from the shell."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from guanxi.cli.login import DEFAULT_NAME, BaseUrl, Name, client_of
from guanxi.contract.endpoints import BY_NAME


def api(
    name: Annotated[str, typer.Argument(help="The endpoint, such as relation.followings.")],
    params: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE…", help="Its parameters.")
    ] = None,
    base_url: BaseUrl = None,
    account: Name = DEFAULT_NAME,
) -> None:
    """Call an endpoint and print its data as JSON.

    The account is taken from GUANXI_SESSDATA and GUANXI_BILI_JCT, else it is the one that guanxi
    login kept for the server: secrets never stand in a command.
    """
    if name not in BY_NAME:
        raise typer.BadParameter(f"{name}; 有 one of: {', '.join(sorted(BY_NAME))}")
    given = {}
    for param in params or []:
        key, equals, value = param.partition("=")
        if not equals:
            raise typer.BadParameter(f"{param}: 应为 KEY=VALUE (must be KEY=VALUE)")
        given[key] = value
    with client_of(base_url, account) as client:
        print(json.dumps(client.call(BY_NAME[name], given), ensure_ascii=False, indent=2))
