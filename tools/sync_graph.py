"""The verbs of ``SyncGraph``, from those of ``Graph``: each runs the coroutine of the other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

FOLDER = "src/guanxi/embed"
#: The modules with verbs, and their classes.
SOURCES = {"people": "People", "acts": "Acts", "lists": "Lists", "imports": "Imports"}
#: Written by hand in embed/synchronous.py.
_BY_HAND = {"batch", "make"}
_HEAD = '''"""The follow graph as a library for threads, scripts and WSGI applications."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from guanxi.embed.lists import Order
from guanxi.embed.synchronous import Synchronous
from guanxi.embed.values import (
    Counts,
    Erased,
    Followed,
    Group,
    Imported,
    Item,
    Mute,
    Page,
    Person,
    Relation,
    Suggested,
)


class SyncGraph(Synchronous):
    """The accounts, relations and groups of one store, for any thread of this process.

    Its verbs, arguments and errors are those of ``Graph``. In a thread whose event loop is running
    each raises ``StoreError``: use ``Graph`` there. So does each in a forked process: open the
    graph after the fork.
    """
'''


def source(root: Path) -> str:
    """Return the module of ``SyncGraph``, unformatted."""
    return _HEAD + "".join(
        line
        for module, name in SOURCES.items()
        for node in _class(root / FOLDER / f"{module}.py", name).body
        if isinstance(node, ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and node.name not in _BY_HAND
        for line in _verb(node)
    )


def _class(path: Path, name: str) -> ast.ClassDef:
    [found] = [
        node
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == name
    ]
    return found


def _verb(node: ast.AsyncFunctionDef) -> Iterator[str]:
    returned = ast.unparse(node.returns) if node.returns else "None"
    yields = returned.startswith("AsyncIterator")
    given = [arg.arg for arg in node.args.args[1:]]
    given += [f"{arg.arg}={arg.arg}" for arg in node.args.kwonlyargs]
    call = f"self._graph.{node.name}({', '.join(given)})"
    yield f"\n    def {node.name}({ast.unparse(node.args)}) -> {returned.removeprefix('Async')}:\n"
    doc = ast.get_docstring(node, clean=False)
    if doc is not None:
        yield f'        """{doc}"""\n'
    yield f"        return self._{'iterate' if yields else 'run'}({call})\n"
