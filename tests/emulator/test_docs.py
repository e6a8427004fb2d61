"""docs/testing.md: its examples run, and its tables have what the code has."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from guanxi.emulator.faults import BODIES, DROPS, Fault
from guanxi.emulator.stories import STORIES
from guanxi.emulator.targets import Pattern
from tests.docs.examples import ROOT, blocks

pytest_plugins = ["pytester"]

PAGE = "docs/testing.md"
TEXT = (ROOT / PAGE).read_text("utf-8")


def example(name: str) -> str:
    """Return the program that the page saves under a name."""
    [text] = [text for _, text in blocks(PAGE) if text.startswith(f"# {name}\n")]
    return text


@pytest.fixture
def installed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder for tests, where guanxi's entry points are installed as pip does it."""
    info = pytester.mkdir("site") / "guanxi_installed-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guanxi-installed\nVersion: 1\n")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    [entry] = re.findall(r"^\[project\.entry-points\.pytest11\]\n(.*)$", project, re.M)
    (info / "entry_points.txt").write_text("[pytest11]\n" + entry.replace('"', "") + "\n")
    path = f"{info.parent}:{ROOT / 'src'}"
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    return pytester


def run(folder: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return folder.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def test_a_first_passing_and_a_first_failing_test(installed: pytest.Pytester) -> None:
    for name in ("test_follow.py", "test_refused.py"):
        installed.path.joinpath(name).write_text(example(name))
    result = run(installed)
    result.assert_outcomes(passed=1, failed=1)
    [shown] = [text for tag, text in blocks(PAGE) if tag == "text" and "RequestIntercepted" in text]
    assert f"E   {shown.rstrip()}" in re.sub(r"E  +", "E   ", result.stdout.str())


_LAZY = """
import sys


def test_the_service_is_not_imported():
    assert "guanxi.testing" in sys.modules
    assert not {"apsw", "uvicorn", "guanxi.service"} & sys.modules.keys()
"""

_AS_NEW = """
import pytest

addresses = set()


@pytest.mark.parametrize("number", range(3))
def test_it_is_as_new(guanxi_service, number):
    addresses.add(guanxi_service.base_url)
    assert len(addresses) == 1
    assert guanxi_service.requests == []
    assert guanxi_service.do(lambda store: store.account(1)) is None
    guanxi_service.add_accounts(1)
    guanxi_service.sign_in(1)
    guanxi_service.import_edges([(1, 2)])
    guanxi_service.fault(code=-352)
    guanxi_service.story("flaky")
    guanxi_service.answer("GET", "/x", {})
    guanxi_service.at(1)
"""


def test_the_plugin(installed: pytest.Pytester) -> None:
    """It is lazy, may be named by a conftest, and gives each test the service as it was."""
    installed.makeconftest('pytest_plugins = ["guanxi.testing"]')
    for name, text in (("test_1_lazy.py", _LAZY), ("test_2_as_new.py", _AS_NEW)):
        installed.path.joinpath(name).write_text(text)
    run(installed, "-W", "error", "-p", "no:randomly").assert_outcomes(passed=4)


def test_the_example_with_unittest(tmp_path: Path) -> None:
    [text] = [text for _, text in blocks(PAGE) if text.startswith("# test_unittest.py")]
    (tmp_path / "test_with_unittest.py").write_text(text)
    ended = subprocess.run(
        [sys.executable, "-m", "unittest", "test_with_unittest"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Ran 1 test" in ended.stderr
    assert ended.returncode == 0, ended.stderr


def test_the_table_of_stories_is_complete() -> None:
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", TEXT, re.M))
    assert {name: rows.get(name) for name in STORIES} == {
        story.name: str(story.what) for story in STORIES.values()
    }


def test_the_tables_of_faults_are_complete() -> None:
    cells = " ".join(re.findall(r"^\| (.*?) \| ", TEXT, re.M))
    fields = set(Fault.__struct_fields__) - {"endpoint"}
    assert {name for name in fields if not re.search(rf"\b{name}=", cells)} == set()
    for drop in DROPS:
        assert f'drop="{drop}"' in cells
    for body in BODIES:
        assert f'body="{body}"' in cells


def test_the_patterns_of_the_table_are_patterns() -> None:
    table = TEXT.partition("| pattern | requests |")[2].partition("\n\n")[0]
    patterns = re.findall(r"`([^`]+)`", table)
    assert len(patterns) == 8
    for pattern in patterns:
        Pattern(pattern)
