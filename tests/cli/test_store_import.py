"""``guanxi store import`` as a user runs it: what it prints, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import error_of, guanxi, output_of

FILES = {
    "edges": "follower,followed,time\n1,2,3\n1,2,3\n3,2,4\n",
    "accounts": "mid,name\n1,a\n1,a\n2,b\n",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def missing(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return an address without a store."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("address"))
    return str(tmp_path / "s.db")


@pytest.mark.parametrize("what", FILES)
def test_a_dry_run_without_a_store_creates_none(missing: str, tmp_path: Path, what: str) -> None:
    file = tmp_path / "in.csv"
    file.write_text(FILES[what])
    command = ("store", "import", what, file, "--dry-run", "--store", missing)
    found = json.loads(output_of(*command, "--json"))
    assert (found["read"], found["new"], found["repeated"], found["refused"]) == (3, 2, 1, 0)
    assert any("there is no store" in note for note in found["notes"])
    assert "(nothing was written)" in guanxi(*command).stderr
    assert [*tmp_path.iterdir()] == [file]
    assert "no store" in error_of("check", "--store", missing)
    output_of("store", "import", what, file, "--store", missing)
    again = json.loads(output_of(*command, "--json"))
    assert "new" not in again or (again["new"], again["unchanged"]) == (0, 2)
    assert not any("no store" in note for note in again["notes"])


@pytest.mark.parametrize("what", FILES)
def test_a_dry_run_into_a_missing_folder_is_refused(tmp_path: Path, what: str) -> None:
    file = tmp_path / "in.csv"
    file.write_text(FILES[what])
    store = tmp_path / "none" / "s.db"
    assert "create it first" in error_of(
        "store", "import", what, file, "--dry-run", "--store", store
    )
