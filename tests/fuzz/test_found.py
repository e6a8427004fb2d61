"""What the fuzz targets found, where an input alone would not show it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.testing import RunningService, running
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.errors import ArchiveDamaged, SelectionError
from guanxi.toolbox.grouping import read_rules
from tests.fuzz.files import AN_ARCHIVE
from tests.service.bodies import MULTIPART, multipart, part
from tests.service.client import Answer, send


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running("open") as service:
        service.add_accounts(1)
        yield service


def administered(
    service: RunningService, method: str, path: str, body: bytes | None = None
) -> Answer:
    headers = {"Authorization": f"Bearer {service.admin_token}"}
    return send(service.admin_url or "", method, path, body=body, headers=headers)


def controlled(
    service: RunningService, method: str, path: str, body: bytes | None = None
) -> Answer:
    headers = {"Authorization": f"Bearer {service.emulator_token}"}
    return send(service.emulator_url, method, path, body=body, headers=headers)


def test_a_deep_cursor_of_the_administration(service: RunningService) -> None:
    cursor = urlsafe_b64encode(b"[" * 5_000).decode().rstrip("=")
    answer = administered(service, "GET", f"/accounts?after={cursor}")
    assert answer.status == 400
    assert "not a cursor" in answer.body["error"]


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("/stubs", b'{"method":"GET","path":"/x","body":'),
        ("/requests/assert", b'{"endpoint":"relation.stat","params":{"fid":'),
        ("/load", b'{"accounts":'),
    ],
)
def test_a_deep_body_of_the_emulator(path: str, start: bytes) -> None:
    """It was an HTTP 500."""
    with running("open") as service:
        answer = controlled(service, "POST", path, start + b"[" * 5_000)
    assert answer.status == 400
    assert "nested too deeply" in answer.body["error"] or "no row" in answer.body["error"]


def test_a_fault_with_a_number_of_5000_digits(service: RunningService) -> None:
    answer = controlled(service, "DELETE", "/faults/" + "9" * 5_000)
    assert (answer.status, answer.body["error"]) == (404, "no such number")


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("text/\x9b31m", b"x", "Content-Type: text/\\x9b31m is not accepted"),
        (
            MULTIPART["Content-Type"],
            multipart(part("\x1b]0;x\x07", "1", after="; filename=x")),
            "part \\x1b]0;x\\x07: a file is not accepted",
        ),
    ],
)
def test_a_reason_is_no_order_to_a_terminal(
    service: RunningService, kind: str, body: bytes, reason: str
) -> None:
    headers = {"Content-Type": kind}
    answer = send(service.base_url, "POST", "/x/relation/modify", body=body, headers=headers)
    assert answer.status == 415
    assert answer.reason.startswith(reason)


def test_every_kind_of_response_forbids_to_guess_its_type(service: RunningService) -> None:
    elsewhere = send(service.base_url, "GET", "/", headers={"Host": "evil.test"})
    answers = [
        send(service.base_url, "GET", "/"),
        elsewhere,
        administered(service, "GET", "/accounts"),
        administered(service, "GET", "/metrics"),
        administered(service, "GET", "/accounts/1/export"),
        administered(service, "GET", "/nowhere"),
        administered(service, "GET", "/accounts/1/"),  # no redirect to what Host names
        controlled(service, "GET", "/dump"),
        controlled(service, "GET", "/faults/"),
    ]
    statuses = [307, 421, 200, 200, 200, 404, 404, 200, 404]
    assert [one.status for one in answers] == statuses
    for one in answers:
        assert one.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"server", b"xerver"),  # no such name: a KeyError
        (b"meta", b"\x80eta"),  # SQLite's message is no text then
        (b"meta", b"beta"),  # no such table
        (b"mid1", b"midx"),  # no number
        (b"p.mid", b"p.\x80id"),  # a view of no column, whose name is no text
        (b"p.mid", b"p.mie"),  # a view of no column
        (b"body TEXT NOT NULL, ", b"bodi TEXT NOT NULL, "),  # a column that no view reads
    ],
)
def test_an_archive_with_another_content_is_damaged(
    before: bytes, after: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    assert before in AN_ARCHIVE
    path.write_bytes(AN_ARCHIVE.replace(before, after))
    with pytest.raises(ArchiveDamaged, match=r"a\.db"):
        Archive.open(path)
    with pytest.raises(ArchiveDamaged, match=r"a\.db"):
        Archive.create(path, Identity("127.0.0.1", 1))


@pytest.mark.parametrize("raw", [b"a = " + b"[" * 5_000, b"a = " + b"9" * 5_000, b"a = '\xff'"])
def test_rules_that_no_parser_reads(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(raw)
    with pytest.raises(SelectionError, match=r"rules\.toml"):
        read_rules(path)
