"""A client that knows nothing of guanxi's own: what goes over the wire, and what comes back."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import apsw

from guanxi.accounts.secrets import DAY, wbi_keys
from guanxi.contract.endpoint import Endpoint
from guanxi.contract.sign import mixin_key, wbi_sign
from guanxi.stores.port import Store
from guanxi.testing import RunningService, SignedIn

Fields = Mapping[str, object] | Sequence[tuple[str, object]] | str


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> int:
        """What the envelope says; a page stands for 0."""
        if self.headers["content-type"].startswith("text/html"):
            return 0
        code: int = self.body["code"]
        return code

    @property
    def message(self) -> str:
        message: str = self.body["message"]
        return message

    @property
    def data(self) -> Any:
        return self.body["data"]


def encoded(fields: Fields) -> str:
    return fields if isinstance(fields, str) else urlencode(fields)


def send(
    base_url: str,
    method: str,
    path: str,
    *,
    query: Fields = "",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request over a connection of its own."""
    address = urlsplit(base_url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    try:
        text = encoded(query)
        target = f"{path}?{text}" if text else path
        connection.request(method, target, body, {"User-Agent": "test", **(headers or {})})
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def call(
    service: RunningService,
    endpoint: Endpoint,
    session: SignedIn | None = None,
    fields: Fields = (),
    *,
    query: Fields = "",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Call an endpoint as a browser with a session does: cookie, csrf and wbi signature.

    What stands in a path is taken from the fields.
    """
    kept = {"Cookie": session.cookie} if session else {}
    if endpoint.method == "GET":
        path, fields = _filled(endpoint.path, fields)
        text = encoded(fields)
        if endpoint.wbi and not isinstance(fields, str):
            text = urlencode(signed(service, fields))
        return send(service.base_url, "GET", path, query=text, headers={**kept, **(headers or {})})
    text = encoded(fields)
    if session is not None and "&csrf=" not in f"&{text}":
        text = "&".join(filter(None, [text, f"csrf={session.bili_jct}"]))
    kept["Content-Type"] = "application/x-www-form-urlencoded"
    return send(
        service.base_url,
        "POST",
        endpoint.path,
        query=query,
        body=text.encode(),
        headers={**kept, **(headers or {})},
    )


def _filled(path: str, fields: Fields) -> tuple[str, Fields]:
    """A path with the fields that stand in it, and the others; a text is a query and no more."""
    if isinstance(fields, str):
        return path, fields
    left = list(fields.items() if isinstance(fields, Mapping) else fields)
    for pair in list(left):
        place = f"{{{pair[0]}}}"
        if place in path:
            path = path.replace(place, quote(str(pair[1]), safe=""))
            left.remove(pair)
    return quote(path, safe="/%"), left


def secret_of(service: RunningService) -> bytes:
    async def read(store: Store) -> bytes:
        return store.secret

    return service.do(read)


def signed(service: RunningService, fields: Fields, *, days_ago: int = 0) -> list[tuple[str, str]]:
    """Fields with their wbi signature, made with the keys of a day."""
    assert not isinstance(fields, str)
    given = fields.items() if isinstance(fields, Mapping) else fields
    now = int(time.time())
    pairs = [(name, str(value)) for name, value in given] + [("wts", str(now))]
    mixin = mixin_key(*wbi_keys(secret_of(service), now - days_ago * DAY))
    return [*pairs, ("w_rid", wbi_sign(pairs, mixin))]


def raw(base_url: str, sent: bytes, *, half: bool = False) -> bytes:
    """Send bytes, and read until the server closes. ``half`` closes one's own way first."""
    address = urlsplit(base_url)
    assert address.hostname is not None
    assert address.port is not None
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(sent)
        if half:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def contents(service: RunningService) -> object:
    """Every row of the store's file, but for visits, which are written later, and what derives."""
    # Another library of SQLite in this process would break the locks of the store's own.
    with closing(apsw.Connection(str(service.store), flags=apsw.SQLITE_OPEN_READONLY)) as file:
        named = file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            name: sorted(map(repr, file.execute(f"SELECT * FROM {name}")))
            for (name,) in named
            if name not in ("visit", "tail", "tally")
        }


_mids = itertools.count(1_000_000)


def fresh(service: RunningService, count: int = 1) -> list[SignedIn]:
    """New accounts that nobody else in the tests touches, signed in."""
    mids = list(itertools.islice(_mids, count))
    service.add_accounts(*mids)
    return [service.sign_in(mid) for mid in mids]


def follow(service: RunningService, follower: SignedIn, *followed: SignedIn) -> None:
    """Follow, in this order, over HTTP."""
    for one in followed:
        answer = modify(service, follower, one.mid, 1)
        assert answer.code == 0, answer.raw


def modify(service: RunningService, caller: SignedIn, fid: object, act: object) -> Answer:
    from guanxi.contract.endpoints import MODIFY

    return call(service, MODIFY, caller, {"fid": fid, "act": act, "re_src": 11})
