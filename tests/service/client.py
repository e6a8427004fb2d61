"""An HTTP client for tests that shares no code with the SDK: raw requests and responses."""

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
        """Return the envelope's code; 0 for an HTML page."""
        if self.headers["content-type"].startswith("text/html"):
            return 0
        code: int = self.body["code"]
        return code

    @property
    def message(self) -> str:
        message: str = self.body["message"]
        return message

    @property
    def reason(self) -> str:
        """Return what was wrong with the request; "" if the response does not say."""
        reason: str = self.body.get("reason", "")
        return reason

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
    """Send one request over a new connection."""
    address = urlsplit(base_url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    try:
        text = encoded(query)
        target = f"{address.path}{path}?{text}" if text else address.path + path
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

    Path parameters are read from the fields.
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
    """Return the path filled in from the fields, and the other fields; a str is a whole query."""
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
    """Return the fields with a wbi signature made with the keys of a day."""
    assert not isinstance(fields, str)
    given = fields.items() if isinstance(fields, Mapping) else fields
    now = int(time.time())
    pairs = [(name, str(value)) for name, value in given] + [("wts", str(now))]
    mixin = mixin_key(*wbi_keys(secret_of(service), now - days_ago * DAY))
    return [*pairs, ("w_rid", wbi_sign(pairs, mixin))]


def raw(base_url: str, sent: bytes, *, half: bool = False) -> bytes:
    """Send bytes and read until the server closes. ``half`` first closes the sending side."""
    address = urlsplit(base_url)
    assert address.hostname is not None
    assert address.port is not None
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(sent)
        if half:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def contents(service: RunningService) -> object:
    """Return all rows of the store's file, except derived tables and what is written later.

    That are visits, and when a session was last used.
    """
    columns = {"session": "digest, mid, kind, created, expires"}
    # Another library of SQLite in this process would break the locks of the store's own.
    with closing(apsw.Connection(str(service.store), flags=apsw.SQLITE_OPEN_READONLY)) as file:
        named = file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            name: sorted(
                map(repr, file.execute(f"SELECT {columns.get(str(name), '*')} FROM {name}"))
            )
            for (name,) in named
            if name not in ("visit", "tail", "tally")
        }


_mids = itertools.count(1_000_000)


def fresh(service: RunningService, count: int = 1) -> list[SignedIn]:
    """Create accounts that no other test uses, and sign them in."""
    mids = list(itertools.islice(_mids, count))
    service.add_accounts(*mids)
    return [service.sign_in(mid) for mid in mids]


def follow(service: RunningService, follower: SignedIn, *followed: SignedIn) -> None:
    """Follow the targets over HTTP, in this order."""
    for one in followed:
        answer = modify(service, follower, one.mid, 1)
        assert answer.code == 0, answer.raw


def modify(service: RunningService, caller: SignedIn, fid: object, act: object) -> Answer:
    from guanxi.contract.endpoints import MODIFY

    return call(service, MODIFY, caller, {"fid": fid, "act": act, "re_src": 11})
