"""``guanxi serve`` and ``guanxi demo``: run the service in the foreground."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from guanxi.accounts.secrets import new_token
from guanxi.cli.help import in_chinese
from guanxi.cli.language import shown, text
from guanxi.cli.service.options import Again, host_and_port, read, with_configuration
from guanxi.cli.store.opening import (
    Unfinished,
    check_folder,
)
from guanxi.cli.terminal import note
from guanxi.files.folders import delete_leftovers
from guanxi.service.configuration import Configuration
from guanxi.stores import is_server_address, redacted
from guanxi.stores.port import StoreError, StoreReplaced
from guanxi.text import Text

if TYPE_CHECKING:
    from guanxi.service.server import Administration, Plan, Ready


@with_configuration
@in_chinese("""启动服务，直到 Ctrl-C。

    库不存在时会建立。每个选项也可写在 --config 的文件或环境变量中，如 GUANXI_PORT；
    guanxi config show 显示其值与来源。拥有全部权限的管理口令为 GUANXI_ADMIN_TOKEN
    或 --admin-token-file；未设时新生成一个并显示。权限较少的口令：guanxi admin token new。
    多个进程时，SIGHUP 重新读取文件，并逐个替换服务进程，不拒绝任何连接。""")
def serve(again: Again) -> None:
    """Serve a store until Ctrl-C.

    The store is created if it is missing. Each option may be set in the file of --config or in the
    environment too, such as GUANXI_PORT: guanxi config show prints what holds. The administration's
    token with every scope is GUANXI_ADMIN_TOKEN, or in the file of --admin-token-file; without it,
    a new one is generated and printed. Tokens that may do less: guanxi admin token new. With
    several workers, SIGHUP reads the file again and replaces the workers one by one, without a
    refused connection.
    """
    from guanxi.console.operator import pages
    from guanxi.service.listening import UNIX
    from guanxi.service.server import CONSOLE, Plan

    configuration = read(again)
    store, settings = configuration["store"], configuration.settings
    check_folder(store)
    plan = Plan(
        store,
        settings,
        configuration["host"],
        configuration["port"],
        configuration["workers"],
        _administration(configuration),
        _address(configuration, "metrics"),
        lambda: again().settings,
        pages,
        configuration["connections"],
    )
    check_addresses(plan)
    if not is_server_address(store):  # of an import or a demo that was killed
        delete_leftovers(f".{Path(store).name}-", Path(store).parent)
    if plan.administration is not None and not _is_loopback(plan.administration.host):
        address = configuration["admin"]
        note(
            text(
                f"警告：其他机器可以访问管理地址 {address}，且没有 TLS；其口令可登录任何账号。"
                "请用 127.0.0.1，经 TLS 代理或 SSH 隧道访问",
                f"warning: other machines can reach the administration at {address}, without TLS,"
                " and its token signs in anybody; use 127.0.0.1 behind a proxy with TLS, or an SSH"
                " tunnel",
            )
        )

    def ready(service: Ready) -> None:
        note(f"guanxi {settings.profile.name}: {service.url} ({redacted(store)})")
        if not service.url.startswith(UNIX):
            note(text("接口页面：", "API page: ") + f"{service.url}/docs")
        if plan.administration is not None:
            note(text("管理：", "administration: ") + f"{service.admin_url}")
            note(text("控制台：", "console: ") + f"{service.admin_url}{CONSOLE}")
            if configuration["admin_token"] is None:
                note(f"GUANXI_ADMIN_TOKEN={plan.administration.token}")
        if service.metrics_url:
            note(text("指标：", "metrics: ") + f"{service.metrics_url}/metrics")
        _notify_systemd()

    run_service(plan, ready)


def _notify_systemd() -> None:
    """Notify systemd that requests are accepted, if it waits for that (``Type=notify``)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith("@"):  # an abstract one
        address = "\0" + address[1:]
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.sendto(b"READY=1", address)


def run_service(plan: Plan, ready: Callable[[Ready], None]) -> None:
    """Serve until Ctrl-C, calling ``ready`` once requests are accepted.

    Exit with a message if a worker does not start; raise other errors (StoreError, OSError).
    """
    from guanxi.service import server
    from guanxi.service.pool import ServiceError

    try:
        server.serve(plan, ready)
    except StoreReplaced as error:
        raise Unfinished(*error.args) from None
    except ServiceError as error:
        failed = text("服务启动失败：", "the service failed to start: ")
        sys.exit(f"guanxi: {failed}{error}")


def check_addresses(plan: Plan, *more: tuple[str, str, int]) -> None:
    """Raise StoreError if an address of the plan cannot be listened on, before any work is done.

    ``more`` are further addresses: the option that sets each, its host and its port.
    """
    from guanxi.service.listening import bind, is_passed

    addresses = [] if is_passed() else [("--port", plan.host, plan.port)]
    if plan.administration is not None:
        addresses.append(("--admin", plan.administration.host, plan.administration.port))
    if plan.metrics is not None:
        addresses.append(("--metrics", *plan.metrics))
    addresses += more
    with ExitStack() as stack:
        for option, host, port in addresses:
            try:
                stack.enter_context(bind(host, port))
            except OSError as error:
                raise StoreError(_bind_error(error, option, host, port)) from None


def _bind_error(error: OSError, option: str, host: str, port: int) -> Text:
    """Return why an address cannot be listened on, and which option to change."""
    address = _shown(host, port)
    if error.errno == errno.EADDRINUSE and address == host:  # a Unix socket
        return Text(f"另一个进程正在监听 {host}", f"{host} is in use by another process")
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
    from guanxi.service.listening import UNIX

    if host.startswith(UNIX):
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _retry(options: str) -> str:
    """Return how to give options to the command: through make, if make started it."""
    task = os.environ.get("GUANXI_MAKE")
    return f"make {task} ARGS='{options}'" if task else options


def _administration(configuration: Configuration) -> Administration | None:
    """Return the administration's address with the token, or a new token if none is set.

    Return None if there is no address. Raise BadParameter if it is not HOST:PORT.
    """
    from guanxi.service.server import Administration

    address = _address(configuration, "admin")
    if address is None:
        return None
    return Administration(configuration["admin_token"] or new_token(), *address)


def _address(configuration: Configuration, name: str) -> tuple[str, int] | None:
    """Return the host, without brackets, and the port of an option; None if it is not set.

    Raise BadParameter if it is another text.
    """
    address, source = configuration.given(name)
    if address is None:
        return None
    return host_and_port(address, shown(source))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
