"""The check of documents: keys, filters and text must equal those derived from the body."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from guanxi.stores import documents
from guanxi.stores.looking import Steps
from guanxi.stores.port import Fault
from guanxi.stores.postgresql.connections import Connection
from guanxi.stores.postgresql.content import encoded_filters
from guanxi.world.kind import Entry
from guanxi.world.kinds import KINDS

_ONE_OWNER = "a document of a unique kind has one owner"
_KEY_HAS_DOCUMENT = "each key belongs to a document"
_HOLDER_HAS_DOCUMENT = "the recorded holder of a document has it"

#: The names of all invariants of documents.
INVARIANTS = (*documents.INVARIANTS, _ONE_OWNER, _KEY_HAS_DOCUMENT, _HOLDER_HAS_DOCUMENT)

_CONTENT = """
SELECT owner, kind, id, filters, text, body, coalesce((
    SELECT json_agg(json_build_array(name, value) ORDER BY name, value) FROM content_key AS k
    WHERE k.owner = c.owner AND k.kind = c.kind AND k.id = c.id
)::text, '[]') FROM content AS c
"""
_UNIQUE = ", ".join(f"'{kind.name}'" for kind in KINDS if kind.unique)
_VIOLATIONS = {
    _ONE_OWNER: f"""
        SELECT owner, kind, id FROM content WHERE kind IN ({_UNIQUE})
        EXCEPT SELECT owner, kind, id FROM content_holder""",
    _HOLDER_HAS_DOCUMENT: """
        SELECT owner, kind, id FROM content_holder
        EXCEPT SELECT owner, kind, id FROM content""",
    _KEY_HAS_DOCUMENT: """
        SELECT DISTINCT k.owner, k.kind, k.id FROM content_key AS k
        LEFT JOIN content AS c ON c.owner = k.owner AND c.kind = k.kind AND c.id = k.id
        WHERE c.owner IS NULL""",
}
_PREFETCH = 500

_object = msgspec.json.Decoder().decode
_keys = msgspec.json.Decoder(list[tuple[str, int]]).decode


async def check(db: Connection, steps: Steps) -> AsyncIterator[Fault]:
    """Yield a fault for each document, key or holder that breaks an invariant.

    A holder is the recorded owner of a document of a unique kind. Expects a transaction.
    """
    count, number = int(await db.fetchval("SELECT count(*) FROM content")), 0
    async for row in db.cursor(_CONTENT, prefetch=_PREFETCH):
        owner, kind, id, filters, text, body, keys = row
        number += 1
        steps.passed(number, count)
        stored = id, _object(filters), text, _keys(keys)
        invariant = documents.broken_invariant(kind, owner, body, stored, _derived)
        if invariant is not None:
            yield documents.document_fault(invariant, owner, kind, id)
    for invariant, statement in _VIOLATIONS.items():
        async for owner, kind, id in db.cursor(statement, prefetch=_PREFETCH):
            yield documents.document_fault(invariant, owner, kind, id)


def _derived(entry: Entry) -> object:
    filters = _object(encoded_filters(entry))
    return entry.id, filters, entry.text.encode(), sorted(entry.keys.items())
