"""The bytes of an answer: envelopes, and list pages spliced from stored tails."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from uuid import uuid4

import msgspec

from guanxi.contract.endpoint import Envelope
from guanxi.contract.structs import ContractInfo
from guanxi.graph.lists import Position, encode_cursor
from guanxi.graph.pair import SPECIAL, mtimes_of
from guanxi.stores.port import Row, Rows

encode = msgspec.json.Encoder().encode

#: An item of nearly every list: in no group that is told, without contract. Then where in it each
#: number, what is told of the edge besides, and the tail go.
_ITEM = (
    b',{"mid":', b"", b',"attribute":', b"", b',"mtime":', b"",
    b',"tag":null,"special":0,"contract_info":{}', b"",
)  # fmt: skip
_MID, _ATTRIBUTE, _MTIME, _EDGE, _TAIL = 1, 3, 5, 6, 7
_TOLD_EDGE = b',"tag":%b,"special":%d,"contract_info":%b'
_DONE = b'{"code":0,"message":"0","ttl":1}'
_BARE = b'{"code":0}'


def success(envelope: Envelope, data: bytes) -> bytes:
    """The body of an answer with code 0; ``data`` is empty where an endpoint has none."""
    if envelope is Envelope.STANDARD:
        return b'{"code":0,"message":"0","ttl":1,"data":%b}' % data if data else _DONE
    if envelope is Envelope.GAME:
        return b'{"code":0,"data":%b,%b}' % (data, _game_end())
    if envelope is Envelope.MSG:
        return b'{"code":0,"msg":"success","message":"success","data":%b}' % data
    if envelope is Envelope.STATUS:
        return b'{"code":0,"status":true,"data":%b}' % data
    return _BARE if envelope is Envelope.BARE else data


def failure(envelope: Envelope, code: int, message: str, data: bytes = b"") -> bytes:
    """The body of an answer with another code. An endpoint without envelope fails in the usual."""
    text = encode(message)
    if envelope is Envelope.GAME:
        return b'{"code":%d,"message":%b,%b}' % (code, text, _game_end())
    if envelope is Envelope.MSG:
        return b'{"code":%d,"msg":%b,"message":%b}' % (code, text, text)
    if envelope is Envelope.STATUS:
        return b'{"code":%d,"status":false,"message":%b}' % (code, text)
    if envelope is Envelope.BARE:
        return b'{"code":%d,"message":%b}' % (code, text)
    if data:
        return b'{"code":%d,"message":%b,"ttl":1,"data":%b}' % (code, text, data)
    return b'{"code":%d,"message":%b,"ttl":1}' % (code, text)


def _game_end() -> bytes:
    return b'"ts":%d,"request_id":"%b"' % (time.time_ns() // 1_000_000, uuid4().hex.encode())


def items(
    rows: Rows, attributes: Sequence[int], tails: Mapping[int, bytes], *, groups: bool
) -> list[bytes]:
    """The items of a list, in parts; ``attributes`` are in the order of the rows.

    ``groups`` says whether the owner's tag and special are told.
    """
    if not rows:
        return []
    mids, width = rows.mids, len(_ITEM)
    parts = [*_ITEM] * len(rows)  # filled by columns: a page has hundreds
    parts[_MID::width] = _decimal(mids)
    parts[_ATTRIBUTE::width] = _decimal(attributes)
    parts[_MTIME::width] = _decimal(mtimes_of(rows.sort_keys))
    parts[_TAIL::width] = map(tails.__getitem__, mids)
    for at, row in rows.extras.items():
        if row.groups or row.owner_contract or row.item_contract:
            tag = row.groups if groups else ()
            named = b"[%b]" % b",".join(_decimal(tag)) if tag else b"null"
            parts[at * width + _EDGE] = _TOLD_EDGE % (named, SPECIAL in tag, _contract(row))
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
    """``data`` of a list; ``total`` and ``cursor`` are left out where they are None."""
    end = b',"total":%d' % total if total is not None else b""
    if cursor is not None:
        end += b',"cursor":"%b"' % cursor.encode()
    return b"".join((b'{"list":[', *parts, b'],"re_version":%d%b}' % (version & 0xFFFFFFFF, end)))


def cursor_after(rows: Sequence[Row], more: bool) -> str:
    """Where a walk goes on behind these rows; empty at the end."""
    if not more or not rows:
        return ""
    last = rows[-1]
    return encode_cursor(Position(last.sort_key, last.mid, last.visits))
