"""The long work of the console over HTTP: imports, exports, backups and checks."""

from __future__ import annotations

import gzip
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from guanxi.accounts.administrators import AuditEntry, Scope
from guanxi.console.operator.tasks import Check, Checked, Message, Order, Progress
from guanxi.graph.lists import Listing, Sort, Window
from tests.console.operated import Operated, on_both_long
from tests.console.test_console_pages import HOSTILE
from tests.console.visitor import Visitor

EDGES = b"src,dst,when\n1,2,1700000000\n2,1,1700000001\nx,1,5\n1,3,1700000002\n"
#: The heading of an import that has ended, before its name.
IMPORTED = '<h2 id="last">Import of '
COLUMNS = {"column.follower": "src", "column.followed": "dst", "column.time": "when"}


def until(visitor: Visitor, path: str, text: str) -> str:
    """Visit a page until it has a text; fail after 30 seconds."""
    end = time.monotonic() + 30
    while text not in visitor.visit(path):
        assert time.monotonic() < end, visitor.page
    return visitor.page


def uploaded(visitor: Visitor, name: str, content: bytes, **fields: str) -> str:
    """Upload a file; return the path of its page, once it was looked at."""
    visitor.visit("/console/import")
    visitor.upload("Upload and preview", name, content, **fields)
    until(visitor, visitor.path, "Preview again")
    return visitor.path


def audited(service: Operated) -> list[AuditEntry]:
    return service.do(lambda store: store.audit(50))


@on_both_long
def test_a_file_is_looked_at_and_then_imported(service: Operated) -> None:
    visitor = service.visitor(service.token("anna", *Scope))
    path = uploaded(visitor, "edges.csv", EDGES, what="edges")
    assert "Choose which column is follower and which is followed" in visitor.page
    visitor.submit("Preview again", **COLUMNS)
    page = until(visitor, path, "What the import would do")
    assert "<b>4</b>read" in page
    assert "<b>3</b>new" in page
    assert '<td class="num right">4</td>' in page, "the line that is wrong, by its number"
    assert "is not an account id" in page
    assert "so nothing is imported" in visitor.submit("Import")
    assert "Nothing was imported" in visitor.submit("Import")
    assert service.do(lambda store: store.accounts_of([1])) == {}
    visitor.visit(path)
    visitor.submit("Import", skip_bad="1")
    page = until(visitor, "/console/import", IMPORTED + "edges.csv")
    assert "<b>3</b>new" in page
    found = service.do(lambda s: s.page(Listing.FOLLOWINGS, 1, Sort.NEWEST, Window(0, 9)))
    assert [row.mid for row in found.rows] == [3, 2]
    entry = audited(service)[0]
    assert (entry.who, entry.what, entry.status) == ("anna", "import edges", 200)
    assert entry.detail == "read 4, new 3, refused 1"
    assert visitor.send("GET", path).status == 404, "it was imported, and is deleted"


def test_what_was_not_looked_at_is_not_imported(service: Operated) -> None:
    visitor, hostile = service.visitor(), HOSTILE.replace('"', "'")
    content = f"mid,name,<img>\n900,nine,{hostile}\n{hostile},x,\n".encode()
    path = uploaded(visitor, hostile, content, what="accounts")
    for page in (visitor.page, visitor.visit("/console/import"), visitor.visit(path)):
        assert "<img" not in page
        assert "&lt;img" in page
        assert not {"\u202e", "\u0007"} & {*re.sub(r' value="[^"]*"', "", page)}
    page = visitor.submit("Import", skip_bad="1", **{"column.name": "mid"})
    assert "look at the new preview first" in page
    assert service.do(lambda store: store.accounts_of([900])) == {}
    page = until(visitor, path, "Preview again")
    assert '<option value="mid" selected>' in page, "the column that was chosen"


@pytest.mark.long
def test_content_is_imported_whole_or_not_at_all(service: Operated) -> None:
    service.add({910: "十"})
    visitor = service.visitor()
    line = b'{"owner": %d, "kind": "notice", "document": {"text": "hi"}}\n'
    path = uploaded(visitor, "c.jsonl", line % 910 + line % 911, what="content")
    assert "there is no account 911" in visitor.page
    assert 'value="run"' not in visitor.page
    uploaded(visitor, "c.jsonl", line % 910, what="content")
    visitor.submit("Import")
    until(visitor, "/console/import", IMPORTED + "c.jsonl")
    assert path != visitor.path


@on_both_long
def test_export_what_an_import_reads_back(service: Operated) -> None:
    service.add({920: "甲", 921: "乙"}, (920, 921))
    visitor = service.visitor()
    visitor.visit("/console/copies")
    visitor.submit("Export", what="edges", form=".csv.gz")
    page = until(visitor, "/console/copies", "Export of relations: done")
    name = page.partition("/copies/edges-")[2].partition('"')[0]
    answer = visitor.send("GET", f"/console/copies/edges-{name}")
    assert b"\n920,921," in gzip.decompress(answer.raw)
    assert "attachment" in answer.headers["content-disposition"]
    assert [(one.what, one.status) for one in audited(service)[:2]] == [
        ("GET /copies/{name}", 200),
        ("export edges", 200),
    ]
    assert "No file yet" in visitor.submit(f"Delete edges-{name}")


def test_back_up_and_open_the_copy(service: Operated, tmp_path: Path) -> None:
    service.add({930: "备"})
    visitor = service.visitor()
    assert "No backup is known" in visitor.visit("/console/")
    visitor.visit("/console/copies")
    visitor.submit("Make a backup")
    page = until(visitor, "/console/copies", "Backup: done")
    name = page.partition("/copies/backup-")[2].partition('"')[0]
    folder = Path(f"{service.store}.console")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / f"backup-{name}").stat().st_mode & 0o777 == 0o600
    answer = visitor.send("GET", f"/console/copies/backup-{name}")
    (tmp_path / "copy.db").write_bytes(answer.raw)
    copy = service._replace(store=str(tmp_path / "copy.db"))
    assert 930 in copy.do(lambda store: store.cards([930]))
    assert service.do(lambda store: store.info()).backed_up is not None
    until(visitor, "/console/", "last backup</dt><dd><time")
    assert "No backup is known" not in visitor.page
    for other in ("..%2fstore.db", "store.db", ".", "backup-20260101-000000.db"):
        assert visitor.send("GET", f"/console/copies/{other}").status == 404, other
    reader = service.visitor(service.token("reading", Scope.READ))
    assert reader.send("GET", f"/console/copies/backup-{name}").status == 403
    assert "download>" not in reader.visit("/console/copies")


def test_a_token_that_reads_starts_nothing(service: Operated) -> None:
    reader = service.visitor(service.token("looker", Scope.READ))
    reader.visit("/console/copies")
    body = f"_csrf={reader.form('Sign out').fields['_csrf']}&what=edges&form=.csv".encode()
    for path in ("copies/export", "copies/backup", "check", "jobs/stop", "import"):
        answer = reader.send("POST", f"/console/{path}", body, Origin=service.admin_url)
        assert answer.status == 403, path


def held(service: Operated, begin: Callable[[], object]) -> int:
    """Begin work, and stop its process as soon as there is one; return its id."""
    with ThreadPoolExecutor() as thread:
        begun, end = thread.submit(begin), time.monotonic() + 30
        while not (found := _workers(service.pid)):
            assert time.monotonic() < end
        os.kill(found[0], signal.SIGSTOP)
        begun.result()
    return found[0]


def _workers(parent: int) -> list[int]:
    """Return the processes of work: a child before its ``exec`` would stop its parent as well."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text("utf-8", "replace").rpartition(") ")[2].split()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(status[1]) == parent and b"operator.worker" in command:
            found.append(int(folder.name))
    return found


def test_work_can_be_left_and_stopped(service: Operated) -> None:
    visitor = service.visitor()
    visitor.visit("/console/check")
    process = held(service, lambda: visitor.submit("Start a check"))
    try:
        assert "Starting…" in visitor.visit("/console/check")
        assert 'Under way: <a href="./check">Check</a>' in visitor.visit("/console/")
        assert "Make a backup" not in visitor.visit("/console/copies")
        other = service.visitor()
        other.visit("/console/check")
        fields = f"_csrf={other.form('Sign out').fields['_csrf']}".encode()
        other.send("POST", "/console/copies/backup", fields, Origin=service.admin_url)
        assert "wait for this to end first: Check" in other.visit("/console/copies")
        visitor.visit("/console/check")
        visitor.submit("Stop")
    finally:
        os.kill(process, signal.SIGCONT)
    page = until(visitor, "/console/check", "It was stopped")
    assert "Start a check" in page
    assert (audited(service)[0].what, audited(service)[0].status) == ("check", None)


@pytest.mark.long
def test_a_check_says_what_it_looks_at_and_how_much_is_done(service: Operated) -> None:
    order = msgspec.json.encode(Order(service.store, Check())) + b"\n"
    command = [sys.executable, "-m", "guanxi.console.operator.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order)
        process.stdin.flush()
        *progress, ended = msgspec.json.Decoder(Message).decode_lines(process.stdout.read())
    assert ended == Checked()
    assert len(progress) > 10
    shares = [one.done for one in progress if isinstance(one, Progress)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1] > 90) == (0, True)
    assert {one.total for one in progress if isinstance(one, Progress)} == {100}
