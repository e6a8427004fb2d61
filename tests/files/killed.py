"""A process that makes copies of stores in children of its own, each killed at one of its calls.

Reads JSON lines from standard input: the number of the call, and the arguments of ``back_up`` or
``restore``. Calls are those that Python audits (opening, renaming, linking, deleting files), each
statement of SQLite, and reports of progress. Prints for each line how many calls a child made that
was not killed, or null.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import apsw

from guanxi.files.copies import back_up, restore

CALLS = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chown", "copied"}


def copy(verb: str, file: str, address: str) -> None:
    """Back up or restore, with reports of progress as audited calls."""
    if verb == "back_up":
        back_up(address, Path(file), force=True, progress=lambda *_: sys.audit("copied"))
    else:
        restore(Path(file), address, force=True, discard=verb == "discard", stamp="now")


def trace(db: apsw.Connection) -> None:
    """Let each statement of a connection be an audited call."""

    def statement(*_: object) -> bool:
        sys.audit("copied")
        return True

    db.exec_trace = statement


def child(number: int, arguments: list[str]) -> int:
    """Copy until the call of this number, and be killed there; return how many there were."""
    calls = 0

    def count(event: str, _: Any) -> None:
        nonlocal calls
        if event in CALLS:
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)
            calls += 1

    apsw.connection_hooks.append(trace)
    sys.addaudithook(count)
    copy(*arguments)
    return calls


def main() -> None:
    """Do what the lines say, until the end of the input."""
    for line in sys.stdin:
        number, *arguments = json.loads(line)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.write(writing, b"%d" % child(number, arguments))
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        os.close(writing)
        calls = os.read(reading, 100)
        os.close(reading)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            sys.exit(1)
        print(json.dumps(int(calls) if calls else None), flush=True)


if __name__ == "__main__":
    main()
