"""``guanxi login``, ``logout`` and ``whoami``: the account that commands act as."""

from __future__ import annotations

import os
import sys
from typing import Annotated

from guanxi.cli.help import in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.terminal import json_of, note, one_line, say
from guanxi.cli.tools import credentials
from guanxi.contract.errors import CredentialNoSessdataException
from guanxi.sdk import hosts
from guanxi.sdk.credential import Credential
from guanxi.sdk.sync import SyncClient
from guanxi.text import Text

BaseUrl = Annotated[
    str | None,
    option(
        "服务器地址。默认为 GUANXI_BASE_URL，否则为文档中的主机。",
        "The server's address. Default: GUANXI_BASE_URL, else the documents' hosts.",
        "--base-url",
    ),
]
Name = Annotated[
    str,
    option(
        "保存账号所用的名称，供保存多个账号时区分。",
        "The name the account is saved under, if you save several.",
        "--name",
    ),
]
DEFAULT_NAME = "default"
_SESSDATA = CredentialNoSessdataException.variable


def client_of(base_url: str | None, name: str) -> SyncClient:
    """Return a client that acts as the account saved as ``name``, if that is not the default name.

    With the default name it acts as the environment's account, else as the one saved so; without
    either it is anonymous. Raise ValueError if no account is saved under another name, for a
    damaged credentials file or an invalid cookie, ArgsException for an invalid address.
    """
    credential = Credential.from_environment()
    if name != DEFAULT_NAME:  # whoever names an account means no other
        saved = credentials.load(_server(base_url), name)
        if saved is None:
            raise ValueError(_not_saved(name))
        credential = saved
    elif not credential.get_cookies():
        credential = credentials.load(_server(base_url), name) or credential
    return SyncClient(base_url=base_url, credential=credential)


def _not_saved(name: str) -> Text:
    return Text(
        f"此服务器没有保存名为 {name} 的账号",
        f"no account is saved under the name {name} for this server",
    )


@in_chinese("""扫码登录并保存账号。

    以 JSON 输出账号的 mid 与昵称。

    用服务器的 App 扫码并确认。二维码先过期则失败。
    账号保存在系统的钥匙串中；没有钥匙串时，保存在只有你可读的文件中。""")
def login(name: Name = DEFAULT_NAME, base_url: BaseUrl = None) -> None:
    """Sign in by a QR code, and save the account.

    Prints the account's mid and name as JSON.

    Scan the code with the server's app, and confirm there. Fails if the code expires first. The
    account is saved in the system's keyring, or where there is none in a file that only you can
    read.
    """
    import segno

    with SyncClient(base_url=base_url, credential=Credential()) as client:
        code = client.login.qr_generate()
        segno.make(code.url).terminal(sys.stderr, compact=True)
        note(text("请扫码：", "Scan this code: ") + one_line(code.url))
        credential = client.login.qr_wait(code.qrcode_key)
    if credential is None:
        raise ValueError(Text("二维码已过期，请重试", "the QR code has expired: try again"))
    with SyncClient(base_url=base_url, credential=credential) as client:
        _print_account(client)
    location = credentials.save(_server(base_url), name, credential)
    saved = text(f"已保存为 {name}：{location}", f"saved as {name}: {location}")
    note(saved)


@in_chinese("""删除保存的账号。

    会话本身不结束，直到服务器结束它。没有以此名称保存的账号则失败。""")
def logout(name: Name = DEFAULT_NAME, base_url: BaseUrl = None) -> None:
    """Delete a saved account.

    The session itself is not ended: it lasts until the server ends it. Fails if no account is saved
    under this name.
    """
    if not credentials.delete(_server(base_url), name):
        raise ValueError(_not_saved(name))


@in_chinese("""显示当前账号。

    以 JSON 输出其 mid 与昵称。先取 --name 指定的账号，再取环境变量中的，最后取保存的。
    未登录则失败。""")
def whoami(name: Name = DEFAULT_NAME, base_url: BaseUrl = None) -> None:
    """Print which account the commands act as.

    Prints its mid and name as JSON. One that --name names comes first, then the environment's, then
    the saved one. Fails if nobody is signed in.
    """
    with client_of(base_url, name) as client:
        _print_account(client)


def _print_account(client: SyncClient) -> None:
    """Print the signed-in account's mid and name as JSON. Raise ValueError if nobody is signed in.

    Raise ApiException as ``client.web.nav``.
    """
    nav = client.web.nav()
    if not nav.is_login:
        raise ValueError(not_signed_in())
    say(json_of({"mid": nav.mid, "name": nav.uname}))


def not_signed_in() -> Text:
    """Return what helps a user whom the server does not know: variables win over saved accounts."""
    if os.environ.get(_SESSDATA):
        return Text(
            f"{_SESSDATA} 的会话已结束或不属于此服务器：请换新值，"
            f"或取消此变量（unset {_SESSDATA}）并运行 guanxi login",
            f"the session in {_SESSDATA} has ended or is not this server's: set a new one,"
            f" or unset {_SESSDATA} and run guanxi login",
        )
    return Text("未登录，请运行 guanxi login", "not signed in: run guanxi login")


def _server(base_url: str | None) -> str:
    """Return the base address that credentials are saved for; empty for the documents' hosts.

    None means GUANXI_BASE_URL. Raise ArgsException for an invalid address.
    """
    return hosts.base_address(base_url) or ""
