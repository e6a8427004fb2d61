"""What users' own projects get: ``running`` and the fixture."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from guanxi.accounts.account import Card, State
from guanxi.contract import endpoints as e
from guanxi.service import server
from guanxi.service.config import SettingError
from guanxi.stores.port import Store, StoreError
from guanxi.testing import running
from tests.service.client import call

pytest_plugins = ["pytester"]

_USERS_TEST = """
import json
import urllib.request

pytest_plugins = ["guanxi.testing"]


def test_theirs(guanxi_service):
    guanxi_service.add_accounts(1, 2)
    session = guanxi_service.sign_in(1)
    request = urllib.request.Request(
        f"{guanxi_service.base_url}/x/relation?fid=2", headers={"Cookie": session.cookie}
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["data"]["attribute"] == 0
"""


_WITHOUT_PYTEST = """
import json
import sys
import urllib.request

sys.modules["pytest"] = None  # as where it is not installed

from guanxi.testing import running

with running() as service:
    with urllib.request.urlopen(f"{service.base_url}/x/web-interface/nav") as answer:
        print(json.load(answer)["code"], end="")
"""


def test_the_fixture_in_a_project_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(_USERS_TEST)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_a_given_store_is_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    with running(store=path) as service:
        service.add_accounts(1, cards={2: Card(name="二")})
        session = service.sign_in(2)
    with running("open", store=path, limits={"page_size": 7}) as again:
        assert again.settings.profile.limits.page_size == 7
        assert call(again, e.NAV, session).data["uname"] == "二"


def test_a_profile_that_does_not_exist() -> None:
    with pytest.raises(SettingError, match="'opne'; there are documented, open"), running("opne"):
        raise AssertionError("it cannot run")


def test_running_does_not_need_pytest(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_WITHOUT_PYTEST)
    ended = subprocess.run([sys.executable, script], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"-101", b"")


def test_a_missing_module_names_the_extra_to_install() -> None:
    code = "import sys; sys.modules['uvicorn'] = None; from guanxi.testing import running"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.stderr.endswith(
        "ModuleNotFoundError: guanxi.testing needs uvicorn: pip install 'guanxi[testing]'\n"
    )


def test_uvloop_may_be_missing(tmp_path: Path) -> None:
    """As on Windows and on PyPy: the event loop is asyncio's."""
    script = tmp_path / "script.py"
    script.write_text("import sys; sys.modules['uvloop'] = None\n" + _WITHOUT_PYTEST)
    ended = subprocess.run([sys.executable, script], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"-101", b"")


def test_a_state_is_set_by_its_name_or_value() -> None:
    with running() as service:
        service.add_accounts(1)
        for state in (State.BANNED, "normal", "banned"):
            service.set_state(1, state)
            stored = service.do(lambda store: store.account(1))
            assert stored is not None
            assert stored.state == (State.NORMAL if state == "normal" else State.BANNED)
        for unknown in ("ban", 7, None):
            with pytest.raises(ValueError, match="use normal, banned, deregistered"):
                service.set_state(1, unknown)  # type: ignore[arg-type]
        service.set_state(1, "deregistered")
        with pytest.raises(ValueError, match="deregistered"):
            service.set_state(1, "normal")


_FAILING = """
from contextlib import suppress
import urllib.error
import urllib.request

from guanxi.stores.port import StoreUnavailable
from guanxi.testing import running


class Busy:
    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def tally(self, mid):
        raise StoreUnavailable("busy")


with running(layer=Busy) as service, suppress(urllib.error.HTTPError):
    urllib.request.urlopen(f"{service.base_url}/x/relation/stat?vmid=1")
"""


def test_a_failure_is_printed_with_its_fields(tmp_path: Path) -> None:
    """Without a log handler, Python prints a record's message on standard error."""
    script = tmp_path / "script.py"
    script.write_text(_FAILING)
    ended = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    [line] = ended.stderr.splitlines()
    assert line.startswith("failed request_id=")
    assert "endpoint=relation.stat code=-503" in line
    assert "StoreUnavailable" in line


def test_errors_are_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.db"
    broken.write_text("no database" * 1000)
    with pytest.raises(StoreError), running(store=broken):
        raise AssertionError("it cannot run")

    async def fails(_: Store) -> None:
        raise StoreError("the file is deleted")

    monkeypatch.setattr(server, "_flush", fails)  # the last that a service does
    with pytest.raises(StoreError, match="the file is deleted"), running() as service:
        service.add_accounts(1)
