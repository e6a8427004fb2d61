"""Run the Python programs that standard input has, each as a JSON string on a line of its own.

Each runs in a fork of this process, in an empty folder. The process has imported guanxi, because
importing and finalising cost most of a short program's time. For each program a line of JSON is
printed: exit status, output, errors.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import shutil
import sys
import traceback
from tempfile import TemporaryFile, mkdtemp
from typing import Any

import guanxi.sdk.aio
import guanxi.sdk.sync.network
import guanxi.stores.sqlite
import guanxi.testing
import guanxi.user

__all__ = ["guanxi"]


def main() -> None:
    gc.freeze()
    for line in sys.stdin:
        # A TemporaryDirectory would be cleaned up in the child too.
        folder = mkdtemp()
        with TemporaryFile() as output, TemporaryFile() as errors:
            child = os.fork()
            if not child:
                os.chdir(folder)
                os.dup2(output.fileno(), 1)
                os.dup2(errors.fileno(), 2)
                os._exit(run(json.loads(line)))
            _, status = os.waitpid(child, 0)
            texts = []
            for file in (output, errors):
                file.seek(0)
                texts.append(file.read().decode())
        shutil.rmtree(folder)
        print(json.dumps([os.waitstatus_to_exitcode(status), *texts]), flush=True)


def run(program: str) -> int:
    """Run a program and what an interpreter does at its end; return the exit status.

    What the program left open is then collected, so that its warnings are in the errors.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    try:
        exec(compile(program, "<example>", "exec"), names)
    except BaseException:
        traceback.print_exc()
        return 1
    names.clear()
    atexit._run_exitfuncs()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main()
