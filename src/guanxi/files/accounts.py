"""Import of accounts from files: mid, and any fields of the card, the privacy and the profile.

Only mid is required. A column that is missing, or empty in a line, changes nothing. A file that an
export wrote can be restored instead: then a text counts as it is, also if it is empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec
from msgspec import Struct, inspect

from guanxi.accounts.account import MAX_REASON, Ban, Card, Privacy, State
from guanxi.contract.params import LATEST
from guanxi.files import table
from guanxi.files.lines import text_of
from guanxi.files.outcome import Counts, OnConflict, Refused, reason, shared_key, shared_name
from guanxi.files.table import Request, Shape
from guanxi.text import Text
from guanxi.world.keys import MAX_KEY, is_key
from guanxi.world.profile import LEVELS

if TYPE_CHECKING:
    import duckdb

CARD, PRIVACY = Card.__struct_fields__, Privacy.__struct_fields__
STATES = {state.name.lower(): state for state in State} | {str(int(s)): s for s in State}
#: The columns that are texts, and may be empty: of the card, and the key.
_CARD_TEXTS = {name for name, value in msgspec.structs.asdict(Card()).items() if value == ""}
_TEXT_COLUMNS = frozenset({*_CARD_TEXTS, "key", "ban_reason"})
#: The columns of a ban, by its fields.
_BAN = {"reason": "ban_reason", "until": "ban_until"}
SHAPE = Shape(
    names=("mid", *CARD, *PRIVACY, "state", *_BAN.values(), "created", "key", "level"),
    required=("mid",),
    texts=_TEXT_COLUMNS,
)
#: Control characters, other than tab and line feed.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class AccountLine(Struct, frozen=True, kw_only=True):
    """One line of a file of accounts: what it changes of an account."""

    mid: int
    card: Mapping[str, str | int] = {}
    privacy: Mapping[str, bool] = {}
    state: State | None = None
    #: Of a line with the state banned; None for no change, as without its columns.
    ban: Ban | None = None
    #: In seconds since the Unix epoch; 0 if it is unknown, None for no change.
    created: int | None = None
    #: "" for none, None for no change.
    key: str | None = None
    level: int | None = None


class BadField(ValueError):
    """A field of a line is invalid. ``fault`` is a key of ``_TEXTS``, ``value`` the field."""

    def __init__(self, fault: str, value: str) -> None:
        self.fault, self.value = fault, value
        super().__init__(str(reason(fault, value, _TEXTS)))


def account_line(fields: Mapping[str, str]) -> AccountLine:
    """Return what a line, texts by column, says about its account.

    An empty text changes nothing, except a text of the card or the key. Raise BadField, which names
    the column, if one is invalid.
    """
    fields = {name: value for name, value in fields.items() if value or name in _TEXT_COLUMNS}
    state, level = fields.get("state"), fields.get("level")
    if state is not None and state.lower() not in STATES:
        raise BadField("state", state)
    if level is not None and level not in map(str, range(len(LEVELS))):
        raise BadField("level", level)
    for name in CARD:
        if _CONTROL.search(fields.get(name, "")):
            raise BadField(f"control {name}", fields[name])
    key = fields.get("key")
    if key and not is_key(key):
        raise BadField("control key" if len(key) <= MAX_KEY else "key", key)
    return AccountLine(
        mid=int(fields["mid"]),
        card=_converted(fields, CARD, Card),
        privacy=_converted(
            {name: _SWITCHES.get(value.lower(), value) for name, value in fields.items()},
            PRIVACY,
            Privacy,
        ),
        state=None if state is None else STATES[state.lower()],
        ban=_ban(fields),
        created=_created(fields),
        key=key,
        level=None if level is None else int(level),
    )


def _ban(fields: Mapping[str, str]) -> Ban | None:
    """Return the ban in a line's fields, None without any; raise BadField."""
    given = {field: fields[name] for field, name in _BAN.items() if name in fields}
    try:
        ban = msgspec.convert(given, Ban, strict=False)
    except msgspec.ValidationError as error:
        field = str(error).partition(" - at `$.")[2].rstrip("`")
        raise BadField(_BAN[field], given[field]) from None
    if not given or STATES.get(fields.get("state", "").lower()) is State.BANNED:
        return ban if given else None
    if ban != Ban():
        raise BadField("ban without state", fields.get("state", ""))
    return None


def _created(fields: Mapping[str, str]) -> int | None:
    """Return the time of creation in a line's fields, None without one; raise BadField."""
    text = fields.get("created")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LATEST))):
        raise BadField("created", text)
    return int(text)


def _whole_number(low: int | None, high: int | None) -> Text:
    return Text(
        f"{{0}}：{{1}} 不是 {low} 至 {high} 的整数",
        f"{{0}}: {{1}} is not a whole number from {low} to {high}",
    )


def _longest(characters: int | None) -> Text:
    return Text(
        f"{{0}}：{{1}} 超过 {characters} 个字符",
        f"{{0}}: {{1}} has more than {characters} characters",
    )


def _text_of_type(kind: inspect.Type) -> Text:
    """Return the sentence for a value that a field of this type cannot have."""
    if isinstance(kind, inspect.StrType):
        return _longest(kind.max_length)
    if isinstance(kind, inspect.IntType):
        return _whole_number(kind.ge, kind.le)
    return Text("{0}：{1} 不是 true、false、1 或 0", "{0}: {1} is not true, false, 1 or 0")


def _texts_of(kind: type[Struct]) -> dict[str, Text]:
    described = cast(inspect.StructType, inspect.type_info(kind))
    return {field.name: _text_of_type(field.type) for field in described.fields}


#: By the name of the fault: a column, or "control" and a column.
_TEXTS = {
    **_texts_of(Card),
    **_texts_of(Privacy),
    "state": Text(
        "state：{1} 不是 normal、banned 或 deregistered",
        "state: {1} is not normal, banned or deregistered",
    ),
    "ban_reason": _longest(MAX_REASON),
    "ban_until": _whole_number(0, LATEST),
    "ban without state": Text(
        "ban_reason、ban_until：只用于 state 为 banned 的行，而不是 {1}",
        "ban_reason, ban_until: only of a line whose state is banned, not {1}",
    ),
    "created": _whole_number(0, LATEST),
    "key": _longest(MAX_KEY),
    "level": _whole_number(0, len(LEVELS) - 1),
    **{
        f"control {name}": Text(
            f"{name}：{{1}} 含有控制字符", f"{name}: {{1}} has control characters"
        )
        for name in (*CARD, "key")
    },
}
_SWITCHES = {"t": "true", "f": "false"}
#: The faults of a line that has what an earlier one has.
_SHARED = {"name of a line": shared_name, "key of a line": shared_key}


def _converted(fields: Mapping[str, str], names: Sequence[str], kind: type[Struct]) -> Any:
    given = {name: fields[name] for name in names if name in fields}
    if not given:
        return {}
    try:
        converted = msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        name = str(error).partition(" - at `$.")[2].rstrip("`")
        raise BadField(name, given[name]) from None
    return {name: getattr(converted, name) for name in given}


class Accounts(NamedTuple):
    """Lines of accounts in a database, each mid once."""

    counts: Counts
    db: duckdb.DuckDBPyConnection
    parts: tuple[table.Part, ...]
    #: Whether the request is exact: the accounts of an export, whose names may be shared.
    is_exact: bool

    def lines(self) -> Iterator[tuple[int, AccountLine]]:
        """Yield what is to be written, each with its row's id, in the order of the files."""
        for row, fields in _rows(self.db, "fault IS NULL AND NOT dropped"):
            yield row, account_line(fields)

    def no_values(self) -> list[str]:
        """Return the texts that may have been meant as no value, such as NULL."""
        marks = ", ".join(map(text_of, sorted(table.NO_VALUE)))
        texts = " UNION ALL ".join(
            f"SELECT {name} AS t FROM account WHERE fault IS NULL AND lower({name}) IN ({marks})"
            for name in sorted(_TEXT_COLUMNS)
        )
        return [
            t for (t,) in self.db.execute(f"SELECT DISTINCT t FROM ({texts}) ORDER BY t").fetchall()
        ]

    def counted(self) -> Counts:
        """Return the counts with the lines that are refused by now."""
        return _counts(self.db, self.parts, self.counts.repeated, self.counts.conflicting)

    def refuse(self, rows: Sequence[tuple[int, str, str | None]]) -> None:
        """Mark rows (id, fault, value) as refused."""
        _refuse(self.db, rows)

    def refused(self) -> Iterator[Refused]:
        """Yield the refused lines, in the order of the files."""
        for at, _ in enumerate(self.parts):
            rows = self.db.execute(
                "SELECT line, fault, value, text FROM account"
                f" WHERE fault IS NOT NULL AND file = {at} ORDER BY line"
            ).fetchall()
            yield from table.refused_rows(self.db, self.parts, at, rows, partial(self._why, at))

    def _why(self, at: int, fault: str, value: str | None) -> Text:
        """Return why a line of part ``at`` is refused."""
        if fault in _SHARED:
            other, _, same = str(value).partition(" ")
            return _SHARED[fault](same, *table.other_line(self.db, self.parts, at, other))
        return reason(fault, value, _TEXTS) if fault in _TEXTS else reason(fault, value)


def _rows(db: duckdb.DuckDBPyConnection, where: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the id and the texts of each row that is selected, in the order of the files."""
    names = SHAPE.names
    with db.cursor() as cursor:
        cursor.execute(
            f"SELECT rowid, {', '.join(names)} FROM account WHERE {where} ORDER BY rowid"
        )
        while rows := cursor.fetchmany(10_000):
            for row, *values in rows:
                yield (
                    row,
                    {
                        name: value
                        for name, value in zip(names, values, strict=True)
                        if value is not None
                    },
                )


def _refuse(db: duckdb.DuckDBPyConnection, rows: Sequence[tuple[int, str, str | None]]) -> None:
    if rows:
        ids, faults, values = (list(column) for column in zip(*rows, strict=True))
        db.execute(
            "UPDATE account SET fault = bad.fault, value = bad.value FROM"
            " (SELECT unnest(?::BIGINT[]) AS id, unnest(?::VARCHAR[]) AS fault,"
            " unnest(?::VARCHAR[]) AS value) AS bad WHERE bad.id = account.rowid",
            [ids, faults, values],
        )


@contextmanager
def read_accounts(request: Request, *, on_conflict: OnConflict = "newest") -> Iterator[Accounts]:
    """Read and check the accounts of files, and yield them while their database exists.

    Of two different lines of one mid, "newest" keeps the later one, "oldest" the earlier; "refuse"
    refuses the later. Raise StoreError if a file cannot be read. Refused lines are only counted.
    """
    with table.opened(request, SHAPE) as (db, parts):
        columns = ", ".join(f"{name} VARCHAR" for name in SHAPE.names)
        db.execute(
            f"CREATE TABLE account (file UTINYINT, line BIGINT, {columns}, fault VARCHAR,"
            " value VARCHAR, text VARCHAR, dropped BOOLEAN)"
        )
        mid = (
            "fault IS NULL AND NOT coalesce(regexp_full_match(mid, '[0-9]{1,19}')"
            " AND TRY_CAST(mid AS BIGINT) > 0, false)"
        )
        for at, part in enumerate(parts):
            with table.failures(db, part.name):
                db.execute(
                    f"INSERT INTO account SELECT {at}, line, {', '.join(SHAPE.names)},"
                    f" CASE WHEN {mid} THEN 'mid' ELSE fault END,"
                    f" CASE WHEN {mid} THEN mid ELSE text END, text, false FROM ({part.select})"
                )
        with table.failures(db, "accounts"):
            _check(db)
            repeated, conflicting = _resolve(db, on_conflict)
            yield Accounts(_counts(db, parts, repeated, conflicting), db, parts, request.exact)


def _counts(
    db: duckdb.DuckDBPyConnection, parts: tuple[table.Part, ...], repeated: int, conflicting: int
) -> Counts:
    rejected = sum(len(table.rejected(db, part.rejects)) for part in parts)
    [(read, faults)] = db.execute("SELECT count(*), count(fault) FROM account").fetchall()
    return Counts(
        read=read + rejected,
        refused=faults + rejected,
        repeated=repeated,
        conflicting=conflicting,
    )


def _check(db: duckdb.DuckDBPyConnection) -> None:
    """Refuse the lines with an invalid field."""
    bad: list[tuple[int, str, str | None]] = []
    for row, fields in _rows(db, "fault IS NULL"):
        try:
            account_line(fields)
        except BadField as error:
            bad.append((row, error.fault, error.value))
    _refuse(db, bad)


def _resolve(db: duckdb.DuckDBPyConnection, on_conflict: OnConflict) -> tuple[int, int]:
    """Drop all but one line of each mid; return how many were repeated, and how many in conflict.

    If ``on_conflict`` is "refuse", the later line gets the fault "conflict" instead of the latter.
    """
    names = ", ".join(SHAPE.names[1:])
    order = "id DESC" if on_conflict == "newest" else "id"
    db.execute(
        "CREATE TABLE several AS SELECT *, row_number() OVER same > 1 AS repeated FROM"
        " (SELECT rowid AS id, mid::BIGINT AS number, file || ':' || line AS origin,"
        f" {names} FROM account WHERE fault IS NULL)"
        f" WINDOW same AS (PARTITION BY number, {names} ORDER BY id)"
    )
    db.execute(
        "CREATE TABLE losing AS SELECT id, first FROM (SELECT id, row_number() OVER best AS rank,"
        " first_value(origin) OVER best AS first FROM several WHERE NOT repeated"
        f" WINDOW best AS (PARTITION BY number ORDER BY {order})) WHERE rank > 1"
    )
    [(repeated, losing)] = db.execute(
        "SELECT (SELECT count(*) FROM several WHERE repeated), (SELECT count(*) FROM losing)"
    ).fetchall()
    db.execute(
        "UPDATE account SET dropped = true WHERE rowid IN (SELECT id FROM several WHERE repeated)"
    )
    if on_conflict == "refuse":
        db.execute(
            "UPDATE account SET fault = 'conflict', value = first FROM losing"
            " WHERE losing.id = account.rowid"
        )
        return repeated, 0
    db.execute("UPDATE account SET dropped = true WHERE rowid IN (SELECT id FROM losing)")
    return repeated, losing
