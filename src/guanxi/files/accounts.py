"""Import of accounts from files: mid, and any fields of the card, the privacy and the profile.

Only mid is required. A column that is missing, or empty in a line, changes nothing. A file that an
export wrote can be restored instead: then a text counts as it is, also if it is empty.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec
from msgspec import Struct, inspect
from msgspec.structs import replace

from guanxi.accounts.account import Account, AccountEdit, Card, EditRefusal, Privacy, State
from guanxi.files import table
from guanxi.files.lines import text_of
from guanxi.files.outcome import (
    SHOWN,
    Counts,
    OnConflict,
    Refused,
    RefusedLines,
    reason,
    shared_name,
)
from guanxi.files.table import Request, Shape
from guanxi.stores.port import Store
from guanxi.text import Text
from guanxi.world.kind import DocumentEdit
from guanxi.world.profile import LEVELS, PROFILE, level_of

if TYPE_CHECKING:
    import duckdb

CARD, PRIVACY = Card.__struct_fields__, Privacy.__struct_fields__
STATES = {state.name.lower(): state for state in State} | {str(int(s)): s for s in State}
#: How many accounts are read, compared and written at a time. Each is a write of its own, and the
#: store commits those that wait in few transactions.
_CHUNK = 256
#: The fields of the card that are texts, and may be empty.
_CARD_TEXTS = {name for name, value in msgspec.structs.asdict(Card()).items() if value == ""}
SHAPE = Shape(
    names=("mid", *CARD, *PRIVACY, "state", "level"),
    required=("mid",),
    texts=frozenset(_CARD_TEXTS),
)
#: Control characters, other than tab and line feed.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class AccountLine(Struct, frozen=True, kw_only=True):
    """One line of a file of accounts: what it changes of an account."""

    mid: int
    card: Mapping[str, str | int] = {}
    privacy: Mapping[str, bool] = {}
    state: State | None = None
    level: int | None = None


class BadField(ValueError):
    """A field of a line is invalid. ``fault`` is a key of ``_TEXTS``, ``value`` the field."""

    def __init__(self, fault: str, value: str) -> None:
        self.fault, self.value = fault, value
        super().__init__(str(reason(fault, value, _TEXTS)))


def account_line(fields: Mapping[str, str]) -> AccountLine:
    """Return what a line, texts by column, says about its account.

    An empty text changes nothing, except a text of the card. Raise BadField, which names the
    column, if one is invalid.
    """
    fields = {name: value for name, value in fields.items() if value or name in _CARD_TEXTS}
    state, level = fields.get("state"), fields.get("level")
    if state is not None and state.lower() not in STATES:
        raise BadField("state", state)
    if level is not None and level not in map(str, range(len(LEVELS))):
        raise BadField("level", level)
    for name in CARD:
        if _CONTROL.search(fields.get(name, "")):
            raise BadField(f"control {name}", fields[name])
    return AccountLine(
        mid=int(fields["mid"]),
        card=_converted(fields, CARD, Card),
        privacy=_converted(
            {name: _SWITCHES.get(value.lower(), value) for name, value in fields.items()},
            PRIVACY,
            Privacy,
        ),
        state=None if state is None else STATES[state.lower()],
        level=None if level is None else int(level),
    )


def _whole_number(low: int | None, high: int | None) -> Text:
    return Text(
        f"{{0}}：{{1}} 不是 {low} 至 {high} 的整数",
        f"{{0}}: {{1}} is not a whole number from {low} to {high}",
    )


def _text_of_type(kind: inspect.Type) -> Text:
    """Return the sentence for a value that a field of this type cannot have."""
    if isinstance(kind, inspect.StrType):
        return Text(
            f"{{0}}：{{1}} 超过 {kind.max_length} 个字符",
            f"{{0}}: {{1}} has more than {kind.max_length} characters",
        )
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
    "level": _whole_number(0, len(LEVELS) - 1),
    **{
        f"control {name}": Text(
            f"{name}：{{1}} 含有控制字符", f"{name}: {{1}} has control characters"
        )
        for name in CARD
    },
}
_SWITCHES = {"t": "true", "f": "false"}


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
        """Return the texts of cards that may have been meant as no value, such as NULL."""
        marks = ", ".join(map(text_of, sorted(table.NO_VALUE)))
        texts = " UNION ALL ".join(
            f"SELECT {name} AS t FROM account WHERE fault IS NULL AND lower({name}) IN ({marks})"
            for name in sorted(_CARD_TEXTS)
        )
        return [
            t for (t,) in self.db.execute(f"SELECT DISTINCT t FROM ({texts}) ORDER BY t").fetchall()
        ]

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
        if fault == "name of a line":
            other, _, name = str(value).partition(" ")
            return shared_name(name, *table.other_line(self.db, self.parts, at, other))
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


async def import_accounts(
    store: Store,
    accounts: Accounts,
    *,
    skip_bad: bool = False,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Counts:
    """Write accounts into a store, and return what became of the lines.

    Each account is written alone: an interruption leaves whole accounts, and the same import goes
    on from there. First every line is compared with the store: a change of a deregistered account
    is refused and, unless the request was exact, a new name that another account or an earlier line
    has. Raise RefusedLines if a
    line is refused, unless ``skip_bad``; then nothing was written. ``progress`` is called with the
    number of lines that are done.
    """
    await _check_against_store(store, accounts)
    counts = _counts(
        accounts.db, accounts.parts, accounts.counts.repeated, accounts.counts.conflicting
    )
    if counts.refused and not skip_bad:
        table.check_encoding(accounts.db, accounts.parts)
        first = [row for row, _ in zip(accounts.refused(), range(SHOWN), strict=False)]
        raise RefusedLines(first, counts.refused, several_files=len(accounts.parts) > 1)
    new = changed = unchanged = 0
    bad: list[tuple[int, str, str | None]] = []
    done = 0
    for chunk in _chunks(accounts.lines()):
        stored = await _stored(store, [line for _, line in chunk])
        writes: list[tuple[int, AccountLine, _Stored | None]] = []
        for row, line in chunk:
            current = stored.get(line.mid)
            if current is not None and _after(line, current) == current:
                unchanged += 1
            elif current is None:
                new += 1
                writes.append((row, line, current))
            else:
                changed += 1
                writes.append((row, line, current))
        if not dry_run:
            refusals = await asyncio.gather(
                *(
                    _write(store, line, current, unique_name=not accounts.is_exact)
                    for _, line, current in writes
                )
            )
            for (row, line, current), refusal in zip(writes, refusals, strict=True):
                if refusal is not None:  # a change of another client since the check
                    bad.append((row, *_fault(refusal, line)))
                    new, changed = (new - 1, changed) if current is None else (new, changed - 1)
        done += len(chunk)
        if progress is not None:
            progress(done)
    accounts.refuse(bad)
    refused = counts.refused + len(bad)
    return replace(counts, new=new, changed=changed, unchanged=unchanged, refused=refused)


def _chunks(
    lines: Iterator[tuple[int, AccountLine]],
) -> Iterator[list[tuple[int, AccountLine]]]:
    chunk: list[tuple[int, AccountLine]] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Stored(NamedTuple):
    account: Account
    card: Card
    level: int | None


async def _stored(store: Store, lines: Sequence[AccountLine]) -> dict[int, _Stored]:
    """Return the stored accounts of lines, by mid, with what the lines could change."""
    cards = await store.cards([line.mid for line in lines])
    known = [line for line in lines if line.mid in cards]
    accounts = await asyncio.gather(*(store.account(line.mid) for line in known))
    levels = iter(
        await asyncio.gather(*(_level(store, line.mid) for line in known if line.level is not None))
    )
    found = {}
    for line, account in zip(known, accounts, strict=True):
        level = next(levels) if line.level is not None else None
        if account is not None:
            found[line.mid] = _Stored(account, cards[line.mid], level)
    return found


async def _level(store: Store, mid: int) -> int:
    profile = await store.get(PROFILE, mid)
    return 0 if profile is None else level_of(profile.experience)


def _after(line: AccountLine, stored: _Stored) -> _Stored:
    """Return a stored account as a line would leave it."""
    account = replace(
        stored.account,
        state=stored.account.state if line.state is None else line.state,
        privacy=replace(stored.account.privacy, **line.privacy),
    )
    if line.state is State.DEREGISTERED:
        return stored._replace(account=account)
    return _Stored(account, replace(stored.card, **line.card), line.level)


async def _write(
    store: Store, line: AccountLine, stored: _Stored | None, *, unique_name: bool
) -> EditRefusal | None:
    ends = line.state is State.DEREGISTERED
    card = {} if ends else line.card
    level = 0 if stored is None else stored.level
    documents = [] if ends or line.level in (None, level) else [_at_level(line.level or 0)]
    edit = AccountEdit(
        card=card,
        privacy=line.privacy,
        state=line.state,
        new=None if ends and stored is not None else Card(name=f"用户{line.mid}"),
        unique_name=unique_name and "name" in card,
    )
    return await store.edit_account(line.mid, edit, documents)


def _at_level(level: int) -> DocumentEdit[Any]:
    return DocumentEdit(kind=PROFILE, fields={"experience": LEVELS[level]})


def _fault(refusal: EditRefusal, line: AccountLine) -> tuple[str, str]:
    if refusal is EditRefusal.NAME_IN_USE:
        return "name in use", str(line.card["name"])
    return "deregistered", str(line.mid)


async def _check_against_store(store: Store, accounts: Accounts) -> None:
    """Refuse new names that are in use, and changes of deregistered accounts."""
    bad: list[tuple[int, str, str | None]] = []
    later = {} if accounts.is_exact else _later_of_a_name(accounts.db)
    for chunk in _chunks(accounts.lines()):
        names = [str(line.card["name"]) for _, line in chunk if "name" in line.card]
        mids = {} if accounts.is_exact else await store.mids(names)
        cards = await store.cards([line.mid for _, line in chunk])
        states = await asyncio.gather(*(store.account(mid) for mid in cards))
        ended = {
            account.mid
            for account in states
            if account is not None and account.state is State.DEREGISTERED
        }
        for row, line in chunk:
            if line.state is State.DEREGISTERED:
                continue
            name, current = line.card.get("name"), cards.get(line.mid)
            is_new = name is not None and (current is None or current.name != name)
            if line.mid in ended:
                bad.append((row, "deregistered", str(line.mid)))
            elif is_new and mids.get(str(name), line.mid) != line.mid:
                bad.append((row, "name in use", str(name)))
            elif is_new and row in later:
                bad.append((row, "name of a line", f"{later[row]} {name}"))
    accounts.refuse(bad)


def _later_of_a_name(db: duckdb.DuckDBPyConnection) -> dict[int, str]:
    """Return the rows whose name an earlier row has: by their ids, its part and line, "P:L"."""
    rows = db.execute(
        "SELECT rowid, first FROM (SELECT rowid, row_number() OVER same AS nth,"
        " first_value(file || ':' || line) OVER same AS first FROM account"
        " WHERE fault IS NULL AND NOT dropped AND name IS NOT NULL"
        " AND lower(coalesce(state, '')) NOT IN ('deregistered', '2')"
        " WINDOW same AS (PARTITION BY name ORDER BY rowid)) WHERE nth > 1"
    ).fetchall()
    return dict(rows)
