"""``guanxi store import`` with files as people have them: what is read, and what is said."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.runner import COMMAND, error_of, guanxi, output_of
from tests.counts import combined

EDGES = "follower,followed,time\n1,2,1700000000\n"


def exported(store: Path) -> list[str]:
    """Return the first three columns of the store's edges, without the header."""
    lines = output_of("store", "export", "edges", "-", "--store", store).splitlines()
    return [",".join(line.split(",")[:3]) for line in lines[1:]]


@pytest.mark.parametrize(
    ("mark", "encoding", "first"),
    combined(
        ["", "\ufeff"],  # a byte order mark
        ["utf-8", "utf-16-le"],
        ["sep=;", '"sep=;"', "SEP=,", "sep=\t", "sep=^"],
    ),
)
def test_the_first_line_of_excel_names_the_separator(
    tmp_path: Path, mark: str, encoding: str, first: str
) -> None:
    """The one line of data would fit another separator as well."""
    separator = first.strip('"')[-1]
    file, store = tmp_path / "in.csv", tmp_path / "s.db"
    cells = [["follower", "followed", "time", "groups"], ["1", "2", "1700000000", '"a"']]
    lines = [first, *map(separator.join, cells), f"x{separator * 3}"]
    file.write_bytes((mark + "\r\n".join(lines) + "\r\n").encode(encoding))
    command = ("store", "import", "edges", file, "--store", store)
    assert "line 4: follower: 'x' is not an account id" in error_of(*command)
    output_of(*command, "--skip-bad")
    assert exported(store) == ["1,2,1700000000"]


def test_the_first_line_of_excel_before_lines_without_a_header(tmp_path: Path) -> None:
    file, store = tmp_path / "in.csv", tmp_path / "s.db"
    file.write_text("sep=;\n1;2;1700000000\n1;3;1700000001\n")
    output_of("store", "import", "edges", file, "--store", store)
    assert exported(store) == ["1,2,1700000000", "1,3,1700000001"]


def archive(name: str) -> bytes:
    """Return a ZIP archive of one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, EDGES)
    return buffer.getvalue()


def tar(content: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        member = tarfile.TarInfo("edges.csv")
        member.size = len(content)
        packed.addfile(member, io.BytesIO(content.encode()))
    return buffer.getvalue()


FOREIGN: dict[str, tuple[bytes, str, str]] = {
    "bzip2": (bz2.compress(EDGES.encode()), "is compressed by bzip2", "first: bunzip2 -k {}"),
    "xz": (lzma.compress(EDGES.encode()), "is compressed by xz", "first: unxz -k {}"),
    "zip": (archive("edges.csv"), "is a ZIP archive", "unpack it first"),
    "xlsx": (archive("xl/workbook.xml"), "is an Excel workbook", "save it as CSV"),
    "ods": (archive("content.xml"), "is an OpenDocument file", "save it as CSV"),
    "half a zip": (archive("xl/workbook.xml")[:40], "is a ZIP archive", "unpack it first"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel", "save it as CSV"),
    "png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is a PNG picture", "import CSV"),
    "sqlite": (b"SQLite format 3\0\x10\0", "is a SQLite database", "guanxi store copy"),
    "utf-32": (EDGES.encode("utf-32"), "is text in UTF-32", "iconv -f UTF-32 -t UTF-8 {}"),
    "tar": (tar(EDGES), "is a tar archive", "unpack it first"),
    "tar.gz": (gzip.compress(tar(EDGES)), "is decompressed, a tar archive", "unpack it first"),
    "bytes": (bytes(range(256)), "is not a text file", "import CSV"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("what", ["edges", "accounts", "content"])
def test_a_file_that_is_no_table_is_named_with_what_to_do(
    tmp_path: Path, name: str, what: str
) -> None:
    content, kind, instead = FOREIGN[name]
    file, store = tmp_path / "in", tmp_path / "s.db"
    file.write_bytes(content)
    output_of("account", "add", 1, "--store", store)
    said = error_of("store", "import", what, file, "--store", store)
    assert len(said.splitlines()) == 1
    assert f"{file} {kind}" in said
    assert instead.format(file) in said
    chinese = error_of("store", "import", what, file, "--store", store, GUANXI_LANG="zh")
    assert f"{file} " in chinese
    assert kind not in chinese


GBK = "follower,followed,groups\n1,2,家人\n1,3,\n1,4,朋友\n"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_gbk_is_recognised(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    file, store = tmp_path / "in.csv", tmp_path / "s.db"
    file.write_bytes(pack(GBK.encode("gbk")))
    command = ("store", "import", "edges", file, "--store", store)
    assert error_of(*command) == (
        f"guanxi: {file}: line 2 and 1 more not UTF-8, perhaps GBK (GB18030): convert it first:"
        f" iconv -f GB18030 -t UTF-8 {file} > utf8.csv\n"
    )
    assert "第 2 行等 2 行不是 UTF-8，可能是 GBK" in error_of(*command, GUANXI_LANG="zh")
    assert "3 read, 1 new," in guanxi(*command, "--skip-bad").stderr


@pytest.mark.parametrize("what", ["edges", "accounts"])
@pytest.mark.parametrize("skip_bad", [(), ("--skip-bad",)])
def test_a_header_in_gbk_is_recognised(
    tmp_path: Path, what: str, skip_bad: tuple[str, ...]
) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes("\n关注者,被关注者\n1,2\n".encode("gb18030"))
    said = error_of("store", "import", what, file, *skip_bad, "--store", tmp_path / "s.db")
    assert "perhaps GBK (GB18030)" in said


def test_names_in_gbk_are_recognised(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes("mid,name\n1,山新\n".encode("gbk"))
    said = error_of("store", "import", "accounts", file, "--store", tmp_path / "s.db")
    assert f"{file}: line 2 not UTF-8, perhaps GBK" in said


def test_a_line_that_is_neither_and_a_long_one(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes(b"follower,followed\n1,\xff\n1,2\n" + b"3" * 2_000_001 + b",1\n")
    assert error_of(
        "store", "import", "edges", file, "--store", tmp_path / "s.db"
    ).splitlines() == [
        "guanxi: line 2: not UTF-8: convert the file first, as by iconv -f GB18030 -t UTF-8",
        "line 4: longer than 2,000,000 bytes",
        "2 lines are refused, so nothing was written; --skip-bad skips such lines",
    ]


@pytest.mark.parametrize(
    ("times", "note", "sql", "stored"),
    [
        (
            ["20240102", "20240103"],
            "2 times such as 20240102 were read as seconds since 1970. If they are dates",
            "strptime(time, '%Y%m%d')",
            "1704153600",
        ),
        (
            ["45293", "45294.5"],
            "2 times such as 45293 were read as seconds since 1970. If they are days as Excel",
            "DATE '1899-12-30' + time::INTEGER",
            "1704153600",
        ),
        (
            ["202401021530", "202401031530"],
            "2 times such as 202401021530 were read as milliseconds since 1970. If they are YYYYM",
            "strptime(time, '%Y%m%d%H%M')",
            "1704209400",
        ),
    ],
)
def test_times_that_are_perhaps_dates(
    tmp_path: Path, times: list[str], note: str, sql: str, stored: str
) -> None:
    file, store = tmp_path / "in.csv", tmp_path / "s.db"
    file.write_text(
        "follower,followed,time\n1,9,1700000000\n"
        + "".join(f"1,{mid},{time}\n" for mid, time in enumerate(times, 2))
    )
    command = ("store", "import", "edges", file, "--store", store)
    said = guanxi(*command, "--dry-run").stderr
    assert note in said
    assert sql in said
    query = f"SELECT follower, followed, {sql} AS time FROM file WHERE followed = '2'"
    assert "such as" not in guanxi(*command, "--sql", query).stderr
    assert exported(store) == [f"1,2,{stored}"]


@pytest.mark.parametrize("time", ["20241332", "21010101", "61000", "1704153600", "1704153600000"])
def test_times_that_are_no_dates(tmp_path: Path, time: str) -> None:
    file = tmp_path / "in.csv"
    file.write_text(f"follower,followed,time\n1,2,{time}\n")
    said = guanxi("store", "import", "edges", file, "--dry-run", "--store", tmp_path / "s.db")
    assert said.returncode == 0
    assert "such as" not in said.stderr


@pytest.mark.parametrize(
    ("time", "why"),
    [
        ("20240102153000", " (read as milliseconds)"),
        ("1700000000000000000", None),
        ("90000000000", " (read as seconds)"),
        ("90000000000000000", " (read as microseconds)"),
        ("2999-01-01", ""),
    ],
)
def test_a_time_later_than_now_says_how_it_was_read(
    tmp_path: Path, time: str, why: str | None
) -> None:
    file = tmp_path / "in.csv"
    file.write_text(f"follower,followed,time\n1,2,{time}\n")
    said = error_of("store", "import", "edges", file, "--store", tmp_path / "s.db")
    value = time if time.isdecimal() else f"'{time}'"
    expected = "is not a time" if why is None else f"is later than now{why}\n"
    assert f"line 2: time: {value} {expected}" in said


@pytest.mark.parametrize("what", ["edges", "accounts", "content"])
def test_standard_input(tmp_path: Path, what: str) -> None:
    store = tmp_path / "s.db"
    content = {
        "edges": gzip.compress(EDGES.encode()),
        "accounts": b"mid,name\n1,a\n",
        "content": b'{"owner": 1, "kind": "notice", "document": {"text": "x"}}\n',
    }
    output_of("account", "add", 1, "--store", store)

    def run(content: bytes, *files: str) -> subprocess.CompletedProcess[bytes]:
        argv = ["store", "import", what, *files, "--store", str(store)]
        return subprocess.run(
            [sys.executable, "-c", COMMAND, *argv], input=content, capture_output=True, check=False
        )

    done = run(content[what], "-")
    assert done.returncode == 0, done.stderr
    found = output_of("store", "export", what, "-", "--store", store)
    assert {"edges": "1,2,", "accounts": "1,a,", "content": '"x"'}[what] in found
    assert b"<stdin>" in run(b"", "-").stderr or what == "content"
    if what != "content":
        refused = run(content[what], "-", "-")
        assert refused.returncode == 1
        assert b"(-) can be one of the files only once" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "english", "chinese"),
    [
        (["--columns", "follower=2,follower=1"], "a column occurs twice", "一个列出现了两次"),
        (
            ["--sql", "SELECT a FROM file"],
            "guanxi: the query of --sql failed. DuckDB: Binder Error",
            "guanxi: --sql 的查询失败。DuckDB：Binder Error",
        ),
        (
            ["--sql", "SELECT follower, error('no') AS followed FROM file"],
            "guanxi: the query of --sql failed. DuckDB: Invalid Input Error",
            "guanxi: --sql 的查询失败。DuckDB：Invalid Input Error",
        ),
        (["--group-separator", ""], "must have a character", "不能为空"),
    ],
)
def test_a_wrong_option_says_what_is_wrong(
    tmp_path: Path, arguments: list[str], english: str, chinese: str
) -> None:
    file = tmp_path / "in.csv"
    file.write_text(EDGES)
    command = ("store", "import", "edges", file, *arguments, "--store", tmp_path / "s.db")
    assert english in error_of(*command)
    assert chinese in error_of(*command, GUANXI_LANG="zh")


ACCOUNTS = [
    (
        "level",
        "7",
        "level: 7 is not a whole number from 0 to 6",
        "level：7 不是 0 至 6 的整数",
    ),
    (
        "state",
        "gone",
        "state: 'gone' is not normal, banned or deregistered",
        "state：'gone' 不是 normal、banned 或 deregistered",
    ),
    (
        "name",
        "n" * 65,
        f"name: '{'n' * 59}…' has more than 64 characters",
        f"name：'{'n' * 59}…' 超过 64 个字符",
    ),
    (
        "vip_type",
        "-3",
        "vip_type: -3 is not a whole number from 0 to 2",
        "vip_type：-3 不是 0 至 2 的整数",
    ),
    (
        "hide_followers",
        "maybe",
        "hide_followers: 'maybe' is not true, false, 1 or 0",
        "hide_followers：'maybe' 不是 true、false、1 或 0",
    ),
    (
        "sign",
        "a\x07",
        r"sign: 'a\x07' has control characters",
        r"sign：'a\x07' 含有控制字符",
    ),
]


@pytest.mark.parametrize(("column", "value", "english", "chinese"), ACCOUNTS)
def test_a_field_of_an_account_is_refused_in_one_language(
    tmp_path: Path, column: str, value: str, english: str, chinese: str
) -> None:
    file = tmp_path / "in.csv"
    file.write_text(f"mid,{column}\n1,{value}\n")
    command = ("store", "import", "accounts", file, "--store", tmp_path / "s.db")
    assert error_of(*command).splitlines()[0] == f"guanxi: line 2: {english}"
    assert error_of(*command, GUANXI_LANG="zh").splitlines()[0] == f"guanxi: 第 2 行：{chinese}"


def test_the_earlier_line_of_a_name_is_named(tmp_path: Path) -> None:
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    first.write_text("mid,name\n\n1,a b:1\n2,x\n3,a b:1\n")
    second.write_text("mid,name\n4,a b:1\n")
    command = ("store", "import", "accounts", first, second, "--store", tmp_path / "s.db")
    assert [line.partition(" (--restore")[0] for line in error_of(*command).splitlines()[:2]] == [
        f"guanxi: {first}: line 5: name: line 3 has the name 'a b:1' too",
        f"{second}: line 2: name: line 3 of {first} has the name 'a b:1' too",
    ]
    chinese = error_of(*command, GUANXI_LANG="zh")
    assert "第 5 行：name：第 3 行也有昵称 'a b:1'" in chinese


def test_small_words(tmp_path: Path) -> None:
    file, store = tmp_path / "in.csv", tmp_path / "s.db"
    command = ("store", "import", "edges", file, "--store", store)
    file.write_text(",follower,followed\n0,1,2\n")
    assert "columns ignored: (no name)\n" in guanxi(*command).stderr
    file.write_text("2,1\n2,3\n")
    said = guanxi(*command, "--columns", "follower=2,followed=1", "--dry-run").stderr
    assert "no header: the columns 2, 1 are follower, followed\n" in said
    said = guanxi("store", "export", "edges", tmp_path / "e.csv", "--store", store).stderr
    assert said.startswith("exported 1 row, ")
    file.write_text("id\n1\n")
    said = error_of("store", "import", "accounts", file, "--store", store)
    assert "The column mid is needed; if the columns have other names" in said
