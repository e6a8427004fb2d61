"""Run a server for a parent, and stop it when the parent ends, killed or not.

``python watch.py JSON`` runs a command. Each line of standard input is the number of a signal for
it. If the input ends first, the parent has ended: the command gets SIGQUIT, and its folder is
deleted. The exit status is the command's.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading


def main() -> None:
    """Run what the JSON object in the first argument describes.

    ``command`` is the command, ``process`` more arguments of ``subprocess.Popen``, ``folder`` the
    folder to delete.
    """
    plan = json.loads(sys.argv[1])
    server = subprocess.Popen(plan["command"], stdin=subprocess.DEVNULL, **plan["process"])
    abandoned = threading.Event()

    def pass_signals() -> None:
        for line in sys.stdin:
            server.send_signal(int(line))
        abandoned.set()
        server.send_signal(signal.SIGQUIT)

    threading.Thread(target=pass_signals, daemon=True).start()
    status = server.wait()
    if abandoned.is_set():
        shutil.rmtree(plan["folder"], ignore_errors=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
