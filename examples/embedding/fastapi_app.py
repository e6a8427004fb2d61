"""A FastAPI application with a follow graph: its users sign in with a password, and get a token.

Run it with `uvicorn fastapi_app:app`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPBasic, HTTPBasicCredentials, OAuth2PasswordBearer

from guanxi import AlreadyFollowing, Graph
from guanxi.embed import application

#: What a database of yours holds: by name the mid, salt and hash of a password; by token the mid.
USERS: dict[str, tuple[int, bytes, bytes]] = {}
TOKENS: dict[str, int] = {}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Graph]]:
    async with Graph.open("fastapi.db") as graph:
        # All endpoints of guanxi, with their documentation, below /graph.
        app.mount("/graph", application(graph.store, caller=mid_of))
        yield {"graph": graph}


app = FastAPI(lifespan=lifespan)


def mid_of(scope: Any) -> int | None:
    """Return who sent a request to /graph, by its token; None for nobody."""
    sent = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    return TOKENS.get(sent.removeprefix("Bearer "))


def signed_in(token: Annotated[str, Depends(OAuth2PasswordBearer("sign-in"))]) -> int:
    if token not in TOKENS:
        raise HTTPException(401, "sign in first")
    return TOKENS[token]


def hash_of(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


Me = Annotated[int, Depends(signed_in)]
Password = Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]


@app.post("/sign-up")
async def sign_up(new: Password, request: Request) -> dict[str, int]:
    if new.username in USERS:
        raise HTTPException(409, "another user has this name")
    mid, salt = len(USERS) + 1, secrets.token_bytes(16)
    USERS[new.username] = mid, salt, hash_of(new.password, salt)
    await request.state.graph.put_account(mid, name=new.username)
    return {"mid": mid}


@app.post("/sign-in")
def sign_in(sent: Password) -> dict[str, str]:
    mid, salt, stored = USERS.get(sent.username, (0, b"", b""))
    if not hmac.compare_digest(hash_of(sent.password, salt), stored):
        raise HTTPException(401, "wrong name or password")
    token = secrets.token_urlsafe()
    TOKENS[token] = mid
    return {"token": token}


@app.put("/following/{mid}")
async def follow(mid: int, me: Me, request: Request) -> dict[str, int | None]:
    graph: Graph = request.state.graph
    with suppress(AlreadyFollowing):  # a request that is repeated
        await graph.follow(me, mid)
    return {"followers": (await graph.followers(mid, limit=1)).total}


@app.get("/suggestions")
async def suggestions(me: Me, request: Request) -> list[int]:
    return [found.mid for found in await request.state.graph.suggest(me)]
