"""Turns: one account's requests to a host that is not its own, one at a time, each after its pause.

All clients of a process share them, over threads and event loops, and so do the processes of one
user, by a small file for each host and account in the user's state folder. A file that cannot be
written is ignored: the pause then holds within the process. Clocks of tests have turns of their
own, without files.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from weakref import WeakKeyDictionary

from guanxi.sdk.credential import Credential
from guanxi.sdk.pace import Clock, SyncClock

if sys.platform != "win32":
    import fcntl

#: Seconds until a turn that another request has is tried again.
POLL = 0.05
#: A stored time that is this many seconds ahead is of another start of the machine.
_FARTHEST = 600.0
_NEVER = float("-inf")
#: No more of a file is read.
_MOST_BYTES = 200


class Turn:
    """The turn of one account at one host. All times are seconds of a monotonic clock.

    Args:
        path: the file that other processes of the user share; None for none.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._sending = False
        self._file: int | None = None
        #: When the last request ended, and before when none may begin.
        self._ended, self._free = _NEVER, _NEVER

    def take(self, now: float, pause: float) -> float:
        """Take the turn and return 0.0, or return after how many seconds to try again.

        Who has taken it has to call ``finish``. ``pause``: seconds since the end of the last
        request.
        """
        with self._guard:
            if self._sending or not self._locked():
                return POLL
            self._load(now)
            wait = max(self._ended + pause, self._free) - now
            if wait > 0:
                self._unlock()
                return wait
            self._sending = True
            return 0.0

    def finish(self, now: float) -> None:
        """Give the turn back; ``now`` is when the request ended."""
        with self._guard:
            self._sending = False
            self._ended = now
            self._store()
            self._unlock()

    def postpone(self, until: float) -> None:
        """Let no request of anybody begin before ``until``: the server is too busy."""
        with self._guard:
            self._free = max(self._free, until)
            if self._sending:
                return  # ``finish`` stores it
            if self._locked():
                self._store()
                self._unlock()
            else:
                self._leave()

    def forget(self) -> None:
        """Close the file, in a forked child, whose parent still has the turn."""
        if self._file is not None:
            os.close(self._file)

    def _locked(self) -> bool:
        """Lock the file, if there is one; return whether no other process has it locked."""
        if sys.platform == "win32" or self._path is None:  # on Windows, within a process only
            return True
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            self._file = os.open(self._path, flags, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._unlock()
            return False
        except OSError:
            self._unlock()
            self._path = None
        return True

    def _unlock(self) -> None:
        file, self._file = self._file, None
        if sys.platform != "win32" and file is not None:
            with suppress(OSError):  # unlocked for children too that were forked meanwhile
                fcntl.flock(file, fcntl.LOCK_UN)
            os.close(file)

    def _load(self, now: float) -> None:
        """Read the times of other processes; ignore a damaged file and one of before a restart."""
        if sys.platform == "win32" or self._file is None or self._path is None:
            return
        with suppress(OSError, ValueError):
            ended, free = map(float, os.pread(self._file, _MOST_BYTES, 0).split())
            if ended <= now:
                self._ended = max(self._ended, ended)
            self._postpone(free, now)
        with suppress(OSError, ValueError):
            self._postpone(float(_left(self._path).read_bytes()[:_MOST_BYTES]), now)

    def _postpone(self, free: float, now: float) -> None:
        if free <= now + _FARTHEST:
            self._free = max(self._free, free)

    def _leave(self) -> None:
        """Leave word for the process that has the turn, and for those after it."""
        if self._path is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            with (
                suppress(OSError),
                os.fdopen(os.open(_left(self._path), flags, 0o600), "wb") as file,
            ):
                file.write(f"{self._free!r}\n".encode())
                file.truncate()

    def _store(self) -> None:
        if sys.platform == "win32" or self._file is None:
            return
        with suppress(OSError):
            text = f"{self._ended!r} {self._free!r}\n".encode()
            os.pwrite(self._file, text, 0)
            os.ftruncate(self._file, len(text))


def _left(path: Path) -> Path:
    """Return the file in which word is left for who has the turn of a path."""
    return path.with_name(f"{path.name}.free")


_Turns = dict[tuple[str, str], Turn]
_real: _Turns = {}
_of_clocks: WeakKeyDictionary[Clock | SyncClock, _Turns] = WeakKeyDictionary()


def turn_of(clock: Clock | SyncClock, host: str, credential: Credential) -> Turn:
    """Return the turn of a credential's account at a host.

    The account is that of the cookie DedeUserID; without it, of the session or the app token.
    """
    cookies = credential.sent_cookies()
    account = cookies.get("DedeUserID") or cookies.get("SESSDATA") or credential.access_key or ""
    key = (host, account)
    if type(clock) not in {Clock, SyncClock}:
        return _of_clocks.setdefault(clock, {}).setdefault(key, Turn())
    if key not in _real:
        name = hashlib.sha256("\n".join(key).encode("utf-8", "replace")).hexdigest()[:32]
        folder = _state_folder()
        _real.setdefault(key, Turn(None if folder is None else folder / "pace" / name))
    return _real[key]


def _state_folder() -> Path | None:
    """Return the folder of what guanxi remembers for this user; None if there is no home."""
    try:
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support" / "guanxi"
        given = os.environ.get("XDG_STATE_HOME", "")
        state = Path(given) if os.path.isabs(given) else Path.home() / ".local" / "state"
        return state / "guanxi"
    except RuntimeError:
        return None


def _forget() -> None:
    """Start again in a forked child: locks may be held by threads that it does not have."""
    turns = [*_real.values()]
    _real.clear()
    for turn in turns:
        turn.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
