"""Requests as a client sends them, drawn at random from thousands of accounts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from urllib.parse import urlencode

from bench.graph import Graph

#: How many different requests a load has ready.
_READY = 20_000


def get(path: str, cookie: str, **fields: object) -> bytes:
    return (
        f"GET {path}?{urlencode(fields)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"User-Agent: bench\r\nCookie: {cookie}\r\n\r\n"
    ).encode()


def post(path: str, cookie: str, **fields: object) -> bytes:
    body = urlencode(fields)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nCookie: {cookie}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        f"{body}"
    ).encode()


def edge(graph: Graph) -> list[bytes]:
    """The relation to one account: one that is followed, or any."""
    draw, cookies = _drawn(graph)
    lists: dict[int, list[int]] = {}
    sent = []
    for mid in draw.choices(graph.owners, k=_READY):
        own = lists.get(mid) or lists.setdefault(mid, graph.followings(mid, 100))
        fid = draw.choice(own if draw.random() < 0.5 else graph.mids)
        sent.append(get("/x/relation", cookies[mid], fid=fid))
    return sent


def own_page(graph: Graph) -> list[bytes]:
    """The first page of one's own followings."""
    _, cookies = _drawn(graph)
    return [_followings(cookies[mid], mid) for mid in _many(graph)]


def others_page(graph: Graph) -> list[bytes]:
    """The first page of another's followings."""
    draw, cookies = _drawn(graph)
    return [_followings(cookies[draw.choice(graph.owners)], mid) for mid in _many(graph)]


def hub_page(graph: Graph, pn: int) -> list[bytes]:
    """A page of the followers of whom everybody follows, seen by anybody."""
    return followers_of(graph, [graph.hub], pn)


def followers_of(graph: Graph, owners: Sequence[int], pn: int) -> list[bytes]:
    """A page of the followers of one of these, seen by anybody."""
    draw, cookies = _drawn(graph)
    return [_followers(cookies[mid], draw.choice(owners), pn) for mid in _many(graph)]


def small_page(graph: Graph) -> list[bytes]:
    """The followers of an account that has a page of them, seen by anybody."""
    return followers_of(graph, graph.small, 1)


def relations(graph: Graph) -> list[bytes]:
    """The relations to 50 accounts: half of them followed, half any."""
    draw, cookies = _drawn(graph)
    sent = []
    for mid in _many(graph):
        fids = graph.followings(mid, 25) + draw.sample(graph.mids, 25)
        draw.shuffle(fids)
        fields = {"fids": ",".join(map(str, fids))}
        sent.append(get("/x/relation/relations", cookies[mid], **fields))
    return sent


def common(graph: Graph) -> list[bytes]:
    """What two who follow 5,000 each have in common."""
    return [
        get("/x/relation/same/followings", graph.cookie(mid), vmid=other, ps=50, pn=1)
        for mid, other in islice(cycle(pairs(graph)), _READY)
    ]


def pairs(graph: Graph) -> list[tuple[int, int]]:
    """Every two of those who follow 5,000, in any order."""
    found = [(mid, other) for mid in graph.wide for other in graph.wide if mid != other]
    random.Random(graph.recipe.seed).shuffle(found)
    return found


def follows(graph: Graph, mid: int, draw: random.Random) -> Iterator[tuple[int, bytes]]:
    """New followings of one account, without end: whom, and the request."""
    cookie, csrf = graph.cookie(mid), graph.csrf(mid)
    held = set(graph.followings(mid, 10_000)) | {mid}
    while True:
        fid = draw.choice(graph.mids)
        if fid not in held:
            held.add(fid)
            fields = {"fid": fid, "act": 1, "re_src": 11, "csrf": csrf}
            yield fid, post("/x/relation/modify", cookie, **fields)


def _followings(cookie: str, vmid: int) -> bytes:
    return get("/x/relation/followings", cookie, vmid=vmid, ps=50, pn=1)


def _followers(cookie: str, vmid: int, pn: int) -> bytes:
    return get("/x/relation/followers", cookie, vmid=vmid, ps=50, pn=pn)


def _drawn(graph: Graph) -> tuple[random.Random, dict[int, str]]:
    return random.Random(graph.recipe.seed), {mid: graph.cookie(mid) for mid in graph.owners}


def _many(graph: Graph) -> list[int]:
    return random.Random(graph.recipe.seed + 1).choices(graph.owners, k=_READY)
