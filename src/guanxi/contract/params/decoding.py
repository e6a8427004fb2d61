"""Decode the fields of a request into a struct, and name the field that is invalid.

``decoder`` returns the function for a struct. It raises ``InvalidParameter`` for the first invalid
field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Meta, Struct

from guanxi.contract.limits import Limits
from guanxi.contract.params.fields import ID, LARGEST

P = TypeVar("P", bound=Struct)


class InvalidParameter(Exception):
    """A parameter is missing or invalid; ``field`` is its wire name, ``problem`` what is wrong.

    ``str()`` is ``field: problem``, the reason of a response. ``mistyped`` is whether the parameter
    is missing or of a wrong type, not just of a wrong value.
    """

    def __init__(self, field: str, problem: str, *, mistyped: bool = False) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
        self.mistyped = mistyped

    def about(self, field: str) -> InvalidParameter:
        """Return a new error: the same problem with another field."""
        return InvalidParameter(field, self.problem, mistyped=self.mistyped)


def decoder(
    kind: type[P], aliases: Mapping[str, str] = {}, limits: Limits | None = None
) -> Callable[[dict[str, str]], P]:
    """Return a function that decodes a request's fields (text by wire name) into ``kind``.

    The function raises ``InvalidParameter`` for the first missing or invalid field, and ignores
    unknown ones. ``aliases`` maps an alias to its field, which wins if both are sent; an error
    names the one that was sent. ``limits``, if given, bound ``ps`` and the number of ``fids``.
    """
    typed = get_type_hints(kind)
    hints = {one.encode_name: typed[one.name] for one in msgspec.structs.fields(kind)}
    lists = [name for name, hint in hints.items() if get_origin(hint) is list]
    limited = None if typed.keys().isdisjoint(_LIMITED) else limits
    numbers = [name for name, hint in hints.items() if _is_number(hint)]
    longest = {
        name: bounds.max_length
        for name in lists
        for bounds in get_args(wire_types(kind)[name])
        if isinstance(bounds, Meta) and bounds.max_length is not None
    }

    def decoded(pairs: dict[str, str]) -> P:
        values: dict[str, Any] = pairs
        for name, most in longest.items():  # first: anybody may send 60 KB of commas
            if pairs.get(name, "").count(",") >= most:
                raise InvalidParameter(name, f"at most {most} values")
        for name in numbers:
            text = pairs.get(name, "")
            if not text.isdigit() and ("." in text or "e" in text or "E" in text):
                # msgspec accepts 1.0 and 1e3 as integers
                is_listed = name in lists
                numerals = text.split(",") if is_listed else [text]
                wrong = next(one for one in numerals if not _INTEGER.fullmatch(one))
                raise InvalidParameter(name, _not_whole(wrong, is_listed=is_listed))
        for name in lists:
            if name in pairs:
                values = {**values, name: pairs[name].split(",")}
        try:
            value = msgspec.convert(values, kind, strict=False)
        except msgspec.ValidationError:
            raise invalid_parameter(values, kind, strict=False) from None
        invalid = over_limit(value, limited) if limited else None
        if invalid is not None:
            raise invalid
        return value

    def decoded_with_aliases(pairs: dict[str, str]) -> P:
        sent = {
            name: other for other, name in aliases.items() if name not in pairs and other in pairs
        }
        try:
            return decoded({**pairs, **{name: pairs[other] for name, other in sent.items()}})
        except InvalidParameter as invalid:
            if invalid.field in sent:
                raise invalid.about(sent[invalid.field]) from None
            raise

    return decoded_with_aliases if aliases else decoded


def _is_number(hint: Any) -> bool:
    """Return whether a type is an integer, a list of integers, or an optional one of these."""
    return _is_choice(hint) or hint is int or any(_is_number(part) for part in get_args(hint))


def _is_choice(hint: Any) -> bool:
    """Return whether a type is an enum or ``Literal`` of integers."""
    if get_origin(hint) is Literal:
        return isinstance(get_args(hint)[0], int)
    is_enum = isinstance(hint, type) and issubclass(hint, Enum)
    return is_enum and isinstance(next(iter(hint)).value, int)


#: The number of characters of an invalid value that an error repeats.
_ECHOED = 40
_WHOLE = "must be a whole number"
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")


def invalid_parameter(
    values: Mapping[str, Any], kind: type[Struct], *, strict: bool = True
) -> InvalidParameter:
    """Return the error for values that msgspec refused to convert to ``kind``: the first invalid.

    ``values`` are by wire name; ``strict`` is that of ``msgspec.convert``. The reason is found from
    the struct's declaration alone: the text of msgspec's error is not made to be parsed.
    """
    hints = wire_types(kind)
    for name, value in values.items():
        if name in hints and not _fits(value, hints[name], strict=strict):
            return _unfit(name, value, hints[name], strict=strict)
    missing = next(name for name in hints if name not in values)  # required ones are declared first
    return InvalidParameter(missing, "missing", mistyped=True)


def echoed(value: str) -> str:
    """Return what a reason repeats of a sent value: at most 40 characters, in quotes.

    Return "" for an empty value, and for one with other characters than printable ASCII ones. The
    value must not be one that may be a secret.
    """
    if not value or not value.isascii() or not value.isprintable():
        return ""
    return f"'{value[:_ECHOED]}'{'...' if len(value) > _ECHOED else ''}"


def _not_whole(text: str, *, is_listed: bool) -> str:
    """Return the problem of a text that is not a whole number; it may be an item of a list."""
    shown = echoed(text)
    problem = f"{shown} is not a whole number" if shown else _WHOLE
    return f"{problem}; send ids with commas between" if is_listed else problem


def _fits(value: Any, hint: Any, *, strict: bool) -> bool:
    try:
        msgspec.convert(value, hint, strict=strict)
    except msgspec.ValidationError:
        return False
    return True


def _unfit(
    name: str, value: Any, hint: Any, *, strict: bool, is_listed: bool = False
) -> InvalidParameter:
    """Return the error for a value that does not fit the type of its field.

    ``is_listed`` is whether it is an item of a list.
    """
    if get_origin(hint) is Union:  # with UnsetType
        hint = get_args(hint)[0]
    base, bounds = get_args(hint) if get_origin(hint) is Annotated else (hint, Meta())
    is_array, shown = get_origin(base) is list, value
    if _is_number(base) and not is_array:
        if not (type(value) is int if strict else _INTEGER.fullmatch(value)):
            problem = _WHOLE if strict else _not_whole(value, is_listed=is_listed)
            return InvalidParameter(name, problem, mistyped=True)
        shown = int(str(value)[:_ECHOED])  # cut, it is still far out of every range
        if bounds.ge is not None and shown < bounds.ge:
            return InvalidParameter(name, f"at least {bounds.ge}")
        if bounds.le is not None and shown > bounds.le:
            return InvalidParameter(name, f"at most {bounds.le}")
        if not _is_choice(base) or abs(shown) > LARGEST:
            return InvalidParameter(name, "out of range")
    elif not isinstance(value, list if is_array else str):
        kind = type(value).__name__
        return InvalidParameter(name, f"cannot be of type {kind}", mistyped=True)
    elif is_array:
        [item] = get_args(base)
        for one in value:
            if not _fits(one, item, strict=strict):
                return _unfit(name, one, item, strict=strict, is_listed=True)
    elif bounds.max_length is not None and len(value) > bounds.max_length:
        most = bounds.max_length
        return InvalidParameter(name, f"at most {most} characters")
    if base is bool:
        return InvalidParameter(name, "must be true or false")
    if base is str and bounds.pattern is not None:
        return InvalidParameter(name, f"must match {bounds.pattern}")
    if base is str or is_array:
        too_many = f"at most {bounds.max_length} values"
        return InvalidParameter(name, too_many if value else "must not be empty")
    choices = ", ".join(map(repr, get_args(base) or [one.value for one in base]))
    refused = echoed(shown) if isinstance(shown, str) else repr(shown)
    return InvalidParameter(
        name, f"cannot be {refused}; one of {choices}" if refused else f"must be one of {choices}"
    )


#: The fields that have a limit.
_LIMITED = frozenset({"ps", "fids"})


def over_limit(params: Struct, limits: Limits) -> InvalidParameter | None:
    """Return the error for a page size (``ps``) or a number of ids (``fids``) over the limits.

    Return None if there is none. Repeated ids count once.
    """
    size = getattr(params, "ps", 1)
    if size > limits.page_size:
        return InvalidParameter("ps", f"at most {limits.page_size}")
    fids = getattr(params, "fids", ())
    if len(fids) > limits.ids_per_call and len(set(fids)) > limits.ids_per_call:
        limit = limits.ids_per_call
        return InvalidParameter("fids", f"at most {limit} ids a call")
    return None


def defaults(kind: type[Struct]) -> dict[str, Any]:
    """Return the default of each optional parameter of a struct, as sent, by wire name.

    Parameters without a value by default (``UNSET``) are omitted.
    """
    return {
        one.encode_name: one.default.value if isinstance(one.default, Enum) else one.default
        for one in msgspec.structs.fields(kind)
        if one.default is not msgspec.NODEFAULT and one.default is not UNSET
    }


@cache  # invalid requests read it too
def wire_types(kind: type[Struct]) -> dict[str, Any]:
    """Return the type of each parameter of a struct, ``Annotated`` included, by wire name."""
    hints = get_type_hints(kind, include_extras=True)
    return {one.encode_name: hints[one.name] for one in msgspec.structs.fields(kind)}


@cache
def id_fields(kind: type[Struct]) -> frozenset[str]:
    """Return the wire names of the parameters of a struct that are ids or lists of ids."""
    return frozenset(name for name, hint in wire_types(kind).items() if _is_id(hint))


def _is_id(hint: Any) -> bool:
    """Return whether a type is marked as an id (``fields.ID``), or a list or union of such."""
    marked = any(isinstance(one, Meta) and one.extra == ID for one in get_args(hint))
    return marked or any(_is_id(part) for part in get_args(hint))


def may_be_empty(kind: type[Struct]) -> frozenset[str]:
    """Return the wire names of the parameters of a struct for which empty text is a value.

    They are those whose type accepts it: an empty notice deletes one, an empty cursor starts at
    the first page. Any other parameter that is sent empty counts as absent, because clients in
    Go send their zero values.
    """
    hints = wire_types(kind)
    return frozenset(name for name, hint in hints.items() if _fits("", hint, strict=False))


def is_list(annotation: Any) -> bool:
    """Return whether a parameter's type is a list, which is sent joined by commas."""
    inner = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    return get_origin(inner) is list
