"""The start page of a demo: its purpose, who one acts as, and how a program connects."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from guanxi.accounts.account import State
from guanxi.console.acting import act_as, stop_acting
from guanxi.console.demo.panel import Panel
from guanxi.contract.params import LARGEST
from guanxi.demo.world import ROLES
from guanxi.operations.accounts import AccountError
from guanxi.text import Text
from guanxi.web.forms import local_path
from guanxi.web.paging import whole_number
from guanxi.web.routing import Verb
from guanxi.web.site import Notice

ACT, STOP = "/demo/act", "/demo/act/stop"


class Named(NamedTuple):
    """An account that one may act as, and what distinguishes it."""

    mid: int
    name: str
    role: Text
    is_banned: bool


def verbs(panel: Panel) -> list[Verb]:
    """Return the page's forms: act as an account, and stop."""

    async def act(request: Request) -> Response:
        fields = await panel.site.fields(request)
        back = local_path(fields.get("back", "/"))
        mid = whole_number(fields.get("mid", "").strip(), most=LARGEST)
        cards = await panel.emulator.service.store.cards([mid]) if mid else {}
        name = cards[mid].name if mid in cards else ""
        done = Text(f"现在以 {name}（{mid}）的身份", f"You act as {name} ({mid})")
        response = panel.site.back(request, back, done)
        try:
            await act_as(panel.emulator.service, response, mid)
        except AccountError as error:
            refused = Text.of(error.args[0] if error.args else str(error))
            return panel.site.back(request, back, Notice("refused", refused))
        return response

    async def stop(request: Request) -> Response:
        fields = await panel.site.fields(request)
        done = Text("已退出", "Signed out")
        response = panel.site.back(request, local_path(fields.get("back", "/")), done)
        await stop_acting(panel.emulator.service, request, response)
        return response

    return [("POST", ACT, act), ("POST", STOP, stop)]


async def page(panel: Panel, request: Request, *, may: bool) -> Response:
    """Return the start page. ``may`` is whether the visitor may use the emulator."""
    emulator = panel.emulator
    info = await emulator.service.store.info()
    return await panel.page(
        request,
        "start.html",
        may=may,
        people=await _people(panel),
        counts=info.counts,
        emulator=emulator,
        seconds=emulator.clock() / 1e9,
        base_url=str(request.base_url).rstrip("/"),
        act=ACT,
        stop=STOP,
    )


async def _people(panel: Panel) -> list[Named]:
    """Return the accounts of ``ROLES`` that exist in this world."""
    store = panel.emulator.service.store
    accounts, cards = await store.accounts_of([*ROLES]), await store.cards([*ROLES])
    return [
        Named(mid, cards[mid].name, role, accounts[mid].state is State.BANNED)
        for mid, role in ROLES.items()
        if mid in accounts and mid in cards and accounts[mid].state is not State.DEREGISTERED
    ]
