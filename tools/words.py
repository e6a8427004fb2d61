"""Find the words that guanxi's texts avoid: ``python -m tools.words``, part of ``make lint``.

The left column of ``AVOIDED`` was a dialect of this project; the right one is what the field says.
Checked are docstrings, comments and texts of the Python files, the identifiers in them, and the
prose of the Markdown files; code in Markdown and SQL is not. ``ALLOWED`` lists the false alarms.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent

#: A pattern, and what to write instead. Matched in any case, as whole words.
AVOIDED = (
    (r"told|tells?|telling", "returned, shows, contains, reports"),
    (r"asked|asks", "params, request, requested"),
    (r"(?:what|as it|which) stands|stands? (?:as|there|behind|in|at|until|already|before)|stood",
     "exists, is stored, current"),
    (r"a run of|run after run", "a page, a slice; page by page"),
    (r"beside", "in addition to, next to, extra"),
    (r"one's|oneself", "the account's own, the caller's"),
    (r"by (?:it|them|one|him)sel(?:f|ves)", "alone, without a context"),
    (r"whose it is|what it is|what is kept of", "owner, kind, history"),
    (r"(?:is|are|was|were) gone|went away", "is deleted, was removed"),
    (r"a moment|(?:as )?of one moment", "a snapshot, from one read transaction; briefly"),
    (r"(?:is|are) taken", "is accepted, is used"),
    (r"came up|comes up", "started"),
    (r"(?:by|of) place|its places?|the same place|places rise", "position, sort key"),
    (r"meet on one row", "both lock the same row"),
    (r"at once with", "together with"),
    (r"of every business", "of any content type"),
    (r"behind so many", "preceded by N"),
)  # fmt: skip

#: Parts of names that say nothing to a reader.
AVOIDED_IN_NAMES = frozenset({"told", "asked"})

#: False alarms: a file and the words as they stand in it, with the reason.
ALLOWED: dict[tuple[str, str], str] = {}

_WORDS = re.compile(
    "|".join(rf"(?P<w{n}>\b(?:{pattern})\b)" for n, (pattern, _) in enumerate(AVOIDED)), re.I
)
_NAMES = re.compile("|".join(AVOIDED_IN_NAMES), re.I)
_SQL = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|WHERE|FROM|JOIN|CASE)\b")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_INLINE_CODE = re.compile(r"(`+)(?:.+?)\1")


class Line(NamedTuple):
    """A line of prose."""

    number: int
    text: str


def prose_of_markdown(source: str) -> Iterator[Line]:
    """Yield the lines of a Markdown text without fenced blocks and inline code."""
    fenced = False
    for number, line in enumerate(source.splitlines(), 1):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield Line(number, _INLINE_CODE.sub("``", line))


def prose_of_python(source: str) -> Iterator[Line]:
    """Yield the lines of the docstrings, comments and texts of a Python file, without SQL."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (tokenize.COMMENT, tokenize.STRING) or _SQL.search(token.string):
            continue
        if token.type == tokenize.STRING and " " not in token.string:
            continue  # a name or a key
        for offset, line in enumerate(token.string.splitlines()):
            yield Line(token.start[0] + offset, _INLINE_CODE.sub("``", line))


def names_of_python(source: str) -> Iterator[Line]:
    """Yield each name that a Python file defines or uses."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME:
            yield Line(token.start[0], token.string)


def faults_of(path: str, source: str) -> Iterator[str]:
    """Yield a message for each avoided word in a file; ``path`` is relative to the repository."""
    is_python = path.endswith(".py")
    if not _WORDS.search(source) and not _NAMES.search(source):
        return  # the usual case; reading the tokens takes much longer
    for number, text in prose_of_python(source) if is_python else prose_of_markdown(source):
        for found in _WORDS.finditer(text):
            words = " ".join(found[0].lower().split())
            if (path, words) in ALLOWED:
                continue
            instead = AVOIDED[int(str(found.lastgroup)[1:])][1]
            yield f"{path}:{number}: {words!r}; write: {instead}"
    if is_python:
        for number, name in names_of_python(source):
            if AVOIDED_IN_NAMES.intersection(name.lower().split("_")):
                yield f"{path}:{number}: the name {name!r}; write: response, params, item …"


def files() -> Iterator[Path]:
    """Yield the files that are checked; what is generated is checked where it is declared."""
    for folder in ("src", "tests", "tools", "bench", "examples"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != Path(__file__).resolve() and path.name != "test_words.py":
                yield path
    yield from sorted(ROOT.glob("*.md"))
    for folder in ("docs", "bench"):
        yield from sorted((ROOT / folder).glob("*.md"))


def main() -> int:
    """Print the faults of all files; return 1 if there are any."""
    faults = [
        fault
        for path in files()
        for fault in faults_of(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    ]
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
