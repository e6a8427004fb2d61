"""A parent's worker processes: started, restarted when they exit, and replaced one by one."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from guanxi.service import logs
from guanxi.service.config import Settings
from guanxi.service.listening import DRAIN_SECONDS
from guanxi.stores import MOST_CONNECTIONS, redacted

#: Seconds between attempts to restart a worker: they double, from the first to the last.
_FIRST_PAUSE, _LAST_PAUSE = 0.5, 8.0
#: Seconds that a worker has to start, and to stop.
_START_SECONDS, _STOP_SECONDS = 30.0, 8.0
#: The signal at which a worker accepts nothing more, and ends when its connections are closed.
DRAIN_SIGNAL = signal.SIGUSR1


class ServiceError(Exception):
    """A failure of the service to start or to continue; the text gives the reason."""


class WorkerPlan(Struct, frozen=True):
    """What a parent sends to a worker: settings, the shared socket and the worker's metrics."""

    store: str
    settings: Settings
    #: The descriptors of the listening socket, and of the memory for metrics and for rates.
    listener: int
    metrics: int
    rates: int
    #: How many connections the worker may open to the store's server.
    connections: int = MOST_CONNECTIONS
    #: The number of the worker's cells in that memory, from 0.
    worker: int = 0

    def __repr__(self) -> str:
        return f"WorkerPlan(store={redacted(self.store)!r})"


class _Worker:
    """A process, the cells that it counts in, and the task that restarts it."""

    def __init__(self, process: Process, cells: int) -> None:
        self.process, self.cells = process, cells
        self.supervisor: asyncio.Task[None] | None = None

    async def unsupervise(self) -> None:
        """Let the process end without a restart."""
        if self.supervisor is not None:
            self.supervisor.cancel()
            await asyncio.gather(self.supervisor, return_exceptions=True)


class Pool:
    """A parent's worker processes.

    ``plan.metrics`` has cells for one more worker than are started: a worker and the one that
    replaces it count at the same time.
    """

    def __init__(self, plan: WorkerPlan) -> None:
        self._plan = plan
        #: Every process that was started and has not been waited for.
        self._processes: set[Process] = set()
        self._workers: list[_Worker] = []
        #: The cells that no worker counts in.
        self._spare = 0
        self._replacing = asyncio.Lock()
        self._stopping: asyncio.Task[None] | None = None

    async def start(self, count: int) -> None:
        """Start ``count`` workers and tasks that restart those that exit.

        Raise ServiceError if one is not ready within ``_START_SECONDS``. Then, or if this is
        cancelled, no further one is started, and ``stop`` ends the others.
        """
        starting = [asyncio.create_task(self._start(cells)) for cells in range(count)]
        try:
            processes = await asyncio.gather(*starting)
        finally:
            for task in starting:
                task.cancel()
            await asyncio.gather(*starting, return_exceptions=True)
        self._spare = count
        self._workers = [_Worker(process, cells) for cells, process in enumerate(processes)]
        for worker in self._workers:
            self._supervise(worker)

    async def replace(self, settings: Settings) -> None:
        """Replace each worker by a new one with ``settings``, one after the other.

        The new one is ready before the old one stops accepting. The old one answers what it has,
        and the next request on each of its connections, for at most ``DRAIN_SECONDS``. Raise
        ServiceError if a new one does not start: it and the following ones keep their settings, and
        no request is refused.
        """
        async with self._replacing:
            before, self._plan = self._plan, replace(self._plan, settings=settings)
            for worker in self._workers:
                await worker.unsupervise()
                try:
                    process = await self._start(self._spare)
                except BaseException:
                    self._plan = before
                    if self._stopping is None:
                        self._supervise(worker)
                    raise
                old, cells = worker.process, worker.cells
                worker.process, worker.cells = process, self._spare
                self._supervise(worker)
                await self._drain(old)
                self._spare = cells

    async def _drain(self, process: Process) -> None:
        """Let a worker end without a request that fails; kill it if it does not."""
        with suppress(ProcessLookupError):
            process.send_signal(DRAIN_SIGNAL)
        try:
            await asyncio.wait_for(_ended(process), DRAIN_SECONDS + _STOP_SECONDS)
        except TimeoutError:
            await _stop(process)
        self._processes.discard(process)

    async def _start(self, cells: int) -> Process:
        plan = replace(self._plan, worker=cells)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "guanxi.service.worker",
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=[plan.listener, plan.metrics, plan.rates],
            start_new_session=True,  # the terminal's Ctrl-C is for the parent, which stops workers
        )
        self._processes.add(process)
        stdin, stdout = cast(StreamWriter, process.stdin), cast(StreamReader, process.stdout)
        stdin.write(msgspec.json.encode(plan) + b"\n")
        ready = b""
        try:
            async with asyncio.timeout(_START_SECONDS):
                ready = await stdout.readline()
        except TimeoutError:
            pass
        except asyncio.CancelledError:  # it serves nobody yet
            with suppress(ProcessLookupError):
                process.kill()
            raise
        if not ready:
            await _stop(process)
            self._processes.discard(process)
            raise ServiceError("a worker did not start; see its log lines for the reason")
        return process

    def _supervise(self, worker: _Worker) -> None:
        worker.supervisor = asyncio.create_task(self._restarting(worker))

    async def _restarting(self, worker: _Worker) -> None:
        """Log each exit of a worker and start a new one, which counts on; until cancelled."""
        while True:
            process = worker.process
            logs.event(logging.ERROR, "worker ended", pid=process.pid, status=await _ended(process))
            self._processes.discard(process)
            worker.process = await self._restart(worker.cells)

    async def _restart(self, cells: int) -> Process:
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._start(cells)
            except (ServiceError, OSError):
                logs.LOG.exception("worker not started")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_PAUSE)

    def stop(self) -> asyncio.Task[None]:
        """Terminate the workers, without restart; kill those that outlive ``_STOP_SECONDS``.

        Return the task of it; a second call returns the same.
        """
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        return self._stopping

    async def _stop(self) -> None:
        for worker in self._workers:
            await worker.unsupervise()
        await asyncio.gather(*(_stop(process) for process in self._processes))


async def _stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(_ended(process), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await _ended(process)


async def _ended(process: Process) -> int:
    """Wait for a process to end, and close the pipe to it; return its status."""
    status = await process.wait()
    cast(StreamWriter, process.stdin).close()
    return status
