"""Build raw HTTP requests as a client sends them, for random accounts of a graph."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from urllib.parse import urlencode

from bench.graph import Graph

#: The number of requests prepared for a load.
_READY = 20_000


def get(path: str, cookie: str, **fields: object) -> bytes:
    """Return a raw GET request with `fields` as its query and `cookie` as the Cookie header."""
    return (
        f"GET {path}?{urlencode(fields)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"User-Agent: bench\r\nCookie: {cookie}\r\n\r\n"
    ).encode()


def post(path: str, cookie: str, **fields: object) -> bytes:
    """Return a raw POST request with `fields` as its form and `cookie` as the Cookie header."""
    body = urlencode(fields)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nCookie: {cookie}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
        f"{body}"
    ).encode()


def edge(graph: Graph) -> list[bytes]:
    """Return requests for the relation to one account: half followed ones, half random."""
    draw, cookies = _random_and_cookies(graph)
    lists: dict[int, list[int]] = {}
    sent = []
    for mid in draw.choices(graph.owners, k=_READY):
        own = lists.get(mid) or lists.setdefault(mid, graph.followings(mid, 100))
        fid = draw.choice(own if draw.random() < 0.5 else graph.mids)
        sent.append(get("/x/relation", cookies[mid], fid=fid))
    return sent


def own_page(graph: Graph) -> list[bytes]:
    """Return requests for the first page of the caller's own followings."""
    _, cookies = _random_and_cookies(graph)
    return [_followings(cookies[mid], mid) for mid in _random_owners(graph)]


def others_page(graph: Graph) -> list[bytes]:
    """Return requests for the first page of another account's followings."""
    draw, cookies = _random_and_cookies(graph)
    return [_followings(cookies[draw.choice(graph.owners)], mid) for mid in _random_owners(graph)]


def hub_page(graph: Graph, pn: int) -> list[bytes]:
    """Return requests by random callers for page `pn` of the followers of the hub."""
    return followers_of(graph, [graph.hub], pn)


def followers_of(graph: Graph, owners: Sequence[int], pn: int) -> list[bytes]:
    """Return requests by random callers for page `pn` of the followers of a random owner."""
    draw, cookies = _random_and_cookies(graph)
    return [_followers(cookies[mid], draw.choice(owners), pn) for mid in _random_owners(graph)]


def small_page(graph: Graph) -> list[bytes]:
    """Return requests by random callers for the followers of accounts with about one page."""
    return followers_of(graph, graph.small, 1)


def relations(graph: Graph) -> list[bytes]:
    """Return requests for the relations to 50 accounts: half followed, half random."""
    draw, cookies = _random_and_cookies(graph)
    sent = []
    for mid in _random_owners(graph):
        fids = graph.followings(mid, 25) + draw.sample(graph.mids, 25)
        draw.shuffle(fids)
        fields = {"fids": ",".join(map(str, fids))}
        sent.append(get("/x/relation/relations", cookies[mid], **fields))
    return sent


def common(graph: Graph) -> list[bytes]:
    """Return requests for the common followings of two accounts that follow 5,000 each."""
    return [
        get("/x/relation/same/followings", graph.cookie(mid), vmid=other, ps=50, pn=1)
        for mid, other in islice(cycle(pairs(graph)), _READY)
    ]


def pairs(graph: Graph) -> list[tuple[int, int]]:
    """Return all ordered pairs of accounts that follow 5,000, shuffled by the seed."""
    ordered_pairs = [(mid, other) for mid in graph.wide for other in graph.wide if mid != other]
    random.Random(graph.recipe.seed).shuffle(ordered_pairs)
    return ordered_pairs


def follows(graph: Graph, mid: int, draw: random.Random) -> Iterator[tuple[int, bytes]]:
    """Yield endless new follows of account `mid`, as the target's mid and the request.

    No target repeats or is already followed.
    """
    cookie, csrf = graph.cookie(mid), graph.csrf(mid)
    followed = set(graph.followings(mid, 10_000)) | {mid}
    while True:
        fid = draw.choice(graph.mids)
        if fid not in followed:
            followed.add(fid)
            fields = {"fid": fid, "act": 1, "re_src": 11, "csrf": csrf}
            yield fid, post("/x/relation/modify", cookie, **fields)


def _followings(cookie: str, vmid: int) -> bytes:
    return get("/x/relation/followings", cookie, vmid=vmid, ps=50, pn=1)


def _followers(cookie: str, vmid: int, pn: int) -> bytes:
    return get("/x/relation/followers", cookie, vmid=vmid, ps=50, pn=pn)


def _random_and_cookies(graph: Graph) -> tuple[random.Random, dict[int, str]]:
    return random.Random(graph.recipe.seed), {mid: graph.cookie(mid) for mid in graph.owners}


def _random_owners(graph: Graph) -> list[int]:
    return random.Random(graph.recipe.seed + 1).choices(graph.owners, k=_READY)
