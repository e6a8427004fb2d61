"""Connections that read and write without a pause, and compare each response with the model."""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlencode

import msgspec

from tools.soak.world import HUBS, Account, Feed, Model, Signed, Zipf

#: How many followings an account has at most, and how many are on a page.
_MOST, _PAGE = 120, 50
#: Of a hundred requests, how many write.
_WRITES = 10
#: How many wrong responses are kept for the report.
_KEPT = 20
#: Seconds that a read of the feed waits for a change.
_FEED_SECONDS = 1.0
_BOTH = 6


class Answer(NamedTuple):
    """A response: its HTTP status, its headers by lower-case name, and its body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A keep-alive connection, on which one request follows another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int, local: str | None = None) -> Connection:
        """Connect to a port of this machine, from a local address."""
        address = None if local is None else (local, 0)
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=address))

    async def send(self, request: bytes) -> Answer:
        """Send a request and return its response. Raise OSError or EOFError if none comes."""
        self._writer.write(request)
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.partition(": ") for line in lines if line)
        headers = {name.lower(): value for name, _, value in pairs}
        body = await self._reader.readexactly(int(headers["content-length"]))
        return Answer(int(first.split()[1]), headers, body)

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        with suppress(OSError):  # the service has closed it
            await self._writer.wait_closed()


def get(path: str, cookie: str = "", **fields: object) -> bytes:
    """Return a raw GET request."""
    return (
        f"GET {path}?{urlencode(fields)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"User-Agent: soak\r\nCookie: {cookie}\r\n\r\n"
    ).encode()


def post(path: str, signed: Signed, **fields: object) -> bytes:
    """Return a raw POST request with a form."""
    body = urlencode({**fields, "csrf": signed.csrf})
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: soak\r\n"
        f"Cookie: {signed.cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


class Tally:
    """What all connections did: responses by kind, those that were wrong, and their times."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.wrongs = 0
        self.seconds = array("d")

    def add_wrong(self, text: str) -> None:
        """Count a wrong response; keep the first ones."""
        self.wrongs += 1
        if len(self.wrong) < _KEPT:
            self.wrong.append(text)

    def percentile(self, share: float) -> float:
        """Return the time of a response in milliseconds, below which a share of them is."""
        ordered = sorted(self.seconds)
        return 1_000 * ordered[int(share * (len(ordered) - 1))] if ordered else 0.0


Act: TypeAlias = Callable[[Account], Coroutine[Any, Any, None]]


class Wrong(Exception):
    """A response that the model does not allow."""


class Actor:
    """One connection with its accounts, which nobody else changes."""

    def __init__(
        self, number: int, model: Model, signed: Mapping[int, Signed], tally: Tally, seed: int
    ) -> None:
        self._draw = random.Random(f"{seed} {number}")
        self._model, self._signed, self._tally = model, signed, tally
        self._accounts = Zipf(model.owned(number), self._draw)
        self._own = model.owned(number)
        self._hubs = Zipf(HUBS, self._draw)
        #: Never one of a connection before: so that nobody but this one follows its accounts back,
        #: which would move them to the top of their followings.
        self._peers: Zipf[int] = Zipf(
            [*range(self._own[0].mid, max(model.accounts) + 1)], self._draw
        )
        self._connection: Connection
        reads: dict[str, tuple[int, Act]] = {
            "relation": (30, self._relation),
            "followings": (15, self._followings),
            "stat of a hub": (12, self._stat_of_hub),
            "followers of a hub": (10, self._followers_of_hub),
            "relations": (8, self._relations),
            "groups": (5, self._groups),
            "own stat": (5, self._own_stat),
            "blacks": (3, self._blacks),
            "shared followings": (2, self._shared),
        }
        self._reads = [(name, read) for name, (_, read) in reads.items()]
        self._weights = [weight for weight, _ in reads.values()]

    async def run(self, port: int, until: Callable[[], bool]) -> None:
        """Send one request after another until ``until()``."""
        self._connection = await Connection.open(port)
        try:
            while not until():
                await self._one()
        except (OSError, EOFError) as error:
            self._tally.add_wrong(f"a connection: {error!r}")
        finally:
            await self._connection.close()

    async def _one(self) -> None:
        account = self._accounts.one()
        [(name, act)] = self._draw.choices(self._reads, self._weights)
        if self._draw.randrange(100) < _WRITES:
            name, act = "write", self._write
        try:
            await act(account)
        except Wrong as wrong:
            self._tally.add_wrong(f"{name} of {account.mid}: {wrong}")
        self._tally.done[name] += 1

    async def _data(self, request: bytes) -> Any:
        began = time.perf_counter()
        answer = await self._connection.send(request)
        self._tally.seconds.append(time.perf_counter() - began)
        body = msgspec.json.decode(answer.body)
        if answer.status != 200 or body["code"]:
            raise Wrong(f"HTTP {answer.status}: {answer.body[:200]!r}")
        return body.get("data")

    async def _get(self, account: Account, path: str, **fields: object) -> Any:
        return await self._data(get(path, self._signed[account.mid].cookie, **fields))

    # --- reads ---

    def _check_item(self, account: Account, item: Mapping[str, Any]) -> None:
        """Check what an account reads about its relation to another."""
        mid, attribute = item["mid"], item["attribute"]
        if mid in account.blocks:
            wanted = 128
        elif mid in account.followings:
            other = self._model.accounts.get(mid)
            wanted = _BOTH if other is not None and account.mid in other.followings else 2
        else:
            wanted = 0
        if attribute != wanted or bool(item["special"]) != (mid in account.specials):
            raise Wrong(f"{item}, not {wanted}")

    async def _relation(self, account: Account) -> None:
        mid = self._target(account)
        self._check_item(account, await self._get(account, "/x/relation", fid=mid))

    async def _relations(self, account: Account) -> None:
        mids = {self._target(account) for _ in range(20)}
        fids = ",".join(map(str, mids))
        data = await self._get(account, "/x/relation/relations", fids=fids)
        # Those without a relation are left out.
        for mid in mids:
            empty = {"mid": mid, "attribute": 0, "special": 0}
            self._check_item(account, data.get(str(mid), empty))

    async def _followings(self, account: Account) -> None:
        last = max(1, -(-len(account.followings) // _PAGE))
        pn = self._draw.randint(1, last)
        data = await self._get(account, "/x/relation/followings", vmid=account.mid, ps=_PAGE, pn=pn)
        wanted = [*reversed(account.followings)][(pn - 1) * _PAGE : pn * _PAGE]
        found = [item["mid"] for item in data["list"]]
        if found != wanted or data["total"] != len(account.followings):
            raise Wrong(f"{found}, {data['total']} in all; the model has {wanted}")
        for item in data["list"]:
            self._check_item(account, item)

    async def _blacks(self, account: Account) -> None:
        data = await self._get(account, "/x/relation/blacks", ps=_PAGE)
        found, wanted = [item["mid"] for item in data["list"]], [*reversed(account.blocks)]
        if found != wanted[:_PAGE] or data["total"] != len(wanted):
            raise Wrong(f"{found}; the model has {wanted}")

    async def _groups(self, account: Account) -> None:
        data = await self._get(account, "/x/relation/tags")
        found = {item["tagid"]: item["count"] for item in data}
        special = len(account.specials)
        if found != {-10: special, 0: len(account.followings) - special}:
            raise Wrong(f"{found}; {special} of {len(account.followings)} are special")

    async def _own_stat(self, account: Account) -> None:
        data = await self._get(account, "/x/relation/stat", vmid=account.mid)
        found = (data["following"], data["black"])
        if found != (len(account.followings), len(account.blocks)):
            raise Wrong(f"{data}; {len(account.followings)}, {len(account.blocks)} in the model")

    async def _shared(self, account: Account) -> None:
        other = self._draw.choice([one for one in self._own if one is not account])
        data = await self._get(account, "/x/relation/same/followings", vmid=other.mid, ps=_PAGE)
        wanted = account.followings.keys() & other.followings.keys()
        found = {item["mid"] for item in data["list"]}
        if not found <= wanted or data["total"] != len(wanted):
            raise Wrong(f"{found}, {data['total']} in all; the model has {wanted}")

    async def _stat_of_hub(self, account: Account) -> None:
        hub = self._hubs.one()
        crowd = self._model.crowds[hub]
        before = crowd.seen()
        data = await self._get(account, "/x/relation/stat", vmid=hub)
        if data["follower"] not in crowd.bounds(before) or data["following"]:
            raise Wrong(f"hub {hub}: {data['follower']} followers; {crowd.bounds(before)}")

    async def _followers_of_hub(self, account: Account) -> None:
        hub, pn = self._hubs.one(), self._draw.randint(1, 5)
        crowd = self._model.crowds[hub]
        before = crowd.seen()
        data = await self._get(account, "/x/relation/followers", vmid=hub, ps=_PAGE, pn=pn)
        mids = [item["mid"] for item in data["list"]]
        if data["total"] not in crowd.bounds(before):
            raise Wrong(f"hub {hub}: {data['total']} in all; {crowd.bounds(before)}")
        if len(mids) != min(_PAGE, max(0, data["total"] - (pn - 1) * _PAGE)):
            raise Wrong(f"hub {hub}: {len(mids)} on page {pn} of {data['total']}")
        if len(set(mids)) != len(mids):
            raise Wrong(f"hub {hub}: {mids}: one twice")

    def _target(self, account: Account) -> int:
        """Return an account: a followed or blocked one, a hub or a peer."""
        kind = self._draw.randrange(4)
        if kind == 0 and account.followings:
            return self._draw.choice([*account.followings])
        if kind == 1 and account.blocks:
            return self._draw.choice([*account.blocks])
        if kind == 2:
            return self._hubs.one()
        mid = self._peers.one()
        while mid == account.mid:
            mid = self._peers.one()
        return mid

    # --- writes ---

    async def _write(self, account: Account) -> None:
        """Do what is possible to an account, so that every write changes something."""
        mid = self._target(account)
        if mid in account.blocks:
            await self._modify(account, mid, 6, "unblock")
        elif mid not in account.followings:
            if mid in HUBS and self._draw.random() < 0.1:
                await self._modify(account, mid, 5, "block")
            elif len(account.followings) < _MOST:
                await self._modify(account, mid, 1, "follow")
        elif self._draw.random() < 0.3:
            await self._mark(account, mid)
        elif mid in HUBS and self._draw.random() < 0.1:
            await self._modify(account, mid, 5, "block")
        else:
            await self._modify(account, mid, 2, "unfollow")

    async def _modify(self, account: Account, mid: int, act: int, kind: str) -> None:
        crowd = self._model.crowds.get(mid)
        follows, leaves = kind == "follow", mid in account.followings
        account.expected.append((kind, mid))
        if crowd is not None:
            crowd.begun += follows
            crowd.leaving += leaves
        signed = self._signed[account.mid]
        await self._data(post("/x/relation/modify", signed, fid=mid, act=act, re_src=11))
        if crowd is not None:
            crowd.done += follows
            crowd.left += leaves
        account.followings.pop(mid, None)
        account.specials.discard(mid)
        account.blocks.pop(mid, None)
        if follows:
            account.followings[mid] = None
            other = self._model.accounts.get(mid)
            if other is not None and account.mid in other.followings:  # as new, once it is mutual
                other.followings.pop(account.mid)
                other.followings[account.mid] = None
        elif kind == "block":
            account.blocks[mid] = None

    async def _mark(self, account: Account, mid: int) -> None:
        """Follow specially, or no longer."""
        account.expected.append(("special", mid))
        group = 0 if mid in account.specials else -10
        signed = self._signed[account.mid]
        await self._data(post("/x/relation/tags/addUsers", signed, fids=mid, tagids=group))
        account.specials ^= {mid}


async def read_feed(port: int, token: str, feed: Feed, until: Callable[[], bool]) -> None:
    """Read the feed of changes from its beginning until ``until()``, then to its end."""
    connection, cursor = await Connection.open(port), ""
    try:
        while True:
            ends = until()
            after = {"after": cursor} if cursor else {}
            request = get("/changes", limit=1_000, wait=0 if ends else _FEED_SECONDS, **after)
            bearer = f"Authorization: Bearer {token}\r\n\r\n".encode()
            answer = await connection.send(request[:-2] + bearer)
            if answer.status != 200:
                feed.wrong.append(f"feed: HTTP {answer.status}: {answer.body[:200]!r}")
                return
            cursor = answer.headers["guanxi-cursor"]
            lines = answer.body.splitlines()
            for line in lines:
                feed.item(msgspec.json.decode(line))
            if ends and not lines:
                return
    except (OSError, EOFError) as error:
        feed.wrong.append(f"feed: {error!r}")
    finally:
        await connection.close()
