"""The Dockerfile, without a container engine: its lines are parsed, and its steps are run.

The steps that build and install guanxi run in a temporary folder in place of the image's folders.
Those that download are not run: their packages are those of the environment of the tests.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.cli.runner import ENGLISH

ROOT = Path(__file__).parents[2]
_UID = 10001


class Step(NamedTuple):
    """An instruction of a Dockerfile, and the number of its stage, from 0."""

    stage: int
    name: str
    text: str


def steps() -> list[Step]:
    """Return the instructions of the Dockerfile; those before the first FROM are of stage -1."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "deploy" / "Dockerfile").read_text("utf-8"))
    found, stage = [], -1
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        name, _, rest = line.partition(" ")
        stage += name == "FROM"
        found.append(Step(stage, name, rest))
    return found


def of(name: str, stage: int = 1) -> list[str]:
    return [step.text for step in steps() if step.name == name and step.stage == stage]


def only(name: str) -> str:
    [text] = of(name)
    return text


def test_every_instruction_is_one_of_docker() -> None:
    known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "USER", "EXPOSE"}
    known |= {"STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {step.name for step in steps()} <= known
    assert of("FROM", 0) == ["${BASE} AS build"]
    assert of("FROM", 1) == ["${BASE}"]
    assert re.fullmatch(r"BASE=python:3\.\d+-slim-[a-z]+", of("ARG", -1)[0])


def test_the_result_has_what_was_built_and_nothing_else() -> None:
    assert of("COPY") == ["--from=build /opt/guanxi /opt/guanxi"]
    assert of("RUN") == ["install -d -m 0700 -o 10001 -g 10001 /data"]
    assert only("USER") == f"{_UID}:{_UID}", "a number, which Kubernetes can compare with root's"
    assert only("VOLUME") == "/data"
    assert "apt" not in " ".join(of("RUN", 0) + of("RUN", 1)), "no compiler anywhere"
    pip = [run for run in of("RUN", 0) if "pip install" in run or "pip wheel" in run]
    for run in pip:
        downloads = "--require-hashes" in run and "--only-binary :all:" in run
        assert downloads or "--no-index" in run, run


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert ignored[1] == "*"
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    for copied in of("COPY", 0):
        for source in copied.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in allowed, source


def blocks(lock: str) -> dict[str, list[str]]:
    """Return the requirements of a lock file by name, with their hashes."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in (ROOT / "requirements" / lock).read_text("utf-8").splitlines():
        if re.match(r"[a-z0-9]", line):
            name = line.partition("=")[0]
        if name and not line.strip().startswith("#"):
            found.setdefault(name, []).append(line)
    return found


def needed(*roots: str) -> set[str]:
    """Return the names of the packages that some requirements need, here."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(root) for root in roots]
    while waiting:
        one = waiting.pop()
        name, extras = canonicalize_name(one.name), frozenset(one.extras)
        if (name, extras) in found:
            continue
        found.add((name, extras))
        for text in importlib.metadata.requires(name) or ():
            inner = Requirement(text)
            if inner.marker is None or any(
                inner.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            ):
                waiting.append(inner)
    return {name for name, _ in found} - {"guanxi"}


@pytest.mark.parametrize(
    ("lock", "roots"),
    [
        ("image.lock", ["guanxi[service,files,postgres]"]),
        ("build.lock", ["hatchling"]),
    ],
)
def test_the_image_has_the_tested_versions(lock: str, roots: list[str]) -> None:
    image, tested = blocks(lock), blocks("dev.lock")
    assert image.keys() >= needed(*roots)
    for name, lines in image.items():
        assert lines == tested[name], name


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the steps were run, as if it were the image's root."""
    root = tmp_path_factory.mktemp("image")
    root.chmod(0o755)
    build = root / "build"
    for copied in of("COPY", 0):
        *sources, target = copied.split()
        for source in sources:
            if (ROOT / source).is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, build / target, ignore=ignore)
            else:
                place = build / target / Path(source).name if target != "./" else build / source
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, place)
    packages = sysconfig.get_path("purelib")
    for run in of("RUN", 0):
        command = re.sub(r"(?<![\w.])/(venv|opt|wheels)\b", rf"{root}/\1", run)
        if "--require-hashes" in command:  # no download: the packages of this environment
            venv = command.partition(" && ")[0].split()[-1]
            command = f"{sys.executable} -m venv --without-pip {venv}"
        subprocess.run(["sh", "-ec", command], cwd=build, check=True, capture_output=True)
        if "-m venv" in command:
            [site] = Path(command.split()[-1]).glob("lib/python*/site-packages")
            # Only added to the path: a .pth in it, such as guanxi's own, has no effect.
            (site / "environment.pth").write_text(packages + "\n")
    return root


@pytest.mark.long
def test_the_wheel_is_for_every_machine(built: Path) -> None:
    [wheel] = (built / "wheels").iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "guanxi/py.typed" in names
    assert not [name for name in names if name.endswith(".pyc")]


def health(program: Path, address: str) -> int:
    """Return the status of the image's health check, for another address than the image's."""
    command = json.loads(only("HEALTHCHECK").partition("CMD ")[2])
    assert command == ["guanxi", "health", "127.0.0.1:8000"]
    argv = [str(program), *command[1:-1], address]
    return subprocess.run(argv, check=False, capture_output=True).returncode


@pytest.mark.long
def test_the_image_serves_as_another_user_from_a_tree_that_it_cannot_write(built: Path) -> None:
    """In a namespace in which this user is the image's, without a capability."""
    into = ["unshare", "--user", f"--map-user={_UID}", f"--map-group={_UID}"]
    if shutil.which("unshare") is None or subprocess.run([*into, "true"], check=False).returncode:
        pytest.skip("this user may not make a namespace")
    program, data = built / "opt" / "guanxi" / "bin" / "guanxi", built / "data"
    data.mkdir(mode=0o700)
    environment = dict(pair.split("=", 1) for pair in shlex.split(only("ENV")))
    environment |= {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "GUANXI_STORE": str(data / "guanxi.db"),
        "GUANXI_HOST": "127.0.0.1",
        "GUANXI_PORT": "0",
        "TMPDIR": str(built / "opt"),
        **ENGLISH,
    }
    before = sorted(built.glob("opt/**/*"))
    for path in [built / "opt", *before]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o555)
    command = [*json.loads(only("ENTRYPOINT")), *json.loads(only("CMD"))]
    tried = f"import os; assert os.getuid() == {_UID}; open({str(built / 'opt' / 'x')!r}, 'w')"
    refused = subprocess.run(
        [*into, sys.executable, "-c", tried], check=False, capture_output=True, text=True
    )
    assert "Permission denied" in refused.stderr
    with subprocess.Popen(
        [*into, *command], env=environment, cwd=data, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
            found = re.search(r"http://([\d.:]+)", first)
            assert found is not None, first
            assert health(program, found[1]) == 0
        finally:
            process.send_signal(getattr(signal, only("STOPSIGNAL")))
            process.wait(20)
    assert process.returncode == 0
    assert health(program, found[1]) == 1
    assert sorted(built.glob("opt/**/*")) == before
