"""The check of the whole store: started by a form, it goes on while the page is left."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response

from guanxi.console.operator.desk import Change, Desk
from guanxi.operations.audit import Act
from guanxi.service import logs
from guanxi.stores.port import Fault, StoreError
from guanxi.stores.port.info import CHECKED, note_of_check
from guanxi.text import Text
from guanxi.web.routing import Verb

PATH = "/check"
#: How many faults are shown.
_SHOWN = 100


class Check:
    """The check that runs, or the last one: Unix times in seconds, 0 for none."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.begun = self.ended = self.count = 0
        self.faults: list[Fault] = []
        self.failure: Text | None = None
        self._task: asyncio.Task[None] | None = None

    def verbs(self) -> list[Verb]:
        """Return the page, and the form that starts a check."""
        return [("GET", PATH, self._show), ("POST", PATH, self._start)]

    @property
    def goes_on(self) -> bool:
        """Return whether a check runs."""
        return self._task is not None and not self._task.done()

    async def stop(self) -> None:
        """End the check that runs, if one does."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _show(self, request: Request) -> Response:
        now = self._desk.service.now()
        return await self._desk.page(request, "check.html", check=self, now=now, path=PATH)

    async def _start(self, request: Request) -> Response:
        await self._desk.fields(request)

        async def do(_act: Act) -> Text:
            if self.goes_on:
                raise ValueError(Text("检查已在进行", "a check is running already"))
            self.begun, self.ended, self.count = self._desk.service.now(), 0, 0
            self.faults, self.failure = [], None
            self._task = asyncio.create_task(self._check())
            return Text("检查已开始", "The check has begun")

        notice = await self._desk.change(request, Change("check", 0), do)
        return self._desk.site.back(request, PATH, notice)

    async def _check(self) -> None:
        store, now = self._desk.store, self._desk.service.now
        try:
            async for fault in store.check():
                self.count += 1
                if self.count <= _SHOWN:
                    self.faults.append(fault)
        except StoreError as error:
            logs.LOG.exception("the check of the console did not finish")
            self.failure = Text.of(error.args[0])
        self.ended = now()
        if not self.count and self.failure is None:
            with suppress(StoreError):  # the disk may be full: the check is done all the same
                await store.put_note(CHECKED, note_of_check(self.ended))
