"""Every command is in one language at a time, and is imported only when it is used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unicodedata import east_asian_width

import apsw
import pytest

from guanxi.cli import COMMANDS
from tests import postgres
from tests.cli.runner import error_of, guanxi, in_a_process, output_of
from tests.sdk.recorder import Answer, recording

CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
_SIGNED_IN = {"GUANXI_SESSDATA": "token", "GUANXI_BILI_JCT": "csrf"}
#: Options that the command-line library describes, in English alone.
FOREIGN = ("--help ", "--install-completion ", "--show-completion ")


def helps(language: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path and the help of every command, for a terminal of 80 columns."""
    pending: list[tuple[str, ...]] = [()]
    while pending:
        path = pending.pop()
        shown = output_of(*path, "--help", COLUMNS="80", GUANXI_LANG=language)
        yield path, shown
        _, _, commands = shown.partition("Commands:\n")
        pending += [(*path, line.split()[0]) for line in commands.splitlines()]


def entries(shown: str) -> list[str]:
    """Return the arguments, options and commands of a help, each with its description."""
    listed = re.sub(r"\A.*?^(?=\w+:\n)|^\w+:\n|^\n", "", shown, flags=re.M | re.S)
    return re.split(r"\n  (?=\S)", listed.strip())


def test_english_help_has_no_chinese_and_fits_80_columns() -> None:
    found = dict(helps("en"))
    assert len(found) >= 21
    for path, shown in found.items():
        assert not CHINESE.search(shown), path
        assert max(map(len, shown.splitlines())) <= 80, path


def test_chinese_help_describes_everything_in_chinese_and_fits_80_columns() -> None:
    found = dict(helps("zh"))
    assert found.keys() == dict(helps("en")).keys()
    for path, shown in found.items():
        summary = shown.split("\n\n")[1]
        assert CHINESE.search(summary), path
        for entry in entries(shown):
            assert CHINESE.search(entry) or entry.startswith(FOREIGN), (path, entry)
        for line in summary.splitlines():
            assert sum(1 + (east_asian_width(one) in "WF") for one in line) <= 80, line


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_list_of_commands_has_the_first_line_of_each_help(language: str) -> None:
    found = dict(helps(language))
    for name in COMMANDS:
        [listed] = [
            line.split(maxsplit=1)[1] for line in entries(found[()]) if line.split()[0] == name
        ]
        assert found[(name,)].split("\n\n")[1].strip() == listed


@pytest.mark.parametrize(
    ("argv", "english", "chinese"),
    [
        (["account", "ban", 9], "account 9 does not exist", "账号 9 不存在"),
        (["account", "ban", "key:a"], "no account has the key 'a'", "没有账号的键为 'a'"),
        (["account", "add", 1, "--store", "no/s.db"], "no such folder no", "文件夹 no 不存在"),
        (["account", "add", 1, "--store", "/proc/s.db"], "cannot be created", "无法建立"),
        (["session", "new", 1, "--app", "--export"], "leave out --app", "不能与 --app 同用"),
        (["session", "agree", 1, "0" * 32], "code is invalid", "二维码无效"),
        (["store", "init", "s.db"], "exists already", "已存在"),
        (["store", "init", "t.db", "--distribute"], "cannot be distributed", "不能分布"),
        (["store", "migrate", "s.db"], "whenever it is opened", "打开时自动升级"),
        (["store", "copy", "s.db", "s.db"], "is not empty", "不是空库"),
        (["store", "import", "edges", "edges.csv"], "line 2: followed:", "第 2 行：followed："),
        (["store", "import", "edges", "twice.csv"], "1 repeated", "1 重复"),
        (["store", "import", "edges", "edges.txt"], "is empty", "没有内容"),
        (["store", "import", "content", "content.jsonl"], "no account 9", "没有账号 9"),
        (["check"], "no faults", "检查通过"),
        (["serve", "--admin", "8001"], "must be HOST:PORT", "应为 HOST:PORT"),
        (["demo", "--store", "s.db"], "needs a new store", "演示需要新库"),
        (["api", "relation.folowings"], "did you mean", "是否想用"),
        (["api", "relation.many", "mids=1"], "has no parameter", "没有参数"),
        (["logout"], "no account is saved", "没有保存名为"),
        (["api", "relation.stat", "vmid=1"], "127.0.0.1:1: ", "127.0.0.1:1 没有响应："),
    ],
)
def test_messages_are_in_one_language(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    argv: list[object],
    english: str,
    chinese: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GUANXI_STORE", "s.db")
    monkeypatch.setenv("GUANXI_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    header = "follower,followed,time\n"
    Path("edges.csv").write_text(f"{header}1,x,1\n")
    Path("twice.csv").write_text(f"{header}1,2,1\n1,2,1\n")
    Path("edges.txt").touch()
    Path("content.jsonl").write_text('{"owner": 9, "kind": "notice", "document": {"text": ""}}\n')
    output_of("account", "add", 1)
    for language, here, elsewhere in (("en", english, chinese), ("zh", chinese, english)):
        result = guanxi(*argv, GUANXI_LANG=language)
        assert here in result.stderr
        assert elsewhere not in result.stderr
        assert bool(CHINESE.search(result.stderr)) == (language == "zh")
        assert "Traceback" not in result.stderr


def test_the_language_of_guanxi_wins_over_that_of_the_system() -> None:
    assert "显示版本" in output_of("--help", GUANXI_LANG="", LC_ALL="zh_CN.UTF-8")
    assert "显示版本" not in output_of("--help", GUANXI_LANG="en", LC_ALL="zh_CN.UTF-8")
    result = in_a_process("--help", GUANXI_LANG="zh", LC_ALL="C.UTF-8")
    assert "显示版本" in result.stdout


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_no_command(option: str) -> None:
    code = (
        "import sys\nfrom guanxi.cli import main\ntry: main()\n"
        "finally: print(*(name for name in sys.modules if name.startswith('guanxi.')))"
    )
    result = in_a_process(option, code=code)
    assert result.returncode == 0, result.stderr
    imported = set(result.stdout.splitlines()[-1].split())
    assert {name for name in imported if name.startswith("guanxi.cli.")} == {
        "guanxi.cli.app",
        "guanxi.cli.help",
        "guanxi.cli.language",
        "guanxi.cli.terminal",
    }
    assert not {name for name in imported if re.match(r"guanxi\.(stores|service|sdk)\b", name)}


def test_an_unknown_command_suggests_a_known_one() -> None:
    assert "serve" in guanxi("sreve").stderr


@pytest.mark.parametrize(
    ("argv", "english", "chinese"),
    [
        (["account", "ban"], "Missing argument 'MID'", "缺少参数 MID"),
        (["account", "ban", "x"], "'x' is no mid from 1", "'MID' 的值无效：'x' 不是 1 至"),
        (["account", "add", "x"], "should be a valid integer", "'mids' 的值无效：应为整数"),
        (["account", "add", "0"], "greater than or equal to 1", "'mids' 的值无效：不能小于 1"),
        (["account", "add"], "give an id, or --key", "请给出 mid 或 --key"),
        (["account", "ban", "1", "2"], "unexpected extra argument", "多余的参数：2"),
        (["account", "ban", "1", "--nope"], "No such option: --nope", "没有选项 --nope"),
        (["account", "ban", "1", "--stor"], "Possible options", "是否想用 --store"),
        (["account", "ban", "1", "--store"], "requires an argument", "--store 需要一个值"),
        (["account", "ban", "1", "--lift=x"], "does not take a value", "--lift 不能有值"),
        (["sreve"], "No such command 'sreve'", "没有命令 sreve，是否想用 'serve'"),
        (["account", "zzz"], "No such command 'zzz'", "没有命令 zzz"),
        (["account", "add", "1", "2", "--name", "a"], "--name is for one", "--name 只用于一个"),
        (
            ["store", "import", "edges", "none.csv"],
            "does not exist",
            "'FILE' 的值无效：none.csv 不存",
        ),
        (["store", "import", "edges", "."], "is a directory", "'FILE' 的值无效：. 是文件夹"),
        (
            ["store", "import", "edges", "e.csv", "--on-conflict", "x"],
            "'x' is not one of 'newest'",
            "'--on-conflict' 的值无效：x 不是 'newest', 'oldest', 'refuse' 之一",
        ),
    ],
)
def test_wrong_arguments_are_refused_in_one_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], english: str, chinese: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("e.csv").touch()
    for language, here in (("en", english), ("zh", chinese)):
        result = guanxi(*argv, GUANXI_LANG=language)
        assert (result.returncode, result.stdout) == (2, "")
        assert here in result.stderr
        said = result.stderr.splitlines()[-1]
        assert bool(CHINESE.search(said)) == (language == "zh")
        assert said.startswith("Error: " if language == "en" else "错误：")
        assert ("Usage" in result.stderr) <= (language == "en")


def test_a_wrong_argument_cannot_control_the_terminal() -> None:
    said = guanxi("account", "ban", "1", "\x9b31m", GUANXI_LANG="zh").stderr
    assert r"多余的参数：\x9b31m" in said


def stores_that_cannot_be_opened(folder: Path) -> Iterator[str]:
    """Yield addresses, each of a store that cannot be opened for a reason of its own."""
    yield str(folder / "missing.db")
    (folder / "empty.db").touch()
    yield str(folder / "empty.db")
    (folder / "text.db").write_text("not a database " * 1_000)
    yield str(folder / "text.db")
    for name, change in (
        ("other.db", "PRAGMA application_id = 7"),
        ("newer.db", "PRAGMA user_version = 99"),
        ("older.db", "PRAGMA user_version = 0"),
    ):
        path = folder / name
        output_of("store", "init", path)
        with closing(apsw.Connection(str(path))) as db:
            db.execute(change)
            yield str(path)
    yield "postgresql://127.0.0.1:1/none"
    yield "postgresql://me:p@ss:w@rd/x"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_errors_of_stores_are_in_one_language(tmp_path: Path, language: str) -> None:
    for address in stores_that_cannot_be_opened(tmp_path):
        message = error_of("check", "--store", address, GUANXI_LANG=language)
        said = message.replace(str(tmp_path), "")
        assert bool(CHINESE.search(said)) == (language == "zh"), message


@pytest.mark.parametrize("language", ["en", "zh"])
def test_errors_of_a_database_are_in_one_language(address: str, language: str) -> None:
    for argv in (("check", "--store", address), ("store", "init", "--distribute", address)):
        if "init" in argv and postgres.has_citus():
            continue
        message = error_of(*argv, GUANXI_LANG=language)
        assert bool(CHINESE.search(message)) == (language == "zh"), message


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_a_server_says_cannot_control_the_terminal(language: str) -> None:
    refusal = {"code": -400, "message": "关\x1b[31m\u202e\n山", "reason": "why\x1b]0;x\x07\r\x9b1A"}
    with recording(lambda _: Answer(refusal)) as server:
        shown = error_of("whoami", GUANXI_LANG=language, GUANXI_BASE_URL=server.url, **_SIGNED_IN)
    assert r"why\x1b]0;x\x07\r\x9b1A" in shown
    assert r"关\x1b[31m\u202e\n山" in shown
    assert not [one for one in shown if one != "\n" and not one.isprintable()]
