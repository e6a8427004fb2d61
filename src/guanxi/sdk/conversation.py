"""Conversations with a server: generators that yield the steps which a client has to perform.

| a conversation yields | and receives                                              |
|-----------------------|-----------------------------------------------------------|
| ``Send``              | its ``Response``, or a ``NetworkException`` thrown into it |
| ``Wait``              | None, when the time is over                               |
| ``NeedsMixinKey``     | a wbi mixin key                                           |
| ``NeedsAccessId``     | the access id of an account's space, or None              |
| ``Page``              | None; the client hands the page to its caller             |

The return value of the generator is the result. ``Client`` and ``SyncClient`` drive conversations
(see ``advance``); nothing here sends, waits, or depends on which of them runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

from msgspec import Struct

from guanxi.contract import pages, sign
from guanxi.contract.endpoint import Endpoint, Paging
from guanxi.contract.endpoints import NAV, SPACE_PAGE
from guanxi.contract.errors import (
    AccessDenied,
    AnswerException,
    ArgsException,
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
from guanxi.sdk.requests import Pairs, Params, compose, find, pairs_of, require
from guanxi.sdk.tallied import Tallied, items_of, items_path
from guanxi.sdk.transport import Request, Response

S = TypeVar("S")
T = TypeVar("T")

#: Seconds before each retry of a read whose connection was lost; each is jittered.
BACKOFF = (0.5, 2.0)
_KEY_LENGTH = 32
#: The most digits of a Retry-After that is read: no call waits for years.
_DIGITS = 9
#: The parameters that name the owner of a space.
_OWNER_PARAMS = ("mid", "host_mid")


class Budget:
    """The time of one call, for all its requests, retries and the waits before them.

    Args:
        seconds: what the call may take.
        monotonic: a clock in seconds that never decreases.
        credential: the caller's, whose account the pace belongs to.
    """

    __slots__ = ("_end", "_monotonic", "credential")

    def __init__(
        self, seconds: float, monotonic: Callable[[], float], credential: Credential
    ) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds
        self.credential = credential

    def left(self) -> float:
        """Return how many seconds remain; 0 or less if the time is over."""
        return self._end - self._monotonic()

    def add(self, seconds: float) -> None:
        """Add seconds that do not count: those of the pace, which the caller chose."""
        self._end += seconds


class Send(Struct, frozen=True):
    """A step: send a request within the time of its call."""

    request: Request
    budget: Budget


class Wait(Struct, frozen=True):
    """A step: wait this many seconds. ``credential``: its account's server is busy, if not None."""

    seconds: float
    credential: Credential | None = None


class NeedsMixinKey(Struct, frozen=True):
    """A step: get a wbi mixin key that differs from ``stale`` (None: any key)."""

    stale: str | None
    budget: Budget


class NeedsAccessId(Struct, frozen=True):
    """A step: get the access id in the page of an account's space, None if the page has none."""

    mid: str
    budget: Budget


class Page(Struct, frozen=True):
    """One page of a list, as the server returned it."""

    #: The items in order, including those that an earlier page had: undecoded without a ``kind``.
    items: list[Any]
    #: The response's ``data``, with totals and versions where the endpoint has them.
    data: Any
    #: The position of the next page, plain JSON data to pass as ``start``; None if none follows.
    next: dict[str, Any] | None
    #: Those of ``items`` that no earlier page of the same run had.
    new: list[Any]


class CallResult(Struct, frozen=True):
    """The decoded data of a response, and the cookies that it sets, by name."""

    data: Any
    cookies: dict[str, str]

    def __repr__(self) -> str:
        return "CallResult(***)"


class Done(Struct, frozen=True):
    """The end of a conversation, with its return value."""

    value: Any


Step: TypeAlias = Send | Wait | NeedsMixinKey | NeedsAccessId
Conversation: TypeAlias = Generator[Step, Any, T]
PageRun: TypeAlias = Generator[Step | Page, Any, None]


class Settings(Struct, frozen=True, kw_only=True):
    """The settings of a client that its conversations need."""

    #: The address of the server; None for each endpoint's documented host.
    base: str | None
    #: Whether to request cursors; the documents' hosts do not support them.
    cursors: bool
    #: Seconds to wait after each -799 within one call; its length is the number of retries.
    busy: tuple[float, ...]
    #: How many times a wbi call is signed and sent before it fails.
    wbi_tries: int
    #: Return the time in seconds since the Unix epoch.
    now: Callable[[], float]
    #: Return seconds since an arbitrary start.
    monotonic: Callable[[], float]
    #: Seconds that one call may take (see ``Budget``).
    timeout: float


def advance(conversation: Generator[S, Any, Any], reply: Any = None) -> S | Done:
    """Give a conversation the reply to its last step; return its next step, or ``Done``.

    The reply None starts a conversation; a ``NetworkException`` is thrown into it. ``Done`` holds
    its return value. Exceptions that the conversation raises pass through.
    """
    try:
        if isinstance(reply, NetworkException):
            return conversation.throw(reply)
        return conversation.send(reply)
    except StopIteration as end:
        return Done(end.value)


def call(
    endpoint: Endpoint,
    params: Params | None,
    credential: Credential,
    settings: Settings,
    kind: Any = Any,
    *,
    budget: Budget | None = None,
) -> Conversation[Any]:
    """Make one call and return its data converted to ``kind``.

    Raise ``CredentialException`` or ``ArgsException`` before the request is sent, else
    ``WbiRetryTimesExceedException``, ``ResponseCodeException``, ``NetworkException`` or
    ``AnswerException``, as ``exchange``.
    """
    result = yield from exchange(endpoint, params, credential, settings, kind, budget=budget)
    return result.data


def exchange(
    endpoint: Endpoint,
    params: Params | None,
    credential: Credential,
    settings: Settings,
    kind: Any = Any,
    *,
    budget: Budget | None = None,
) -> Conversation[CallResult]:
    """Make one call: check the credential, add fixed parameters, sign, send, decode.

    A wbi call that gets -403 is signed again with a new mixin key, in all as often as the settings'
    ``wbi_tries`` says. ``budget`` is that of another call which needs this one; None for its own.

    Raise ``CredentialException`` before anything is sent if the credential lacks what the endpoint
    needs, ``ArgsException`` for parameters that cannot be sent,
    ``WbiRetryTimesExceedException`` if every signature is refused, ``ResponseCodeException`` for
    another code than 0, ``NetworkException`` or ``AnswerException``.
    """
    require(endpoint, credential)
    if budget is None:
        budget = Budget(settings.timeout, settings.monotonic, credential)
    pairs = pairs_of(params)
    given = dict(pairs)
    pairs += tuple((name, value) for name, value in endpoint.fixed.items() if name not in given)
    if endpoint.access_id and "w_webid" not in given:
        owner = next((given[name] for name in _OWNER_PARAMS if name in given), None)
        access_id = None if owner is None else (yield NeedsAccessId(owner, budget))
        if access_id is not None:
            pairs += (("w_webid", access_id),)
    if not endpoint.wbi:
        return (yield from _send(endpoint, pairs, credential, settings, kind, budget=budget))
    mixin: str | None = None
    reason = ""
    for _ in range(settings.wbi_tries):
        mixin = yield NeedsMixinKey(mixin, budget)
        try:
            return (
                yield from _send(
                    endpoint, pairs, credential, settings, kind, budget=budget, mixin=mixin
                )
            )
        except AccessDenied as error:
            reason = error.reason
    raise WbiRetryTimesExceedException(reason)


def _send(
    endpoint: Endpoint,
    pairs: Pairs,
    credential: Credential,
    settings: Settings,
    kind: Any,
    *,
    budget: Budget,
    mixin: str | None = None,
) -> Conversation[CallResult]:
    """Send a request and return its decoded data and cookies, with retries.

    A GET is sent again after a lost connection (see ``BACKOFF``), every request after code -799
    (see ``Settings.busy``), not before the seconds of its Retry-After. The last error is raised
    when the retries are used up, or when the wait before the next one is longer than what is left
    of ``budget``; every other ``NetworkException``, ``ResponseCodeException`` or
    ``AnswerException`` at once. Raise ``ArgsException`` if a parameter of the path is missing.
    ``mixin`` None: no wbi signature.
    """
    backoff_waits, busy_waits = iter(BACKOFF), iter(settings.busy)
    jsonp = any(name == "callback" for name, _ in pairs)
    while True:
        wbi = (mixin, int(settings.now())) if mixin else None
        request = compose(endpoint, pairs, credential, settings.base, wbi)
        response: Response | None = None
        try:
            response = yield Send(request, budget)
            data = answers.read(endpoint, response, credential, kind, jsonp=jsonp)
            return CallResult(data, answers.cookies_of(response.cookies))
        except TooManyRequests:  # with HTTP status 429 it is a NetworkException too
            wait = _next_wait(busy_waits, budget, _retry_after(response))
            if wait is None:
                raise
            yield Wait(wait, credential)
        except NetworkException as error:
            retryable = error.status == 0 and not request.writes
            wait = _next_wait(backoff_waits, budget) if retryable else None
            if wait is None:
                raise
            yield Wait(wait)


def _retry_after(response: Response | None) -> float:
    """Return the seconds of a response's Retry-After; 0 without one, and for a date."""
    text = "" if response is None else response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0.0


def _next_wait(waits: Iterator[float], budget: Budget, least: float = 0.0) -> float | None:
    """Return the jittered next of ``waits``; None without one, or if it exceeds the budget.

    It is ``least`` seconds or more.
    """
    wait = next(waits, None)
    wait = None if wait is None else max(jittered(wait), least)
    return wait if wait is not None and wait < budget.left() else None


def nav(
    credential: Credential, settings: Settings, budget: Budget | None = None
) -> Conversation[Nav]:
    """Return who is signed in, and the wbi keys, from the server.

    Signed out (code -101) is not an error: that response has the keys too. Raise
    ``AnswerException`` if the data does not fit, ``NetworkException``, or
    ``ResponseCodeException`` for another code.
    """
    try:
        data = yield from call(NAV, None, credential, settings, budget=budget)
    except NotSignedIn as error:
        data = error.raw.get("data") if isinstance(error.raw, dict) else None
    return answers.typed(data, Nav, NAV)


def mixin_key(settings: Settings, budget: Budget) -> Conversation[str]:
    """Request the wbi keys; return the current wbi mixin key.

    No credential is sent. Raise ``AnswerException`` if the server sends no keys,
    ``NetworkException`` or ``ResponseCodeException``.
    """
    images = (yield from nav(Credential(), settings, budget)).wbi_img
    keys = [sign.key_of_url(url) for url in (images.img_url, images.sub_url)]
    if any(len(key) != _KEY_LENGTH for key in keys):
        raise AnswerException(
            "the response has no wbi keys", path="$.data.wbi_img", endpoint=NAV.name
        )
    return sign.mixin_key(*keys)


def access_id(
    mid: str, settings: Settings, budget: Budget | None = None
) -> Conversation[str | None]:
    """Return the access id in the page of an account's space, None if the page has none.

    No credential is sent. Raise ``InitialStateException`` if the data in the page is not JSON,
    ``NetworkException`` or ``ResponseCodeException``.
    """
    page = yield from call(SPACE_PAGE, {"mid": mid}, Credential(), settings, budget=budget)
    try:
        return pages.access_id_of(page or "")
    except ValueError as error:
        raise InitialStateException(f"{SPACE_PAGE.name}: {error}") from None


def run_pages(
    endpoint: Endpoint,
    params: Mapping[str, Any],
    start: Mapping[str, Any] | None,
    credential: Credential,
    settings: Settings,
    *,
    partial: bool = True,
    kind: Any = Any,
) -> PageRun:
    """Yield the pages of a list, from the first one, or from ``start``, the ``next`` of a page.

    The run goes by cursor if ``settings.cursors`` is set and the server returns one, else by page
    number, or (chained) by values of the last page; a whole list is one page. ``params`` are as in
    ``call``; a page number or cursor in them is ignored. ``kind`` is what each response's data is
    converted to: a TypedDict with the fields of the walk, or plain values.

    Every run ends with code 22007. By cursor it also ends with an empty cursor; otherwise with the
    server's mark that no more follows; by page number also with a page without new items; chained,
    without such a mark, with an empty page. A missing list counts as empty.

    Raise ``ArgsException`` if the endpoint has no pages or ``start`` is no position in its list.
    Raise ``AnswerException`` if a list is not an array, an item has no key, or the position of the
    next page is missing or repeats; other errors (``ResponseCodeException``, ``NetworkException``
    and so on) are as in ``call``. Unless ``partial`` is set, raise ``ListIncomplete`` at the end of
    a run that has met fewer items than the list has (see ``Tallied``).
    """
    if endpoint.paging is None:
        raise ArgsException(f"endpoint: {endpoint.name} has no pages: use call")
    first = first_page_params(endpoint)
    cursors = settings.cursors and "cursor" in endpoint.params.__struct_fields__
    params = {name: value for name, value in params.items() if name not in {"cursor", *first}}
    begin: Mapping[str, Any] = {**first, "cursor": ""} if cursors else first
    if start is not None:
        begin = _start_params(start, endpoint, cursors=cursors)
    tallied = Tallied(endpoint, params, begin, keeps=not partial, resumed=start is not None)
    seen: set[object] = set()
    visited: set[object] = set()
    position: Mapping[str, Any] | None = begin
    while position is not None:
        try:
            data = yield from call(endpoint, {**params, **position}, credential, settings, kind)
        except PageTooDeep:
            tallied.too_deep = True
            break
        items = items_of(data, endpoint)
        new = [item for item in items if not _was_seen(item, seen, endpoint)]
        fresh = tallied.add(data, position, items, new)
        position = _next_params(data, position, endpoint, items, fresh)
        if position is not None:
            _check_progress(position, visited, endpoint)
        following = position and {"endpoint": endpoint.name, "params": dict(position)}
        yield Page(items, data, following, new)
    if not partial:
        yield from _check_complete(tallied, params, credential, settings)


def _check_complete(
    tallied: Tallied, params: Mapping[str, Any], credential: Credential, settings: Settings
) -> Generator[Step, Any, None]:
    """Raise ``ListIncomplete`` if a run that has ended met fewer items than the list has.

    The total of a list without one is requested, unless the run met nothing: then the list may be
    hidden.
    """
    count = tallied.endpoint.pages.count
    if count is not None and tallied.met and tallied.total is None and not tallied.by_cursor:
        endpoint = find(count.endpoint)
        query = {count.param: params[count.of]}
        number = answers.at((yield from call(endpoint, query, credential, settings)), count.path)
        tallied.add_total(number)
    tallied.check()


def first_page_params(endpoint: Endpoint) -> dict[str, Any]:
    """Return the parameters of a list's first page: page 1 if its pages are numbered, else {}."""
    return {endpoint.pages.number: 1} if endpoint.paging is Paging.NUMBERED else {}


def _start_params(start: Any, endpoint: Endpoint, *, cursors: bool) -> Mapping[str, Any]:
    """Return the page's parameters in ``start``; raise ``ArgsException`` if they are another's."""
    match start:
        case {"endpoint": endpoint.name, "params": {"cursor": str(cursor), **rest}}:
            if cursors and cursor and not rest:
                return {"cursor": cursor}
        case {"endpoint": endpoint.name, "params": {endpoint.pages.number: int(number), **rest}}:
            if endpoint.paging is Paging.NUMBERED and number > 0 and not rest:
                return {endpoint.pages.number: number}
        case {"endpoint": endpoint.name, "params": dict() as params}:
            plain = all(isinstance(value, int | str) for value in params.values())
            if params and plain and params.keys() == endpoint.pages.next.keys():
                return params
    raise ArgsException(f"start: must be the `next` of a page of {endpoint.name} on this server")


def _next_params(
    data: Any, params: Mapping[str, Any], endpoint: Endpoint, items: list[Any], fresh: bool
) -> dict[str, Any] | None:
    """Return the parameters of the page after the one in ``data``, None if it is the last.

    ``params`` and ``items`` are this page's; ``fresh`` is whether it has anything new. Raise
    ``AnswerException`` if a parameter is missing in ``data`` or of a wrong type.
    """
    cursor = answers.at(data, "cursor") if "cursor" in params else None
    if cursor == "":
        return None
    if cursor is not None or params.get("cursor"):
        paths = {"cursor": "cursor"}
    elif endpoint.pages.more and not answers.at(data, endpoint.pages.more):
        return None
    elif endpoint.paging is Paging.NUMBERED and fresh:
        return {endpoint.pages.number: params[endpoint.pages.number] + 1}
    elif endpoint.paging is Paging.CHAINED and (items or endpoint.pages.more):
        paths = endpoint.pages.next
    else:
        return None
    found = {name: answers.at(data, path) for name, path in paths.items()}
    for name, value in found.items():
        if not isinstance(value, int | str):
            raise AnswerException(
                "the position of the next page is missing",
                path=f"$.data.{paths[name]}",
                endpoint=endpoint.name,
            )
    return found


def _check_progress(params: Mapping[str, Any], visited: set[object], endpoint: Endpoint) -> None:
    """Add a page's position to ``visited``; raise ``AnswerException`` if it is there already."""
    position = tuple(params.values())
    if position in visited:
        name = next(iter(endpoint.pages.next.values()), "cursor")
        raise AnswerException(f"the {name} repeats", path=f"$.data.{name}", endpoint=endpoint.name)
    visited.add(position)


def _was_seen(item: Any, seen: set[object], endpoint: Endpoint) -> bool:
    """Return whether an item's key (``Pages.key``) is in ``seen``; add the key if it is not.

    Raise ``AnswerException`` if the item has no key, or one of a wrong type.
    """
    names = endpoint.pages.key
    mid = None
    if len(names) == 1:
        mid = item.get(names[0]) if isinstance(item, dict) else getattr(item, names[0], None)
    if isinstance(mid, int):  # nearly every item of every list
        seen_before = (mid,) in seen
        seen.add((mid,))
        return seen_before
    key = tuple(answers.at(item, name) for name in names) if names else (item,)
    invalid = [part for part in key if not isinstance(part, int | str | None)]
    if invalid or all(part is None for part in key):
        label = " and ".join(names) or "id"
        raise AnswerException(
            f"an item has no {label}", path=items_path(endpoint), endpoint=endpoint.name
        )
    if key in seen:
        return True
    seen.add(key)
    return False
