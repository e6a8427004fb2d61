"""Tests of the search for secrets, and the search itself: the whole history in the long form."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.counts import LONG
from tools.secrets import ROOT, finds, search

_RANDOM = "q7Zp2Lx9" + "Vt4Kb8Rw" + "3Nc6Hd1Ms5Jf0Yg"
#: Texts of which each is a secret, in two parts, so that this file has none.
PLANTED = {
    "private key": ("-----BEGIN RSA PRIV", "ATE KEY-----\nMIIEpAIBAAKCAQEA7bq8"),
    "key of AWS": ("AKI", "AIOSFODNN7ABCDEFG"),
    "token of GitHub": ("gh", "p_" + "a1B2" * 9),
    "token of GitLab": ("glp", "at-" + "a1B2" * 5),
    "token of PyPI": ("pyp", "i-AgE" + "a1B2" * 10),
    "token of npm": ("npm", "_" + "a1B2" * 9),
    "token of Slack": ("xox", "b-" + "1234567890"),
    "key of Google": ("AIz", "a" + "a1B2c" * 7),
    "key of a service": ("sk", "_live_" + "a1B2" * 5),
    "signed token": ("eyJhbGciOiJI", "UzI1.eyJzdWIiOiIxMjM0.SflKxwRJSM"),
    "password in an address": ("postgresql://me:", "hunter2hunter2@host/db"),
    "random text": ("SESSDATA = '", f"{_RANDOM}'"),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_found_and_not_shown(kind: str, tmp_path: Path) -> None:
    """Also after its file was deleted, on a branch that is not checked out."""

    def git(*words: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch=main")
    git("commit", "--quiet", "--allow-empty", "--message=first")
    git("checkout", "--quiet", "-b", "other")
    file, secret = tmp_path / "settings.txt", "".join(PLANTED[kind])
    file.write_text(f"first line\n{secret}\n")
    git("add", ".")
    git("commit", "--quiet", "--message=second")
    git("rm", "--quiet", "settings.txt")
    git("commit", "--quiet", "--message=third")
    git("checkout", "--quiet", "main")
    searched, [found] = search(tmp_path)
    assert searched == 1
    assert found.startswith(f"settings.txt:2: {kind} (")
    assert secret.strip("'") not in found


@pytest.mark.parametrize(
    "text",
    [
        "token = 'the-token-of-the-reader-of-metrics'",
        "password = '11111111111111111111111111111111'",
        "-----BEGIN PUBLIC KEY-----\nMIIEpAIBAAKCAQEA7bq8",
        "postgresql://user:***@host/db",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_what_is_no_secret_is_not_found(text: str) -> None:
    assert [*finds(text.encode())] == []


def test_the_repository_has_no_secret() -> None:
    """The short form searches what the last ten commits changed."""
    if not (ROOT / ".git").exists():
        pytest.skip("these files are no repository")
    last = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--verify", "--quiet", "HEAD~10"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    _, found = search(ROOT, None if LONG else last or None)
    assert found == []
