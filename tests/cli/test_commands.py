"""Tests of the commands, on real files and against a real service."""

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
from tests.cli.runner import COMMAND, ENGLISH, error_of, guanxi, in_a_process, output_of
from tests.service.client import send

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


def read_store(path: Path, read: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    """Return what ``read`` returns for an existing store."""

    async def run() -> T:
        store = await open_store(str(path))
        try:
            return await read(store)
        finally:
            await store.close()

    return asyncio.run(run())


def account(path: Path, mid: int) -> Account | None:
    return read_store(path, lambda store: store.account(mid))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    for mid, name in ((1, "甲"), (2, "乙")):
        output_of("account", "add", mid, "--name", name, "--store", path)
    return path


def test_account_commands_change_card_and_state(store: Path) -> None:
    output_of("account", "add", 1, "--name", "丙", "--face", "https://a/b.png", "--store", store)
    output_of("account", "add", 1, "--sign", "新", "--store", store)
    card = read_store(store, lambda opened: opened.cards([1]))[1]
    assert (card.name, card.face, card.sign) == ("丙", "https://a/b.png", "新")
    output_of("account", "ban", 1, "--store", store)
    assert account(store, 1) == Account(mid=1, state=State.BANNED)
    output_of("account", "ban", 1, "--lift", "--store", store)
    assert account(store, 1) == Account(mid=1)
    output_of("account", "deregister", 1, "--store", store)
    assert account(store, 1) == Account(mid=1, state=State.DEREGISTERED)
    erased = read_store(store, lambda opened: opened.cards([1]))
    for argv in (
        ("account", "ban", 1, "--lift"),
        ("account", "add", 1, "--name", "丁"),
        ("session", "new", 1),
    ):
        assert "account 1 is deregistered" in error_of(*argv, "--store", store)
    assert account(store, 1) == Account(mid=1, state=State.DEREGISTERED)
    assert read_store(store, lambda opened: opened.cards([1])) == erased


def test_an_account_added_without_a_name_has_a_default_name(store: Path) -> None:
    output_of("account", "add", 3, "--store", store)
    assert read_store(store, lambda opened: opened.cards([3]))[3].name == "用户3"


def test_many_accounts_are_added_at_once(store: Path) -> None:
    mids = range(2, 600)
    output_of("account", "add", *mids, "--sign", "新", "--store", store)
    cards = read_store(store, lambda opened: opened.cards([*mids]))
    assert {card.sign for card in cards.values()} == {"新"}
    assert [cards[mid].name for mid in (2, 3, 599)] == ["乙", "用户3", "用户599"]
    assert "--name" in error_of("account", "add", 3, 4, "--name", "丙", "--store", store)
    output_of("account", "add", 3, 3, "--name", "丙", "--store", store)
    assert read_store(store, lambda opened: opened.cards([3]))[3].name == "丙"


def test_no_account_is_added_if_one_is_deregistered(store: Path) -> None:
    output_of("account", "deregister", 2, "--store", store)
    message = error_of("account", "add", 1, 3, 2, "--sign", "新", "--store", store)
    assert "account 2 is deregistered" in message
    assert account(store, 3) is None
    assert read_store(store, lambda opened: opened.cards([1]))[1].sign == ""


UUID = "6f1c2f3e-2a63-4f1c-9d0b-5a4f7f1f2f3e"


def test_an_account_is_found_by_its_key(store: Path) -> None:
    mid = int(output_of("account", "add", "--key", UUID, "--sign", "s", "--store", store))
    assert int(output_of("account", "add", "--key", UUID, "--face", "f", "--store", store)) == mid
    output_of("account", "add", 1, "--key", "键: 1", "--store", store)
    shown = json.loads(output_of("account", "show", f"key:{UUID}", "--store", store))
    assert (shown["mid"], shown["key"], shown["state"]) == (mid, UUID, "normal")
    card = shown["card"]
    assert (card["name"], card["sign"], card["face"]) == (f"用户{mid}", "s", "f")
    assert shown["privacy"]["refuse_follows"] is False
    assert shown["tally"]["follower"] == 0
    assert json.loads(output_of("account", "show", 1, "--store", store))["key"] == "键: 1"
    assert json.loads(output_of("account", "show", 2, "--store", store))["key"] is None
    output_of("account", "privacy", "key:键: 1", "--refuse-follows", "--store", store)
    output_of("session", "new", "key:键: 1", "--store", store)
    assert output_of("session", "revoke", "key:键: 1", "--store", store).strip() == "1"
    output_of("account", "ban", "key:键: 1", "--store", store)
    banned = Account(mid=1, state=State.BANNED, privacy=Privacy(refuse_follows=True))
    assert account(store, 1) == banned
    output_of("account", "deregister", f"key:{UUID}", "--store", store)
    for command in ("show", "ban"):
        message = error_of("account", command, f"key:{UUID}", "--store", store)
        assert f"no account has the key '{UUID}'" in message
    output_of("account", "add", 1, "--key", "", "--store", store)
    assert json.loads(output_of("account", "show", 1, "--store", store))["key"] is None


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("account", "add"), "give an id, or --key"),
        (("account", "add", "--key", ""), "give an id, or --key"),
        (("account", "add", 1, 2, "--key", "a"), "--key is for one account"),
        (("account", "add", 1, "--key", "a\n"), "a key has 1 to 255 characters"),
        (("account", "add", "--key", "a" * 256), "a key has 1 to 255 characters"),
        (("account", "add", 2, "--key", "taken"), "another account has it"),
        (("account", "show", 0), "'0' is no mid"),
        (("account", "show", 2**63), "is no mid"),
        (("account", "show", UUID), "is no mid"),
        (("account", "show", "key:"), "no account has the key ''"),
    ],
)
def test_accounts_that_are_named_wrongly(store: Path, argv: tuple[object, ...], why: str) -> None:
    output_of("account", "add", 1, "--key", "taken", "--store", store)
    message = " ".join(error_of(*argv, "--store", store).replace("│", "").split())
    assert why in message
    shown = [json.loads(output_of("account", "show", mid, "--store", store)) for mid in (1, 2)]
    assert [one["key"] for one in shown] == ["taken", None]


def test_privacy_changes_only_the_given_switches(store: Path) -> None:
    output_of("account", "privacy", 1, "--hide-followings", "--refuse-follows", "--store", store)
    printed = output_of("account", "privacy", 1, "--allow-follows", "--store", store)
    assert json.loads(printed) == {
        "hide_followings": True,
        "hide_followers": False,
        "refuse_follows": False,
        "approve_followers": False,
    }
    changed = account(store, 1)
    assert changed is not None
    assert changed.privacy == Privacy(hide_followings=True)


@pytest.mark.parametrize(
    "argv",
    [
        ("account", "ban", 9),
        ("account", "show", 9),
        ("account", "deregister", 9),
        ("account", "privacy", 9),
        ("session", "new", 9),
        ("session", "revoke", 9),
    ],
)
def test_commands_on_a_missing_account_do_not_create_it(
    store: Path, argv: tuple[object, ...]
) -> None:
    assert "account 9 does not exist" in error_of(*argv, "--store", store)
    assert account(store, 9) is None


@pytest.mark.parametrize("argv", [("check",), ("session", "new", 1), ("account", "ban", 1)])
def test_commands_on_a_missing_store_do_not_create_it(
    tmp_path: Path, argv: tuple[object, ...]
) -> None:
    path = tmp_path / "missing.db"
    assert "guanxi serve" in error_of(*argv, "--store", path)
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
def test_a_missing_folder_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[object, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("edges.csv").write_text(EDGES, "utf-8")
    assert "no such folder missing" in error_of(*argv, "--store", "missing/s.db")


def test_an_error_of_the_operating_system_is_one_line() -> None:
    message = error_of("account", "add", 1, "--store", "/proc/s.db")
    assert message.startswith("guanxi: ")
    assert "/proc/s.db" in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("argv", [("serve",), ("demo",)])
def test_an_unusable_address_is_reported_before_the_store_is_created(
    tmp_path: Path, argv: tuple[object, ...]
) -> None:
    path = tmp_path / "s.db"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        message = error_of(*argv, "--store", path, "--port", port)
    assert message == (
        f"guanxi: 127.0.0.1:{port} is in use, choose another: --port {port + 1}, --port 0\n"
    )
    assert "no address 192.0.2.1" in error_of(*argv, "--store", path, "--host", "192.0.2.1")
    assert not path.exists(), "the store was created before the address was checked"


def test_make_is_named_in_the_form_that_it_needs(tmp_path: Path) -> None:
    """``make demo`` on a port in use: the hint can be typed as it is."""
    task = subprocess.run(
        ["make", "--dry-run", "demo", "PYTHON=python3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    [variable] = re.findall(r"GUANXI_MAKE=(\w+) exec \S+guanxi demo", task.stdout)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        message = error_of(
            "demo", "--store", tmp_path / "s.db", "--port", port, GUANXI_MAKE=variable
        )
    assert f"make demo ARGS='--port {port + 1}', make demo ARGS='--port 0'" in message


def test_an_administration_address_in_use_is_reported(store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        admin = f"127.0.0.1:{port}"
        message = error_of("serve", "--store", store, "--port", 0, "--admin", admin)
    assert f"{admin} is in use" in message
    assert "--admin 127.0.0.1:0" in message


def test_the_environment_can_name_the_store(store: Path) -> None:
    output_of("check", GUANXI_STORE=str(store))


def test_a_session_works_until_it_is_revoked(store: Path) -> None:
    session = json.loads(output_of("session", "new", 1, "--store", store))
    with (
        running(store=store) as service,
        SyncClient(
            base_url=service.base_url,
            credential=Credential(session["sessdata"], session["bili_jct"]),
        ) as client,
    ):
        client.relation.follow(2)
        assert client.relation.get(2).attribute == 2
        assert output_of("session", "revoke", 1, "--store", store) == "1\n"
    with (
        running(store=store) as service,
        SyncClient(
            base_url=service.base_url,
            credential=Credential(session["sessdata"], session["bili_jct"]),
        ) as client,
        pytest.raises(NotSignedIn),
    ):
        client.relation.get(2)


def test_a_session_can_be_printed_as_export_lines(store: Path) -> None:
    lines = output_of("session", "new", 1, "--export", "--store", store).splitlines()
    variables = dict(line.removeprefix("export ").split("=") for line in lines)
    assert variables.keys() == {"GUANXI_SESSDATA", "GUANXI_BILI_JCT"}
    with running(store=store) as service:
        environment = {"GUANXI_BASE_URL": service.base_url, **variables}
        output_of("api", "relation.modify", "fid=2", "act=1", "re_src=11", **environment)
    assert "--app" in error_of("session", "new", 1, "--export", "--app", "--store", store)


def test_an_app_session_signs_requests(store: Path) -> None:
    session = json.loads(output_of("session", "new", 1, "--app", "--store", store))
    session.pop("expires")
    with (
        running(store=store) as service,
        SyncClient(base_url=service.base_url, credential=Credential(**session)) as client,
    ):
        client.relation.follow(2)
        assert client.relation.get(2).attribute == 2


def test_a_session_expires_after_the_given_days(store: Path) -> None:
    one_day, eleven_days = (
        json.loads(output_of("session", "new", 1, "--days", days, "--store", store))["expires"]
        for days in (1, 11)
    )
    assert 0 <= eleven_days - one_day - 10 * 86_400 < 60


EDGES = (
    "follower,followed,time,kind,special,groups\n1,2,1700000000,,1,同学|同事\n2,1,1700000001,,,\n"
)


def test_import_edges(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "edges.csv"
    file.write_text(EDGES + "1,3,1700000002,block,,\n", "utf-8")
    result = guanxi("store", "import", "edges", file, "--store", store)
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith("3 read, 3 new, ")
    relations = read_store(store, lambda opened: opened.relations(1, [2, 3]))
    assert relations[2].attribute == Attribute.MUTUAL
    assert SPECIAL in relations[2].groups
    assert len(relations[2].groups) == 3
    assert relations[3].attribute == Attribute.BLOCKED
    output_of("check", "--store", store)


@pytest.mark.parametrize(
    "line",
    [
        "1,x,1700000000,,,",
        "1,1,1700000000,,,",
        "1,3",
        "1,3,1700000000,love,,",
    ],
)
def test_an_import_with_an_invalid_line_names_it_and_writes_nothing(
    store: Path, tmp_path: Path, line: str
) -> None:
    file = tmp_path / "edges.csv"
    file.write_text(f"{EDGES}{line}\n", "utf-8")
    result = guanxi("store", "import", "edges", file, "--store", store)
    assert result.returncode == 1
    assert "line 4" in result.stderr
    assert read_store(store, lambda opened: opened.relations(1, [2])) == {}


@pytest.mark.parametrize("line", ["1,x,1700000000,,,", "1,1,1700000000,,,"])
def test_a_failed_import_creates_no_store(tmp_path: Path, line: str) -> None:
    file, path = tmp_path / "edges.csv", tmp_path / "s.db"
    file.write_text(f"{EDGES}{line}\n", "utf-8")
    assert guanxi("store", "import", "edges", file, "--store", path).returncode == 1
    assert list(tmp_path.iterdir()) == [file]
    file.write_text(EDGES, "utf-8")
    output_of("store", "import", "edges", file, "--store", path)
    assert sorted(tmp_path.iterdir()) == [file, path]
    assert "no faults" in guanxi("check", "--store", path).stderr
    assert account(path, 2) is not None


def test_strict_refuses_unknown_accounts(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "edges.jsonl"
    file.write_text('{"follower": 1, "followed": 77, "time": 1700000000}\n', "utf-8")
    assert guanxi("store", "import", "edges", file, "--strict", "--store", store).returncode == 1
    assert account(store, 77) is None
    output_of("store", "import", "edges", file, "--store", store)
    assert account(store, 77) is not None


CONTENT = """\
{"owner": 1, "kind": "video", "document": {"aid": 7, "title": "first", "pubdate": 1}}

{"owner": 1, "kind": "notice", "document": {"text": "hello"}}
"""


def test_import_content_replaces_documents_with_the_same_id(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "content.jsonl"
    for title in ("first", "second"):
        file.write_text(CONTENT.replace("first", title), "utf-8")
        result = guanxi("store", "import", "content", file, "--store", store)
        assert (result.returncode, result.stdout) == (0, ""), result.stderr
        assert "2" in result.stderr
        videos = read_store(store, lambda opened: opened.find(VIDEO, [7]))
        assert {owner: video.title for owner, video in videos.values()} == {1: title}
    assert read_store(store, lambda opened: opened.get(NOTICE, 1)) == Notice("hello")
    output_of("check", "--store", store)


@pytest.mark.parametrize(
    ("line", "text"),
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
def test_a_content_import_with_an_invalid_line_names_it_and_writes_nothing(
    store: Path, tmp_path: Path, line: str, text: str
) -> None:
    file = tmp_path / "content.jsonl"
    file.write_text(f"{CONTENT}{line}\n", "utf-8", errors="surrogateescape")
    message = error_of("store", "import", "content", file, "--store", store)
    assert "line 4" in message
    assert text in message
    assert read_store(store, lambda opened: opened.get(NOTICE, 1)) is None


def test_check_prints_a_fault(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "edges.csv"
    file.write_text(EDGES, "utf-8")
    output_of("store", "import", "edges", file, "--store", store)
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


def test_api_calls_an_endpoint(service: RunningService) -> None:
    me = service.sign_in(1)
    environment = {
        "GUANXI_BASE_URL": service.base_url,
        "GUANXI_SESSDATA": me.sessdata,
        "GUANXI_BILI_JCT": me.bili_jct,
    }
    write = guanxi("api", "relation.modify", "fid=2", "act=1", "re_src=11", **environment)
    assert (write.returncode, write.stdout, write.stderr) == (0, "null\n", "ok\n")
    page = json.loads(output_of("api", "relation.followings", "vmid=1", **environment))
    assert [item["uname"] for item in page["list"]] == ["乙"]
    again = error_of("api", "relation.modify", "fid=2", "act=1", "re_src=11", **environment)
    assert "code 22014, the caller already follows the target (fid: 1 follows 2 already)" in again
    assert again.isascii()
    in_chinese = dict(environment, GUANXI_LANG="zh")
    assert "22014，已经关注用户，无法重复关注（fid: 1 follows 2 already）" in error_of(
        "api", "relation.modify", "fid=2", "act=1", "re_src=11", **in_chinese
    )
    assert me.sessdata not in again
    assert "KEY=VALUE" in error_of("api", "relation.get", "fid", **environment)
    ascii_output = output_of(
        "api", "relation.followings", "vmid=1", **environment, PYTHONIOENCODING="ascii"
    )
    assert ascii_output.isascii()
    assert json.loads(ascii_output) == page


def test_api_lists_endpoints_and_suggests_names() -> None:
    no_server = {"GUANXI_BASE_URL": "http://127.0.0.1:1"}
    lines = output_of("api", "--list").splitlines()
    assert [line.split()[0] for line in lines] == list(BY_NAME)
    assert "did you mean relation.followings" in error_of("api", "relation.folowings", **no_server)
    assert "--list" in error_of("api", **no_server)
    message = error_of("api", "relation.many", "mids=1", **no_server)
    assert "has no parameter mids" in message
    assert "fids, fid" in message


def test_api_prints_the_host_if_no_server_is_set() -> None:
    """Without an account the SDK refuses the call before it sends anything to that host."""
    environment = {"GUANXI_BASE_URL": "", "GUANXI_SESSDATA": "", "GUANXI_BILI_JCT": ""}
    assert "sending to https://api.bilibili.com" in error_of(
        "api", "relation.groups", **environment
    )
    environment["GUANXI_BASE_URL"] = "http://127.0.0.1:1"
    assert "sending to" not in error_of("api", "relation.groups", **environment)


def test_a_missing_credential_names_what_sets_it() -> None:
    for language in ("en", "zh"):
        message = error_of(
            "api", "me.info", GUANXI_BASE_URL="http://127.0.0.1:1", GUANXI_LANG=language
        )
        assert "GUANXI_SESSDATA" in message
        assert "guanxi login" in message
        assert ("the credential has no" in message) == (language == "en")


def test_the_package_runs_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "guanxi", "--version"], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, f"guanxi {__version__}\n"), result.stderr


def test_version_is_printed() -> None:
    assert output_of("--version") == f"guanxi {__version__}\n"


def test_the_installed_command_runs() -> None:
    """The entry point of the package, next to the interpreter."""
    script = Path(sys.executable).with_name("guanxi")
    result = subprocess.run([script, "--version"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, f"guanxi {__version__}\n"), result.stderr


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
    assert facts.keys() == {
        *("base_url", "mid", "sessdata", "bili_jct", "docs_url", "store"),
        *("emulator_url", "emulator_token"),
    }
    assert (facts["mid"], facts["store"]) == (HERO, str(path))
    credential = Credential(facts["sessdata"], facts["bili_jct"])
    with SyncClient(base_url=facts["base_url"], credential=credential) as client:
        assert client.web.nav().mid == HERO
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[0] == ""
    assert process.returncode == 0
    assert output_of("check", "--store", path) == ""
    assert read_store(path, lambda opened: opened.count(VIDEO, HERO)) >= 70
    assert "guanxi serve" in error_of("demo", "--store", path)


@pytest.mark.long
@pytest.mark.parametrize(("language", "line"), [("en", "signed in: "), ("zh", "登录：")])
def test_a_demo_interrupted_in_its_tour_exits_without_a_traceback(language: str, line: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "demo", "--port", "0", "--accounts", "100"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"GUANXI_LANG": language, "PYTHONUNBUFFERED": "1"},
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(line), "the tour is in one language"
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert (process.returncode, message) == (0, "")


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="no IPv6 on this machine")
def test_the_administration_may_have_an_ipv6_address(tmp_path: Path) -> None:
    argv = ["serve", "--store", str(tmp_path / "s.db"), "--port", "0", "--admin", "[::1]:0"]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *argv],
        stderr=subprocess.PIPE,
        env=os.environ | ENGLISH,
        text=True,
    )
    assert process.stderr is not None
    printed = ""
    while "administration: " not in printed:
        line = process.stderr.readline()
        assert line, printed
        printed += line
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert re.search(r"administration: http://\[::1\]:\d+$", printed, re.M), printed


@pytest.mark.parametrize("workers", [1, 2])
def test_metrics_have_an_address_without_the_key(tmp_path: Path, workers: int) -> None:
    argv = ["serve", "--store", str(tmp_path / "s.db"), "--port", "0", "--workers", str(workers)]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *argv, "--metrics", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        env=os.environ | ENGLISH,
        text=True,
    )
    assert process.stderr is not None
    printed = ""
    while "metrics: " not in printed:
        line = process.stderr.readline()
        assert line, printed
        printed += line
    base_url, metrics_url = re.findall(r"http://127\.0\.0\.1:\d+(?= |/metrics)", printed)
    for _ in range(4):
        assert send(base_url, "GET", "/x/relation/stat?vmid=1").status == 200
    shown = send(metrics_url, "GET", "/metrics")
    assert shown.status == 200
    assert b'guanxi_requests_total{code="0",endpoint="relation.stat"} 4.0' in shown.raw
    assert send(metrics_url, "GET", "/accounts/1").status == 404
    assert send(metrics_url, "GET", "/metrics", headers={"Host": "evil.example"}).status == 421
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert "GUANXI_ADMIN_TOKEN" not in printed


@pytest.mark.parametrize("option", ["--admin", "--metrics"])
@pytest.mark.parametrize("address", ["8001", ":8001", "here:", "here:port", "h:99999"])
def test_an_invalid_second_address_is_refused(store: Path, option: str, address: str) -> None:
    assert "HOST:PORT" in error_of("serve", "--store", store, option, address)


def test_an_unknown_limit_in_the_environment_is_refused(store: Path) -> None:
    message = error_of("serve", "--store", store, "--port", 0, GUANXI_LIMIT_FOLLOWINGS="3")
    assert "followings" in message


def without(*modules: str) -> str:
    """Return code that runs the command as if these modules were not installed."""
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
        ("duckdb", ["store", "import", "edges", "e.parquet", "--store", "x.db"], "files"),
    ],
)
def test_a_missing_module_names_the_extra_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, argv: list[str], extra: str
) -> None:
    (tmp_path / "e.parquet").write_bytes(b"PAR1")
    monkeypatch.chdir(tmp_path)
    result = in_a_process(*argv, code=without(missing))
    assert result.returncode == 1
    assert f"guanxi[{extra}]" in result.stderr
    assert "Traceback" not in result.stderr


def test_api_works_without_the_service_extra(service: RunningService) -> None:
    modules = ("apsw", "uvicorn", "starlette", "prometheus_client", "uvloop", "httptools")
    argv = ["api", "relation.stat", "vmid=1"]
    result = in_a_process(*argv, code=without(*modules), GUANXI_BASE_URL=service.base_url)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["mid"] == 1


@pytest.mark.parametrize("argv", [("account", "add", 1), ("check",), ("store", "init")])
def test_an_address_of_another_server_is_refused_without_its_password(
    argv: tuple[object, ...],
) -> None:
    address = "postgresql+asyncpg://me:hidden@host/name"
    store = (address,) if argv[0] == "store" else ("--store", address)
    message = error_of(*argv, *store)
    assert "is not supported" in message
    assert "hidden" not in message


def test_brackets_in_a_path_are_shown_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "[bold]" / "a[" / "tmp]"
    path.parent.mkdir(parents=True)
    assert f"{path}: " in guanxi("store", "init", path).stderr.replace("\n", "")
    assert path.exists()


@pytest.mark.parametrize(
    ("host", "token"), [("127.0.0.1", None), ("localhost", None), ("0.0.0.0", "chosen-by-a-human")]
)
def test_an_administration_shows_a_new_token_and_warns_of_a_public_address(
    tmp_path: Path, host: str, token: str | None
) -> None:
    argv = ["serve", "--store", str(tmp_path / "s.db"), "--port", "0", "--admin", f"{host}:0"]
    environment = {name: one for name, one in os.environ.items() if name != "GUANXI_ADMIN_TOKEN"}
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *argv],
        stderr=subprocess.PIPE,
        env=environment | ENGLISH | ({"GUANXI_ADMIN_TOKEN": token} if token else {}),
        text=True,
    )
    assert process.stderr is not None
    shown = ""
    while "administration: http" not in (line := process.stderr.readline()):
        assert line, "it did not start"
        shown += line
    process.send_signal(signal.SIGTERM)
    with process.stderr:  # communicate() would lose lines that readline() buffered
        shown += process.stderr.read()
    process.wait(30)
    assert bool(re.search(r"GUANXI_ADMIN_TOKEN=\S+", shown)) == (token is None)
    assert ("warning: other machines can reach" in shown) == (host == "0.0.0.0")


@pytest.mark.parametrize("token", ["", " ", "x" * 15])
def test_a_short_administration_token_is_refused(tmp_path: Path, token: str) -> None:
    store = tmp_path / "s.db"
    argv = ["serve", "--store", store, "--port", 0, "--admin", "127.0.0.1:0"]
    ended = guanxi(*argv, GUANXI_ADMIN_TOKEN=token)
    assert ended.returncode == 1
    assert ended.stderr.startswith("guanxi: bad setting admin_token: at least 16 characters")
    assert "head -c 24 /dev/urandom" in ended.stderr
    assert not store.exists()


@pytest.mark.parametrize(
    ("address", "has_password"),
    [
        ("POSTGRESQL://me:hidden@127.0.0.1:1/name", True),
        ("postgres://127.0.0.1:1/name?user=me&Password=hidden", True),
        ("postgresql://me:a?hidden@127.0.0.1:1/name", True),
        ("host=127.0.0.1 user=postgres password=hidden", True),
        ("postgresql://me@127.0.0.1:port/name", False),
    ],
)
def test_a_password_in_an_argument_is_warned_of_and_not_shown(
    address: str, *, has_password: bool
) -> None:
    ended = guanxi("check", "--store", address)
    assert ended.returncode == 3, "the check did not finish"
    assert ("sees the password" in ended.stderr) == has_password
    assert "hidden" not in ended.stdout + ended.stderr
    from_environment = guanxi("check", GUANXI_STORE=address)
    assert "sees the password" not in from_environment.stderr
    assert "hidden" not in from_environment.stdout + from_environment.stderr
