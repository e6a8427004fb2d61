"""What the pages of ``guanxi manage`` share: the accounts, the work that runs, and the site."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from guanxi.contract.errors import ApiException
from guanxi.manage.jobs import Person
from guanxi.manage.people import People, SignedOut
from guanxi.manage.work import Desk, Job
from guanxi.text import Text
from guanxi.toolbox import labels
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import ArchiveMissing, ToolError
from guanxi.web.forms import Refusal
from guanxi.web.site import Notice, Site

SIGN_IN = "/sign-in"
#: Below this path and the account's key are the pages of one account.
ACCOUNT = "/a"
#: What a person reads for the part of the work that runs; others are not named.
WORK_PARTS = labels.LISTS | {"last_posted": Text("最近发布的时间", "when they last posted")}


class Panel(NamedTuple):
    """The accounts, the work, and the site that shows both."""

    people: People
    desk: Desk
    site: Site

    @contextmanager
    def archive(self, request: Request) -> Iterator[Archive]:
        """Yield the archive of the account in a request's path.

        Raise Refusal, with HTTP 404, without one, and with 409 for one that cannot be used.
        """
        try:
            with self.people.archive(request.path_params["key"]) as archive:
                yield archive
        except ArchiveMissing:
            raise Refusal(404, _NO_ARCHIVE) from None

    def account(self, request: Request, rest: str = "") -> str:
        """Return the path of a page of the account in a request's path."""
        return f"{ACCOUNT}/{request.path_params['key']}{rest}"

    async def page(
        self, request: Request, template: str, *, notice: Notice | None = None, **values: Any
    ) -> Response:
        """Return a page, with the work that runs and the account that the page is about."""
        key = request.path_params.get("key", "")
        values |= {"work": self.desk.state(), "work_parts": WORK_PARTS, "key": key}
        return self.site.page(request, template, notice=notice, **values)

    async def start(
        self, request: Request, name: Text, back: str, job: Callable[[Person], Job]
    ) -> Response:
        """Start work for the account in a request's path, and go to a page, which shows it.

        Whoever is not signed in is sent to sign in.
        """
        key = request.path_params["key"]
        try:
            person = await asyncio.to_thread(self.people.person, key)
            self.desk.start(name, back, job(person))
        except SignedOut as error:
            return self.site.back(request, SIGN_IN, Notice.refused(error))
        except (ToolError, ApiException, ValueError) as error:
            return self.site.back(request, back, Notice.refused(error))
        return self.site.back(request, back)


def words(panel: Panel, request: Request) -> Callable[[Text], str]:
    """Return what chooses the language of a plan's reasons: that of the page."""
    return panel.site.look(request).text


_NO_ARCHIVE = Text(
    "没有这个账号的档案。请从首页选择账号，或登录并取一次快照。",
    "There is no archive of this account. Choose one on the start page, or sign in and take a"
    " snapshot.",
)
