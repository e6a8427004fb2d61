"""The id that an application has for an account: any text, unique over all accounts."""

from __future__ import annotations

from hashlib import sha256

from msgspec import Struct

from guanxi.world.kind import Kind

#: The longest key, in characters.
MAX_KEY = 255


class Key(Struct, frozen=True):
    """The key of the account that owns this document."""

    key: str


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
