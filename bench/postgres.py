"""A PostgreSQL of the harness's own, with the graph in it, and the lines that run on it.

The other side of each is what the service asks of the server, recorded from the store's own code,
and sent again by the driver alone over one connection.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import asyncpg
import uvloop

from bench import requests
from bench.graph import Graph, Recipe, graph
from bench.lines import Bench, Line, Sides, Skipped, Wrong
from bench.load import Plan, load
from bench.machine import CACHE, guanxi, on_core, python, serving
from bench.reads import Requests, port_of, rate, sampled
from bench.writes import FOLLOWS_A_SECOND, Follows
from guanxi.accounts.secrets import digest
from guanxi.contract.limits import OPEN
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import Act, Modify, sort_key_at
from guanxi.stores.postgresql import cards, reads
from guanxi.stores.postgresql.changes import CappedAct, hold, write
from guanxi.stores.postgresql.connections import PATIENT, connect

#: A tenth of the graph: filling it takes minutes, and a page costs the same.
_RECIPE = Recipe(accounts=100_001, edges=1_000_000, wide=16, signed_in=10_000)
_USER, _DATABASE = "guanxi", "postgres"
_START_SECONDS = 60.0
_SETTINGS = {"listen_addresses": "", "max_connections": "100", "shared_buffers": "512MB"}
#: Stands in a server's files once the graph is in it.
_DONE = "guanxi-bench-done"
#: How many reads are recorded, and how many follows for each second: more than are sent again.
_RECORDED, _STRAIGHT_FOLLOWS = 2_000, 10_000


class _Server(NamedTuple):
    """Its programs, its files, and whose it is: as root it refuses to run."""

    programs: Path
    data: Path
    user: pwd.struct_passwd

    @property
    def rights(self) -> dict[str, Any]:
        if os.geteuid():
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def make(self) -> None:
        self.data.mkdir(parents=True)
        os.chown(self.data, self.user.pw_uid, self.user.pw_gid)
        options = ("--auth=trust", "--encoding=UTF8", "--locale=C", "-U", _USER)
        command = [str(self.programs / "initdb"), *options, "-D", str(self.data)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd="/", **self.rights)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Its address, while it runs on a Unix socket."""
        with tempfile.TemporaryDirectory(prefix="guanxi-pg-") as folder:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)
            settings = _SETTINGS | {"unix_socket_directories": folder}
            options = [part for pair in settings.items() for part in ("-c", "=".join(pair))]
            command = [str(self.programs / "postgres"), "-D", str(self.data), *options]
            with (Path(folder) / "log").open("wb") as log:
                process = subprocess.Popen(
                    command, stdout=log, stderr=log, cwd="/", start_new_session=True, **self.rights
                )
            try:
                address = f"postgresql:///{_DATABASE}?{urlencode({'host': folder, 'user': _USER})}"
                asyncio.run(_answers(address))
                yield address
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(_START_SECONDS)


async def _answers(address: str) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            connection = await asyncpg.connect(address)
        except (OSError, asyncpg.PostgresError):
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)
        else:
            await connection.close()
            return


def _programs() -> Path:
    """Where the server's programs are: on the path, or where Debian puts them."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "postgres").exists():
            return folder
    raise Skipped("no PostgreSQL: neither initdb on the path nor /usr/lib/postgresql/*/bin")


def _unprivileged() -> pwd.struct_passwd:
    if os.geteuid():
        return pwd.getpwuid(os.geteuid())
    with suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")


@contextmanager
def _filled(bench: Bench) -> Iterator[tuple[Graph, str]]:
    """A graph, and the address of a server that holds it, copied by `guanxi store copy`.

    What the block changes is gone afterwards: the server's files are a copy of those in the cache.
    """
    made = bench.graph if bench.quick else graph(_RECIPE)
    server = _Server(_programs(), CACHE / f"postgres-{made.folder.name}", _unprivileged())
    if not (server.data / _DONE).exists():
        shutil.rmtree(server.data, ignore_errors=True)
        server.make()
        with server.running() as address:
            command = guanxi("store", "copy", str(made.store), address)
            copying = python(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if copying.wait():
                raise Wrong(f"guanxi store copy ended with status {copying.returncode}")
            asyncio.run(_analyzed(address))
        (server.data / _DONE).touch()
    with tempfile.TemporaryDirectory(prefix="guanxi-pg-", dir=CACHE) as folder:
        os.chmod(folder, 0o755)
        scratch = server._replace(data=Path(folder) / "data")
        subprocess.run(["cp", "-a", server.data, scratch.data], check=True)
        with scratch.running() as address:
            yield made, address


async def _analyzed(address: str) -> None:
    connection = await connect(address, PATIENT)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


# --- the other side ---

#: What a request asks of a connection, for an account of a graph.
_Read = Callable[[Any, Graph, int, random.Random], Awaitable[None]]
#: A method of a connection, and what it was called with.
_Call = tuple[str, tuple[Any, ...]]


class _Recorder:
    """A connection that remembers what it was asked."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.calls: list[_Call] = []

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        asked = getattr(self._connection, name)

        async def call(*values: Any) -> Any:
            kept = tuple(list(one) if isinstance(one, Iterator) else one for one in values)
            self.calls.append((name, kept))
            return await asked(*kept)

        return call


async def _edge(db: Any, made: Graph, mid: int, draw: random.Random) -> None:
    await cards.session(db, digest(made.token(mid)))
    await reads.relations(db, mid, [draw.choice(made.mids)])


async def _page(db: Any, made: Graph, mid: int, _draw: random.Random) -> None:
    await cards.session(db, digest(made.token(mid)))
    found = await reads.page(db, Listing.FOLLOWINGS, mid, Sort.NEWEST, Window(0, 50), None)
    await cards.tails(db, found.rows.mids)


async def _follows(db: Any, owners: Sequence[int], made: Graph, draw: random.Random) -> None:
    """What a transaction of so many new followings asks, undone again."""
    drawn = [(owner, draw.choice(made.mids)) for owner in owners]
    acts = [Modify(owner, target, Act.FOLLOW) for owner, target in drawn if owner != target]
    await db.execute("BEGIN")
    now = sort_key_at(time.time_ns())
    held = await hold(db, acts, now)
    for act in acts:
        held.apply(CappedAct(act, OPEN.limits.following_cap), now)
    await write(db, held, 0)


def _read_straight(bench: Bench, address: str, made: Graph, read: _Read) -> float:
    async def run() -> float:
        draw = random.Random(made.recipe.seed)
        connection = await connect(address)
        asked = []
        for mid in draw.choices(made.owners, k=_RECORDED):
            recorder = _Recorder(connection)
            await read(recorder, made, mid, draw)
            asked.append(recorder.calls)
        done, began = 0, time.perf_counter()
        while (last := time.perf_counter()) < began + bench.seconds:
            for name, values in asked[done % len(asked)]:
                await getattr(connection, name)(*values)
            done += 1
        await connection.close()
        return done / (last - began)

    return _on_serving_core(bench, run)


def _follow_straight(
    bench: Bench, address: str, made: Graph, draw: random.Random, together: int
) -> float:
    async def run() -> float:
        connection = await connect(address)
        most = round(_STRAIGHT_FOLLOWS * bench.seconds)
        served = {*made.owners}  # the service's side follows for these, in the same database
        others = [mid for mid in made.mids if mid not in served]
        owners = draw.sample(others, min(len(others) // 2, most))
        asked = []
        for at in range(0, len(owners) - together, together):
            recorder = _Recorder(connection)
            await _follows(recorder, owners[at : at + together], made, draw)
            await connection.execute("ROLLBACK")
            asked.append([*recorder.calls, ("execute", ("COMMIT",))])
        done, began = 0, time.perf_counter()
        for calls in asked:
            if time.perf_counter() > began + bench.seconds:
                break
            for name, values in calls:
                await getattr(connection, name)(*values)
            done += together
        spent = time.perf_counter() - began
        await connection.close()
        return done / spent

    return _on_serving_core(bench, run)


def _on_serving_core(bench: Bench, run: Callable[[], Coroutine[Any, Any, float]]) -> float:
    """What a coroutine tells, run where the service runs, on the service's kind of loop."""
    with on_core(bench.cores.serve), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


# --- the lines ---


@contextmanager
def _read(bench: Bench, made: Requests, read: _Read) -> Iterator[Sides]:
    with _filled(bench) as (held, address), serving(address, bench.cores.serve) as url:
        sent = made(held)
        sampled(url, sent)
        yield Sides(
            partial(rate, bench, url, sent), partial(_read_straight, bench, address, held, read)
        )


@contextmanager
def _follow(bench: Bench, together: int) -> Iterator[Sides]:
    draw = random.Random(bench.graph.recipe.seed)
    each = round(FOLLOWS_A_SECOND * (bench.seconds + 1))
    with _filled(bench) as (made, address), serving(address, bench.cores.serve) as url:
        new = Follows(made, bench.connections)

        def ours() -> float:
            plan = Plan(
                port=port_of(url),
                sequences=[[request for _, _, request in one] for one in new(each)],
                seconds=bench.seconds,
                cycled=False,
            )
            return load(plan, bench.cores.load).rate

        yield Sides(ours, partial(_follow_straight, bench, address, made, draw, together))


LINES = tuple(
    Line(
        name=f"postgres-{name}",
        what=f"{what}, on PostgreSQL",
        against=f"{against} sent straight by asyncpg over one connection",
        unit=unit,
        bound=0.5,
        quick=False,
        sides=sides,
    )
    for name, what, against, unit, sides in (
        (
            "edge",
            "x/relation, one edge",
            "the same statements",
            "answers/s",
            partial(_read, made=requests.edge, read=_edge),
        ),
        (
            "own",
            "50 of one's own followings",
            "the same statements",
            "answers/s",
            partial(_read, made=requests.own_page, read=_page),
        ),
        *(
            (
                f"follow-{together}",
                "answered, durable follows",
                f"the same statements, {together} in a transaction,",
                "follows/s",
                partial(_follow, together=together),
            )
            for together in (1, 64)
        ),
    )
)
