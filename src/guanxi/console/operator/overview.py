"""The first page: what is wrong, and what the service does."""

from __future__ import annotations

import asyncio
import platform
from time import monotonic

from starlette.requests import Request
from starlette.responses import Response

from guanxi._version import __version__
from guanxi.console.counted import COUNTS
from guanxi.console.operator import health
from guanxi.console.operator.desk import Desk
from guanxi.console.operator.jobs import Jobs
from guanxi.console.operator.samples import HEIGHT, WIDTH, Samples
from guanxi.contract import errors
from guanxi.service import logs
from guanxi.service.docs.chinese import both
from guanxi.service.metrics import totals
from guanxi.stores.port import StoreError, StoreInfo
from guanxi.text import Text
from guanxi.web.routing import Verb

_HOUR, _DAY = 3_600, 86_400
#: How long the facts about a store are shown before they are read again, and how long the page
#: waits for them: to count a million accounts takes longer.
_INFO_SECONDS, _WAIT_SECONDS = 30.0, 0.05
SIZES = {
    "file": Text("库文件", "store's file"),
    "log": Text("日志（WAL）", "its log (WAL)"),
    "free": Text("文件中的空闲", "free within the file"),
}


class Overview:
    """The page, and the facts about the store that it has read last."""

    def __init__(self, desk: Desk, samples: Samples, jobs: Jobs) -> None:
        self._desk, self._samples, self._jobs = desk, samples, jobs
        self._info: StoreInfo | None = None
        self._read_at, self._jobs_ended = 0.0, 0
        self._reading: asyncio.Task[None] | None = None

    def verbs(self) -> list[Verb]:
        """Return the page."""
        return [("GET", "/", self._show)]

    async def _show(self, request: Request) -> Response:
        desk, operated = self._desk, self._desk.operated
        info, disk = await self._facts(), await health.disk_of(operated.store)
        hour, day = self._samples.last(_HOUR), self._samples.last(_DAY)
        longest = totals(operated.cells).longest_wait
        wrong, erasures = await health.problems(desk.service, hour, longest, info, disk)
        return await desk.page(
            request,
            "_overview.html" if request.query_params.get("part") else "overview.html",
            problems=wrong,
            running=self._jobs.running,
            erasures=erasures,
            info=info,
            disk=disk,
            hour=hour,
            day=day,
            periods=[(hour, Text("最近一小时", "Last hour")), (day, Text("最近一天", "Last day"))],
            lines=[
                (
                    Text("每分钟请求数，最近一小时", "Requests a minute, last hour"),
                    self._samples.line(_HOUR),
                ),
                (
                    Text("每分钟请求数，最近一天", "Requests a minute, last day"),
                    self._samples.line(_DAY),
                ),
            ],
            size=(WIDTH, HEIGHT),
            codes=errors.CODES,
            both=both,
            count_names=COUNTS,
            size_names=SIZES,
            versions=[
                ("guanxi", __version__),
                ("Python", platform.python_version()),
                *(
                    [(info.engine.rpartition(" ")[0], info.engine.rpartition(" ")[2])]
                    if info
                    else []
                ),
            ],
            workers=operated.workers,
            profile=desk.service.profile.name,
            now=desk.service.now(),
        )

    async def _facts(self) -> StoreInfo | None:
        """Return the facts about the store, some seconds old; None until they are first read."""
        is_old = monotonic() - self._read_at > _INFO_SECONDS or self._jobs.ended != self._jobs_ended
        if self._reading is None and (self._info is None or is_old):
            self._jobs_ended = self._jobs.ended
            self._reading = asyncio.create_task(self._read())
        if self._reading is not None:
            await asyncio.wait((self._reading,), timeout=_WAIT_SECONDS)
        return self._info

    async def _read(self) -> None:
        try:
            self._info = await self._desk.store.info()
            self._read_at = monotonic()
        except StoreError:
            logs.LOG.exception("the facts about the store were not read")
        finally:
            self._reading = None
