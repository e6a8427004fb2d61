"""A Starlette application with a follow graph: its users have a session in a signed cookie.

Run it with `uvicorn starlette_app:app`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from guanxi import Graph
from guanxi.embed import application

#: What a database of yours holds: the mid of each invitation, which signs in once.
INVITATIONS = {"blue-lake": 1, "red-hill": 2}


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Graph]]:
    async with Graph.open("starlette.db") as graph:
        for mid in INVITATIONS.values():
            await graph.put_account(mid, name=f"user {mid}")
        app.mount("/graph", application(graph.store, caller=mid_of))
        yield {"graph": graph}


def mid_of(scope: Any) -> int | None:
    """Return who sent a request to /graph: the middleware has read the session's cookie."""
    mid: int | None = scope["session"].get("mid")
    return mid


async def sign_in(request: Request) -> JSONResponse:
    mid = INVITATIONS.pop((await request.body()).decode(), None)
    if mid is None:
        return JSONResponse({"error": "no such invitation"}, 401)
    request.session["mid"] = mid
    return JSONResponse({"mid": mid})


async def home(request: Request) -> JSONResponse:
    mid, graph = request.session.get("mid"), request.state.graph
    if mid is None:
        return JSONResponse({"error": "sign in first"}, 401)
    page = await graph.following(mid, limit=20)
    return JSONResponse([{"mid": item.mid, "name": item.name} for item in page.items])


app = Starlette(
    routes=[Route("/sign-in", sign_in, methods=["POST"]), Route("/", home)],
    middleware=[
        Middleware(
            SessionMiddleware,
            secret_key=os.environ.get("SECRET_KEY") or secrets.token_hex(),
            same_site="lax",
        )
    ],
    lifespan=lifespan,
)
