"""From a request's fields to values, and what is told about those that are wrong.

``decoder`` makes of a struct a function from decoded pairs to a value; whatever is wrong with a
field raises ``Complaint``, which names it in both languages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Struct

from guanxi.contract.limits import Limits

P = TypeVar("P", bound=Struct)


class InvalidParameter(Exception):
    """A field is wrong. ``field`` names it; the text says what it must be, in both languages."""

    def __init__(self, field: str, zh: str, en: str) -> None:
        super().__init__(f"{field} {zh} ({field}: {en})")
        self.field = field
        self._texts = zh, en

    def about(self, field: str) -> InvalidParameter:
        """The same complaint about a field of another name."""
        return InvalidParameter(field, *self._texts)


def decoder(
    kind: type[P], aliases: Mapping[str, str] = {}, limits: Limits | None = None
) -> Callable[[dict[str, str]], P]:
    """A function from a request's pairs to ``kind``. It raises ``Complaint``; unknown names pass.

    ``aliases`` maps a second name that the documents use to the field it stands for; a complaint
    names the one that was sent. What is over the ``limits`` is refused, where they are given.
    """
    typed = get_type_hints(kind)
    hints = {one.encode_name: typed[one.name] for one in msgspec.structs.fields(kind)}
    lists = [name for name, hint in hints.items() if get_origin(hint) is list]
    choices = [name for name, hint in hints.items() if _is_choice(hint)]
    limited = None if typed.keys().isdisjoint(_LIMITED) else limits
    numbers = [name for name, hint in hints.items() if _is_number(hint)]

    def decoded(pairs: dict[str, str]) -> P:
        values: dict[str, Any] = pairs
        for name in numbers:
            text = pairs.get(name, "")
            if not text.isdigit() and ("." in text or "e" in text or "E" in text):
                raise InvalidParameter(name, *_WHOLE)  # msgspec takes 1.0 and 1e3 for integers
        for name in choices:
            if _HUGE.fullmatch(pairs.get(name, "")):  # msgspec takes these for text
                raise InvalidParameter(name, *_OUT_OF_RANGE)
        for name in lists:
            if name in pairs:
                values = {**values, name: pairs[name].split(",")}
        try:
            value = msgspec.convert(values, kind, strict=False)
        except msgspec.ValidationError as error:
            raise _complaint(str(error)) from None
        complaint = over_limit(value, limited) if limited else None
        if complaint is not None:
            raise complaint
        return value

    def with_aliases(pairs: dict[str, str]) -> P:
        sent = {
            name: other for other, name in aliases.items() if name not in pairs and other in pairs
        }
        try:
            return decoded({**pairs, **{name: pairs[other] for name, other in sent.items()}})
        except InvalidParameter as complaint:
            if complaint.field in sent:
                raise complaint.about(sent[complaint.field]) from None
            raise

    return with_aliases if aliases else decoded


def _is_number(hint: Any) -> bool:
    """Whether a field is a whole number, or several, or one of those that may be left out."""
    return _is_choice(hint) or hint is int or any(_is_number(part) for part in get_args(hint))


def _is_choice(hint: Any) -> bool:
    """Whether it is one of a few numbers."""
    if get_origin(hint) is Literal:
        return isinstance(get_args(hint)[0], int)
    is_enum = isinstance(hint, type) and issubclass(hint, Enum)
    return is_enum and isinstance(next(iter(hint)).value, int)


#: How much of a wrong value a complaint repeats.
_ECHOED = 40
_WHOLE = ("必须是整数", "must be a whole number")
_OUT_OF_RANGE = ("超出范围", "out of range")
_HUGE = re.compile(r"-?[1-9][0-9]{18,}")
_PLACE = r" - at `\$\.?([A-Za-z_]*)(.*)`$"
_REASONS = (
    (r"Object missing required field `(\w+)`", "缺失", "missing"),
    (r"Expected `int` >= (-?\d+)", "不得小于 {}", "at least {}"),
    (r"Expected `int` <= (-?\d+)", "不得大于 {}", "at most {}"),
    (r"Expected `str` of length <= (\d+)", "最长 {} 字符", "at most {} characters"),
    (r"Expected `int`", *_WHOLE),
    (r"Integer value out of range", *_OUT_OF_RANGE),
    (r"Invalid enum value (.*?)(?: - at|$)", "不可为 {}", "cannot be {}"),
)


def _complaint(text: str) -> InvalidParameter:
    place = re.search(_PLACE, text)
    name = place[1] if place else ""
    for pattern, zh, en in _REASONS:
        found = re.match(pattern, text)
        if found and not found.groups():
            return InvalidParameter(name, zh, en)
        if found and pattern is _REASONS[0][0]:
            return InvalidParameter(found[1], zh, en)
        if found:
            told = found[1][:_ECHOED]
            return InvalidParameter(name, zh.format(told), en.format(told))
    return InvalidParameter(name, "无效", "not valid")


#: The fields that limits are about.
_LIMITED = frozenset({"ps", "fids"})


def over_limit(params: Struct, limits: Limits) -> InvalidParameter | None:
    """What in a request is larger than the limits allow; batches count each id once."""
    size = getattr(params, "ps", 1)
    if size > limits.page_size:
        return InvalidParameter("ps", f"不得大于 {limits.page_size}", f"at most {limits.page_size}")
    fids = getattr(params, "fids", ())
    if len(fids) > limits.ids_per_call and len(set(fids)) > limits.ids_per_call:
        most = limits.ids_per_call
        return InvalidParameter("fids", f"一次最多 {most} 个", f"at most {most} ids a call")
    return None


def defaults(kind: type[Struct]) -> dict[str, Any]:
    """The default of each optional parameter as it travels, by wire name."""
    return {
        one.encode_name: one.default.value if isinstance(one.default, Enum) else one.default
        for one in msgspec.structs.fields(kind)
        if one.default is not msgspec.NODEFAULT and one.default is not UNSET
    }


def wire_types(kind: type[Struct]) -> dict[str, Any]:
    """Each parameter's annotated type, by wire name."""
    hints = get_type_hints(kind, include_extras=True)
    return {one.encode_name: hints[one.name] for one in msgspec.structs.fields(kind)}


def is_list(annotation: Any) -> bool:
    """Whether a parameter is comma-joined on the wire."""
    inner = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return get_origin(inner) is list
