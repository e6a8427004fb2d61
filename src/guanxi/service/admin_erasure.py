"""Requests of the administration on the erasure of an account: begin it, look how far it is.

The service continues each erasure that is under way, also one that began before it started or that
another process left (``periodic``).
"""

from __future__ import annotations

from starlette.responses import Response

from guanxi.operations import erasing
from guanxi.service.administering import Administered, AdminRequest, as_json


async def begin(administered: Administered, request: AdminRequest) -> Response:
    """Begin to erase an account, or continue; return how far that is, and where it is shown."""
    found = await erasing.begin(administered.service.store, request.mid)
    return as_json(found, 202, {"Location": f"/accounts/{request.mid}/erasure"})


async def show(administered: Administered, request: AdminRequest) -> Response:
    """Return how far the erasure of an account is, and what it deleted."""
    return as_json(await erasing.state(administered.service.store, request.mid))
