"""``guanxi login``, ``logout`` and ``whoami``: the account that commands act as."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from guanxi.cli import kept
from guanxi.sdk import hosts
from guanxi.sdk.credential import Credential
from guanxi.sdk.sync import SyncClient

BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", help="The server; else GUANXI_BASE_URL, else the documents' hosts."),
]
Name = Annotated[str, typer.Option("--name", help="Which of several kept accounts.")]
DEFAULT_NAME = "default"


def client_of(base_url: str | None, name: str) -> SyncClient:
    """A client that acts as the environment's account, else as the one kept under a name."""
    credential = Credential.from_environment()
    if not credential.get_cookies():
        credential = kept.kept(_server(base_url), name) or credential
    return SyncClient(base_url=base_url, credential=credential)


def login(name: Name = DEFAULT_NAME, base_url: BaseUrl = None) -> None:
    """扫码登录并保存账号。 Sign in by a QR code, and keep the account.

    Who it is is printed as JSON.

    Scan the code with the server's app, and agree there. The account is kept in the keyring, or
    where there is none in a file that only you can read.
    """
    import segno

    console = Console(stderr=True, highlight=False)
    with SyncClient(base_url=base_url, credential=Credential()) as client:
        code = client.login.qr_generate()
        segno.make(code.url).terminal(sys.stderr, compact=True)
        console.print(f"请扫码 Scan it: {code.url}", soft_wrap=True)
        credential = client.login.qr_wait(code.qrcode_key)
    if credential is None:
        raise ValueError("二维码已过期，请重试 (the code has ended: try again)")
    with SyncClient(base_url=base_url, credential=credential) as client:
        _show(client)
    place = kept.keep(_server(base_url), name, credential)
    console.print(f"已保存 kept as {name}: {place}", soft_wrap=True)


def logout(name: Name = DEFAULT_NAME, base_url: BaseUrl = None) -> None:
    """忘记保存的账号。 Forget a kept account.

    Its session lasts until the server ends it.
    """
    if not kept.forget(_server(base_url), name):
        raise ValueError(f"没有保存 {name} (nothing is kept as {name} for this server)")


def whoami(name: Name = DEFAULT_NAME, base_url: BaseUrl = None) -> None:
    """显示当前账号。 Print as JSON which account commands act as.

    It is the environment's, else the kept one.
    """
    with client_of(base_url, name) as client:
        _show(client)


def _show(client: SyncClient) -> None:
    nav = client.web.nav()
    if not nav.is_login:
        raise ValueError("未登录 (not signed in): guanxi login")
    print(json.dumps({"mid": nav.mid, "name": nav.uname}, ensure_ascii=False))


def _server(base_url: str | None) -> str:
    """What an account is kept for: a base address, empty for the documents' hosts."""
    return hosts.base_address(base_url) or ""
