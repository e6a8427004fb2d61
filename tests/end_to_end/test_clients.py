"""Real HTTP clients against the service: curl, requests, Node's fetch and Java's HttpClient."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from guanxi.testing import RunningService, running
from tools.clients import __main__ as script
from tools.clients import checks
from tools.clients.checks import Session, results
from tools.clients.programs import Client, clients
from tools.clients.rows import ROWS, Row


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running("documented") as service:
        service.add_accounts(1)
        yield service


@pytest.mark.parametrize("client", clients(), ids=lambda client: client.title)
def test_a_client_is_answered_rightly(client: Client, service: RunningService) -> None:
    if client.missing:
        pytest.skip(client.missing)
    caller = service.sign_in(1)
    session = Session(service.base_url, caller.sessdata, caller.bili_jct)
    found = list(results(client, session))
    assert [one.request for one in found] == [
        row.title for row in ROWS if client.sends_raw or not row.raw
    ]
    assert [one for one in found if not one.is_right] == []


def test_the_script_shows_what_is_wrong(
    service: RunningService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    curl = next(client for client in clients() if client.title == "curl")
    if curl.missing:
        pytest.skip(curl.missing)
    caller = service.sign_in(1)
    absent = Client("absent", "absent is missing", curl.start)
    right = Row("right", "GET", "/x/web-interface/nav")
    wrong = [
        right._replace(title="wrong code", code=1),
        right._replace(title="wrong status", status=404),
        right._replace(title="a body", code=None),
        right._replace(title="no envelope", path="/docs"),
    ]
    monkeypatch.setattr(script, "clients", lambda: [absent, curl])
    monkeypatch.setattr(checks, "ROWS", [right, *wrong])
    options = ["--base-url", service.base_url, "--sessdata", caller.sessdata]
    monkeypatch.setattr(sys, "argv", ["clients", *options, "--bili-jct", caller.bili_jct])
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 1
    skipped, *lines = capsys.readouterr().out.splitlines()
    assert "absent is missing: skipped" in skipped
    assert ["WRONG" in line for line in lines] == [False, *[True] * len(wrong)]
