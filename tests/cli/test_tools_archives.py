"""Tests of what the commands with an archive share: tables, progress, and which archive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.cli.tools.archives import opened, print_json_list, table
from guanxi.testing import running
from guanxi.toolbox.archive import Archive, Identity, default_path
from guanxi.toolbox.errors import ArchiveMissing, ToolError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without accounts and archives."""
    for name in ("GUANXI_BASE_URL", "GUANXI_SESSDATA", "GUANXI_BILI_JCT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return tmp_path


def archive_of(identity: Identity) -> Path:
    with Archive.create(default_path(identity), identity) as archive:
        return archive.path


def test_without_an_account_the_only_archive_is_opened(home: Path) -> None:
    with pytest.raises(ArchiveMissing, match="guanxi backup"):
        opened(None, None, "default")
    path = archive_of(Identity("http://127.0.0.1:1", 1))
    with opened(None, None, "default") as archive:
        assert archive.path == path
    other = archive_of(Identity("http://127.0.0.1:1", 2))
    with pytest.raises(ToolError) as caught:
        opened(None, None, "default")
    assert str(other) in caught.value.args[0].en
    with opened(other, None, "default") as archive:
        assert archive.path == other


def test_a_signed_in_account_has_its_own_archive(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running() as service:
        service.add_accounts(1, 2)
        session = service.sign_in(2)
        monkeypatch.setenv("GUANXI_SESSDATA", session.sessdata)
        archive_of(Identity(service.base_url, 1))
        with pytest.raises(ArchiveMissing):
            opened(None, service.base_url, "default")
        path = archive_of(Identity(service.base_url, 2))
        with opened(None, service.base_url, "default") as archive:
            assert archive.path == path


def test_a_table_fits_and_obeys_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    table(["mid", "name", "sign"], [(12, "关系\x1b[31m", "x" * 100), (3, None, "a\nb")])
    title, first, second = capsys.readouterr().out.splitlines()
    assert title == "mid  name          sign"
    assert first == " 12  关系\\x1b[31m  " + "x" * 60 + "…"
    assert second == "  3" + " " * 16 + "a\\nb"


def test_a_table_prints_rows_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    printed_before_the_end = []

    def rows() -> Iterator[tuple[int]]:
        for n in range(2_000):
            yield (n,)
        printed_before_the_end.append(capsys.readouterr().out.count("\n"))

    table(["n"], rows())
    assert printed_before_the_end[0] > 1_000


def test_json_prints_a_list_as_it_comes(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []

    def items() -> Iterator[dict[str, object]]:
        for n in range(2_000):
            yield {"n": n}
        printed.append(capsys.readouterr().out)

    print_json_list({"total": 3}, "items", items())
    assert printed[0].count("\n") > 1_000
    found = json.loads(printed[0] + capsys.readouterr().out)
    assert (found["schema_version"], found["total"], len(found["items"])) == (1, 3, 2_000)
