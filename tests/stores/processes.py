"""Other processes on a store: what they run, and how a test talks to them."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from random import Random

from guanxi.accounts.secrets import Session, TokenKind
from guanxi.contract.limits import Limits
from guanxi.graph.groups import CreateGroup
from guanxi.graph.pair import Act, Modify
from guanxi.stores import open_store
from guanxi.stores.port import EdgeRow, Store

_START = multiprocessing.get_context("spawn")
_SECONDS = 60


class Other:
    """A process of its own, with a pipe to it."""

    def __init__(self, target: Callable[..., None], *args: object) -> None:
        self.pipe, theirs = _START.Pipe()
        self.process = _START.Process(target=target, args=(theirs, *args), daemon=True)
        self.process.start()
        theirs.close()

    def receive(self) -> object:
        if not self.pipe.poll(_SECONDS):
            raise TimeoutError("the other process says nothing")
        return self.pipe.recv()

    def received(self) -> list[object]:
        """All that it said until it ended."""
        said = []
        while True:
            try:
                said.append(self.receive())
            except (EOFError, ConnectionResetError):
                return said

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def close(self) -> None:
        self.pipe.close()
        if self.process.is_alive():
            self.kill()
        self.process.join()
        self.process.close()


@contextmanager
def others(*targets_and_args: tuple[object, ...]) -> Iterator[list[Other]]:
    """Processes that end with the block."""
    running: list[Other] = []
    try:
        for target, *args in targets_and_args:
            assert callable(target)
            running.append(Other(target, *args))
        yield running
    finally:
        for other in running:
            other.close()


def racer(pipe: Connection, address: str) -> None:
    """Do the acts that arrive, those of one message all at once; answer with their codes."""

    async def race() -> None:
        store = await open_store(address)
        pipe.send("ready")
        while (acts := await asyncio.to_thread(pipe.recv)) is not None:
            answers = await asyncio.gather(*(store.change([act], Limits()) for act in acts))
            pipe.send([code for (code,) in answers])
        await store.close()

    asyncio.run(race())


def endless_writer(pipe: Connection, address: str, seed: int) -> None:
    """Write until killed; tell of each write once it is answered.

    Accounts 1 to 40 are there. Nothing that was told is undone later.
    """

    async def one(store: Store, draw: Random, name: int) -> None:
        pairs = [(a, b) for a in range(1, 41) for b in range(1, 41) if a != b and a % 4 == name]
        draw.shuffle(pairs)
        for at, (a, b) in enumerate(pairs):
            if at % 5 == 0:
                group = CreateGroup(a, f"{b}", 1000 + b)
                assert await store.change([group], Limits()) == [0]
                pipe.send(("group", a, 1000 + b))
            if at % 7 == 0:
                digest = os.urandom(8)
                session = Session(digest=digest, mid=a, kind=TokenKind.APP, created=1, expires=2)
                await store.open_session(session)
                pipe.send(("session", a, digest))
            if await store.change([Modify(a, b, Act.FOLLOW)], Limits()) == [0]:
                pipe.send(("follow", a, b))

    async def write() -> None:
        store = await open_store(address)
        pipe.send("ready")
        draw = Random(seed)
        await asyncio.gather(*(one(store, draw, name) for name in range(4)))
        pipe.send("done")

    asyncio.run(write())


def importer(pipe: Connection, address: str, edges: int) -> None:
    """Import so many edges."""

    def rows() -> Iterator[EdgeRow]:
        for at in range(edges):
            one, other = 1 + at % 97, 1_000 + at // 97
            yield EdgeRow(follower=one, followed=other, time=at, special=at % 5 == 0)

    async def work() -> None:
        store = await open_store(address)
        pipe.send("ready")
        await store.import_edges(rows)
        pipe.send("done")
        await store.close()

    asyncio.run(work())


def stopped_reader(pipe: Connection, address: str) -> None:
    """Hold a read of the whole store open until told to end."""

    async def read() -> None:
        store = await open_store(address)
        edges = store.edges()
        await anext(edges)
        pipe.send("reading")
        await asyncio.to_thread(pipe.recv)
        await edges.aclose()  # type: ignore[attr-defined] # a generator, as every async iterator of a store
        await store.close()

    asyncio.run(read())


if __name__ == "__main__":
    sys.exit("run by the tests")
