"""The pages of ``guanxi manage`` in this process, over a real service."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from msgspec import Struct

from guanxi import Credential, SyncClient
from guanxi.manage.application import OPEN, Pages
from guanxi.testing import RunningService, running
from guanxi.toolbox.archive import Archive, Identity
from tests.browser import browser, running_browser
from tests.console.visitor import Visitor

__all__ = ["browser", "running_browser"]


class Memory(Struct):
    """A vault that forgets everything at its end."""

    kept: dict[tuple[str, str], Credential] = {}

    def load(self, server: str, name: str) -> Credential | None:
        return self.kept.get((server, name))

    def save(self, server: str, name: str, credential: Credential) -> str:
        self.kept[server, name] = credential
        return "memory"

    def delete(self, server: str, name: str) -> bool:
        return self.kept.pop((server, name), None) is not None


class Manage(Struct):
    """Running pages: their address, and the service that they manage accounts of."""

    url: str
    opening: str
    pages: Pages
    vault: Memory
    service: RunningService
    folder: Path

    def visitor(self) -> Visitor:
        """Return a browser without JavaScript that has opened the pages."""
        visitor = Visitor(self.url)
        visitor.visit(self.opening)
        assert visitor.answer.status == 200, visitor.page
        return visitor

    def keep(self, mid: int) -> str:
        """Let the vault have a credential of an account; return the account's key."""
        session = self.service.sign_in(mid)
        credential = Credential(session.sessdata, session.bili_jct)
        self.vault.save(self.service.base_url, str(mid), credential)
        return f"{self.service.base_url.removeprefix('http://').replace(':', '-')}-{mid}"

    def archive(self, mid: int) -> str:
        """Let the vault have a credential, and make an empty archive; return the account's key."""
        key = self.keep(mid)
        identity = Identity(self.service.base_url, mid, f"account {mid}")
        Archive.create(self.folder / f"{key}.db", identity).close()
        return key

    def followings(self, mid: int) -> set[int]:
        """Return whom an account follows on the server."""
        credential = self.vault.load(self.service.base_url, str(mid))
        with SyncClient(base_url=self.service.base_url, credential=credential) as client:
            return {item.mid for item in client.relation.iter_followings(mid)}

    def wait(self) -> None:
        """Wait until no work runs."""
        until = time.monotonic() + 60
        while (state := self.pages.desk.state()) is not None and state.goes_on:
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.fixture(scope="session")
def _server() -> Iterator[RunningService]:
    with running() as service:
        yield service


@pytest.fixture
def service(_server: RunningService) -> RunningService:
    _server.renew()
    _server.add_accounts(1, 9, cards={2: "Cat", 3: "dog", 4: "eel", 5: "fox"})
    _server.import_edges([(1, 2), (1, 3), (1, 4), (1, 5), (2, 1), (9, 4)])
    return _server


@pytest.fixture
def manage(service: RunningService, tmp_path: Path) -> Iterator[Manage]:
    vault = Memory({})
    pages = Pages(vault, base_url=service.base_url, folder=tmp_path / "archives")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        opening = f"{OPEN}?token={pages.token}"
        config = uvicorn.Config(
            pages.application, log_level="warning", timeout_graceful_shutdown=1, lifespan="off"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Manage(url, opening, pages, vault, service, tmp_path / "archives")
        finally:
            pages.desk.close(10)
            server.should_exit = True
            thread.join(10)


@pytest.fixture
def at_home(manage: Manage) -> tuple[Manage, Visitor, str]:
    """The pages, a visitor on the overview of account 1, and its path, after a snapshot."""
    key = manage.archive(1)
    visitor = manage.visitor()
    visitor.visit(f"/a/{key}")
    visitor.submit("Take a snapshot")
    manage.wait()
    return manage, visitor, f"/a/{key}"
