"""The time of every regular expression grows in proportion to its input, whatever that is."""

from __future__ import annotations

import ast
import itertools
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import guanxi
from guanxi.accounts import administrators
from guanxi.cli import usage
from guanxi.emulator import faults

_SOURCES = Path(guanxi.__file__).parent
_CALLS = {"compile", "findall", "finditer", "fullmatch", "match", "search", "split", "sub"}
#: The calls whose expression is no constant, by the source of their argument, and its value.
_COMPUTED: dict[str, list[Any]] = {
    "pattern": [pattern for pattern, _ in (*usage._MESSAGES, *usage._DETAILS)],
    "'([^/]+)'.join((re.escape(part) for part in parts[::2]))": ["/x/([^/]+)/y/([^/]+)"],
    "text": [r"<script\b", "</script", r"<div\b", "</div"],
    "_AMBIGUOUS": [r"^\[|^\\N$|[|;,、；，]"],
    "UNUSED.encode()": [rb"\x1f"],
    "f'({_NUMBER})\\\\.\\\\.({_NUMBER})'": [faults._RANGE.pattern],
    "f'lognormal\\\\(({_NUMBER}), *({_NUMBER})\\\\)'": [faults._LOGNORMAL.pattern],
    "_WRITTEN": [faults._WRITTEN],
    "_NUMBER": [faults._NUMBER],
    "f'[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_NAME - 1}}}'": [administrators._NAME.pattern],
    'f"""\\\\s*(\\\\[+\\\\s*)?([\\\\w\\\\"\'-]+\\\\s*\\\\.\\\\s*)*{name}[=.\\\\]]"""': [
        r"""\s*(\[+\s*)?([\w"'-]+\s*\.\s*)*["']?port["']?\s*[=.\]]"""
    ],
    "f'[{{,]\\\\s*{name}='": [r"""[{,]\s*["']?port["']?\s*="""],
}
#: What the source of an expression contains; other files are not parsed.
_WRITTEN = re.compile(r"\bre\.|\bpattern=")
_SMALL, _GROWTH = 200, 16


class Expression(NamedTuple):
    """A regular expression, the functions that the source calls with it, and where it is."""

    pattern: str | bytes
    flags: int
    verbs: tuple[str, ...]
    where: str


def _of_module(path: Path) -> Iterator[Expression]:
    """Yield the expressions of a source file: those of ``re``, and ``pattern=`` of a ``Meta``."""
    text = path.read_text("utf-8")
    if not _WRITTEN.search(text):
        return
    module = path.relative_to(_SOURCES)
    nodes = [*ast.walk(ast.parse(text))]
    used: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used.setdefault(node.value.id, set()).add(node.attr)
    names = {
        id(node.value): target.id
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in nodes:
        where = f"{module}:{getattr(node, 'lineno', 0)}"
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=verb), args=[first, *_]):
                if verb not in _CALLS:
                    continue
                flags = 0
                for flag in re.findall(r"re\.([A-Z]+)", ast.unparse(node)):
                    flags |= getattr(re, flag)
                verbs = used.get(names.get(id(node), ""), set()) & _CALLS
                if verb != "compile":
                    verbs = {verb}
                found: list[Any] = (
                    [first.value]
                    if isinstance(first, ast.Constant)
                    else _COMPUTED[ast.unparse(first)]
                )
                for pattern in found:
                    yield Expression(pattern, flags, tuple(sorted(verbs)) or ("search",), where)
            case ast.keyword(arg="pattern", value=ast.Constant(value=str(pattern))):
                yield Expression(pattern, 0, ("search",), where)


EXPRESSIONS = [one for path in sorted(_SOURCES.rglob("*.py")) for one in _of_module(path)]


def _letters(pattern: str) -> list[str]:
    """Return characters that an expression treats differently, as far as they can be guessed."""
    literal = re.sub(r"\\[a-zA-Z]|\(\?[a-zA-Z<:=!]*|[\[\](){}?*+.|^$]", " ", pattern)
    special = [letter for letter in pattern if not letter.isalnum()]
    return list(dict.fromkeys(["a", "1", " ", '"', "\\", *special, *literal]))[:24]


def _inputs(pattern: str, length: int) -> Iterator[str]:
    """Yield texts of about ``length`` characters that make a bad expression try again and again.

    Each repeats a piece, after a beginning that matches and before an end that does not.
    """
    letters = _letters(pattern)
    words = [word for word in re.findall(r"[^\\()\[\]{}*+?.|^$]{2,}", pattern) if word.strip()]
    pieces = [*letters, *words, *map("".join, itertools.permutations(letters[:8], 2))]
    for piece, start in itertools.product(dict.fromkeys(pieces), dict.fromkeys(["", *words[:2]])):
        yield start + piece * (length // len(piece)) + "\0"


def _verb(expression: Expression, verb: str) -> Callable[[Any], Any]:
    compiled: re.Pattern[Any] = re.compile(expression.pattern, expression.flags)
    if verb == "sub":
        return lambda text: compiled.sub(b"" if isinstance(text, bytes) else "", text)
    if verb == "finditer":
        return lambda text: list(compiled.finditer(text))
    function: Callable[[Any], Any] = getattr(compiled, verb)
    return function


def _seconds(function: Callable[[Any], Any], text: Any) -> float:
    start = time.thread_time()
    function(text)
    return time.thread_time() - start


def _grows_too_fast(expression: Expression) -> str | None:
    """Return a text that takes too long when it becomes 16 times as long; None if there is none."""
    pattern = expression.pattern
    plain = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    for verb in expression.verbs:
        function = _verb(expression, verb)
        for small, large in zip(
            _inputs(plain, _SMALL), _inputs(plain, _SMALL * _GROWTH), strict=True
        ):
            texts: list[Any] = [small, large]
            if isinstance(pattern, bytes):
                texts = [text.encode() for text in texts]
            for _ in range(3):  # linear: 16 times; quadratic: 256 times
                before, after = (_seconds(function, text) for text in texts)
                if after < 80 * max(before, 2e-5):
                    break
            else:
                return f"{verb}: {small[:40]!r}"
    return None


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda one: f"{one.where}-{one.pattern!r}")
def test_the_time_grows_with_the_input(expression: Expression) -> None:
    assert _grows_too_fast(expression) is None


@pytest.mark.parametrize(
    ("pattern", "verb"),
    [
        (r'"(?:\\.|[^"\\])*"', "sub"),
        (r'<div[^>]*\bid="1-name"[^>]*>(.*?)</div>', "search"),
        (r"a+$", "search"),
        (r"\s+;", "split"),
    ],
)
def test_a_quadratic_expression_is_found(pattern: str, verb: str) -> None:
    assert _grows_too_fast(Expression(pattern, re.DOTALL, (verb,), "here")) is not None


def test_every_module_of_the_package_was_read() -> None:
    modules = {expression.where.split(":")[0] for expression in EXPRESSIONS}
    assert {"contract/pages.py", "service/forms.py", "contract/params/login.py"} <= modules
