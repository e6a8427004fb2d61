"""What the pages of the console share: the service, who is signed in, and how a change is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from guanxi.accounts.account import EditRefusal
from guanxi.accounts.administrators import AdminToken, Scope
from guanxi.contract.params import LARGEST
from guanxi.operations.accounts import AccountError
from guanxi.operations.audit import Act, recorded
from guanxi.service import logs
from guanxi.service.admitting import Admission
from guanxi.service.exchange import request_ids
from guanxi.service.server import Operated
from guanxi.stores.port import Store, StoreError, StoreTimeout
from guanxi.text import Text
from guanxi.web.forms import Fields, Refusal
from guanxi.web.paging import whole_number
from guanxi.web.sessions import Sessions
from guanxi.web.site import Notice, Site

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"


class SignedOut(Exception):
    """A request without a session, or with one whose token was revoked or has expired."""


class Change(NamedTuple):
    """A change: its route in the API or its command, by which the audit log names it, and whom it
    is about."""

    route: str
    mid: int = 0
    target: int = 0


class Desk:
    """The pages of one service. A session keeps a token's digest, never its text."""

    def __init__(self, operated: Operated, site: Site) -> None:
        self.operated, self.site = operated, site
        self.service = operated.service
        self.store: Store = operated.service.store
        self.admission = Admission(operated.service, operated.token)
        self.sessions: Sessions[bytes] = Sessions("guanxi_console")
        self._ids = request_ids(operated.service.chance, "c")

    async def token(self, request: Request, scope: Scope = Scope.READ) -> AdminToken:
        """Return the token of a request's session; it is looked up again after a second.

        Raise SignedOut without one, and Refusal (403) for one that lacks the scope.
        """
        digest = self.sessions.of(request)
        if digest is None:
            raise SignedOut
        try:
            found = await self.admission.of_digest(digest)
        except HTTPException:
            self.sessions.close(request)
            raise SignedOut from None
        if scope not in found.scopes:
            raise Refusal(403, _MAY_NOT)
        return found

    async def page(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        notice: Notice | None = None,
        shown_at: str = "",
        **values: Any,
    ) -> Response:
        """Return a page that also has ``token``, who is signed in, and ``may_write``."""
        token = await self.token(request)
        values |= {"token": token, "may_write": Scope.WRITE in token.scopes}
        return self.site.page(
            request, template, status=status, notice=notice, shown_at=shown_at, **values
        )

    async def fields(self, request: Request) -> Fields:
        """Return the fields of a form that changes something; raise Refusal if that is not allowed.

        That is from another page, or with a token that may only read.
        """
        fields = await self.site.fields(request)
        await self.token(request, Scope.WRITE)
        return fields

    async def change(
        self, request: Request, change: Change, do: Callable[[Act], Awaitable[Text]]
    ) -> Notice:
        """Make a change, recorded in the audit log as the API's; return what to show of it.

        ``do`` makes it and returns what was done; what the operations refuse is shown as refused.
        Raise StoreError if the log cannot be written; then nothing is done.
        """
        token = await self.token(request, Scope.WRITE)
        act = Act(change.mid, change.target)
        async with self.recorded(token, change, act):
            try:
                done = await do(act)
            except AccountError as error:
                act.status = 404 if error.refusal is EditRefusal.UNKNOWN else 409
                return Notice.refused(error)
            except ValueError as error:
                act.status = 400
                return Notice.refused(error)
            except StoreTimeout as error:
                act.status = 504
                logs.LOG.exception("a change of the console failed")
                return Notice("refused", _unknown(error))
            except StoreError as error:
                act.status = 503
                logs.LOG.exception("a change of the console failed")
                return Notice.refused(error)
            act.status = 200
        return Notice("done", done)

    def recorded(
        self, token: AdminToken, change: Change, act: Act
    ) -> AbstractAsyncContextManager[Act]:
        """Record a change in the audit log, before the block and with its outcome after it.

        Raise StoreError if the log cannot be written; then the block does not run.
        """
        now_ms, id = self.service.clock() // 10**6, next(self._ids)
        return recorded(self.store, token.name, change.route, act, now_ms=now_ms, request_id=id)

    async def names(self, mids: list[int]) -> dict[int, str]:
        """Return the names of accounts, by mid; unknown ones are omitted."""
        briefs = await self.store.briefs(mids) if mids else {}
        return {mid: brief[1] for mid, brief in briefs.items()}


def mid_of(request: Request) -> int:
    """Return the mid in a request's path; raise HTTPException (404) if it cannot be one."""
    mid = whole_number(request.path_params["mid"], most=LARGEST)
    if not mid:
        raise HTTPException(404)
    return mid


def _unknown(error: StoreError) -> Text:
    why = Text.of(error.args[0] if error.args else "")
    return Text(
        f"{why.zh}。可能已完成：请先查看，再重试。",
        f"{why.en}. It may have been done: look before you repeat it.",
    )


_MAY_NOT = Text(
    "登录所用的口令没有此权限。请退出，再用有权限的口令登录。",
    "The token that you signed in with does not permit this. Sign out, and sign in with one that"
    " does.",
)
