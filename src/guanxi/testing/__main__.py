"""Run a service for tests in other languages: ``python -m guanxi.testing``.

Print one line of JSON with its addresses and tokens, and run until SIGTERM, Ctrl-C or the end of
standard input (where that is a pipe).
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import stat
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any, NamedTuple

from guanxi.testing import running

_PREFIX = "GUANXI_TESTING_"


class _Option(NamedTuple):
    """An argument of ``running``, which is an option and a variable of the environment too."""

    name: str
    read: type[int] | type[str]
    help: str
    choices: tuple[str, ...] | None = None


_OPTIONS = (
    _Option("profile", str, "the rules: documented by default", ("documented", "open")),
    _Option("seed", int, "a number with which tokens, keys and ids repeat"),
    _Option("worlds", int, "how many services to start in addition"),
)


def _arguments(given: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of ``running``: options, else variables; those that are not given too.

    Exit with status 2 for an invalid one.
    """
    parser = argparse.ArgumentParser("python -m guanxi.testing", allow_abbrev=False)
    for option in _OPTIONS:
        variable = _PREFIX + option.name.upper()
        parser.add_argument(
            f"--{option.name}",
            type=option.read,
            choices=option.choices,
            default=os.environ.get(variable) or None,  # a text is read as that of an option
            metavar=None if option.choices else "N",
            help=f"{option.help} ({variable})",
        )
    found = vars(parser.parse_args(given))
    for option in _OPTIONS:  # argparse does not check the choices of a default
        if option.choices and found[option.name] not in (None, *option.choices):
            parser.error(f"{_PREFIX}{option.name.upper()}: use {' or '.join(option.choices)}")
    return {name: value for name, value in found.items() if value is not None}


def main(given: Sequence[str]) -> None:
    arguments, stop = _arguments(given), threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    with running(**arguments) as service:
        names = ("base_url", "emulator_url", "emulator_token", "admin_url", "admin_token")
        facts: dict[str, Any] = {name: getattr(service, name) for name in names}
        if service.worlds:
            facts["worlds"] = [
                {name: getattr(world, name) for name in names[:2]} for world in service.worlds
            ]
        print(json.dumps(facts), flush=True)  # noqa: T201
        is_pipe = stat.S_ISFIFO(os.fstat(0).st_mode)
        while not stop.wait(0.2):
            if is_pipe and select.select([0], [], [], 0)[0] and not os.read(0, 4096):
                break


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:  # before the handlers were installed
        sys.exit(130)
