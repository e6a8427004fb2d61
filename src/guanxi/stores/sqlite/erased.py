"""Which accounts are being erased or were, on a given connection: what writes look at."""

from __future__ import annotations

from array import array
from collections.abc import Collection

import apsw

_IS_ERASED = "SELECT EXISTS (SELECT 1 FROM erasure WHERE mid = ?)"
_ERASED = "SELECT mid FROM erasure WHERE mid IN (SELECT value FROM carray(?))"
#: SQL that is true if there is an erasure of any account.
ANY = "SELECT EXISTS (SELECT 1 FROM erasure)"


def is_erased(db: apsw.Connection, mid: int) -> bool:
    """Return whether the erasure of an account began."""
    return bool(db.execute(_IS_ERASED, (mid,)).get)


def erased_of(db: apsw.Connection, mids: Collection[int]) -> set[int]:
    """Return those of ``mids`` whose erasure began."""
    if not mids or not db.execute(ANY).get:
        return set()
    return {mid for (mid,) in db.execute(_ERASED, (apsw.carray(array("q", mids)),))}
