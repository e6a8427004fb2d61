"""``guanxi session``: sign accounts of a store in and out."""

from __future__ import annotations

import time
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from guanxi.accounts.secrets import TokenKind, new_app
from guanxi.cli.help import argument, in_chinese, option
from guanxi.cli.language import text
from guanxi.cli.named import NamedAccount, mid_of
from guanxi.cli.store.account_lists import minute, session_row
from guanxi.cli.store.opening import DEFAULT_STORE, StoreOption, with_audit, with_store
from guanxi.cli.terminal import json_of, say
from guanxi.contract.limits import Limits
from guanxi.operations import accounts, sessions
from guanxi.operations.audit import Act
from guanxi.stores.port import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command()
@in_chinese("""登录一个账号，并显示其会话。

    密钥只显示这一次。输出为 JSON；用 --export 时为 shell 可 eval 的行。
    账号须存在且未注销。--app 与 --export 不能同用。""")
def new(
    mid: NamedAccount,
    app_token: Annotated[
        bool,
        option(
            "建立 access_key 与应用密钥对，而不是 cookie。",
            "Create an access_key with an app key pair, instead of a cookie.",
            "--app",
        ),
    ] = False,
    days: Annotated[
        int, option("会话的有效天数。", "How many days the session lasts.", min=1, max=36_500)
    ] = Limits().session_days,
    export: Annotated[
        bool,
        option(
            "输出 shell 的 export 行，而不是 JSON。",
            "Print export lines for a shell, instead of JSON.",
            "--export",
        ),
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Sign an account in, and print its session.

    Its secrets are shown this once. The output is JSON, or with --export lines for a shell's eval.
    The account must exist and not be deregistered. --app and --export exclude each other.
    """
    if app_token and export:
        raise typer.BadParameter(
            text(
                "--export 只用于 cookie 会话，不能与 --app 同用",
                "--export works for cookie sessions only: leave out --app",
            )
        )

    async def open_session(opened: Store, act: Act) -> dict[str, str | int]:
        kind = TokenKind.APP if app_token else TokenKind.COOKIE
        act.mid, act.detail = await mid_of(opened, mid), kind.value
        issued = await sessions.issue(opened, act.mid, kind, Limits(), int(time.time()), days=days)
        if not app_token:
            return {
                "sessdata": issued.token,
                "bili_jct": issued.bili_jct,
                "expires": issued.expires,
            }
        appkey, appsec = new_app(opened.secret)
        return {
            "access_key": issued.token,
            "appkey": appkey,
            "appsec": appsec,
            "expires": issued.expires,
        }

    session = with_audit(store, "session new", open_session)
    if export:
        say(f"export GUANXI_SESSDATA={session['sessdata']}")
        say(f"export GUANXI_BILI_JCT={session['bili_jct']}")
    else:
        say(json_of(session))


@app.command()
@in_chinese("""确认扫码登录。

    显示二维码的一方随即以此账号登录。二维码须未过期；账号须存在且未注销。""")
def agree(
    mid: NamedAccount,
    code: Annotated[
        str,
        argument("二维码中的网址，或其 qrcode_key。", "The URL in the QR code, or its qrcode_key."),
    ],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Confirm a sign-in by QR code.

    Whoever displays the code is then signed in as this account. Fails if the code is older than 180
    seconds, whatever the service's own limit qr_seconds is, or if the account does not exist or is
    deregistered.
    """
    key = parse_qs(urlsplit(code).query).get("qrcode_key", [code])[0]

    async def confirm(opened: Store, act: Act) -> None:
        act.mid = await mid_of(opened, mid)
        await sessions.agree(opened, key, act.mid, Limits().qr_seconds, time.time())

    with_audit(store, "session agree", confirm)


@app.command("list")
@in_chinese("""列出账号的会话，最新的在前。

    显示编号、种类与时刻，不显示能登录的内容；最近使用的时刻约准确到一小时。账号须存在。""")
def list_sessions(
    mid: NamedAccount,
    as_json: Annotated[
        bool, option("每行输出一个 JSON 对象。", "Print a JSON object a line.", "--json")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """List the sessions of an account, the newest first.

    Shows ids, kinds and times, and nothing that signs in. The last use is up to an hour old. The
    account must exist.
    """

    async def read(opened: Store) -> list[dict[str, object]]:
        found = await sessions.of_account(opened, await mid_of(opened, mid))
        return [*map(sessions.described, found)]

    rows = with_store(store, read)
    if not as_json and rows:
        say(session_row("id", "kind", "created", "used", "expires"))
    for row in rows:
        say(json_of(row) if as_json else session_row(row["id"], row["kind"], *_times(row)))


def _times(row: dict[str, object]) -> list[str]:
    return [minute(int(str(row[name]))) for name in ("created", "used", "expires")]


@app.command()
@in_chinese("""结束账号的全部会话，或只结束一个。

    编号由 guanxi session list 显示。输出结束的数目。账号须存在。""")
def revoke(
    mid: NamedAccount,
    session: Annotated[
        int | None,
        argument("只结束此编号的会话。", "End only the session with this id.", min=1),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """End all sessions of an account, or one.

    guanxi session list shows the ids. Prints how many were ended. The account must exist.
    """

    async def close(opened: Store, act: Act) -> int:
        act.mid = await mid_of(opened, mid)
        if session is not None:
            return await sessions.revoke(opened, act.mid, session)
        await accounts.existing(opened, act.mid)
        return await opened.close_sessions(act.mid)

    say(with_audit(store, "session revoke", close))
