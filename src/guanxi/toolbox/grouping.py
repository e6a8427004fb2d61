"""Sort followings into groups: by a list of names, or by keywords and a table written by hand.

A file of rules is TOML:

    mode = "first"                      # or "all": every group whose keyword is found
    fields = ["name", "sign", "note", "zone"]

    [rules]
    music = ["music", "piano"]          # in this order; upper and lower case are the same

    [manual]
    123 = "friends"                     # or ["friends", "music"]; wins over the rules
"""

from __future__ import annotations

import sqlite3
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from unicodedata import category

import msgspec
from msgspec import Struct

from guanxi.contract.limits import Limits
from guanxi.contract.relations import DEFAULT_NAME, SPECIAL_NAME
from guanxi.contract.undecodable import UNDECODABLE, why
from guanxi.text import Text
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.selection import Words

_LONGEST = Limits().group_name
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
#: The names of the groups that every account has.
_RESERVED = frozenset({SPECIAL_NAME, DEFAULT_NAME})

_NO_GROUP = Text("→ 无分组 [手工指定]", "→ no group [by hand]")
_NOT_FOLLOWED = Text("在 [manual] 中，但未关注", "in [manual], not followed")

Field = Literal["name", "sign", "note", "zone"]


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of rules."""

    rules: dict[str, list[str]] = {}
    manual: dict[str, str | list[str]] = {}
    mode: Literal["first", "all"] = "first"
    fields: tuple[Field, ...] = ("name", "sign", "note", "zone")


def read_rules(path: Path | str) -> Rules:
    """Return the rules of a file. Raise SelectionError for invalid ones, and OSError."""
    try:
        rules = msgspec.convert(tomllib.loads(Path(path).read_text("utf-8-sig")), Rules)
    except (ValueError, *UNDECODABLE) as error:  # tomllib raises more than its own
        raise SelectionError(f"{path} 无效：{why(error)}", f"{path}: {why(error)}") from None
    for group, keywords in rules.rules.items():
        if checked_name(group) != group or not all(map(str.strip, keywords)):
            raise SelectionError(
                f"{path}：分组 {group} 的关键词不能为空", f"{path}: {group} has an empty keyword"
            )
    for mid, groups in rules.manual.items():
        if not (mid.isascii() and mid.isdigit() and 1 <= int(mid[:20]) < 2**63):
            raise SelectionError(
                f"{path}：[manual] 中的 {mid} 不是 id", f"{path}: {mid} in [manual] is no id"
            )
        for group in [groups] if isinstance(groups, str) else groups:
            checked_name(group)
    return rules


def checked_name(name: str) -> str:
    """Return the name of a group without outer spaces. Raise SelectionError for an invalid one."""
    cleaned = name.strip()
    is_plain = not any(category(one) in _CONTROL for one in cleaned)
    if not (1 <= len(cleaned) <= _LONGEST and is_plain) or cleaned in _RESERVED:
        raise SelectionError(
            f"{cleaned!r} 不能作分组名：须为 1 至 {_LONGEST} 个字符，且不是系统分组",
            f"{cleaned!r} cannot name a group: 1 to {_LONGEST} characters, and no built-in group",
        )
    return cleaned


def sort_into_groups(
    archive: Archive, rules: Rules, to: tuple[str, ...], *, add: bool, words: Words = str
) -> tuple[str, ...]:
    """Set ``target`` in the table ``chosen``: the names of all groups afterwards, as JSON.

    Accounts without a matching rule, and those whose groups would not change, are left out. Return
    the groups that must be created, in the order of ``to`` or of the rules.
    """
    db = archive.db
    db.execute(
        "CREATE TEMP TABLE target (mid INTEGER PRIMARY KEY, groups TEXT, reason TEXT, out TEXT)"
    )
    db.executemany("INSERT INTO target VALUES (?, ?, ?, ?)", _targets(db, rules, to, add, words))
    db.execute(
        """UPDATE chosen SET target = t.groups, made_special = special, out = t.out,
        reason = chosen.reason || CASE WHEN chosen.reason <> '' THEN ?
            ELSE '' END || coalesce(t.reason, '')
        FROM target AS t WHERE t.mid = chosen.mid""",
        (words(Text("；", "; ")),),
    )
    db.executemany(
        """INSERT OR IGNORE INTO chosen (mid, name, reason, out, attribute, special, since, listed)
        SELECT ?1, '', '', ?2, 0, 0, 0, 0 WHERE ?1 NOT IN (SELECT mid FROM followings)""",
        ((int(mid), words(_NOT_FOLLOWED)) for mid in rules.manual),
    )
    manual = [name for groups in rules.manual.values() for name in _several(groups)]
    wanted = dict.fromkeys([*to, *rules.rules, *map(checked_name, manual)])
    needed = {
        row[0]
        for row in db.execute(
            """SELECT DISTINCT e.value FROM chosen, json_each(chosen.target) AS e
            WHERE chosen.out IS NULL AND e.value NOT IN (SELECT name FROM groups)"""
        )
    }
    return tuple(name for name in wanted if name in needed)


def _targets(
    db: sqlite3.Connection,
    rules: Rules,
    to: tuple[str, ...],
    add: bool,
    words: Words,
) -> Iterator[tuple[int, str | None, str | None, str | None]]:
    """Yield mid, groups afterwards, reason, and why it is left out, for each chosen account."""
    keywords = [(group, [one.casefold() for one in many]) for group, many in rules.rules.items()]
    for row in db.execute("SELECT * FROM chosen WHERE out IS NULL"):
        found = dict.fromkeys(to, "") if to else _matches(row, rules, keywords, words)
        if found is None:
            yield row["mid"], None, None, words(Text("没有规则符合", "no rule matches"))
            continue
        before = msgspec.json.decode(row["groups"] or "[]", type=list[str])
        after = [*before, *found] if add else [*found]
        after = [*dict.fromkeys(after)]
        same = set(after) == set(before)
        out = words(Text("已在其中", "already so")) if same else None
        reason = ", ".join(f"→ {group}{why}" for group, why in found.items()) or words(_NO_GROUP)
        yield row["mid"], msgspec.json.encode(after).decode(), reason, out


def _matches(
    row: sqlite3.Row, rules: Rules, keywords: list[tuple[str, list[str]]], words: Words
) -> dict[str, str] | None:
    """Return the groups that an account belongs to, each with why; None if no rule matches."""
    by_hand = rules.manual.get(str(row["mid"]))
    if by_hand is not None:
        why = words(Text(" [手工指定]", " [by hand]"))
        return {checked_name(group): why for group in _several(by_hand)}
    texts = [(field, (row[field] or "").casefold()) for field in rules.fields]
    found: dict[str, str] = {}
    for group, many in keywords:
        hit = next(((k, field) for k in many for field, text in texts if k in text), None)
        if hit is not None:
            found[group] = " [{} ← {}]".format(*hit)
            if rules.mode == "first":
                break
    return found or None


def _several(groups: str | list[str]) -> list[str]:
    return [groups] if isinstance(groups, str) else groups
