"""A process that makes copies of stores in children of its own, each killed at one of its calls.

Reads JSON lines from standard input: the number of the call, and the arguments of ``back_up`` or
``restore``. Calls are those that Python audits (opening, renaming, linking, deleting files) and
reports of progress. Prints for each line whether the child was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from guanxi.files.copies import back_up, restore
from guanxi.files.output import Form  # noqa: F401 - so that no child imports anything

CALLS = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chown", "copied"}


def copy(verb: str, file: str, address: str) -> None:
    """Back up or restore, with reports of progress as audited calls."""
    if verb == "back_up":
        back_up(address, Path(file), force=True, progress=lambda *_: sys.audit("copied"))
    else:
        restore(Path(file), address, force=True, discard=verb == "discard", stamp="now")


def child(number: int, arguments: list[str]) -> None:
    """Copy until the call of this number, and be killed there."""
    left = number

    def count(event: str, _: Any) -> None:
        nonlocal left
        if event in CALLS:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    copy(*arguments)


def main() -> None:
    """Do what the lines say, until the end of the input."""
    for line in sys.stdin:
        number, *arguments = json.loads(line)
        pid = os.fork()
        if pid == 0:
            try:
                child(number, arguments)
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            sys.exit(1)
        print(json.dumps(os.WIFSIGNALED(status)), flush=True)


if __name__ == "__main__":
    main()
