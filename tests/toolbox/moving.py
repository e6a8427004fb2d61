"""An account whose lists change between any two requests of its backup, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from random import Random

from guanxi import Credential
from guanxi.contract.errors import ResponseCodeException
from guanxi.sdk.settings import TIMEOUT
from guanxi.sdk.sync import SyncClient
from guanxi.sdk.sync.network import Network
from guanxi.sdk.transport import Request, Response
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, running

ME = 1
#: Whom the account's lists can have.
OTHERS = range(2, 42)
LISTS = ("followings", "followers", "blocks", "whispers")
#: Each list's members, the newest first.
Lists = dict[str, list[int]]


class Between:
    """A transport that runs ``hook`` before each request."""

    def __init__(self, hook: Callable[[], None]) -> None:
        self.hook = hook
        self.sent = 0
        self._network = Network(proxy=None, timeout=TIMEOUT)

    def send(self, request: Request) -> Response:
        """Run the hook, then send a request."""
        self.hook()
        self.sent += 1
        return self._network.send(request)

    def close(self) -> None:
        """Close the connections."""
        self._network.close()


class World:
    """A service with one account whose lists change; ``states`` are all that they ever were."""

    def __init__(self, service: RunningService, clients: Callable[[int], SyncClient]) -> None:
        self.service = service
        self.me = clients(ME)
        self._clients = clients
        self.states = [self._current()]

    def act(self, random: Random) -> None:
        """Make one change that an account can make, if the server allows it; note the lists."""
        other = random.choice(OTHERS)
        mine, theirs = self.me.relation, self._clients(other).relation
        acts: list[tuple[Callable[[int], None], int]] = [
            *((mine.follow, other), (mine.unfollow, other)) * 3,
            *((theirs.follow, ME), (theirs.unfollow, ME)) * 3,
            *((mine.block, other), (mine.unblock, other), (mine.remove_follower, other)),
            *((theirs.block, ME), (theirs.unblock, ME)),
        ]
        act, target = random.choice(acts)
        try:
            act(target)
        except ResponseCodeException:
            return
        self.states.append(self._current())

    def _current(self) -> Lists:
        relation = self.me.relation
        lists = {
            "followings": relation.followings(ME, size=100).items,
            "followers": relation.followers(ME, size=100).items,
            "blocks": relation.blacks(size=100).items,
            "whispers": relation.whispers().items,
        }
        return {name: [item.mid for item in items] for name, items in lists.items()}


def credential_of(service: RunningService, mid: int) -> Credential:
    """Return a new session of an account."""
    session = service.sign_in(mid)
    return Credential(sessdata=session.sessdata, bili_jct=session.bili_jct)


@contextmanager
def moving_world(random: Random, profile: str = "documented") -> Iterator[World]:
    """Run a service whose clock moves on by a second with each reading of it."""
    seconds = [2_000_000_000]

    def clock() -> int:
        seconds[0] += 1
        return seconds[0] * 10**9

    with ExitStack() as stack:
        service = stack.enter_context(running(profile, clock=clock, limits={"followers": 30}))
        service.add_accounts(ME, *OTHERS)
        service.import_edges(_edges(random))
        clients: dict[int, SyncClient] = {}

        def client_of(mid: int) -> SyncClient:
            if mid not in clients:
                made = SyncClient(credential=credential_of(service, mid), base_url=service.base_url)
                clients[mid] = stack.enter_context(made)
            return clients[mid]

        yield World(service, client_of)


def _edges(random: Random) -> Iterator[EdgeRow]:
    for time, other in enumerate(random.sample(OTHERS, len(OTHERS)), 1_000):
        kinds: Sequence[str] = random.choice(
            [("follow",), ("follow",), ("whisper",), ("block",), ()]
        )
        for kind in kinds:
            yield EdgeRow(follower=ME, followed=other, time=time, kind=kind)
        if kinds != ("block",) and random.random() < 0.6:
            yield EdgeRow(follower=other, followed=ME, time=time)
