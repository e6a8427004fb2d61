"""A store behind PgBouncer: it works in session mode, and is refused in transaction mode."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from guanxi.accounts.account import Card, Privacy, State
from guanxi.stores import init, open_store
from guanxi.stores.port import EdgeRow, StoreError
from tests.postgres import own_server, schema
from tests.stores.world import faults, follow
from tools.postgres import Server

pytestmark = pytest.mark.usefixtures("runner")

_PORT, _START_SECONDS = 6432, 20.0


@contextmanager
def pgbouncer(server: Server, mode: str, log: Path) -> Iterator[str]:
    """Run PgBouncer in front of a server in a mode; yield an address of its empty schema.

    No setting but the mode differs from the defaults that matter to guanxi.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("PgBouncer is not installed")
        pytest.skip("PgBouncer is not installed")
    folder = server.folder / f"pooler-{mode}"
    folder.mkdir()
    (folder / "ini").write_text(
        f"[databases]\npostgres = host={server.folder} user=guanxi\n"
        f"[pgbouncer]\nlisten_port = {_PORT}\nunix_socket_dir = {folder}\n"
        f"auth_type = any\npool_mode = {mode}\n"
    )
    owner = server.folder.stat()  # PgBouncer refuses to run as root
    os.chown(folder, owner.st_uid, owner.st_gid)
    other: dict[str, Any] = {}
    if os.geteuid() == 0:
        other = {"user": owner.st_uid, "group": owner.st_gid}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, folder / "ini"], stdin=subprocess.DEVNULL, stdout=out, stderr=out, **other
        )
    try:
        until = time.monotonic() + _START_SECONDS
        while not (folder / f".s.PGSQL.{_PORT}").exists():
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < until, "PgBouncer does not start"
            time.sleep(0.01)
        with schema() as direct:
            query = {"host": folder, "port": _PORT, "user": "guanxi"}
            name = direct.rpartition("search_path=")[2]
            yield f"postgresql:///postgres?{urlencode(query)}&search_path={name}"
    finally:
        process.terminate()
        process.wait(_START_SECONDS)
        shutil.rmtree(folder)


async def test_a_store_works_behind_a_pooler_in_session_mode(tmp_path: Path) -> None:
    with pgbouncer(own_server(), "session", tmp_path / "log") as address:
        assert await init(address)
        store = await open_store(address)
        try:
            named = {mid: (Card(name=f"n{mid}"), Privacy(), State.NORMAL) for mid in range(1, 9)}
            await store.import_edges(
                lambda: [EdgeRow(kind="follow", follower=1, followed=2, time=9)], accounts=named
            )
            await asyncio.gather(*(follow(store, mid, 1) for mid in range(2, 9)))
            assert (await store.tally(1)).follower == 7
            assert [edge.followed async for edge in store.edges(7)] == [1]
            assert await faults(store) == []
        finally:
            await store.close()


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_a_pooler_in_another_mode_is_refused(tmp_path: Path, mode: str) -> None:
    with pgbouncer(own_server(), mode, tmp_path / "log") as address:
        for use in (init, open_store):
            with pytest.raises(StoreError, match="pool_mode = session"):
                await use(address)


async def test_a_server_alone_is_no_pooler() -> None:
    with schema() as address:
        assert await init(address)
