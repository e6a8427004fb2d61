"""Decode responses: return their data, or raise the exception that says what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType, defstruct
from msgspec.json import Decoder

from guanxi.contract.endpoint import Body, Endpoint, Envelope
from guanxi.contract.errors import AnswerException, NetworkException, error_for
from guanxi.contract.undecodable import UNDECODABLE
from guanxi.sdk.credential import Credential
from guanxi.sdk.transport import Response

T = TypeVar("T")


def read(
    endpoint: Endpoint,
    response: Response,
    credential: Credential,
    kind: Any = Any,
    *,
    jsonp: bool = False,
) -> Any:
    """Return the ``data`` (or ``result``) of a response, converted to ``kind``.

    That is the whole body where the endpoint has no envelope or the body has ``OK: 1``, and the
    text of an HTML page. ``jsonp``: a callback's name and parentheses surround the JSON.

    Raise ``ResponseCodeException`` for a code other than 0 (-1 for another ``OK``),
    ``NetworkException`` for an HTTP status other than 200 (one exception for both), and
    ``AnswerException`` for data that does not fit or is missing (unless ``kind`` allows None). The
    errors mask the secrets of ``credential``.
    """
    if response.status == 200 and endpoint.envelope is not Envelope.NONE:
        try:
            data = _ordinary(kind).decode(response.body).data
        except UNDECODABLE:
            data = None
        if data is not None:
            return data
    data = _data(endpoint, response, credential, jsonp=jsonp)
    return data if kind is Any else typed(data, kind, endpoint)


@cache
def _ordinary(kind: Any) -> Decoder[Any]:
    """Return a decoder of usual envelopes: code 0, ``data`` of type ``kind`` and no field ``OK``.

    The decoder raises one of ``UNDECODABLE`` for any other body.
    """
    return Decoder(
        defstruct("Plain", [("code", Literal[0]), ("data", kind), ("OK", UnsetType, UNSET)])
    )


def _data(endpoint: Endpoint, response: Response, credential: Credential, *, jsonp: bool) -> Any:
    """Return the decoded ``data`` of a response, or its ``result`` if ``data`` is missing or null.

    Return None for an empty body and for a response with neither; the text of an HTML page; the
    whole object of an endpoint without an envelope and of a response with ``OK: 1``.

    Raise the ``ResponseCodeException`` of a code other than 0 (of -1 for ``OK`` other than 1),
    ``NetworkException`` for an HTTP status other than 200 (one exception for both), and
    ``AnswerException`` for a body that is not a JSON object or has no code. Secrets that a server
    echoes are masked in the errors.
    """
    if response.status == 200 and not response.body:
        return None
    if response.status == 200 and endpoint.body is Body.HTML:
        return response.body.decode("utf-8", "replace")
    try:
        content = _decode(response.body, jsonp=jsonp)
    except AnswerException as error:
        if response.status == 200:
            raise AnswerException(error.msg, endpoint=endpoint.name) from None
        content = None
    code = content.get("code") if isinstance(content, dict) else None
    if type(code) is int and code != 0:
        content = credential.conceal(content)
        message = str(content.get("message") or content.get("msg") or "")
        reason = str(content.get("reason") or "")
        raise error_for(
            code, message, content, reason=reason, endpoint=endpoint.name, status=response.status
        )
    if response.status != 200:
        raise NetworkException(response.status, f"{endpoint.name}: HTTP {response.status}")
    if not isinstance(content, dict):
        raise AnswerException("the response is not a JSON object", endpoint=endpoint.name)
    has_envelope = endpoint.envelope is not Envelope.NONE
    if has_envelope and "OK" in content:
        if content["OK"] != 1:
            raise error_for(-1, "", credential.conceal(content), endpoint=endpoint.name)
        return content
    if type(code) is not int and (has_envelope or "code" in content):
        raise AnswerException(
            "the response has no integer code", path="$.code", endpoint=endpoint.name
        )
    if not has_envelope:
        return content
    data = content.get("data")
    return content.get("result") if data is None else data


def _decode(body: bytes, *, jsonp: bool) -> Any:
    if jsonp:
        body = body[body.find(b"{") : body.rfind(b"}") + 1]
    try:
        return msgspec.json.decode(body)
    except UNDECODABLE:
        raise AnswerException("the response is not JSON, or is truncated") from None


def at(data: Any, path: str) -> Any:
    """Return the value in decoded JSON at a dotted path, such as ``list.vlist``; None if missing.

    Objects may be dicts or structs, whose fields have the names of the path. The empty path is
    ``data`` itself; the step ``-1`` is the last element of a list.
    """
    for step in path.split(".") if path else ():
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and data and step == "-1":
            data = data[-1]
        elif isinstance(data, Struct):
            data = getattr(data, step, None)
        else:
            return None
    return data


def cookies_of(headers: Iterable[str]) -> dict[str, str]:
    """Return the cookies' values in ``Set-Cookie`` headers, by name; the last of a name counts."""
    cookies: dict[str, str] = {}
    for header in headers:
        name, _, rest = header.partition("=")
        cookies[name.strip()] = rest.partition(";")[0].strip()
    return cookies


def typed(data: Any, kind: type[T], endpoint: Endpoint, path: str = "$.data") -> T:
    """Return decoded data converted to ``kind``, a type of the contract.

    Raise ``AnswerException`` with the path of the first value that does not fit, or if the data is
    nested too deep; ``path`` is the path of ``data`` in the response.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        reason, _, inner = str(error).partition(" - at `$")
        where = path + inner.rstrip("`")
        raise AnswerException(f"{reason} at {where}", path=where, endpoint=endpoint.name) from None
    except RecursionError:
        raise AnswerException(
            "the data is nested too deep", path=path, endpoint=endpoint.name
        ) from None
