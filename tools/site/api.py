"""The pages of the Python API, from the docstrings, and what these lack for a reader.

``MODULES`` names what is public. A page shows each name with its signature and its docstring; a
method that calls an endpoint links to that endpoint's parameters, bounds, codes and source.
"""

from __future__ import annotations

import enum
import functools
import inspect
import re
import textwrap
import typing
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from guanxi.contract.errors import ResponseCodeException
from tools.markdown import NOTE

Kind = typing.Literal["class", "function", "property", "value"]


class Entry(NamedTuple):
    """A public name, or a public name of a public class."""

    #: The dotted name, as a reader writes it.
    name: str
    kind: Kind
    value: Any
    #: The class that it is of; None for a name of a module.
    owner: type | None = None

    @property
    def doc(self) -> str:
        """Return the docstring, without indentation."""
        value = self.value.fget if isinstance(self.value, property) else self.value
        if inspect.isclass(value) and issubclass(value, ResponseCodeException) and value.number:
            return inspect.cleandoc(_written(value) or f"Code {value.number}: {value.meaning}.")
        return inspect.cleandoc(_written(value) or "")


class Module(NamedTuple):
    """A module with a page: its title, and its names in their order; empty for ``__all__``."""

    path: str
    title: str
    names: tuple[str, ...] = ()
    #: Further classes that its names lead to: the name that a reader writes, and where it is.
    further: tuple[tuple[str, str], ...] = ()
    #: Names that have their page elsewhere, or are the twins of others.
    without: tuple[str, ...] = ()


_AREAS = ("relation", "space", "channel", "me", "login", "account", "web")
MODULES = {
    "guanxi": Module(
        "guanxi",
        "guanxi: clients and credentials",
        (
            "Client",
            "SyncClient",
            "Credential",
            "sync",
            "Page",
            "Pace",
            "Clock",
            "SyncClock",
            "Request",
            "Response",
            "Transport",
            "SyncTransport",
            "ASGITransport",
            "request_settings",
            "select_client",
            "SettingIgnored",
        ),
        tuple((f"Client.{area}", f"guanxi.sdk.aio.{area}:{area.title()}Area") for area in _AREAS),
    ),
    "user": Module("guanxi.user", "guanxi.user: the documented module", without=("Credential",)),
    "embed": Module(
        "guanxi.embed",
        "guanxi.embed: the graph in your program",
        further=(("Graph.open()", "guanxi.embed.graph:Opening"),),
    ),
    "testing": Module("guanxi.testing", "guanxi.testing: the service in a test"),
    "toolbox": Module("guanxi.toolbox", "guanxi.toolbox: what the tools are made of"),
    "exceptions": Module("guanxi.exceptions", "guanxi.exceptions: every error"),
}
#: Twins with the names of another class: a page names that class instead of repeating it.
TWINS = {
    "SyncClient": "Client",
    "SyncClock": "Clock",
    "SyncTransport": "Transport",
    "SyncGraph": "Graph",
}
#: Classes whose objects a reader gets from a function: their constructor is not public.
_MADE = {
    "RunningService",
    "Mounted",
    "Graph.open()",
    "Archive",
    "Plan",
    "SyncTransport",
    "Transport",
}
#: Classes whose verbs are not promised: a reader passes their objects on.
_CLOSED = {"Store"}


def _written(value: Any) -> str | None:
    """Return the docstring that a name has of its own, not that of a base class."""
    if inspect.isclass(value):
        return value.__dict__.get("__doc__")
    return getattr(value, "__doc__", None)


@functools.cache
def entries(stem: str) -> tuple[Entry, ...]:
    """Return the public names of a page, each class followed by its own."""
    module = MODULES[stem]
    of = import_module(module.path)
    found: list[Entry] = []
    for name in module.names or _public(of):
        if name not in module.without:
            found += _entries(name, getattr(of, name))
    for name, place in module.further:
        path, _, attribute = place.partition(":")
        found += _entries(name, getattr(import_module(path), attribute))
    return tuple(found)


def _public(module: ModuleType) -> list[str]:
    names = [*module.__all__]
    if module.__name__ == "guanxi.testing":
        names.append("guanxi_service")
    return names


def _entries(name: str, value: Any) -> Iterator[Entry]:
    if not inspect.isclass(value):
        callable_ = inspect.isroutine(value) or hasattr(value, "__wrapped__")
        yield Entry(name, "function" if callable_ else "value", value)
        return
    yield Entry(name, "class", value)
    if issubclass(value, enum.Enum) or name in TWINS:
        return
    if name in _CLOSED:
        return
    for member, (kind, found) in _members(value).items():
        yield Entry(f"{name}.{member}", kind, found, value)


def _members(value: type) -> dict[str, tuple[Kind, Any]]:
    """Return a class's own and inherited public methods and properties, in the source's order."""
    members: dict[str, tuple[Kind, Any]] = {}
    for base in reversed(value.__mro__):
        if not base.__module__.startswith("guanxi"):
            continue
        for name, found in vars(base).items():
            if name.startswith("_"):
                continue
            plain = found.__func__ if isinstance(found, (classmethod, staticmethod)) else found
            if isinstance(plain, property):
                members[name] = ("property", plain)
            elif inspect.isfunction(plain):
                members[name] = ("function", plain)
    return members


# What a docstring lacks


def lacking(entry: Entry) -> list[str]:
    """Return what a reader of this name would miss: nothing for a complete docstring.

    A parameter counts as described where the docstring names it in code quotes or under ``Args:``,
    where its class does, or where the name does to which the docstring refers.
    """
    if not entry.doc:
        return ["a docstring"]
    lacks = []
    if entry.kind == "function":
        said = "\n".join([entry.doc, *_also(entry)])
        for name in parameters(entry):
            if not re.search(rf"``[^`]*\b{name}\b[^`]*``|^ *{name}: ", said, re.M):
                lacks.append(f"the parameter {name}")
        if _returns(entry) and not re.search(r"\b([Rr]eturn|[Yy]ield|[Ss]ee ``|as ``)", entry.doc):
            lacks.append("what it returns")
        if not re.search(r"\b[Rr]aise|[Ee]rrors? (is|are) as|as ``call", said):
            lacks.append("what it raises")
        if endpoints(entry) and not re.search(r"\b00[0-4]\b|undocumented|No document", said):
            lacks.append("its source")
    if entry.kind == "class" and "__init__" in vars(entry.value) and entry.name not in _MADE:
        said = "\n".join([entry.doc, inspect.cleandoc(_written(entry.value.__init__) or "")])
        for name in list(inspect.signature(entry.value.__init__).parameters)[1:]:
            if not re.search(rf"``[^`]*\b{name}\b[^`]*``|^ *{name}: ", said, re.M):
                lacks.append(f"the parameter {name}")
    return lacks


def parameters(entry: Entry) -> list[str]:
    """Return the names of a function's parameters, without ``self`` and ``cls``."""
    names = list(inspect.signature(entry.value).parameters)
    return [name for name in names if name not in ("self", "cls") and not name.startswith("_")]


def _returns(entry: Entry) -> bool:
    kind = inspect.signature(entry.value).return_annotation
    return kind not in (inspect.Signature.empty, None, "None")


def _also(entry: Entry) -> Iterator[str]:
    """Yield the texts that hold for a function too: of its class, its module, its references."""
    value = inspect.unwrap(entry.value)
    module = import_module(value.__module__)
    yield module.__doc__ or ""
    if value.__module__.startswith("guanxi.user."):
        yield import_module("guanxi.user").__doc__ or ""
    if entry.owner is not None:
        for base in entry.owner.__mro__:
            yield _written(base) or "" if base is not object else ""
    for name in re.findall(r"``(?:\w+\.)*(\w+)``", entry.doc):
        other = getattr(entry.owner, name, None) if entry.owner else None
        other = other or getattr(module, name, None)
        if other is not None and other is not entry.value:
            yield inspect.getdoc(other) or ""
            if inspect.isclass(other):
                yield "\n".join(f"{name}: {said}" for name, said in _comments(other).items())


def endpoints(entry: Entry) -> list[str]:
    """Return the names of the endpoints that a function calls, in the order of its source."""
    if not inspect.isroutine(entry.value):
        return []
    try:
        source = inspect.getsource(inspect.unwrap(entry.value))
    except (OSError, TypeError):
        return []
    declared = import_module("guanxi.contract.endpoints")
    names = [getattr(declared, name, None) for name in re.findall(r"\be\.([A-Z_]+)\b", source)]
    return list(dict.fromkeys(one.name for one in names if one is not None))


# The pages


def page(stem: str) -> str:
    """Return the page of a module as Markdown."""
    module = MODULES[stem]
    doc = inspect.cleandoc(import_module(module.path).__doc__ or "")
    lines = [NOTE + f"# {module.title}", "", f"`import {module.path}`", "", _markdown(doc), ""]
    if stem == "exceptions":
        return "\n".join([*lines, *_errors()]).rstrip() + "\n"
    for entry in entries(stem):
        lines += _shown(entry)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _errors() -> Iterator[str]:
    yield "| name | code | what it means |"
    yield "| --- | --- | --- |"
    for entry in entries("exceptions"):
        if entry.kind == "class":
            value = entry.value
            number = value.number if issubclass(value, ResponseCodeException) else 0
            shown = str(number or "")
            said = " ".join(entry.doc.split("\n\n")[0].split())
            yield f"| `{entry.name}` | {shown} | {_inline(said)} |"
    yield ""
    for entry in entries("exceptions"):
        if entry.kind != "class":
            yield from _shown(entry)


def _shown(entry: Entry) -> Iterator[str]:
    level = "###" if "." in entry.name and entry.owner is not None else "##"
    yield f"{level} {entry.name}"
    yield ""
    if entry.kind in ("class", "function") and not _is_enum(entry) and entry.name not in _MADE:
        yield f"```py\n{_signature(entry)}\n```"
        yield ""
    if entry.name in TWINS:
        yield f"The twin of `{TWINS[entry.name]}`, for code without an event loop: the same names."
        yield ""
    yield _markdown(entry.doc)
    yield ""
    if _is_enum(entry):
        yield "".join(f"- `{member.name}` = `{member.value!r}`\n" for member in entry.value)
    if entry.kind == "class":
        yield from _fields(entry.value)
    if called := endpoints(entry):
        links = ", ".join(f"[{name}](../endpoints.md#{anchor(name)})" for name in called)
        yield f"Endpoint, with bounds, codes and source: {links}"
        yield ""


def anchor(endpoint: str) -> str:
    """Return the anchor of an endpoint in docs/endpoints.md."""
    return endpoint.replace(".", "")


def _is_enum(entry: Entry) -> bool:
    return inspect.isclass(entry.value) and issubclass(entry.value, enum.Enum)


def _signature(entry: Entry) -> str:
    value = inspect.unwrap(entry.value) if entry.kind == "function" else entry.value
    short = entry.name.rpartition(".")[2]
    if not callable(value):
        return short
    try:
        signature = inspect.signature(value)
    except (ValueError, TypeError):
        return short
    kept = [one for one in signature.parameters.values() if one.name not in ("self", "cls")]
    word = "class " if entry.kind == "class" else "async def " if _is_async(value) else "def "
    plain = signature.replace(
        parameters=kept,
        return_annotation=signature.empty if word == "class " else signature.return_annotation,
    )
    text = f"{word}{short}{_plain(str(plain))}"
    if len(text) > 88 and kept:
        inner = [_plain(str(one)) for one in kept]
        marks = _with_marks(kept, inner)
        result = (
            ""
            if plain.return_annotation is signature.empty
            else f" -> {_plain(_annotation(plain.return_annotation))}"
        )
        text = f"{word}{short}(\n" + "".join(f"    {one},\n" for one in marks) + f"){result}"
    return text


def _with_marks(kept: list[inspect.Parameter], inner: list[str]) -> list[str]:
    """Return the parameters with the ``*`` before those that are by keyword only."""
    for position, one in enumerate(kept):
        if one.kind is one.VAR_POSITIONAL:
            break
        if one.kind is one.KEYWORD_ONLY:
            return [*inner[:position], "*", *inner[position:]]
    return inner


def _annotation(kind: Any) -> str:
    return kind if isinstance(kind, str) else inspect.formatannotation(kind)


def _plain(text: str) -> str:
    """Return a signature without the modules of its names and without quotes around annotations."""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)
    text = re.sub(
        r"\b(?:guanxi|collections|typing|datetime|pathlib|os|http)\.(?:[a-z_]\w*\.)*", "", text
    )
    text = re.sub(r"<function \S*<lambda> at 0x\w+>", "…", text)
    text = re.sub(r"<(\w+)\.(\w+): [^>]*>", r"\1.\2", text)
    return re.sub(r"<[^>]*?(\w+)(?: at 0x\w+)?>", r"\1", text)


def _is_async(value: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(value)


def _fields(value: type) -> Iterator[str]:
    """Yield the fields of a struct, with the comments that its source has for them."""
    names = getattr(value, "__struct_fields__", None) or getattr(value, "_fields", None)
    if not names:
        return
    comments: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for base in reversed(value.__mro__):
        if base.__module__.startswith("guanxi"):
            comments |= _comments(base)
            kinds |= {
                name: _plain(_annotation(kind))
                for name, kind in vars(base).get("__annotations__", {}).items()
            }
    for name in names:
        said = f": {_inline(comments[name])}" if name in comments else ""
        yield f"- `{name}` (`{kinds.get(name, '?')}`){said}"
    yield ""


def _comments(value: type) -> dict[str, str]:
    """Return the comments of a class's fields in its source, by name."""
    return _comments_of(f"{value.__module__}:{value.__qualname__}")


@functools.cache
def _comments_of(place: str) -> dict[str, str]:
    path, _, name = place.partition(":")
    value = functools.reduce(getattr, name.split("."), import_module(path))
    found: dict[str, str] = {}
    gathered: list[str] = []
    for line in textwrap.dedent(inspect.getsource(value)).splitlines():
        if line.strip().startswith("#:"):
            gathered.append(line.strip().removeprefix("#:").strip())
        elif (field := re.match(r"    (\w+):", line)) and gathered:
            found[field[1]] = " ".join(gathered)
            gathered = []
        elif gathered:
            gathered = []
    return found


def _markdown(doc: str) -> str:
    """Return a docstring as Markdown: code in one quote, ``Args:`` as a list, examples fenced."""
    written: list[str] = []
    for block in re.split(r"\n{2,}", doc):
        lines = block.splitlines()
        if lines and lines[0] in ("Args:", "Returns:", "Raises:"):
            written.append(f"**{lines[0]}**")
            items = re.split(r"\n(?=\S)", textwrap.dedent("\n".join(lines[1:])))
            listed = []
            for item in items:
                name, mark, said = item.partition(":")
                said = " ".join(said.split())
                listed.append(f"- `{name}`: {_inline(said)}" if mark else f"- {_inline(item)}")
            written.append("\n".join(listed))
        elif lines and all(line.startswith("    ") for line in lines):
            written.append(f"```py\n{textwrap.dedent(block)}\n```")
        else:
            written.append(_inline(block))
    return "\n\n".join(written)


def _inline(text: str) -> str:
    return re.sub(r"``([^`]+)``", r"`\1`", text).replace("<", "&lt;")
