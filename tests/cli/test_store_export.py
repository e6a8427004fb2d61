"""``guanxi store export``: on standard output, into files, and what goes wrong."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guanxi.stores.port import EdgeRow
from tests.cli.runner import COMMAND, ENGLISH, error_of, guanxi, in_a_process, output_of, with_store
from tests.counts import combined

LINES = """follower,followed,time,kind,special,groups
1,2,1700000000,follow,1,同学|b
2,1,1700000001,follow,0,
1,3,1700000002,block,0,
"""
CONTENT = '{"owner":1,"kind":"notice","document":{"text":"你好"}}\n'
HEADER = "follower,followed,time,kind,special,groups,contract,finer,visits"


@pytest.fixture(params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a store with edges, accounts and content."""
    address = str(
        tmp_path / "s.db" if request.param == "sqlite" else request.getfixturevalue("address")
    )
    (tmp_path / "in.csv").write_text(LINES)
    (tmp_path / "in.jsonl").write_text(CONTENT)
    output_of("account", "add", 1, "--name", "甲", "--store", address)
    output_of("store", "import", "edges", tmp_path / "in.csv", "--store", address)
    output_of("store", "import", "content", tmp_path / "in.jsonl", "--store", address)
    return address


def test_standard_output_gets_csv_or_json_lines(filled: str) -> None:
    edges = in_a_process("store", "export", "edges", "-", "--store", filled)
    assert edges.returncode == 0, edges.stderr
    assert edges.stdout.splitlines() == [
        HEADER,
        "1,2,1700000000,follow,true,b|同学,,0,0",
        "1,3,1700000002,block,false,,,0,0",
        "2,1,1700000001,follow,false,,,0,0",
    ]
    assert edges.stderr == f"exported 3 rows, {len(edges.stdout.encode())} bytes\n"
    assert output_of("store", "export", "content", "-", "--store", filled) == CONTENT
    rows = csv.DictReader(
        io.StringIO(output_of("store", "export", "accounts", "-", GUANXI_STORE=filled))
    )
    assert [(row["mid"], row["name"], row["state"]) for row in rows] == [
        ("1", "甲", "normal"),
        ("2", "用户2", "normal"),
        ("3", "用户3", "normal"),
    ]


def test_where_selects_rows_on_standard_output(filled: str) -> None:
    command = ("store", "export", "edges", "-", "--store", filled, "--where")
    assert output_of(*command, "follower = 1 AND time >= 1700000001").splitlines()[1:] == [
        "1,3,1700000002,block,false,,,0,0"
    ]
    assert output_of(*command, "list_contains(groups, 'b')").splitlines()[1:] == [
        "1,2,1700000000,follow,true,b|同学,,0,0"
    ]
    assert "no column name; there are follower" in error_of(*command, "name = 'x'")


@pytest.mark.parametrize(
    ("filled", "ending"),
    combined(
        ["sqlite", "postgresql"], ["csv", "csv.gz", "csv.zst", "jsonl", "jsonl.zst", "parquet"]
    ),
    indirect=["filled"],
)
def test_the_import_commands_read_what_the_export_commands_write(
    filled: str, tmp_path: Path, ending: str
) -> None:
    output_of("account", "ban", 3, "--store", filled)
    output_of("account", "privacy", 2, "--hide-followers", "--store", filled)
    edges, content = tmp_path / f"edges.{ending}", tmp_path / f"content.{ending}"
    people = tmp_path / f"accounts.{ending}"
    output_of("store", "export", "accounts", people, "--store", filled)
    output_of("store", "export", "edges", edges, "--store", filled)
    output_of("store", "export", "content", content, "--store", filled)
    copy = tmp_path / "copy.db"
    output_of("store", "import", "edges", edges, "--store", copy)
    output_of("store", "import", "accounts", people, "--store", copy)
    output_of("store", "import", "content", content, "--store", copy)
    for part in ("edges", "accounts", "content"):
        ours, theirs = [
            output_of("store", "export", part, "-", "--store", store) for store in (filled, copy)
        ]
        assert ours == theirs
    assert output_of("check", "--store", copy) == ""


def test_an_existing_file_needs_force(filled: str, tmp_path: Path) -> None:
    file = tmp_path / "e.csv"
    file.write_text("mine")
    command = ("store", "export", "edges", file, "--store", filled)
    assert "e.csv exists; --force replaces it" in error_of(*command)
    assert "已存在" in error_of(*command, GUANXI_LANG="zh")
    assert file.read_text() == "mine"
    assert guanxi(*command, "--force").stderr == f"exported 3 rows, {file.stat().st_size} bytes\n"
    assert file.read_text().startswith(HEADER)


def test_a_missing_store_or_folder_is_an_error(filled: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"
    assert "no store" in error_of("store", "export", "edges", "-", "--store", missing)
    file = tmp_path / "no" / "e.csv"
    assert "No such file" in error_of("store", "export", "edges", file, "--store", filled)
    assert not missing.exists()


MANY = 20_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the file of a store with edges whose export is larger than a pipe's buffer."""
    path = tmp_path_factory.mktemp("many") / "s.db"
    rows = [EdgeRow(follower=1, followed=mid, time=mid) for mid in range(2, MANY + 2)]
    with_store(path, lambda store: store.import_edges(lambda: rows))
    return str(path)


@pytest.mark.parametrize(("where", "unbuffered"), combined([(), ("--where", "true")], ["", "1"]))
def test_a_pipe_gets_every_byte(many: str, where: tuple[str, ...], unbuffered: str) -> None:
    command = ("store", "export", "edges", "-", "--store", many, *where)
    result = in_a_process(*command, PYTHONUNBUFFERED=unbuffered)
    assert len(result.stdout.splitlines()) == MANY + 1
    assert result.stderr == f"exported {MANY:,} rows, {len(result.stdout):,} bytes\n"


@pytest.mark.parametrize(("where", "unbuffered"), combined([(), ("--where", "true")], ["", "1"]))
def test_a_closed_pipe_ends_the_export_quietly(
    many: str, where: tuple[str, ...], unbuffered: str
) -> None:
    command = ("store", "export", "edges", "-", "--store", many, *where)
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, *command],
        env=os.environ | ENGLISH | {"PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().decode().strip() == HEADER
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


# The kernel refuses to let a file grow further, as it does on a full disk, until the process exits:
# then coverage, where it measures the process, writes its file.
FULL = f"""
import atexit, resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
atexit.register(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, most))
{COMMAND}
"""


@pytest.mark.parametrize(
    "name",
    [
        "e.csv",
        "e.parquet",
        *(pytest.param(one, marks=pytest.mark.long) for one in ("e.jsonl", "e.csv.zst")),
    ],
)
def test_a_full_disk_is_an_error_that_leaves_nothing(many: str, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    command = ("store", "export", "edges", folder / name, "--store", many)
    failed = in_a_process(*command, code=FULL)
    assert failed.returncode == 1, failed
    assert failed.stderr == (
        f"guanxi: {folder} cannot be written: File too large; no file was left\n"
    )
    assert [*folder.iterdir()] == []
    assert guanxi(*command).returncode == 0


WITHOUT_DUCKDB = f"import sys; sys.modules['duckdb'] = None\n{COMMAND}"


@pytest.mark.long
def test_only_some_exports_need_duckdb(many: str, tmp_path: Path) -> None:
    def export(name: str, *more: str) -> subprocess.CompletedProcess[str]:
        command = ("store", "export", "edges", tmp_path / name, "--store", many, *more)
        return in_a_process(*command, code=WITHOUT_DUCKDB)

    for name in ("e.csv", "e.csv.gz", "e.jsonl", "e.jsonl.gz"):
        assert export(name).stderr.startswith(f"exported {MANY:,} rows"), name
    for refused in (export("e.parquet"), export("e.csv.zst"), export("f.csv", "--where", "true")):
        assert refused.returncode == 1
        assert "pip install 'guanxi[files]'" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert not (tmp_path / "f.csv").exists()
