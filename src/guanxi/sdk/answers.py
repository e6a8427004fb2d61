"""From an answer to its data, or to the exception that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType, defstruct
from msgspec.json import Decoder

from guanxi.contract.endpoint import Body, Endpoint, Envelope
from guanxi.contract.errors import AnswerException, NetworkException, error_for
from guanxi.sdk.credential import Credential
from guanxi.sdk.transport import Response

T = TypeVar("T")

#: What becomes of a body that is not what it should be.
_WRONG = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read(
    endpoint: Endpoint,
    response: Response,
    credential: Credential,
    kind: Any = Any,
    *,
    jsonp: bool = False,
) -> Any:
    """The ``data`` of an answer, as ``kind``; see ``_data`` and ``typed`` for what they raise.

    What is plain is decoded in one go; what is not is looked at closely.
    """
    if response.status == 200 and endpoint.envelope is not Envelope.NONE:
        try:
            data = _plain(kind).decode(response.body).data
        except _WRONG:
            data = None
        if data is not None:
            return data
    data = _data(endpoint, response, credential, jsonp=jsonp)
    return data if kind is Any else typed(data, kind, endpoint)


@cache
def _plain(kind: Any) -> Decoder[Any]:
    """Of what nearly every answer is, with ``data`` of a kind."""
    return Decoder(
        defstruct("Plain", [("code", Literal[0]), ("data", kind), ("OK", UnsetType, UNSET)])
    )


def _data(endpoint: Endpoint, response: Response, credential: Credential, *, jsonp: bool) -> Any:
    """The ``data`` of an answer, as decoded: ``result`` where that is sent instead, else None.

    Of a page its text; of an answer that says ``OK: 1`` all of it.

    Raises the named exception of a code other than 0; ``NetworkException`` for an HTTP status other
    than 200 without such a code; ``AnswerException`` for what is no answer of the contract. Secrets
    that a server echoes are hidden in all of them. ``jsonp``: a callback stands around the JSON.
    """
    if response.status == 200 and not response.body:
        return None
    if response.status == 200 and endpoint.body is Body.HTML:
        return response.body.decode("utf-8", "replace")
    try:
        answer = _decode(response.body, jsonp=jsonp)
    except AnswerException as wrong:
        if response.status == 200:
            raise AnswerException(wrong.msg, endpoint=endpoint.name) from None
        answer = None
    code = answer.get("code") if isinstance(answer, dict) else None
    if type(code) is int and code != 0:
        answer = credential.conceal(answer)
        message = str(answer.get("message") or answer.get("msg") or "")
        raise error_for(code, message, answer, endpoint=endpoint.name)
    if response.status != 200:
        raise NetworkException(response.status, f"{endpoint.name}: HTTP {response.status}")
    if not isinstance(answer, dict):
        raise AnswerException("the answer is not an object", endpoint=endpoint.name)
    if endpoint.envelope is Envelope.NONE:
        return answer
    if "OK" in answer:
        if answer["OK"] != 1:
            raise error_for(-1, "", credential.conceal(answer), endpoint=endpoint.name)
        return answer
    if type(code) is not int:
        raise AnswerException("the answer has no code", path="$.code", endpoint=endpoint.name)
    data = answer.get("data")
    return answer.get("result") if data is None else data


def _decode(body: bytes, *, jsonp: bool) -> Any:
    if jsonp:
        body = body[body.find(b"{") : body.rfind(b"}") + 1]
    try:
        return msgspec.json.decode(body)
    except _WRONG:
        raise AnswerException("the answer is not JSON, or is cut short") from None


def at(data: Any, place: str) -> Any:
    """What stands at a place of the contract's ``Pages``; None where there is no such place."""
    for step in place.split(".") if place else ():
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and data and step == "-1":
            data = data[-1]
        else:
            return None
    return data


def cookies_of(values: Iterable[str]) -> dict[str, str]:
    """The cookies that Set-Cookie headers set, by name."""
    found: dict[str, str] = {}
    for value in values:
        name, _, rest = value.partition("=")
        found[name.strip()] = rest.partition(";")[0].strip()
    return found


def typed(data: Any, kind: type[T], endpoint: Endpoint, path: str = "$.data") -> T:
    """Data as a struct of the contract; ``AnswerException`` names the place that does not fit."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as wrong:
        what, _, place = str(wrong).partition(" - at `$")
        where = path + place.rstrip("`")
        raise AnswerException(f"{what} at {where}", path=where, endpoint=endpoint.name) from None
