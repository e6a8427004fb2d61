"""The difference of two snapshots: who came, who left, what changed, and what cannot be known.

    found = difference(archive)
    found.counts()["followings"]["left"]
    for change in found.changes("followers", "came"):
        print(change.mid, change.name)

Nothing is guessed. ``left`` needs a list that is complete in both snapshots, ``came`` one that is
complete in the first; whoever would otherwise be either is in ``first_seen`` or in ``unknown``,
the latter with a reason: one of ``Reading`` (``cap``: beyond what the server shows, ``hidden``,
``moved``, ``interrupted``, ``refused``) or ``deregistered``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from guanxi.contract.relations import DEREGISTERED_NAME
from guanxi.toolbox import snapshots
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import NoSuchSnapshot, SelectionError
from guanxi.toolbox.snapshots import Reading

SCHEMA_VERSION = 1


class Change(Struct, frozen=True, omit_defaults=True):
    """One account or group in a category, with what the category has to say of it.

    ``mid`` is None for a group, ``id`` for an account. ``before`` and ``after`` are names, or the
    names of the account's groups.
    """

    mid: int | None = None
    id: int | None = None
    name: str = ""
    before: str | list[str] | None = None
    after: str | list[str] | None = None
    reason: str | None = None


class Difference:
    """What changed from one finished snapshot to a later one.

    ``before`` and ``after`` are their numbers; ``readings`` has both readings of each list that
    both snapshots read. The changes are read from the archive when they are needed.
    """

    def __init__(self, archive: Archive, before: int, after: int, lists: Collection[str]) -> None:
        self.archive = archive
        self.before = before
        self.after = after
        old, new = (snapshots.readings(archive, number) for number in (before, after))
        self.readings: dict[str, tuple[Reading, Reading]] = {
            name: (old[name], new[name]) for name in lists if name in old and name in new
        }
        #: Lists that one of the two did not read: nothing is known of them.
        self.not_read = [name for name in lists if name not in self.readings]

    def changes(self, name: str, category: str) -> Iterator[Change]:
        """Yield the changes of a category (see ``CATEGORIES``) of a list, by mid or group id."""
        sql, values = self._query(name, category)
        key = "id" if name == "groups" else "mid"
        for found, called, before, after, reason in self.archive.db.execute(sql, values):
            yield Change(
                **{key: found},
                name=called,
                before=_decoded(category, before),
                after=_decoded(category, after),
                reason=reason,
            )

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many changes each category of each list has that both snapshots read."""
        return {
            name: {category: self._count(name, category) for category in CATEGORIES[name]}
            for name in self.readings
        }

    def has_changes(self) -> bool:
        """Return whether anything changed, apart from what cannot be known."""
        return any(
            count
            for found in self.counts().values()
            for category, count in found.items()
            if category != "unknown"
        )

    def json(self, encode: Callable[[Any], str] = json.dumps, *, limit: int = -1) -> Iterator[str]:
        """Yield the parts of one JSON object with all changes, as docs/tools.md describes it.

        ``encode`` encodes a value. ``limit`` bounds the changes of each category, -1 for all; the
        counts are those of all.
        """
        head = {
            "schema_version": SCHEMA_VERSION,
            "from": self.snapshot(self.before),
            "to": self.snapshot(self.after),
            "counts": self.counts(),
            "not_read": self.not_read,
        }
        yield encode(head)[:-1]
        for name, (old, new) in self.readings.items():
            readings = {"from": msgspec.to_builtins(old), "to": msgspec.to_builtins(new)}
            yield f', {encode(name)}: {{"readings": {encode(readings)}'
            for category in CATEGORIES[name]:
                yield f", {encode(category)}: ["
                changes = self.changes(name, category)
                for number, change in enumerate(islice(changes, limit) if limit >= 0 else changes):
                    yield (", " if number else "") + encode(msgspec.to_builtins(change))
                yield "]"
            yield "}"
        yield "}"

    def snapshot(self, number: int) -> dict[str, Any]:
        """Return a snapshot's ``id``, and when it ``begun`` and ``ended``, UTC as text."""
        sql = "SELECT id, begun, ended FROM snapshots WHERE id = ?"
        return dict(self.archive.rows(sql, (number,))[0])

    def _count(self, name: str, category: str) -> int:
        sql, values = self._query(name, category)
        return int(self.archive.rows(f"SELECT count(*) FROM ({sql})", values)[0][0])

    def _query(self, name: str, category: str) -> tuple[str, dict[str, Any]]:
        old, new = self.readings[name]
        return CATEGORIES[name][category], {
            "list": name,
            "a": self.before,
            "b": self.after,
            "whole_a": old.complete,
            "whole_b": new.complete,
            "reason_a": old.reason,
            "reason_b": new.reason,
        }


def difference(
    archive: Archive,
    a: int | None = None,
    b: int | None = None,
    *,
    lists: Collection[str] | None = None,
) -> Difference:
    """Return the difference from snapshot ``a`` to the later snapshot ``b``.

    ``b`` is the newest finished snapshot by default, ``a`` the one before ``b``. ``lists`` are
    names in ``CATEGORIES``, all by default. Raise NoSuchSnapshot, and SelectionError if ``a`` is
    the later one.
    """
    if b is None:
        b = archive.newest()
    if a is None and b is not None:
        sql = "SELECT max(id) FROM snapshot WHERE ended IS NOT NULL AND id < ?"
        a = archive.rows(sql, (b,))[0][0]
    if a is None or b is None:
        raise NoSuchSnapshot(
            "比较需要两个快照，请再次运行 guanxi backup",
            "a difference needs two snapshots: run guanxi backup once more",
        )
    if a > b:
        raise SelectionError(
            f"快照 {a} 比 {b} 新，请先写较早的", f"snapshot {a} is newer than {b}: name it second"
        )
    return Difference(archive, a, b, CATEGORIES if lists is None else lists)


def _decoded(category: str, value: str | None) -> str | list[str] | None:
    return json.loads(value) if category == "groups_changed" and value is not None else value


# The statements. ``x`` is a row that is true at snapshot a, ``y`` one that is true at b. A list
# that was not complete carries rows on that it did not show: their ``seen`` is then older.


def _true(alias: str, at: str) -> str:
    return f"{alias}.first <= :{at} AND ({alias}.until IS NULL OR {alias}.until > :{at})"


_AT_A, _AT_B = _true("x", "a"), _true("y", "b")
_IN_A = f"EXISTS (SELECT 1 FROM item AS x WHERE x.list = y.list AND x.mid = y.mid AND {_AT_A})"
_IN_B = f"EXISTS (SELECT 1 FROM item AS y WHERE y.list = x.list AND y.mid = x.mid AND {_AT_B})"
_WHOLE = "(:whole_a AND :whole_b)"


def _name(alias: str) -> str:
    """Return the SQL of an account's newest name until b; the one it had before it deregistered."""
    return f"""coalesce((SELECT p.name FROM profile AS p WHERE p.mid = {alias}.mid
        AND p.first <= :b AND p.name <> '{DEREGISTERED_NAME}'
        ORDER BY p.first DESC LIMIT 1), '{DEREGISTERED_NAME}')"""


def _deregistered(alias: str) -> str:
    return f"""(EXISTS (SELECT 1 FROM profile AS p WHERE p.mid = {alias}.mid
        AND p.name = '{DEREGISTERED_NAME}' AND {_true("p", "b")})
        OR EXISTS (SELECT 1 FROM fact AS f
            WHERE f.mid = {alias}.mid AND f.state = 'deregistered'))"""


def _groups(alias: str, at: str) -> str:
    return f"""(SELECT json_group_array(name) FROM (
        SELECT coalesce(g.name, e.value || '') AS name FROM json_each({alias}.groups) AS e
        LEFT JOIN grp AS g ON g.id = e.value AND {_true("g", at)} ORDER BY 1))"""


def _came(condition: str) -> str:
    return f"""SELECT y.mid, {_name("y")} AS name, NULL, NULL, NULL FROM item AS y
    WHERE y.list = :list AND {_AT_B} AND y.first > :a AND y.seen >= :b AND NOT {_IN_A}
    AND {condition} ORDER BY y.mid"""


def _changed(condition: str, before: str = "NULL", after: str = "NULL") -> str:
    return f"""SELECT y.mid, {_name("y")} AS name, {before}, {after}, NULL
    FROM item AS y JOIN item AS x ON x.list = y.list AND x.mid = y.mid AND {_AT_A}
    WHERE y.list = :list AND {_AT_B} AND y.first > :a AND {condition} ORDER BY y.mid"""


def _profile(condition: str, before: str = "NULL") -> str:
    return f"""SELECT y.mid, {_name("y")} AS name, {before}, NULL, NULL
    FROM profile AS y JOIN profile AS x ON x.mid = y.mid AND {_AT_A}
    WHERE {_AT_B} AND y.first > :a AND x.name <> y.name AND {condition}
    AND EXISTS (SELECT 1 FROM item AS i
        WHERE i.list = :list AND i.mid = y.mid AND {_true("i", "b")})
    ORDER BY y.mid"""


#: The ones left without a certain answer; of two reasons the first snapshot's.
_UNKNOWN = f"""
SELECT y.mid, {_name("y")} AS name, NULL, NULL, :reason_b AS reason FROM item AS y
WHERE y.list = :list AND {_AT_B} AND NOT :whole_b AND y.seen >= :a AND y.seen < :b
UNION ALL
SELECT x.mid, {_name("x")}, NULL, NULL,
    CASE WHEN NOT :whole_a THEN :reason_a WHEN NOT :whole_b THEN :reason_b ELSE 'deregistered' END
FROM item AS x
WHERE x.list = :list AND {_AT_A} AND x.until <= :b AND NOT {_IN_B}
    AND (NOT {_WHOLE} OR {_deregistered("x")})
UNION ALL
SELECT y.mid, {_name("y")}, NULL, NULL, 'deregistered'
FROM item AS y JOIN item AS x ON x.list = y.list AND x.mid = y.mid AND {_AT_A}
WHERE y.list = :list AND :list = 'followings' AND {_AT_B} AND y.first > :a
    AND x.attribute = 6 AND y.attribute <> 6 AND {_deregistered("y")}
ORDER BY 1
"""
_EACH = {
    "came": _came(":whole_a"),
    "first_seen": _came("NOT :whole_a"),
    "left": f"""SELECT x.mid, {_name("x")} AS name, NULL, NULL, NULL FROM item AS x
    WHERE x.list = :list AND {_AT_A} AND x.until <= :b AND NOT {_IN_B}
    AND {_WHOLE} AND NOT {_deregistered("x")} ORDER BY x.mid""",
}
_FOLLOWINGS = {
    "became_mutual": _changed("x.attribute <> 6 AND y.attribute = 6"),
    "stopped_following_you": _changed(
        f"x.attribute = 6 AND y.attribute <> 6 AND NOT {_deregistered('y')}"
    ),
    "became_special": _changed("y.special AND NOT x.special"),
    "no_longer_special": _changed("x.special AND NOT y.special"),
    "groups_changed": _changed("x.groups IS NOT y.groups", _groups("x", "a"), _groups("y", "b")),
    "renamed": _profile(f"y.name <> '{DEREGISTERED_NAME}'", "x.name"),
    "deregistered": _profile(f"y.name = '{DEREGISTERED_NAME}'"),
}
_GROUP_IN_A = f"EXISTS (SELECT 1 FROM grp AS x WHERE x.id = y.id AND {_AT_A})"
_GROUP_IN_B = f"EXISTS (SELECT 1 FROM grp AS y WHERE y.id = x.id AND {_AT_B})"
_GROUPS = {
    "created": f"""SELECT y.id, y.name, NULL, NULL, NULL FROM grp AS y
    WHERE {_AT_B} AND NOT {_GROUP_IN_A} AND {_WHOLE} ORDER BY y.id""",
    "deleted": f"""SELECT x.id, x.name, NULL, NULL, NULL FROM grp AS x
    WHERE {_AT_A} AND NOT {_GROUP_IN_B} AND {_WHOLE} ORDER BY x.id""",
    "renamed": f"""SELECT y.id, y.name, x.name, NULL, NULL
    FROM grp AS y JOIN grp AS x ON x.id = y.id AND {_AT_A}
    WHERE {_AT_B} AND x.name <> y.name ORDER BY y.id""",
}

#: The categories of each list, each with the SQL of (mid or id, name, before, after, reason).
CATEGORIES: dict[str, dict[str, str]] = {
    "followings": {**_EACH, **_FOLLOWINGS, "unknown": _UNKNOWN},
    "followers": {**_EACH, "unknown": _UNKNOWN},
    "blocks": {**_EACH, "unknown": _UNKNOWN},
    "whispers": {**_EACH, "unknown": _UNKNOWN},
    "groups": _GROUPS,
}
