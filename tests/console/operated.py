"""A service with a console, as ``guanxi serve --admin`` starts it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import pytest

from guanxi.accounts.account import Card
from guanxi.accounts.administrators import Scope
from guanxi.contract.limits import DOCUMENTED
from guanxi.graph.pair import Act, Modify
from guanxi.operations import accounts, admin_tokens
from guanxi.stores import open_store
from guanxi.stores.port import Store
from tests.cli.runner import COMMAND, ENGLISH
from tests.console.visitor import Visitor

T = TypeVar("T")

#: Runs a test on a store in a file, and on one on a server: the fixture ``service``.
on_both = pytest.mark.parametrize("service", ["sqlite", "postgresql"], indirect=True)
#: As ``on_both``, but on a server in the long form alone.
on_both_long = pytest.mark.parametrize(
    "service", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)
#: The token with every scope.
TOKEN = "console-" + "t" * 32


class Operated(NamedTuple):
    """A running service, its store's address, and the id of its process."""

    url: str
    admin_url: str
    store: str
    pid: int

    def do(self, work: Callable[[Store], Awaitable[T]]) -> T:
        """Open the store in this process too, and return what ``work`` returns."""

        async def opened() -> T:
            store = await open_store(self.store)
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(opened())

    def token(self, name: str, *scopes: Scope) -> str:
        """Make a token; return its text."""
        now = int(time.time())
        return self.do(lambda store: admin_tokens.new_token(store, name, scopes, 1, now)).text

    def add(self, names: Mapping[int, str], *follows: tuple[int, int]) -> None:
        """Create accounts, and let the first of each pair follow the second."""

        async def added(store: Store) -> None:
            for mid, name in names.items():
                await accounts.put(store, mid, Card(name=name))
            acts = [Modify(owner, target, Act.FOLLOW) for owner, target in follows]
            assert not any(await store.change(acts, DOCUMENTED.limits.caps) if acts else [])

        self.do(added)

    def visitor(self, token: str = TOKEN) -> Visitor:
        """Return a visitor who is signed in to the console."""
        visitor = Visitor(self.admin_url)
        visitor.visit("/console")
        visitor.submit("Sign in", token=token)
        return visitor


@contextmanager
def operated(store: str) -> Iterator[Operated]:
    """Run a service on the store at an address while the block runs."""
    options = ["--store", store, "--port", "0", "--admin", "127.0.0.1:0"]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve", *options],
        stderr=subprocess.PIPE,
        env=os.environ | ENGLISH | {"GUANXI_ADMIN_TOKEN": TOKEN},
        text=True,
    )
    try:
        assert process.stderr is not None
        printed = ""
        while "console: " not in printed:
            line = process.stderr.readline()
            assert line, printed
            printed += line
        url, admin_url = re.findall(r"http://127\.0\.0\.1:\d+", printed)[::2][:2]
        yield Operated(url, admin_url, store, process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
