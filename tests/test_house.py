"""Which package of guanxi may import which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "guanxi"

#: Each package, and the packages that it may import besides itself.
MAY_IMPORT: dict[str, set[str]] = {
    "contract": {"text"},
    "graph": {"contract"},
    "accounts": {"contract"},
    "world": {"contract"},
    "stores": {"text", "contract", "graph", "accounts", "world"},
    "text": set(),
    "operations": {"text", "contract", "graph", "accounts", "world", "stores"},
    "service": {"text", "contract", "graph", "accounts", "world", "stores", "operations"},
    "testing": {"contract", "graph", "accounts", "world", "stores", "operations", "service"},
    "sdk": {"contract"},
    "user": {"contract", "sdk"},
    "demo": {"contract", "graph", "accounts", "world", "stores", "sdk"},
    "cli": {
        *("text", "contract", "graph", "accounts", "world", "stores", "operations", "service"),
        *("sdk", "user", "demo"),
    },
    # The top level re-exports names of the SDK and of the contract.
    "__init__": {"contract", "sdk"},
}

#: The pure packages, and what they must not import: modules that read, write or wait.
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
            # `from guanxi import user` names a package too.
            if node.module == "guanxi":
                yield from (f"guanxi.{alias.name}" for alias in node.names)


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def package_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path) -> None:
    package = package_of(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "guanxi" and len(parts) > 1 and parts[1] in MAY_IMPORT:
            assert parts[1] == package or parts[1] in MAY_IMPORT[package], (
                f"{package} must not import {name}"
            )
        if package in PURE:
            assert parts[0] not in IMPURE, f"{package} must be pure, but imports {name}"


def test_every_package_is_listed() -> None:
    assert {package_of(path) for path in files()} <= MAY_IMPORT.keys()


def test_packages_do_not_import_each_other() -> None:
    remaining = {package: set(imported) for package, imported in MAY_IMPORT.items()}
    while remaining:
        leaves = {package for package, imported in remaining.items() if not imported}
        assert leaves, f"these packages import each other: {sorted(remaining)}"
        remaining = {
            package: imported - leaves
            for package, imported in remaining.items()
            if package not in leaves
        }
