"""An account on the command line: by its mid, or by the key that an application has for it."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import typer

from guanxi.cli.help import argument
from guanxi.cli.language import text
from guanxi.contract.params import LARGEST
from guanxi.operations import accounts
from guanxi.stores.port import Store
from guanxi.text import Text

#: Precedes a key, in place of a mid.
_KEY = "key:"


class Named(NamedTuple):
    """An account on the command line: its mid, or 0 and its key."""

    mid: int
    key: str = ""


def _named(word: str) -> Named:
    """Return the account that a word names. Raise BadParameter if it names none."""
    if word.startswith(_KEY):
        return Named(0, word.removeprefix(_KEY))
    if word.isascii() and word.isdigit() and len(word) <= len(str(LARGEST)):
        mid = int(word)
        if 1 <= mid <= LARGEST:
            return Named(mid)
    raise typer.BadParameter(
        text(
            f"{word!r} 不是 1 至 2^63 - 1 的 mid，也不是 key:键",
            f"{word!r} is no mid from 1 to 2^63 - 1, and no key:KEY",
        )
    )


async def mid_of(store: Store, account: Named) -> int:
    """Return an account's mid. Raise ValueError if no account has its key."""
    if account.mid:
        return account.mid
    found = await accounts.mids_of_keys(store, [account.key])
    if account.key not in found:
        raise ValueError(
            Text(
                f"没有账号的键为 {account.key!r}，可用 guanxi account add --key 建立",
                f"no account has the key {account.key!r}: guanxi account add --key creates one",
            )
        )
    return found[account.key]


NamedAccount = Annotated[
    Named,
    argument(
        "账号的 mid，或 key: 加您的应用给它的键。",
        "The account's id, or key: and your application's id for it.",
        parser=_named,
        metavar="MID",
    ),
]
