"""The start page: the accounts of this machine, and how to add one."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from guanxi.contract.errors import ApiException
from guanxi.manage.panel import ACCOUNT, SIGN_IN, Panel
from guanxi.text import Text
from guanxi.toolbox.errors import ToolError
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

#: Opens the account that ``guanxi login`` saved.
SAVED = "/saved"
SIGN_OUT = f"{ACCOUNT}/{{key}}/sign-out"


def verbs(panel: Panel) -> list[Verb]:
    """Return the page, and the forms that open a saved account and sign one out."""

    async def show(request: Request) -> Response:
        try:
            has_default, notice = panel.people.has_default(), None
        except ValueError as error:
            has_default, notice = False, Notice.refused(error)
        return await panel.page(
            request,
            "start.html",
            notice=notice,
            people=panel.people.all(),
            has_default=has_default,
            server=panel.people.base_url,
            sign_in=SIGN_IN,
            account=ACCOUNT,
            saved=SAVED,
        )

    async def use(request: Request) -> Response:
        await panel.site.fields(request)
        try:
            key = await asyncio.to_thread(panel.people.use_default)
        except (ToolError, ApiException, ValueError) as error:
            return panel.site.back(request, "/", Notice.refused(error))
        return panel.site.back(request, f"{ACCOUNT}/{key}")

    async def sign_out(request: Request) -> Response:
        await panel.site.fields(request)
        with panel.archive(request):
            panel.people.sign_out(request.path_params["key"])
        done = Text("已退出。档案仍在。", "Signed out. The archive stays.")
        return panel.site.back(request, "/", done)

    return [("GET", "/", show), ("POST", SAVED, use), ("POST", SIGN_OUT, sign_out)]
