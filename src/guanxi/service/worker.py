"""One of several workers: ``python -m guanxi.service.worker``, which only its parent starts.

It reads its plan as a JSON line from stdin and writes ``ready`` to stdout. It shuts down on SIGTERM
or at the end of stdin, which means that its parent exited, and politely on ``DRAIN_SIGNAL``, which
means that another worker replaces it.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys

import msgspec

from guanxi.service import logs
from guanxi.service.handling import Service
from guanxi.service.listening import serving
from guanxi.service.loop import collect_rarely, new_event_loop
from guanxi.service.metrics import Metrics, cells_of
from guanxi.service.periodic import secret_followed
from guanxi.service.pool import DRAIN_SIGNAL, WorkerPlan
from guanxi.service.rates import Rates
from guanxi.service.server import (
    application_of,
    close_store,
    end_in_time,
    served,
    unless,
    visits_written,
    warmed,
    with_caches,
)
from guanxi.stores import open_store


async def work(plan: WorkerPlan) -> None:
    """Serve on the parent's socket until SIGTERM or the end of stdin; ignore SIGINT and SIGHUP.

    At ``DRAIN_SIGNAL`` accept nothing more, and end when the connections are closed.

    Write ``ready`` to stdout once requests are accepted. Raise StoreError if the store is missing
    or cannot be opened.
    """
    stop, drain = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_reader(sys.stdin.fileno())  # readable from its end on
        stop.set()
        end_in_time()

    loop.add_signal_handler(signal.SIGTERM, end)
    for number in (signal.SIGINT, signal.SIGHUP):  # the parent decides
        loop.add_signal_handler(number, lambda: None)
    loop.add_signal_handler(DRAIN_SIGNAL, drain.set)
    loop.add_reader(sys.stdin.fileno(), end)
    store = with_caches(await open_store(plan.store, connections=plan.connections), plan.settings)
    try:
        await unless(stop, warmed(plan.store, store))
        with socket.socket(fileno=plan.listener) as listener:
            metrics = Metrics(cells_of(plan.metrics, plan.worker))
            with logs.request_log(plan.settings.request_log) as observers:
                service = Service(store, plan.settings)
                rates = Rates(plan.settings, service.clock, plan.rates)
                application = application_of(service, metrics, observers, rates)
                public = served(
                    application, listener, plan.settings, overloaded=application.overloaded
                )
                async with (
                    visits_written(store, stop),
                    secret_followed(store),
                    serving(public) as drained,
                ):
                    sys.stdout.write("ready\n")
                    sys.stdout.flush()
                    await unless(stop, drain.wait())
                    if not stop.is_set():
                        await unless(stop, drained())
                        end_in_time()
    finally:
        loop.remove_reader(sys.stdin.fileno())
        await close_store(store)


def main() -> None:
    """Read the plan, a JSON line, from stdin and serve until SIGTERM or the end of stdin.

    Raise DecodeError for an invalid plan, StoreError if the store is missing or cannot be opened.
    """
    logs.to_stream()
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=WorkerPlan)
    collect_rarely()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(work(plan))


if __name__ == "__main__":
    main()
