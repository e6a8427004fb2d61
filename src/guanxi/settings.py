"""The settings of older versions of the original, as attributes: ``settings.timeout = 20``.

Reading and assigning one is ``get`` and ``set`` of ``guanxi.request_settings``; ``http_client`` is
``guanxi.select_client``.
"""

from __future__ import annotations

import sys
from enum import Enum
from types import ModuleType
from typing import Any

from guanxi.sdk.settings import request_settings, select_client


class HTTPClient(Enum):
    """The HTTP libraries that ``http_client`` can name; guanxi has one of its own."""

    AIOHTTP = "aiohttp"
    HTTPX = "httpx"


class _Settings(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name in request_settings.get_all():
            return request_settings.get(name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "http_client":
            select_client(value.value if isinstance(value, HTTPClient) else value)
        elif name.startswith("__"):  # the import system's
            super().__setattr__(name, value)
        else:
            request_settings._set(name, value)  # so that a warning names the right line


sys.modules[__name__].__class__ = _Settings
