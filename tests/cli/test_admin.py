"""``guanxi admin`` and ``guanxi store rotate-secret``; what the commands leave in the audit log."""

from __future__ import annotations

import json
import os
import pwd
import time
from pathlib import Path
from typing import Any

import pytest

from guanxi.accounts.administrators import PREFIX, Scope
from guanxi.accounts.secrets import DAY, digest
from guanxi.stores.port import Store
from guanxi.testing import running
from tests.cli.runner import error_of, guanxi, output_of, with_store
from tests.service.client import send

WHO = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


def printed(*argv: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output_of(*argv).splitlines()]


def audited(store: object, *argv: object) -> list[tuple[str, int | None, str, int | None]]:
    """Return what the log has, the oldest first."""
    found = printed("admin", "audit", "--store", store, *argv)[::-1]
    return [(one["what"], one["mid"], one["detail"], one["status"]) for one in found]


def test_a_token_is_shown_once_and_works_until_it_is_revoked(address: str) -> None:
    output_of("account", "add", 1, "--store", address)
    made = output_of(
        *("admin", "token", "new", "prometheus", "--scope", "metrics", "--days", 90),
        *("--store", address),
    )
    token = made.strip()
    assert token.startswith(PREFIX)
    assert len(token) == len(PREFIX) + 64
    now = time.time()
    [listed] = printed("admin", "token", "list", "--store", address)
    assert (listed["name"], listed["scopes"]) == ("prometheus", ["metrics"])
    assert listed["expires"] - listed["created"] == 90 * DAY
    assert abs(listed["created"] - now) < 3_600
    assert token not in json.dumps(listed)
    assert digest(token).hex() not in json.dumps(listed)
    bearer = {"Authorization": f"Bearer {token}"}
    with running(store=address) as service:
        assert send(service.admin_url, "GET", "/metrics", headers=bearer).status == 200
        assert send(service.admin_url, "GET", "/accounts/1", headers=bearer).status == 403
        output_of("admin", "token", "revoke", "prometheus", "--store", address)
        time.sleep(1.01)
        assert send(service.admin_url, "GET", "/metrics", headers=bearer).status == 401
    assert printed("admin", "token", "list", "--store", address) == []
    shown = output_of("admin", "audit", "--store", address)
    assert token not in shown
    assert digest(token).hex() not in shown


def test_several_scopes_and_no_end(tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    output_of("store", "init", store)
    made = ("admin", "token", "new", "all", "--scope", "write", "--scope", "read", "--days", 0)
    token = output_of(*made, "--store", store).strip()

    async def stored(opened: Store) -> Any:
        return await opened.admin_token(digest(token))

    found = with_store(str(store), stored)
    assert (found.scopes, found.expires) == (frozenset({Scope.READ, Scope.WRITE}), None)


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("token", "new", "taken", "--scope", "read"), "there is a token named taken"),
        (("token", "new", "configured", "--scope", "read"), "the name of GUANXI_ADMIN_TOKEN"),
        (("token", "new", "a b", "--scope", "read"), "a name has 1 to 64 letters"),
        (("token", "new", "x" * 65, "--scope", "read"), "a name has 1 to 64 letters"),
        (("token", "new", "x"), "--scope"),
        (("token", "new", "x", "--scope", "all"), "'all' is not one of"),
        (("token", "revoke", "nobody"), "no token has the name nobody"),
        (("trim-audit", "--keep-days", 0), "greater than or equal to 1"),
    ],
)
def test_what_is_refused_says_why(argv: tuple[object, ...], why: str, tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    output_of("store", "init", store)
    output_of("admin", "token", "new", "taken", "--scope", "read", "--store", store)
    assert why in error_of("admin", *argv, "--store", store)
    assert len(printed("admin", "token", "list", "--store", store)) == 1


def test_a_refused_command_is_recorded_with_its_status(tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    output_of("store", "init", store)
    error_of("account", "ban", 7, "--store", store)
    error_of("admin", "token", "revoke", "no;body\n", "--store", store)
    assert audited(store) == [
        ("account ban", 7, "banned", 1),
        ("admin token revoke", None, "", 1),
    ]


def test_every_command_that_changes_something_is_recorded(address: str) -> None:
    def do(*argv: object) -> str:
        return output_of(*argv, "--store", address)

    do("account", "add", 1, "--name", "甲")
    do("account", "add", 5, 3, 4)
    keyed = int(do("account", "add", "--key", "their-key"))
    do("account", "ban", 1)
    output_of("account", "ban", 1, "--lift", "--store", address, LOGNAME="another")
    do("account", "privacy", 1)  # reads
    do("account", "privacy", "key:their-key", "--hide-followers")
    do("account", "show", 1)  # reads
    session = json.loads(do("session", "new", 1))
    do("session", "new", 1, "--app")
    do("session", "revoke", 1)
    do("account", "deregister", 5)
    do("store", "rotate-secret", "--yes")
    do("admin", "token", "new", "one", "--scope", "read")
    do("admin", "token", "revoke", "one")
    do("account", "erase", 4, "--yes")
    for verb in ("on", "trim", "restored", "off"):
        do("store", "changes", verb)
    do("admin", "trim-audit", "--keep-days", 9)
    found = printed("admin", "audit", "--store", address)
    assert {one["who"] for one in found} == {WHO}
    assert audited(address) == [
        ("account add", 1, "", 0),
        ("account add", None, "3 accounts from 3 to 5", 0),
        ("account add", keyed, "", 0),
        ("account ban", 1, "banned", 0),
        ("account ban", 1, "normal", 0),
        ("account privacy", keyed, "", 0),
        ("session new", 1, "cookie", 0),
        ("session new", 1, "app", 0),
        ("session revoke", 1, "", 0),
        ("account deregister", 5, "deregistered", 0),
        ("store rotate-secret", None, "", 0),
        ("admin token new", None, "one read", 0),
        ("admin token revoke", None, "one", 0),
        ("account erase", 4, "", 0),
        ("store changes on", None, "", 0),
        ("store changes trim", None, "", 0),
        ("store changes restored", None, "", 0),
        ("store changes off", None, "", 0),
        ("admin trim-audit", None, "9 days kept", 0),
    ]
    shown = json.dumps(found)
    assert not [one for one in ("甲", "their-key", session["sessdata"]) if one in shown]


def test_the_log_is_filtered_paged_and_trimmed(tmp_path: Path) -> None:
    store = tmp_path / "a.db"
    for mid in (1, 2, 1, 2, 1):
        output_of("account", "add", mid, "--store", store)
    assert [one[1] for one in audited(store)] == [1, 2, 1, 2, 1]
    assert [one[1] for one in audited(store, "--mid", 2)] == [2, 2]
    assert audited(store, "--token", "nobody") == []
    assert len(audited(store, "--token", WHO)) == 5
    first = printed("admin", "audit", "--store", store, "--limit", 2)
    others = printed("admin", "audit", "--store", store, "--after", first[-1]["number"])
    assert first + others == printed("admin", "audit", "--store", store)
    assert "deleted 0" in guanxi("admin", "trim-audit", "--keep-days", 1, "--store", store).stderr


def secret_in(store: object) -> bytes:
    async def read(opened: Store) -> bytes:
        return opened.secret

    return with_store(str(store), read)


def test_a_secret_is_replaced_only_if_that_is_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "a.db"
    output_of("store", "init", store)
    old = secret_in(store)
    for typed in ("", "y\n", "Rotate\n", "rotate it\n"):
        answer = answered(monkeypatch, typed, "store", "rotate-secret", "--store", store)
        assert answer.returncode == 1
        assert "bili_jct" in answer.stderr, "what it ends is shown before"
        assert "aborted" in answer.stderr
        assert secret_in(store) == old
    assert audited(store) == []
    answer = answered(monkeypatch, "rotate\n", "store", "rotate-secret", "--store", store)
    assert answer.returncode == 0
    new = secret_in(store)
    assert new != old
    assert len(new) == 32
    assert old.hex() not in answer.stderr + answer.stdout
    assert new.hex() not in answer.stderr + answer.stdout
    assert "appsec" in guanxi("store", "rotate-secret", "--yes", "--store", store).stderr
    assert secret_in(store) != new


def answered(monkeypatch: pytest.MonkeyPatch, typed: str, *argv: object) -> Any:
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    return guanxi(*argv)


def test_the_secret_of_no_store_is_not_replaced(tmp_path: Path) -> None:
    missing = tmp_path / "missing.db"
    assert "missing.db" in error_of("store", "rotate-secret", "--yes", "--store", missing)
    assert not missing.exists()
