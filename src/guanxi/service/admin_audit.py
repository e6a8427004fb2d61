"""Requests of the administration on its own tokens, and on the log of what it did."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from starlette.exceptions import HTTPException
from starlette.responses import Response

from guanxi.accounts.administrators import Scope, scopes_text
from guanxi.accounts.secrets import DAY
from guanxi.contract.params import LARGEST
from guanxi.operations import admin_tokens
from guanxi.operations.admin_tokens import MOST_DAYS, TokenError
from guanxi.operations.audit import described
from guanxi.service.administering import (
    Administered,
    AdminRequest,
    as_json,
    decoded,
    known_query,
    limit_of,
    number_of,
)


class TokenBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A token to make; ``days`` None is without an end."""

    name: str
    scopes: list[Scope]
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] | None = None


async def tokens(administered: Administered, request: AdminRequest) -> Response:
    """Return the tokens that the store keeps, by name, without their secrets."""
    known_query(request, ())
    found = await administered.service.store.admin_tokens()
    return as_json({"tokens": [admin_tokens.described(token) for token in found]})


async def new_token(administered: Administered, request: AdminRequest) -> Response:
    """Make a token, which permits no more than the one that makes it, and lasts no longer."""
    body, maker = decoded(request.body, TokenBody), request.token
    service, now = administered.service, administered.service.now()
    more = frozenset(body.scopes) - maker.scopes
    if more:
        raise HTTPException(403, f"the token {maker.name} lacks the scope {scopes_text(more)}")
    if maker.expires is not None and (body.days is None or now + body.days * DAY > maker.expires):
        raise HTTPException(403, f"the token {maker.name} itself expires earlier: give less days")
    try:
        made = await admin_tokens.new_token(service.store, body.name, body.scopes, body.days, now)
    except TokenError as error:
        raise HTTPException(409, str(error)) from None
    request.act.detail = f"{made.stored.name} {scopes_text(made.stored.scopes)}"
    return as_json({"token": made.text, **admin_tokens.described(made.stored)})


async def revoke_token(administered: Administered, request: AdminRequest) -> Response:
    """End a token that the store keeps."""
    request.act.detail = request.name
    try:
        await admin_tokens.revoke(administered.service.store, request.name)
    except TokenError as error:
        raise HTTPException(404, str(error)) from None
    return as_json({})


async def audit(administered: Administered, request: AdminRequest) -> Response:
    """Return a page of the audit log, the newest first, and what continues it."""
    query = known_query(request, ("limit", "after", "mid", "token"))
    limit = limit_of(query)
    mid = number_of("mid", query["mid"][-1], LARGEST) if "mid" in query else 0
    before = number_of("after", query["after"][-1], LARGEST) if "after" in query else None
    found = await administered.service.store.audit(
        limit, before=before, mid=mid, who=query.get("token", [""])[-1]
    )
    following = str(found[-1].number) if len(found) == limit else None
    return as_json({"audit": [described(entry) for entry in found], "next": following})
