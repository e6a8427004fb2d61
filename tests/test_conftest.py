"""The fixture that forbids connections to other machines."""

from __future__ import annotations

import asyncio
import socket

import pytest

from guanxi import Client, SyncClient

#: Reserved for documentation: no machine has it.
REMOTE = "192.0.2.1"


def test_a_socket_cannot_leave_the_machine() -> None:
    with socket.socket() as remote, pytest.raises(AssertionError, match=REMOTE):
        remote.connect((REMOTE, 80))


def test_a_client_cannot_leave_the_machine() -> None:
    with (
        SyncClient(base_url=f"http://{REMOTE}") as client,
        pytest.raises(AssertionError, match=REMOTE),
    ):
        client.web.buvid()

    async def request() -> None:
        async with Client(base_url=f"http://{REMOTE}") as client:
            await client.web.buvid()

    with pytest.raises(AssertionError, match=REMOTE):
        asyncio.run(request())
