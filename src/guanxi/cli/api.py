"""``guanxi api``: any endpoint from the shell."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from guanxi.contract.endpoints import BY_NAME
from guanxi.sdk.sync import SyncClient


def api(
    name: Annotated[str, typer.Argument(help="The endpoint, such as relation.followings.")],
    params: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE…", help="Its parameters.")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(help="The server; else GUANXI_BASE_URL, else the documents' hosts."),
    ] = None,
) -> None:
    """Call an endpoint and print its data as JSON.

    The account is taken from GUANXI_SESSDATA and GUANXI_BILI_JCT: secrets never stand in a command.
    """
    if name not in BY_NAME:
        raise typer.BadParameter(f"{name}; 有 one of: {', '.join(sorted(BY_NAME))}")
    given = {}
    for param in params or []:
        key, equals, value = param.partition("=")
        if not equals:
            raise typer.BadParameter(f"{param}: 应为 KEY=VALUE (must be KEY=VALUE)")
        given[key] = value
    with SyncClient(base_url=base_url) as client:
        print(json.dumps(client.call(BY_NAME[name], given), ensure_ascii=False, indent=2))
