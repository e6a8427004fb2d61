"""What is said to a server, and in which order: generators that yield what they want done.

A conversation yields a ``Request`` and is answered with a ``Response``, or with the
``NetworkException`` thrown into it; a ``Wait`` and is answered when it is over; a ``Key`` and is
answered with a wbi mixin key; a ``Page`` and is answered with the access id of a space's page;
``Found`` hands items of a list out. It returns what it comes to. The drivers are ``Client`` and its
sync twin; nothing here waits, sends, or knows which of them runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias, TypeVar

from msgspec import Struct

from guanxi.contract import pages, sign
from guanxi.contract.endpoint import Endpoint, Paging
from guanxi.contract.endpoints import NAV, SPACE_PAGE
from guanxi.contract.errors import (
    AccessDenied,
    AnswerException,
    InitialStateException,
    NetworkException,
    NotSignedIn,
    PageTooDeep,
    TooManyRequests,
    WbiRetryTimesExceedException,
)
from guanxi.contract.structs import Nav
from guanxi.sdk import answers
from guanxi.sdk.credential import Credential
from guanxi.sdk.pace import jittered
from guanxi.sdk.requests import Pairs, Params, compose, pairs_of, require
from guanxi.sdk.transport import Request

S = TypeVar("S")
T = TypeVar("T")

#: Seconds, about, before a read whose connection was lost is sent again.
BACKOFF = (0.5, 2.0)
#: How often a wbi call is signed before it gives up.
WBI_TRIES = 3
_KEY_LENGTH = 32
#: Where a request says whose space it is about.
_WHOSE = ("mid", "host_mid")


class Wait(Struct, frozen=True):
    """So many seconds."""

    seconds: float


class Key(Struct, frozen=True):
    """A mixin key other than ``stale``."""

    stale: str | None


class Page(Struct, frozen=True):
    """The access id in the page of an account's space, None where it has none."""

    mid: str


class Found(Struct, frozen=True):
    """Items of a list, met for the first time."""

    items: list[Any]


class Answered(Struct, frozen=True):
    """The data of an answer, and the cookies that came with it, by name."""

    data: Any
    cookies: dict[str, str]

    def __repr__(self) -> str:
        return "Answered(***)"


class Done(Struct, frozen=True):
    """The end of a conversation."""

    value: Any


Step: TypeAlias = Request | Wait | Key | Page
Conversation: TypeAlias = Generator[Step, Any, T]
Walk: TypeAlias = Generator[Step | Found, Any, None]


class Setting(Struct, frozen=True, kw_only=True):
    """What of a client its conversations rest on."""

    base: str | None
    #: Whether the server may know cursors.
    cursors: bool
    #: Waits (seconds) after -799, for one call.
    busy: tuple[float, ...]
    #: Seconds since the epoch.
    now: Callable[[], float]


def advance(conversation: Generator[S, Any, Any], answer: Any = None) -> S | Done:
    """What a conversation wants after an answer; an exception as the answer is thrown into it."""
    try:
        if isinstance(answer, NetworkException):
            return conversation.throw(answer)
        return conversation.send(answer)
    except StopIteration as end:
        return Done(end.value)


def call(
    endpoint: Endpoint,
    params: Params | None,
    credential: Credential,
    setting: Setting,
    kind: Any = Any,
) -> Conversation[Any]:
    """One call, and the data of its answer, as ``kind``. See ``exchange``."""
    answered = yield from exchange(endpoint, params, credential, setting, kind)
    return answered.data


def exchange(
    endpoint: Endpoint,
    params: Params | None,
    credential: Credential,
    setting: Setting,
    kind: Any = Any,
) -> Conversation[Answered]:
    """One call: check, sign, send; at -403 to a wbi signature, sign again with fresh keys."""
    require(endpoint, credential)
    pairs = pairs_of(params)
    given = dict(pairs)
    pairs += tuple((name, value) for name, value in endpoint.fixed.items() if name not in given)
    if endpoint.access_id and "w_webid" not in given:
        whose = next((given[name] for name in _WHOSE if name in given), None)
        access_id = None if whose is None else (yield Page(whose))
        if access_id is not None:
            pairs += (("w_webid", access_id),)
    if not endpoint.wbi:
        return (yield from _send(endpoint, pairs, credential, setting, kind))
    mixin: str | None = None
    for _ in range(WBI_TRIES):
        mixin = yield Key(mixin)
        try:
            return (yield from _send(endpoint, pairs, credential, setting, kind, mixin=mixin))
        except AccessDenied:
            continue
    raise WbiRetryTimesExceedException


def _send(
    endpoint: Endpoint,
    pairs: Pairs,
    credential: Credential,
    setting: Setting,
    kind: Any,
    *,
    mixin: str | None = None,
) -> Conversation[Answered]:
    """Send until there is an answer, within what may be repeated: reads, and what was refused."""
    losses, refusals = iter(BACKOFF), iter(setting.busy)
    jsonp = any(name == "callback" for name, _ in pairs)
    while True:
        wbi = (mixin, int(setting.now())) if mixin else None
        request = compose(endpoint, pairs, credential, setting.base, wbi)
        try:
            response = yield request
            data = answers.read(endpoint, response, credential, kind, jsonp=jsonp)
            return Answered(data, answers.cookies_of(response.cookies))
        except NetworkException as lost:
            wait = next(losses, None) if lost.status == 0 and not request.writes else None
            if wait is None:
                raise
        except TooManyRequests:
            wait = next(refusals, None)
            if wait is None:
                raise
        yield Wait(jittered(wait))


def nav(credential: Credential, setting: Setting) -> Conversation[Nav]:
    """Who is signed in, and the wbi keys, which the server sends with -101 too."""
    try:
        data = yield from call(NAV, None, credential, setting)
    except NotSignedIn as refused:
        data = refused.raw.get("data") if isinstance(refused.raw, dict) else None
    return answers.typed(data, Nav, NAV)


def mixin_key(setting: Setting) -> Conversation[str]:
    """The mixin key of the day. Asked for by nobody: the keys are the same for every account."""
    images = (yield from nav(Credential(), setting)).wbi_img
    keys = [sign.key_of_url(url) for url in (images.img_url, images.sub_url)]
    if any(len(key) != _KEY_LENGTH for key in keys):
        raise AnswerException("no wbi keys", path="$.data.wbi_img", endpoint=NAV.name)
    return sign.mixin_key(*keys)


def access_id(mid: str, setting: Setting) -> Conversation[str | None]:
    """The access id in the page of an account's space. Asked for by nobody: it is nobody's own."""
    page = yield from call(SPACE_PAGE, {"mid": mid}, Credential(), setting)
    try:
        return pages.access_id_of(page or "")
    except ValueError as wrong:
        raise InitialStateException(f"{SPACE_PAGE.name}: {wrong}") from None


def walk(
    endpoint: Endpoint, params: Mapping[str, Any], credential: Credential, setting: Setting
) -> Walk:
    """Every item of a list, once each: by cursor where the server answers one, else as it pages.

    The documents' hosts know no cursor and are not asked for one. By page it ends with a page that
    brings nothing new, or at 22007; items that move to a later page meanwhile are not met twice.
    What says where the next page begins ends with an empty page, or where it says that it is over.
    """
    seen: set[object] = set()
    been: set[object] = set()
    number = 1
    place: dict[str, Any] = beginning(endpoint)
    if setting.cursors and "cursor" in endpoint.params.__struct_fields__:
        place["cursor"] = ""
    params = {name: value for name, value in params.items() if name not in place}
    while True:
        try:
            data = yield from call(endpoint, {**params, **place}, credential, setting)
        except PageTooDeep:
            return
        items = _items(data, endpoint)
        fresh = [item for item in items if not _met(item, seen, endpoint)]
        if fresh:
            yield Found(fresh)
        more = answers.at(data, endpoint.pages.more) if endpoint.pages.more else True
        cursor = data.get("cursor") if _by_cursor(data, place) else None
        if cursor is not None:
            if cursor == "":
                return
            place = {"cursor": cursor}
        elif not more:
            return
        elif endpoint.paging is Paging.NUMBERED and fresh:
            number += 1
            place = {endpoint.pages.number: number}
        elif endpoint.paging is Paging.CHAINED and (items or endpoint.pages.more):
            place = _next(data, endpoint)
        else:
            return
        _go_on(place, been, endpoint)


def beginning(endpoint: Endpoint) -> dict[str, Any]:
    """What asks for the first page, where pages are counted."""
    return {endpoint.pages.number: 1} if endpoint.paging is Paging.NUMBERED else {}


def _by_cursor(data: Any, place: Mapping[str, Any]) -> bool:
    """Whether an answer is one to a cursor."""
    return "cursor" in place and isinstance(data, dict)


def _next(data: Any, endpoint: Endpoint) -> dict[str, Any]:
    """Where an answer says that the next page begins."""
    found = {name: answers.at(data, at) for name, at in endpoint.pages.next.items()}
    for name, value in found.items():
        if not isinstance(value, int | str):
            where = f"$.data.{endpoint.pages.next[name]}"
            raise AnswerException("nowhere to go on from", path=where, endpoint=endpoint.name)
    return found


def _go_on(place: Mapping[str, Any], been: set[object], endpoint: Endpoint) -> None:
    """Note that a place was gone to; ``AnswerException`` where the way leads in a circle."""
    here = tuple(place.values())
    if here in been:
        where = next(iter(endpoint.pages.next.values()), "cursor")
        raise AnswerException(
            f"the {where} repeats", path=f"$.data.{where}", endpoint=endpoint.name
        )
    been.add(here)


def item_place(endpoint: Endpoint) -> str:
    """Where the items of an answer stand, for messages."""
    return ".".join(part for part in ("$.data", endpoint.pages.items[0]) if part) + "[...]"


def _items(data: Any, endpoint: Endpoint) -> list[Any]:
    """The items of a page, of all its arrays; an array that is not there is empty."""
    found: list[Any] = []
    for place in endpoint.pages.items:
        # An answer by cursor has in its list what is an array by itself otherwise.
        items = answers.at(data, place or ("list" if isinstance(data, dict) else ""))
        if items is None and isinstance(data, dict):
            continue
        if not isinstance(items, list):
            raise AnswerException("not a list", path="$.data", endpoint=endpoint.name)
        found += items
    return found


def _met(item: Any, seen: set[object], endpoint: Endpoint) -> bool:
    """Whether an item was met before; it counts as met from now on."""
    keys = endpoint.pages.key
    told = tuple(answers.at(item, key) for key in keys) if keys else (item,)
    wrong = [one for one in told if not isinstance(one, int | str | None)]
    if wrong or all(one is None for one in told):
        name = " and ".join(keys) or "id"
        raise AnswerException(
            f"an item has no {name}", path=item_place(endpoint), endpoint=endpoint.name
        )
    if told in seen:
        return True
    seen.add(told)
    return False
