"""The responses of faults: envelopes, pages of proxies, and bodies of a wrong form."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from guanxi.contract import errors
from guanxi.contract.endpoint import Body, Endpoint, Envelope, Paging
from guanxi.contract.params import defaults
from guanxi.emulator.faults import Fault
from guanxi.service.answers import failure
from guanxi.service.handling import Service

Headers = list[tuple[bytes, bytes]]

_JSON: Headers = [(b"content-type", b"application/json; charset=utf-8")]
_HTML: Headers = [(b"content-type", b"text/html; charset=utf-8")]
#: The HTTP statuses that the service gives with codes, where not 200.
_STATUS_OF_CODE = {
    errors.ServiceUnavailable.number: 503,
    errors.DeadlineExceeded.number: 504,
}
_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>guanxi emulator</center>\r\n</body>\r\n</html>\r\n"
)


def refused(
    fault: Fault, code: int, endpoint: Endpoint | None, service: Service
) -> tuple[int, Headers, bytes]:
    """Return status, headers and body of a response with ``code``, in the endpoint's envelope."""
    envelope = Envelope.STANDARD if endpoint is None else endpoint.envelope
    body = failure(
        envelope,
        code,
        fault.message or _message(endpoint, code),
        b"",
        service.clock,
        chance=service.chance,
        reason=_reason(fault),
    )
    # A browser that loads a page checks the status, so the service has no refusal with 200 there.
    usual = 404 if endpoint is not None and endpoint.body is Body.HTML else 200
    status = fault.status or _STATUS_OF_CODE.get(code, usual)
    return status, _JSON + _retry_after(fault), body


def page(fault: Fault) -> tuple[int, Headers, bytes]:
    """Return status, headers and body of a page of HTML, as a proxy sends it."""
    status = fault.status or 0  # it has one
    try:
        title = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        title = str(status)
    return status, _HTML + _retry_after(fault), _PAGE.format(title).encode()


def html() -> tuple[Headers, bytes]:
    """Return headers and body of a page of HTML with status 200, as a captive portal sends it."""
    return _HTML, _PAGE.format("200 OK").encode()


def wrong_type(body: bytes) -> bytes:
    """Return a JSON body in which ``data`` has another type, or the code if there is no data.

    A body that is not a JSON object becomes the text ``wrong-type``.
    """
    try:
        decoded: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        decoded = None
    if not isinstance(decoded, dict):
        return msgspec.json.encode("wrong-type")
    name = "data" if "data" in decoded else "code"
    decoded[name] = "wrong-type"
    return msgspec.json.encode(decoded)


def with_reason(body: bytes, more: str) -> bytes:
    """Return the body of a refusal with ``more`` at the end of its reason."""
    decoded = msgspec.json.decode(body)
    decoded["reason"] = decoded.get("reason", "") + more
    return msgspec.json.encode(decoded)


def is_second_half(endpoint: Endpoint | None, params: Mapping[str, str], body: bytes) -> bool:
    """Return whether a response is a page of the second half of a list.

    Where the list does not show its total, that is every page but the first.
    """
    if endpoint is None or endpoint.paging in (None, Paging.WHOLE):
        return False
    pages = endpoint.pages
    later = any(params.get(name, "0") not in ("", "0") for name in pages.next)
    if later or params.get("cursor"):
        return True
    number = _number(params.get(pages.number), 1)
    if number <= 1:
        return False
    total = _at(body, pages.total) if pages.total else None
    if not isinstance(total, int):
        return True
    size = _number(params.get(pages.size), defaults(endpoint.params).get(pages.size) or 50)
    return (number - 1) * size >= total / 2


def _message(endpoint: Endpoint | None, code: int) -> str:
    if code not in errors.CODES:
        return str(code)
    return errors.CODES[code].wire_message if endpoint is None else endpoint.message(code)


def _reason(fault: Fault) -> str:
    return f"a fault of the emulator: {fault}"


def _retry_after(fault: Fault) -> Headers:
    if fault.retry_after is None:
        return []
    return [(b"retry-after", b"%d" % fault.retry_after)]


def _at(body: bytes, path: str) -> Any:
    try:
        value: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    for name in ("data", *path.split(".")):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _number(text: str | None, default: Any) -> int:
    return int(text) if text and text.isdecimal() else int(default)
