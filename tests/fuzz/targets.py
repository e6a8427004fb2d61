"""The table of all fuzz targets, and the inputs that were findings once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.fuzz import addresses, files, heads, requests, responses, servers
from tests.fuzz.target import Target

_ROOMS = (requests, files, responses, heads, servers, addresses)
TARGETS: tuple[Target, ...] = tuple(target for room in _ROOMS for target in room.TARGETS)
BY_NAME = {target.name: target for target in TARGETS}
#: One folder a target, one file an input.
CASES = Path(__file__).with_name("cases")
#: Where findings are saved, and what fuzzers keep between their runs.
FOUND, CORPUS = Path(".fuzz/found"), Path(".fuzz/corpus")


def folder_of(target: Target) -> str:
    return target.name.replace(" ", "_")


def save(target: Target, raw: bytes) -> Path:
    """Save an input that is a finding, in place of an earlier one; return its path."""
    path = FOUND / folder_of(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


def cases_of(target: Target) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each kept input of a target."""
    for path in sorted((CASES / folder_of(target)).glob("*")):
        yield path.name, path.read_bytes()
