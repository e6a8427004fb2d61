"""A marked test must name entries of the documents, and must use them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAD = """
import pytest
from guanxi import SyncClient, CannotTargetSelf, user
from guanxi.testing import running
from guanxi.user import AudioOrder, Credential, User, sync

holds = pytest.mark.holds

@pytest.fixture
def service(monkeypatch):
    with running() as service:
        service.add_accounts(1, 2)
        monkeypatch.setenv("GUANXI_BASE_URL", service.base_url)
        yield service

@pytest.fixture
def relation(service):
    session = service.sign_in(1)
    credential = Credential(session.sessdata, session.bili_jct)
    with SyncClient(base_url=service.base_url, credential=credential) as client:
        yield client.relation
"""
USED = """
@holds("relation.friends")
def test_an_endpoint(relation):
    relation.friends()

@holds("RelationItem")
def test_an_object(relation):
    relation.followings(1)

@holds("relation.modify", aspect="codes")
def test_a_refused_request(relation):
    with pytest.raises(CannotTargetSelf):
        relation.follow(1)

@holds("User", "User.get_audios", "AudioOrder")
def test_a_class_a_method_and_an_enum(service):
    sync(User(1).get_audios(AudioOrder.VIEW))

@holds("AudioOrder")
@pytest.mark.parametrize("order", AudioOrder)
def test_each_member(order, service):
    sync(User(1).get_audios(order))

@holds(each="name")
@pytest.mark.parametrize("name", ["relation.groups", "web.buvid"])
def test_each(name, relation):
    relation.groups()

@holds("User.get_album", aspect="arguments")
def test_a_signature():
    pass

@holds("relation.friends")
def test_skipped():
    pytest.skip("not here")
"""
#: Marks, and a test that does not use what they name.
UNUSED = [
    ('@holds("relation.blacks")', "relation.friends()", "relation.blacks"),
    ('@holds("relation.friends", "relation.blacks")', "relation.friends()", "relation.blacks"),
    ('@holds("relation.modify")', "pytest.raises(CannotTargetSelf, relation.follow, 1)", "modify"),
    ('@holds("Relation")', "relation.friends()", "Relation"),
    ('@holds("User.get_audios")', "User(1).get_audios", "User.get_audios"),
    ('@holds("AudioOrder")', "sync(User(1).get_audios())", "AudioOrder"),
    ('@holds("AudioOrder")', "print(AudioOrder.VIEW)", "AudioOrder"),
    (
        '@holds("relation.friends")\n@holds("relation.blacks", aspect="codes")',
        "relation.friends()",
        "relation.blacks",
    ),
]
#: Marks that name no entry, and what is reported.
WRONG = [
    ('@holds("relation.friend")', "'relation.friend'"),
    ('@holds("web.buvid")', "'web.buvid'"),  # in no document
    ('@holds("relation.friends", aspect="speed")', "speed"),
    (
        '@holds(each="name")\n@pytest.mark.parametrize("name", ["relation.friend"])',
        "'relation.friend'",
    ),
]


def run(folder: Path, tests: str) -> tuple[int, str]:
    """Run tests with the plugin; return pytest's status and its output."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    holds\n")
    (folder / "test_it.py").write_text(HEAD + tests)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.holding", "test_it.py"],
        check=False,
        cwd=folder,
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(str(Path(path).resolve()) for path in paths),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_tests_that_use_what_they_hold_pass(tmp_path: Path) -> None:
    status, output = run(tmp_path, USED)
    assert status == 0, output
    assert "10 passed, 1 skipped" in output


def test_tests_that_do_not_use_what_they_hold_fail(tmp_path: Path) -> None:
    tests = [
        f"\n{marks}\ndef test_{number}(service, relation, name=None):\n    {line}\n"
        for number, (marks, line, _) in enumerate(UNUSED)
    ]
    status, output = run(tmp_path, "".join(tests))
    assert status == 1, output
    assert f"{len(UNUSED)} failed in" in output
    reports = [line for line in output.splitlines() if line.startswith("the test holds, but")]
    assert len(reports) == len(UNUSED)
    for report, (_, _, unused) in zip(reports, UNUSED, strict=True):
        assert report.endswith(unused), report


def test_a_failure_of_the_test_itself_is_reported(tmp_path: Path) -> None:
    test = '\n@holds("relation.friends")\ndef test_it():\n    assert 1 == 2\n'
    status, output = run(tmp_path, test)
    assert status == 1, output
    assert "assert 1 == 2" in output
    assert "the test holds" not in output


@pytest.mark.parametrize(("marks", "reported"), WRONG)
def test_a_mark_without_an_entry_ends_the_run(marks: str, reported: str, tmp_path: Path) -> None:
    argument = "name" if "each" in marks else ""
    status, output = run(tmp_path, f"\n{marks}\ndef test_it({argument}):\n    pass\n")
    assert status == 4, output
    assert reported in output
    assert "passed" not in output
