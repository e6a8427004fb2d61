"""Chance that repeats: with the same seed, the same calls get the same tokens, keys and ids.

Such tokens can be guessed by whoever knows the seed. So nothing here is written where a service
without an emulator would use it: the store keeps the secret that it has, and a seed is refused for
a store that outlives the service (``testing.running``, ``guanxi demo``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from hashlib import shake_256
from itertools import count
from threading import Lock

import msgspec

from guanxi.stores import feed
from guanxi.stores.layer import Layer
from guanxi.stores.port import Store
from guanxi.stores.port.feed import KEEP_DAYS


class Seeded:
    """Draws bytes that follow from a seed, the purpose, and how often it was drawn for before."""

    def __init__(self, seed: str) -> None:
        self._seed, self._lock = seed, Lock()
        self._numbers: defaultdict[str, Iterator[int]] = defaultdict(count)

    def __call__(self, purpose: str, size: int) -> bytes:
        with self._lock:
            number = next(self._numbers[purpose])
        return self.drawn(purpose, number, size)

    def drawn(self, purpose: str, number: int, size: int) -> bytes:
        """Return what is drawn for a purpose after ``number`` draws for it."""
        return shake_256(f"{self._seed}:{purpose}:{number}".encode()).digest(size)

    def restart(self) -> None:
        """Draw as at the start again."""
        with self._lock:
            self._numbers.clear()


#: The seeded secrets of a service, by those that its store has.
Secrets = dict[bytes, bytes]


class Repeatable(Layer):
    """A store whose secret, and the id of its feed of changes, follow from a seed."""

    def __init__(self, store: Store, chance: Seeded, secrets: Secrets) -> None:
        """``secrets`` gets the secret in place of each that the store comes to have."""
        super().__init__(store)
        self._chance, self._secrets = chance, secrets

    @property
    def secret(self) -> bytes:
        of_store = self.store.secret
        if of_store not in self._secrets:
            self._secrets[of_store] = self._chance.drawn("secret", len(self._secrets), 32)
        return self._secrets[of_store]

    async def set_changes(
        self, on: bool, *, keep_days: int | None = KEEP_DAYS, keep_rows: int | None = None
    ) -> bool:
        changed = await self.store.set_changes(on, keep_days=keep_days, keep_rows=keep_rows)
        switch = feed.decoded(await self.store.note(feed.NOTE))
        if changed and switch is not None:
            drawn = msgspec.structs.replace(switch, id=self._chance("feed", len(switch.id)))
            await self.store.put_note(feed.NOTE, feed.encoded(drawn))
        return changed
