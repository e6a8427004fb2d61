"""The request log: who did what, on one line of JSON each, and no secret on any."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from guanxi.accounts.secrets import new_app
from guanxi.contract import endpoints as e
from guanxi.contract.endpoints import ENDPOINTS
from guanxi.contract.limits import DOCUMENTED
from guanxi.service import logs
from guanxi.service.config import Settings
from guanxi.service.exchange import Caller, Exchange
from guanxi.testing import running
from tests.service.client import call, fresh, modify, secret_of, send
from tests.service.logged import logged
from tests.service.scene import Scene

_DOCUMENTED = Settings(profile=DOCUMENTED)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("workers", [1, 2])
def test_each_request_is_a_line(workers: int, tmp_path: Path) -> None:
    path = tmp_path / "requests.log"
    with running(settings=replace(_DOCUMENTED, request_log=str(path)), workers=workers) as service:
        caller, other = fresh(service, 2)
        assert modify(service, caller, other.mid, 1).code == 0
        assert modify(service, caller, caller.mid, 1).code == 22001
        assert call(service, e.FRIENDS).code == -101
        assert send(service.base_url, "GET", f"/x/{caller.sessdata}").status == 404
        assert send(service.base_url, "POST", e.NAV.path).status == 405
    found = lines(path)
    assert [
        (one["mid"], one["method"], one["endpoint"], one["status"], one["code"]) for one in found
    ] == [
        (caller.mid, "POST", "relation.modify", 200, 0),
        (caller.mid, "POST", "relation.modify", 200, 22001),
        (None, "GET", "relation.friends", 200, -101),
        (None, "GET", "none", 404, -404),
        (None, "POST", "none", 405, -400),
    ]
    for one in found:
        assert list(one) == [
            *("time", "request_id", "mid", "address", "method", "endpoint", "status", "code", "ms")
        ]
        assert one["address"] == "127.0.0.1"
        assert one["ms"] >= 0
    assert len({one["request_id"] for one in found}) == 5
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_line_contains_a_secret(tmp_path: Path) -> None:
    """Every kind of credential, where it belongs and where it does not, at every endpoint."""
    path = tmp_path / "requests.log"
    with running(settings=replace(_DOCUMENTED, request_log=str(path))) as service:
        scene = Scene(service)
        caller = scene.caller
        key = service.access_key(caller.mid)
        appkey, appsec = new_app(secret_of(service))
        secrets = [caller.sessdata, caller.bili_jct, key, appkey, appsec, service.admin_token]
        secrets.append(secret_of(service).hex())
        tokens = {"access_key": key, "appkey": appkey, "sign": appsec, "csrf": caller.bili_jct}
        headers = {
            "Authorization": f"Bearer {service.admin_token}",
            "Referer": f"https://www.bilibili.com/{key}",
            "User-Agent": caller.sessdata,
            "X-Request-Id": key,
            "X-Forwarded-For": key,
        }
        sent = 0
        for endpoint in ENDPOINTS:
            for session, fields in (
                (caller, {**scene.fields(endpoint), **tokens}),
                (None, {"access_key": key, "vmid": key, "refresh_token": caller.sessdata}),
            ):
                call(service, endpoint, session, fields, headers=headers)
                sent += 1
            send(service.base_url, endpoint.method, f"{endpoint.path}/{key}", headers=headers)
            sent += 1
    text = path.read_text()
    assert len(text.splitlines()) >= sent
    assert {one["endpoint"] for one in lines(path)} == {*(x.name for x in ENDPOINTS), "none"}
    assert not [one for one in secrets if one in text]


def test_a_renamed_file_is_followed_by_a_new_one(tmp_path: Path) -> None:
    path, moved = tmp_path / "requests.log", tmp_path / "requests.log.1"
    with running(settings=replace(_DOCUMENTED, request_log=str(path))) as service:
        call(service, e.NAV)
        path.rename(moved)
        time.sleep(1.01)
        call(service, e.NAV)
        call(service, e.NAV)
        path.unlink()
        time.sleep(1.01)
        call(service, e.NAV)
    assert len(lines(moved)) == 1
    assert len(lines(path)) == 1


def workers_of(found: list[dict[str, Any]]) -> set[str]:
    """Return the parts of request ids that differ by worker."""
    return {one["request_id"].partition("-")[0] for one in found}


def test_lines_of_several_workers_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "requests.log"
    settings = replace(_DOCUMENTED, request_log=str(path))
    with running(settings=settings, workers=2) as service, ThreadPoolExecutor(8) as threads:
        sent = 0
        while True:
            list(threads.map(lambda _: call(service, e.NAV), range(150)))
            sent += 150
            if sent >= 6_000 or len(workers_of(lines(path))) == 2:
                break  # which worker accepts is by chance
    found = lines(path)
    assert len(found) == sent
    assert len(workers_of(found)) == 2


def exchange() -> Exchange:
    scope = {"type": "http", "method": "GET", "client": ("10.0.0.9", 1), "query_string": b"a=b"}
    return Exchange("1", scope, "/p", e.NAV)


def test_a_full_disk_is_logged_once_and_stops_nothing() -> None:
    log = logs.RequestLog("/dev/full")
    with logged() as stream:
        for _ in range(3):
            log(exchange())
    log.close()
    assert stream.getvalue().count("request log not written") == 1


def test_the_address_is_the_callers_or_the_connections() -> None:
    one = exchange()
    assert logs.address_of(one) == "10.0.0.9"
    one.caller = Caller(5, None, "203.0.113.7")
    assert logs.address_of(one) == "203.0.113.7"
    one.caller, one.scope["client"] = Caller(), None
    assert logs.address_of(one) == ""


def test_a_hyphen_is_standard_error(tmp_path: Path) -> None:
    with (tmp_path / "err").open("w") as file, redirect_stderr(file):
        log = logs.RequestLog("-")
        log(exchange())
        log.close()
        os.fstat(sys.stderr.fileno())  # is open
    [line] = lines(tmp_path / "err")
    assert (line["endpoint"], line["address"], line["mid"]) == (e.NAV.name, "10.0.0.9", None)


def test_a_file_that_cannot_be_opened_ends_the_start(tmp_path: Path) -> None:
    settings = replace(_DOCUMENTED, request_log=str(tmp_path / "missing" / "file"))
    with pytest.raises(FileNotFoundError), running(settings=settings):
        pass
