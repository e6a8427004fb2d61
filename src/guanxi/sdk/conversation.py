"""What is said to a server, and in which order: generators that yield what they want done.

A conversation yields a ``Request`` and is answered with a ``Response``, or with the
``NetworkException`` thrown into it; a ``Wait`` and is answered when it is over; a ``Key`` and is
answered with a wbi mixin key; ``Found`` hands items of a list out. It returns what it comes to. The
drivers are ``Client`` and its sync twin; nothing here waits, sends, or knows which of them runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias, TypeVar

from msgspec import Struct

from guanxi.contract import sign
from guanxi.contract.endpoint import Endpoint, Paging
from guanxi.contract.endpoints import NAV
from guanxi.contract.errors import (
    AccessDenied,
    AnswerException,
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


class Wait(Struct, frozen=True):
    """So many seconds."""

    seconds: float


class Key(Struct, frozen=True):
    """A mixin key other than ``stale``."""

    stale: str | None


class Found(Struct, frozen=True):
    """Items of a list, met for the first time."""

    items: list[Any]


class Done(Struct, frozen=True):
    """The end of a conversation."""

    value: Any


Step: TypeAlias = Request | Wait | Key
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
    endpoint: Endpoint, params: Params | None, credential: Credential, setting: Setting
) -> Conversation[Any]:
    """One call: check, sign, send; at -403 to a wbi signature, sign again with fresh keys."""
    require(endpoint, credential)
    pairs = pairs_of(params)
    if not endpoint.wbi:
        return (yield from _send(endpoint, pairs, credential, setting))
    mixin: str | None = None
    for _ in range(WBI_TRIES):
        mixin = yield Key(mixin)
        try:
            return (yield from _send(endpoint, pairs, credential, setting, mixin))
        except AccessDenied:
            continue
    raise WbiRetryTimesExceedException


def _send(
    endpoint: Endpoint,
    pairs: Pairs,
    credential: Credential,
    setting: Setting,
    mixin: str | None = None,
) -> Conversation[Any]:
    """Send until there is an answer, within what may be repeated: reads, and what was refused."""
    losses, refusals = iter(BACKOFF), iter(setting.busy)
    jsonp = any(name == "callback" for name, _ in pairs)
    while True:
        wbi = (mixin, int(setting.now())) if mixin else None
        request = compose(endpoint, pairs, credential, setting.base, wbi)
        try:
            response = yield request
            return answers.read(endpoint, response, credential, jsonp=jsonp)
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


def walk(
    endpoint: Endpoint, params: Mapping[str, Any], credential: Credential, setting: Setting
) -> Walk:
    """Every item of a list, once each: by cursor where the server answers one, else by page.

    The documents' hosts know no cursor and are not asked for one. By page it ends with a page that
    brings nothing new, or at 22007; items that move to a later page meanwhile are not met twice.
    """
    seen: set[object] = set()
    cursors = {""}
    number = 1
    place: dict[str, Any] = {"pn": number} if endpoint.paging is Paging.NUMBERED else {}
    if setting.cursors:
        place["cursor"] = ""
    while True:
        try:
            data = yield from call(endpoint, {**params, **place}, credential, setting)
        except PageTooDeep:
            return
        fresh = [item for item in _items(data, endpoint) if not _met(item, seen, endpoint)]
        if fresh:
            yield Found(fresh)
        cursor = data.get("cursor") if isinstance(data, dict) else None
        if cursor is not None:
            if cursor == "":
                return
            if cursor in cursors:
                raise AnswerException(
                    "the cursor repeats", path="$.data.cursor", endpoint=endpoint.name
                )
            cursors.add(cursor)
            place = {"cursor": cursor}
        elif fresh and endpoint.paging is Paging.NUMBERED:
            number += 1
            place = {"pn": number}
        else:
            return


def _items(data: Any, endpoint: Endpoint) -> list[Any]:
    items = data.get("list") if isinstance(data, dict) else data
    if items is None and isinstance(data, dict):
        return []
    if not isinstance(items, list):
        raise AnswerException("not a list", path="$.data", endpoint=endpoint.name)
    return items


def _met(item: Any, seen: set[object], endpoint: Endpoint) -> bool:
    """Whether an item was met before; it counts as met from now on."""
    mid = item.get("mid") if isinstance(item, dict) else item
    if not isinstance(mid, int | str):
        raise AnswerException("an item has no mid", path="$.data.list[...]", endpoint=endpoint.name)
    if mid in seen:
        return True
    seen.add(mid)
    return False
