"""The commands, put together."""

from __future__ import annotations

import sys

import typer

from guanxi.cli import account, api, login, serve, session, store
from guanxi.contract.errors import ApiException
from guanxi.stores.port import StoreError

app = typer.Typer(
    name="guanxi",
    help="关系：用户关系服务、SDK 与工具。 A user-relation service, its SDK and tools.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a trace could show a secret
    rich_markup_mode=None,
)
app.command()(serve.serve)
app.command()(serve.demo)
app.command()(store.check)
app.command()(api.api)
app.command()(login.login)
app.command()(login.logout)
app.command()(login.whoami)
app.add_typer(account.app, name="account")
app.add_typer(session.app, name="session")
app.add_typer(store.app, name="store")


def run() -> None:
    """Run a command; what went wrong is a line on standard error and exit status 1."""
    try:
        app()
    except (ApiException, StoreError, ValueError) as error:
        sys.exit(f"guanxi: {error}")
