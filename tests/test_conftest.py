"""The guard that keeps tests on this machine."""

from __future__ import annotations

import asyncio
import socket

import pytest

from guanxi import Client, SyncClient

FAR = "192.0.2.1"  # set apart for documents: nobody has it


def test_sockets_stay_here() -> None:
    with socket.socket() as one, pytest.raises(AssertionError, match=FAR):
        one.connect((FAR, 80))


def test_clients_stay_here() -> None:
    with (
        SyncClient(base_url=f"http://{FAR}") as client,
        pytest.raises(AssertionError, match=FAR),
    ):
        client.web.buvid()

    async def far() -> None:
        async with Client(base_url=f"http://{FAR}") as client:
            await client.web.buvid()

    with pytest.raises(AssertionError, match=FAR):
        asyncio.run(far())
