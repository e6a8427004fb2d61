"""Send every row with a client and compare the responses, and what became of the group."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from tools.clients.programs import Client, Send, Sent, started
from tools.clients.rows import ROWS, Kind, Row


class Session(NamedTuple):
    """A service and a session of an account on it."""

    base_url: str
    sessdata: str
    bili_jct: str

    @property
    def cookies(self) -> str:
        return f"SESSDATA={self.sessdata}; bili_jct={self.bili_jct}"


class Result(NamedTuple):
    """How one request of a client was answered."""

    client: str
    request: str
    is_right: bool
    #: The status and the body.
    shown: str


def results(client: Client, session: Session) -> Iterator[Result]:
    """Send the rows with a client and yield each result.

    A row that renames the group is right only if the service then has the new name.
    """
    created = _call(session, "POST", "/x/relation/tag/create", {"tag": f"客{client.title}"[:16]})
    group = str(created["data"]["tagid"])
    try:
        with started(client) as send:
            for number, row in enumerate(ROWS):
                if client.sends_raw or not row.raw:
                    yield _result(client, session, send, row, {"group": group, "number": number})
    finally:
        _call(session, "POST", "/x/relation/tag/del", {"tagid": group})


def _result(
    client: Client, session: Session, send: Send, row: Row, group: Mapping[str, Any]
) -> Result:
    name = f"山 新&={group['number']}"
    values = {"group": group["group"], "name": name, "csrf": session.bili_jct}
    query = [(field, value.format_map(values)) for field, value in row.query]
    body = {field: value.format_map(values) for field, value in row.body}
    text = "&".join("=".join(pair) for pair in query) if row.raw else urlencode(query)
    url = f"{session.base_url}{row.path}" + (f"?{text}" if text else "")
    encoded = json.dumps(body) if row.kind is Kind.JSON else urlencode(body)
    sent = Sent(row.method, url, row.kind, encoded, session.cookies, row.quoted)
    status, received = send(sent)
    is_right = status == row.status
    if row.code is None:
        is_right &= received == ""
    else:
        is_right &= _code(received) == row.code
    if row.renames:
        groups = _call(session, "GET", "/x/relation/tags", {})["data"]
        is_right &= name in [one["name"] for one in groups]
    return Result(client.title, row.title, is_right, f"{status} {received}")


def _code(body: str) -> int | None:
    try:
        code: int = json.loads(body)["code"]
    except (ValueError, KeyError, TypeError):
        return None
    return code


def _call(session: Session, method: str, path: str, fields: Mapping[str, str]) -> Any:
    """Call an endpoint in the plainest form and return its body; raise RuntimeError if refused."""
    address = urlsplit(session.base_url)
    connection = http.client.HTTPConnection(address.netloc, timeout=60)
    headers = {"Cookie": session.cookies, "User-Agent": "guanxi"}
    body = None
    if method == "POST":
        body = urlencode({**fields, "csrf": session.bili_jct})
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request(method, address.path + path, body, headers)
        received = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if received["code"] != 0:
        raise RuntimeError(f"{path}: {received}")
    return received
