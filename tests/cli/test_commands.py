"""The commands, run as a shell runs them, on real files and against a real service."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar
from unicodedata import east_asian_width

import apsw
import pytest

from guanxi import Credential, SyncClient, __version__
from guanxi.accounts.account import Account, Privacy, State
from guanxi.contract.endpoints import BY_NAME
from guanxi.contract.errors import NotSignedIn
from guanxi.demo.world import HERO
from guanxi.graph.pair import SPECIAL, Attribute
from guanxi.stores import open_store
from guanxi.stores.port import Store
from guanxi.testing import RunningService, running
from guanxi.world.profile import NOTICE, Notice
from guanxi.world.videos import VIDEO

T = TypeVar("T")
COMMAND = "from guanxi.cli import main; main()"


def guanxi(*argv: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, argv)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def done(*argv: object, **environment: str) -> str:
    """Standard output of a command that must succeed."""
    result = guanxi(*argv, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(*argv: object, **environment: str) -> str:
    """Standard error of a command that must not, and prints no trace."""
    result = guanxi(*argv, **environment)
    assert result.returncode in (1, 2), result
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def held(path: Path, read: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    """What a store holds."""

    async def opened() -> T:
        store = await open_store(str(path))
        try:
            return await read(store)
        finally:
            await store.close()

    return asyncio.run(opened())


def account(path: Path, mid: int) -> Account | None:
    return held(path, lambda store: store.account(mid))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    for mid, name in ((1, "甲"), (2, "乙")):
        done("account", "add", mid, "--name", name, "--store", path)
    return path


def test_accounts(store: Path) -> None:
    done("account", "add", 1, "--name", "丙", "--face", "https://a/b.png", "--store", store)
    done("account", "add", 1, "--sign", "新", "--store", store)
    card = held(store, lambda opened: opened.cards([1]))[1]
    assert (card.name, card.face, card.sign) == ("丙", "https://a/b.png", "新")
    done("account", "ban", 1, "--store", store)
    assert account(store, 1) == Account(mid=1, state=State.BANNED)
    done("account", "ban", 1, "--lift", "--store", store)
    assert account(store, 1) == Account(mid=1)
    done("account", "deregister", 1, "--store", store)
    assert account(store, 1) == Account(mid=1, state=State.DEREGISTERED)
    gone = held(store, lambda opened: opened.cards([1]))
    for argv in (
        ("account", "ban", 1, "--lift"),
        ("account", "add", 1, "--name", "丁"),
        ("session", "new", 1),
    ):
        assert "账号 1 已注销" in refused(*argv, "--store", store)
    assert account(store, 1) == Account(mid=1, state=State.DEREGISTERED)
    assert held(store, lambda opened: opened.cards([1])) == gone


def test_an_account_without_a_name_has_a_plain_one(store: Path) -> None:
    done("account", "add", 3, "--store", store)
    assert held(store, lambda opened: opened.cards([3]))[3].name == "用户3"


def test_privacy_sets_what_is_given(store: Path) -> None:
    done("account", "privacy", 1, "--hide-followings", "--refuse-follows", "--store", store)
    printed = done("account", "privacy", 1, "--allow-follows", "--store", store)
    assert json.loads(printed) == {
        "hide_followings": True,
        "hide_followers": False,
        "refuse_follows": False,
    }
    found = account(store, 1)
    assert found is not None
    assert found.privacy == Privacy(hide_followings=True)


@pytest.mark.parametrize(
    "argv",
    [
        ("account", "ban", 9),
        ("account", "deregister", 9),
        ("account", "privacy", 9),
        ("session", "new", 9),
        ("session", "revoke", 9),
    ],
)
def test_nobody_is_made_by_mistake(store: Path, argv: tuple[object, ...]) -> None:
    assert "账号 9 不存在" in refused(*argv, "--store", store)
    assert account(store, 9) is None


@pytest.mark.parametrize("argv", [("check",), ("session", "new", 1), ("account", "ban", 1)])
def test_no_store_is_made_by_mistake(tmp_path: Path, argv: tuple[object, ...]) -> None:
    path = tmp_path / "missing.db"
    assert "guanxi serve" in refused(*argv, "--store", path)
    assert not path.exists()


@pytest.mark.parametrize(
    "argv",
    [
        ("serve", "--port", 0),
        ("demo", "--port", 0),
        ("account", "add", 1),
        ("store", "import", "edges", "edges.csv"),
    ],
)
def test_a_folder_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[object, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("edges.csv").write_text(EDGES, "utf-8")
    assert "文件夹 missing 不存在" in refused(*argv, "--store", "missing/s.db")


def test_what_the_system_refuses_is_one_line() -> None:
    said = refused("account", "add", 1, "--store", "/proc/s.db")
    assert said.startswith("guanxi: ")
    assert "/proc/s.db" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("argv", [("serve",), ("demo",)])
def test_an_address_that_cannot_be_listened_on(tmp_path: Path, argv: tuple[object, ...]) -> None:
    path = tmp_path / "s.db"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(*argv, "--store", path, "--port", port)
    assert said == (
        f"guanxi: 端口 {port} 已被占用 (127.0.0.1:{port} is in use): --port {port + 1}, --port 0\n"
    )
    assert "no address 192.0.2.1" in refused(*argv, "--store", path, "--host", "192.0.2.1")
    assert not path.exists(), "it is found out before anything is made"


def test_an_address_of_the_administration_that_is_taken(store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        admin = f"127.0.0.1:{port}"
        said = refused("serve", "--store", store, "--port", 0, "--admin", admin)
    assert f"{admin} is in use" in said
    assert "--admin 127.0.0.1:0" in said


def test_the_store_is_named_by_the_environment_too(store: Path) -> None:
    done("check", GUANXI_STORE=str(store))


def test_sessions(store: Path) -> None:
    made = json.loads(done("session", "new", 1, "--store", store))
    with (
        running(store=store) as service,
        SyncClient(
            base_url=service.base_url, credential=Credential(made["sessdata"], made["bili_jct"])
        ) as client,
    ):
        client.relation.follow(2)
        assert client.relation.get(2).attribute == 2
        assert done("session", "revoke", 1, "--store", store) == "1\n"
    with (
        running(store=store) as service,
        SyncClient(
            base_url=service.base_url, credential=Credential(made["sessdata"], made["bili_jct"])
        ) as client,
        pytest.raises(NotSignedIn),
    ):
        client.relation.get(2)


def test_a_session_as_lines_for_a_shell(store: Path) -> None:
    lines = done("session", "new", 1, "--export", "--store", store).splitlines()
    found = dict(line.removeprefix("export ").split("=") for line in lines)
    assert found.keys() == {"GUANXI_SESSDATA", "GUANXI_BILI_JCT"}
    with running(store=store) as service:
        environment = {"GUANXI_BASE_URL": service.base_url, **found}
        done("api", "relation.modify", "fid=2", "act=1", "re_src=11", **environment)
    assert "--app" in refused("session", "new", 1, "--export", "--app", "--store", store)


def test_an_app_token_with_its_pair(store: Path) -> None:
    made = json.loads(done("session", "new", 1, "--app", "--store", store))
    made.pop("expires")
    with (
        running(store=store) as service,
        SyncClient(base_url=service.base_url, credential=Credential(**made)) as client,
    ):
        client.relation.follow(2)
        assert client.relation.get(2).attribute == 2


def test_a_session_lasts_as_long_as_asked(store: Path) -> None:
    short, long = (
        json.loads(done("session", "new", 1, "--days", days, "--store", store))["expires"]
        for days in (1, 11)
    )
    assert 0 <= long - short - 10 * 86_400 < 60


EDGES = (
    "follower,followed,time,kind,special,groups\n1,2,1700000000,,1,同学|同事\n2,1,1700000001,,,\n"
)


def test_import(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "edges.csv"
    file.write_text(EDGES + "1,3,1700000002,block,,\n", "utf-8")
    result = guanxi("store", "import", "edges", file, "--store", store)
    assert result.returncode == 0, result.stderr
    assert "写入 3 条（新增或更新） (3 edges written)" in result.stderr
    relations = held(store, lambda opened: opened.relations(1, [2, 3]))
    assert relations[2].attribute == Attribute.MUTUAL
    assert SPECIAL in relations[2].groups
    assert len(relations[2].groups) == 3
    assert relations[3].attribute == Attribute.BLOCKED
    done("check", "--store", store)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1,x,1700000000,,,", "4"),
        ("1,1,1700000000,,,", "4"),
        ("1,2,1700000000,block,,", "4"),
        ("1,3", "4"),
        ("1,3,1700000000,love,,", "4"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(
    store: Path, tmp_path: Path, line: str, says: str
) -> None:
    file = tmp_path / "edges.csv"
    file.write_text(f"{EDGES}{line}\n", "utf-8")
    result = guanxi("store", "import", "edges", file, "--store", store)
    assert result.returncode == 1
    assert f"line {says}" in result.stderr
    assert held(store, lambda opened: opened.relations(1, [2])) == {}


@pytest.mark.parametrize("line", ["1,x,1700000000,,,", "1,1,1700000000,,,"])
def test_a_refused_import_makes_no_store(tmp_path: Path, line: str) -> None:
    file, path = tmp_path / "edges.csv", tmp_path / "s.db"
    file.write_text(f"{EDGES}{line}\n", "utf-8")
    assert guanxi("store", "import", "edges", file, "--store", path).returncode == 1
    assert list(tmp_path.iterdir()) == [file]
    file.write_text(EDGES, "utf-8")
    done("store", "import", "edges", file, "--store", path)
    assert sorted(tmp_path.iterdir()) == [file, path]
    assert "检查通过" in guanxi("check", "--store", path).stderr
    assert account(path, 2) is not None


def test_strict_refuses_unknown_accounts(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "edges.jsonl"
    file.write_text('{"follower": 1, "followed": 77, "time": 1700000000}\n', "utf-8")
    assert guanxi("store", "import", "edges", file, "--strict", "--store", store).returncode == 1
    assert account(store, 77) is None
    done("store", "import", "edges", file, "--store", store)
    assert account(store, 77) is not None


CONTENT = """\
{"owner": 1, "kind": "video", "document": {"aid": 7, "title": "first", "pubdate": 1}}

{"owner": 1, "kind": "notice", "document": {"text": "hello"}}
"""


def test_import_content(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "content.jsonl"
    for title in ("first", "second"):
        file.write_text(CONTENT.replace("first", title), "utf-8")
        result = guanxi("store", "import", "content", file, "--store", store)
        assert (result.returncode, result.stdout) == (0, ""), result.stderr
        assert "2" in result.stderr
        found = held(store, lambda opened: opened.find(VIDEO, [7]))
        assert {owner: video.title for owner, video in found.values()} == {1: title}
    assert held(store, lambda opened: opened.get(NOTICE, 1)) == Notice("hello")
    done("check", "--store", store)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"owner": 1, "kind": "video", "document": {"title": "none"}}', "aid"),
        ('{"owner": 1, "kind": "poem", "document": {}}', "poem"),
        ('{"owner": 0, "kind": "notice", "document": {"text": ""}}', "owner"),
        ('{"owner": 9, "kind": "notice", "document": {"text": ""}}', "account 9"),
        ('{"owner": 1, "kind": "video", "document": {"aid": -1}}', "out of range"),
        ('{"owner": 1', "truncated"),
        ("\udcff", "malformed"),
    ],
)
def test_a_bad_line_of_content_is_named_and_nothing_is_written(
    store: Path, tmp_path: Path, line: str, says: str
) -> None:
    file = tmp_path / "content.jsonl"
    file.write_text(f"{CONTENT}{line}\n", "utf-8", errors="surrogateescape")
    said = refused("store", "import", "content", file, "--store", store)
    assert "line 4" in said
    assert says in said
    assert held(store, lambda opened: opened.get(NOTICE, 1)) is None


def test_check_finds_what_is_wrong(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "edges.csv"
    file.write_text(EDGES, "utf-8")
    done("store", "import", "edges", file, "--store", store)
    db = apsw.Connection(str(store))
    db.execute("DELETE FROM follower WHERE owner = 2")
    db.close()
    result = guanxi("check", "--store", store)
    assert result.returncode == 1
    assert result.stdout.count("\n") >= 1
    assert "2" in result.stdout


@pytest.fixture
def service(store: Path) -> Any:
    with running(store=store) as service:
        yield service


def test_api(service: RunningService) -> None:
    me = service.sign_in(1)
    environment = {
        "GUANXI_BASE_URL": service.base_url,
        "GUANXI_SESSDATA": me.sessdata,
        "GUANXI_BILI_JCT": me.bili_jct,
    }
    write = guanxi("api", "relation.modify", "fid=2", "act=1", "re_src=11", **environment)
    assert (write.returncode, write.stdout, write.stderr) == (0, "null\n", "ok\n")
    page = json.loads(done("api", "relation.followings", "vmid=1", **environment))
    assert [item["uname"] for item in page["list"]] == ["乙"]
    again = refused("api", "relation.modify", "fid=2", "act=1", "re_src=11", **environment)
    assert "22014" in again
    assert me.sessdata not in again
    assert "KEY=VALUE" in refused("api", "relation.get", "fid", **environment)
    plain = done("api", "relation.followings", "vmid=1", **environment, PYTHONIOENCODING="ascii")
    assert plain.isascii()
    assert json.loads(plain) == page


def test_api_knows_its_endpoints_and_their_parameters() -> None:
    nowhere = {"GUANXI_BASE_URL": "http://127.0.0.1:1"}
    listed = done("api", "--list").splitlines()
    assert [line.split()[0] for line in listed] == list(BY_NAME)
    assert "是否想用 relation.followings" in refused("api", "relation.folowings", **nowhere)
    assert "--list" in refused("api", **nowhere)
    said = refused("api", "relation.many", "mids=1", **nowhere)
    assert "没有参数 mids" in said
    assert "fids, fid" in said


def test_api_says_where_it_sends() -> None:
    """To the documents' host, which is not asked here: the account is missing."""
    bare = {"GUANXI_BASE_URL": "", "GUANXI_SESSDATA": "", "GUANXI_BILI_JCT": ""}
    assert "sending to https://api.bilibili.com" in refused("api", "relation.groups", **bare)
    bare["GUANXI_BASE_URL"] = "http://127.0.0.1:1"
    assert "sending to" not in refused("api", "relation.groups", **bare)


def test_the_version() -> None:
    assert done("--version") == f"guanxi {__version__}\n"


def test_every_command_is_told_in_both_languages_and_fits() -> None:
    waiting: list[tuple[str, ...]] = [()]
    told = 0
    while waiting:
        path = waiting.pop()
        help_of = done(*path, "--help", COLUMNS="80", TERMINAL_WIDTH="80")
        _, _, commands = help_of.partition("Commands:\n")
        for line in commands.splitlines():
            name, chinese, english = line.split(maxsplit=2)
            assert re.search(r"[\u4e00-\u9fff]", chinese), line
            assert re.search(r"\w\.$", english), line
            wide = sum(1 + (east_asian_width(letter) in "WF") for letter in line)
            assert wide <= 80, line
            told += 1
            if name in {"account", "session", "store", "import"}:
                waiting.append((*path, name))
    assert told >= 14


def test_demo_as_json(tmp_path: Path) -> None:
    path = tmp_path / "demo.db"
    argv = ["demo", "--json", "--port", "0", "--accounts", "100", "--edges", "900"]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *argv, "--store", str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    facts = json.loads(process.stdout.readline())
    assert facts.keys() == {"base_url", "mid", "sessdata", "bili_jct", "docs_url", "store"}
    assert (facts["mid"], facts["store"]) == (HERO, str(path))
    credential = Credential(facts["sessdata"], facts["bili_jct"])
    with SyncClient(base_url=facts["base_url"], credential=credential) as client:
        assert client.web.nav().mid == HERO
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[0] == ""
    assert process.returncode == 0
    assert done("check", "--store", path) == ""
    assert held(path, lambda opened: opened.count(VIDEO, HERO)) >= 70
    assert "guanxi serve" in refused("demo", "--store", path)


def test_a_demo_interrupted_in_its_tour_ends_without_a_trace() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "demo", "--port", "0", "--accounts", "100"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        text=True,
    )
    assert process.stdout is not None
    assert "signed in" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")


@pytest.mark.parametrize("address", ["8001", ":8001", "here:", "here:port", "h:99999"])
def test_an_address_that_is_none(store: Path, address: str) -> None:
    assert "HOST:PORT" in refused("serve", "--store", store, "--admin", address)


def test_a_setting_that_does_not_exist(store: Path) -> None:
    said = refused("serve", "--store", store, "--port", 0, GUANXI_LIMIT_FOLLOWINGS="3")
    assert "followings" in said


def without(*modules: str) -> str:
    """The command, on a machine where these are not installed."""
    return f"import sys; sys.modules.update(dict.fromkeys({modules!r})); {COMMAND}"


@pytest.mark.parametrize(
    ("missing", "argv", "extra"),
    [
        ("typer", ["api", "web.nav"], "tools"),
        ("typer", ["demo"], "service"),
        ("rich", ["check"], "service"),
        ("apsw", ["account", "add", "1", "--store", "x.db"], "service"),
        ("uvicorn", ["serve", "--store", "x.db"], "service"),
        ("asyncpg", ["check", "--store", "postgresql://127.0.0.1:1/x"], "postgres"),
        ("segno", ["login", "--base-url", "http://127.0.0.1:1"], "tools"),
        ("pyarrow", ["store", "import", "edges", "e.parquet", "--store", "x.db"], "parquet"),
    ],
)
def test_a_missing_extra_is_named(
    tmp_path: Path, missing: str, argv: list[str], extra: str
) -> None:
    (tmp_path / "e.parquet").write_bytes(b"PAR1")
    result = subprocess.run(
        [sys.executable, "-c", without(missing), *argv],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert f"guanxi[{extra}]" in result.stderr
    assert "Traceback" not in result.stderr


def test_api_needs_no_service(service: RunningService) -> None:
    modules = ("apsw", "uvicorn", "starlette", "prometheus_client", "uvloop", "httptools")
    result = subprocess.run(
        [sys.executable, "-c", without(*modules), "api", "relation.stat", "vmid=1"],
        env=os.environ | {"GUANXI_BASE_URL": service.base_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["mid"] == 1
