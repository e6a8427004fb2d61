"""Other processes that use a store: what they run, and their pipes to the test."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from random import Random

from guanxi.accounts.account import AccountEdit
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.contract.limits import Limits
from guanxi.graph.groups import CreateGroup
from guanxi.graph.pair import Act, Contract, Modify
from guanxi.stores import open_store
from guanxi.stores.port import EdgeRow, Store, StoreUnavailable
from guanxi.world.kind import DocumentEdit
from guanxi.world.profile import PROFILE

_START = multiprocessing.get_context("spawn")
_SECONDS = 60


class Other:
    """Another process, with a pipe to it."""

    def __init__(self, target: Callable[..., None], *args: object) -> None:
        self.pipe, theirs = _START.Pipe()
        self.process = _START.Process(target=target, args=(theirs, *args), daemon=True)
        self.process.start()
        theirs.close()

    def receive(self) -> object:
        """Return the next message; EOFError when the process has stopped."""
        if not self.pipe.poll(_SECONDS):
            raise TimeoutError(f"the other process sent nothing for {_SECONDS} seconds")
        return self.pipe.recv()

    def received(self) -> list[object]:
        """Return all messages until the process stopped."""
        messages = []
        while True:
            try:
                messages.append(self.receive())
            except (EOFError, ConnectionResetError):
                return messages

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
    """Start processes, each from its function and arguments; kill them at the end of the block."""
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
    """Receive lists of acts, do those of each list concurrently, and send their codes back."""

    async def race() -> None:
        store = await open_store(address)
        pipe.send("ready")
        while (acts := await asyncio.to_thread(pipe.recv)) is not None:
            codes = await asyncio.gather(*(store.change([act], Limits().caps) for act in acts))
            pipe.send([code for (code,) in codes])
        await store.close()

    asyncio.run(race())


def endless_writer(pipe: Connection, address: str, seed: int) -> None:
    """Write until killed; send a message after each write that succeeded.

    Accounts 1 to 40 must exist. No write undoes an earlier one.
    """

    async def write_share(store: Store, draw: Random, share: int) -> None:
        pairs = [(a, b) for a in range(1, 41) for b in range(1, 41) if a != b and a % 4 == share]
        draw.shuffle(pairs)
        for index, (a, b) in enumerate(pairs):
            if index % 5 == 0:
                group = CreateGroup(a, f"{b}", 1000 + b)
                with suppress(StoreUnavailable):  # an earlier writer created it
                    assert await store.change([group], Limits().caps) == [0]
                    pipe.send(("group", a, 1000 + b))
            if index % 3 == 0:
                # The card and the document change together; the check compares them.
                text = f"{seed}-{index}"
                document = DocumentEdit(kind=PROFILE, fields={"birthday": text})
                assert not await store.edit_account(a, AccountEdit(card={"sign": text}), [document])
            if index % 7 == 0:
                digest = os.urandom(8)
                session = Session(digest=digest, mid=a, kind=TokenKind.APP, created=1, expires=2)
                await store.open_session(session)
                pipe.send(("session", a, digest))
            if await store.change([Modify(a, b, Act.FOLLOW)], Limits().caps) == [0]:
                pipe.send(("follow", a, b))

    async def write() -> None:
        store = await open_store(address)
        pipe.send("ready")
        draw = Random(seed)
        await asyncio.gather(*(write_share(store, draw, share) for share in range(4)))
        pipe.send("done")

    asyncio.run(write())


def importer(pipe: Connection, address: str, edges: int) -> None:
    """Import ``edges`` edges."""

    def rows() -> Iterator[EdgeRow]:
        for index in range(edges):
            follower, followed = 1 + index % 97, 1_000 + index // 97
            yield EdgeRow(follower=follower, followed=followed, time=index, special=index % 5 == 0)

    async def work() -> None:
        store = await open_store(address)
        pipe.send("ready")
        await store.import_edges(rows)
        pipe.send("done")
        await store.close()

    asyncio.run(work())


def slice_rows(edges: int) -> Iterator[EdgeRow]:
    """Yield edges with everything that an edge can have, for an import into a store in use."""
    for index in range(edges):
        follower, followed = 1 + index % 211, 1_000 + index % 1_009
        if index % 53 == 0:
            yield EdgeRow(follower=follower, followed=followed, time=index, kind="block")
        elif index % 31 == 0:
            yield EdgeRow(follower=follower, followed=followed, time=index, kind="whisper")
        else:
            yield EdgeRow(
                follower=follower,
                followed=followed,
                time=index,
                special=index % 5 == 0,
                groups=("g",) if index % 17 == 0 else (),
                contract=Contract(index) if index % 19 == 0 else None,
                visits=index % 3,
            )


def slice_importer(pipe: Connection, address: str, edges: int) -> None:
    """Import ``slice_rows`` by the rules; send a message before, and the counts after it."""

    async def work() -> None:
        store = await open_store(address)
        pipe.send("ready")
        imported = await store.import_edges(lambda: slice_rows(edges), on_contradiction="resolve")
        pipe.send(imported)
        await store.close()

    asyncio.run(work())


def stopped_reader(pipe: Connection, address: str) -> None:
    """Keep a read of the whole store open until a message arrives."""

    async def read() -> None:
        store = await open_store(address)
        edges = store.edges()
        await anext(edges)
        pipe.send("reading")
        await asyncio.to_thread(pipe.recv)
        await edges.aclose()  # type: ignore[attr-defined] # every async iterator of a store is a generator
        await store.close()

    asyncio.run(read())


def eraser(pipe: Connection, address: str, mid: int) -> None:
    """Erase an account in small parts; send the stage after each."""
    from guanxi.stores.postgresql import erasing as postgresql
    from guanxi.stores.sqlite import erasing as sqlite

    sqlite._LEAST = sqlite._FIRST = sqlite._LARGEST = postgresql.PAIRS = 5
    vars(sqlite)["CALL_SECONDS"] = 0.0

    async def work() -> None:
        store = await open_store(address)
        pipe.send("ready")
        while True:
            erased = await store.erase(mid)
            assert erased is not None
            pipe.send(erased.stage)
            if erased.finished:
                await store.close()
                return

    asyncio.run(work())


if __name__ == "__main__":
    sys.exit("this module is started by the tests, not by hand")
