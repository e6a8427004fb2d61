"""Helpers to store content in a running service, and a client driven by the contract alone."""

from __future__ import annotations

import http.client
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from guanxi.accounts.account import Card
from guanxi.accounts.secrets import wbi_keys
from guanxi.contract.endpoint import Endpoint, Paging
from guanxi.contract.sign import mixin_key, wbi_sign
from guanxi.stores.port import Store
from guanxi.testing import RunningService, SignedIn
from guanxi.world.kind import Kind

T = TypeVar("T")
_MISSING = object()
_mids = itertools.count(2_000_000)


class Answer(NamedTuple):
    """A response of the service."""

    status: int
    #: Name and value; names are in lower case and may repeat.
    headers: list[tuple[str, str]]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> int:
        code: int = self.body["code"]
        return code

    @property
    def reason(self) -> str:
        reason: str = self.body.get("reason", "")
        return reason

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key == name)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the response sets, by name."""
        set_cookies = [value for name, value in self.headers if name == "set-cookie"]
        pairs = [value.partition(";")[0].partition("=") for value in set_cookies]
        return {name: value for name, _, value in pairs}


def someone(service: RunningService, card: Card | None = None) -> SignedIn:
    """Add an account that no other test uses, and sign it in."""
    mid = next(_mids)
    service.add_accounts(cards={mid: card or Card(name=f"u{mid}", face=f"https://face/{mid}")})
    return service.sign_in(mid)


def put(service: RunningService, owner: int, kind: Kind[T], *documents: T) -> None:
    """Store documents of a kind for an owner."""
    entries = [kind.entry(owner, item) for item in documents]
    service.do(lambda store: store.put(entries))


def stored(service: RunningService, owner: int, kind: Kind[T]) -> T | None:
    """Return the stored document of a kind that has one per owner, or None."""
    return service.do(lambda store: store.get(kind, owner))


def secret_of(service: RunningService) -> bytes:
    async def read(store: Store) -> bytes:
        return store.secret

    return service.do(read)


def signed(service: RunningService, fields: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the fields with a wbi signature by today's keys."""
    now = int(time.time())
    pairs = [(name, str(value)) for name, value in fields.items()] + [("wts", str(now))]
    mixin = mixin_key(*wbi_keys(secret_of(service), now))
    return [*pairs, ("w_rid", wbi_sign(pairs, mixin))]


def send(
    service: RunningService,
    method: str,
    path: str,
    *,
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request over a new connection; ``path`` may contain a query."""
    address = urlsplit(service.base_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    try:
        sent = {"User-Agent": "test", **(headers or {})}
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        response_headers = [(name.lower(), value) for name, value in response.getheaders()]
        return Answer(response.status, response_headers, response.read())
    finally:
        connection.close()


def ask(
    service: RunningService,
    endpoint: Endpoint,
    session: SignedIn | str | None = None,
    /,
    **fields: object,
) -> Answer:
    """Call an endpoint as a browser does: with cookies, csrf, and a signature if it requires one.

    ``session`` may be the text of a Cookie header. Then no csrf is added.
    """
    path = endpoint.path
    for name in list(fields):
        if "{" + name + "}" in path:
            path = path.replace("{" + name + "}", str(fields.pop(name)))
    headers = {}
    if session is not None:
        headers["Cookie"] = session if isinstance(session, str) else session.cookie
    if endpoint.method == "GET":
        signs = endpoint.wbi and not endpoint.unsigned
        query = urlencode(signed(service, fields) if signs else fields)
        return send(service, "GET", f"{path}?{query}" if query else path, headers=headers)
    if isinstance(session, SignedIn):
        fields.setdefault("csrf", session.bili_jct)
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return send(service, "POST", path, body=urlencode(fields), headers=headers)


def read(
    service: RunningService,
    endpoint: Endpoint,
    session: SignedIn | None = None,
    /,
    **fields: object,
) -> Any:
    """Call an endpoint, check that it succeeds, and return its data as the contract's type."""
    response = ask(service, endpoint, session, **fields)
    assert response.status == 200
    assert response.code == 0, response.raw
    return msgspec.convert(response.body["data"], endpoint.data)


def succeed(
    service: RunningService, endpoint: Endpoint, session: SignedIn, **fields: object
) -> None:
    """Call an endpoint and check that it succeeds without data."""
    response = ask(service, endpoint, session, **fields)
    assert response.body == {"code": 0, "message": "0", "ttl": 1}, response.raw


def value_at(data: Any, path: str) -> Any:
    """Return the value at a dotted path, or _MISSING; the index -1 is the last of an array."""
    for name in filter(None, path.split(".")):
        if isinstance(data, list):
            data = data[int(name)] if data else _MISSING
        else:
            data = data.get(name, _MISSING) if isinstance(data, dict) else _MISSING
    return data


def walk(
    service: RunningService,
    endpoint: Endpoint,
    session: SignedIn | None = None,
    /,
    **fields: object,
) -> list[Any]:
    """Return the key of every item of a paged list, page by page."""
    return [key for page in pages(service, endpoint, session, **fields) for key in page]


def pages(
    service: RunningService,
    endpoint: Endpoint,
    session: SignedIn | None = None,
    /,
    **fields: object,
) -> Iterator[list[Any]]:
    """Yield the keys of the items of each page; ``endpoint.pages`` says which fields they are."""
    pagination = endpoint.pages
    for number in range(1, 1000):
        if endpoint.paging is Paging.NUMBERED:
            fields[pagination.number] = number
        response = ask(service, endpoint, session, **fields)
        assert response.code == 0, response.raw
        data = response.body["data"]
        items = [item for path in pagination.items for item in _items(data, path)]
        if items:
            yield [_key(item, pagination.key) for item in items]
        if not items or (pagination.more and not value_at(data, pagination.more)):
            return
        for name, path in pagination.next.items():
            fields[name] = value_at(data, path)
    raise AssertionError("no end after 999 pages")


def _items(data: Any, path: str) -> list[Any]:
    items = value_at(data, path)
    return [] if items is None or items is _MISSING else items


def _key(item: Any, names: tuple[str, ...]) -> Any:
    if len(names) == 1:
        return value_at(item, names[0])
    values = (value_at(item, name) for name in names)
    return tuple(None if value is _MISSING else value for value in values)
