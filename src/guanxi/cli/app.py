"""The ``guanxi`` command line, assembled from its commands."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from guanxi._version import __version__
from guanxi.cli import account, api, login, serve, session, store
from guanxi.contract.errors import ApiException
from guanxi.stores.port import StoreError
from guanxi.text import Text, language_of

app = typer.Typer(
    name="guanxi",
    help="用户关系服务、SDK 与工具。 A user-relation service, its SDK and tools.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a trace with local variables could show a secret
    rich_markup_mode=None,
)


def _version(*, requested: bool) -> None:
    if requested:
        print(f"guanxi {__version__}")
        raise typer.Exit


@app.callback()
def guanxi(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
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


def _text_of(error: Exception) -> str:
    """Return the text of an error, in the environment's language where it has both."""
    text = error.args[0] if error.args else ""
    return text.into(language_of(os.environ)) if isinstance(text, Text) else str(error)


def run() -> None:
    """Run the command in ``sys.argv``, and exit.

    For ApiException, StoreError, ValueError and OSError the status is 1, with one line on standard
    error.
    """
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal without Chinese shows escapes
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except (ApiException, StoreError, ValueError) as error:
        sys.exit(f"guanxi: {_text_of(error)}")
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        sys.exit(
            f"guanxi: 操作系统拒绝了操作 (the operating system refused): "
            f"{file}{error.strerror or error}"
        )
