"""Which package of guanxi may import which, and that no module replaces a constant of its own."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "guanxi"

#: Each package, and the packages that it may import besides itself.
MAY_IMPORT: dict[str, set[str]] = {
    "_version": set(),
    "contract": {"text"},
    "graph": {"contract"},
    "accounts": {"contract"},
    "world": {"contract"},
    "stores": {"text", "contract", "graph", "accounts", "world"},
    "text": set(),
    "files": {"text", "contract", "graph", "accounts", "world", "stores"},
    "operations": {"text", "contract", "graph", "accounts", "world", "stores"},
    "web": {"text"},
    "service": {
        *("text", "contract", "graph", "accounts", "world", "stores", "operations", "web"),
    },
    "emulator": {
        *("text", "contract", "graph", "accounts", "world", "stores", "operations", "service"),
        "demo",
    },
    "console": {
        *("text", "contract", "accounts", "world", "stores", "operations", "service", "emulator"),
        *("demo", "web", "graph", "files", "_version"),
    },
    "testing": {
        *("contract", "graph", "accounts", "world", "stores", "operations", "service", "emulator"),
    },
    "sdk": {"_version", "text", "contract"},
    "user": {"contract", "sdk"},
    "toolbox": {"text", "contract", "sdk"},
    "manage": {"text", "contract", "sdk", "toolbox", "web"},
    "demo": {"text", "contract", "graph", "accounts", "world", "stores", "sdk"},
    "embed": {
        *("text", "contract", "graph", "accounts", "world", "stores", "operations", "service"),
    },
    "cli": {
        *("text", "contract", "graph", "accounts", "world", "stores", "operations", "service"),
        *("_version", "sdk", "user", "demo", "files", "toolbox", "emulator", "console", "manage"),
    },
    "__main__": {"cli"},
    "exceptions": {"contract"},
    "settings": {"sdk"},
    # The top level re-exports names of the SDK, of the contract and of the library.
    "__init__": {"_version", "contract", "sdk", "embed"},
}

#: The pure packages, and the modules outside guanxi that they may import: none that reads, writes,
#: waits, draws random numbers or knows the time.
PURE = {"contract", "graph", "accounts", "world"}
MAY_IMPORT_PURE = {
    *("__future__", "base64", "collections", "enum", "functools", "hashlib", "hmac", "html"),
    *("json", "msgspec", "re", "struct", "typing", "unicodedata", "urllib.parse"),
}
#: Exceptions: new secrets and tokens are random; dates are computed from a given time.
IMPURE = {
    "accounts/chance.py": {"secrets"},
    "accounts/administrators.py": {"secrets"},
    "world/clock.py": {"datetime"},
}


def imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            if node.module == "guanxi":  # `from guanxi import user` names a package
                yield from (f"guanxi.{alias.name}" for alias in node.names)
            else:
                yield node.module


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def package_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def forbidden(path: str, imported: Iterable[str]) -> list[str]:
    """Return those of the imported modules that a file, relative to ``SOURCE``, must not import."""
    package = path.partition("/")[0].removesuffix(".py")
    outside = MAY_IMPORT_PURE | IMPURE.get(path, set())
    found = []
    for name in imported:
        top, _, rest = name.partition(".")
        if top == "guanxi":  # the package itself re-exports names of all others
            allowed = rest.split(".")[0] in MAY_IMPORT[package] | {package}
        else:
            allowed = package not in PURE or name in outside or top in outside
        if not allowed:
            found.append(name)
    return found


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path) -> None:
    assert not forbidden(path.relative_to(SOURCE).as_posix(), imports(path.read_text()))


@pytest.mark.parametrize(
    ("path", "source", "found"),
    [
        ("sdk/requests.py", "from guanxi import __version__", ["guanxi.__version__"]),
        ("sdk/requests.py", "import guanxi", ["guanxi"]),
        ("sdk/requests.py", "from guanxi._version import __version__", []),
        ("sdk/requests.py", "from guanxi.stores import port", ["guanxi.stores"]),
        ("sdk/requests.py", "import random", []),
        ("graph/pair.py", "import random", ["random"]),
        ("graph/pair.py", "from secrets import token_hex", ["secrets"]),
        ("accounts/chance.py", "from secrets import token_hex", []),
        ("contract/ids.py", "import datetime, pathlib", ["datetime", "pathlib"]),
        ("contract/ids.py", "def f():\n    import subprocess", ["subprocess"]),
        ("contract/ids.py", "from urllib.request import urlopen", ["urllib.request"]),
        ("contract/ids.py", "from urllib.parse import quote", []),
    ],
)
def test_forbidden_imports_are_found(path: str, source: str, found: list[str]) -> None:
    assert forbidden(path, imports(source)) == found


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


_CONSTANT = re.compile(r"^(_?[A-Z][A-Z0-9_]*)(?:: [^=\n]+)? = ", re.MULTILINE)


def test_no_constant_is_defined_twice() -> None:
    """The second would silently replace the first, as one statement of SQL did another."""
    twice = {
        (str(path.relative_to(SOURCE)), name)
        for path in files()
        for name, times in Counter(_CONSTANT.findall(path.read_text())).items()
        if times > 1
    }
    assert twice == set()
