"""The start page: the accounts of this machine, and how to add one."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from guanxi.manage.panel import ACCOUNT, SIGN_IN, Panel, Verb
from guanxi.text import Text

SIGN_OUT = f"{ACCOUNT}/{{key}}/sign-out"


def verbs(panel: Panel) -> list[Verb]:
    """Return the page, and the form that signs an account out."""

    async def show(request: Request) -> Response:
        return await panel.page(
            request, "start.html", people=panel.people.all(), sign_in=SIGN_IN, account=ACCOUNT
        )

    async def sign_out(request: Request) -> Response:
        await panel.site.fields(request)
        with panel.archive(request):
            panel.people.sign_out(request.path_params["key"])
        done = Text("已退出。档案仍在。", "Signed out. The archive stays.")
        return panel.site.back(request, "/", done)

    return [("GET", "/", show), ("POST", SIGN_OUT, sign_out)]
