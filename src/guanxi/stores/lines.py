"""The lines of an import: what can be told of each by itself, on every engine."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from guanxi.contract.limits import Limits
from guanxi.graph.groups import CreateGroup, GroupFacts, PutGroup, decide_group
from guanxi.graph.pair import sort_key_of_mtime
from guanxi.stores.port import BadLine, EdgeRow

KINDS = ("follow", "whisper", "block")
#: The last place of a second, as its first is 0.
FINEST = sort_key_of_mtime(1) - 1
#: How many lines are taken at once.
CHUNK = 10_000


def first_unfit(chunk: Iterable[EdgeRow], lines: int, now: int) -> BadLine:
    """What is wrong with the first edge, behind so many lines, that cannot be by itself."""
    for line, row in enumerate(chunk, lines + 1):
        if row.kind not in KINDS:
            return BadLine(line, f"kind {row.kind!r} is not follow, whisper or block")
        if not (0 < row.follower < 2**63 and 0 < row.followed < 2**63):
            return BadLine(line, "an account is a whole number from 1, below 2^63")
        if row.follower == row.followed:
            return BadLine(line, "an account cannot follow, whisper to or block itself")
        if not 0 <= row.time <= now:
            return BadLine(line, f"time {row.time} is no past second since 1970 (milliseconds?)")
        if not 0 <= row.finer <= FINEST:
            return BadLine(line, f"finer {row.finer} is not from 0 to {FINEST}")
        if row.special and row.kind != "follow":
            return BadLine(line, "only a follow can be special")
    raise AssertionError("the table refused a row that fits")


def has_more(row: EdgeRow) -> bool:
    """Whether an edge has groups, a contract or visits."""
    return bool(row.groups) or row.contract is not None or row.visits != 0


def group_names(line: int, row: EdgeRow) -> list[str]:
    """The groups of an edge that has more; ``BadLine`` where it cannot have what it has."""
    if row.kind != "follow":
        raise BadLine(line, "only a follow can be in groups, under contract or visited")
    if not 0 <= row.visits < 2**63:
        raise BadLine(line, f"visits {row.visits} is no count")
    names: dict[str, None] = {}
    for name in row.groups:
        cleaned = group_name(name)
        if cleaned is None:
            raise BadLine(line, f"{name!r} cannot be the name of a group")
        names[cleaned] = None
    return list(names)


@lru_cache(maxsize=10_000)
def group_name(name: str) -> str | None:
    """A group's name as the rules have it; None where they refuse it."""
    limits = Limits()
    facts = GroupFacts(names={}, name_length=limits.group_name, max_groups=limits.groups)
    change = decide_group(CreateGroup(owner=0, name=name, group=1), facts)
    return change.name if isinstance(change, PutGroup) else None
