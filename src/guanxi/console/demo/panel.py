"""What the emulator's pages share: the emulator, the site, and who acts in the browser."""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from guanxi.console.acting import acting
from guanxi.emulator.emulator import Emulator
from guanxi.web.site import Notice, Site


class Panel(NamedTuple):
    """An emulator and the pages that show it."""

    emulator: Emulator
    site: Site

    async def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        notice: Notice | None = None,
        **values: Any,
    ) -> Response:
        """Return a page that also has ``acting``, who is signed in."""
        values["acting"] = await acting(self.emulator.service, request)
        return self.site.page(request, template, status=status, notice=notice, **values)
