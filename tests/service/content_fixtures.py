"""Content put into a service's store, and a client that knows no more than the contract's facts."""

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
    status: int
    #: Names in lower case; a name may be there several times.
    headers: list[tuple[str, str]]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> int:
        code: int = self.body["code"]
        return code

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key == name)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that it sets."""
        given = [value for name, value in self.headers if name == "set-cookie"]
        pairs = [value.partition(";")[0].partition("=") for value in given]
        return {name: value for name, _, value in pairs}


def someone(service: RunningService, card: Card | None = None) -> SignedIn:
    """An account that no other test touches, signed in."""
    mid = next(_mids)
    service.add_accounts(cards={mid: card or Card(name=f"u{mid}", face=f"https://face/{mid}")})
    return service.sign_in(mid)


def put(service: RunningService, owner: int, kind: Kind[T], *documents: T) -> None:
    """Keep documents."""
    entries = [kind.entry(owner, one) for one in documents]
    service.do(lambda store: store.put(entries))


def kept(service: RunningService, owner: int, kind: Kind[T]) -> T | None:
    """The one document of a kind."""
    return service.do(lambda store: store.get(kind, owner))


def secret_of(service: RunningService) -> bytes:
    async def read(store: Store) -> bytes:
        return store.secret

    return service.do(read)


def signed(service: RunningService, fields: Mapping[str, object]) -> list[tuple[str, str]]:
    """Fields with a wbi signature of today."""
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
    """One request over a connection of its own; ``path`` may hold a query."""
    address = urlsplit(service.base_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    try:
        sent = {"User-Agent": "test", **(headers or {})}
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        named = [(name.lower(), value) for name, value in answer.getheaders()]
        return Answer(answer.status, named, answer.read())
    finally:
        connection.close()


def ask(
    service: RunningService,
    endpoint: Endpoint,
    session: SignedIn | str | None = None,
    /,
    **fields: object,
) -> Answer:
    """Call an endpoint as a browser does: cookies, csrf, and a signature where one is wanted.

    A text stands for a Cookie header of one's own making.
    """
    path = endpoint.path
    for name in list(fields):
        if "{" + name + "}" in path:
            path = path.replace("{" + name + "}", str(fields.pop(name)))
    headers = {}
    if session is not None:
        headers["Cookie"] = session if isinstance(session, str) else session.cookie
    if endpoint.method == "GET":
        wanted = endpoint.wbi and not endpoint.unsigned
        query = urlencode(signed(service, fields) if wanted else fields)
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
    """The data of an answer with code 0, as the contract's type of it."""
    answer = ask(service, endpoint, session, **fields)
    assert answer.status == 200
    assert answer.code == 0, answer.raw
    return msgspec.convert(answer.body["data"], endpoint.data)


def done(service: RunningService, endpoint: Endpoint, session: SignedIn, **fields: object) -> None:
    """Call an endpoint that answers no data."""
    answer = ask(service, endpoint, session, **fields)
    assert answer.body == {"code": 0, "message": "0", "ttl": 1}, answer.raw


def place(data: Any, path: str) -> Any:
    """What stands at a dotted path; -1 is the last of an array."""
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
    """Every item of a paged list, page after page, told apart as the contract says."""
    return [key for page in pages(service, endpoint, session, **fields) for key in page]


def pages(
    service: RunningService,
    endpoint: Endpoint,
    session: SignedIn | None = None,
    /,
    **fields: object,
) -> Iterator[list[Any]]:
    """The keys of the items on each page until the list ends."""
    how = endpoint.pages
    for number in range(1, 1000):
        if endpoint.paging is Paging.NUMBERED:
            fields[how.number] = number
        answer = ask(service, endpoint, session, **fields)
        assert answer.code == 0, answer.raw
        data = answer.body["data"]
        found = [item for path in how.items for item in _items(data, path)]
        if found:
            yield [_key(item, how.key) for item in found]
        if not found or (how.more and not place(data, how.more)):
            return
        for name, path in how.next.items():
            fields[name] = place(data, path)
    raise AssertionError("it never ends")


def _items(data: Any, path: str) -> list[Any]:
    found = place(data, path)
    return [] if found is None or found is _MISSING else found


def _key(item: Any, names: tuple[str, ...]) -> Any:
    if len(names) == 1:
        return place(item, names[0])
    values = (place(item, name) for name in names)
    return tuple(None if value is _MISSING else value for value in values)
