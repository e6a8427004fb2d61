"""``guanxi store backup``, ``restore`` and ``info``."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from tests import postgres
from tests.cli.runner import COMMAND, ENGLISH, error_of, guanxi, in_a_process, output_of
from tests.files.test_copies import opened


def made(path: Path) -> Path:
    """Create a store with an account, and back it up next to it; return the backup's path."""
    output_of("account", "add", 1, "--name", "甲", "--store", path)
    file = path.with_name("b.db")
    result = guanxi("store", "backup", file, "--store", path)
    assert result.returncode == 0
    assert result.stdout == ""
    assert re.fullmatch(rf"backed up to {file}: [\d,]+ bytes, no faults\n", result.stderr)
    return file


def answering(typed: str, *argv: object) -> tuple[int, str]:
    """Run a command on a terminal, and type a line; return its status and what it printed."""
    master, slave = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *map(str, argv)],
        stdin=slave,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | ENGLISH,
        text=True,
    ) as process:
        os.close(slave)
        os.write(master, f"{typed}\n".encode())
        _, printed = process.communicate(timeout=60)
        os.close(master)
        return process.returncode, printed


def test_a_store_is_replaced_only_once_its_name_is_typed(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    file = made(path)
    output_of("account", "add", 2, "--name", "乙", "--store", path)
    before = path.read_bytes()
    restore = ("store", "restore", file, "--store", path)
    assert "--force replaces it" in error_of(*restore)
    assert "no terminal to ask: use --yes" in error_of(*restore, "--force")
    status, printed = answering("yes", *restore, "--force")
    assert status == 1
    assert "Type s.db to confirm" in printed
    assert "nothing was changed" in printed
    assert path.read_bytes() == before
    status, printed = answering("s.db", *restore, "--force")
    assert status == 0, printed
    [aside] = re.findall(r"the old store is (\S+)", printed)
    assert Path(aside).read_bytes() == before
    assert "1" in output_of("account", "show", 1, "--store", path)
    assert "2" in error_of("account", "show", 2, "--store", path)
    assert guanxi(*restore, "--force", "--yes", "--discard").returncode == 0
    assert [name for name in os.listdir(tmp_path) if "replaced" in name] == [Path(aside).name]


def test_the_store_notes_its_last_backup(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    output_of("account", "add", 1, "--store", path)
    assert "last backup: never" in output_of("store", "info", "--store", path)
    made(path)
    backed_up = json.loads(output_of("store", "info", "--json", "--store", path))["backed_up"]
    assert abs(backed_up - time.time()) < 60
    output_of("store", "backed-up", "--store", path)
    entries = [
        json.loads(line) for line in output_of("admin", "audit", "--store", path).splitlines()
    ]
    assert [(one["what"], one["status"]) for one in entries[:2]] == [
        ("store backed-up", 0),
        ("store backup", 0),
    ]


def test_texts_are_in_the_language_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    file = made(path)
    assert (
        "检查通过"
        in guanxi("store", "backup", file, "--force", "--store", path, GUANXI_LANG="zh").stderr
    )
    assert (
        "已恢复"
        in guanxi(
            "store", "restore", file, "--force", "--yes", "--store", path, GUANXI_LANG="zh"
        ).stderr
    )


def test_a_postgresql_store_is_refused_with_what_to_use(tmp_path: Path) -> None:
    for argv in (("backup", tmp_path / "b"), ("restore", tmp_path / "b")):
        refusal = error_of("store", *argv, "--store", "postgresql://x:secret@127.0.0.1/x")
        assert "pg_dump" in refusal
        assert "secret" not in refusal.partition("pg_dump")[0] + refusal.partition("pg_dump")[2]


def test_nothing_is_left_of_an_interrupted_backup(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    made(path).unlink()
    code = (
        "import os, signal, sys\n"
        "from guanxi.stores.sqlite import copies\n"
        "def interrupted(*_): os.kill(os.getpid(), signal.SIGINT)\n"
        "copies.verify = interrupted\n" + COMMAND
    )
    result = in_a_process("store", "backup", tmp_path / "b.db", "--store", path, code=code)
    assert result.returncode not in (0, 1), result
    assert {entry.name for entry in tmp_path.iterdir()} == {"s.db", "s.db-turn"}


def test_info_shows_what_a_store_has(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    made(path)
    facts = json.loads(output_of("store", "info", "--json", "--store", path))
    assert facts["counts"]["accounts"] == facts["states"]["normal"] == 1
    assert facts["bytes"]["file"] == path.stat().st_size
    assert (facts["users"], facts["checked"]) == ([], None)
    shown = output_of("store", "info", "--store", path)
    assert "accounts: 1\n" in shown
    assert "last check without a fault: never\n" in shown
    assert "in use by: nobody else\n" in shown
    output_of("check", "--store", path)
    with opened(path) as process:
        shown = output_of("store", "info", "--store", path)
        assert re.search(rf"^in use by: {process.pid} python", shown, re.M)
        assert re.search(r"^last check without a fault: 20\d\d-", shown, re.M)
    shown = output_of("store", "info", "--store", path, GUANXI_LANG="zh")
    assert "账号: 1\n" in shown
    assert "账号（封禁）: 0\n" in shown
    assert [line for line in shown.splitlines() if re.match("[a-z]", line)] == []
    assert not re.search("file|log|free", shown)


def test_a_check_that_finds_a_fault_is_not_noted(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    made(path)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE tally SET following = 7")
    db.close()
    assert guanxi("check", "--store", path).returncode == 1
    assert json.loads(output_of("store", "info", "--json", "--store", path))["checked"] is None


def test_estimates_of_postgresql_are_said_to_be_estimates(address: str) -> None:
    postgres.skip_on_citus("it has no estimates")
    output_of("account", "add", 1, "--store", address)
    shown = output_of("store", "info", "--store", address)
    assert "accounts: unknown: no estimate yet, use --exact\n" in shown
    assert "accounts: 1\n" in output_of("store", "info", "--exact", "--store", address)
    postgres.sql("ANALYZE", "SELECT 1", address=address)
    shown = output_of("store", "info", "--store", address)
    assert "accounts: about 1\n" in shown
    assert "blocks: about 0\n" in shown
    assert re.search(r"^size of relation: [\d,]+ bytes$", shown, re.M)


def test_a_restore_says_who_is_erased_again_and_is_in_the_audit_log(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    file = made(path)
    guanxi("account", "erase", 1, "--yes", "--store", path)
    restored = guanxi("store", "restore", file, "--store", path, "--force", "--yes")
    assert "accounts to erase again: 1; a service does it once it runs" in restored.stderr
    newest = json.loads(output_of("admin", "audit", "--limit", 1, "--store", path))
    assert newest["who"].startswith("cli:")
    assert (newest["what"], newest["status"]) == ("store restore", 0)
    assert json.loads(output_of("account", "show", 1, "--store", path))["state"] == "deregistered"
    guanxi("account", "erase", 1, "--store", path)  # no confirmation: it has begun
    assert "does not exist" in error_of("account", "show", 1, "--store", path)
    path.write_bytes(b"damaged" * 1_000)
    restored = guanxi("store", "restore", file, "--store", path, "--force", "--yes")
    assert "the old store cannot be read: erase again whom you erased" in restored.stderr
