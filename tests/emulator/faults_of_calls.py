"""The faults under which the SDK is tested, and the search for secrets in all that it printed."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, NamedTuple

import pytest

from guanxi import (
    AnswerException,
    Client,
    Clock,
    NetworkException,
    RequestBanned,
    RequestIntercepted,
    ServiceUnavailable,
    SyncClient,
    SyncClock,
    TooManyRequests,
)

Use = Callable[[Any], Any]


class Fault(NamedTuple):
    """A fault, what ends a call then, and whether the response has a body to be decoded."""

    fields: dict[str, Any]
    ends: tuple[type[Exception], ...]
    decoded: bool = False
    #: Whether the SDK repeats a write too: the server has said that it was not done.
    repeats: bool = False


FAULTS = {
    "code": Fault({"code": -352}, (RequestIntercepted,)),
    "banned": Fault({"code": -412, "status": 412}, (RequestBanned,)),
    "busy": Fault({"code": -503}, (ServiceUnavailable,)),
    "rate": Fault({"code": -799}, (TooManyRequests,), repeats=True),
    "412": Fault({"status": 412}, (NetworkException,)),
    "429": Fault({"status": 429, "retry_after": 1}, (NetworkException,)),
    "502": Fault({"status": 502}, (NetworkException,)),
    "before": Fault({"drop": "before"}, (NetworkException,)),
    "while": Fault({"drop": "while"}, (NetworkException,)),
    "after": Fault({"drop": "after"}, (NetworkException,)),
    "truncated": Fault({"body": "truncated"}, (NetworkException,)),
    "html": Fault({"body": "html"}, (AnswerException,), decoded=True),
    "empty": Fault({"body": "empty"}, (AnswerException,), decoded=True),
    "wrong-type": Fault({"body": "wrong-type"}, (AnswerException,), decoded=True),
}
#: Those of the short form: one of each kind.
SHORT = ("code", "502", "while", "wrong-type")
NAMES = [name if name in SHORT else pytest.param(name, marks=pytest.mark.long) for name in FAULTS]


class NoWait(SyncClock):
    """Does not wait between the attempts of a read, or the polls of a sign-in."""

    def sleep(self, seconds: float) -> None:
        pass


class NoAsyncWait(Clock):
    async def sleep(self, seconds: float) -> None:
        pass


def every(uses: Iterable[Use], kind: str, settings: dict[str, Any], most: int = 9) -> list[Any]:
    """Return what each use of one client returned or raised.

    Of an iterator that is its first items, and then the error that ended it, if any. ``kind`` is
    ``sync`` or ``async``.
    """
    if kind == "sync":
        with SyncClient(clock=NoWait(), **settings) as client:
            return [_ended(client, use, most) for use in uses]

    async def in_turn() -> list[Any]:
        async with Client(clock=NoAsyncWait(), **settings) as client:
            return [await _ended_async(client, use, most) for use in uses]

    return asyncio.run(in_turn())


def _ended(client: SyncClient, use: Use, most: int) -> Any:
    items: list[Any] = []
    try:
        result = use(client)
        if not inspect.isgenerator(result):
            return result
        for item in islice(result, most):
            items.append(item)
    except Exception as error:
        return [*items, error] if items else error
    return items


async def _ended_async(client: Client, use: Use, most: int) -> Any:
    items: list[Any] = []
    try:
        result = use(client)
        if inspect.isawaitable(result):
            return await result
        if not inspect.isasyncgen(result):
            return result
        async for item in result:
            items.append(item)
            if len(items) == most:
                break
    except Exception as error:
        return [*items, error] if items else error
    return items


def errors_in(outcomes: Iterable[Any]) -> list[Exception]:
    last = (one[-1] if isinstance(one, list) and one else one for one in outcomes)
    return [one for one in last if isinstance(one, Exception)]


def no_secret(secrets: Iterable[str | None], outcomes: Iterable[Any], *printed: str) -> None:
    """Assert that no secret is in what was printed, nor in any text of the errors."""
    texts = [*printed]
    for error in errors_in(outcomes):
        texts += [*traceback.format_exception(error), repr(error), str(error), repr(vars(error))]
    everything = "\n".join(texts)
    for secret in secrets:
        assert secret
        at = everything.find(secret)
        assert at < 0, everything[max(0, at - 300) : at + 100]
