"""How the processes of a service share the connections to the server of their store.

While workers are replaced there is one more than usual. With several, the parent serves the
administration alone. A store in a file needs no connections.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from guanxi.service import logs
from guanxi.service.pool import ServiceError
from guanxi.stores import FEWEST_CONNECTIONS, MOST_CONNECTIONS, check_room, is_server_address
from guanxi.text import Text


class Shares(NamedTuple):
    """How many connections this process may open, and each worker; 0 without workers."""

    own: int
    of_worker: int = 0


def shares(connections: int, workers: int) -> Shares:
    """Divide ``connections``. Raise ServiceError if they are too few for so many workers."""
    if workers == 1:
        return Shares(min(connections, MOST_CONNECTIONS))
    least = (workers + 2) * FEWEST_CONNECTIONS
    if connections < least:
        raise ServiceError(
            Text(
                f"{workers} 个服务进程至少需要 connections = {least}，现为 {connections}",
                f"{workers} workers need `connections` of at least {least}, not {connections}",
            )
        )
    each = (connections - FEWEST_CONNECTIONS) // (workers + 1)
    return Shares(FEWEST_CONNECTIONS, min(each, MOST_CONNECTIONS))


async def checked_shares(store: str, connections: int, workers: int) -> Shares:
    """Divide ``connections``, and compare the sum with what the store's server allows.

    Log a warning if other programs have so many that the server may refuse some at present. Raise
    ServiceError as ``shares``; StoreError if the server allows fewer, or does not answer.
    """
    if not is_server_address(store):
        return Shares(FEWEST_CONNECTIONS, FEWEST_CONNECTIONS)
    divided = shares(connections, workers)
    every = divided.own + divided.of_worker * (workers + 1 if workers > 1 else 0)
    lacking = await check_room(store, every)
    if lacking:
        logs.event(logging.WARNING, "too few connections left", wanted=every, lacking=lacking)
    return divided
