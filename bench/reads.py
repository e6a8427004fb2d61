"""Reading over HTTP, against bare applications that answer the same, or against itself."""

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
from bench.load import Plan, Seen, load, shared
from bench.machine import free_port, server, serving

Requests = Callable[[Graph], list[bytes]]
#: How many of the service's answers a bare application gives in turn.
_SAMPLE = 2_000


def rate(bench: Bench, url: str, sent: Sequence[bytes]) -> float:
    """Answers a second."""
    plan = Plan(
        port=port_of(url),
        sequences=shared(sent, bench.connections),
        seconds=bench.seconds,
    )
    return load(plan, bench.cores.load).rate


def load_alone(bench: Bench) -> Seen:
    """What the load makes of the barest server: how fast, and how much of its core it takes."""
    body = b'{"code":0,"message":"0","ttl":1}'
    sent = [requests.get("/", "", n=number) for number in range(1_000)]
    with answering(bench, Bodies([body])) as url:
        plan = Plan(port=port_of(url), sequences=shared(sent, bench.connections), seconds=1.0)
        return load(plan, bench.cores.load)


@contextmanager
def answering(bench: Bench, told: Bodies) -> Iterator[str]:
    """A bare application that answers so."""
    file = bench.folder / "bodies"
    file.write_bytes(msgspec.msgpack.encode(told))
    port = free_port()
    with server(bench.cores.serve, port, "-m", "bench.bare", str(port), str(file)) as url:
        yield url


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def sampled(url: str, sent: Sequence[bytes]) -> list[bytes]:
    """The bodies of some answers."""
    connection = HTTPConnection("127.0.0.1", port_of(url), timeout=10)
    bodies = []
    for request in random.Random(1).sample(sent, min(_SAMPLE, len(sent))):
        head = request.decode().split("\r\n")
        cookie = next(line for line in head if line.startswith("Cookie: "))
        connection.request("GET", head[0].split()[1], headers={"Cookie": cookie[8:]})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or msgspec.json.decode(body)["code"]:
            raise Wrong(f"{head[0]} was answered {body[:200]!r}")
        bodies.append(body)
    connection.close()
    return bodies


def _warm(ours: Callable[[], float], theirs: Callable[[], float]) -> Sides:
    """Both sides, once they have been loaded: a store's file is read, and mapped, bit by bit."""
    ours()
    theirs()
    return Sides(ours, theirs)


@contextmanager
def _against_bare(bench: Bench, made: Requests, *, encoded: bool) -> Iterator[Sides]:
    sent = made(bench.graph)
    with (
        serving(bench.graph.store, bench.cores.serve) as url,
        answering(bench, Bodies(sampled(url, sent), encoded)) as bare,
    ):
        yield _warm(partial(rate, bench, url, sent), partial(rate, bench, bare, sent))


@contextmanager
def _against_twin(bench: Bench, made: Requests) -> Iterator[Sides]:
    sent, store, core = made(bench.graph), bench.graph.store, bench.cores.serve
    port = free_port()
    with (
        serving(store, core) as url,
        server(core, port, "-m", "bench.twin", str(port), str(store)) as twin,
    ):
        for ours, theirs in zip(sampled(url, sent), sampled(twin, sent), strict=True):
            if _told(ours) != _told(theirs):
                raise Wrong(f"the twin answers {theirs[:200]!r}, guanxi {ours[:200]!r}")
        yield _warm(partial(rate, bench, url, sent), partial(rate, bench, twin, sent))


def _told(body: bytes) -> object:
    """What both tell: the twin has no cursors."""
    data = msgspec.json.decode(body)["data"]
    data.pop("cursor", None)
    return data


@contextmanager
def _hub(bench: Bench, pn: int) -> Iterator[Sides]:
    hub, small = requests.hub_page(bench.graph, pn), requests.small_page(bench.graph)
    with serving(bench.graph.store, bench.cores.serve) as url:
        for body in [*sampled(url, hub), *sampled(url, small)]:
            if len(msgspec.json.decode(body)["data"]["list"]) != 50:
                raise Wrong("a page is not full")
        yield _warm(partial(rate, bench, url, hub), partial(rate, bench, url, small))


_BYTES = "a bare ASGI application answering the same bytes"
_STRUCTS = "a bare ASGI application that encodes the same page from ready structs"
_RATE = "answers/s"

LINES = (
    Line(
        name="edge",
        what="x/relation, one edge",
        against=_BYTES,
        unit=_RATE,
        bound=0.5,
        sides=partial(_against_bare, made=requests.edge, encoded=False),
    ),
    Line(
        name="own",
        what="50 of one's own followings, page 1",
        against=_STRUCTS,
        unit=_RATE,
        bound=0.35,
        sides=partial(_against_bare, made=requests.own_page, encoded=True),
    ),
    Line(
        name="other",
        what="50 of another's followings, attributes computed",
        against=_STRUCTS,
        unit=_RATE,
        bound=0.2,
        sides=partial(_against_bare, made=requests.others_page, encoded=True),
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
        sides=partial(_against_bare, made=requests.relations, encoded=False),
    ),
    *(
        Line(
            name=f"twin-{name}",
            what=what,
            against="the same written plainly with FastAPI and SQLAlchemy on the same file",
            unit=_RATE,
            bound=8.0,
            needs=("fastapi", "sqlalchemy"),
            sides=partial(_against_twin, made=made),
        )
        for name, what, made in (
            ("edge", "x/relation, one edge", requests.edge),
            ("own", "50 of one's own followings", requests.own_page),
        )
    ),
)
