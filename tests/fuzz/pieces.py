"""Strategies of bytes that are nearly valid: pieces of a syntax, damaged text, hostile JSON."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

Bytes = st.SearchStrategy[bytes]
Json = st.SearchStrategy[str]

#: Texts that programs obey, cannot encode, or take for something else.
ODD_TEXTS = (
    "",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202eabc\u2066",
    "a\r\nb: c",
    "\0",
    "甲",
    "🙂" * 17,
    "x" * 5_000,
    "'; DROP TABLE x --",
    "{0}%s",
)
_ODD_NUMBERS = (
    *("0", "-0", "-1", "1.0", "1e3", "1e400", "-1e400", "0.1e-400", "NaN", "Infinity", "-Infinity"),
    *("9" * 19, "9" * 20, "-" + "9" * 20, "9" * 400, "9" * 5_000, "9223372036854775807", "1_0"),
)
_ODD_STRINGS = ('"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\u001b]0;x\\u0007"', '"\\x"', '"')


def mixed(*pieces: bytes, most: int = 40) -> Bytes:
    """Return a strategy of pieces in any order, with some other bytes between them."""
    return st.lists(st.sampled_from(pieces) | st.binary(max_size=8), max_size=most).map(b"".join)


@st.composite
def damaged(draw: st.DrawFn, valid: Bytes) -> bytes:
    """Draw a valid input with up to three cuts, insertions or repetitions."""
    raw = draw(valid)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(raw)))
        end = at + draw(st.integers(0, 8))
        raw = raw[:at] + draw(st.binary(max_size=4) | st.just(raw[at:end] * 2)) + raw[end:]
    return raw


@st.composite
def _deep(draw: st.DrawFn) -> str:
    depth = draw(st.sampled_from((10, 200, 500, 900, 950, 1_000, 30_000)))
    start, end = draw(st.sampled_from((("[", "]"), ('{"a":', "}"), ('[{"data":', "}]"))))
    return start * depth + "1" + (end * depth if draw(st.booleans()) else "")


LEAVES: Json = st.one_of(
    st.sampled_from(("null", "true", "false", *_ODD_NUMBERS, *_ODD_STRINGS)),
    st.sampled_from(ODD_TEXTS).map(json.dumps),
    st.integers(-(2**64), 2**64).map(str),
    st.text(max_size=8).map(json.dumps),
)
_NAMES = st.sampled_from(
    ("code", "data", "message", "reason", "result", "OK", "list", "mid", "total", "cursor", "msg")
).map(json.dumps)


def _pairs(inner: Json) -> Json:
    """Return a strategy of objects, in which a name can occur twice."""
    pairs = st.lists(st.tuples(_NAMES | LEAVES, inner), max_size=4)
    return pairs.map(lambda some: "{" + ",".join(f"{name}:{value}" for name, value in some) + "}")


JSON: Json = st.recursive(
    LEAVES | _deep(),
    lambda inner: _pairs(inner) | st.lists(inner, max_size=4).map(lambda s: f"[{','.join(s)}]"),
    max_leaves=6,
)


def json_bytes(text: Json) -> Bytes:
    """Return the bytes of JSON texts: usually UTF-8, else another encoding or with a BOM."""
    encodings = st.sampled_from(("utf-8",) * 6 + ("utf-16", "gb18030", "utf-8-sig", "latin-1"))
    return st.tuples(text, encodings).map(lambda one: one[0].encode(one[1], "replace"))


@st.composite
def fitting(draw: st.DrawFn, kind: Any) -> str:
    """Draw JSON of a type of msgspec in which a value now and then is of another type."""
    return _fitting(draw, inspect.type_info(kind), 0)


def _fitting(draw: st.DrawFn, info: Any, depth: int) -> str:
    if draw(st.integers(0, 19)) == 0:
        return draw(JSON if depth < 2 else LEAVES)
    match info:
        case inspect.StructType():
            fields = []
            for field in info.fields:
                if not field.required and draw(st.integers(0, 2)) == 0:
                    continue
                value = _fitting(draw, field.type, depth + 1)
                fields.append(f"{json.dumps(field.encode_name)}:{value}")
            return "{" + ",".join(fields) + "}"
        case inspect.ListType() | inspect.VarTupleType():
            length = draw(st.integers(0, 2 if depth < 3 else 1))
            return f"[{','.join(_fitting(draw, info.item_type, depth + 1) for _ in range(length))}]"
        case inspect.DictType():
            return f'{{"1":{_fitting(draw, info.value_type, depth + 1)}}}'
        case inspect.UnionType():
            return _fitting(draw, draw(st.sampled_from(info.types)), depth)
        case inspect.LiteralType():
            return json.dumps(draw(st.sampled_from(info.values)))
        case inspect.EnumType():
            return json.dumps(draw(st.sampled_from([one.value for one in info.cls])))
        case inspect.IntType():
            return str(draw(st.integers(0, 2**40)))
        case inspect.BoolType():
            return draw(st.sampled_from(("true", "false")))
        case inspect.NoneType():
            return "null"
        case inspect.FloatType():
            return draw(st.sampled_from(("0", "1.5")))
        case inspect.StrType():
            return json.dumps(draw(st.text(max_size=4) | st.sampled_from(ODD_TEXTS)))
    return draw(LEAVES)  # any, raw, and what has no wire form of its own


def is_json(raw: bytes) -> bool:
    """Return whether bytes are JSON as the SDK and the service read it."""
    try:
        msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
