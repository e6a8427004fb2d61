"""What is kept of documents, made again from their bodies."""

from __future__ import annotations

from collections.abc import Iterator

import apsw
import msgspec

from guanxi.stores import documents
from guanxi.stores.port import Fault
from guanxi.stores.sqlite.content import encoded_filters
from guanxi.world.kind import Entry
from guanxi.world.kinds import KINDS

_ONE = "a document that can be found by its id alone has one owner"
_NO_BODY = "a key is of a document"

#: All that is checked of documents, by name.
INVARIANTS = (*documents.INVARIANTS, _ONE, _NO_BODY)

_keys = msgspec.json.Decoder(list[tuple[str, int]]).decode

_CONTENT = """
SELECT owner, kind, id, filters, text, body, (
    SELECT json_group_array(json_array(name, value) ORDER BY name, value) FROM content_key AS k
    WHERE k.owner = c.owner AND k.kind = c.kind AND k.id = c.id
) FROM content AS c
"""
_TWICE = f"""
SELECT min(owner), kind, id FROM content
WHERE kind IN ({", ".join(f"'{kind.name}'" for kind in KINDS if kind.unique)})
GROUP BY kind, id HAVING count(*) > 1
"""
_LEFT_OVER = """
SELECT DISTINCT owner, kind, id FROM content_key AS k WHERE NOT EXISTS (
    SELECT 1 FROM content AS c WHERE c.owner = k.owner AND c.kind = k.kind AND c.id = k.id
)
"""


def check(db: apsw.Connection) -> Iterator[Fault]:
    """Every fault, document by document."""
    for owner, kind, id, filters, text, body, keys in db.execute(_CONTENT):
        kept = id, filters, text, _keys(keys)
        invariant = documents.broken(kind, owner, body, kept, _kept)
        if invariant is not None:
            yield documents.fault(invariant, owner, kind, id)
    for invariant, statement in ((_ONE, _TWICE), (_NO_BODY, _LEFT_OVER)):
        for owner, kind, id in db.execute(statement):
            yield documents.fault(invariant, owner, kind, id)


def _kept(entry: Entry) -> object:
    return entry.id, encoded_filters(entry), entry.text, sorted(entry.keys.items())
