"""The emulator of a service as tests use it, on any thread: every call waits for its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from guanxi.emulator.emulator import Emulator
from guanxi.emulator.faults import Armed, Body, Drop, Fault
from guanxi.emulator.requests import Recorded
from guanxi.emulator.state import UNNAMED
from guanxi.emulator.stubs import Stub

T = TypeVar("T")

NO_EMULATOR = "several workers are processes of their own: the emulator needs workers=1"
_ON_ITS_THREAD = "a stub's function runs on the service's thread, and cannot wait for the service"


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class SetFault:
    """A fault that is set. As a context manager it removes the fault after the block."""

    def __init__(self, armed: Armed, remove: Callable[[], object]) -> None:
        self._armed, self._remove = armed, remove

    @property
    def applied(self) -> int:
        """Return the number of requests that it was applied to."""
        return self._armed.applied

    def remove(self) -> None:
        """Remove the fault; do nothing if it is removed already."""
        self._remove()

    def __enter__(self) -> SetFault:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"SetFault({self._armed.fault.endpoint}: {self._armed.fault})"


class Handle:
    """Faults, stubs, requests, clock and state of a running service.

    Methods raise RuntimeError for a service of several workers, and in a stub's function if they
    have to wait for the service. ``endpoint`` is a name or a pattern, as in ``fault``; ``params``
    are parameters of requests by wire name, whose values are compared as texts.
    """

    def __init__(self, emulator: Emulator | None, loop: asyncio.AbstractEventLoop) -> None:
        """``loop`` is the service's, which runs on another thread."""
        self._given, self._loop = emulator, loop

    @property
    def emulator(self) -> Emulator:
        """Return the emulator, whose methods belong to the service's event loop."""
        if self._given is None:
            raise RuntimeError(NO_EMULATOR)
        return self._given

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        if _running_loop() is self._loop:  # it would wait for itself
            work.close()
            raise RuntimeError(_ON_ITS_THREAD)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    # --- faults ---

    def fault(
        self,
        endpoint: str = "*",
        *,
        code: int | None = None,
        message: str = "",
        status: int | None = None,
        retry_after: int | None = None,
        delay: float | str | None = None,
        drop: Drop | None = None,
        body: Body | None = None,
        stale: bool = False,
        half: bool = False,
        rate: float = 1.0,
        seed: int | None = None,
        after: int = 0,
        times: int | None = None,
        per: float | Literal["day"] | None = None,
        params: Mapping[str, object] = {},
    ) -> SetFault:
        """Let requests to an endpoint fail; return the fault, to remove it or count its uses.

        ``endpoint`` is a name (``relation.modify``), a pattern (``relation.*``), a path with a
        slash first, ``*``, ``:reads``, ``:writes`` or ``:lists``. What fails: see ``Fault``, whose
        fields the arguments are. Raise ValueError for a pattern without an endpoint and for values
        that contradict each other or are out of bounds.
        """
        fault = Fault(
            endpoint=endpoint,
            params=dict(params),
            code=code,
            message=message,
            status=status,
            retry_after=retry_after,
            delay=delay,
            drop=drop,
            body=body,
            stale=stale,
            half=half,
            rate=rate,
            seed=seed,
            after=after,
            times=times,
            per=per,
        )
        armed = self._wait(self.emulator.add_fault(fault))
        return SetFault(armed, lambda: self._wait(self.emulator.remove_fault(armed.number)))

    def story(self, name: str) -> None:
        """Let requests fail as the story ``name`` of ``STORIES`` has it.

        Raise ValueError, which lists the stories, for an unknown one.
        """
        self._wait(self.emulator.add_story(name))

    def clear_faults(self) -> None:
        """Remove all faults, those of stories too."""
        self._wait(self.emulator.clear_faults())

    # --- stubs ---

    def answer(
        self, method: str, path: str, response: Any = None, *, times: int | None = None
    ) -> None:
        """Answer requests for a path, which may have parameters in braces, with a response.

        ``method`` is an HTTP method. ``response`` is JSON, bytes, a ``Response``, or a function of
        the request that returns one of these. It comes before an endpoint with this path, ``times``
        times if given. Raise ValueError for a path without a slash first, or ``times`` below 1.
        """
        stub = Stub(method=method, path=path, answer=response, times=times)

        async def add() -> None:
            self.emulator.answer(stub)

        self._wait(add())

    # --- requests ---

    @property
    def requests(self) -> list[Recorded]:
        """Return the last requests, in the order in which they were answered."""
        return self.emulator.requests.all()

    def requests_to(
        self, endpoint: str, *, by: int | None = None, code: int | None = None, **params: object
    ) -> list[Recorded]:
        """Return the requests to an endpoint or pattern with these parameters, by wire name.

        ``by`` is the caller's mid, ``code`` that of the response.
        """
        return self.emulator.requests.to(endpoint, params, by=by, code=code)

    def assert_called(
        self,
        endpoint: str,
        *,
        times: int | None = None,
        by: int | None = None,
        code: int | None = None,
        **params: object,
    ) -> None:
        """Raise AssertionError unless an endpoint got requests with these parameters.

        Without ``times`` at least one, else exactly so many. The error shows how the requests that
        it got differ. Arguments are those of ``requests_to``.
        """
        self.emulator.requests.assert_called(endpoint, params, times=times, by=by, code=code)

    def assert_not_called(self, endpoint: str, *, by: int | None = None, **params: object) -> None:
        """Raise AssertionError if an endpoint got a request with these parameters.

        Arguments are those of ``requests_to``.
        """
        self.emulator.requests.assert_not_called(endpoint, params, by=by)

    def assert_all_answered(self) -> None:
        """Raise AssertionError, with near endpoints, if a request was for no endpoint or stub."""
        self.emulator.requests.assert_all_answered()

    # --- the clock ---

    def at(self, seconds: float) -> None:
        """Freeze the service's clock at ``seconds`` of Unix time, from 1970 to 9999.

        Raise ValueError for another time.
        """
        self.emulator.clock.at(seconds)

    def advance(self, seconds: float) -> None:
        """Move the service's clock, frozen or not; backwards if ``seconds`` is negative."""
        self.emulator.clock.advance(seconds)

    def now(self) -> float:
        """Return the time by the service's clock, in seconds since the Unix epoch."""
        return self.emulator.clock() / 1e9

    def real_time(self) -> None:
        """End what ``at`` and ``advance`` did."""
        self.emulator.clock.resume()

    # --- the state ---

    def mark(self, name: str = UNNAMED) -> None:
        """Remember the world as it is now: accounts, relations, sessions, documents.

        ``name`` is for ``reset``, any text; a mark of the same name is replaced. Raise ValueError
        if the store is not a SQLite file.
        """
        self._wait(self.emulator.marks.mark(name))

    def reset(self, name: str | None = None) -> None:
        """Take the world back to the mark ``name``, by default the last, or else to the start.

        Faults, stubs, requests and clock stay: ``clear`` is for these. Raise ValueError for an
        unknown mark, and without a mark where a store of over 64 MiB was given.
        """
        self._wait(self.emulator.marks.reset(name))

    def load(self, world: str | Path | Iterable[bytes]) -> None:
        """Replace the world by ``world``: ``"demo"``, the file of a dump, or its lines.

        ``reset()`` goes back to it. Sessions are loaded if this service made the dump. Raise
        ValueError for what is no dump, and if the store is not a SQLite file.
        """
        if world == "demo":
            lines: Iterable[bytes] | None = None
        elif isinstance(world, str | Path):
            lines = Path(world).read_bytes().splitlines()
        else:
            lines = [*world]
        self._wait(self.emulator.load(lines))

    def dump(self) -> bytes:
        """Return the world as JSON Lines, which ``load`` reads. It holds the store's secret."""
        return self._wait(self.emulator.dump())

    def clear(self) -> None:
        """Remove faults and stubs, forget the requests, and return the clock to real time."""
        self._wait(self.emulator.clear())
