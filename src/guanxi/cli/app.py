"""The ``guanxi`` command line, assembled from the table of its commands."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module
from io import StringIO, TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from guanxi._version import __version__
from guanxi.cli import COMMANDS
from guanxi.cli.help import option
from guanxi.cli.language import shown, text
from guanxi.cli.terminal import escaped, note, one_line, say
from guanxi.contract.errors import ApiException
from guanxi.text import Text, language_of


class _Commands(TyperGroup):
    """The commands of the table: listed without their modules, imported when one is used."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, command in COMMANDS.items():
            self.add_command(TyperCommand(name, help=shown(command.help)))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Return the name of a command, the imported command and the other arguments."""
        name, _, others = super().resolve_command(ctx, args)
        return name, name and imported(name), others


@cache
def imported(name: str) -> Any:
    """Import a command of the table; return it as a command of click, always the same.

    Raise ModuleNotFoundError if its extra is not installed.
    """
    command = COMMANDS[name]
    module, _, attribute = command.source.partition(":")
    found = getattr(import_module(f"guanxi.cli.{module}"), attribute)
    parent = typer.Typer(rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        parent.add_typer(found, name=name, help=shown(command.help))
    else:
        parent.command(name)(found)
    return get_group(parent).commands[name]


app = typer.Typer(
    name="guanxi",
    cls=_Commands,
    help=text("用户关系服务、SDK 与工具。", "A user-relation service, its SDK and tools."),
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a trace with local variables could show a secret
    rich_markup_mode=None,
)


def _version(*, requested: bool) -> None:
    if requested:
        say(f"guanxi {__version__}")
        raise typer.Exit


@app.callback()
def guanxi(
    version: Annotated[
        bool,
        option("显示版本。", "Print the version.", "--version", callback=_version, is_eager=True),
    ] = False,
) -> None:
    pass


def run() -> None:
    """Run the command in ``sys.argv``, and exit.

    For wrong arguments the status is 2, with the usage and one line on standard error; for
    ApiException, StoreError, ValueError and OSError it is 1, or the error's ``exit_status``, with
    one line.
    """
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal without Chinese shows escapes
        sys.stdout.reconfigure(errors="backslashreplace")
    _warn_of_passwords(sys.argv[1:])
    try:
        status = app(standalone_mode=False)
    except typer.TyperException as error:
        _show_usage(error)
        sys.exit(error.exit_code)
    except typer.Abort:  # the end of the input where an answer was expected
        sys.exit(text("已中止", "aborted"))
    except OSError as error:
        refused = text("操作系统拒绝了操作：", "the operating system refused: ")
        file = f"{error.filename}: " if error.filename else ""
        sys.exit(escaped(f"guanxi: {refused}{file}{error.strerror or error}"))
    except UnicodeEncodeError as error:
        note(f"guanxi: {_not_unicode(sys.argv[1:]) or error}")
        sys.exit(1)
    except Exception as error:
        from guanxi.stores.port import StoreError  # a command without a store need not import it

        if not isinstance(error, (ApiException, StoreError, ValueError)):
            raise
        first = error.args[0] if error.args else ""
        why = shown(first) if isinstance(first, Text) else str(error)
        # A server may have sent it; only texts of ours have lines.
        note(f"guanxi: {one_line(why) if isinstance(error, ApiException) else why}")
        sys.exit(getattr(error, "exit_status", 1))
    if isinstance(status, int):
        sys.exit(status)


def _warn_of_passwords(arguments: list[str]) -> None:
    """Print a warning if an argument is a store's address with a password."""
    values = [argument for argument in arguments if "postgres" in argument.lower()]
    if not values:
        return
    from guanxi.stores import has_password  # only where a server is named

    if any(has_password(value.partition("=")[2]) or has_password(value) for value in values):
        note(
            text(
                "警告：本机所有用户都能用 ps 看到地址中的密码；请写入 ~/.pgpass 或"
                " PGPASSWORD，或用 GUANXI_STORE 代替 --store",
                "warning: every user of this machine sees the password in the address with ps;"
                " put it into ~/.pgpass or PGPASSWORD, or set GUANXI_STORE in place of --store",
            )
        )


def _not_unicode(arguments: list[str]) -> str:
    """Return which argument, or else variable of the environment, has bytes that are not UTF-8.

    Return "" if none has. Only an argument without an option is shown itself, and of an address its
    scheme: others may be secrets.
    """
    for before, value in zip(["", *arguments], arguments, strict=False):
        if _is_unicode(value):
            continue
        if value.startswith("-"):
            name = value.partition("=")[0]
        elif before.startswith("-"):
            name = before
        else:
            scheme, separator, _ = value.partition("://")
            name = f"{scheme}{separator}…" if separator else value
        break
    else:
        name = next(
            (
                name
                for name, value in sorted(os.environ.items())
                if name.startswith("GUANXI_") and not _is_unicode(value)
            ),
            "",
        )
    return name and text(f"{name}：不是 UTF-8", f"{name}: not UTF-8")


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _show_usage(error: Any) -> None:
    """Print an error of the command-line library, in Chinese if that is the language."""
    if language_of(os.environ) == "zh":
        from guanxi.cli.usage import shown_in_chinese  # only for an error

        if (words := shown_in_chinese(error)) is not None:
            note(words)
            return
    shown_by_library = StringIO()
    error.show(file=shown_by_library)
    note(shown_by_library.getvalue().removesuffix("\n"))
