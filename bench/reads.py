"""Lines that read over HTTP: against bare applications with the same responses, or itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from urllib.parse import urlsplit

import msgspec

from bench import requests
from bench.bare import Bodies
from bench.graph import Graph
from bench.lines import Bench, Line, Sides, Wrong
from bench.load import Measurement, Plan, deal, load
from bench.machine import free_port, server, serving

Requests = Callable[[Graph], list[bytes]]
#: The number of the service's response bodies that a bare application repeats in turn.
_SAMPLE = 2_000


def rate(bench: Bench, url: str, sent: Sequence[bytes]) -> float:
    """Return responses per second. Raise Wrong for a response other than a 200 with code 0."""
    plan = Plan(
        port=port_of(url),
        sequences=deal(sent, bench.connections),
        seconds=bench.seconds,
    )
    return load(plan, bench.cores.load).rate


def load_limit(bench: Bench) -> Measurement:
    """Measure the load generator against the barest server: its maximum rate and CPU share."""
    body = b'{"code":0,"message":"0","ttl":1}'
    sent = [requests.get("/", "", n=number) for number in range(1_000)]
    with bare_serving(bench, Bodies([body])) as url:
        plan = Plan(port=port_of(url), sequences=deal(sent, bench.connections), seconds=1.0)
        return load(plan, bench.cores.load)


@contextmanager
def bare_serving(bench: Bench, bodies: Bodies) -> Iterator[str]:
    """Run a bare application that sends `bodies` in turn; yield its URL."""
    file = bench.folder / "bodies"
    file.write_bytes(msgspec.msgpack.encode(bodies))
    port = free_port()
    with server(bench.cores.serve, port, "-m", "bench.bare", str(port), str(file)) as url:
        yield url


def port_of(url: str) -> int:
    """Return the port of `url`, which must contain one."""
    port = urlsplit(url).port
    assert port is not None
    return port


def sample_bodies(url: str, sent: Sequence[bytes]) -> list[bytes]:
    """Send up to 2,000 of the requests `sent`, in random order; return the response bodies.

    Raise Wrong for a response other than a 200 with code 0.
    """
    connection = HTTPConnection("127.0.0.1", port_of(url), timeout=10)
    bodies = []
    for request in random.Random(1).sample(sent, min(_SAMPLE, len(sent))):
        head = request.decode().split("\r\n")
        cookie = next(line for line in head if line.startswith("Cookie: "))
        connection.request("GET", head[0].split()[1], headers={"Cookie": cookie[8:]})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200 or msgspec.json.decode(body)["code"]:
            raise Wrong(f"{head[0]}: unexpected response {response.status} {body[:200]!r}")
        bodies.append(body)
    connection.close()
    return bodies


def _warm(ours: Callable[[], float], theirs: Callable[[], float]) -> Sides:
    """Return both sides after an unmeasured round, which fills caches and maps the file."""
    ours()
    theirs()
    return Sides(ours, theirs)


@contextmanager
def _against_bare(bench: Bench, build: Requests, *, encoded: bool) -> Iterator[Sides]:
    sent = build(bench.graph)
    with (
        serving(bench.graph.store, bench.cores.serve) as url,
        bare_serving(bench, Bodies(sample_bodies(url, sent), encoded)) as bare,
    ):
        yield _warm(partial(rate, bench, url, sent), partial(rate, bench, bare, sent))


@contextmanager
def _against_twin(bench: Bench, build: Requests) -> Iterator[Sides]:
    sent, store, core = build(bench.graph), bench.graph.store, bench.cores.serve
    port = free_port()
    with (
        serving(store, core) as url,
        server(core, port, "-m", "bench.twin", str(port), str(store)) as twin,
    ):
        for ours, theirs in zip(sample_bodies(url, sent), sample_bodies(twin, sent), strict=True):
            if _data_without_cursor(ours) != _data_without_cursor(theirs):
                raise Wrong(f"the responses differ: twin {theirs[:200]!r}, guanxi {ours[:200]!r}")
        yield _warm(partial(rate, bench, url, sent), partial(rate, bench, twin, sent))


def _data_without_cursor(body: bytes) -> object:
    """Return the data of a response without `cursor`, which the twin does not have."""
    data = msgspec.json.decode(body)["data"]
    data.pop("cursor", None)
    return data


@contextmanager
def _hub(bench: Bench, pn: int) -> Iterator[Sides]:
    hub, small = requests.hub_page(bench.graph, pn), requests.small_page(bench.graph)
    with serving(bench.graph.store, bench.cores.serve) as url:
        for body in [*sample_bodies(url, hub), *sample_bodies(url, small)]:
            if len(msgspec.json.decode(body)["data"]["list"]) != 50:
                raise Wrong("a page has fewer than 50 items")
        yield _warm(partial(rate, bench, url, hub), partial(rate, bench, url, small))


_BYTES = "a bare ASGI application that sends the same bytes"
_STRUCTS = "a bare ASGI application that encodes the same page from prepared structs"
_RATE = "responses/s"

LINES = (
    Line(
        name="edge",
        what="x/relation, one edge",
        against=_BYTES,
        unit=_RATE,
        bound=0.5,
        sides=partial(_against_bare, build=requests.edge, encoded=False),
    ),
    Line(
        name="own",
        what="50 of the caller's own followings, page 1",
        against=_STRUCTS,
        unit=_RATE,
        bound=0.35,
        sides=partial(_against_bare, build=requests.own_page, encoded=True),
    ),
    Line(
        name="other",
        what="50 of another account's followings, attributes computed",
        against=_STRUCTS,
        unit=_RATE,
        bound=0.2,
        sides=partial(_against_bare, build=requests.others_page, encoded=True),
    ),
    *(
        Line(
            name=f"hub-{pn}",
            what=f"followers of the most-followed account, page {pn}",
            against="the page of an account with 50 followers",
            unit=_RATE,
            bound=0.7,
            sides=partial(_hub, pn=pn),
        )
        for pn in (1, 20)
    ),
    Line(
        name="relations",
        what="x/relation/relations, 50 ids",
        against=_BYTES,
        unit=_RATE,
        bound=0.3,
        sides=partial(_against_bare, build=requests.relations, encoded=False),
    ),
    *(
        Line(
            name=f"twin-{name}",
            what=what,
            against="a plain implementation with FastAPI and SQLAlchemy on the same file",
            unit=_RATE,
            bound=8.0,
            needs=("fastapi", "sqlalchemy"),
            sides=partial(_against_twin, build=build),
        )
        for name, what, build in (
            ("edge", "x/relation, one edge", requests.edge),
            ("own", "50 of the caller's own followings", requests.own_page),
        )
    ),
)
