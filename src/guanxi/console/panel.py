"""What the emulator's pages share: the emulator, the site, and who acts in the browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from guanxi.console.acting import acting
from guanxi.emulator.emulator import Emulator
from guanxi.text import Text
from guanxi.web.site import Notice, Site

#: A method, a path and its handler.
Verb = tuple[str, str, Callable[[Request], Awaitable[Response]]]


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


def refusal(error: Exception) -> Notice:
    """Return the notice of an error: its text in both languages, if it has one."""
    reason = error.args[0] if error.args and isinstance(error.args[0], Text) else str(error)
    return Notice("refused", Text.of(reason))
