"""Import of accounts that were read from files: checked against a store, then written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from guanxi.accounts.account import Account, AccountEdit, Ban, Card, EditRefusal, State
from guanxi.files import table
from guanxi.files.accounts import AccountLine, Accounts
from guanxi.files.outcome import SHOWN, Counts, RefusedLines
from guanxi.stores.port import Store
from guanxi.world.keys import KEY, key_id
from guanxi.world.kind import DocumentEdit
from guanxi.world.profile import LEVELS, PROFILE, level_of

if TYPE_CHECKING:
    import duckdb

#: How many accounts are read, compared and written at a time. Each is a write of its own, and the
#: store commits those that wait in few transactions.
_CHUNK = 256


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
    is refused, a new key that another account or an earlier line has and, unless the request was
    exact, such a name. Raise RefusedLines if a line is refused, unless ``skip_bad``; then nothing
    was written. ``progress`` is called with the number of lines that are done.
    """
    await _check_against_store(store, accounts)
    counts = accounts.counted()
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
    #: None if the line names none.
    key: str | None
    level: int | None


async def _stored(store: Store, lines: Sequence[AccountLine]) -> dict[int, _Stored]:
    """Return the stored accounts of lines, by mid, with what the lines could change."""
    cards = await store.cards([line.mid for line in lines])
    known = [line for line in lines if line.mid in cards]
    accounts = await asyncio.gather(*(store.account(line.mid) for line in known))
    levels = iter(
        await asyncio.gather(*(_level(store, line.mid) for line in known if line.level is not None))
    )
    keys = await _keys(store, known)
    found = {}
    for line, account in zip(known, accounts, strict=True):
        level = next(levels) if line.level is not None else None
        key = keys.get(line.mid, "") if line.key is not None else None
        if account is not None:
            found[line.mid] = _Stored(account, cards[line.mid], key, level)
    return found


async def _keys(store: Store, lines: Sequence[AccountLine]) -> dict[int, str]:
    """Return the stored keys of the accounts whose line names one, by mid."""
    mids = [line.mid for line in lines if line.key is not None]
    found = await store.documents_of(KEY, mids)
    return {mid: found[mid, id].key for mid, id in sorted(found)}


async def _level(store: Store, mid: int) -> int:
    profile = await store.get(PROFILE, mid)
    return 0 if profile is None else level_of(profile.experience)


def _ban(line: AccountLine, stored: _Stored | None) -> Ban | None:
    """Return the ban of an account that is banned after a line."""
    if line.ban is not None:
        return None if line.ban == Ban() else line.ban
    return None if stored is None else stored.account.ban


def _after(line: AccountLine, stored: _Stored) -> _Stored:
    """Return a stored account as a line would leave it."""
    state = stored.account.state if line.state is None else line.state
    account = replace(
        stored.account,
        state=state,
        privacy=replace(stored.account.privacy, **line.privacy),
        ban=_ban(line, stored) if state is State.BANNED else None,
    )
    if line.state is State.DEREGISTERED:
        return stored._replace(account=account)
    return _Stored(account, replace(stored.card, **line.card), line.key, line.level)


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
        ban=_ban(line, stored),
        created=line.created,
        new=None if ends and stored is not None else Card(name=f"用户{line.mid}"),
        key=None if ends else line.key,
        unique_name=unique_name and "name" in card,
    )
    return await store.edit_account(line.mid, edit, documents)


def _at_level(level: int) -> DocumentEdit[Any]:
    return DocumentEdit(kind=PROFILE, fields={"experience": LEVELS[level]})


def _fault(refusal: EditRefusal, line: AccountLine) -> tuple[str, str]:
    if refusal is EditRefusal.NAME_IN_USE:
        return "name in use", str(line.card["name"])
    if refusal is EditRefusal.KEY_IN_USE:
        return "key in use", str(line.key)
    return "erased" if refusal is EditRefusal.ERASED else "deregistered", str(line.mid)


async def _check_against_store(store: Store, accounts: Accounts) -> None:
    """Refuse new names and keys that are in use, and changes of deregistered accounts."""
    bad: list[tuple[int, str, str | None]] = []
    later_names = {} if accounts.is_exact else _later_of_same(accounts.db, "name")
    later_keys = _later_of_same(accounts.db, "key")
    for chunk in _chunks(accounts.lines()):
        lines = [line for _, line in chunk]
        names = [str(line.card["name"]) for line in lines if "name" in line.card]
        mids = {} if accounts.is_exact else await store.mids(names)
        cards = await store.cards([line.mid for line in lines])
        keys, holders = await _keys(store, lines), await _holders(store, lines)
        states = await asyncio.gather(*(store.account(mid) for mid in cards))
        ended = {
            account.mid
            for account in states
            if account is not None and account.state is State.DEREGISTERED
        }
        for row, line in chunk:
            if line.state is State.DEREGISTERED:
                continue
            name, current, key = line.card.get("name"), cards.get(line.mid), line.key
            is_new = name is not None and (current is None or current.name != name)
            is_new_key = bool(key) and keys.get(line.mid) != key
            if line.mid in ended:
                bad.append((row, "deregistered", str(line.mid)))
            elif is_new and mids.get(str(name), line.mid) != line.mid:
                bad.append((row, "name in use", str(name)))
            elif is_new and row in later_names:
                bad.append((row, "name of a line", f"{later_names[row]} {name}"))
            elif is_new_key and holders.get(str(key), line.mid) != line.mid:
                bad.append((row, "key in use", key))
            elif is_new_key and row in later_keys:
                bad.append((row, "key of a line", f"{later_keys[row]} {key}"))
    accounts.refuse(bad)


async def _holders(store: Store, lines: Sequence[AccountLine]) -> dict[str, int]:
    """Return who has the keys of lines, by key."""
    found = await store.find(KEY, [*{key_id(line.key) for line in lines if line.key}])
    return {held.key: mid for mid, held in found.values()}


def _later_of_same(db: duckdb.DuckDBPyConnection, column: str) -> dict[int, str]:
    """Return the rows whose text in a column an earlier row has.

    They are by their ids, with the part and line of the first, "P:L". No key, "", is no such text.
    """
    some = " AND key <> ''" if column == "key" else ""
    rows = db.execute(
        "SELECT rowid, first FROM (SELECT rowid, row_number() OVER same AS nth,"
        " first_value(file || ':' || line) OVER same AS first FROM account"
        f" WHERE fault IS NULL AND NOT dropped AND {column} IS NOT NULL{some}"
        " AND lower(coalesce(state, '')) NOT IN ('deregistered', '2')"
        f" WINDOW same AS (PARTITION BY {column} ORDER BY rowid)) WHERE nth > 1"
    ).fetchall()
    return dict(rows)
