"""``guanxi serve`` and ``guanxi demo``: run the service in the foreground."""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from guanxi.accounts.secrets import new_token
from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.stores import (
    DEFAULT_STORE,
    StoreOption,
    Unfinished,
    check_folder,
)
from guanxi.cli.terminal import note
from guanxi.files.folders import delete_leftovers
from guanxi.stores import is_server_address, redacted
from guanxi.stores.port import StoreError, StoreReplaced
from guanxi.text import Text

if TYPE_CHECKING:
    from guanxi.service.config import Settings
    from guanxi.service.server import Administration, Plan, Ready


class ProfileName(StrEnum):
    """The profiles, as choices of ``--profile``."""

    documented = "documented"
    open = "open"


Host = Annotated[str, option("监听的地址。", "The address to listen on.")]
Port = Annotated[
    int,
    option(
        "监听的端口；0 为任一空闲端口。",
        "The port to listen on; 0 for any free one.",
        min=0,
        max=65535,
    ),
]
StrictReferer = Annotated[
    bool | None,
    option(
        "documented 中，粉丝与关注明细缺少 Referer 时也返回 -352。",
        "In documented, followers and followings answer -352 without a Referer too.",
    ),
]
WbiWindow = Annotated[
    int | None,
    option(
        "documented 中，wts 早于此秒数即返回 -403；0 为不检查。",
        "In documented, an older wts answers -403; 0 for no check.",
        min=0,
        max=2**31 - 1,
        metavar="SECONDS",
    ),
]
Workers = Annotated[
    int, option("服务进程的数目。", "How many processes serve the store.", min=1, max=64)
]


@in_chinese("""启动服务，直到 Ctrl-C。

    库不存在时会建立。拥有全部权限的管理口令为 GUANXI_ADMIN_TOKEN；未设时新生成一个并显示。
    权限较少的口令：guanxi admin token new。""")
def serve(
    store: StoreOption = DEFAULT_STORE,
    profile: Annotated[
        ProfileName | None,
        option(
            "documented 或 open。默认取配置文件，否则为 open。",
            "documented or open. Default: the config file's, else open.",
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    admin: Annotated[
        str | None,
        option(
            "另一地址，供管理与指标使用。",
            "A second address, for administration and metrics.",
            metavar="HOST:PORT",
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        option(
            "只供指标使用的地址，无需口令。",
            "An address for metrics alone, without the token.",
            metavar="HOST:PORT",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        option("TOML 配置文件。", "A TOML file of settings.", exists=True, dir_okay=False),
    ] = None,
    card_cache: Annotated[
        int | None,
        option(
            "每个进程缓存的名片数；0 为不缓存。",
            "How many cards a worker caches; 0 for none.",
            min=0,
            metavar="N",
        ),
    ] = None,
    card_staleness: Annotated[
        float | None,
        option(
            "列表中的名片最多可以多旧。",
            "How old a card in a list may be.",
            min=0.001,
            max=3600,
            metavar="SECONDS",
        ),
    ] = None,
    strict_referer: StrictReferer = None,
    wbi_window: WbiWindow = None,
    request_log: Annotated[
        str | None,
        option(
            "每个请求写一行 JSON；- 为标准错误。",
            "Write a line of JSON for each request; - is standard error.",
            metavar="FILE",
        ),
    ] = None,
) -> None:
    """Serve a store until Ctrl-C.

    The store is created if it is missing. The administration's token with every scope is
    GUANXI_ADMIN_TOKEN; if that is not set, a new one is generated and printed. Tokens that may do
    less: guanxi admin token new.
    """
    from guanxi.service.config import load
    from guanxi.service.server import Plan

    check_folder(store)
    settings = changed(
        load(profile, file=config, environ=os.environ),
        card_cache=card_cache,
        card_staleness=card_staleness,
        strict_referer=strict_referer,
        wbi_window=wbi_window,
        request_log=request_log,
    )
    plan = Plan(
        store,
        settings,
        host,
        port,
        workers,
        _administration(admin),
        None if metrics is None else _host_and_port("--metrics", metrics),
    )
    check_addresses(plan)
    if not is_server_address(store):  # of an import or a demo that was killed
        delete_leftovers(f".{Path(store).name}-", Path(store).parent)
    if plan.administration is not None and not _is_loopback(plan.administration.host):
        note(
            text(
                f"警告：其他机器可以访问管理地址 {admin}，且没有 TLS；其口令可登录任何账号。"
                "请用 127.0.0.1，经 TLS 代理或 SSH 隧道访问",
                f"warning: other machines can reach the administration at {admin}, without TLS,"
                " and its token signs in anybody; use 127.0.0.1 behind a proxy with TLS, or an SSH"
                " tunnel",
            )
        )

    def ready(service: Ready) -> None:
        note(f"guanxi {settings.profile.name}: {service.url} ({redacted(store)})")
        note(text("接口页面：", "API page: ") + f"{service.url}/docs")
        if plan.administration is not None:
            note(text("管理：", "administration: ") + f"{service.admin_url}")
            if "GUANXI_ADMIN_TOKEN" not in os.environ:
                note(f"GUANXI_ADMIN_TOKEN={plan.administration.token}")
        if service.metrics_url:
            note(text("指标：", "metrics: ") + f"{service.metrics_url}/metrics")

    run_service(plan, ready)


def changed(settings: Settings, **options: float | str | None) -> Settings:
    """Return the settings with those of the options that are not None."""
    return replace(
        settings, **{name: value for name, value in options.items() if value is not None}
    )


def run_service(plan: Plan, ready: Callable[[Ready], None]) -> None:
    """Serve until Ctrl-C, calling ``ready`` once requests are accepted.

    Exit with a message if a worker does not start; raise other errors (StoreError, OSError).
    """
    from guanxi.service import server

    try:
        server.serve(plan, ready)
    except StoreReplaced as error:
        raise Unfinished(*error.args) from None
    except server.ServiceError as error:
        failed = text("服务启动失败：", "the service failed to start: ")
        sys.exit(f"guanxi: {failed}{error}")


def check_addresses(plan: Plan) -> None:
    """Raise StoreError if an address of the plan cannot be listened on, before any work is done."""
    from guanxi.service.http import bind

    addresses = [("--port", plan.host, plan.port)]
    if plan.administration is not None:
        addresses.append(("--admin", plan.administration.host, plan.administration.port))
    if plan.metrics is not None:
        addresses.append(("--metrics", *plan.metrics))
    with ExitStack() as stack:
        for option, host, port in addresses:
            try:
                stack.enter_context(bind(host, port))
            except OSError as error:
                raise StoreError(_bind_error(error, option, host, port)) from None


def _bind_error(error: OSError, option: str, host: str, port: int) -> Text:
    """Return why an address cannot be listened on, and which option to change."""
    address = _shown(host, port)
    if error.errno == errno.EADDRINUSE:
        others = (port + 1, 0) if option == "--port" else (_shown(host, 0),)
        other = text("，", ", ").join(_retry(f"{option} {value}") for value in others)
        return Text(
            f"端口 {port} 已被占用，请换一个：{other}",
            f"{address} is in use, choose another: {other}",
        )
    if error.errno == errno.EACCES:
        return Text(
            f"无权使用端口 {port}，请换一个：{option}",
            f"no permission for {address}, choose another: {option}",
        )
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return Text(
            f"本机没有地址 {host}，请换地址", f"this machine has no address {host}: use another"
        )
    return Text(
        f"无法监听 {address}：{error.strerror}", f"cannot listen on {address}: {error.strerror}"
    )


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _retry(options: str) -> str:
    """Return how to give options to the command: through make, if make started it."""
    task = os.environ.get("GUANXI_MAKE")
    return f"make {task} ARGS='{options}'" if task else options


_PORT = re.compile(r"[0-9]{1,5}")

#: The fewest characters of an administration token, from the environment.
_TOKEN_LENGTH = 16


def _administration(address: str | None) -> Administration | None:
    """Return the settings of the administration's address, or None if ``address`` is None.

    The token is GUANXI_ADMIN_TOKEN, or a new one if that is not set. Raise SettingError if it is
    set and shorter than 16 characters, BadParameter if ``address`` is not HOST:PORT.
    """
    from guanxi.service.config import SettingError
    from guanxi.service.server import Administration

    if address is None:
        return None
    host, port = _host_and_port("--admin", address)
    token = os.environ.get("GUANXI_ADMIN_TOKEN")
    if token is not None and len(token) < _TOKEN_LENGTH:
        raise SettingError(
            "GUANXI_ADMIN_TOKEN",
            Text(
                f"至少 {_TOKEN_LENGTH} 个字符，如 head -c 24 /dev/urandom | base64 的输出；"
                "不设此变量则新生成一个",
                f"at least {_TOKEN_LENGTH} characters, such as the output of"
                " `head -c 24 /dev/urandom | base64`; without the variable one is generated",
            ),
        )
    return Administration(token or new_token(), host, port)


def _host_and_port(option: str, address: str) -> tuple[str, int]:
    """Return the host, without brackets, and the port; raise BadParameter if it is another text.

    ``option`` is where the address is from.
    """
    host, _, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):  # an IPv6 address, as in a URL
        host = host[1:-1]
    if not host or not _PORT.fullmatch(port) or int(port) > 65535:
        raise typer.BadParameter(
            text(f"{address} 应为 HOST:PORT", f"{address} must be HOST:PORT"), param_hint=option
        )
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
