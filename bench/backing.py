"""``python -m bench.backing SIDE``: measure a backup, or the reading of its pages alone.

Reads an account as JSON from standard input and prints how many listed accounts are read a second.

- ``new`` creates an archive with each backup, as the first backup of an account does.
- ``again`` backs up into one archive that has the same lists already, as later backups do.
- ``bare`` sends the requests of one backup, recorded from it (also the first page, read again at
  the end), with pyreqwest and msgspec alone, one after another. It decodes the lists' pages to the
  contract's structs and keeps nothing.

Each side opens its own connection each time.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from msgspec import Struct
from msgspec.json import Decoder
from pyreqwest.client import SyncClientBuilder

from bench.calls import Account, account_from_stdin
from guanxi import Credential, SyncClient
from guanxi.contract.structs import RelationPage
from guanxi.sdk.settings import TIMEOUT
from guanxi.sdk.sync.network import Network
from guanxi.sdk.transport import Request, Response
from guanxi.toolbox import Archive, Identity
from guanxi.toolbox.backup import backup

_NOW = 1_800_000_000
#: In the addresses of the lists' pages.
_LISTS = ("/followings", "/followers", "/blacks", "/whispers")


class Envelope(Struct):
    """The response to a request for a page of a list."""

    code: int
    data: RelationPage


class Recording:
    """A transport that keeps the requests that it sends."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._network = Network(proxy=None, timeout=TIMEOUT)

    def send(self, request: Request) -> Response:
        """Send a request and keep it."""
        self.requests.append(request)
        return self._network.send(request)

    def close(self) -> None:
        """Close the connections."""
        self._network.close()


def run(account: Account, archive: Path, transport: Recording | None = None) -> int:
    """Back up into an archive, created if missing; return how many accounts the lists have.

    Raise ValueError if a list is not complete.
    """
    credential = Credential.from_cookies(account.cookies)
    with (
        SyncClient(credential=credential, base_url=account.url, transport=transport) as client,
        Archive.create(archive, Identity(account.url, account.mid)) as opened,
    ):
        outcome = backup(client, opened, _NOW)
    if not all(reading.complete for reading in outcome.readings.values()):
        raise ValueError(f"a list is not complete: {outcome.readings}")
    return sum(reading.shown for reading in outcome.readings.values())


def new(account: Account, folder: Path) -> Callable[[], None]:
    """Return a function that makes a backup into an archive that it creates."""
    numbers = count()
    return lambda: (run(account, folder / f"{next(numbers)}.db"), None)[1]


def again(account: Account, folder: Path) -> Callable[[], None]:
    """Return a function that makes one more backup into one archive."""
    return lambda: (run(account, folder / "archive.db"), None)[1]


def bare(account: Account, folder: Path) -> Callable[[], None]:
    """Return a function that sends the requests of a backup and decodes the pages of lists."""
    recording = Recording()
    run(account, folder / "recorded.db", recording)
    sent = [(one.url, {**one.headers}) for one in recording.requests]
    decoder, other = Decoder(Envelope), Decoder()

    def one() -> None:
        with SyncClientBuilder().build() as client:
            for url, headers in sent:
                body = client.get(url).headers(headers).build().send().bytes()
                (decoder if any(path in url for path in _LISTS) else other).decode(body)

    return one


SIDES = {"new": new, "again": again, "bare": bare}


def main(side: str) -> float:
    """Return the figure of a side. Raise KeyError for an unknown one."""
    account = account_from_stdin()
    with tempfile.TemporaryDirectory() as folder:
        length = run(account, Path(folder, "first.db"))
        one = SIDES[side](account, Path(folder))
        one()
        rounds, began = 0, time.monotonic()
        while time.monotonic() < began + account.seconds:
            one()
            rounds += 1
        return rounds * length / (time.monotonic() - began)


if __name__ == "__main__":
    print(main(sys.argv[1]))
