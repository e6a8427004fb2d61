"""Long work, one at a time, each in a process of its own: imports, exports, backups, checks.

Whoever starts it may leave the page and come back. It ends with the service. The audit log has an
entry from before it began, and its outcome once it has ended.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from guanxi.accounts.administrators import AdminToken, Scope
from guanxi.console.operator.desk import Change, Desk
from guanxi.console.operator.tasks import (
    BackedUp,
    Checked,
    Exported,
    Failed,
    Import,
    Imported,
    Message,
    Order,
    Outcome,
    Progress,
    Task,
)
from guanxi.operations.audit import Act
from guanxi.service import logs
from guanxi.text import Text
from guanxi.web.forms import local_path
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

STOP = "/jobs/stop"
#: Seconds that a form waits for its work: what is done by then is on the page that follows.
_PATIENCE = 1.5
#: Seconds that a process has to end, and the longest message in bytes.
_STOP_SECONDS, _LONGEST = 5.0, 1 << 24


class Job:
    """One task: when it began and ended (Unix times, 0 for not yet), and what it has reported."""

    def __init__(self, name: Text, path: str, task: Task, begun: int) -> None:
        """``name`` is what pages call it, and ``path`` is the page that shows it."""
        self.name, self.path, self.task = name, path, task
        self.begun, self.ended = begun, 0
        self.progress: Progress | None = None
        self.outcome: Outcome | None = None
        self.failure: Text | None = None
        self.is_stopping = False
        self.process: Process | None = None

    @property
    def goes_on(self) -> bool:
        """Return whether the task has not ended."""
        return not self.ended

    def __repr__(self) -> str:
        return f"Job({self.task!r})"


class Jobs:
    """The work of one console."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._running: asyncio.Task[None] | None = None
        #: The last job of each kind of task, in the order of their begin.
        self._last: dict[type[Task], Job] = {}
        #: The newest, None before the first, and how many have ended.
        self.newest: Job | None = None
        self.ended = 0

    def verbs(self) -> list[Verb]:
        """Return the form that stops the work."""
        return [("POST", STOP, self._stop)]

    def last(self, *tasks: type[Task]) -> Job | None:
        """Return the newest job of some kinds of tasks, None if there was none."""
        return next((job for task, job in reversed(self._last.items()) if task in tasks), None)

    @property
    def running(self) -> Job | None:
        """Return the job that goes on, if one does."""
        return self.newest if self.newest is not None and self.newest.goes_on else None

    async def start(
        self,
        request: Request,
        change: Change,
        job: Job,
        done: Callable[[Job], object] = lambda _job: None,
    ) -> Notice | None:
        """Start a job, recorded as ``change``; return what to say if it was not, None if it was.

        Waits briefly, so that short work has ended. ``done`` is called once it has ended. Raise
        Refusal for a token that may not write, StoreError if the audit log cannot be written.
        """
        token = await self._desk.token(request, Scope.WRITE)
        if self.running is not None:
            name = self.running.name
            zh, en = f"请等“{name.zh}”结束", f"wait for this to end first: {name.en}"
            return Notice("refused", Text(zh, en))
        self.newest = job
        begun = asyncio.get_running_loop().create_future()
        self._running = asyncio.create_task(self._run(token, change, job, begun, done))
        await begun
        self._last.pop(type(job.task), None)
        self._last[type(job.task)] = job
        await asyncio.wait((self._running,), timeout=_PATIENCE)
        return None

    async def stop(self) -> None:
        """End the work that goes on, as at a stop of the service."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _stop(self, request: Request) -> Response:
        fields = await self._desk.fields(request)
        job = self.running
        if job is not None and job.process is not None:
            job.is_stopping = True
            with suppress(ProcessLookupError):
                job.process.terminate()
            if self._running is not None:
                await asyncio.wait((self._running,), timeout=_PATIENCE)
        return self._desk.site.back(request, local_path(fields.get("back", "/")))

    async def _run(
        self,
        token: AdminToken,
        change: Change,
        job: Job,
        begun: asyncio.Future[None],
        done: Callable[[Job], object],
    ) -> None:
        act = Act()
        ended: Failed | Outcome = _ended(job)
        try:
            async with self._desk.recorded(token, change, act):
                begun.set_result(None)
                try:
                    ended = await self._work(job)
                except OSError as error:
                    logs.LOG.exception("a task of the console did not start")
                    ended = Failed(Text.of(str(error)))
                act.status, act.detail = _audited(job, ended)
        except BaseException as error:
            if begun.done():
                raise
            begun.set_exception(error)
        finally:  # at once: a page shows the work as ended, or as going on
            job.failure = ended.reason if isinstance(ended, Failed) else None
            job.outcome = None if isinstance(ended, Failed) else ended
            job.ended = self._desk.service.now()
            self.ended += 1
            done(job)

    async def _work(self, job: Job) -> Failed | Outcome:
        """Let a process do the task, and set its progress; return how it ended."""
        process = job.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "guanxi.console.operator.worker",
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,  # the terminal's Ctrl-C is for the service, which stops it
            limit=_LONGEST,
        )
        stdin = cast(asyncio.StreamWriter, process.stdin)
        stdout = cast(asyncio.StreamReader, process.stdout)
        ended: Failed | Outcome | None = None
        try:
            order = Order(self._desk.operated.store, job.task)
            stdin.write(msgspec.json.encode(order) + b"\n")
            while line := await stdout.readline():
                message: Message = _message(line)
                if isinstance(message, Progress):
                    job.progress = message
                else:
                    ended = message
            await process.wait()
        finally:
            await _end(process)
        return _ended(job) if ended is None else ended


_message = msgspec.json.Decoder(Message).decode


async def _end(process: Process) -> None:
    """End a process that has not ended, as when the service stops."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def _ended(job: Job) -> Failed:
    """Return the end of a job that has not said how it ended."""
    is_import = isinstance(job.task, Import) and not job.task.dry_run
    stopped = _STOPPED_IMPORT if is_import else _STOPPED
    return Failed(stopped if job.is_stopping else _UNEXPECTED)


def _audited(job: Job, ended: Failed | Outcome) -> tuple[int | None, str]:
    """Return the status and the detail of a job's audit entry; None if it is not known."""
    if isinstance(ended, Failed):
        return (None, "stopped") if job.is_stopping else (500, ended.reason.en[:200])
    match ended:
        case Imported(counts=counts):
            return 200, counts.described
        case Exported(rows=rows):
            return 200, f"rows {rows}"
        case BackedUp(bytes=size):
            return 200, f"bytes {size}"
        case Checked(count=count):
            return 200, f"faults {count}" if count else ""


_STOPPED = Text("已停止，没有留下文件。", "It was stopped, and left nothing.")
_STOPPED_IMPORT = Text(
    "已停止。已写入的部分保留；再次导入同一文件即可继续。",
    "It was stopped. What was written stays; import the same file again to go on.",
)
_UNEXPECTED = Text(
    "意外中断，服务的日志有其原因。", "It ended unexpectedly; the service's log has the cause."
)
