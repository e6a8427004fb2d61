"""A ``guanxi`` for shells that starts ten times sooner, as tests start it hundreds of times.

Importing is most of what a short command costs. ``commands`` starts a process that has imported
guanxi, and yields a folder with a program ``guanxi``. That hands its arguments, environment,
working directory and standard streams to a fork of the process, forwards signals to it and ends
with its status. So pipes, redirections, jobs and exit statuses are those of the real command.

What the interpreter reads when it starts (``PYTHONWARNINGS``, ``LC_ALL`` …) has no effect.
"""

from __future__ import annotations

import gc
import marshal
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

#: The program that shells start: Python without site-packages, which starts in 15 ms.
_CALLER = """\
import os, sys
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET, socket
from marshal import dumps
from signal import SIG_DFL, SIGHUP, SIGINT, SIGTERM, signal
from struct import pack, unpack
call = dumps((sys.argv[2:], os.getcwd(), dict(os.environ), os.umask(0o022)))
server = socket(AF_UNIX, SOCK_STREAM)
server.connect(sys.argv[1])
server.sendmsg([pack("i", len(call))], [(SOL_SOCKET, SCM_RIGHTS, pack("3i", 0, 1, 2))])
while call:
    call = call[server.send(call):]
pid, = unpack("i", server.recv(4))
for one in (SIGHUP, SIGINT, SIGTERM):
    signal(one, lambda number, frame: os.kill(pid, number))
status, = unpack("i", server.recv(4) or pack("i", 1))
if status < 0:
    signal(-status, SIG_DFL) if -status != 9 else None
    os.kill(os.getpid(), -status)
os._exit(status)
"""
#: Not by -m: click would show the module's name as the program's.
_SERVER = "import sys; from tools.forks import serve; serve(sys.argv[1])"


@contextmanager
def commands() -> Iterator[Path]:
    """Yield a folder with the program ``guanxi``; it works until the ``with`` block ends.

    Where forks cannot be watched (not Linux), it is the folder of the real one.
    """
    if not hasattr(os, "pidfd_open"):
        yield Path(sys.executable).parent
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "caller.py").write_text(_CALLER, "utf-8")
        program = folder / "guanxi"
        program.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -IS "{folder}/caller.py" "{folder}/socket" "$@"\n',
            "utf-8",
        )
        program.chmod(0o755)
        server = subprocess.Popen(
            [sys.executable, "-c", _SERVER, folder / "socket"],
            cwd=Path(__file__).parents[1],
            env=os.environ | {"GUANXI_LANG": "en"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with server:
            assert server.stdin is not None
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield folder
            server.stdin.close()


def serve(path: str) -> None:
    """Fork for each caller that connects to the socket at ``path``, until standard input ends."""
    from guanxi.cli import COMMANDS
    from guanxi.cli.app import imported

    for name in COMMANDS:
        imported(name)
    for module in ("guanxi.sdk.sync.network", "guanxi.stores.sqlite"):
        import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        print("ready", flush=True)
        while select.select([listener, sys.stdin], [], [])[0] == [listener]:
            caller, _ = listener.accept()
            if not os.fork():
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os._exit(_answer(caller))
            caller.close()


def _answer(caller: socket.socket) -> int:
    """Run the caller's command in another fork, and send it the process and its exit status.

    The command is ended if its caller is killed.
    """
    head, streams, _, _ = socket.recv_fds(caller, 4, 3)
    [size] = struct.unpack("i", head)
    call = caller.recv(size, socket.MSG_WAITALL)
    pid = os.fork()
    if not pid:
        caller.close()
        os._exit(_run(call, streams))
    with suppress(BrokenPipeError):
        caller.sendall(struct.pack("i", pid))
    process = os.pidfd_open(pid)
    ready, _, _ = select.select([process, caller.fileno()], [], [])
    if process not in ready:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        caller.sendall(struct.pack("i", os.waitstatus_to_exitcode(status)))
    return 0


def _run(call: bytes, streams: list[int]) -> int:
    """Run one command with its caller's streams, as the interpreter would; return its status."""
    argv, folder, environment, mask = marshal.loads(call)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    os.umask(mask)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["guanxi", *argv]
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, TextIOWrapper)
        stream.reconfigure(line_buffering=stream is sys.stderr or stream.isatty())
    return _main()


def _main() -> int:
    import atexit
    import traceback

    from guanxi.text import language_of

    if language_of(os.environ) != "en":
        for name in [name for name in sys.modules if name.startswith("guanxi.cli")]:
            del sys.modules[name]
    from guanxi.cli import main

    status: object = 0
    try:
        main()
    except SystemExit as ended:
        status = ended.code or 0
        if not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return 120
    assert isinstance(status, int)
    return status
