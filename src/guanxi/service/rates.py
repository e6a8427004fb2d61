"""Limit how often an account, and an address, may sign in, write and read.

A limit is a number of requests a minute. Each account or address has that many at first and gets
one back every 60/N seconds (a leaky bucket, GCRA), so that a burst passes and nobody waits for the
end of a minute. All workers count in one table of memory that they share with their parent, as with
metrics: a count in the store would cost a write for each read. The table has a fixed size, and
holds hashes, so that no number of accounts or addresses fills it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from secrets import token_bytes
from typing import NamedTuple, TypeAlias

from guanxi.contract import errors
from guanxi.contract.endpoint import Does, Endpoint
from guanxi.contract.endpoints import ENDPOINTS, QR_POLL
from guanxi.service.config import Settings
from guanxi.service.handling import Refused
from guanxi.service.metrics import memory_file

_MINUTE_NS = 60 * 10**9
#: The table: sets of entries, each with the hash of a name and its time (see ``_Table``).
_SETS, _WAYS = 8_192, 8
_SET = 2 * _WAYS
#: The key of the hashes is before the table. It is as long as two cells.
_KEY_CELLS = 2
_CELL_BYTES = 8
_TABLE_BYTES = (_KEY_CELLS + _SETS * _SET) * _CELL_BYTES
#: How long a worker waits for another to change one entry, which takes microseconds, and the time
#: that a busy machine has it wait meanwhile. After that it counts without: a worker that is stopped
#: by a debugger must not stop the others.
_LOCK_SECONDS = 0.5
#: What a limit counts, in words.
_THINGS = {Does.SIGN_IN: "sign-ins", Does.WRITE: "writes", Does.READ: "reads"}
#: The names of the settings, by what they limit: for an account, and for an address.
SETTINGS: dict[Does, tuple[str, str]] = {
    Does.SIGN_IN: ("sign_ins_by_account", "sign_ins_by_address"),
    Does.WRITE: ("writes_by_account", "writes_by_address"),
    Does.READ: ("reads_by_account", "reads_by_address"),
}

_Cells: TypeAlias = "memoryview[int]"


class _Rate(NamedTuple):
    """A limit: so many requests a minute."""

    does: Does
    most: int
    #: The setting, and of whom the requests are counted, in words.
    setting: str
    whose: str

    @property
    def interval(self) -> int:
        """Return after how many nanoseconds one more request is allowed."""
        return _MINUTE_NS // self.most


class Rates:
    """The limits of one worker's application, and how much of them is used up."""

    def __init__(
        self, settings: Settings, clock: Callable[[], int], descriptor: int | None = None
    ) -> None:
        """Count in the shared memory of ``descriptor`` (see ``shared``), or in memory of its own.

        ``clock`` returns nanoseconds since the Unix epoch.
        """
        self._clock, self._table = clock, _Table(descriptor)
        found = {does: tuple(getattr(settings, name) for name in SETTINGS[does]) for does in Does}
        #: The limits of accounts and of addresses, by endpoint; those that are off are left out.
        self._of_account, self._of_address = (
            {
                endpoint.name: _Rate(does, most, SETTINGS[does][by], whose)
                for endpoint in ENDPOINTS
                if (most := found[does := endpoint.counts_as][by])
            }
            for by, whose in enumerate(("account", "address"))
        )

    @property
    def limited(self) -> Collection[str]:
        """Return the names of the endpoints that are limited."""
        return self._of_account.keys() | self._of_address.keys()

    def check_address(self, endpoint: Endpoint, address: str) -> None:
        """Count a request from an address, "" for an unknown one, which is not limited.

        Raise Refused (-412 with HTTP 412) if it has used up its requests; then it is not counted.
        """
        rate = self._of_address.get(endpoint.name)
        if rate is not None and (network := network_of(address)):
            self._check(rate, network, errors.RequestBanned.number, 412)

    def check_account(self, endpoint: Endpoint, mid: int) -> None:
        """Count a request of an account.

        Raise Refused (-799) if it has used up its requests; then it is not counted.
        """
        rate = self._of_account.get(endpoint.name)
        if rate is not None:
            self._check(rate, str(mid), errors.TooManyRequests.number, 200)

    def give_back(self, endpoint: Endpoint, address: str) -> None:
        """Take back the count of a request from an address that turned out to be no attempt.

        That is a poll with a key of this service: a client sends one every second or two.
        """
        rate = self._of_address.get(endpoint.name)
        if endpoint is QR_POLL and rate is not None and (network := network_of(address)):
            self._table.spend(_name(rate, network), -rate.interval, 0, self._clock())

    def forget(self) -> None:
        """Forget every request of all workers."""
        self._table.clear()

    def _check(self, rate: _Rate, name: str, code: int, status: int) -> None:
        wait = self._table.spend(_name(rate, name), rate.interval, rate.most, self._clock())
        if not wait:
            return
        seconds = -(-wait // 10**9)
        reason = (
            f"rate: more than {rate.most} {_THINGS[rate.does]} a minute from this {rate.whose}"
            f" ({rate.setting}); wait {seconds} seconds"
        )
        retry = ((b"retry-after", b"%d" % seconds),)
        raise Refused(code, reason, status=status, headers=retry)


def _name(rate: _Rate, name: str) -> bytes:
    return f"{rate.setting}:{name}".encode()


@lru_cache(4_096)
def network_of(address: str) -> str:
    """Return what counts as one address: an IPv4 address, the /64 of an IPv6 one; "" for neither.

    A network of that size is what one customer of a provider has.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is None:
            return str(IPv6Address(int(found) >> 64 << 64))
        found = found.ipv4_mapped
    return str(found)


class _Table:
    """Times by hashed names, in sets of entries; a full set forgets the name that owes least.

    The time of a name is when all its requests will have come back, in nanoseconds.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        if descriptor is None:
            self._cells: _Cells = memoryview(bytearray(_TABLE_BYTES)).cast("q")
            self._key = token_bytes(_KEY_CELLS * _CELL_BYTES)
        else:
            self._cells = memoryview(mmap.mmap(descriptor, 0)).cast("q")
            self._key = self._cells[:_KEY_CELLS].tobytes()

    def spend(self, name: bytes, interval: int, most: int, now: int) -> int:
        """Count a request of a name; return 0, or how many nanoseconds it has to wait.

        A request takes ``interval`` nanoseconds to come back; a negative one gives one back. At
        most ``most`` are counted at a time, and one beyond is not. ``now`` is in nanoseconds.
        """
        hashed = int.from_bytes(blake2b(name, digest_size=8, key=self._key).digest()) >> 1 or 1
        index = hashed % _SETS
        start = _KEY_CELLS + index * _SET
        with self._alone(index):
            names = self._cells[start : start + _WAYS].tolist()
            times = self._cells[start + _WAYS : start + _SET].tolist()
            try:
                way = names.index(hashed)
            except ValueError:
                way = min(range(_WAYS), key=times.__getitem__)
                times[way] = 0
            due = max(times[way], now)
            if interval > 0:
                if due - now > most * interval:  # the clock was set back
                    due = now
                if due - now > (most - 1) * interval:
                    return due - now - (most - 1) * interval
            self._cells[start + way] = hashed
            self._cells[start + _WAYS + way] = due + interval
        return 0

    def clear(self) -> None:
        """Forget every name."""
        empty = bytes(_TABLE_BYTES - _KEY_CELLS * _CELL_BYTES)
        self._cells[_KEY_CELLS:] = memoryview(empty).cast("q")

    @contextmanager
    def _alone(self, index: int) -> Iterator[None]:
        """Let no other worker change a set meanwhile.

        The lock is the system's, of one byte of the file: it ends with the process that has it.
        """
        if self._descriptor is None:  # one thread counts
            yield
            return
        locked = _locked(self._descriptor, index)
        try:
            yield
        finally:
            if locked:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, index)


def _locked(descriptor: int, index: int) -> bool:
    """Lock a byte of a file; return False if another process has it for too long."""
    end = 0.0
    while True:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, index)
        except OSError:
            now = time.monotonic()
            end = end or now + _LOCK_SECONDS
            if now > end:
                return False
            os.sched_yield()
        else:
            return True


@contextmanager
def shared() -> Iterator[int]:
    """Yield the descriptor of memory in which several workers count.

    Raise OSError if there is no space for it.
    """
    with memory_file() as file:
        key = token_bytes(_KEY_CELLS * _CELL_BYTES)
        file.write(key + bytes(_TABLE_BYTES - len(key)))  # a hole may find no space later
        yield file.fileno()
