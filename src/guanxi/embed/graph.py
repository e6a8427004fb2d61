"""The follow graph as a library: one object with a verb for every act and list of the rules."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from os import PathLike
from types import TracebackType

from guanxi.contract.limits import OPEN, Limits
from guanxi.embed.acts import Acts
from guanxi.embed.arguments import checked_address
from guanxi.embed.changes import Feed
from guanxi.embed.imports import Imports
from guanxi.embed.people import People
from guanxi.stores import open_store


class Opening:
    """A graph that is being opened by ``opened``: ``await`` it, or use it in ``async with``."""

    def __init__(self, opened: Callable[[], Awaitable[Graph]]) -> None:
        self._opened = opened
        self._graph: Graph | None = None

    def __await__(self) -> Generator[object, None, Graph]:
        return self._opened().__await__()

    async def __aenter__(self) -> Graph:
        self._graph = await self._opened()
        return self._graph

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._graph is not None:
            await self._graph.close()


class Graph(People, Acts, Imports, Feed):
    """The accounts, relations and groups of one store, in this process.

    It belongs to the event loop that opened it; ``SyncGraph`` is for code without one. ``store`` is
    the store itself, which ``guanxi.embed.application`` serves.

    Arguments mean the same in every verb. ``mid``, ``actor``, ``owner``, ``target`` and the others
    that name an account are mids, 1 to 2^63 - 1: ``actor`` acts, ``owner`` owns the list, mark or
    group, ``target`` or ``targets`` are the accounts that it concerns (an iterable names each
    once). ``group`` is a group's id, ``groups`` several, and ``name`` a group's name, as long as
    the limits allow. ``limit`` is the number of items of a page, 1 to 1,000; ``cursor`` is that of
    the page before, None for the first; ``order`` is ``"newest"`` (the default) or ``"oldest"``.

    Every verb checks its arguments: ``ArgsException`` (a ``ValueError``) for what is no mid from 1
    to 2^63 - 1, or is out of range, ``MistypedArgsException`` (a ``TypeError`` too) for another
    type. An act that the rules refuse raises the SDK's exception, such as ``AlreadyFollowing`` or
    ``NoSuchUser``, and changes nothing. ``guanxi.embed.StoreError`` and its subclasses are for the
    store: it is closed, busy, full, or was opened before a fork. An act is one transaction, and
    durable when its verb returns. A read shows one snapshot, but for the cards of a page or of an
    account, which may be newer than the rest.
    """

    @classmethod
    def open(
        cls,
        address: str | PathLike[str],
        *,
        create: bool = True,
        changes: bool = False,
        limits: Limits = OPEN.limits,
        clock: Callable[[], int] = time.time_ns,
    ) -> Opening:
        """Open the graph at the path of a SQLite file, or in a ``postgresql://…`` database.

        ``address`` is the path or the address; await the result, or use it in ``async with``.

        ``create`` creates a missing file or missing tables; with ``changes``, one that records its
        changes (``guanxi store changes on`` switches that on later, for all processes). ``limits``
        are those of the profile ``open`` unless given; ``clock`` returns nanoseconds since the Unix
        epoch. Raise ``StoreError`` if there is no graph, or a newer version of guanxi wrote it.
        """

        async def opened() -> Graph:
            store = await open_store(
                checked_address(address), create=create, changes=changes, clock=clock
            )
            return cls(store, limits=limits, clock=clock)

        return Opening(opened)
