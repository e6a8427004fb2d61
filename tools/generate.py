"""``make generate``: write the files that are made from others. A test finds them when stale.

``OUTPUTS`` is the table: path from the root of the repository -> function that makes its text. The
files are committed, so that nobody who installs guanxi runs this.
"""

from __future__ import annotations

import keyword
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Struct, UnsetType

from guanxi.contract import structs
from guanxi.contract.endpoints import ENDPOINTS

ROOT = Path(__file__).resolve().parent.parent
_SDK = "src/guanxi/sdk"
_MODULES = (
    "__init__",
    "account",
    "channel",
    "client",
    "login",
    "me",
    "network",
    "relation",
    "space",
    "web",
)

#: From the async client to its twin, in this order.
_TWIN = tuple(
    (re.compile(pattern), other)
    for pattern, other in (
        (r"guanxi\.sdk\.aio", "guanxi.sdk.sync"),
        (r"\bimport asyncio\b", "import threading"),
        (r"\basyncio\.Lock\b", "threading.Lock"),
        (r"\basync (def|for|with)\b", r"\1"),
        (r"\bawait ", ""),
        (r"\bAsyncIterator\b", "Iterator"),
        (r"\b__a(enter|exit)__\b", r"__\1__"),
        (r"\b(Client|ClientBuilder|Clock|Transport)\b", r"Sync\1"),
        (r"The async client and its areas; the sync ones are made from these", "The sync client"),
    )
)


def banner(source: str) -> str:
    """What stands at the top of a generated file."""
    return f"# Made by `make generate` from {source}.\n# Do not edit: edit that instead.\n\n"


def sync_twin(module: str) -> str:
    """A module of the sync client, made from the async one."""
    source = f"{_SDK}/aio/{module}.py"
    text = (ROOT / source).read_text("utf-8")
    for pattern, other in _TWIN:
        text = pattern.sub(other, text)
    return formatted(banner(source) + text)


def shapes() -> str:
    """The dictionaries of ``guanxi.user``, made from the contract's structs."""
    lines = [
        banner("src/guanxi/contract/structs"),
        '"""What the documented module returns: the answers\' data, as it is decoded."""\n\n',
        "from __future__ import annotations\n\n",
        "import builtins\nfrom typing import Any, NotRequired, TypedDict\n",
    ]
    answered: set[Any] = set()
    for endpoint in ENDPOINTS:
        _add_structs_in(endpoint.data, answered)
    for name, struct in vars(structs).items():
        if isinstance(struct, type) and struct in answered:
            lines += ["\n\n", *_shape(name, struct)]
    return formatted("".join(lines))


def _add_structs_in(kind: Any, found: set[Any]) -> None:
    """Add the structs that a type is made of, at any depth; some are made of themselves."""
    if kind in found:
        return
    parts: Iterable[Any] = get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Struct):
        found.add(kind)
        parts = get_type_hints(kind).values()
    for part in parts:
        _add_structs_in(part, found)


def _shape(name: str, struct: type[Struct]) -> Iterator[str]:
    hints = get_type_hints(struct)
    kinds: dict[str, str] = {}
    for field in msgspec.structs.fields(struct):
        kind = _annotation(hints[field.name])
        kinds[field.encode_name] = f"NotRequired[{kind}]" if field.default is UNSET else kind
    if any(keyword.iskeyword(one) for one in kinds):  # what no class body can name
        pairs = ", ".join(f"{one!r}: {kind!r}" for one, kind in kinds.items())
        yield f"{name} = TypedDict({name!r}, {{{pairs}}})\n"
        yield f'"""{struct.__doc__}"""\n'
        return
    yield f"class {name}(TypedDict):\n"
    yield f'    """{struct.__doc__}"""\n'
    for one, kind in kinds.items():
        yield f"\n    {one}: {kind}"
    yield "\n"


def _annotation(kind: Any) -> str:
    """A type as source. ``builtins.`` because shapes have fields named ``list`` and ``type``."""
    if get_origin(kind) in {Union, types.UnionType}:
        return " | ".join(_annotation(one) for one in get_args(kind) if one is not UnsetType)
    if get_origin(kind) is not None:
        inner = ", ".join(_annotation(one) for one in get_args(kind))
        return f"builtins.{get_origin(kind).__name__}[{inner}]"
    if kind is type(None):
        return "None"
    if kind is Any:
        return "Any"
    return str(kind.__name__)


def formatted(text: str) -> str:
    """Source as ruff has it."""
    ruff = [sys.executable, "-m", "ruff"]
    for command in (
        # What is an idiom of async code alone is mended on the way.
        ["check", "--select", "I,UP028", "--fix", "--unsafe-fixes", "-q"],
        ["format", "-q"],
    ):
        done = subprocess.run(
            [*ruff, *command, "--stdin-filename", "src/guanxi/generated.py", "-"],
            cwd=ROOT,
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        text = done.stdout
    return text


def document(name: str) -> str:
    """A document. Loaded when it is made: it rests on the client, which is made before it."""
    from tools import documents

    text: str = getattr(documents, name)()
    return text


OUTPUTS: dict[str, Callable[[], str]] = {
    **{f"{_SDK}/sync/{module}.py": partial(sync_twin, module) for module in _MODULES},
    "src/guanxi/user/_shapes.py": shapes,
    "docs/coverage.md": partial(document, "coverage"),
    "docs/endpoints.md": partial(document, "endpoints"),
    "docs/limits.md": partial(document, "limits"),
    "docs/codes.md": partial(document, "codes"),
    "docs/user-module.md": partial(document, "user_module"),
    "docs/cli.md": partial(document, "cli"),
    "docs/content-kinds.md": partial(document, "content_kinds"),
}


def main() -> None:
    """Write every output that is not as it should be, and say which."""
    for name, make in OUTPUTS.items():
        path, text = ROOT / name, make()
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(f"wrote {name}")


if __name__ == "__main__":
    main()
