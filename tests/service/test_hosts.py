"""Requests for another host's name are refused, as after DNS rebinding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.contract.limits import DOCUMENTED
from guanxi.service.config import SettingError, Settings
from guanxi.service.configuration import load
from guanxi.testing import RunningService, running
from tests.service.client import send

OWN = ("127.0.0.1", "127.0.0.1:80", "localhost", "LOCALHOST.:1", "app.localhost", "[::1]:8000", "")
NAMES = ("api.bilibili.com", "space.bilibili.com:443")
FOREIGN = ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "a@localhost")
PATHS = ("/x/relation/stat?vmid=1", "/docs", "/healthz", "/nothing")


def status(base_url: str, path: str, host: str) -> int:
    return send(base_url, "GET", path, headers={"Host": host}).status


@pytest.mark.parametrize("path", PATHS)
def test_a_fixture_answers_to_its_own_and_the_documents_names(
    documented: RunningService, path: str
) -> None:
    for host in (*OWN, *NAMES):
        assert status(documented.base_url, path, host) != 421, host
    for host in FOREIGN:
        assert status(documented.base_url, path, host) == 421, host


def test_the_refusal_has_the_envelope(documented: RunningService) -> None:
    answer = send(documented.base_url, "GET", PATHS[0], headers={"Host": "evil.example"})
    assert (answer.status, answer.code, answer.message) == (421, -400, "请求错误")
    assert answer.reason == "host: not a name of this service; its setting allowed_hosts has those"
    assert b"evil" not in answer.raw


@pytest.fixture(scope="module", params=[1, 2])
def named(request: pytest.FixtureRequest) -> Iterator[RunningService]:
    with running(
        settings=Settings(profile=DOCUMENTED, allowed_hosts=("guanxi.example",)),
        workers=request.param,
    ) as service:
        yield service


def test_the_administration_answers_to_its_own_names_alone(named: RunningService) -> None:
    bearer = {"Authorization": f"Bearer {named.admin_token}"}
    for host in (*OWN, "guanxi.example"):
        headers = {"Host": host, **bearer}
        assert send(named.admin_url, "GET", "/metrics", headers=headers).status == 200, host
    for host in (*FOREIGN, *NAMES):
        answer = send(named.admin_url, "GET", "/metrics", headers={"Host": host, **bearer})
        assert answer.status == 421, host
        assert "allowed_hosts" in answer.body["error"]


def test_a_service_with_allowed_hosts_answers_to_these(named: RunningService) -> None:
    for host in (*OWN, "guanxi.example", "guanxi.example:443"):
        assert status(named.base_url, PATHS[0], host) == 200, host
    for host in (*FOREIGN, *NAMES):
        assert status(named.base_url, PATHS[0], host) == 421, host


def test_a_service_without_allowed_hosts_answers_to_every_name() -> None:
    with running(settings=Settings(profile=DOCUMENTED)) as service:
        for host in (*OWN, *NAMES, *FOREIGN):
            assert status(service.base_url, PATHS[0], host) == 200, host
        bearer = {"Authorization": f"Bearer {service.admin_token}", "Host": FOREIGN[0]}
        assert send(service.admin_url, "GET", "/metrics", headers=bearer).status == 421


def test_the_names_are_read_from_file_or_environment(tmp_path: Path) -> None:
    file = tmp_path / "guanxi.toml"
    file.write_text('allowed_hosts = ["a.example", "b.example"]\n')
    assert load(file=file, environ={}).allowed_hosts == ("a.example", "b.example")
    environ = {"GUANXI_ALLOWED_HOSTS": "c.example, d.example,"}
    assert load(environ=environ).allowed_hosts == ("c.example", "d.example")
    assert load(file=file, environ=environ).allowed_hosts == ("a.example", "b.example")


@pytest.mark.parametrize(
    "name", ["A.example", "a.example:80", "http://a.example", "*.a.example", "a..b"]
)
def test_an_unfit_name_is_an_error(name: str) -> None:
    with pytest.raises(SettingError, match=f"allowed_hosts: .*{re.escape(name)}"):
        load(environ={"GUANXI_ALLOWED_HOSTS": name})
