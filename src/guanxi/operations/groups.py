"""Create groups of followings."""

from __future__ import annotations

from guanxi.accounts.chance import Chance, system
from guanxi.contract.limits import Limits
from guanxi.graph.groups import CreateGroup
from guanxi.stores.group_ids import new_group_id
from guanxi.stores.port import Store


async def create(
    store: Store, owner: int, name: str, limits: Limits, chance: Chance = system
) -> tuple[int, int]:
    """Create a group with a random unused id; return a code and the id.

    Code 0: the group was created. Any other code is that of the rule that refused it, and no group
    has the id.
    """
    group = new_group_id({row.id for row in await store.groups(owner)}, chance)
    [code] = await store.change([CreateGroup(owner, name, group)], limits.caps)
    return code, group
