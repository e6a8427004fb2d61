"""The lists and the sessions of an account."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from guanxi.console.operator.accounts import STATES
from guanxi.console.operator.desk import Desk, mid_of
from guanxi.operations import accounts, relations, sessions
from guanxi.operations.accounts import AccountError
from guanxi.text import Text
from guanxi.web.forms import Refusal
from guanxi.web.paging import Block, with_query
from guanxi.web.routing import Verb

_ROWS = 100
#: The pages of an account: the end of each path, and its name.
TABS = {
    "": Text("概览", "Overview"),
    "/lists/followings": Text("关注", "Followings"),
    "/lists/followers": Text("粉丝", "Followers"),
    "/lists/friends": Text("互相关注", "Mutual"),
    "/lists/whispers": Text("悄悄关注", "Whispers"),
    "/lists/blocks": Text("黑名单", "Blocks"),
    "/lists/requests": Text("收到的请求", "Requests received"),
    "/lists/sent_requests": Text("发出的请求", "Requests sent"),
    "/sessions": Text("会话", "Sessions"),
    "/audit": Text("审计", "Audit"),
}


def verbs(desk: Desk) -> list[Verb]:
    """Return the pages of an account's lists and sessions, and the way to its audit entries."""

    async def show(request: Request) -> Response:
        mid, name = mid_of(request), request.path_params["list"]
        if name not in relations.LISTS:
            raise HTTPException(404)
        one, after = await _described(desk, mid), request.query_params.get("after", "")
        try:
            rows, end = await relations.page(desk.store, mid, name, _ROWS, after)
        except ValueError as error:
            raise Refusal(400, Text.of(error.args[0])) from None
        path = f"/accounts/{mid}/lists/{name}"
        address = desk.site.look(request).at(path)
        mids = [int(str(row["mid"])) for row in rows]
        groups = {group.id: group.name for group in await desk.store.groups(mid)}
        return await desk.page(
            request,
            "list.html",
            one=one,
            name=name,
            block=Block(rows, with_query(address, {"after": end}) if end else ""),
            names=await desk.names(mids),
            groups=groups,
            states=STATES,
            tabs=TABS,
        )

    async def show_sessions(request: Request) -> Response:
        mid = mid_of(request)
        one = await _described(desk, mid)
        found = await sessions.of_account(desk.store, mid)
        return await desk.page(
            request,
            "sessions.html",
            one=one,
            sessions=[*map(sessions.described, found)],
            now=desk.service.now(),
            states=STATES,
            tabs=TABS,
        )

    async def to_audit(request: Request) -> Response:
        return desk.site.back(request, f"/audit?mid={mid_of(request)}")

    return [
        ("GET", "/accounts/{mid}/lists/{list}", show),
        ("GET", "/accounts/{mid}/sessions", show_sessions),
        ("GET", "/accounts/{mid}/audit", to_audit),
    ]


async def _described(desk: Desk, mid: int) -> dict[str, object]:
    try:
        return await accounts.described(desk.store, mid)
    except AccountError as error:
        raise Refusal(404, error.args[0]) from None
