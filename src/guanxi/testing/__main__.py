"""Run a service for tests in other languages: ``python -m guanxi.testing``.

Print one line of JSON with its addresses and tokens, and run until SIGTERM, Ctrl-C or the end of
standard input (where that is a pipe).
"""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import sys
import threading
from types import FrameType

from guanxi.testing import running


def main() -> None:
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    with running() as service:
        names = ("base_url", "emulator_url", "emulator_token", "admin_url", "admin_token")
        print(json.dumps({name: getattr(service, name) for name in names}), flush=True)  # noqa: T201
        is_pipe = stat.S_ISFIFO(os.fstat(0).st_mode)
        while not stop.wait(0.2):
            if is_pipe and select.select([0], [], [], 0)[0] and not os.read(0, 4096):
                break


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # before the handlers were installed
        sys.exit(130)
