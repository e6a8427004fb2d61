"""A Flask application with a follow graph: its users sign in with a password, and get a session.

Run it with `flask --app flask_app run`.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import Any

from flask import Flask, abort, request, session
from werkzeug.security import check_password_hash, generate_password_hash

from guanxi import AlreadyFollowing, SyncGraph

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_hex()
#: Every thread of the server may use it.
graph = SyncGraph.open("flask.db")
#: What a database of yours holds: the mid and the hash of the password, by name.
USERS: dict[str, tuple[int, str]] = {}


@app.post("/sign-up")
def sign_up() -> dict[str, int]:
    name = request.form["name"]
    if name in USERS:
        abort(409)
    mid = len(USERS) + 1
    USERS[name] = mid, generate_password_hash(request.form["password"])
    graph.put_account(mid, name=name)
    return {"mid": mid}


@app.post("/sign-in")
def sign_in() -> dict[str, int]:
    mid, stored = USERS.get(request.form["name"], (0, ""))
    if not check_password_hash(stored, request.form["password"]):
        abort(401)
    session["mid"] = mid
    return {"mid": mid}


def signed_in() -> int:
    if "mid" not in session:
        abort(401)
    mid: int = session["mid"]
    return mid


@app.post("/follow/<int:mid>")
def follow(mid: int) -> dict[str, Any]:
    me = signed_in()
    with suppress(AlreadyFollowing):  # a request that is repeated
        graph.follow(me, mid)
    return {"mutual": graph.relation(me, mid).mutual}


@app.get("/")
def home() -> dict[str, Any]:
    page = graph.following(signed_in(), limit=20)
    return {"following": [item.name for item in page.items], "total": page.total}
