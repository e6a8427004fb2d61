"""What the commands print: the one way of a text to standard output and standard error.

A server's message, a path, a file's content or a variable could otherwise move the cursor, change
the window's title, run as a terminal's command, or reverse the order of what is read.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unicodedata import category

import typer

#: Categories of Unicode that are shown as escapes: control and format characters (bidi controls
#: among them), line and paragraph separators, and surrogates.
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


#: The status that a shell shows for a program that a closed pipe ended (SIGPIPE).
_CLOSED_PIPE = 141


@contextmanager
def until_closed() -> Iterator[None]:
    """End the command in order if the reader of its standard output, a pipe, has enough."""
    try:
        yield
    except BrokenPipeError:
        # Python would flush the rest at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_CLOSED_PIPE) from None


def escaped(text: str) -> str:
    """Return a text whose control and format characters, except line feeds, are escapes.

    So are line and paragraph separators and surrogates. The escapes are those of Python.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        one.encode("unicode_escape").decode() if category(one) in _HIDDEN and one != "\n" else one
        for one in text
    )


def one_line(text: object) -> str:
    """Return a text as ``escaped``, with its line feeds as escapes too.

    For what a server sent: it can then begin no line, which could pass for one of the program's.
    """
    return escaped(str(text)).replace("\n", "\\n")


def say(text: object) -> None:
    """Print a text to standard output, escaped as by ``escaped``, and flush."""
    print(escaped(str(text)), flush=True)


def note(text: object) -> None:
    """Print a text to standard error, escaped as by ``escaped``."""
    print(escaped(str(text)), file=sys.stderr)


def json_of(data: Any, indent: int | None = None) -> str:
    """Return data as JSON in which a terminal obeys nothing.

    What ``escaped`` escapes is written as ``\\u`` and four digits, and so is every character that
    standard output cannot show. ``indent`` is the number of spaces of a level.
    """
    text = json.dumps(data, ensure_ascii=False, indent=indent)
    encoding = sys.stdout.encoding or "utf-8"
    return "".join(one if _is_shown(one, encoding) else json.dumps(one)[1:-1] for one in text)


def _is_shown(one: str, encoding: str) -> bool:
    if one.isascii():
        return one != "\x7f"
    if category(one) in _HIDDEN:
        return False
    try:
        one.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
