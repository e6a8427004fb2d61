"""How often an account and an address may sign in, write and read."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from guanxi.cli.service.demo import demo_settings
from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import ACCESS_KEY, Does, Endpoint, Login
from guanxi.contract.endpoints import BY_NAME, ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.embed.mounted import application as mounted
from guanxi.sdk.transport import ASGITransport, Request
from guanxi.service import rates
from guanxi.service.config import Settings
from guanxi.service.configuration import configured
from guanxi.service.handling import Refused
from guanxi.service.rates import SETTINGS, Rates, network_of
from guanxi.stores import open_store
from guanxi.testing import RunningService, running
from tests.counts import count
from tests.service.client import call, contents, fresh, send
from tests.service.scene import Scene
from tests.service.test_workers import until, workers_of
from tests.stores.engines import Clock

#: What counts as an attempt to sign in; all else is a write if it changes something, or a read.
SIGN_INS = {
    "login.qr_generate",
    "login.qr_poll",
    "login.cookie_refresh",
    "login.confirm_refresh",
}
MOST = 3
ALL = {name: MOST for pair in SETTINGS.values() for name in pair}


def limited(**most: int) -> Settings:
    """Return settings with these limits alone, of a service behind a proxy on this machine."""
    bare = Settings(profile=DOCUMENTED, trusted_proxies=("127.0.0.1",))
    return replace(bare, **{**dict.fromkeys(ALL, 0), **most})


def sent_from(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


def tables(service: RunningService) -> dict[str, object]:
    """Return the rows of the store, without the sessions that a test opens."""
    rows = contents(service)
    assert isinstance(rows, dict)
    return {name: of for name, of in rows.items() if name != "session"}


@pytest.fixture(scope="module")
def at() -> Clock:
    clock = Clock()
    clock.ns = time.time_ns()
    return clock


@pytest.fixture(scope="module")
def scene(at: Clock) -> Iterator[Scene]:
    with running(settings=limited(**ALL), clock=at) as service:
        yield Scene(service)


@pytest.fixture
def service(scene: Scene, at: Clock) -> RunningService:
    """The service, to whom nobody has sent anything in the last minute."""
    at.advance(60)
    return scene.service


# --- every endpoint ---


def test_what_counts_as_what() -> None:
    assert {one.name for one in ENDPOINTS if one.counts_as is Does.SIGN_IN} == SIGN_INS
    for endpoint in ENDPOINTS:
        if endpoint.name not in SIGN_INS:
            is_write = endpoint.method == "POST" and endpoint is not e.DEVICE_REPORT
            assert (endpoint.counts_as is Does.WRITE) == is_write, endpoint.name


@pytest.mark.parametrize("name", BY_NAME)
def test_one_address_may_send_so_many(name: str, service: RunningService, scene: Scene) -> None:
    """Whoever sends it, and whatever is answered. Another address is not concerned."""
    endpoint, fields = BY_NAME[name], scene.fields(BY_NAME[name])
    if endpoint is e.QR_POLL:  # only wrong keys count
        fields["qrcode_key"] = "0" * 32
    for _ in range(MOST):
        answer = call(service, endpoint, None, fields, headers=sent_from("203.0.113.1"))
        assert answer.status in (200, 404)
    answer = call(service, endpoint, None, fields, headers=sent_from("203.0.113.1"))
    assert (answer.status, answer.code, answer.message) == (412, -412, "请求被拦截")
    assert answer.headers["retry-after"] == "20"
    setting = SETTINGS[endpoint.counts_as][1]
    assert answer.reason == (
        f"rate: more than {MOST} {setting.split('_by')[0].replace('_', '-')} a minute from this"
        f" address ({setting}); wait 20 seconds"
    )
    other = call(service, endpoint, None, fields, headers=sent_from("203.0.113.2"))
    assert other.status in (200, 404)


@pytest.mark.parametrize("name", [one.name for one in ENDPOINTS if one.login is not Login.NONE])
def test_one_account_may_send_so_many(name: str, service: RunningService, scene: Scene) -> None:
    """From whichever addresses and by whichever session. Another account is not concerned."""
    endpoint = BY_NAME[name]
    codes = Counter[int]()
    for number in range(MOST):
        source = sent_from(f"203.0.113.{10 + number}")
        answer = call(service, endpoint, scene.caller, scene.fields(endpoint), headers=source)
        codes[answer.code if answer.status == 200 else answer.status] += 1
    assert -799 not in codes
    before = tables(service) if endpoint.writes else {}
    sessions = [scene.caller, service.sign_in(scene.caller.mid)]
    for session in sessions:
        source = sent_from("203.0.113.20")
        answer = call(service, endpoint, session, scene.fields(endpoint), headers=source)
        status = 404 if endpoint is e.CORRESPOND else 200
        assert (answer.status, answer.code) == (status, -799), answer.raw
        assert answer.message == "请求过于频繁，请稍后再试"
        assert answer.headers["retry-after"] == "20"
    if ACCESS_KEY in endpoint.auth:
        by_key = {**scene.fields(endpoint), "access_key": service.access_key(scene.caller.mid)}
        source = sent_from("203.0.113.21")
        assert call(service, endpoint, None, by_key, headers=source).code == -799
    assert before == (tables(service) if endpoint.writes else {})
    other = call(service, endpoint, scene.other, scene.fields(endpoint))
    assert other.status in (200, 404)
    assert b"-799" not in other.raw


def test_reads_leave_writes_and_sign_ins_alone(service: RunningService, scene: Scene) -> None:
    source = sent_from("203.0.113.30")

    def statuses(endpoint: Endpoint) -> list[int]:
        return [
            call(service, endpoint, scene.third, scene.fields(endpoint), headers=source).code
            for _ in range(MOST)
        ]

    assert statuses(e.STAT) == [0] * MOST
    assert statuses(e.SET_NOTICE) == [-304] * MOST, "it has none to delete"
    assert statuses(e.QR_GENERATE) == [0] * MOST
    assert [call(service, one, headers=source).code for one in (e.NAV, e.QR_GENERATE)] == [
        -412,
        -412,
    ]


# --- time ---


def test_requests_come_back_one_by_one(service: RunningService, at: Clock) -> None:
    def ask() -> int:
        return call(service, e.STAT, fields={"vmid": 1}, headers=sent_from("203.0.113.40")).code

    assert [ask() for _ in range(6)] == [0, 0, 0, -412, -412, -412], "a refused one costs nothing"
    at.advance(19.9)
    assert ask() == -412
    at.advance(0.1)
    assert [ask(), ask()] == [0, -412]
    at.advance(40)
    assert [ask(), ask(), ask()] == [0, 0, -412]
    at.advance(-3_600)  # whoever sets the clock back locks nobody out
    assert ask() == 0
    at.advance(3_600)


def test_a_reset_of_the_emulator_forgets(service: RunningService) -> None:
    [caller] = fresh(service)
    service.mark()
    for _ in range(2):
        answers = [call(service, e.STAT, caller, {"vmid": 1}).code for _ in range(MOST + 1)]
        assert answers == [0, 0, 0, -412]
        service.reset()


# --- addresses ---


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::1", "::"),
        ("", ""),
        ("unix", ""),
        ("testclient", ""),
    ],
)
def test_what_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_an_ipv6_network_is_one_address(service: RunningService) -> None:
    def ask(address: str) -> int:
        return call(service, e.STAT, fields={"vmid": 1}, headers=sent_from(address)).code

    assert [ask(f"2001:db8:0:1::{number:x}") for number in range(4)] == [0, 0, 0, -412]
    assert ask("2001:db8:0:2::1") == 0


def test_only_a_trusted_proxy_says_which_address_it_is() -> None:
    """Without one, who names another address with each request gains nothing."""
    with running(settings=replace(limited(reads_by_address=2), trusted_proxies=())) as service:
        codes = [
            call(service, e.NAV, headers=sent_from(f"203.0.113.{number}")).code
            for number in range(3)
        ]
    assert codes == [-101, -101, -412]


# --- sign-ins ---


def test_guesses_of_a_qr_key_are_bounded_and_waiting_is_not(service: RunningService) -> None:
    source = sent_from("203.0.113.50")
    key = call(service, e.QR_GENERATE, headers=source).data["qrcode_key"]

    def poll(key: str) -> int:
        return call(service, e.QR_POLL, fields={"qrcode_key": key}, headers=source).code

    assert {poll(key) for _ in range(3 * MOST)} == {0}
    assert [poll("x"), poll(key[::-1]), poll("y")] == [-400, -400, -412]
    assert poll(key) == -412, "not even with the right one"
    assert call(service, e.QR_GENERATE, headers=source).code == -412


def test_many_polls_at_once_cannot_outrun_the_count() -> None:
    """A request is counted before it is handled, and given back after."""
    with running(settings=limited(sign_ins_by_address=20)) as service:

        def guess(number: int) -> int:
            return call(service, e.QR_POLL, fields={"qrcode_key": f"{number}"}).code

        with ThreadPoolExecutor(8) as threads:
            codes = Counter(threads.map(guess, range(60)))
    assert codes.keys() == {-400, -412}
    assert 20 <= codes[-400] <= 30  # a second or so gives back one


# --- defaults ---


def test_sign_ins_alone_are_limited_by_default() -> None:
    on = {name: getattr(Settings(), name) for name in ALL if getattr(Settings(), name)}
    assert on == {"sign_ins_by_account": 60, "sign_ins_by_address": 300}
    served = configured(environ={}).settings
    assert {name: getattr(served, name) for name in on} == on


def test_nothing_is_limited_in_the_fixture(documented: RunningService) -> None:
    assert not any(getattr(documented.settings, name) for name in ALL)
    codes = {call(documented, e.QR_POLL, fields={"qrcode_key": "x"}).code for _ in range(310)}
    assert codes == {-400}


def test_nothing_is_limited_in_a_demo_unless_configured() -> None:
    assert not any(getattr(demo_settings({}, {}), name) for name in ALL)
    environ = {"GUANXI_SIGN_INS_BY_ADDRESS": "7", "GUANXI_READS_BY_ACCOUNT": "9"}
    chosen = demo_settings({}, environ)
    assert {name: getattr(chosen, name) for name in ALL if getattr(chosen, name)} == {
        "sign_ins_by_address": 7,
        "reads_by_account": 9,
    }


# --- where it is counted ---


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.booleans()),
        min_size=1,
        max_size=60,
    )
)
def test_the_table_counts_as_a_bucket_does(asks: list[tuple[str, int, bool]]) -> None:
    """A bucket of 3 that gets one back every 20 seconds, by name; some requests are given back."""
    table, now = rates._Table(None), 10**18
    level: dict[str, float] = {}
    for name, seconds, given_back in asks:
        now += seconds * 10**9
        level = {one: min(3.0, has + seconds / 20) for one, has in level.items()}
        has = level.setdefault(name, 3.0)
        wait = table.spend(name.encode(), 20 * 10**9, 3, now)
        if has >= 1 - 1e-9:
            assert wait == 0
            level[name] = has - 1
            if given_back:
                table.spend(name.encode(), -20 * 10**9, 0, now)
                level[name] = has
        else:
            assert wait == pytest.approx((1 - has) * 20 * 10**9, abs=1_000)


def test_a_full_table_forgets_who_sent_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_SETS", 1)
    table = rates._Table(None)
    for _ in range(3):
        assert table.spend(b"much", 10**9, 3, 10**18) == 0
    for number in range(1_000):
        assert table.spend(b"%d" % number, 10**9, 3, 10**18) == 0
        assert table.spend(b"much", 10**9, 3, 10**18) > 0, "no number of others frees one"


#: Waits for a line, then sends requests as often as it can; prints how many passed.
_ASK = """
import sys
from guanxi.contract.endpoints import STAT
from guanxi.service.config import Settings
from guanxi.service.handling import Refused
from guanxi.service.rates import Rates

one = Rates(Settings(reads_by_address=100), lambda: 10**18, int(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
passed = 0
for _ in range(int(sys.argv[2])):
    try:
        one.check_address(STAT, "203.0.113.1")
    except Refused:
        continue
    passed += 1
print(passed)
"""


def test_processes_that_count_together_admit_exactly_so_many() -> None:
    """All at once on one address, whose clock does not move."""
    asks = str(count(2_000, 10_000))
    with rates.shared() as descriptor, ExitStack() as stack:
        processes = [
            stack.enter_context(_python(_ASK, str(descriptor), asks, shared=descriptor))
            for _ in range(count(2, 4))
        ]
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        passed = [int(process.communicate(timeout=100)[0]) for process in processes]
    assert sum(passed) == 100


@contextmanager
def _python(code: str, *arguments: str, shared: int) -> Iterator[Any]:
    """Run a program that has a descriptor of this process; kill it in the end."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[shared],
    ) as process:
        try:
            yield process
        finally:
            process.kill()


#: Locks every set, and keeps it.
_HOLD = """
import fcntl, sys
fcntl.lockf(int(sys.argv[1]), fcntl.LOCK_EX)
print("ready", flush=True)
sys.stdin.readline()
"""


def test_a_process_that_is_stopped_at_the_wrong_moment_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rates, "_LOCK_SECONDS", 0.01)
    with rates.shared() as descriptor:
        with _python(_HOLD, str(descriptor), shared=descriptor) as process:
            assert process.stdout.readline() == "ready\n"
            one = Rates(limited(reads_by_address=1), lambda: 10**18, descriptor)
            assert not rates._locked(descriptor, 0)
            one.check_address(e.STAT, "203.0.113.1")
            with pytest.raises(Refused):
                one.check_address(e.STAT, "203.0.113.1")
        assert rates._locked(descriptor, 0), "its locks end with it"


def test_workers_count_together_also_after_one_is_killed() -> None:
    with running(settings=limited(reads_by_address=60), workers=2) as service:

        def ask(_: int = 0) -> int:
            return call(service, e.NAV).code

        began = time.monotonic()
        with ThreadPoolExecutor(8) as threads:
            codes = Counter(threads.map(ask, range(160)))
        given_back = time.monotonic() - began + 1
        assert codes.keys() == {-101, -412}
        assert 60 <= codes[-101] <= 60 + given_back
        for worker in workers_of(os.getpid()):
            os.kill(worker, signal.SIGKILL)
        began = time.monotonic()
        until(lambda: _is_up(service))
        codes = Counter(ask() for _ in range(80))
        assert codes[-412], "the new ones have the count of those before"
        assert codes[-101] <= time.monotonic() - began + 2 + 60 / 60


def _is_up(service: RunningService) -> bool:
    try:
        return send(service.base_url, "GET", "/healthz").status == 200
    except OSError:
        return False


def test_metrics_say_how_many_were_refused() -> None:
    with running(settings=limited(reads_by_address=1, reads_by_account=1)) as service:
        [caller] = fresh(service)
        refused = 0
        assert call(service, e.FRIENDS, caller).code == 0
        for _ in range(3):
            refused += call(service, e.NAV).code == -412
        bearer = {"Authorization": f"Bearer {service.admin_token}"}
        page = send(service.admin_url, "GET", "/metrics", headers=bearer).raw.decode()
    assert refused == 3
    found = re.findall(r"^(guanxi_limited_total.*)$", page, re.M)
    assert found == ['guanxi_limited_total{by="address",does="read"} 3.0']


def test_a_mounted_application_limits_what_its_host_names(tmp_path: Path) -> None:
    """Accounts are those that the host signed in."""
    asyncio.run(_mounted(tmp_path))


async def _mounted(tmp_path: Path) -> None:
    store = await open_store(str(tmp_path / "s.db"), create=True)
    application = mounted(
        store, caller=lambda scope: 1, settings=Settings(reads_by_account=2, sign_ins_by_account=0)
    )
    transport = ASGITransport(application)
    request = Request("GET", f"http://localhost{e.FRIENDS.path}", {})
    bodies = [(await transport.send(request)).body for _ in range(3)]
    await store.close()
    assert [b'"code":-799' in body for body in bodies] == [False, False, True]
