"""Run the service in a thread of this process, on a free loopback port."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from guanxi.accounts import secrets
from guanxi.accounts.account import STATES, Card, Privacy, State, StateName, state_named
from guanxi.accounts.chance import Chance, system
from guanxi.accounts.secrets import TokenKind
from guanxi.operations import accounts, sessions
from guanxi.stores import open_store
from guanxi.stores.port import EdgeRow, Store

try:
    from guanxi.emulator import world
    from guanxi.emulator.clock import machine
    from guanxi.emulator.emulator import Emulator
    from guanxi.emulator.handle import NO_EMULATOR, Handle
    from guanxi.emulator.proxy import Proxy
    from guanxi.emulator.serving import Address, EmulatorReady, run_emulated
    from guanxi.service.config import Settings, profile_named, with_limits
    from guanxi.service.exchange import ASGI
    from guanxi.service.hosts import DOCUMENTED
    from guanxi.service.loop import new_event_loop
    from guanxi.service.server import Administration, Plan, run
except ModuleNotFoundError as error:
    package = (error.name or "").partition(".")[0]
    if package == "guanxi":
        raise
    needed = f"guanxi.testing needs {package}: pip install 'guanxi[testing]'"
    raise ModuleNotFoundError(needed, name=error.name) from error

T = TypeVar("T")

_START_SECONDS = 60


class _Given(NamedTuple):
    """What a service is started with. The repr omits the tokens."""

    admin_token: str
    emulator_token: str
    #: Returns nanoseconds since the Unix epoch.
    clock: Callable[[], int]
    layer: Callable[[Store], Store]
    wrap: Callable[[ASGI], ASGI]
    emulator: Emulator | None

    @property
    def chance(self) -> Chance:
        """Return what the service draws from."""
        return system if self.emulator is None else self.emulator.chance

    def __repr__(self) -> str:
        return "_Given()"


class SignedIn(Struct, frozen=True):
    """A cookie session of an account. The repr omits its secrets."""

    mid: int
    sessdata: str
    bili_jct: str

    @property
    def cookie(self) -> str:
        """Return the value of a Cookie header with this session's SESSDATA and bili_jct."""
        return f"SESSDATA={self.sessdata}; bili_jct={self.bili_jct}"

    def __repr__(self) -> str:
        return f"SignedIn(mid={self.mid})"


class RunningService(Handle):
    """A running service: shortcuts to read and change its store, and its emulator."""

    def __init__(
        self, ready: EmulatorReady, plan: Plan, loop: asyncio.AbstractEventLoop, given: _Given
    ) -> None:
        super().__init__(given.emulator, loop)
        self.base_url = ready.service.url
        self.admin_url = ready.service.admin_url
        self.admin_token = given.admin_token
        #: The emulator's own address and its token, for other languages; "" with several workers.
        self.emulator_url = ready.emulator_url
        self.emulator_token = given.emulator_token
        self.settings = plan.settings
        #: The path of the store's file, or its address.
        self.store = plan.store
        self._store = ready.service.store
        self._clock = given.clock
        self._given_with, self._worlds = given, ready.worlds
        #: The services that ``running(worlds=…)`` started next to this one.
        self.worlds: list[RunningService] = []

    def do(self, work: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
        """Run ``work`` with the service's store, on the service's event loop; return its result.

        Exceptions of ``work`` pass through.
        """
        return self._wait(work(self._store))

    def world(self, mark: str | None = None) -> RunningService:
        """Start one more service in this process, with a copy of this world, and return it.

        The copy is of the mark named ``mark``, or of now. It has an address, faults, requests and
        marks of its own, ends with this one, and has no administration. Raise ValueError for an
        unknown mark and for a store that is not a SQLite file, RuntimeError for a service of
        several workers.
        """
        if self._worlds is None:
            raise RuntimeError(NO_EMULATOR)
        opened = self._wait(self._worlds.open(mark))
        given = self._given_with._replace(
            admin_token="", clock=opened.emulator.clock, emulator=opened.emulator
        )
        return RunningService(opened.ready, opened.plan, self._loop, given)

    @property
    def proxy(self) -> Proxy:
        """Return a proxy to this service for clients with fixed hosts, started when first used.

        It has a ``url``, for ``HTTPS_PROXY``, and the file ``authority`` with the certificate that
        the client has to trust. Raise ModuleNotFoundError, which says what to install, without the
        package cryptography.
        """
        return self._wait(self.emulator.open_proxy(self.base_url))

    def renew(self) -> None:
        """Take the service back to its start: its world, faults, stubs, requests and clock.

        Marks that were made are forgotten. Raise ValueError where a store of over 64 MiB was given,
        or one that is not a SQLite file.
        """
        self._wait(self.emulator.renew())

    def add_accounts(self, *mids: int, cards: Mapping[int, Card | str] | None = None) -> None:
        """Create accounts: ``mids`` with the names ``u<mid>``, and those of ``cards``.

        A text in ``cards`` is the name of a card. The cards of existing accounts are replaced.
        Raise StoreUnavailable if the store is busy.
        """
        cards_by_mid = {mid: world.card_of(mid) for mid in mids}
        for mid, card in (cards or {}).items():
            cards_by_mid[mid] = Card(name=card) if isinstance(card, str) else card

        self.do(lambda store: world.add_accounts(store, cards_by_mid))

    def import_edges(self, edges: Iterable[EdgeRow | tuple[int, int]]) -> int:
        """Import edges; return how many are new or changed. Missing accounts are created.

        ``edges`` are rows, or pairs: ``(1, 2)`` is a follow of 2 by 1, now. Caps do not apply.
        Raise BadLine for an invalid edge, StoreUnavailable if the store is busy; then none is
        imported.
        """
        now = self._now()
        rows = [
            edge
            if isinstance(edge, EdgeRow)
            else EdgeRow(follower=edge[0], followed=edge[1], time=now)
            for edge in edges
        ]
        chance = self._given_with.chance
        return self.do(lambda store: world.import_edges(store, rows, chance))

    def set_privacy(self, mid: int, privacy: Privacy | None = None, **switches: bool) -> None:
        """Replace an account's privacy switches: ``set_privacy(2, hide_followings=True)``.

        ``mid`` is the account, ``privacy`` the switches, of which ``switches`` replaces some: they
        are ``hide_followings``, ``hide_followers``, ``refuse_follows``, ``approve_followers``.
        Those that are not named are off. Raise ValueError if the account is unknown, and TypeError
        for an unknown switch.
        """
        replaced = replace(privacy or Privacy(), **switches)
        self.do(lambda store: accounts.set_privacy(store, mid, replaced))

    def set_state(self, mid: int, state: State | StateName) -> None:
        """Ban the account ``mid``, lift its ban, or deregister it for good.

        ``state`` is a ``State`` or its name: ``"normal"``, ``"banned"``, ``"deregistered"``.
        Deregistering also erases the card and deletes the sessions. Raise ValueError for any other
        state, and if the account is unknown, or deregistered and to be restored.
        """
        chosen = _state_of(state)
        self.do(lambda store: accounts.set_state(store, mid, chosen))

    def sign_in(self, mid: int) -> SignedIn:
        """Store a new cookie session of the account ``mid`` and return it.

        Raise ValueError if the account is unknown or deregistered.
        """
        issued = self._issue(mid, TokenKind.COOKIE)
        return SignedIn(mid, issued.token, issued.bili_jct)

    def agree(self, key: str, mid: int) -> None:
        """Confirm a QR sign-in as the account ``mid``; the next poll of ``key`` signs in.

        Raise ValueError if the key is invalid or expired, or if the account is unknown or
        deregistered.
        """
        seconds, now = self.settings.profile.limits.qr_seconds, self._now()
        self.do(lambda store: sessions.agree(store, key, mid, seconds, now))

    def access_key(self, mid: int) -> str:
        """Store a new app session of the account ``mid`` and return its token.

        Raise ValueError if the account is unknown or deregistered.
        """
        return self._issue(mid, TokenKind.APP).token

    def _issue(self, mid: int, kind: TokenKind) -> sessions.Issued:
        limits, now = self.settings.profile.limits, self._now()
        chance = self._given_with.chance
        return self.do(lambda store: sessions.issue(store, mid, kind, limits, now, chance=chance))

    def _now(self) -> int:
        return self._clock() // 10**9


def _state_of(state: State | str) -> State:
    """Return a state by its name, and a State itself; raise ValueError for anything else."""
    found = state if isinstance(state, State) else state_named(state)
    if found is not None:
        return found
    raise ValueError(f"{state!r} is not a state of an account: use {', '.join(STATES)}")


@contextmanager
def running(
    profile: str = "documented",
    *,
    store: Path | str | None = None,
    workers: int = 1,
    limits: Mapping[str, int] | None = None,
    settings: Settings | None = None,
    clock: Callable[[], int] = machine,
    layer: Callable[[Store], Store] = lambda store: store,
    wrap: Callable[[ASGI], ASGI] = lambda application: application,
    seed: int | None = None,
    worlds: int = 0,
) -> Iterator[RunningService]:
    """Run a service on a free loopback port while the block runs.

    ``profile`` is ``documented`` or ``open``; ``limits`` changes some of its limits. ``settings``
    is used instead of both. ``store`` is a file's path or a server's address, created if it is
    missing; None uses a file that is deleted afterwards. Several ``workers`` run as processes.

    ``clock`` returns nanoseconds since the Unix epoch, for service and store; ``layer`` returns the
    store that is used in place of the opened one; ``wrap`` returns what is served in place of the
    application. With a ``seed`` the same calls get the same session tokens, keys and ids, unless a
    ``store`` is given, whose sessions nobody must be able to guess later; it also decides which
    requests faults apply to, as 0 does without one. ``worlds`` is how many services to start in
    addition, as ``RunningService.world`` does. Several workers have no emulator, and are reached by
    none of the five.

    Raise SettingError for an unknown or invalid profile or limit, StoreError if the store cannot be
    opened, ServiceError if one of several workers does not start, RuntimeError for ``worlds`` of
    several workers, and TimeoutError if the service is not ready after 60 seconds. An error that
    ends the service later is raised after the block.
    """
    with tempfile.TemporaryDirectory(prefix="guanxi-") as folder:
        defaults = Settings(
            profile=with_limits(profile_named(profile), limits or {}),
            allowed_hosts=DOCUMENTED,
            sign_ins_by_account=0,  # on by default in `guanxi serve`
            sign_ins_by_address=0,
        )
        repeats = seed is not None and store is None
        emulator = Emulator(clock, seed=seed or 0, repeats=repeats) if workers == 1 else None
        given = _Given(
            secrets.new_token(),
            secrets.new_token(),
            clock if emulator is None else emulator.clock,
            layer,
            wrap,
            emulator,
        )
        plan = Plan(
            store=str(store or Path(folder, "store.db")),
            settings=settings or defaults,
            workers=workers,
            administration=Administration(given.admin_token),
        )
        with _in_thread(plan, given) as (ready, loop):
            service = RunningService(ready, plan, loop, given)
            if emulator is not None:
                service._wait(emulator.marks.begin())
            service.worlds += [service.world() for _ in range(worlds)]
            yield service


@contextmanager
def _in_thread(
    plan: Plan, given: _Given
) -> Iterator[tuple[EmulatorReady, asyncio.AbstractEventLoop]]:
    started: Future[tuple[EmulatorReady, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    failed: Future[None] = Future()

    async def serve() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        opened = await open_store(plan.store, create=True, clock=given.clock)
        store = given.layer(opened)

        def on_ready(ready: EmulatorReady) -> None:
            started.set_result((ready, loop, stop))

        try:
            if given.emulator is None:
                await run(
                    plan,
                    lambda ready: on_ready(EmulatorReady(ready, "")),
                    stop,
                    opened=store,
                    clock=given.clock,
                )
            else:
                address = Address(given.emulator_token)
                await run_emulated(
                    plan, given.emulator, address, on_ready, stop, opened=store, wrap=given.wrap
                )
        finally:
            await opened.close()

    def work() -> None:
        # With several workers the parent watches processes, which asyncio supports in any thread.
        factory = new_event_loop if plan.workers == 1 else asyncio.new_event_loop
        try:
            with asyncio.Runner(loop_factory=factory) as runner:
                runner.run(serve())
        except BaseException as error:
            (failed if started.done() else started).set_exception(error)

    thread = threading.Thread(target=work, name="guanxi-service", daemon=True)
    thread.start()
    ready, loop, stop = started.result(_START_SECONDS)
    try:
        yield ready, loop
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        if failed.done():
            failed.result()
