"""docs/operating.md: its commands are run, its tables and the alerts are of metrics that exist."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from guanxi.contract import errors
from guanxi.service.metrics import described
from guanxi.stores.sqlite.schema import VERSION
from tests import postgres
from tests.cli.runner import guanxi, output_of
from tools import operating
from tools.tools_page import commands

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / operating.PAGE).read_text("utf-8")
_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table'"
KEPT = ROOT / "tests" / "stores" / "kept"


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
    assert found is not None, title
    return found[1]


@pytest.mark.parametrize(
    "end", ["\n## Upgrade\n", pytest.param("", marks=pytest.mark.long)], ids=["short", "whole"]
)
def test_the_page_shows_what_its_commands_print(end: str) -> None:
    """If this fails: python -m tools.operating writes the page anew; read the difference.

    The whole page takes half a minute; the short form is that up to the upgrade.
    """
    text = TEXT[: TEXT.index(end)] if end else TEXT
    with operating.session() as shell:
        assert operating.masked(operating.run(text, shell)) == operating.masked(text)


@pytest.mark.parametrize("version", ["25196c1", "f7dc975"])
def test_an_upgrade_of_an_older_store_and_the_way_back(version: str, tmp_path: Path) -> None:
    """The commands of "Upgrade" on a store that an earlier guanxi wrote, without the service."""
    old = tmp_path / "old.db"
    old.write_bytes(gzip.decompress((KEPT / f"{version}.db.gz").read_bytes()))
    schema = schema_of(old)
    assert schema < VERSION
    there, back = (
        [
            command
            for command in commands(block)
            if command.startswith(("guanxi", "pip")) or "restore" in command
        ]
        for block in re.findall(r"^```console\n(.*?)^```$", section("Upgrade"), re.M | re.S)
    )
    with operating.session(old) as shell:
        store = shell.folder / "mine.db"
        said = [shell(command) for command in there]
        assert said[-1] == "no faults\n"
        assert schema_of(store) == VERSION
        assert schema_of(shell.folder / "before.db") == schema
        assert schema_of(shell.folder / f"mine.db.schema-{schema}") == schema
        for command in back:
            assert "exit status" not in shell(command)
        assert schema_of(store) == schema
        assert rows(store) == rows(old)


def steps(title: str, level: str = "###") -> list[str]:
    """Return the commands of a section that need no service."""
    found = re.search(rf"^{level} {title}\n(.*?)(?=^##|\Z)", TEXT, re.M | re.S)
    assert found is not None, title
    blocks = re.findall(r"^```console\n(.*?)^```$", found[1], re.M | re.S)
    lines = [line for block in blocks for line in commands(block)]
    return [line for line in lines if line.startswith("guanxi")]


@pytest.mark.long
def test_a_damaged_store_is_restored_by_the_commands_of_the_page() -> None:
    with operating.session() as shell:
        for title in ("Start", "Back up"):
            for command in steps(title, "##"):
                assert "exit status" not in shell(command)
        store = shell.folder / "mine.db"
        content = bytearray(store.read_bytes())
        content[4096 * 2 : 4096 * 6] = b"\xff" * (4096 * 4)
        store.write_bytes(content)
        assert "the store's file is damaged: restore it from a backup" in shell(
            "guanxi account show 1 --store mine.db"
        )
        [check] = steps("The store is damaged")
        assert "exit status 3" in shell(check)
        for command in steps("Restore", "##"):
            assert "exit status" not in shell(command)
        assert shell(check) == "no faults\n"
        [kept] = shell.folder.glob("mine.db.replaced-*")
        assert kept.read_bytes() == content


@pytest.mark.long
def test_a_lost_log_is_followed_by_the_commands_of_the_page() -> None:
    """What had reached the file is sound and backed up; what was in the log alone is lost."""
    with operating.session() as shell:
        for command in steps("Start", "##"):
            shell(command)
        store = shell.folder / "mine.db"
        with closing(apsw.Connection(str(store))) as db:  # a process that has not copied its log
            db.execute("SELECT count(*) FROM account").get  # noqa: B018 - opens the log
            output_of("account", "add", 2, "--name", "乙", "--store", store)
            left = store.read_bytes()
            assert Path(f"{store}-wal").stat().st_size
        for end in ("-wal", "-shm"):
            Path(f"{store}{end}").unlink(missing_ok=True)
        store.write_bytes(left)
        for command in steps("The log was lost"):
            assert "exit status" not in shell(command)
        assert (shell.folder / "sound.db").stat().st_size
        assert "exit status" not in shell("guanxi account show 1 --store mine.db")
        assert "exit status" in shell("guanxi account show 2 --store mine.db")


def schema_of(path: Path) -> int:
    db = apsw.Connection(str(path))
    try:
        return int(db.pragma("user_version"))
    finally:
        db.close()


def rows(path: Path) -> dict[str, list[object]]:
    """Return the rows of every table of a file."""
    db = apsw.Connection(str(path))
    try:
        found = [name for (name,) in db.execute(_TABLES)]
        return {name: sorted(db.execute(f"SELECT * FROM {name}"), key=repr) for name in found}
    finally:
        db.close()


@pytest.fixture
def databases() -> Iterator[list[str]]:
    """Yield the addresses of two empty databases of their own."""
    postgres.skip_on_citus("pg_dump of a coordinator makes plain tables")
    server = postgres.server_address()
    names = ["operated", "restored"]
    for name in names:
        postgres.sql(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}", "SELECT 1")
    yield [server.replace("/postgres?", f"/{name}?") for name in names]
    for name in names:
        postgres.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", "SELECT 1")


@pytest.mark.long
def test_a_postgresql_store_is_dumped_and_restored(databases: list[str], tmp_path: Path) -> None:
    dump, restore, *_ = re.findall(r"^```text\n(.*?)^```$", section("PostgreSQL"), re.M | re.S)
    store, empty = databases
    output_of("store", "init", store)
    output_of("store", "changes", "on", "--store", store)
    output_of("account", "add", 1, "--name", "甲", "--store", store)
    kept = end_of_changes(store)
    programs = f"{postgres.needed_programs()}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": programs, "STORE": store, "EMPTY": empty}
    for steps in (dump, restore):
        subprocess.run(["bash", "-ec", steps], cwd=tmp_path, env=environment, check=True)
        output_of("account", "add", 2, "--name", "乙", "--store", store)
    assert (tmp_path / "guanxi.dump").stat().st_mode & 0o777 == 0o600
    assert "甲" in output_of("account", "show", 1, "--store", empty)
    assert guanxi("account", "show", 2, "--store", empty).returncode == 1
    # A reader that had read the change that is lost is refused; one that had not goes on.
    output_of("account", "add", 3, "--name", "丙", "--store", empty)
    output_of("account", "add", 4, "--name", "丁", "--store", empty)
    lost = end_of_changes(store)
    refused = guanxi("changes", "--after", lost, "--store", empty)
    assert "restored backup" in refused.stderr
    goes_on = output_of("changes", "--json", "--after", kept, "--store", empty).splitlines()
    assert [json.loads(line)["actor"] for line in goes_on] == [3, 4]


def end_of_changes(address: str) -> str:
    status = json.loads(output_of("store", "changes", "status", "--store", address))
    return str(status["cursor"])


def test_each_alert_is_of_metrics_and_codes_that_exist() -> None:
    names = {name for name, *_ in described()}
    found: set[str] = set()
    for rule in operating.rules(ROOT):
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+m", rule.get("for", "1m"))
        used = re.findall(r"\bguanxi_\w+", rule["expr"])
        found.update(name.removesuffix("_bucket") for name in used)
        assert all(int(code) in errors.CODES for code in re.findall(r'code="(.*?)"', rule["expr"]))
        assert rule["expr"].count("(") == rule["expr"].count(")")
        for part in re.findall('"(.*?)"', rule["annotations"]["action"]):
            assert f"\n### {part}\n" in TEXT, part
    assert found == names, "each metric has an alert"
    assert f"]({os.path.relpath(ROOT / operating.RULES, ROOT / 'docs')})" in TEXT


def test_the_table_has_each_metric_of_the_code() -> None:
    table = section("Metrics")
    for name, kind, *_ in described():
        assert f"| `{name}` | {kind} |" in table
