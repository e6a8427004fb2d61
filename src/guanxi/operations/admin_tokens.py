"""Make and end administration tokens, and replace the secret of a store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from guanxi.accounts.administrators import (
    CONFIGURED,
    MAX_NAME,
    AdminToken,
    Scope,
    is_name,
    new_admin_token,
    scopes_text,
)
from guanxi.accounts.secrets import DAY, digest, new_secret
from guanxi.stores.port import Store
from guanxi.text import Text

#: The most days that a token may last.
MOST_DAYS = 36_500


class TokenError(ValueError):
    """A token was not made, or not ended; the text says why."""


class NewToken(NamedTuple):
    """A new token: its text, which is nowhere else, and what is stored. The repr hides the text."""

    text: str
    stored: AdminToken

    def __repr__(self) -> str:
        return f"NewToken({self.stored!r})"


async def new_token(
    store: Store, name: str, scopes: Iterable[Scope], days: int | None, now: int
) -> NewToken:
    """Store a new token with a name, one or more scopes and an end; return it.

    It lasts ``days`` (1 to 36,500; None: no end) from ``now``, a Unix time in seconds. Raise
    ``TokenError`` for a name that is invalid or in use, for no scope, and for other days.
    """
    check_name(name)
    wanted = frozenset(scopes)
    if not wanted:
        raise TokenError(Text("请给出权限范围", "give at least one scope"))
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise TokenError(Text(f"天数须为 1 至 {MOST_DAYS}", f"days: from 1 to {MOST_DAYS}"))
    text = new_admin_token()
    stored = AdminToken(
        name=name,
        digest=digest(text),
        scopes=wanted,
        created=now,
        expires=None if days is None else now + days * DAY,
    )
    if not await store.put_admin_token(stored):
        raise TokenError(
            Text(
                f"已有名为 {name} 的口令，请先 guanxi admin token revoke {name}，或换一个名称",
                f"there is a token named {name}: end it with `guanxi admin token revoke {name}`,"
                " or choose another name",
            )
        )
    return NewToken(text, stored)


def check_name(name: str) -> None:
    """Raise ``TokenError`` for a text that cannot be a token's name, and for the reserved one."""
    if not is_name(name):
        raise TokenError(
            Text(
                f"名称须为 1 至 {MAX_NAME} 个字母、数字、点、下划线或连字符，以字母或数字开头",
                f"a name has 1 to {MAX_NAME} letters, digits, dots, underscores and hyphens, and"
                " begins with a letter or digit",
            )
        )
    if name == CONFIGURED:
        raise TokenError(
            Text(
                f"{CONFIGURED} 是 GUANXI_ADMIN_TOKEN 的名称，请换一个",
                f"{CONFIGURED} is the name of GUANXI_ADMIN_TOKEN: choose another",
            )
        )


async def revoke(store: Store, name: str) -> None:
    """End a token. Raise ``TokenError`` if the store has none with this name."""
    if not await store.delete_admin_token(name):
        raise TokenError(
            Text(
                f"没有名为 {name} 的口令：guanxi admin token list 列出全部",
                f"no token has the name {name}: `guanxi admin token list` shows them all",
            )
        )


def described(token: AdminToken) -> dict[str, object]:
    """Return a token as it is printed and sent: without its digest, times in seconds."""
    return {
        "name": token.name,
        "scopes": scopes_text(token.scopes).split(","),
        "created": token.created,
        "expires": token.expires,
    }


async def rotate_secret(store: Store) -> None:
    """Replace the store's secret by a new one.

    Running services read it within seconds (``refresh_secret``). Raise StoreError as a write.
    """
    await store.put_note("secret", new_secret())
    await store.refresh_secret()
