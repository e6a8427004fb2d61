"""The id that an application has for an account: any text, unique over all accounts."""

from __future__ import annotations

from hashlib import sha256
from unicodedata import category

from msgspec import Struct

from guanxi.world.kind import Kind

#: The longest key, in characters.
MAX_KEY = 255


class Key(Struct, frozen=True):
    """The key of the account that owns this document."""

    key: str


def is_key(text: str) -> bool:
    """Return whether a text can be a key.

    It has 1 to ``MAX_KEY`` characters, none of them a control character or half of a surrogate
    pair, so that a file in any form can hold it.
    """
    return 1 <= len(text) <= MAX_KEY and not any(category(one) in ("Cc", "Cs") for one in text)


def key_id(key: str) -> int:
    """Return the id of a key's document: 63 bits of its hash.

    The document has the key itself. Two keys with one id are as unlikely as one in 10^5 at ten
    million accounts; the second is then refused as if it were in use.
    """
    return int.from_bytes(sha256(key.encode()).digest()[:8]) >> 1


KEY = Kind(
    name="key",
    body=Key,
    id=lambda document: key_id(document.key),
    keys={"place": lambda _document: 0},
    unique=True,
)
