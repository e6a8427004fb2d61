"""The arrows of the house: which room may import which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "guanxi"

#: Each room, and the rooms that it may import besides itself.
MAY_IMPORT: dict[str, set[str]] = {
    "contract": set(),
    "graph": {"contract"},
    "accounts": {"contract"},
    "world": {"contract"},
    "stores": {"contract", "graph", "accounts", "world"},
    "service": {"contract", "graph", "accounts", "world", "stores"},
    "testing": {"contract", "graph", "accounts", "world", "stores", "service"},
    "sdk": {"contract"},
    "user": {"contract", "sdk"},
    "demo": {"contract", "graph", "accounts", "world", "stores", "sdk"},
    "cli": {"contract", "graph", "accounts", "world", "stores", "service", "sdk", "user", "demo"},
    # The front door hands on names of the SDK and of the contract.
    "__init__": {"contract", "sdk"},
}

#: What the pure rooms may import from outside: nothing that reads, writes or waits.
PURE = {"contract", "graph", "accounts", "world"}
IMPURE = {"asyncio", "socket", "apsw", "sqlite3", "starlette", "uvicorn", "pyreqwest", "os", "time"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            yield node.module
            # `from guanxi import user` names a room too.
            if node.module == "guanxi":
                yield from (f"guanxi.{alias.name}" for alias in node.names)


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path) -> None:
    room = room_of(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "guanxi" and len(parts) > 1 and parts[1] in MAY_IMPORT:
            assert parts[1] == room or parts[1] in MAY_IMPORT[room], f"{room} imports {name}"
        if room in PURE:
            assert parts[0] not in IMPURE, f"{room} is pure, and imports {name}"


def test_every_room_is_on_the_plan() -> None:
    assert {room_of(path) for path in files()} <= MAY_IMPORT.keys()


def test_the_plan_has_no_circle() -> None:
    left = {room: set(below) for room, below in MAY_IMPORT.items()}
    while left:
        ground = [room for room, below in left.items() if not below]
        assert ground, f"these rooms import each other: {sorted(left)}"
        left = {room: below - set(ground) for room, below in left.items() if room not in ground}
