"""A seed: the same calls get the same bytes, but never from a service without an emulator."""

from __future__ import annotations

import ast
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import apsw
import pytest

from guanxi.accounts import chance, secrets, tokens
from guanxi.accounts.secrets import TokenKind
from guanxi.contract import endpoints as e
from guanxi.contract.limits import Limits
from guanxi.demo.world import HERO
from guanxi.emulator.chance import Seeded
from guanxi.operations import sessions
from guanxi.stores.group_ids import new_group_id
from guanxi.stores.port import EdgeRow, Store
from guanxi.testing import RunningService, running
from tests.cli.runner import COMMAND, ENGLISH
from tests.cli.test_demo_emulator import demo
from tests.service.client import call

ROOT = Path(__file__).parents[2]
FORM = "application/x-www-form-urlencoded"
NOW = 1_800_000_000


class Got(NamedTuple):
    """A response: all of its header fields but Date, and its body."""

    path: str
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Calls:
    """Calls of a service and of what is next to it, and all that it answered."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts, self.got = facts, list[Got]()

    def to(self, of: str, method: str, path: str, body: bytes | None = None, **headers: str) -> Got:
        """Send a request to the address ``base``, ``admin`` or ``emulator``."""
        if of != "base":
            headers["Authorization"] = f"Bearer {self._facts[f'{of}_token']}"
        address = urlsplit(self._facts[f"{of}_url"])
        connection = http.client.HTTPConnection(address.netloc, timeout=30)
        try:
            connection.request(method, address.path + path, body, headers)
            response = connection.getresponse()
            kept = [pair for pair in response.getheaders() if pair[0].lower() != "date"]
            got = Got(path, response.status, kept, response.read())
        finally:
            connection.close()
        if of != "emulator":
            self.got.append(got)
        return got

    def emulator(self, method: str, path: str, body: object) -> Any:
        got = self.to("emulator", method, path, json.dumps(body).encode())
        assert got.status == 200, got.body
        return got.json

    def get(self, path: str, cookie: str = "", **query: object) -> Got:
        return self.to("base", "GET", f"{path}?{urlencode(query)}", Cookie=cookie)

    def post(self, path: str, session: Mapping[str, str], **fields: object) -> Got:
        body = urlencode({**fields, "csrf": session["bili_jct"]}).encode()
        headers = {"Cookie": session["cookie"], "Content-Type": FORM}
        return self.to("base", "POST", path, body, **headers)


def played(facts: Mapping[str, Any]) -> list[Got]:
    """Return what a service answers to calls that need tokens, keys and ids of all kinds."""
    calls = Calls(facts)
    calls.emulator("PUT", "/clock", {"at": NOW})
    calls.emulator("POST", "/accounts", {"mids": [1, 2, 3]})
    edge = {"follower": 1, "followed": 2, "time": NOW, "groups": ["a", "b"]}
    calls.emulator("POST", "/edges", {"edges": [edge]})
    session = calls.emulator("POST", "/sessions", {"mid": 1})
    cookie = session["cookie"]
    calls.get(e.NAV.path, cookie)
    calls.get(e.GROUPS.path, cookie)
    created = calls.post(e.CREATE_GROUP.path, session, tag="c")
    assert created.json["code"] == 0
    calls.post(e.MODIFY.path, session, fid=3, act=1, re_src=11)
    calls.get(e.FOLLOWINGS.path, cookie, vmid=1)
    calls.get(e.BUVID.path)
    assert "request_id" in calls.get(e.GAME_FOLLOWINGS.path, vmid=1).json
    key = calls.get(e.QR_GENERATE.path).json["data"]["qrcode_key"]
    calls.to("admin", "POST", "/logins/agree", json.dumps({"key": key, "mid": 2}).encode())
    polled = calls.get(e.QR_POLL.path, qrcode_key=key)
    assert polled.json["data"]["code"] == 0
    calls.get(e.COOKIE_INFO.path, cookie)
    assert calls.to("admin", "POST", "/accounts/3/sessions").json["sessdata"]
    assert calls.to("admin", "POST", "/apps").json["appkey"]
    calls.emulator("POST", "/faults", {"endpoint": "relation.stat", "code": -352})
    calls.get(e.STAT.path, cookie, vmid=1)
    calls.get("/x/relation/stats")
    return calls.got


def played_by(service: RunningService) -> list[Got]:
    return played({name: getattr(service, name, "") for name in FACTS})


FACTS = [f"{of}_{what}" for of in ("base", "admin", "emulator") for what in ("url", "token")]


@contextmanager
def process(*arguments: str, **variables: str) -> Iterator[dict[str, Any]]:
    """Run ``python -m guanxi.testing`` with variables of the environment; yield what it prints."""
    started = subprocess.Popen(
        [sys.executable, "-m", "guanxi.testing", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | variables,
        text=True,
    )
    assert started.stdin is not None
    assert started.stdout is not None
    with started:
        try:
            yield json.loads(started.stdout.readline())
        finally:
            started.stdin.close()
    assert started.returncode == 0


def of_endpoints(responses: list[Got]) -> list[Got]:
    """Return those of the service itself; the administration counts its requests on."""
    return [one for one in responses if one.path.startswith(("/x/", "/game/"))]


def test_two_services_with_one_seed_answer_the_same_bytes() -> None:
    """One in another process, whose sets have another order; then others by another seed."""
    with running(seed=7) as service:
        first = played_by(service)
        service.renew()
        again = played_by(service)
    assert of_endpoints(again) == of_endpoints(first), "renew draws anew"
    assert [one.body for one in again] == [one.body for one in first]
    with process(PYTHONHASHSEED="11", GUANXI_TESTING_SEED="7") as facts:
        assert played(facts) == first
    with running(seed=8) as service:
        other = played_by(service)
    differ = [one.path for one, two in zip(first, other, strict=True) if one.body != two.body]
    # Keys of the day, groups, device ids, an envelope's id, the QR sign-in, sessions and apps.
    assert {path.partition("?")[0] for path in differ} == {
        *(e.NAV.path, e.GROUPS.path, e.CREATE_GROUP.path, e.FOLLOWINGS.path, e.BUVID.path),
        *(e.GAME_FOLLOWINGS.path, e.QR_GENERATE.path, e.QR_POLL.path),
        *("/accounts/3/sessions", "/apps"),
    }


def test_what_is_drawn_for_one_purpose_does_not_move_another() -> None:
    with running(seed=7) as one, running(seed=7) as other:
        for service in (one, other):
            service.add_accounts(1, 2)
        assert one.sign_in(1) == other.sign_in(1)
        call(one, e.BUVID)
        edge = EdgeRow(follower=1, followed=2, time=1_700_000_000, groups=("a",))
        other.import_edges([edge])
        assert one.sign_in(2) == other.sign_in(2)


def test_without_a_seed_nothing_repeats() -> None:
    """Nor with one where a store is given, which may be served later, or several workers."""
    drawn = []
    for _ in range(2):
        with running() as service:
            service.add_accounts(1)
            drawn += [service.sign_in(1), call(service, e.NAV).data["wbi_img"]]
    assert drawn[0] != drawn[2]
    assert drawn[1] != drawn[3]


def test_a_given_store_is_not_seeded(tmp_path: Path) -> None:
    signed_in = []
    for name in ("one.db", "two.db"):
        with running(store=tmp_path / name, seed=7) as service:
            service.add_accounts(1)
            signed_in.append(service.sign_in(1))
            key = call(service, e.QR_GENERATE).data["qrcode_key"]
            assert service.emulator.chance is chance.system
            assert tokens.qr_key_created(secret_in(service), key) is not None
    assert signed_in[0].sessdata != signed_in[1].sessdata
    assert signed_in[0].bili_jct != signed_in[1].bili_jct


def secret_in(service: RunningService) -> bytes:
    """Return the secret in the file of a service's store."""
    with_file = apsw.Connection(service.store, flags=apsw.SQLITE_OPEN_READONLY)
    secret: bytes = with_file.execute("SELECT value FROM meta WHERE name = 'secret'").get
    with_file.close()
    return secret


def test_a_seeded_secret_is_in_no_file_and_no_dump() -> None:
    """Whoever serves a copy of the file later has a secret that nobody can derive."""
    in_files = []
    for _ in range(2):
        with running(seed=7) as service:
            in_files.append(secret_in(service))
            seeded = service.do(_secret)
            assert seeded == Seeded("7/").drawn("secret", 0, 32)
            assert in_files[-1] != seeded
            assert secret_line(service.dump()) == b64encode(in_files[-1]).decode()
    assert in_files[0] != in_files[1]


def secret_line(lines: bytes) -> str:
    """Return the secret of a dump."""
    [secret] = [
        row["secret"] for row in map(json.loads, lines.splitlines()) if row.keys() == {"secret"}
    ]
    return str(secret)


async def _secret(store: Store) -> bytes:
    return store.secret


def test_a_replaced_secret_and_the_way_back() -> None:
    """The seeded secret follows that of the store, also back to a mark and into a copy."""
    from guanxi.operations.admin_tokens import rotate_secret

    with running(seed=7) as service:
        service.add_accounts(1, 2)
        session = service.sign_in(1)
        first = service.do(_secret)
        service.mark()
        service.do(rotate_secret)
        second = service.do(_secret)
        assert second == Seeded("7/").drawn("secret", 1, 32)
        assert first != second
        copied = service.world()
        assert copied.do(_secret) == second
        service.reset()
        assert service.do(_secret) == first
        form = {"fid": 2, "act": 1, "re_src": 11}
        assert call(service, e.MODIFY, session, form).code == 0


def test_a_world_draws_tokens_of_its_own() -> None:
    def signed_in(service: RunningService) -> list[object]:
        service.add_accounts(1)
        worlds = [service, service.world(), service.world()]
        return [one.sign_in(1) for one in [*worlds, worlds[1].world()]]

    with running(seed=7) as one, running(seed=7) as other:
        drawn = signed_in(one)
        assert drawn == signed_in(other)
    assert len({repr(each) + each.sessdata for each in drawn}) == 4  # type: ignore[attr-defined]


def test_a_token_of_a_loaded_world_is_not_drawn_twice() -> None:
    with running(seed=7) as service:
        service.add_accounts(1)
        first = service.sign_in(1)
        service.mark("signed in")
        assert isinstance(service.emulator.chance, Seeded)
        service.emulator.chance.restart()
        second = service.sign_in(1)
    assert first.sessdata != second.sessdata


def test_the_feed_of_changes_has_a_seeded_id() -> None:
    cursors = []
    for seed in (7, 7, 8):
        with running(seed=seed) as service:
            assert service.do(lambda store: store.set_changes(True))
            assert not service.do(lambda store: store.set_changes(True))
            service.at(NOW)
            service.add_accounts(1)
            cursors.append(service.do(lambda store: store.changes()).cursor)
    assert cursors[0] == cursors[1] != cursors[2]


# --- never without an emulator ---


@pytest.mark.long
def test_guanxi_demo_repeats_with_a_given_seed_alone(tmp_path: Path) -> None:
    """And a store that is kept gets neither its sessions nor its secret."""

    def session(*options: str, **variables: str) -> set[str]:
        with demo(*options, **variables) as facts:
            return {facts["sessdata"], facts["bili_jct"]}

    state, kept = tmp_path / "world.jsonl", tmp_path / "kept.db"
    seeded = session("--seed", "7", "--state", str(state))
    assert session(GUANXI_DEMO_SEED="7") == seeded
    assert not session("--seed", "7", "--workers", "2") & seeded
    saved = secret_line(state.read_bytes())
    assert not session("--seed", "7", "--state", str(state), "--store", str(kept)) & seeded
    with running(store=kept) as service:
        assert service.do(lambda store: store.account(HERO)) is not None
        guessed = [service.do(partial(_session, token=token)) for token in seeded]
        assert guessed == [None, None]
    assert saved != b64encode(secret_in(service)).decode()


async def _session(store: Store, token: str) -> object:
    return await store.session(secrets.session_digest(token))


@pytest.mark.long
def test_guanxi_serve_has_no_seed(tmp_path: Path) -> None:
    """Whatever the environment says, in which a seed of a demo or of tests may be left."""
    names = ("GUANXI_SEED", "GUANXI_DEMO_SEED", "GUANXI_TESTING_SEED", "PYTHONHASHSEED")
    drawn: list[str] = []
    for name in ("one.db", "two.db"):
        started = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "serve", "--port=0", f"--store={tmp_path / name}"],
            stderr=subprocess.PIPE,
            env=os.environ | ENGLISH | dict.fromkeys(names, "7"),
            text=True,
        )
        with started:
            assert started.stderr is not None
            [url] = re.findall(
                r"http://\S+", next(line for line in started.stderr if "http" in line)
            )
            calls = Calls({"base_url": url})
            drawn += calls.get(e.NAV.path).json["data"]["wbi_img"].values()
            drawn.append(calls.get(e.QR_GENERATE.path).json["data"]["qrcode_key"])
            drawn += calls.get(e.BUVID.path).json["data"].values()
            started.send_signal(signal.SIGTERM)
            started.stderr.read()
    assert len(drawn) == 10
    assert len({*drawn}) == 10


#: Where chance may be handed in, besides the functions that hand on what they were given.
_HAND_IN = {"emulator", "testing", "cli/service/demo.py"}


def _handed_in(tree: ast.AST) -> Iterator[str]:
    """Yield the expressions that calls hand in as ``chance``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "chance":
                    yield ast.unparse(keyword.value)


def test_nothing_but_the_emulator_hands_chance_in() -> None:
    """``guanxi serve`` cannot: its rooms know the system's, and hand on the service's."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "src" / "guanxi").rglob("*.py"):
        name, text = path.relative_to(ROOT / "src" / "guanxi").as_posix(), path.read_text("utf-8")
        handed = set(_handed_in(ast.parse(text))) if "chance=" in text else set()
        if handed and not any(name == one or name.startswith(f"{one}/") for one in _HAND_IN):
            found[name] = handed
    serve = (ROOT / "src/guanxi/cli/service/serve.py").read_text("utf-8")
    assert "emulator" not in serve
    assert found == {
        "console/acting.py": {"service.chance"},
        "console/operator/account.py": {"service.chance"},
        "service/admin.py": {"service.chance"},
        "service/app.py": {"self._service.chance"},
        "service/handlers/login.py": {"service.chance"},
    }


@pytest.mark.parametrize(
    "draw",
    [
        secrets.new_secret,
        secrets.new_token,
        lambda: secrets.new_app(b""),
        lambda: tokens.qr_key(b"", 0),
        lambda: new_group_id(()),
        lambda: chance.system("x", 16),
    ],
)
def test_what_nobody_hands_chance_to_is_unpredictable(draw: Callable[[], object]) -> None:
    """Also after the same seed was given to Python's own generator."""
    import random

    drawn = set()
    for _ in range(3):
        random.seed(7)
        drawn.add(draw())
    assert len(drawn) == 3


def test_numbers_are_below_their_bound_and_even() -> None:
    """Of 10,000 draws among four, each number has 2,300 to 2,700: 2,500 give or take five sigma."""
    seeded = Seeded("numbers")
    drawn = [chance.number_below(4, "x", seeded) for _ in range(10_000)]
    assert {*drawn} == {0, 1, 2, 3}
    assert all(2_283 < drawn.count(number) < 2_717 for number in range(4))


def test_a_given_token_in_use_is_refused() -> None:
    """One that is drawn is drawn again, one that is given is not replaced."""
    with running() as service:
        service.add_accounts(1)
        issue = partial(sessions.issue, mid=1, kind=TokenKind.COOKIE, limits=Limits(), now=1)
        issued = service.do(lambda store: issue(store, token="t" * 64))
        assert issued.token == "t" * 64
        with pytest.raises(sessions.TokenInUse):
            service.do(lambda store: issue(store, token="t" * 64))
