"""The proxy for clients with fixed hosts: unpatched clients, by their own settings."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from guanxi.contract import endpoints as e
from guanxi.contract.endpoint import Host
from guanxi.emulator import authority
from guanxi.testing import RunningService, running
from tests.cli.test_demo_emulator import demo

ROOT = Path(__file__).parents[2]
STRANGER = ROOT / ".venv-stranger" / "bin" / "python"
SUITES = Path(__file__).parent / "suites"

stranger = [
    pytest.mark.stranger,
    pytest.mark.skipif(
        not STRANGER.exists() and "CI" not in os.environ,
        reason="no .venv-stranger: `make stranger` makes it",
    ),
]

_REQUESTS = """
import sys
import requests

for host in sys.argv[2:]:
    url = f"https://{host}/x/web-interface/nav"
    response = requests.get(url, cookies={"SESSDATA": sys.argv[1]})
    print(host, response.json()["data"]["mid"])
"""
_URLLIB = """
import json, sys
from urllib.request import Request, urlopen

for host in sys.argv[2:]:
    url = f"https://{host}/x/web-interface/nav"
    with urlopen(Request(url, headers={"Cookie": f"SESSDATA={sys.argv[1]}"})) as response:
        print(host, json.load(response)["data"]["mid"])
"""
_HTTPX = """
import sys
import httpx

with httpx.Client(cookies={"SESSDATA": sys.argv[1]}) as client:
    for host in sys.argv[2:]:
        print(host, client.get(f"https://{host}/x/web-interface/nav").json()["data"]["mid"])
"""
_AIOHTTP = """
import asyncio, sys
import aiohttp


async def main():
    async with aiohttp.ClientSession(trust_env=True, cookies={"SESSDATA": sys.argv[1]}) as client:
        for host in sys.argv[2:]:
            async with client.get(f"https://{host}/x/web-interface/nav") as response:
                print(host, (await response.json())["data"]["mid"])


asyncio.run(main())
"""


def environment(service: RunningService) -> dict[str, str]:
    file = str(service.proxy.authority)
    return os.environ | {
        "HTTPS_PROXY": service.proxy.url,
        "https_proxy": service.proxy.url,
        "REQUESTS_CA_BUNDLE": file,
        "SSL_CERT_FILE": file,
        "CURL_CA_BUNDLE": file,
        "NO_PROXY": "",
        "no_proxy": "",
    }


def connect(service: RunningService, head: bytes) -> bytes:
    """Send the head of a request to the proxy; return the beginning of its response."""
    address = urlsplit(service.proxy.url)
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=30) as one:
        one.sendall(head)
        return one.recv(4096)


@pytest.mark.parametrize(
    ("python", "program"),
    [
        pytest.param(sys.executable, _REQUESTS, id="requests"),
        pytest.param(sys.executable, _URLLIB, id="urllib"),
        pytest.param(STRANGER, _HTTPX, id="httpx", marks=[*stranger, pytest.mark.long]),
        pytest.param(STRANGER, _AIOHTTP, id="aiohttp", marks=[*stranger, pytest.mark.long]),
    ],
)
def test_a_library_by_its_own_settings(
    service: RunningService, python: str | Path, program: str
) -> None:
    session = service.sign_in(1)
    hosts = [host.value for host in Host]
    ended = subprocess.run(
        [str(python), "-c", program, session.sessdata, *hosts],
        env=environment(service),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == [text for host in hosts for text in (host, "1")]
    service.assert_called("web.nav", times=len(hosts), by=1)


def test_curl_by_its_own_settings(service: RunningService) -> None:
    session = service.sign_in(1)
    service.fault("relation.modify", code=-352, times=1)
    form = f"fid=2&act=1&re_src=11&csrf={session.bili_jct}"
    command = ["curl", "-sS", "-b", session.cookie, "-d", form]
    url = f"https://{Host.API.value}{e.MODIFY.path}"
    codes = []
    for _ in range(2):
        ended = subprocess.run(
            [*command, url],
            env=environment(service),
            capture_output=True,
            timeout=60,
            check=True,
        )
        codes.append(json.loads(ended.stdout)["code"])
    assert codes == [-352, 0]


def run_stranger(client: str, variables: dict[str, str], given: dict[str, object]) -> Any:
    ended = subprocess.run(
        [str(STRANGER), str(SUITES / "stranger.py")],
        input=json.dumps({"client": client, **given}),
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize(
    "client",
    [
        pytest.param("httpx", marks=stranger),
        pytest.param("aiohttp", marks=[*stranger, pytest.mark.long]),
    ],
)
def test_a_client_that_nobody_here_wrote(service: RunningService, client: str) -> None:
    session = service.sign_in(1)
    service.fault("relation.modify", code=-352, times=1)
    service.fault("relation.stat", status=502, after=1)
    given = {"sessdata": session.sessdata, "bili_jct": session.bili_jct, "mid": 1, "other": 2}
    results = run_stranger(client, environment(service), given)
    assert results["refused"] == -352
    assert [row["mid"] for row in results["followings"]["list"]] == [2]
    assert results["stat"]["following"] == 1
    [group] = [row for row in service.do(lambda store: store.groups(1)) if row.name == "代理"]
    assert results["created"] == {"tagid": group.id}
    assert results["page"] == "HTTP 502"
    service.assert_called("relation.modify", times=2, by=1, fid=2, act=1)
    service.assert_all_answered()


@pytest.mark.long
@pytest.mark.stranger
@stranger[1]
def test_the_same_client_and_a_demo() -> None:
    fault = "relation.modify:-352x1"
    with demo("--proxy", "0", "--fault", fault, "--fault", "relation.stat:http502+1") as facts:
        variables = os.environ | {
            "HTTPS_PROXY": facts["proxy_url"],
            "SSL_CERT_FILE": facts["authority"],
        }
        given = {name: facts[name] for name in ("sessdata", "bili_jct", "mid")}
        results = run_stranger("httpx", variables, {**given, "other": 3})
    assert results["refused"] == -352
    assert 3 in [row["mid"] for row in results["followings"]["list"]]
    assert results["page"] == "HTTP 502"


@pytest.mark.parametrize(
    "head",
    [
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        b"CONNECT api.bilibili.com:80 HTTP/1.1\r\n\r\n",
        b"CONNECT evil.api.bilibili.com:443 HTTP/1.1\r\n\r\n",
        b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n\r\n",
        b"GET http://api.bilibili.com/x/web-interface/nav HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
def test_everything_else_is_refused(service: RunningService, head: bytes) -> None:
    answer = connect(service, head)
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert answer.endswith(b"only CONNECT to the documents' hosts and port 443")
    assert service.requests == []


def test_a_client_that_does_not_trust_the_authority_refuses(service: RunningService) -> None:
    variables = environment(service)
    ended = subprocess.run(
        ["curl", "-sS", f"https://{Host.API.value}{e.NAV.path}"],
        env=variables | {"SSL_CERT_FILE": "", "CURL_CA_BUNDLE": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 60, ended.stderr


def test_the_authority_ends_with_the_service() -> None:
    with running() as one, running() as other:
        files = [one.proxy.authority, other.proxy.authority]
        assert files[0].read_bytes() != files[1].read_bytes()
        assert "PRIVATE" not in files[0].read_text()
        assert one.proxy is one.proxy
    assert not any(map(Path.exists, files))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'guanxi\[testing\]'"):
        authority.identity(["api.bilibili.com"])
