"""An account: what is stored of it, and the forms that change it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from guanxi.accounts.account import Card, State
from guanxi.accounts.secrets import TokenKind
from guanxi.console.operator.accounts import STATES
from guanxi.console.operator.desk import Change, Desk, mid_of
from guanxi.console.operator.lists import TABS
from guanxi.operations import accounts, erasing, export, sessions
from guanxi.operations.accounts import AccountError
from guanxi.operations.audit import Act
from guanxi.stores.port import Erasure
from guanxi.text import Text
from guanxi.web.forms import Refusal
from guanxi.web.headers import security_headers
from guanxi.web.paging import whole_number
from guanxi.web.routing import Verb
from guanxi.web.site import Notice
from guanxi.world.keys import MAX_KEY
from guanxi.world.kinds import KINDS

BASE = "/accounts/{mid}"
_Do: TypeAlias = Callable[[Act], Awaitable[Text]]
#: The names of the privacy switches.
SWITCHES = {
    "hide_followings": Text("隐藏关注", "hides followings"),
    "hide_followers": Text("隐藏粉丝", "hides followers"),
    "refuse_follows": Text("拒绝被关注", "refuses to be followed"),
    "approve_followers": Text("关注须经同意", "approves followers"),
}


def verbs(desk: Desk) -> list[Verb]:
    """Return the page of an account, and what changes it."""
    account = Account(desk)
    return [
        ("GET", BASE, account.show),
        ("GET", f"{BASE}/export", account.export),
        ("POST", f"{BASE}/edit", account.edit),
        ("POST", f"{BASE}/ban", account.ban),
        ("POST", f"{BASE}/unban", account.unban),
        ("GET", f"{BASE}/deregister", account.confirm_deregistration),
        ("POST", f"{BASE}/deregister", account.deregister),
        ("GET", f"{BASE}/erase", account.erasure),
        ("POST", f"{BASE}/erase", account.erase),
        ("POST", f"{BASE}/sign-out", account.sign_out),
        ("GET", f"{BASE}/act", account.confirm_acting),
        ("POST", f"{BASE}/act", account.act),
    ]


async def described(desk: Desk, mid: int) -> dict[str, Any]:
    """Return an account as ``accounts.described``; raise Refusal (404) if there is none."""
    try:
        return await accounts.described(desk.store, mid)
    except AccountError as error:
        raise Refusal(404, error.args[0]) from None


class Account:
    """The handlers of one account's page and forms."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._store = desk, desk.store

    async def show(self, request: Request) -> Response:
        """Show the account; one that was erased has the page of its erasure alone."""
        mid = mid_of(request)
        if await self._store.account(mid) is None and await self._store.erasure(mid) is not None:
            return self._desk.site.back(request, f"/accounts/{mid}/erase")
        one = await described(self._desk, mid)
        counts = [(kind.name, await self._store.count(kind, mid)) for kind in KINDS]
        return await self._desk.page(
            request,
            "account.html",
            one=one,
            card=asdict(one["card"]),
            privacy=asdict(one["privacy"]),
            switches=SWITCHES,
            groups=await self._store.groups(mid),
            content=[(name, count) for name, count in counts if count],
            states=STATES,
            tabs=TABS,
            most_key=MAX_KEY,
        )

    async def export(self, request: Request) -> Response:
        """Send all that is stored of the account, as JSON Lines."""
        mid = mid_of(request)
        await described(self._desk, mid)
        headers = security_headers() | {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="account-{mid}.jsonl"',
        }
        lines = export.encoded(self._store, mid)
        return StreamingResponse(lines, headers=headers, media_type="application/x-ndjson")

    async def edit(self, request: Request) -> Response:
        """Change the card, the key and the privacy switches."""
        mid, fields = mid_of(request), await self._desk.fields(request)
        card = {name: fields[name] for name in ("name", "face", "sign") if name in fields}
        privacy = {name: bool(fields.get(name)) for name in SWITCHES}

        async def do(_act: Act) -> Text:
            msgspec.convert(card, Card)  # its bounds; a ValidationError is a ValueError
            await accounts.existing(self._store, mid)  # a form creates no account
            await accounts.put(self._store, mid, card, privacy, key=fields.get("key"))
            return Text("已保存", "The account is changed")

        return await self._changed(request, Change("PUT /accounts/{mid}", mid), do)

    async def ban(self, request: Request) -> Response:
        """Ban the account, with a reason and until a time of the browser's zone."""
        mid, fields = mid_of(request), await self._desk.fields(request)
        zone = self._desk.site.look(request).zone

        async def do(act: Act) -> Text:
            act.detail, until = "banned", 0
            if text := fields.get("until", "").strip():
                chosen = datetime.fromisoformat(text)
                until = int((chosen if chosen.tzinfo else chosen.replace(tzinfo=zone)).timestamp())
            reason, now = fields.get("reason", "").strip(), self._desk.service.now()
            await accounts.ban(self._store, mid, reason=reason, until=until, now=now)
            return Text("已封停", "The account is banned")

        return await self._changed(request, Change("PUT /accounts/{mid}/state", mid), do)

    async def unban(self, request: Request) -> Response:
        """Lift the ban."""
        await self._desk.fields(request)
        return await self._set_state(request, State.NORMAL, Text("已解除封停", "The ban is lifted"))

    async def confirm_deregistration(self, request: Request) -> Response:
        """Show what a deregistration does."""
        mid = mid_of(request)
        await described(self._desk, mid)
        lines = [
            Text("不可撤销。", "This cannot be taken back."),
            Text(
                "它的资料被清空，会话全部退出。", "Its card is emptied, and its sessions are ended."
            ),
            Text(
                "它的关注与粉丝仍在，显示为已注销；要全部删除，请用抹除。",
                "Its followings and followers stay, and show it as deregistered. To delete all of"
                " it, erase it.",
            ),
        ]
        return await self._desk.page(
            request,
            "confirm.html",
            title=Text(f"注销 {mid}？", f"Deregister {mid}?"),
            lines=lines,
            path=f"/accounts/{mid}/deregister",
            values={},
            label=Text("注销", "Deregister"),
            back=f"/accounts/{mid}",
        )

    async def deregister(self, request: Request) -> Response:
        """Deregister the account."""
        await self._desk.fields(request)
        return await self._set_state(
            request, State.DEREGISTERED, Text("已注销", "The account is deregistered")
        )

    async def erasure(self, request: Request) -> Response:
        """Show what an erasure does, or how far that of the account is."""
        mid = mid_of(request)
        found: Erasure | None = await self._store.erasure(mid)
        if found is None:
            await described(self._desk, mid)
        names = await self._desk.names([mid])
        return await self._desk.page(
            request, "erase.html", mid=mid, name=names.get(mid, ""), erasure=found
        )

    async def erase(self, request: Request) -> Response:
        """Begin to erase the account, whose mid must be typed; the service goes on with it."""
        mid, fields = mid_of(request), await self._desk.fields(request)
        path = f"/accounts/{mid}/erase"
        if fields.get("typed", "").strip() != str(mid):
            return self._desk.site.back(request, path, Notice("refused", _NOT_TYPED))

        async def do(_act: Act) -> Text:
            await erasing.begin(self._store, mid)
            return Text("抹除已开始", "The erasure has begun")

        return await self._changed(request, Change("DELETE /accounts/{mid}", mid), do, path)

    async def sign_out(self, request: Request) -> Response:
        """Close the session of the form's id, or all of the account's without one."""
        mid, fields = mid_of(request), await self._desk.fields(request)
        id, path = whole_number(fields.get("id", "")), f"/accounts/{mid}/sessions"
        route = "DELETE /accounts/{mid}/sessions"

        async def do(_act: Act) -> Text:
            if id:
                closed = await sessions.revoke(self._store, mid, id)
            else:
                await accounts.existing(self._store, mid)
                closed = await self._store.close_sessions(mid)
            return Text(f"已退出 {closed} 个会话", f"{closed} sessions are signed out")

        change = Change(f"{route}/{{target}}" if id else route, mid, id)
        return await self._changed(request, change, do, path)

    async def confirm_acting(self, request: Request) -> Response:
        """Show what it means to act as the account."""
        mid = mid_of(request)
        await described(self._desk, mid)
        return await self._act_page(request, mid)

    async def act(self, request: Request) -> Response:
        """Open a session of the account, and show once what signs in."""
        mid = mid_of(request)
        await self._desk.fields(request)
        service, issued = self._desk.service, list[sessions.Issued]()

        async def do(act: Act) -> Text:
            act.detail, limits = TokenKind.COOKIE.value, service.profile.limits
            issued.append(
                await sessions.issue(
                    self._store, mid, TokenKind.COOKIE, limits, service.now(), chance=service.chance
                )
            )
            return Text("已登录", "Signed in")

        notice = await self._desk.change(request, Change("POST /accounts/{mid}/sessions", mid), do)
        if not issued:
            return self._desk.site.back(request, f"/accounts/{mid}", notice)
        return await self._act_page(request, mid, issued[0])

    async def _act_page(
        self, request: Request, mid: int, issued: sessions.Issued | None = None
    ) -> Response:
        names, text = await self._desk.names([mid]), ""
        if issued is not None:
            text = (
                f"export GUANXI_SESSDATA={issued.token}\nexport GUANXI_BILI_JCT={issued.bili_jct}\n"
            )
        expires = issued.expires if issued else 0
        return await self._desk.page(
            request, "act.html", mid=mid, name=names.get(mid, ""), issued=text, expires=expires
        )

    async def _set_state(self, request: Request, state: State, done: Text) -> Response:
        mid = mid_of(request)

        async def do(act: Act) -> Text:
            act.detail = state.name.lower()
            await accounts.set_state(self._store, mid, state)
            return done

        return await self._changed(request, Change("PUT /accounts/{mid}/state", mid), do)

    async def _changed(self, request: Request, change: Change, do: _Do, path: str = "") -> Response:
        notice = await self._desk.change(request, change, do)
        return self._desk.site.back(request, path or f"/accounts/{change.mid}", notice)


_NOT_TYPED = Text(
    "没有抹除：输入的不是此账号的 mid。", "Nothing was erased: that is not the mid of this account."
)
