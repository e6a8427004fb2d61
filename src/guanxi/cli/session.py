"""``guanxi session``: who is signed in."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from guanxi.accounts.secrets import TokenKind, new_app
from guanxi.cli.account import Mid
from guanxi.cli.opened import DEFAULT_STORE, StoreOption, with_store
from guanxi.contract.limits import Limits
from guanxi.stores.port import Store

app = typer.Typer(
    help="登录与退出。 Open, agree to and revoke sessions.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def new(
    mid: Mid,
    app_token: Annotated[
        bool, typer.Option("--app", help="An access_key with an app key pair, instead of a cookie.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, help="How long it lasts.")] = Limits().session_days,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Open a session for an account, and print its secrets as JSON. They are shown this once."""
    from guanxi.service.auth import issue

    async def open_one(opened: Store) -> dict[str, str | int]:
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

    print(json.dumps(with_store(store, open_one)))


@app.command()
def agree(
    mid: Mid,
    code: Annotated[str, typer.Argument(help="What the QR code says, or its qrcode_key.")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Agree to a sign-in by QR code: whoever shows the code is signed in as this account."""
    from guanxi.service import login

    key = parse_qs(urlsplit(code).query).get("qrcode_key", [code])[0]
    with_store(store, lambda opened: login.agree(opened, key, mid, Limits()))


@app.command()
def revoke(mid: Mid, store: StoreOption = DEFAULT_STORE) -> None:
    """End every session of an account; print how many there were."""
    print(with_store(store, lambda opened: opened.close_sessions(mid)))
