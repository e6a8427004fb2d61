"""A model of the graph that the feed of changes makes, and the graph that the store has."""

from __future__ import annotations

from guanxi.graph.feed import Model, Record, Unreplayable, apply
from guanxi.graph.pair import Side
from guanxi.stores.port import FeedItem, Store


def apply_item(model: Model, item: FeedItem) -> None:
    apply(model, Record(item.kind, item.actor, item.target, item.before, item.after))


async def stored_sides(store: Store) -> dict[tuple[int, int], Side]:
    found = {}
    async for edge in store.edges(requests=True):
        found[edge.follower, edge.followed] = (await store.pair(edge.follower, edge.followed)).mine
    return found


class Replay:
    """A reader of the feed: what it read so far, as a model."""

    def __init__(self) -> None:
        self.model = Model()
        self.cursor: str | None = None

    async def check(self, store: Store, mids: list[int]) -> None:
        """Apply the changes since the last call; check that the model is the store's graph."""
        while (page := await store.changes(self.cursor, 5)).items:
            self.cursor = page.cursor
            try:
                for item in page.items:
                    apply_item(self.model, item)
            except Unreplayable:
                await self._start_again(store)
        assert self.model.sides == await stored_sides(store)
        for mid in mids:
            groups = {row.id: row.name for row in await store.groups(mid) if row.id > 0}
            assert self.model.groups.get(mid, {}) == groups
            account = await store.account(mid)
            assert account is not None
            state = self.model.accounts[mid].get("state", "normal")
            assert state == account.state.name.lower()

    async def _start_again(self, store: Store) -> None:
        """Read the graph from an export, as the documentation says, with its cursor."""
        cursors: list[str | None] = []
        async for _ in store.edges(0, cursors.append):
            pass  # no other writer comes between this and the reads below
        self.model.sides = await stored_sides(store)
        async for owned in store.owned_groups():
            self.model.groups[owned.owner][owned.id] = owned.name
        [self.cursor] = cursors
