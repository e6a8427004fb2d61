"""Encode response bodies: envelopes, and list pages built from encoded item tails."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from guanxi.accounts.chance import Chance, system
from guanxi.contract import errors
from guanxi.contract.endpoint import Body, Envelope
from guanxi.contract.structs import ContractInfo
from guanxi.graph.lists import Position, encode_cursor
from guanxi.graph.pair import SPECIAL, mtimes_of
from guanxi.stores.port import Row, Rows

encode = msgspec.json.Encoder().encode

_JSON = (b"content-type", b"application/json; charset=utf-8")
#: The headers for the content of a response, by the form of its body. A JSONP response without a
#: callback is JSON.
CONTENT_TYPE = {
    Body.JSON: (_JSON,),
    Body.JSONP: (_JSON,),
    #: The refresh page only carries a csrf token, so its policy forbids scripts and all resources.
    Body.HTML: (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", b"default-src 'none'"),
    ),
}

#: The parts of a list item, text and the names of columns in turn. "edge" are the fields of groups
#: and contract, "tail" the rest.
_PARTS = re.findall(
    rb"<\w+>|[^<]+", b',{"mid":<mid>,"attribute":<attribute>,"mtime":<mtime><edge><tail>'
)
_MID, _ATTRIBUTE, _MTIME, _EDGE, _TAIL = map(
    _PARTS.index, (b"<mid>", b"<attribute>", b"<mtime>", b"<edge>", b"<tail>")
)
_EDGE_FIELDS = b',"tag":%b,"special":%d,"contract_info":%b'
#: An item without groups or contract; the other columns are filled in for each row.
_ITEM = [*_PARTS]
_ITEM[_EDGE] = _EDGE_FIELDS % (b"null", 0, b"{}")
_EMPTY_SUCCESS = b'{"code":0,"message":"0","ttl":1}'
_BARE_SUCCESS = b'{"code":0}'


def success(
    envelope: Envelope, data: bytes, clock: Callable[[], int], chance: Chance = system
) -> bytes:
    """Return the body of a response with code 0, in the form of the endpoint's envelope.

    ``data`` is encoded JSON. ``STANDARD`` omits it if empty, ``BARE`` always; ``NONE`` returns it
    alone. For the other envelopes it must not be empty. ``clock`` returns nanoseconds since the
    Unix epoch; ``chance`` draws the id that one of the forms has.
    """
    if envelope is Envelope.STANDARD:
        return b'{"code":0,"message":"0","ttl":1,"data":%b}' % data if data else _EMPTY_SUCCESS
    if envelope is Envelope.GAME:
        return b'{"code":0,"data":%b,%b}' % (data, _game_tail(clock, chance))
    if envelope is Envelope.MSG:
        return b'{"code":0,"msg":"success","message":"success","data":%b}' % data
    if envelope is Envelope.STATUS:
        return b'{"code":0,"status":true,"data":%b}' % data
    return _BARE_SUCCESS if envelope is Envelope.BARE else data


def failure(
    envelope: Envelope,
    code: int,
    message: str,
    data: bytes,
    clock: Callable[[], int],
    *,
    chance: Chance = system,
    reason: str = "",
) -> bytes:
    """Return the body of a response whose code is not 0, in the form of the endpoint's envelope.

    Every form includes ``reason``, unless it is empty. ``Envelope.NONE`` uses the standard form.
    Only the standard form includes ``data``, unless it is empty. ``clock`` returns nanoseconds
    since the Unix epoch; ``chance`` draws the id that one of the forms has.
    """
    text = encode(message)
    why = b',"reason":%b' % encode(reason) if reason else b""
    if envelope is Envelope.GAME:
        return b'{"code":%d,"message":%b%b,%b}' % (code, text, why, _game_tail(clock, chance))
    if envelope is Envelope.MSG:
        return b'{"code":%d,"msg":%b,"message":%b%b}' % (code, text, text, why)
    if envelope is Envelope.STATUS:
        return b'{"code":%d,"status":false,"message":%b%b}' % (code, text, why)
    if envelope is Envelope.BARE:
        return b'{"code":%d,"message":%b%b}' % (code, text, why)
    if data:
        return b'{"code":%d,"message":%b%b,"ttl":1,"data":%b}' % (code, text, why, data)
    return b'{"code":%d,"message":%b%b,"ttl":1}' % (code, text, why)


def bad_request(reason: str) -> bytes:
    """Return the body of the response to what is not valid HTTP: -400 with the reason."""
    code = errors.BadRequest.number
    message = errors.CODES[code].wire_message
    return failure(Envelope.STANDARD, code, message, b"", time.time_ns, reason=reason)


def _game_tail(clock: Callable[[], int], chance: Chance) -> bytes:
    request_id = chance("envelope", 16).hex().encode()
    return b'"ts":%d,"request_id":"%b"' % (clock() // 1_000_000, request_id)


def items(
    rows: Rows, attributes: Sequence[int], tails: Mapping[int, bytes], *, groups: bool
) -> list[bytes]:
    """Return the encoded items of a list, with commas between them, as parts to concatenate.

    ``attributes`` has one value for each row, in order. ``tails``, as ``Store.tails`` returns it,
    has the encoded rest of each item by mid; raise KeyError for a row without one. With ``groups``,
    ``tag`` and ``special`` show the owner's groups; otherwise they are null and 0.
    """
    if not rows:
        return []
    mids, width = rows.mids, len(_ITEM)
    parts = [*_ITEM] * len(rows)  # filled by columns: a page has hundreds
    parts[_MID::width] = _decimal(mids)
    parts[_ATTRIBUTE::width] = _decimal(attributes)
    parts[_MTIME::width] = _decimal(mtimes_of(rows.sort_keys))
    parts[_TAIL::width] = map(tails.__getitem__, mids)
    for index, row in rows.extras.items():
        if row.groups or row.owner_contract or row.item_contract:
            tag = row.groups if groups else ()
            groups_json = b"[%b]" % b",".join(_decimal(tag)) if tag else b"null"
            parts[index * width + _EDGE] = _EDGE_FIELDS % (
                groups_json,
                SPECIAL in tag,
                _contract(row),
            )
    parts[0] = parts[0][1:]  # no comma before the first
    return parts


def _decimal(numbers: Sequence[int]) -> list[bytes]:
    return encode(numbers)[1:-1].split(b",")


def _contract(row: Row) -> bytes:
    info = ContractInfo()
    if row.owner_contract is not None:
        info.is_contract = True
    if row.item_contract is not None:
        info.is_contractor = True
        info.ts = row.item_contract.ts
        if row.item_contract.user_attr:
            info.user_attr = row.item_contract.user_attr
    return encode(info)


def page(parts: Sequence[bytes], version: int, total: int | None, cursor: str | None) -> bytes:
    """Return the encoded ``data`` of a list page from ``parts``, the result of ``items``.

    ``total`` and ``cursor`` are omitted if None; ``version`` is cut to its low 32 bits.
    """
    suffix = b',"total":%d' % total if total is not None else b""
    if cursor is not None:
        suffix += b',"cursor":"%b"' % cursor.encode()
    return b"".join(
        (b'{"list":[', *parts, b'],"re_version":%d%b}' % (version & 0xFFFFFFFF, suffix))
    )


def cursor_after(rows: Sequence[Row], more: bool, end: Position | None = None) -> str:
    """Return the cursor of the page after ``rows``, which encodes the position of the last row.

    ``end`` is that position if the list is not in the order of its rows' own sort keys. Return ""
    if there is no position or ``more`` (whether rows follow) is false.
    """
    if not more:
        return ""
    if end is None and rows:
        last = rows[-1]
        end = Position(last.sort_key, last.mid, last.visits)
    return encode_cursor(end) if end is not None else ""
