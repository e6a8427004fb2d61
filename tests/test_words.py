"""The checker of words finds the dialect in names and prose, and nothing in code."""

from __future__ import annotations

import pytest

from tools import words


def faults(path: str, source: str) -> list[str]:
    return [fault.rpartition(": ")[0] for fault in words.faults_of(path, source)]


@pytest.mark.parametrize(
    "source",
    [
        '"""What the account is told."""\n',
        "x = 1  # as it stands\n",
        'raise ValueError("nobody asked for this")\n',
        "told = 1\n",
        "def _asked() -> None: ...\n",
        'f"""A run of\nthe list."""\n',
    ],
)
def test_avoided_words_in_python_are_found(source: str) -> None:
    assert len(faults("src/x.py", source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        '"""Return the response, which is untold."""\n',
        "is_stored = retold = 1\n",
        'x = "SELECT told FROM asked AS what_stands"\n',
        'x = "asked"\n',
        '"""Call ``told`` first."""\n',
    ],
)
def test_other_words_keys_code_and_sql_pass(source: str) -> None:
    assert faults("src/x.py", source) == []


def test_markdown_is_checked_outside_code() -> None:
    source = "It `told` nobody.\n\n```sh\nasked\n```\n\nThe caller is told.\n"
    assert faults("docs/x.md", source) == ["docs/x.md:7: 'told'; write"]


def test_an_allowed_word_passes_in_its_file_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(words.ALLOWED, ("docs/x.md", "told"), "a quotation")
    assert faults("docs/x.md", "He told.\n") == []
    assert len(faults("docs/y.md", "He told.\n")) == 1


@pytest.mark.long
def test_every_file_of_the_repository_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert words.main() == 0, capsys.readouterr().out
