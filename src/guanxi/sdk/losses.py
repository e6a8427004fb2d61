"""What became of a request that pyreqwest could not finish."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from guanxi.contract.errors import NetworkException
from guanxi.sdk.transport import Request

_NEVER_LEFT = "client error (Connect)"


def lost(request: Request, error: Exception) -> NetworkException:
    """The named error, which tells the root cause and no more of the address than its host."""
    details: dict[str, Any] = getattr(error, "details", None) or {}
    causes = [cause["message"] for cause in details.get("causes") or ()]
    # The first cause quotes the address, and with it an access key.
    root = causes[-1] if len(causes) > 1 else type(error).__name__
    host = urlsplit(request.url).netloc
    return NetworkException(0, f"{host}: {root}", sent=_NEVER_LEFT not in causes)
