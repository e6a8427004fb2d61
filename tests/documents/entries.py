"""The entries of the five documents: what a test can hold.

``relation_api.json`` has those of documents 002 to 004, one endpoint or object each, as the newest
document that has it describes it. ``user_module.json`` has those of documents 000 and 001.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import Struct

_HERE = Path(__file__).parent
API: dict[str, list[dict[str, Any]]] = json.loads((_HERE / "relation_api.json").read_text("utf-8"))
MODULE: list[dict[str, Any]] = json.loads((_HERE / "user_module.json").read_text("utf-8"))

#: Names that documents 000 and 001 refer to without describing them.
REFERRED = (
    *("ChannelSeries", "ChannelSeries.get_meta", "ChannelSeries.get_owner"),
    *("ChannelSeries.get_videos", "Credential", "Credential.check_valid"),
    *("Credential.check_refresh", "Credential.refresh", "sync"),
)
#: Names of the module that send no request.
LOCAL = {"User", "User.__init__", "User.get_uid", "ChannelSeries", "Credential", "sync"}
#: What a test must check of each kind of entry. The aspects are those of ``tests/holding.py``.
REQUIRED = {
    "endpoint": {"parameters", "response", "codes", "example", "behaviour"},
    "object": {"behaviour"},
    "enum": {"arguments", "behaviour"},
    "class": {"behaviour"},
    "method": {"arguments", "request", "behaviour"},
    "function": {"arguments", "request", "behaviour"},
    "referred": {"behaviour"},
}
#: The aspects of entries that nothing can check, each with the reason.
EXEMPT = {
    ("relation.mutual", "example"): (
        "The example of 004 and 003 requests the older address, and so holds"
        " `relation.legacy_mutual`."
    ),
    ("User.__init__", "request"): "It sends no request.",
    ("User.get_uid", "request"): "It sends no request.",
}


class Entry(Struct, frozen=True):
    """What a document describes under one heading."""

    #: An endpoint's name, a name in the module ``user``, or the title of an object.
    name: str
    #: ``endpoint``, ``object``, ``enum``, ``class``, ``method`` or ``function``.
    kind: str
    #: The documents that have it, each with the title of its section.
    sections: dict[str, str]
    #: The endpoints of which one must answer code 0 in a test of its behaviour; empty for names
    #: of the module.
    endpoints: frozenset[str] = frozenset()


def _entries() -> list[Entry]:
    found = [
        Entry(one["name"], "endpoint", one["sections"], frozenset({one["name"]}))
        for one in API["endpoints"]
    ]
    found += [
        Entry(one["name"], "object", one["sections"], frozenset(one["in"]))
        for one in API["objects"]
    ]
    found += [
        Entry(one["name"], one["kind"], dict.fromkeys(one["documents"], one["name"]))
        for one in MODULE
    ]
    return found + [Entry(name, "referred", {}) for name in REFERRED]


ENTRIES = {entry.name: entry for entry in _entries()}
