"""Requests of the administration on the sessions of an account: list them, close one."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response

from guanxi.operations import sessions
from guanxi.service.administering import Administered, AdminRequest, as_json, known_query


async def listed(administered: Administered, request: AdminRequest) -> Response:
    """Return an account's sessions, the newest first, without what signs in."""
    known_query(request, ())
    found = await sessions.of_account(administered.service.store, request.mid)
    return as_json({"sessions": [*map(sessions.described, found)]})


async def revoke(administered: Administered, request: AdminRequest) -> Response:
    """Close the session of an account with the id in the path."""
    closed = await sessions.revoke(administered.service.store, request.mid, request.target)
    if not closed:
        raise HTTPException(404, "the account has no such session")
    return as_json({"closed": closed})
