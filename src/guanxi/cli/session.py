"""``guanxi session``: who is signed in."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from guanxi.accounts.secrets import TokenKind, new_app
from guanxi.cli.account import Mid
from guanxi.cli.opened import DEFAULT_STORE, StoreOption, known, living, with_store
from guanxi.contract.limits import Limits
from guanxi.stores.port import Store

app = typer.Typer(
    help="管理会话。 Sign accounts in and out.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def new(
    mid: Mid,
    app_token: Annotated[
        bool, typer.Option("--app", help="An access_key with an app key pair, instead of a cookie.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, help="How long it lasts.")] = Limits().session_days,
    export: Annotated[
        bool, typer.Option("--export", help="Print it as export lines for a shell.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """登录一个账号。 Sign an account in, and print the session.

    Its secrets are shown this once, as JSON or as export lines for eval.
    """
    from guanxi.service.auth import issue

    if app_token and export:
        raise typer.BadParameter("--export 仅用于 cookie (is for cookies, not for --app)")

    async def open_one(opened: Store) -> dict[str, str | int]:
        await living(opened, mid)
        kind = TokenKind.APP if app_token else TokenKind.COOKIE
        issued = await issue(opened, mid, kind, Limits(session_days=days))
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

    session = with_store(store, open_one)
    if export:
        print(f"export GUANXI_SESSDATA={session['sessdata']}")
        print(f"export GUANXI_BILI_JCT={session['bili_jct']}")
    else:
        print(json.dumps(session))


@app.command()
def agree(
    mid: Mid,
    code: Annotated[str, typer.Argument(help="What the QR code says, or its qrcode_key.")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """同意扫码登录。 Agree to a sign-in by QR code.

    Whoever shows the code is signed in as this account.
    """
    from guanxi.service import login

    key = parse_qs(urlsplit(code).query).get("qrcode_key", [code])[0]
    with_store(store, lambda opened: login.agree(opened, key, mid, Limits()))


@app.command()
def revoke(mid: Mid, store: StoreOption = DEFAULT_STORE) -> None:
    """结束账号的全部会话。 End an account's sessions; print how many."""

    async def close_all(opened: Store) -> int:
        await known(opened, mid)
        return await opened.close_sessions(mid)

    print(with_store(store, close_all))
