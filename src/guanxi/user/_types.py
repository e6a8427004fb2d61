"""The types that annotations of ``guanxi.user`` name, each imported when it is first looked up.

So ``typing.get_type_hints`` resolves every annotation, and ``from guanxi import user`` imports
neither the shapes of all results nor a client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # "as" makes a name of this module of it, which type checkers demand.
    from guanxi.sdk.aio import Client as Client  # noqa: PLC0414
    from guanxi.user._shapes import *  # noqa: F403
    from guanxi.user._user import User as User  # noqa: PLC0414
else:

    def __getattr__(name: str) -> object:
        value = getattr(import_module(_MODULES.get(name, "guanxi.user._shapes")), name)
        globals()[name] = value
        return value


#: The module of each name; all others are in ``_shapes``.
_MODULES = {"Client": "guanxi.sdk.aio", "User": "guanxi.user._user"}
