"""Scripts written for bilibili-api, run against a demo with only their import changed.

Each test checks what a script produced: rows of a file, the stored groups, lines, responses. Some
run the unchanged script with bilibili-api too, which shows that it is what its users would write.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from guanxi import Credential, SyncClient
from guanxi.accounts.secrets import session_digest
from guanxi.demo.world import HERO, HIDES_FOLLOWINGS, World
from guanxi.graph.pair import SPECIAL
from guanxi.stores import open_store
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, SignedIn
from guanxi.world import mine, profile, videos, works
from tests.end_to_end.cases import edges_of, followed_by, followers_of
from tests.end_to_end.content_cases import ids, of_hero
from tests.end_to_end.test_stranger import PYTHON
from tests.end_to_end.test_stranger import pytestmark as stranger
from tests.sdk.recorder import Answer, envelope, recording

ROOT = Path(__file__).parents[2]
SCRIPTS = {path.stem: path for path in (ROOT / "examples" / "coming_from").glob("*.py")}
STRANGER_SCRIPT = ROOT / "tests" / "end_to_end" / "stranger_script.py"
IMPORT = re.compile(r"^(from|import) bilibili_api\b", re.M)
SECONDS = 60
#: A follower of the hero.
FAN = 387195656


def with_changed_import(script: str, folder: Path) -> Path:
    """Write a copy of a script that imports guanxi; return its path. Nothing else differs."""
    original = SCRIPTS[script].read_text("utf-8")
    ported = IMPORT.sub(r"\1 guanxi", original)
    for before, after in zip(original.splitlines(), ported.splitlines(), strict=True):
        if before != after:
            assert before.replace("bilibili_api", "guanxi", 1) == after
            assert re.match(r"(from|import) ", before)
    assert "bilibili_api" not in ported
    path = folder / f"{script}.py"
    path.write_text(ported, "utf-8")
    return path


class Runner:
    """Runs the scripts in one folder, signed in at one service as the hero.

    ``library`` is ``guanxi``, with the import changed, or ``bilibili_api``, unchanged.
    """

    def __init__(
        self, base_url: str, hero: SignedIn, folder: Path, library: str = "guanxi"
    ) -> None:
        self.folder = folder
        self.library = library
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONUTF8": "1",
            "GUANXI_BASE_URL": base_url,
            "SESSDATA": hero.sessdata,
            "BILI_JCT": hero.bili_jct,
            "DEDEUSERID": str(hero.mid),
        }

    def start(self, script: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        argv: list[str | Path]
        if self.library == "guanxi":
            path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
            environment["PYTHONPATH"] = path
            warnings = ["-W", "error", "-W", "default:select_client"]
            argv = [sys.executable, *warnings, with_changed_import(script, self.folder)]
        else:
            argv = [PYTHON, STRANGER_SCRIPT]
        with SCRIPTS[script].open("rb") as given:
            return subprocess.Popen(
                [*argv, *arguments],
                cwd=self.folder,
                env=self.environment | environment,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

    def run(self, script: str, *arguments: str, **environment: str) -> list[str]:
        """Run a script that must succeed; return the lines that it printed."""
        status, printed, errors = self.end(script, *arguments, **environment)
        assert status == 0, errors
        return printed.splitlines()

    def end(self, script: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run a script to its end; return its status, output and errors."""
        process = self.start(script, *arguments, **environment)
        printed, errors = process.communicate(timeout=SECONDS)
        return process.returncode, printed, errors


@pytest.fixture
def library() -> str:
    return "guanxi"


#: Run a test with the script as it is, too.
with_both = pytest.mark.parametrize(
    "library", ["guanxi", pytest.param("bilibili_api", marks=[*stranger, pytest.mark.long])]
)


@pytest.fixture
def scripts(demo: RunningService, hero: SignedIn, tmp_path: Path, library: str) -> Runner:
    folder = tmp_path / "scripts"
    folder.mkdir()
    return Runner(demo.base_url, hero, folder, library)


def test_every_script_has_the_length_of_a_script() -> None:
    assert len(SCRIPTS) == 6
    for path in SCRIPTS.values():
        assert 30 <= len(path.read_text("utf-8").splitlines()) <= 80, path


# --- a backup to CSV ---


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@with_both
def test_a_backup_has_every_following(scripts: Runner, world: World) -> None:
    followed, fans = edges_of(world), followers_of(world)
    printed = scripts.run("backup_followings", str(HERO), "mine.csv")
    assert [
        (row["mid"], row["uname"], row["special"], row["mutual"])
        for row in rows_of(scripts.folder / "mine.csv")
    ] == [
        (
            str(edge.followed),
            world.accounts[edge.followed][0].name,
            str(int(edge.special)),
            str(int(edge.followed in fans)),
        )
        for edge in followed
    ]
    assert printed == [f"{len(followed)} followings of {HERO}, {len(followed)} with details"]


@with_both
def test_a_backup_of_another_account_is_whole(scripts: Runner, demo: RunningService) -> None:
    """The documents show 100 of another account's list; the ids of all are shown elsewhere."""
    followed = list(range(700_001, 700_131))
    demo.add_accounts(700_000, *followed)
    demo.import_edges(
        [EdgeRow(follower=700_000, followed=mid, time=1_700_000_000 + mid) for mid in followed]
    )
    printed = scripts.run("backup_followings", "700000", "other.csv")
    rows = rows_of(scripts.folder / "other.csv")
    assert [int(row["mid"]) for row in rows] == followed[::-1]
    assert [row["uname"] for row in rows] == [f"u{mid}" for mid in followed[:29:-1]] + [""] * 30
    assert printed == ["130 followings of 700000, 100 with details"]


def test_a_backup_that_fails_says_why(scripts: Runner, hero: SignedIn) -> None:
    hidden = scripts.end("backup_followings", str(HIDES_FOLLOWINGS), "hidden.csv")
    assert hidden == (1, "", f"{HIDES_FOLLOWINGS} hides its followings\n")
    status, _, errors = scripts.end("backup_followings", "abc", "abc.csv")
    assert status == 1
    assert re.match(r"abc: .*\buid\b", errors)
    with recording(lambda request: Answer(envelope(code=-412, message="x"), 412)) as server:
        banned = Runner(server.url, hero, scripts.folder)
        status, _, errors = banned.end("backup_followings", "2", "banned.csv")
    assert (status, errors) == (1, "the server answered with HTTP 412; try again later\n")
    assert not list(scripts.folder.glob("*.csv"))


# --- a sorter of followings into groups ---


async def groups_of(demo: RunningService) -> tuple[dict[str, int], dict[int, set[int]]]:
    """Return the ids of the hero's stored groups by name, and those of some followings by mid."""
    store = await open_store(str(demo.store))
    try:
        groups = {row.name: row.id for row in await store.groups(HERO)}
        some = [1, 14082, 53456, 125086406, 420831218, 100_001]
        relations = await store.relations(HERO, some)
        return groups, {mid: set(relation.groups) for mid, relation in relations.items()}
    finally:
        await store.close()


@with_both
def test_a_sorter_changes_the_stored_groups(scripts: Runner, demo: RunningService) -> None:
    rules = {"配音": ["14082", "100001"], "动画": ["53456", "420831218"]}
    file = scripts.folder / "rules.json"
    file.write_text(json.dumps(rules), "utf-8")
    assert scripts.run("sort_into_groups", "rules.json") == [
        "配音: 2",
        "动画: 2",
        "Organisations: 1",
    ]
    groups, members = asyncio.run(groups_of(demo))
    assert json.loads((scripts.folder / "groups.json").read_text("utf-8")) == {
        name: str(groups[name]) for name in ("配音", "动画", "Organisations")
    }
    assert members[14082] == members[100_001] == {groups["配音"]}
    assert members[53456] - {SPECIAL} == members[420831218] == {groups["动画"]}
    assert members[125086406] == {groups["Organisations"]}
    assert members[1] == set()

    # A second time, without the ids of its groups: it names the group that exists.
    scripts.folder.joinpath("groups.json").unlink()
    status, _, errors = scripts.end("sort_into_groups", "rules.json")
    assert (status, errors) == (
        1,
        "22106: 该分组已经存在: put the id of 配音 into groups.json\n",
    )


# --- a notifier of new followers ---


def without_warning(errors: str) -> str:
    """Return what a script wrote on stderr, without the warning of ``select_client``."""
    return re.sub(r".*SettingIgnored: select_client.*\n  select_client.*\n", "", errors)


@contextmanager
def watching(scripts: Runner) -> Iterator[subprocess.Popen[str]]:
    """Run the notifier during the block, then stop it by Ctrl-C; it must end well."""
    process = scripts.start("notify_new_followers", "session.json", "followers.json", "0.05")
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    try:
        yield process
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate()
        assert (process.returncode, without_warning(errors)) == (0, "")
        assert printed.endswith("stopped\n")
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


def next_line(process: subprocess.Popen[str], unlike: str = "") -> str:
    """Return the next line that the process prints, other than ``unlike``; "" at its end."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.rstrip("\n") != unlike:
            return line.rstrip("\n")
    return ""


def follow_hero(demo: RunningService, mid: int) -> None:
    fan = demo.sign_in(mid)
    with SyncClient(
        base_url=demo.base_url, credential=Credential(fan.sessdata, fan.bili_jct)
    ) as client:
        client.relation.follow(HERO)


def write_session(folder: Path, session: SignedIn) -> None:
    """Replace the notifier's session file, in one step as it is read at any time."""
    cookies = {
        "SESSDATA": session.sessdata,
        "bili_jct": session.bili_jct,
        "DedeUserID": str(session.mid),
        "buvid3": "a",
        "buvid4": "b",
    }
    folder.joinpath("new.json").write_text(json.dumps(cookies), "utf-8")
    folder.joinpath("new.json").replace(folder / "session.json")


def sign_out(demo: RunningService, session: SignedIn) -> None:
    assert demo.do(lambda store: store.close_session(session_digest(session.sessdata)))


@with_both
def test_a_notifier_prints_followers_made_in_between(
    scripts: Runner, demo: RunningService, hero: SignedIn, world: World
) -> None:
    count, state = len(followers_of(world)), scripts.folder / "followers.json"
    demo.add_accounts(700_001, 700_002, 700_003)
    write_session(scripts.folder, hero)
    with watching(scripts) as process:
        assert next_line(process) == f"{count} followers"
        follow_hero(demo, 700_001)
        assert next_line(process, f"{count} followers") == "new follower: u700001 (700001)"
        assert next_line(process) == f"{count + 1} followers"
        # Its session is renewed by another program, which ends the old one.
        write_session(scripts.folder, demo.sign_in(HERO))
        sign_out(demo, hero)
        follow_hero(demo, 700_002)
        assert next_line(process, f"{count + 1} followers") == "new follower: u700002 (700002)"
        assert next_line(process) == f"{count + 2} followers"
    # Between two starts.
    assert json.loads(state.read_text("utf-8")) == sorted([*followers_of(world), 700_001, 700_002])
    follow_hero(demo, 700_003)
    with watching(scripts) as process:
        assert next_line(process) == "new follower: u700003 (700003)"


def test_a_notifier_needs_a_valid_session(
    scripts: Runner, demo: RunningService, hero: SignedIn
) -> None:
    write_session(scripts.folder, hero)
    sign_out(demo, hero)
    status, printed, errors = scripts.end("notify_new_followers", "session.json", "followers.json")
    assert "SettingIgnored: select_client('httpx') has no effect" in errors
    assert (status, printed) == (1, "")
    assert without_warning(errors) == "the session is not valid: sign in again\n"


# --- an exporter of the caller's logs ---


@with_both
def test_an_exporter_writes_every_log(scripts: Runner, world: World) -> None:
    printed = scripts.run("export_history", "out", "3")
    logs = {
        path.stem: json.loads(path.read_text("utf-8"))
        for path in scripts.folder.joinpath("out").glob("*.json")
    }
    assert printed == []
    seen = of_hero(world, mine.SEEN, "time")
    watched = of_hero(world, mine.SEEN, "time", tab="archive")
    [stored] = of_hero(world, profile.PROFILE)
    [jury] = of_hero(world, profile.JURY)
    changes = of_hero(world, mine.EXPERIENCE, "time")
    later = {item.aid for item in of_hero(world, mine.LATER)}
    assert len(watched) > 3
    assert len(seen) > 30
    assert logs.pop("coins") == stored.coins
    assert logs.pop("jury")["status"] == jury.status
    assert [
        (item["history"]["business"], item["history"]["oid"]) for item in logs.pop("viewed")
    ] == [(item.entry.history.business, item.entry.history.oid) for item in seen]
    assert [item["view_at"] for item in logs.pop("watched")] == [
        item.entry.view_at for item in watched
    ]
    assert [int(item["note_id"]) for item in logs.pop("notes")] == [
        int(item.note.id) for item in of_hero(world, mine.NOTE, "time")
    ]
    assert [(item["time"], item["ip"]) for item in logs.pop("logins")["list"]] == [
        (item.time, item.ip) for item in of_hero(world, mine.SIGN_IN, "time")
    ]
    assert [item["delta"] for item in logs.pop("experience")["list"]] == [
        item.delta for item in changes if item.time > changes[0].time - 7 * 86_400
    ]
    assert [item["reason"] for item in logs.pop("moral")["list"]] == [
        item.reason for item in of_hero(world, mine.MORAL, "time")
    ]
    found = {item["aid"] for item in logs.pop("watch_later")["list"]}
    assert found
    assert found <= later
    assert logs == {}


def test_an_exporter_names_what_is_wrong(scripts: Runner, demo: RunningService) -> None:
    del scripts.environment["DEDEUSERID"]
    lines = scripts.run("export_history", "out", "101")
    assert lines[0] == "coins: set DEDEUSERID"
    assert re.fullmatch(r"watched: bad argument: .*\bper_page_item\b.*", lines[1])
    assert len(lines) == 2
    written = {path.stem for path in scripts.folder.joinpath("out").iterdir()}
    assert {"experience", "logins", "viewed", "notes"} <= written
    assert not {"coins", "watched"} & written
    ended = scripts.end("export_history", "none", SESSDATA="expired")
    assert ended == (1, "", "-101: 账号未登录\n"), "the server's text alone"


# --- a web handler ---


@contextmanager
def serving(scripts: Runner, **environment: str) -> Iterator[str]:
    """Run the follower check on a free port during the block; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = scripts.start("follower_check", PORT=str(port), **environment)
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "it does not answer"
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)


def fetch(url: str, body: object = None) -> tuple[int, Any]:
    """Send a GET, or a PUT with a JSON body; return the status and the decoded response."""
    request = urllib.request.Request(url)
    if body is not None:
        request = urllib.request.Request(
            url,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method="PUT",
        )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_web_handler_answers_who_follows(
    scripts: Runner, demo: RunningService, hero: SignedIn, world: World
) -> None:
    [edge] = [edge for edge in world.edges if (edge.follower, edge.followed) == (FAN, HERO)]
    with serving(scripts, SESSDATA="expired") as address:
        status, refused = fetch(f"{address}/follows/{FAN}")
        assert (status, refused["code"]) == (401, -101)
        assert refused["error"] == "账号未登录", "the server's text alone"
        session = {"sessdata": hero.sessdata, "bili_jct": hero.bili_jct}
        assert fetch(f"{address}/session", session) == (200, {"valid": True})
        follows = {"uid": FAN, "follows": True, "since": edge.time}
        assert fetch(f"{address}/follows/{FAN}") == (200, follows)
        assert fetch(f"{address}/follows?name=L_E_M_O_H_E") == (200, follows)
        assert fetch(f"{address}/follows/14082") == (
            200,
            {"uid": 14082, "follows": False, "since": None},
        )
        status, refused = fetch(f"{address}/follows/abc")
        assert status == 422
        assert re.search(r"\buid\b", refused["error"])
        assert fetch(f"{address}/follows?name=x-x")[0] == 404
        demo.add_accounts(700_001)
        follow_hero(demo, 700_001)
        assert fetch(f"{address}/follows/700001")[1]["follows"] is True


# --- a synchronous script ---


def test_a_synchronous_script_reports_a_space(
    scripts: Runner, hero: SignedIn, world: World
) -> None:
    environment = {"GUANXI_SESSDATA": hero.sessdata, "GUANXI_BILI_JCT": hero.bili_jct}
    lines = scripts.run("space_report", "示例用户", "friends.pickle", "2", **environment)
    special = [edge.followed for edge in edges_of(world) if edge.special]
    read = of_hero(world, works.ARTICLE, "view")
    bangumi = of_hero(world, works.BANGUMI, "since", type=1)
    [top] = of_hero(world, videos.TOP_VIDEO)
    [stored] = of_hero(world, profile.PROFILE)
    [jury] = of_hero(world, profile.JURY)
    assert len(special) > 2
    assert len(read) > 2
    assert lines == [
        f"user {HERO} 示例用户",
        " ".join(["articles", *map(str, ids(read)[:2])]),
        " ".join(["bangumi", *[str(item.bangumi.id) for item in bangumi[:2]]]),
        *(
            " ".join(["series", str(one.meta.id), *map(str, one.aids[:2])])
            for one in of_hero(world, videos.SERIES, "time")
        ),
        f"pinned {top.aid}",
        f"coins {stored.coins}",
        f"jury {jury.status}",
        f"in common {len(followed_by(world))}",
        *(f"special {mid} {len(followers_of(world, mid))}" for mid in special),
    ]
    pickled = scripts.folder.joinpath("friends.pickle").read_bytes()
    assert hero.sessdata.encode() not in pickled
    assert hero.bili_jct.encode() not in pickled


def test_a_synchronous_script_names_a_bad_argument(scripts: Runner) -> None:
    status, _, errors = scripts.end("space_report", "示例用户", "friends.pickle", "101")
    assert status == 1
    assert re.match(r"bad argument: .*\bps\b", errors)
