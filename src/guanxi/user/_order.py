"""The two orders in which positional arguments are known: the documents' and the package's."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import Enum
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: The order of the documents' tables, where the published package and our signatures have another.
_DOCUMENTED = {
    "get_articles": ("order", "pn", "ps"),
    "get_channel_videos_series": ("sid", "pn", "ps"),
    "get_subscribed_bangumi": ("pn", "ps", "type_", "follow_status"),
}


def in_either_order(
    method: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return a method that also accepts its positional arguments in the documents' order.

    Their types decide: the documents' order is meant where it has each enum member and each number
    at a place for one, and the order of the signature has not.
    """
    kinds = {one.name: _kind(one.default) for one in signature(method).parameters.values()}
    documented = _DOCUMENTED[method.__name__]
    ours = tuple(kinds)[1:]  # without self

    def fit(names: tuple[str, ...], values: tuple[object, ...]) -> bool:
        return len(values) <= len(names) and all(
            isinstance(value, kinds[name]) for name, value in zip(names, values, strict=False)
        )

    @wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        values = args[1:]
        if fit(documented, values) and not fit(ours, values):
            named = dict(zip(documented, values, strict=False))
            for name in named.keys() & kwargs.keys():
                raise TypeError(f"{method.__name__}() got multiple values for argument {name!r}")
            by_name: Any = method
            result: T = await by_name(args[0], **named | kwargs)
            return result
        return await method(*args, **kwargs)

    return call


def _kind(default: object) -> type:
    """Return the type of the values of an argument with this default, object if it has none."""
    if isinstance(default, Enum):
        return Enum
    return int if isinstance(default, int) else object
