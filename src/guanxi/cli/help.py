"""Help in two languages for commands, options and arguments.

The language is chosen when the module of a command is imported, once the environment is known.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from typing import Annotated, Any, TypeVar

import typer

from guanxi.cli.language import text

F = TypeVar("F", bound=Callable[..., object])


def option(zh: str, en: str, *names: str, **settings: Any) -> Any:
    """Return an option with its help; ``names`` and ``settings`` are those of ``typer.Option``."""
    return typer.Option(*names, help=text(zh, en), **settings)


def argument(zh: str, en: str, **settings: Any) -> Any:
    """Return an argument with its help; ``settings`` are those of ``typer.Argument``."""
    return typer.Argument(help=text(zh, en), **settings)


#: An account on the command line, by its mid.
Mid = Annotated[int, argument("账号的 mid。", "The account's id.", min=1, max=2**63 - 1)]


def in_chinese(zh: str) -> Callable[[F], F]:
    """Return a decorator that sets the Chinese help of a command; its docstring is the English.

    Lines stay as they are written: Chinese has no spaces to wrap them at.
    """
    paragraphs = "\n\n".join(f"\b\n{lines}" for lines in cleandoc(zh).split("\n\n"))

    def set_help(command: F) -> F:
        command.__doc__ = text(paragraphs, command.__doc__ or "")
        return command

    return set_help
