"""The accounts of a history, and what is read of the store before and after it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from guanxi.accounts.account import Card
from guanxi.accounts.secrets import TokenKind
from guanxi.contract.limits import Limits
from guanxi.emulator import world
from guanxi.operations import sessions
from guanxi.stores.port import EdgeRow, Store
from tests.history.pair import NOTHING, WHISPERS, State

#: Those whose pairs are contended, and those that are only ever followed, each once by each.
ACCOUNTS = (101, 102, 103, 104, 105, 106)
STARS = tuple(range(1_001, 1_021))
#: Whispers that an import brings before the history begins.
_WHISPERS = ((101, 102), (104, 103))
START: dict[tuple[int, int], State] = {
    (101, 102): (WHISPERS, NOTHING),
    (103, 104): (NOTHING, WHISPERS),
}


@dataclass(frozen=True)
class Session:
    """A signed-in account. The repr omits its secrets."""

    mid: int
    sessdata: str
    bili_jct: str

    def __repr__(self) -> str:
        return f"Session({self.mid})"


async def prepare(store: Store, clients: int) -> list[Session]:
    """Create the accounts and a session for each client, and switch the feed on.

    With more clients than accounts, several act for one account.
    """
    await world.add_accounts(store, {mid: Card(name=f"u{mid}") for mid in ACCOUNTS + STARS})
    whispers = [
        EdgeRow(follower=a, followed=b, time=1_700_000_000, kind="whisper") for a, b in _WHISPERS
    ]
    await world.import_edges(store, whispers)
    await store.set_changes(True)
    signed_in = []
    for client in range(clients):
        mid = ACCOUNTS[client % len(ACCOUNTS)]
        issued = await sessions.issue(store, mid, TokenKind.COOKIE, Limits(), int(time.time()))
        signed_in.append(Session(mid, issued.token, issued.bili_jct))
    return signed_in
