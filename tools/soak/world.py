"""The world of a soak, and the plain model that every response is compared with."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, Generic, TypeVar

from msgspec import Struct

from guanxi.accounts import secrets
from guanxi.accounts.account import Card, Privacy, State
from guanxi.accounts.secrets import Session, TokenKind
from guanxi.contract.limits import ALL
from guanxi.graph.lists import Listing, Sort, Window
from guanxi.graph.pair import SPECIAL
from guanxi.stores import open_store
from guanxi.stores.port import EdgeRow

T = TypeVar("T")

#: The mids of hubs, whom everybody follows and who do nothing; of the actors; of hubs' followers.
HUBS = range(1, 41)
ACTORS, CROWD = 1_000, 100_000
#: How many accounts each connection has: nobody else acts as them.
OWNED = 20
#: Popularity falls as this power of the rank.
_SKEW = 1.1
_IMPORTED = 1_700_000_000


class Zipf(Generic[T]):
    """Draws from a population, in which popularity falls as a power of the rank."""

    def __init__(self, population: Iterable[T], draw: random.Random) -> None:
        self._population, self._draw = [*population], draw
        ranks = range(1, len(self._population) + 1)
        self._weights = [*accumulate(rank**-_SKEW for rank in ranks)]

    def one(self) -> T:
        """Return a member."""
        return self._draw.choices(self._population, cum_weights=self._weights)[0]


class Crowd:
    """What is known of a hub's number of followers, whom many connections change meanwhile.

    Each counter only rises, so that a number that was read between two looks has bounds.
    """

    __slots__ = ("base", "begun", "done", "leaving", "left")

    def __init__(self, base: int) -> None:
        self.base = base
        #: Follows that were sent and that were answered, and unfollows that were.
        self.begun = self.done = self.leaving = self.left = 0

    def seen(self) -> tuple[int, int]:
        """Return what a look before a read has to remember."""
        return self.done, self.left

    def bounds(self, before: tuple[int, int]) -> range:
        """Return what a read may show that began after ``seen`` returned ``before``."""
        done, left = before
        return range(self.base + done - self.leaving, self.base + self.begun - left + 1)


class Account:
    """What only one connection changes: the relations of an actor."""

    __slots__ = ("blocks", "expected", "followings", "mid", "specials")

    def __init__(self, mid: int) -> None:
        self.mid = mid
        #: In the order of the acts; the values have no meaning.
        self.followings: dict[int, None] = {}
        self.blocks: dict[int, None] = {}
        self.specials: set[int] = set()
        #: What the feed of changes still has to show, in this order.
        self.expected: deque[tuple[str, int]] = deque()


class Model:
    """The accounts of all connections, and the followers of hubs."""

    def __init__(self, connections: int, crowd: int) -> None:
        self.connections = connections
        mids = range(ACTORS, ACTORS + connections * OWNED)
        self.accounts = {mid: Account(mid) for mid in mids}
        #: The first hub has the whole crowd, the second a half, the third a third of it.
        self.followers = {hub: max(1, crowd // hub) for hub in HUBS}
        self.crowds = {hub: Crowd(number) for hub, number in self.followers.items()}

    def owned(self, connection: int) -> list[Account]:
        """Return the accounts of a connection, counted from 0."""
        first = ACTORS + connection * OWNED
        return [self.accounts[mid] for mid in range(first, first + OWNED)]

    def edges(self) -> Iterator[EdgeRow]:
        """Yield what the store has before the soak."""
        for hub, number in self.followers.items():
            for mid in range(CROWD, CROWD + number):
                yield EdgeRow(follower=mid, followed=hub, time=_IMPORTED + mid % 1_000_000)


class Signed(Struct, frozen=True):
    """How a client sends requests as an account."""

    cookie: str
    csrf: str

    def __repr__(self) -> str:
        return "Signed()"


async def fill(address: str, model: Model, now: int) -> dict[int, Signed]:
    """Create a store with the world and its feed of changes; return how each actor signs in.

    Raise StoreError if the store exists and is not empty, or cannot be written.
    """
    store = await open_store(address, create=True)
    try:
        if (await store.info()).counts["accounts"]:
            raise ValueError("the store has accounts already: name a new one")
        cards = {mid: (Card(name=f"actor{mid}"), Privacy(), State.NORMAL) for mid in model.accounts}
        cards |= {hub: (Card(name=f"hub{hub}"), Privacy(), State.NORMAL) for hub in HUBS}
        await store.import_edges(model.edges, accounts=cards)
        await store.set_changes(True)
        signed = {}
        for mid in model.accounts:
            token = secrets.session_token(mid)
            await store.open_session(
                Session(
                    digest=secrets.session_digest(token),
                    mid=mid,
                    kind=TokenKind.COOKIE,
                    created=now,
                    expires=now + 30 * secrets.DAY,
                )
            )
            csrf = secrets.bili_jct(store.secret, token)
            signed[mid] = Signed(f"SESSDATA={token}; bili_jct={csrf}", csrf)
        return signed
    finally:
        await store.close()


async def differences(address: str, model: Model) -> list[str]:
    """Return where a store that nobody uses differs from the model, and the faults of its check."""
    store = await open_store(address)
    wrong: list[str] = []
    window = Window(0, ALL)
    try:
        async for fault in store.check():
            wrong.append(f"check: {fault}")
        gained: Counter[int] = Counter()
        for mid, account in model.accounts.items():
            rows = (await store.page(Listing.FOLLOWINGS, mid, Sort.NEWEST, window)).rows
            if [*rows.mids] != [*reversed(account.followings)]:
                wrong.append(f"followings of {mid}: {rows.mids} in the store")
            specials = {rows.mids[at] for at, row in rows.extras.items() if SPECIAL in row.groups}
            if specials != account.specials:
                wrong.append(f"specials of {mid}: {specials} in the store")
            blocked = (await store.page(Listing.BLACKS, mid, Sort.NEWEST, window)).rows
            if [*blocked.mids] != [*reversed(account.blocks)]:
                wrong.append(f"blocks of {mid}: {blocked.mids} in the store")
            gained.update(account.followings.keys() & model.crowds.keys())
            await asyncio.sleep(0)
        for hub, number in model.followers.items():
            follower = (await store.tally(hub)).follower
            if follower != number + gained[hub]:
                wrong.append(f"hub {hub}: {follower} followers, not {number + gained[hub]}")
    finally:
        await store.close()
    return wrong


class Feed:
    """Compares the feed of changes with what the connections did, account by account."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.seen = 0
        self.wrong: list[str] = []
        self._last = 0

    def item(self, change: dict[str, Any]) -> None:
        """Check one change: after the one before it, and what its account did next."""
        account = self._model.accounts.get(change["actor"])
        if change["number"] <= self._last:
            self.wrong.append(f"feed: {change['number']} after {self._last}")
        self._last = change["number"]
        if account is None or change["kind"] in ("account", "import"):
            return
        self.seen += 1
        found = (change["kind"], change["target"])
        expected = account.expected.popleft() if account.expected else None
        if found != expected:
            self.wrong.append(f"feed: {found} of {account.mid}, not {expected}")

    def missing(self) -> int:
        """Return how many changes the feed did not show."""
        return sum(len(account.expected) for account in self._model.accounts.values())
