"""What the handlers read of a space that is not shown: a store without its owner's documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from guanxi.stores.layer import Layer
from guanxi.stores.port import Documents, Query, Store
from guanxi.world.kind import ONLY, Kind, Value

T = TypeVar("T")


class WithoutDocuments(Layer):
    """A store that reads as if one account had no documents; the other verbs are the store's."""

    def __init__(self, store: Store, owner: int) -> None:
        super().__init__(store)
        self._owner = owner

    async def get(self, kind: Kind[T], owner: int, id: int = ONLY) -> T | None:
        if owner == self._owner:
            return None
        return await self.store.get(kind, owner, id)

    async def find(self, kind: Kind[T], ids: Sequence[int]) -> dict[int, tuple[int, T]]:
        found = await self.store.find(kind, ids)
        return {id: owned for id, owned in found.items() if owned[0] != self._owner}

    async def documents(self, kind: Kind[T], owner: int, query: Query) -> Documents[T]:
        if owner == self._owner:
            return Documents([], more=False)
        return await self.store.documents(kind, owner, query)

    async def count(
        self, kind: Kind[T], owner: int, where: Mapping[str, Value] = {}, text: str = ""
    ) -> int:
        return 0 if owner == self._owner else await self.store.count(kind, owner, where, text)

    async def counts(
        self, kind: Kind[T], owner: int, name: str, text: str = ""
    ) -> dict[Value, int]:
        return {} if owner == self._owner else await self.store.counts(kind, owner, name, text)

    async def total(self, kind: Kind[T], owner: int, key: str) -> int:
        return 0 if owner == self._owner else await self.store.total(kind, owner, key)
