"""Find secrets in every version of every file: ``python -m tools.secrets``.

All blobs of the repository are searched, those of other branches and deleted files included, for
the forms of known keys and tokens, for keys in PEM, and for random texts assigned to a name like
``token``. A find is printed with its kind, file and line, never with its text, and ends the run
with status 1. ``KNOWN`` lists the finds that are no secrets. ``--new REVISION`` searches only what
that revision does not have.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

#: By the kind of a secret: how it looks.
FORMS: dict[str, re.Pattern[bytes]] = {
    "private key": re.compile(
        rb"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[\s\\nr]{0,4}[A-Za-z0-9+/=]{20}"
    ),
    "key of AWS": re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "token of GitHub": re.compile(rb"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{40})"),
    "token of GitLab": re.compile(rb"\bglpat-[\w-]{20}"),
    "token of PyPI": re.compile(rb"\bpypi-AgE[\w-]{40}"),
    "token of npm": re.compile(rb"\bnpm_[0-9A-Za-z]{36}\b"),
    "token of Slack": re.compile(rb"\bxox[abeoprs]-[0-9A-Za-z-]{10}"),
    "key of Google": re.compile(rb"\bAIza[\w-]{35}"),
    "key of a service": re.compile(rb"\b(?:sk|rk)[-_](?:live|test|ant|proj)[-_][\w-]{20}"),
    "signed token": re.compile(rb"\beyJ[\w-]{10,999}\.eyJ[\w-]{10,999}\.[\w-]{10}"),
    "password in an address": re.compile(rb"://\w{1,40}:[^\s:/@{}<>$%*.]{8,80}@\w"),
}
#: A text that is assigned to a name which says that it is secret.
_ASSIGNED = re.compile(
    rb"(?i)(?:secret|token|password|passwd|api_?key|access_key|private_key|sessdata|bili_jct)"
    rb"[\"']?\s{0,4}[=:]\s{0,4}[\"']?([A-Za-z0-9+/_=-]{24,200})"
)
#: Bits a character from which on such a text counts as random; English words have about 3.5.
RANDOM_BITS, RANDOM_BITS_HEX = 4.0, 3.3

#: Digests of finds that are no secrets, by ``Find.digest``, and why.
KNOWN: dict[str, str] = {
    "76a02a97ff9a3881": "a docstring's address of a proxy, with the word password",
    "0ae805d22472b1c7": "an invalid address in a test",
    "0ce0a76a73de0888": "a proxy on loopback that a test searches all output for",
    "049c96c5011e7f04": "a token in a test: the digits, then a-secret",
}


class Find(NamedTuple):
    """A find: its kind, its line from 1, and a digest of its text by which ``KNOWN`` names it."""

    kind: str
    line: int
    digest: str


def finds(content: bytes) -> Iterator[Find]:
    """Yield the secrets in a file's content."""
    for kind, form in FORMS.items():
        for match in form.finditer(content):
            yield _find(kind, content, match.start(), match[0])
    for match in _ASSIGNED.finditer(content):
        if is_random(match[1]):
            yield _find("random text", content, match.start(), match[1])


def _find(kind: str, content: bytes, start: int, text: bytes) -> Find:
    digest = hashlib.sha256(text).hexdigest()[:16]
    return Find(kind, content.count(b"\n", 0, start) + 1, digest)


def is_random(text: bytes) -> bool:
    """Return whether a text has digits, and is as mixed as random characters would be."""
    if not re.search(rb"\d", text) or not re.search(rb"[A-Za-z]", text):
        return False
    counts = Counter(text).values()
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts)
    is_hex = re.fullmatch(rb"[0-9a-fA-F]+", text) is not None
    return bits > (RANDOM_BITS_HEX if is_hex else RANDOM_BITS)


def blobs(root: Path, new: str | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each version of each file, of all refs or of those new."""
    revisions = ["HEAD", f"^{new}"] if new else ["--all", "HEAD"]
    listed = _git(root, "rev-list", "--objects", *revisions).decode("utf-8", "replace")
    paths = dict(line.partition(" ")[::2] for line in listed.splitlines())
    with TemporaryFile() as names:  # a pipe in both directions could fill up
        names.write("".join(f"{name}\n" for name, path in paths.items() if path).encode())
        names.seek(0)
        command = ["git", "-C", str(root), "cat-file", "--batch", "--buffer"]
        with subprocess.Popen(command, stdin=names, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            while header := process.stdout.readline().split():
                name, kind, size = header[0].decode(), header[1], int(header[2])
                content = process.stdout.read(size + 1)[:-1]
                if kind == b"blob":
                    yield paths[name], content


def _git(root: Path, *words: str) -> bytes:
    return subprocess.run(["git", "-C", root, *words], stdout=subprocess.PIPE, check=True).stdout


def search(root: Path, new: str | None = None) -> tuple[int, list[str]]:
    """Return the number of versions of files that were searched, and a line for each find."""
    searched, found = 0, {}
    for path, content in blobs(root, new):
        searched += 1
        for one in finds(content):
            if one.digest not in KNOWN:
                found[one.digest] = f"{path}:{one.line}: {one.kind} ({one.digest})"
    return searched, sorted(found.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--new", metavar="REVISION", help="only what this revision does not have")
    searched, found = search(ROOT, parser.parse_args().new)
    print(*found, sep="\n", end="\n" * bool(found))
    print(f"{searched:,} versions of files searched, {len(found)} finds")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
