"""The commands, put together."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from guanxi import __version__
from guanxi.cli import account, api, login, serve, session, store
from guanxi.contract.errors import ApiException
from guanxi.stores.port import StoreError

app = typer.Typer(
    name="guanxi",
    help="用户关系服务、SDK 与工具。 A user-relation service, its SDK and tools.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a trace could show a secret
    rich_markup_mode=None,
)


def _version(*, asked: bool) -> None:
    if asked:
        print(f"guanxi {__version__}")
        raise typer.Exit


@app.callback()
def guanxi(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Tell the version."),
    ] = False,
) -> None:
    pass


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
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal without Chinese shows escapes
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except (ApiException, StoreError, ValueError) as error:
        sys.exit(f"guanxi: {error}")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        sys.exit(f"guanxi: 系统不允许 (the system refuses): {place}{error.strerror or error}")
