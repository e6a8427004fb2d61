"""``guanxi api``: call any endpoint from the shell."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

import typer

from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.terminal import json_of, note, say
from guanxi.cli.tools.login import DEFAULT_NAME, BaseUrl, Name, client_of
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.endpoints import BY_NAME
from guanxi.contract.params import wire_types
from guanxi.sdk.hosts import base_address


@in_chinese("""调用任一接口，以 JSON 输出其数据。

    账号取自 GUANXI_SESSDATA 与 GUANXI_BILI_JCT，否则取 guanxi login 为此服务器保存的账号。
    没有接受密钥的选项，以免密钥留在 shell 的历史中。
    接口或参数未知、没有响应、或返回码不为 0 时失败。""")
def api(
    name: Annotated[
        str | None,
        argument(
            "接口名，如 relation.followings。", "The endpoint's name, such as relation.followings."
        ),
    ] = None,
    params: Annotated[
        list[str] | None, argument("接口的参数。", "Its parameters.", metavar="KEY=VALUE…")
    ] = None,
    base_url: BaseUrl = None,
    account: Name = DEFAULT_NAME,
    listed: Annotated[
        bool,
        option(
            "列出全部接口及摘要，不作调用。",
            "List all endpoints with a summary, and call none.",
            "--list",
        ),
    ] = False,
) -> None:
    """Call an endpoint, and print its data as JSON.

    The account comes from GUANXI_SESSDATA and GUANXI_BILI_JCT, else from guanxi login for this
    server; without either, the call is signed out. No option accepts a secret, so that none ends up
    in the shell's history. Only the server checks the values. Fails without a name or --list, for
    an unknown endpoint or parameter, if the endpoint needs an account and there is none, without a
    response, or for a code other than 0.
    """
    if listed:
        for endpoint in BY_NAME.values():
            say(f"{endpoint.name:<30} {endpoint.summary}")
        return
    endpoint = _endpoint(name)
    values = _values(endpoint, params or [])
    if base_address(base_url) is None:
        note(
            text(
                f"发往 https://{endpoint.host}（未设 GUANXI_BASE_URL）",
                f"sending to https://{endpoint.host} (GUANXI_BASE_URL is not set)",
            )
        )
    with client_of(base_url, account) as client:
        data = client.call(endpoint, values)
    if data is None and endpoint.writes:
        note("ok")
    say(json_of(data, 2))


def _endpoint(name: str | None) -> Endpoint:
    """Return the endpoint called ``name``.

    Raise BadParameter if ``name`` is None or, with the nearest name, if there is no such endpoint.
    """
    if name in BY_NAME:
        return BY_NAME[name]
    if name is None:
        raise typer.BadParameter(
            text(
                "缺少接口名，可用 guanxi api --list 查看",
                "the endpoint's name is missing; for a list: guanxi api --list",
            )
        )
    near = get_close_matches(name, BY_NAME, 1, cutoff=0)[0]
    raise typer.BadParameter(
        text(
            f"没有接口 {name}；是否想用 {near}？",
            f"there is no endpoint {name}; did you mean {near}?",
        )
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
            raise typer.BadParameter(text(f"{param} 应为 KEY=VALUE", f"{param} must be KEY=VALUE"))
        if key not in known:
            raise typer.BadParameter(
                text(
                    f"{endpoint.name} 没有参数 {key}；可用：{', '.join(known) or '无'}",
                    f"{endpoint.name} has no parameter {key}; its parameters:"
                    f" {', '.join(known) or 'none'}",
                )
            )
        values[key] = value
    return values
