"""Lines for the SDK: the cost of a call, the cost of an import, the speed of a long list."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import msgspec

from bench import requests
from bench.bare import Bodies
from bench.calls import PAGE, PAGES, Account
from bench.lines import Bench, Line, Sides, Wrong
from bench.machine import python, serving
from bench.reads import bare_serving, sample_bodies

_GIVE_UP_SECONDS = 60.0
#: Prints the CPU milliseconds of an import. Run once unmeasured, to compile the modules.
_START = (
    "import sys, time; sys.dont_write_bytecode = False; began = time.process_time()\n{}\n"
    "print(1e3 * (time.process_time() - began))"
)


def _figure(core: int, *args: str, account: Account | None = None) -> float:
    """Run a program with `account` as JSON on its standard input; return the number it prints.

    Raise Wrong if it fails.
    """
    pipe = subprocess.PIPE
    process = python(*args, core=core, stdin=pipe, stdout=pipe, stderr=pipe)
    output, errors = process.communicate(msgspec.json.encode(account), _GIVE_UP_SECONDS)
    if process.returncode:
        raise Wrong(f"{' '.join(args)} failed: {errors[-300:].decode(errors='replace')!r}")
    return float(output)


def _account(bench: Bench, url: str) -> Account:
    mid = bench.graph.thousands
    cookies = {
        "SESSDATA": bench.graph.token(mid),
        "bili_jct": bench.graph.csrf(mid),
        "buvid3": "of-the-bench",
        "buvid4": "of-the-bench",
        "DedeUserID": str(mid),
    }
    return Account(url, mid, cookies, bench.seconds)


@contextmanager
def _page(bench: Bench, ours: str, library: str) -> Iterator[Sides]:
    with serving(bench.graph.store, bench.cores.serve) as url:
        measure = partial(_figure, bench.cores.load, "-m", account=_account(bench, url))
        yield Sides(
            partial(measure, "bench.caller", ours), partial(measure, "bench.stranger", library)
        )


@contextmanager
def _start(bench: Bench, ours: str) -> Iterator[Sides]:
    theirs = "from bilibili_api import user"
    sides = [partial(_figure, bench.cores.load, "-c", _START.format(it)) for it in (ours, theirs)]
    for run in sides:
        run()
    yield Sides(*sides)


@contextmanager
def _whole(bench: Bench) -> Iterator[Sides]:
    """Read a whole list from an application with prepared pages: only clients are measured."""
    mid = bench.graph.thousands
    path, cookie = "/x/relation/followings", bench.graph.cookie(mid)
    sent = [
        requests.get(path, cookie, vmid=mid, ps=PAGE, pn=number) for number in range(1, PAGES + 1)
    ]
    with serving(bench.graph.store, bench.cores.serve) as url:
        bodies = sample_bodies(url, sent)
    with bare_serving(bench, Bodies(bodies)) as url:
        measure = partial(_figure, bench.cores.load, "-m", "bench.caller")
        account = _account(bench, url)
        yield Sides(
            partial(measure, "typed-rate", account=account),
            partial(measure, "bare-rate", account=account),
        )


@contextmanager
def _backup(bench: Bench, archive: str) -> Iterator[Sides]:
    """Back up an account of the service, against the same requests without an archive.

    ``archive`` is the side of ``bench.backing``: into a new archive, or into one again.
    """
    with serving(bench.graph.store, bench.cores.serve) as url:
        measure = partial(_figure, bench.cores.load, "-m", "bench.backing")
        account = _account(bench, url)
        yield Sides(
            partial(measure, archive, account=account), partial(measure, "bare", account=account)
        )


_STRANGER = "bilibili-api-python"
_CPU = "ms CPU"

LINES = (
    *(
        Line(
            name=f"sdk-{kind}-{library}",
            what=f"{what}, a page of 50",
            against=f"{_STRANGER} over {library}, same service",
            unit=_CPU,
            bound=bound,
            at_most=True,
            needs=("bilibili_api", library),
            sides=partial(_page, ours=f"{kind}-cpu", library=library),
        )
        for kind, what in (("typed", "an SDK call, signed in"), ("plain", "guanxi.user"))
        for library, bound in (("httpx", 1 / 3), ("aiohttp", 2 / 3))
    ),
    *(
        Line(
            name=name,
            what=what,
            against="from bilibili_api import user",
            unit=_CPU,
            bound=0.2,
            at_most=True,
            needs=("bilibili_api",),
            sides=partial(_start, ours=what),
        )
        for name, what in (
            ("sdk-import", "import guanxi"),
            ("sdk-import-user", "from guanxi import user"),
        )
    ),
    Line(
        name="sdk-whole",
        what="3,000 followings, 32 pages at once, no rate limit",
        against="pyreqwest and msgspec alone, same application with prepared pages",
        unit="accounts/s",
        bound=0.8,
        sides=_whole,
    ),
    *(
        Line(
            name=name,
            what=f"guanxi backup of 3,000 followings into {archive}, no rate limit",
            against="the same requests with pyreqwest and msgspec alone, same service",
            unit="accounts/s",
            bound=0.7,
            sides=partial(_backup, archive=side),
        )
        for name, side, archive in (
            ("backup", "new", "a new archive"),
            ("backup-again", "again", "an archive that has them"),
        )
    ),
)
