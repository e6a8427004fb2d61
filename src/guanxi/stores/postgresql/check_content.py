"""What is kept of documents, made again from their bodies."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from guanxi.stores import documents
from guanxi.stores.port import Fault
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.content import encoded_filters
from guanxi.world.kind import Entry
from guanxi.world.kinds import KINDS

_ONE = "a document that can be found by its id alone has one owner"
_NO_BODY = "a key is of a document"
_HELD = "who holds a document has it"

#: All that is checked of documents, by name.
INVARIANTS = (*documents.INVARIANTS, _ONE, _NO_BODY, _HELD)

_CONTENT = """
SELECT owner, kind, id, filters, text, body, coalesce((
    SELECT json_agg(json_build_array(name, value) ORDER BY name, value) FROM content_key AS k
    WHERE k.owner = c.owner AND k.kind = c.kind AND k.id = c.id
)::text, '[]') FROM content AS c
"""
_UNIQUE = ", ".join(f"'{kind.name}'" for kind in KINDS if kind.unique)
_BROKEN = {
    _ONE: f"""
        SELECT owner, kind, id FROM content WHERE kind IN ({_UNIQUE})
        EXCEPT SELECT owner, kind, id FROM content_holder""",
    _HELD: """
        SELECT owner, kind, id FROM content_holder
        EXCEPT SELECT owner, kind, id FROM content""",
    _NO_BODY: """
        SELECT DISTINCT k.owner, k.kind, k.id FROM content_key AS k
        LEFT JOIN content AS c ON c.owner = k.owner AND c.kind = k.kind AND c.id = k.id
        WHERE c.owner IS NULL""",
}
_AT_ONCE = 500

_object = msgspec.json.Decoder().decode
_keys = msgspec.json.Decoder(list[tuple[str, int]]).decode


async def check(db: Connection) -> AsyncIterator[Fault]:
    """Every fault, document by document."""
    async for owner, kind, id, filters, text, body, keys in db.cursor(_CONTENT, prefetch=_AT_ONCE):
        kept = id, _object(filters), text, _keys(keys)
        invariant = documents.broken(kind, owner, body, kept, _kept)
        if invariant is not None:
            yield documents.fault(invariant, owner, kind, id)
    for invariant, statement in _BROKEN.items():
        async for owner, kind, id in db.cursor(statement, prefetch=_AT_ONCE):
            yield documents.fault(invariant, owner, kind, id)


def _kept(entry: Entry) -> object:
    filters = _object(encoded_filters(entry))
    return entry.id, filters, entry.text.encode(), sorted(entry.keys.items())
