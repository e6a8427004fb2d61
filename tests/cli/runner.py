"""Run the ``guanxi`` command in this process, or in one of its own where the process is tested."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Coroutine
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from typing import Any, TypeVar

import pytest

from guanxi.cli import main
from guanxi.stores import open_store
from guanxi.stores.port import Store
from guanxi.text import language_of

T = TypeVar("T")

COMMAND = "from guanxi.cli import main; main()"
#: The language of the commands where a test names none.
ENGLISH = {"GUANXI_LANG": "en"}


def guanxi(*argv: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, with arguments and additional environment variables.

    Exceptions and exits end as the interpreter would end them.
    """
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    out = TextIOWrapper(BytesIO(), encoding, write_through=True)
    err = TextIOWrapper(BytesIO(), encoding, "backslashreplace", write_through=True)
    status: object = 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in {**ENGLISH, **environment}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["guanxi", *map(str, argv)])
        patch.setattr(sys, "excepthook", sys.excepthook)
        _forget_other_languages()
        try:
            main()
        except SystemExit as exit_:
            status = exit_.code or 0
            if not isinstance(status, int):
                print(status, file=err)
                status = 1
        except BaseException:
            traceback.print_exc(file=err)
            status = 1
    assert isinstance(status, int)
    stdout, stderr = (_text(stream) for stream in (out, err))
    return subprocess.CompletedProcess(sys.argv, status, stdout, stderr)


def _text(stream: TextIOWrapper) -> str:
    buffer = stream.buffer
    assert isinstance(buffer, BytesIO)
    return buffer.getvalue().decode(stream.encoding)


def _forget_other_languages() -> None:
    """Import the commands again if they were imported in another language than the current one."""
    language = language_of(os.environ)
    if _imported[0] != language:
        for name in [name for name in sys.modules if name.startswith("guanxi.cli.")]:
            del sys.modules[name]
    _imported[0] = language


#: The language that the commands were imported in last.
_imported = [""]


def output_of(*argv: object, **environment: str) -> str:
    """Run a command that must succeed; return its standard output."""
    result = guanxi(*argv, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def error_of(*argv: object, **environment: str) -> str:
    """Run a command that must fail without a traceback; return its standard error."""
    result = guanxi(*argv, **environment)
    assert result.returncode in (1, 2, 3), result
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def in_a_process(
    *argv: object, code: str = COMMAND, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command, or ``code`` instead of it, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, argv)],
        env=os.environ | ENGLISH | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def with_store(address: object, do: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    """Return what ``do`` returns for a store, which is created if it is missing."""

    async def run() -> T:
        store = await open_store(str(address), create=True)
        try:
            return await do(store)
        finally:
            await store.close()

    return asyncio.run(run())
