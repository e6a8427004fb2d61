"""The check of documents: keys, filters and text must equal those derived from the body."""

from __future__ import annotations

from collections.abc import Iterator

import apsw
import msgspec

from guanxi.stores import documents
from guanxi.stores.looking import Steps
from guanxi.stores.port import Fault
from guanxi.stores.sqlite.content import encoded_filters
from guanxi.world.kind import Entry
from guanxi.world.kinds import KINDS

_ONE_OWNER = "a document of a unique kind has one owner"
_KEY_HAS_DOCUMENT = "each key belongs to a document"

#: The names of all invariants of documents.
INVARIANTS = (*documents.INVARIANTS, _ONE_OWNER, _KEY_HAS_DOCUMENT)

_keys = msgspec.json.Decoder(list[tuple[str, int]]).decode

_CONTENT = """
SELECT owner, kind, id, filters, text, body, (
    SELECT json_group_array(json_array(name, value) ORDER BY name, value) FROM content_key AS k
    WHERE k.owner = c.owner AND k.kind = c.kind AND k.id = c.id
) FROM content AS c
"""
_SEVERAL_OWNERS = f"""
SELECT min(owner), kind, id FROM content
WHERE kind IN ({", ".join(f"'{kind.name}'" for kind in KINDS if kind.unique)})
GROUP BY kind, id HAVING count(*) > 1
"""
_ORPHAN_KEYS = """
SELECT DISTINCT owner, kind, id FROM content_key AS k WHERE NOT EXISTS (
    SELECT 1 FROM content AS c WHERE c.owner = k.owner AND c.kind = k.kind AND c.id = k.id
)
"""


def check(db: apsw.Connection, steps: Steps) -> Iterator[Fault]:
    """Yield a fault for each document that breaks an invariant, and for keys without a document."""
    count = int(db.execute("SELECT count(*) FROM content").get)
    for number, row in enumerate(db.execute(_CONTENT)):
        owner, kind, id, filters, text, body, keys = row
        steps.passed(number, count)
        stored = id, filters, text, _keys(keys)
        invariant = documents.broken_invariant(kind, owner, body, stored, _derived)
        if invariant is not None:
            yield documents.document_fault(invariant, owner, kind, id)
    for invariant, statement in (
        (_ONE_OWNER, _SEVERAL_OWNERS),
        (_KEY_HAS_DOCUMENT, _ORPHAN_KEYS),
    ):
        for owner, kind, id in db.execute(statement):
            yield documents.document_fault(invariant, owner, kind, id)


def _derived(entry: Entry) -> object:
    """Return the id, encoded filters, text and sorted keys to be stored with a document's body."""
    return entry.id, encoded_filters(entry), entry.text, sorted(entry.keys.items())
