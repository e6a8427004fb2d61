"""Concurrent clients that act and read at random, over HTTP, and record what they sent and got."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from math import inf
from random import Random
from typing import Any
from urllib.parse import urlencode, urlsplit

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Endpoint
from tests.history.ops import (
    ACTS,
    BLOCK,
    BOTH,
    CANCEL,
    FOLLOW,
    FOLLOWERS,
    FOLLOWINGS,
    PLAIN,
    RELATION,
    REMOVE,
    SPECIAL,
    STAT,
    UNBLOCK,
    UNFOLLOW,
    Change,
    Op,
    Outcome,
    Page,
)
from tests.history.world import ACCOUNTS, STARS, Session

#: The values of ``act`` on the wire.
_ACT = {FOLLOW: 1, UNFOLLOW: 2, CANCEL: 4, BLOCK: 5, UNBLOCK: 6, REMOVE: 7}
_GROUPS = {SPECIAL: -10, PLAIN: 0}
#: How often each operation is drawn; "star" is a follow of one of ``STARS``.
_WEIGHTS = {
    FOLLOW: 30,
    UNFOLLOW: 8,
    CANCEL: 2,
    BLOCK: 6,
    UNBLOCK: 9,
    REMOVE: 5,
    SPECIAL: 7,
    PLAIN: 4,
    RELATION: 16,
    BOTH: 8,
    STAT: 10,
    FOLLOWINGS: 10,
    FOLLOWERS: 10,
    "star": 3,
}
#: How often a client begins a new connection, which another worker may get, and how often it
#: leaves without the response of an act.
_RECONNECTS, _LEAVES = 0.3, 0.01
#: Codes of the rules that refuse an act, with 0: those that a client may get.
_KNOWN = {0, 22001, 22002, 22003, 22014, 22105, 22120}
_UNAVAILABLE, _TIMED_OUT = -503, -504
#: After so many failed reads the reader of the feed gives up.
_MOST_ERRORS = 200


class Client(threading.Thread):
    """One client, with a connection at a time; ``ops`` is what it recorded."""

    def __init__(self, process: int, url: str, session: Session, seed: int, pause: float) -> None:
        """``pause`` is the number of seconds between two operations."""
        super().__init__(daemon=True)
        where = urlsplit(url)
        assert where.hostname is not None
        self._connection = HTTPConnection(where.hostname, where.port, timeout=60)
        self._process, self._session, self._pause = process, session, pause
        self._draw = Random(f"{seed} {process}")
        self._stars = list(STARS)
        self.ops: list[Op] = []
        #: How acts without a code ended, for the figures.
        self.reasons: Counter[str] = Counter()
        #: Responses that no operation may have.
        self.unexpected: list[str] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        names, weights = list(_WEIGHTS), list(_WEIGHTS.values())
        while not self.stopped.wait(self._pause):
            [name] = self._draw.choices(names, weights)
            if name == "star":
                if self._stars:
                    self.do(FOLLOW, self._stars.pop(0))
                continue
            others = [mid for mid in ACCOUNTS if mid != self._session.mid]
            target = self._draw.choice(others)
            if name == STAT:
                star = STARS[max(len(STARS) - len(self._stars) - 1, 0)]  # the last that it followed
                target = self._draw.choice((target, self._session.mid, star, star))
            self.do(name, target, leaves=name in ACTS and self._draw.random() < _LEAVES)
        self._connection.close()

    def read_all(self) -> None:
        """Read everything that the account sees, as operations of this client."""
        for other in ACCOUNTS:
            if other != self._session.mid:
                self.do(RELATION, other)
                self.do(BOTH, other)
        self.do(FOLLOWINGS, 0)
        self.do(FOLLOWERS, 0)
        for target in (*ACCOUNTS, *STARS[:8]):
            self.do(STAT, target)
        self._connection.close()

    def do(self, name: str, target: int, *, leaves: bool = False) -> None:
        """Send an operation and record it; with ``leaves`` without waiting for its response."""
        if self._draw.random() < _RECONNECTS:
            self._connection.close()
        begin = time.monotonic_ns()
        outcome, value = Outcome.UNKNOWN, None
        try:
            if self._connection.sock is None:
                outcome = Outcome.FAIL
                self._connection.connect()
                outcome = Outcome.UNKNOWN
            self._send(name, target)
            if leaves:
                self._connection.close()
                self.reasons["the client left"] += 1
            else:
                outcome, value = self._receive(name)
        except (OSError, HTTPException):
            self._connection.close()
            self.reasons["connection lost" if outcome is Outcome.UNKNOWN else "refused"] += 1
        end = inf if outcome is Outcome.UNKNOWN else time.monotonic_ns()
        self.ops.append(
            Op(self._process, self._session.mid, name, target, begin, end, outcome, value)
        )
        if outcome is Outcome.FAIL:
            time.sleep(0.02)

    def _send(self, name: str, target: int) -> None:
        endpoint, fields = _request(name, target, self._session.mid)
        headers = {
            "Cookie": f"SESSDATA={self._session.sessdata}; bili_jct={self._session.bili_jct}",
            "User-Agent": "history",
        }
        if name in ACTS:
            fields["csrf"] = self._session.bili_jct
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            self._connection.request("POST", endpoint.path, urlencode(fields), headers)
        else:
            path = f"{endpoint.path}?{urlencode(fields)}"
            self._connection.request("GET", path, headers=headers)

    def _receive(self, name: str) -> tuple[Outcome, Any]:
        response = self._connection.getresponse()
        body = json.loads(response.read())
        code = body["code"]
        if code in (_UNAVAILABLE, _TIMED_OUT):
            self.reasons[f"{'act' if name in ACTS else 'read'} {code}"] += 1
        if code == _UNAVAILABLE:
            return Outcome.FAIL, None
        if code == _TIMED_OUT:
            return Outcome.UNKNOWN, None
        if code not in (_KNOWN if name in ACTS else {0}):
            self.unexpected.append(f"{name}: {response.status} {body}")
            return Outcome.UNKNOWN, None
        return Outcome.OK, code if name in ACTS else _shown(name, body["data"])


def _request(name: str, target: int, caller: int) -> tuple[Endpoint, dict[str, object]]:
    if name in _ACT:
        return e.MODIFY, {"fid": target, "act": _ACT[name], "re_src": 11}
    if name in _GROUPS:
        return e.SET_MEMBERS, {"fids": target, "tagids": _GROUPS[name]}
    reads: dict[str, tuple[Endpoint, dict[str, object]]] = {
        RELATION: (e.RELATION, {"fid": target}),
        BOTH: (e.LEGACY_MUTUAL, {"mid": target}),
        STAT: (e.STAT, {"vmid": target}),
        FOLLOWINGS: (e.FOLLOWINGS, {"vmid": caller, "ps": 100}),
        FOLLOWERS: (e.FOLLOWERS, {"vmid": caller, "ps": 100}),
    }
    return reads[name]


def _shown(name: str, data: Any) -> Any:
    if name == RELATION:
        return data["attribute"], data["special"]
    if name == BOTH:
        return data["relation"]["attribute"], data["be_relation"]["attribute"]
    if name == STAT:
        return data["following"], data["follower"]
    mids = tuple(item["mid"] for item in data["list"])
    return Page(data["total"], int(data["re_version"]), mids)


class FeedReader(threading.Thread):
    """Reads the feed over HTTP, and continues from its cursor after errors."""

    def __init__(self, admin_url: str, token: str, after: str) -> None:
        super().__init__(daemon=True)
        where = urlsplit(admin_url)
        assert where.hostname is not None
        self._connection = HTTPConnection(where.hostname, where.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._cursor = after
        self.feed: list[Change] = []
        self.errors = 0
        #: What it got instead of changes, but for a service that was unavailable.
        self.refused: list[str] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.is_set():
            self.read(wait=0.2)
        while self.read(wait=0):
            pass
        self._connection.close()

    def read(self, wait: float) -> bool:
        """Read once; return whether to read again for the rest: after changes, and after errors."""
        query = urlencode({"after": self._cursor, "limit": 200, "wait": wait})
        try:
            self._connection.request("GET", f"/changes?{query}", headers=self._headers)
            response = self._connection.getresponse()
            raw = response.read()
        except (OSError, HTTPException):
            self._connection.close()
            return self._failed()
        if response.status == 503:
            return self._failed()
        if response.status != 200:
            self.refused.append(f"{response.status} {raw!r}")
            self.stopped.set()
            return False
        for line in raw.splitlines():
            item = json.loads(line)
            names = ("number", "kind", "actor", "target", "cursor")
            self.feed.append(Change(*(item[name] for name in names)))
        self._cursor = response.headers["Guanxi-Cursor"]
        return bool(raw)

    def _failed(self) -> bool:
        """Wait before the next read; return False after too many."""
        self.errors += 1
        time.sleep(0.05)
        return self.errors < _MOST_ERRORS


@contextmanager
def clients(
    url: str, sessions: Sequence[Session], seed: int, pause: float
) -> Iterator[list[Client]]:
    """Run a client for each session while the block runs; then wait for their last responses."""
    running = [
        Client(process, url, session, seed, pause) for process, session in enumerate(sessions)
    ]
    for client in running:
        client.start()
    try:
        yield running
    finally:
        for client in running:
            client.stopped.set()
        for client in running:
            client.join(60)
            assert not client.is_alive(), "a request hangs"
