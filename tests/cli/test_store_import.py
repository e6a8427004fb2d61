"""``guanxi store import`` as a user runs it: what it prints, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.runner import COMMAND, ENGLISH, error_of, guanxi, output_of

FILES = {
    "edges": "follower,followed,time\n1,2,3\n1,2,3\n3,2,4\n",
    "accounts": "mid,name\n1,a\n1,a\n2,b\n",
}
#: A line for each that is refused.
BAD = {"edges": "x,1,5\n", "accounts": "x,a\n"}


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
    assert (again["new"], again["unchanged"], again["repeated"]) == (0, 2, 1)
    assert not any("no store" in note for note in again["notes"])


@pytest.mark.parametrize("what", FILES)
def test_an_import_is_in_the_audit_log(tmp_path: Path, what: str) -> None:
    file, store = tmp_path / "in.csv", tmp_path / "s.db"
    file.write_text(FILES[what])
    output_of("store", "import", what, file, "--store", store)
    file.write_text(FILES[what] + BAD[what])
    error_of("store", "import", what, file, "--store", store)
    *later, entry = map(json.loads, output_of("admin", "audit", "--store", store).splitlines())
    assert (entry["what"], entry["status"]) == (f"store import {what}", 0)
    assert entry["detail"] == "read 3, new 2, repeated 1"
    assert [one["status"] for one in later] == [1] * len(later), "the second changed nothing"


@pytest.mark.parametrize("what", FILES)
def test_a_dry_run_into_a_missing_folder_is_refused(tmp_path: Path, what: str) -> None:
    file = tmp_path / "in.csv"
    file.write_text(FILES[what])
    store = tmp_path / "none" / "s.db"
    assert "create it first" in error_of(
        "store", "import", what, file, "--dry-run", "--store", store
    )


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)], ids=["write", "dry run"])
def test_the_bad_lines_replace_no_file_unasked(
    tmp_path: Path, what: str, dry_run: tuple[str, ...]
) -> None:
    file, bad, store = tmp_path / "in.csv", tmp_path / "bad.csv", tmp_path / "s.db"
    file.write_text(FILES[what] + BAD[what])
    output_of("store", "import", what, file, "--skip-bad", "--store", store)
    before = store.read_bytes()
    bad.write_text("mine")
    (tmp_path / "link.csv").hardlink_to(file)
    command = ("store", "import", what, file, *dry_run, "--store", store, "--bad-lines")
    assert "bad.csv exists; --force replaces it" in error_of(*command, bad)
    for never in (store, f"{store}-wal", tmp_path / "." / "in.csv", tmp_path / "link.csv"):
        for force in ((), ("--force",)):
            assert "is the store or an input" in error_of(*command, never, *force)
    assert (bad.read_text(), store.read_bytes()) == ("mine", before)
    assert file.read_text().startswith(FILES[what])
    output_of(*command, bad, "--force")
    assert bad.read_text().startswith("file,line,reason,text\n")
    assert len(bad.read_text().splitlines()) == 2


def test_the_bad_lines_do_not_take_the_name_of_a_new_store(tmp_path: Path) -> None:
    file, store = tmp_path / "in.csv", tmp_path / "s.db"
    file.write_text(FILES["edges"])
    command = ("store", "import", "edges", file, "--store", store, "--bad-lines", store)
    assert "is the store or an input" in error_of(*command)
    assert [*tmp_path.iterdir()] == [file]


@pytest.mark.parametrize(
    ("stored", "line", "summary"),
    [
        ("1,2,5,follow", "1,2,6,block", "0 new, 1 changed, 0 unchanged, 0 repeated, 0 in conflict"),
        ("1,2,5,block", "1,2,6,follow", "0 new, 0 changed, 0 unchanged, 0 repeated, 1 in conflict"),
        ("1,2,5,", "1,2,4,", "0 new, 0 changed, 0 unchanged, 0 repeated, 1 in conflict"),
        ("1,2,5,", "1,2,6,", "0 new, 1 changed, 0 unchanged, 0 repeated, 0 in conflict"),
    ],
)
def test_a_line_that_meets_the_store_is_counted_as_what_became_of_it(
    tmp_path: Path, stored: str, line: str, summary: str
) -> None:
    store, header = tmp_path / "s.db", "follower,followed,time,kind\n"
    file = tmp_path / "in.csv"
    command = ("store", "import", "edges", file, "--store", store)
    file.write_text(f"{header}{stored}\n7,8,5,\n")
    output_of(*command)
    file.write_text(f"{header}{line}\n")
    assert f"1 read, {summary}, 0 refused" in guanxi(*command).stderr


def test_the_rule_for_two_times_holds_against_the_store(tmp_path: Path) -> None:
    store, file = tmp_path / "s.db", tmp_path / "in.csv"
    command = ("store", "import", "edges", file, "--store", store, "--on-conflict")

    def stored_after(time: int, rule: str) -> int:
        file.write_text(f"follower,followed,time\n1,2,{time}\n")
        output_of(*command, rule)
        exported = output_of("store", "export", "edges", "-", "--store", store)
        return int(exported.splitlines()[1].split(",")[2])

    assert stored_after(5, "newest") == 5
    assert stored_after(4, "newest") == 5
    assert stored_after(6, "newest") == 6
    assert stored_after(7, "oldest") == 6
    assert stored_after(3, "oldest") == 3
    file.write_text("follower,followed,time\n1,2,4\n")
    assert "line 2: the store has this relation with another time" in error_of(*command, "refuse")


def test_a_dry_run_compares_edges_with_the_store(tmp_path: Path) -> None:
    store, file = tmp_path / "s.db", tmp_path / "in.csv"
    header = "follower,followed,time,kind\n"
    file.write_text(f"{header}1,2,5,\n1,3,5,\n4,1,5,block\n")
    command = ("store", "import", "edges", file, "--store", store)
    output_of(*command)
    before = output_of("store", "export", "edges", "-", "--store", store)
    file.write_text(f"{header}1,2,5,\n1,3,6,\n1,4,9,\n7,8,9,\n7,8,9,\nx,1,1,\n")
    summary = "6 read, 1 new, 1 changed, 1 unchanged, 1 repeated, 1 in conflict, 1 refused"
    assert f"{summary} (nothing was written)" in guanxi(*command, "--dry-run", "--skip-bad").stderr
    assert output_of("store", "export", "edges", "-", "--store", store) == before
    assert guanxi(*command, "--skip-bad").stderr.startswith(f"{summary}\n")


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)], ids=["write", "dry run"])
def test_strict_names_every_line_of_an_unknown_account(
    tmp_path: Path, dry_run: tuple[str, ...]
) -> None:
    store, file, bad = tmp_path / "s.db", tmp_path / "in.csv", tmp_path / "bad.csv"
    command = ("store", "import", "edges", file, "--strict", *dry_run, "--store", store)
    output_of("account", "add", 1, 2, "--store", store)
    lines = ["1,2,5", *(f"1,{mid},5" for mid in range(30, 7, -1)), "9,8,5"]
    file.write_text("follower,followed,time\n" + "\n".join(lines))
    shown = error_of(*command).splitlines()
    assert shown[0] == "guanxi: line 3: there is no account 30"
    assert shown[1:20] == [f"line {line}: there is no account {33 - line}" for line in range(4, 23)]
    assert shown[20] == "… and 4 more"
    assert shown[21].startswith("24 lines are refused, so nothing was written; --skip-bad")
    found = json.loads(output_of(*command, "--json", "--skip-bad", "--bad-lines", bad))
    assert (found["read"], found["new"], found["refused"]) == (25, 1, 24)
    written = bad.read_text().splitlines()
    assert len(written) == 25
    assert written[-1] == f'{file},26,accounts 9 and 8 do not exist,"9,8,5"'
    edges = output_of("store", "export", "edges", "-", "--store", store).splitlines()
    assert len(edges) == (1 if dry_run else 2)


def interrupted(folder: Path, *argv: object) -> tuple[int, str]:
    """Run the command and send SIGINT once DuckDB has created its tables, which it then fills.

    Return the exit code and standard error. ``folder`` gets the temporary files.
    """
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, argv)],
        env=os.environ | ENGLISH | {"TMPDIR": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while not [*folder.glob("guanxi-files-*/tables.db.wal")]:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, said


@pytest.mark.parametrize("what", FILES)
def test_an_interrupted_reading_writes_nothing(tmp_path: Path, what: str) -> None:
    """The query would take years."""
    file, store, folder = tmp_path / "in.csv", tmp_path / "s.db", tmp_path / "temporary"
    file.write_text(FILES[what])
    folder.mkdir()
    ids = "max(a.range + b.range)"
    names = f"{ids} AS follower, {ids} + 1 AS followed" if what == "edges" else f"{ids} AS mid"
    query = f"SELECT {names} FROM range(10000000000) a, range(10000000000) b"
    done = interrupted(folder, "store", "import", what, file, "--sql", query, "--store", store)
    assert done == (130, "interrupted; nothing was written\n")
    assert [*folder.iterdir()] == []
    assert not store.exists()


@pytest.mark.parametrize("exists", [False, True], ids=["new store", "stored edges"])
def test_an_interrupted_reading_of_a_large_file_writes_nothing(
    tmp_path: Path, exists: bool
) -> None:
    file, store, folder = tmp_path / "in.csv", tmp_path / "s.db", tmp_path / "temporary"
    folder.mkdir()
    command = ("store", "import", "edges", file, "--store", store)
    if exists:
        file.write_text(FILES["edges"])
        output_of(*command)
    before = store.read_bytes() if exists else None
    with file.open("w") as large:
        for _ in range(300):
            large.write("7,8,1700000000\n" * 10_000)
    try:
        assert interrupted(folder, *command) == (130, "interrupted; nothing was written\n")
    finally:
        file.unlink()
    assert [*folder.iterdir()] == []
    assert (store.read_bytes() if store.exists() else None) == before
