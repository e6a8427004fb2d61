"""Create, change, ban and deregister accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from secrets import randbelow
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import asdict

from guanxi.accounts.account import (
    MAX_REASON,
    Account,
    AccountEdit,
    Ban,
    Card,
    EditRefusal,
    Privacy,
    State,
)
from guanxi.contract.params import LATEST
from guanxi.stores.port import Store
from guanxi.text import Text
from guanxi.world.keys import KEY, MAX_KEY, is_key, key_id

T = TypeVar("T")

#: A new account of a key gets a mid up to this, which JavaScript's numbers can hold.
_MOST_MIDS = 2**53 - 1

_TEXTS = {
    EditRefusal.UNKNOWN: (
        "账号 {0} 不存在，可用 guanxi account add 建立",
        "account {0} does not exist: guanxi account add creates one",
    ),
    EditRefusal.DEREGISTERED: (
        "账号 {0} 已注销，不能恢复",
        "account {0} is deregistered, which is final",
    ),
    EditRefusal.ERASED: (
        "账号 {0} 已被抹除，此 mid 不再使用：请另用一个",
        "account {0} was erased, and its mid is not used again: take another one",
    ),
    EditRefusal.BANNED: ("账号 {0} 已被封停", "account {0} is banned"),
    EditRefusal.KEY_IN_USE: (
        "账号 {0} 的键已属于另一账号",
        "account {0} cannot have this key: another account has it",
    ),
    EditRefusal.NAME_IN_USE: (
        "账号 {0} 的新昵称已被占用",
        "account {0} cannot have this name: another account has it",
    ),
}


class AccountError(ValueError):
    """An operation on an account was refused; ``refusal`` says why, the text also what helps."""

    def __init__(self, refusal: EditRefusal, mid: int) -> None:
        zh, en = _TEXTS[refusal]
        super().__init__(Text(zh.format(mid), en.format(mid)))
        self.refusal = refusal
        self.mid = mid


async def edit(store: Store, mid: int, change: AccountEdit) -> None:
    """Change an account; raise ``AccountError`` if the change is refused."""
    refusal = await store.edit_account(mid, change)
    if refusal is not None:
        raise AccountError(refusal, mid)


async def put(
    store: Store,
    mid: int,
    card: Card | Mapping[str, str | int] | None = None,
    privacy: Privacy | Mapping[str, bool] | None = None,
    *,
    new: Card | None = None,
    key: str | None = None,
) -> None:
    """Create an account, or change the given fields of its card and privacy.

    A ``Card`` or a ``Privacy`` sets all fields. An account that is created has the other fields of
    ``new``, by default those of ``Card()``. ``key`` is the id that an application has for it, ""
    for none, None for no change. Raise ``AccountError`` for a deregistered account and for a key
    that another account has, ValueError for a key that cannot be one.
    """
    if key:
        check_key(key)
    change = AccountEdit(card=_named(card), privacy=_named(privacy), new=new or Card(), key=key)
    await edit(store, mid, change)


async def put_by_key(
    store: Store,
    key: str,
    card: Card | Mapping[str, str | int] | None = None,
    privacy: Privacy | Mapping[str, bool] | None = None,
    *,
    new: Callable[[int], Card] = lambda _mid: Card(),
) -> int:
    """Create the account with a key, or change the given fields of it; return its mid.

    ``key`` is the id that an application has for it, 1 to ``MAX_KEY`` characters. A new account
    gets a random mid, and the other fields of the card that ``new`` returns for it. Of several
    calls with one key at the same time, one creates the account. Raise ValueError for a key that
    cannot be one.
    """
    check_key(key)
    while True:
        mid = (await mids_of_keys(store, [key])).get(key) or 1 + randbelow(_MOST_MIDS)
        edit = AccountEdit(card=_named(card), privacy=_named(privacy), new=new(mid), key=key)
        refusal = await store.edit_account(mid, edit)
        if refusal is None:
            return mid
        if refusal is not EditRefusal.KEY_IN_USE:  # created meanwhile by another call
            raise AccountError(refusal, mid)


def check_key(key: str) -> None:
    """Raise ValueError if ``key`` is empty, too long or has control characters."""
    if not is_key(key):
        raise ValueError(
            Text(
                f"键须为 1 至 {MAX_KEY} 个字符，不含控制字符",
                f"a key has 1 to {MAX_KEY} characters, none of them a control character",
            )
        )


async def mids_of_keys(store: Store, keys: Sequence[str]) -> dict[str, int]:
    """Return the mid of the account with each key, by key; unknown keys are omitted."""
    found = await store.find(KEY, [*{key_id(key) for key in keys}])
    mids = {held.key: owner for owner, held in found.values()}
    return {key: mids[key] for key in keys if key in mids}


async def keys_of(store: Store, mids: Iterable[int]) -> dict[int, str]:
    """Return the key of each account, by mid; accounts without one are omitted."""
    found = await store.documents_of(KEY, [*mids])
    return {mid: found[mid, id].key for mid, id in sorted(found)}


async def set_privacy(store: Store, mid: int, privacy: Privacy | Mapping[str, bool]) -> None:
    """Set the given privacy switches (a ``Privacy`` sets all), also of a deregistered account.

    Raise ``AccountError`` for an unknown account.
    """
    await edit(store, mid, AccountEdit(privacy=_named(privacy)))


async def set_state(store: Store, mid: int, state: State) -> None:
    """Ban an account, lift its ban, or deregister it for good.

    To deregister also erases the card and deletes the sessions and grants; the edges stay. Raise
    ``AccountError`` for an unknown account, or one that is deregistered already, unless ``state``
    is that.
    """
    await edit(store, mid, AccountEdit(state=state))


async def ban(store: Store, mid: int, *, reason: str = "", until: int = 0, now: int = 0) -> None:
    """Ban an account, for good or until a time; a ban replaces the one before.

    ``reason`` has up to 512 characters, and only those who administer see it. ``until`` is in
    seconds since the Unix epoch, 0 for a ban without an end; it must be after ``now``. Raise
    ValueError for other values, ``AccountError`` for an unknown or deregistered account.
    """
    if len(reason) > MAX_REASON:
        raise ValueError(
            Text(
                f"reason：超过 {MAX_REASON} 个字符",
                f"reason: has more than {MAX_REASON} characters",
            )
        )
    if until and not now < until <= LATEST:
        raise ValueError(
            Text(
                "until：须晚于现在，且早于 10000 年",
                "until: must be after now and before the year 10000",
            )
        )
    await edit(store, mid, AccountEdit(state=State.BANNED, ban=Ban(reason, until)))


async def existing(store: Store, mid: int) -> Account:
    """Return an account, deregistered or not. Raise ``AccountError`` if it is unknown."""
    account = await store.account(mid)
    if account is None:
        raise AccountError(EditRefusal.UNKNOWN, mid)
    return account


async def described(store: Store, mid: int) -> dict[str, object]:
    """Return what an account is: key, state by name, ban, privacy, card, counts, sessions.

    The key and the ban are None for none; ``created`` is in seconds since the Unix epoch, 0 if it
    is unknown; ``sessions`` counts those that are stored. Raise ``AccountError`` if the account is
    unknown.
    """
    account = await existing(store, mid)
    return {
        "mid": mid,
        "key": (await keys_of(store, [mid])).get(mid),
        "state": account.state.name.lower(),
        "ban": account.ban,
        "created": await store.created(mid),
        "privacy": account.privacy,
        "card": (await store.cards([mid]))[mid],
        "tally": await store.tally(mid),
        "sessions": len(await store.sessions_of(mid)),
    }


async def registered(store: Store, mid: int) -> Account:
    """Return an account. Raise ``AccountError`` if it is unknown or deregistered."""
    account = await existing(store, mid)
    if account.state is State.DEREGISTERED:
        raise AccountError(EditRefusal.DEREGISTERED, mid)
    return account


def _named(fields: Struct | Mapping[str, T] | None) -> Mapping[str, T]:
    """Return fields by name; those of a struct are all of its fields."""
    return asdict(fields) if isinstance(fields, Struct) else fields or {}
