"""Long work in the background, one at a time: a backup, a plan being applied, a migration.

A person starts it, leaves the page, comes back, and stops it when they like. What it has done by
then is in the archive, so that the same work goes on later, also after a restart.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from msgspec import Struct, structs

from guanxi.contract.errors import ApiException
from guanxi.text import Text
from guanxi.toolbox.errors import Stopped, ToolError
from guanxi.toolbox.progress import OnProgress, Progress

_LOG = logging.getLogger("guanxi.manage")

RUNNING, STOPPING, DONE, STOPPED, FAILED = "running", "stopping", "done", "stopped", "failed"


class Outcome(Struct, frozen=True):
    """What work ended with: a sentence, and the path of the page that shows the result."""

    text: Text
    path: str = "/"


#: Does the work, reports its progress by its argument, and returns the outcome.
Job = Callable[[OnProgress], Outcome]


class State(Struct, frozen=True):
    """What a page shows of the work. Times are seconds since the Unix epoch."""

    number: int
    name: Text
    #: The path of the page that the work belongs to.
    path: str
    begun: float
    state: str = RUNNING
    progress: Progress | None = None
    ended: float | None = None
    outcome: Outcome | None = None

    @property
    def goes_on(self) -> bool:
        """Whether the work has not ended."""
        return self.state in (RUNNING, STOPPING)


class Busy(ToolError):
    """Other work is not done yet."""


class _Interrupted(BaseException):
    """Leaves a job at its next progress; no job may take it for an error of the network."""


class Desk:
    """The work of one process, one at a time, each in a thread of its own."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """``clock`` returns seconds since the Unix epoch."""
        self._clock = clock
        self._lock = threading.Lock()
        self._state: State | None = None
        self._thread: threading.Thread | None = None

    def state(self) -> State | None:
        """Return the state of the newest work, None before the first."""
        return self._state

    def start(self, name: Text, path: str, job: Job) -> State:
        """Start work and return its state. ``path`` is its page. Raise Busy while other work runs.

        A job that raises ToolError or ApiException has failed with that message, and is stopped
        with it if that is ``Stopped``: acts are left.
        """
        with self._lock:
            before = self._state
            if before is not None and before.goes_on:
                raise Busy(
                    f"“{before.name.zh}”还没有结束，请等它完成，或先停止它",
                    f"{before.name.en} has not ended: wait for it, or stop it first",
                )
            number = 1 if before is None else before.number + 1
            state = self._state = State(number, name, path, self._clock())
            self._thread = threading.Thread(
                target=self._run, args=(job,), name=f"work-{number}", daemon=True
            )
            self._thread.start()
            return state

    def stop(self) -> None:
        """Let the work that runs end at its next step; do nothing without one."""
        with self._lock:
            if self._state is not None and self._state.state == RUNNING:
                self._state = structs.replace(self._state, state=STOPPING)

    def close(self, seconds: float) -> None:
        """Stop the work that runs, and wait for its end, at most so many seconds."""
        self.stop()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self, job: Job) -> None:
        try:
            outcome = job(self._on_progress)
        except _Interrupted:
            self._end(STOPPED, Outcome(_INTERRUPTED, self._path()))
        except (ToolError, ApiException) as error:
            state = STOPPED if isinstance(error, Stopped) else FAILED
            self._end(state, Outcome(_message(error), self._path()))
        except Exception:
            _LOG.exception("work failed")
            self._end(FAILED, Outcome(_UNEXPECTED, self._path()))
        else:
            self._end(DONE, outcome)

    def _on_progress(self, progress: Progress) -> None:
        with self._lock:
            assert self._state is not None  # noqa: S101  # it is what runs
            self._state = structs.replace(self._state, progress=progress)
            is_stopping = self._state.state == STOPPING
        if is_stopping:
            raise _Interrupted

    def _end(self, state: str, outcome: Outcome) -> None:
        with self._lock:
            assert self._state is not None  # noqa: S101  # it is what ran
            self._state = structs.replace(
                self._state, state=state, outcome=outcome, ended=self._clock()
            )

    def _path(self) -> str:
        return "/" if self._state is None else self._state.path


_INTERRUPTED = Text(
    "已停止。已完成的部分都已保存，可以随时继续。",
    "Stopped. What was done is saved, and it can go on at any time.",
)
_UNEXPECTED = Text(
    "出现了意外的错误，终端中有其原因。已完成的部分都已保存。",
    "Something unexpected failed; the terminal shows the cause. What was done is saved.",
)


def _message(error: Exception) -> Text:
    first = error.args[0] if error.args else ""
    return first if isinstance(first, Text) else Text.of(str(error))
