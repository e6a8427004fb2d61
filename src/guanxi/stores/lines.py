"""Checks of an import's rows, each row alone; shared by every engine."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from guanxi.contract.limits import Limits
from guanxi.graph.groups import CreateGroup, GroupFacts, PutGroup, decide_group
from guanxi.graph.pair import sort_key_of_mtime
from guanxi.stores.port import BadLine, EdgeRow
from guanxi.text import Text

KINDS = ("follow", "whisper", "block")
#: The highest value of ``EdgeRow.finer``; the lowest is 0.
MAX_FINER = sort_key_of_mtime(1) - 1
#: How many rows are read and written in one step.
CHUNK = 10_000

#: Why a row is invalid after others or in a store.
REPEATED = Text("与前面的一行重复或矛盾", "an earlier line repeats or contradicts this one")
#: The latest time of a relation, in seconds since the Unix epoch: the end of the year 9999.
LATEST = 253_402_300_799
UNKNOWN_ACCOUNT = Text("有账号不存在", "one of the accounts is unknown")
ERASED_ACCOUNT = Text(
    "有账号已被抹除，其 mid 不再使用",
    "one of the accounts was erased, and its mid is not used again",
)
OTHER_TIME = Text("库中这一关系的时间不同", "the store has this relation with another time")
CONTRADICTION = Text(
    "与库中两个账号的关系矛盾",
    "this contradicts a relation between the two accounts in the store",
)


def first_invalid(chunk: Iterable[EdgeRow], lines: int, now: int) -> BadLine:
    """Return the error of the first row in ``chunk`` that is invalid on its own.

    Groups, contract and visits are not checked. ``lines`` is the number of rows before the chunk;
    ``now``, the latest time allowed, is in seconds since the Unix epoch. Raise AssertionError if
    every row is valid.
    """
    for line, row in enumerate(chunk, lines + 1):
        if row.kind not in KINDS:
            return BadLine(
                line,
                Text(
                    f"kind {row.kind!r} 不是 follow、whisper 或 block",
                    f"kind {row.kind!r} is not follow, whisper or block",
                ),
            )
        if not (0 < row.follower < 2**63 and 0 < row.followed < 2**63):
            return BadLine(
                line, Text("账号须为 1 至 2^63 - 1", "an account id must be from 1 to 2^63 - 1")
            )
        if row.follower == row.followed:
            return BadLine(
                line,
                Text(
                    "账号不能关注、悄悄关注或拉黑自己",
                    "an account cannot follow, whisper to or block itself",
                ),
            )
        if not 0 <= row.time <= now:
            return BadLine(
                line,
                Text(
                    f"time {row.time} 不是 1970 年以来已过的秒数（是毫秒吗？）",
                    f"time {row.time} is not a past second since 1970 (milliseconds?)",
                ),
            )
        if not 0 <= row.finer <= MAX_FINER:
            return BadLine(
                line,
                Text(
                    f"finer {row.finer} 不在 0 至 {MAX_FINER} 之间",
                    f"finer {row.finer} is not from 0 to {MAX_FINER}",
                ),
            )
        if row.special and row.kind != "follow":
            return BadLine(line, Text("只有关注可以设为特别", "only a follow can be special"))
    raise AssertionError("the table refused a row, but every row of the chunk is valid")


def has_extras(row: EdgeRow) -> bool:
    """Return whether an edge has groups, a contract or visits."""
    return bool(row.groups) or row.contract is not None or row.visits != 0


def group_names(line: int, row: EdgeRow) -> list[str]:
    """Return the unique group names of an edge for which ``has_extras`` is true, as stored.

    ``line`` is for the error: ``BadLine`` if the edge is not a follow, or if its visits, its
    contract or a group name are invalid.
    """
    if row.kind != "follow":
        raise BadLine(
            line,
            Text(
                "只有关注可以有分组、契约或访问次数",
                "only a follow can be in groups, under contract or visited",
            ),
        )
    if not 0 <= row.visits < 2**63:
        raise BadLine(
            line,
            Text(
                f"visits {row.visits} 不在 0 至 2^63 - 1 之间",
                f"visits {row.visits} is not from 0 to 2^63 - 1",
            ),
        )
    if row.contract is not None and not all(
        -(2**63) <= number < 2**63 for number in (row.contract.ts, row.contract.user_attr)
    ):
        raise BadLine(
            line,
            Text(
                "contract 的数不在 -2^63 至 2^63 - 1 之间",
                "a contract's numbers must be from -2^63 to 2^63 - 1",
            ),
        )
    names: dict[str, None] = {}
    for name in row.groups:
        cleaned = group_name(name)
        if cleaned is None:
            raise BadLine(
                line, Text(f"{name!r} 不是有效的分组名", f"{name!r} is not a valid group name")
            )
        names[cleaned] = None
    return list(names)


@lru_cache(maxsize=10_000)
def group_name(name: str) -> str | None:
    """Return a group name as the rules store it, without outer spaces; None if it is invalid."""
    caps = Limits().caps
    facts = GroupFacts(names={}, name_length=caps.group_name, max_groups=caps.groups)
    change = decide_group(CreateGroup(owner=0, name=name, group=1), facts)
    return change.name if isinstance(change, PutGroup) else None
