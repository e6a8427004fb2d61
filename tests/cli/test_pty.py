"""Commands on a terminal of their own, against a server whose texts are hostile."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unicodedata import category

import pytest

from guanxi.cli.tools import credentials
from guanxi.sdk.credential import Credential
from guanxi.stores.port import EdgeRow
from guanxi.testing import running
from tests.cli.runner import COMMAND, ENGLISH
from tests.counts import combined
from tests.sdk.recorder import Answer, Received, envelope, recording

#: A title for the window, a control sequence of one byte, a text that runs backwards, markup of the
#: library that draws the progress, and an own line.
HOSTILE = "a\x1b]0;title\x07\x9b2J\u202ebc\u2066[red]d[/]\r\nFORGED\rFORGED\u2028FORGED\x00\x7f"
#: The sequences that set colours and styles.
_SGR = re.compile(r"\x1b\[[0-9;]*m")
QR_KEY = "0" * 32


def on_a_terminal(*argv: object, **environment: str) -> tuple[int, str]:
    """Run a command on a pseudo-terminal of 80 columns; return its status and what was written."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environ = os.environ | ENGLISH | {"TERM": "xterm-256color"} | environment
    try:
        with subprocess.Popen(
            [sys.executable, "-c", COMMAND, *map(str, argv)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            start_new_session=True,
        ) as process:
            os.close(slave)
            written = b"".join(_blocks(master))
            return process.wait(60), written.decode()
    finally:
        os.close(master)


def _blocks(master: int) -> Iterator[bytes]:
    while True:
        try:
            block = os.read(master, 65_536)
        except OSError as error:
            if error.errno != errno.EIO:  # the last process on the terminal has ended
                raise
            return
        if not block:
            return
        yield block


def assert_harmless(written: str) -> None:
    """Assert that nothing moves the cursor, is hidden, or begins a line of its own."""
    plain = _SGR.sub("", written).replace("\r\n", "\n")
    found = {one for one in plain if category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert found <= {"\n"}, written
    assert not any(line.startswith("FORGED") for line in plain.splitlines()), written


def refusal(code: int) -> Answer:
    return Answer({**envelope(None, code, HOSTILE), "reason": HOSTILE, HOSTILE: HOSTILE})


def qr(request: Received, state: int) -> Answer:
    if request.path.endswith("/generate"):
        return Answer(envelope({"url": f"https://a/{HOSTILE}", "qrcode_key": QR_KEY}))
    data = {"url": HOSTILE, "refresh_token": HOSTILE, "timestamp": 1, "code": state}
    return Answer(envelope({**data, "message": HOSTILE}))


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has nothing saved."""
    return {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "GUANXI_SESSDATA": "token",
        "GUANXI_BILI_JCT": "csrf",
    }


@pytest.mark.parametrize(
    ("argv", "code"),
    combined(
        [("api", "relation.groups"), ("api", "relation.stat", "vmid=1"), ("whoami",)],
        [-400, -101, -352, 22001, 12345],
    ),
)
def test_a_refusal_is_shown_as_one_line(
    home: dict[str, str], argv: tuple[str, ...], code: int
) -> None:
    with recording(lambda request: refusal(code)) as server:
        status, written = on_a_terminal(*argv, "--base-url", server.url, **home)
    assert status == 1
    assert_harmless(written)
    assert written.count("\n") == 1
    assert HOSTILE[:1] in written


def test_data_is_shown_as_json(home: dict[str, str]) -> None:
    data: Any = [{"tagid": 1, "name": HOSTILE, "count": 0, "tip": HOSTILE, HOSTILE: 1}]
    with recording(lambda request: Answer(envelope(data))) as server:
        status, written = on_a_terminal("api", "relation.groups", "--base-url", server.url, **home)
    assert status == 0
    assert_harmless(written)
    assert "[red]d[/]" in written


def test_the_name_of_the_account_is_shown_as_json(home: dict[str, str]) -> None:
    data = {"isLogin": True, "mid": 1, "uname": HOSTILE, "wbi_img": {"img_url": "", "sub_url": ""}}
    with recording(lambda request: Answer(envelope(data))) as server:
        status, written = on_a_terminal("whoami", "--base-url", server.url, **home)
    assert status == 0
    assert_harmless(written)
    assert "[red]d[/]" in written


@pytest.mark.parametrize("state", [86038, 0, 99])
def test_the_address_of_a_code_is_shown_on_one_line(home: dict[str, str], state: int) -> None:
    with recording(lambda request: qr(request, state)) as server:
        status, written = on_a_terminal("login", "--base-url", server.url, **home)
    assert status == 1
    assert_harmless(written)
    [line] = [line for line in written.splitlines() if line.startswith("Scan this code")]
    assert "[red]d[/]\\r\\nFORGED" in line


@pytest.mark.long
def test_headers_and_bodies_that_are_no_json_are_not_shown(home: dict[str, str]) -> None:
    raw = HOSTILE.encode()
    for status_sent in (200, 302, 412, 500):
        answer = Answer(raw, status_sent, headers={"Location": "https://a/\x1b]0;x\x07FORGED"})
        with recording(lambda request, answer=answer: answer) as server:  # type: ignore[misc]
            status, written = on_a_terminal(
                "api", "relation.modify", "fid=2", "--base-url", server.url, **home
            )
        assert status == 1
        assert_harmless(written)


def test_commands_on_a_store_show_no_control_character(
    home: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / HOSTILE.replace("/", "").replace("\0", "").replace("\n", "").replace("\r", "")
    for argv in (("account", "add", 1), ("account", "privacy", 1), ("account", "ban", 2)):
        _, written = on_a_terminal(*argv, "--store", file, **home)
        assert_harmless(written)
    _, written = on_a_terminal("account", "ban", 1, "--store", f"{file}.missing", **home)
    assert_harmless(written)
    assert "[red]d[]" in written


def test_the_progress_bar_has_no_colours_if_the_user_wants_none(tmp_path: Path) -> None:
    with running() as service:
        service.add_accounts(1, 2)
        pairs = ((1, 2), (2, 1))
        service.import_edges([EdgeRow(follower=a, followed=b, time=5) for a, b in pairs])
        me = service.sign_in(1)
        environment = {
            "GUANXI_BASE_URL": service.base_url,
            "GUANXI_SESSDATA": me.sessdata,
            "GUANXI_BILI_JCT": me.bili_jct,
            "XDG_DATA_HOME": str(tmp_path),
        }
        status, written = on_a_terminal("backup", **environment)
        assert status == 0
        assert any(one != "\x1b[0m" for one in _SGR.findall(written))
        assert "0:00:00" not in written, "a time left below a second says nothing"
        status, written = on_a_terminal("backup", NO_COLOR="1", **environment)
        assert (status, _SGR.findall(written)) == (0, [])


def test_the_progress_of_a_migration_names_each_list(
    home: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    with running() as service:
        service.add_accounts(1, 2, 3)
        service.import_edges([EdgeRow(follower=1, followed=3, time=5)])
        for name, mid in (("old", 1), ("new", 2)):
            session = service.sign_in(mid)
            credential = Credential(sessdata=session.sessdata, bili_jct=session.bili_jct)
            credentials.save(service.base_url, name, credential)
        argv = ("migrate", "--from", "old", "--to", "new", "--yes", "--base-url", service.base_url)
        status, written = on_a_terminal(*argv, XDG_DATA_HOME=str(tmp_path), NO_COLOR="1")
    assert status == 0, written
    for shown in ("source: followings", "target: followings", "check: followings"):
        assert shown in written
