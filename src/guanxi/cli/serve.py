"""``guanxi serve`` and ``guanxi demo``: run the service in the foreground."""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from guanxi.accounts.secrets import TokenKind, new_token
from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import shown, text
from guanxi.cli.stores import (
    DEFAULT_STORE,
    StoreOption,
    Unfinished,
    all_or_nothing,
    check_folder,
    with_store,
)
from guanxi.cli.terminal import json_of, note, say
from guanxi.contract.endpoints import NAV
from guanxi.contract.errors import NetworkException
from guanxi.demo.content import make_content
from guanxi.demo.tour import tour
from guanxi.demo.world import HERO, make_world
from guanxi.files.folders import delete_leftovers, temporary_folder
from guanxi.operations.sessions import Issued, issue
from guanxi.sdk.credential import Credential
from guanxi.sdk.sync import SyncClient
from guanxi.stores import is_server_address, redacted
from guanxi.stores.port import Store, StoreError, StoreReplaced
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
    settings = _changed(
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
    _check_addresses(plan)
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

    _serve(plan, ready)


def _changed(settings: Settings, **options: float | str | None) -> Settings:
    """Return the settings with those of the options that are not None."""
    return replace(
        settings, **{name: value for name, value in options.items() if value is not None}
    )


def _serve(plan: Plan, ready: Callable[[Ready], None]) -> None:
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


def _check_addresses(plan: Plan) -> None:
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


@in_chinese("""启动演示，并展示导览。

    相同的种子生成相同的数据。服务运行到 Ctrl-C。已存在的文件或已有账号的数据库会被拒绝。""")
def demo(
    seed: Annotated[int, option("生成哪个世界。", "Which world to generate.")] = 1,
    accounts: Annotated[int, option("约多少账号。", "About how many accounts.", min=1)] = 2_000,
    edges: Annotated[int, option("约多少条关系。", "About how many relations.", min=0)] = 60_000,
    store: Annotated[
        str | None,
        option(
            "保留的新文件，或 postgresql://…。默认为临时文件。",
            "A new file that is kept, or postgresql://…. Default: a temporary file.",
            metavar="STORE",
        ),
    ] = None,
    profile: Annotated[
        ProfileName, option("documented 或 open。", "documented or open.")
    ] = ProfileName.documented,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = 1,
    strict_referer: StrictReferer = None,
    wbi_window: WbiWindow = None,
    as_json: Annotated[
        bool, option("输出一行 JSON，不作导览。", "Print one line of JSON, and no tour.", "--json")
    ] = False,
) -> None:
    """Serve generated data, and show a tour.

    The same seed generates the same data. The service runs until Ctrl-C. An existing file, or a
    database with accounts, is refused.
    """
    from guanxi.service.config import load
    from guanxi.service.hosts import DOCUMENTED
    from guanxi.service.server import Plan

    if store is not None and not is_server_address(store) and Path(store).exists():
        raise _exists(store)
    settings = _changed(
        load(profile, environ=os.environ), strict_referer=strict_referer, wbi_window=wbi_window
    )
    settings = replace(settings, allowed_hosts=(*DOCUMENTED, *settings.allowed_hosts))
    with temporary_folder("guanxi-demo-") as folder:
        address = store or str(Path(folder, "guanxi.db"))
        plan = Plan(address, settings, host, port, workers)
        _check_addresses(plan)

        async def fill(opened: Store) -> Issued:
            async for _ in opened.accounts():
                raise _exists(address)
            world = make_world(seed, accounts, edges)
            await opened.import_edges(
                lambda: world.edges, accounts=world.accounts, groups=world.groups
            )
            await opened.put(make_content(world, seed))
            limits = settings.profile.limits
            return await issue(opened, HERO, TokenKind.COOKIE, limits, int(time.time()))

        with all_or_nothing(address) as building:  # a half one would be refused afterwards
            issued = with_store(building, fill, create=True)

        def ready(service: Ready) -> None:
            if as_json:
                say(json_of(_facts(service.url, issued, address)))
            else:
                # The service answers on this thread, so the tour needs another.
                threading.Thread(
                    target=_show, args=(service.url, issued, address), daemon=True
                ).start()

        _serve(plan, ready)


def _exists(store: str) -> StoreError:
    return StoreError(
        Text(
            f"{redacted(store)} 已存在，演示需要新库；启动已有的库："
            f"guanxi serve --store {redacted(store)}",
            f"{redacted(store)} exists already, and the demo needs a new store; to serve the"
            f" existing one: guanxi serve --store {redacted(store)}",
        )
    )


def _facts(url: str, issued: Issued, store: str) -> dict[str, str | int]:
    """Return what ``--json`` prints: the demo's addresses, account, session and store."""
    return {
        "base_url": url,
        "mid": HERO,
        "sessdata": issued.token,
        "bili_jct": issued.bili_jct,
        "docs_url": f"{url}/docs",
        "store": redacted(store),
    }


def _show(url: str, issued: Issued, store: str) -> None:
    """Print the tour, then the service's addresses and the variables for another shell.

    If the service stops during the tour, nothing more is printed.
    """
    credential = Credential(sessdata=issued.token, bili_jct=issued.bili_jct)
    with SyncClient(base_url=url, credential=credential) as client:
        try:
            tour(client, lambda line: say(shown(line)))
        except NetworkException:  # Ctrl-C stopped the service before the tour's end
            return
    say(
        text("\n服务仍在运行，Ctrl-C 结束。\n", "\nThe service runs until Ctrl-C.\n")
        + text("接口页面：", "API page: ")
        + f"{url}/docs\n"
        + text("数据：", "store: ")
        + f"{redacted(store)}\n\n"
        f"export GUANXI_BASE_URL={url}\n"
        f"export GUANXI_SESSDATA={issued.token}\n"
        f"export GUANXI_BILI_JCT={issued.bili_jct}\n\n"
        f'curl -s "$GUANXI_BASE_URL{NAV.path}" -b "SESSDATA=$GUANXI_SESSDATA"'
    )
