"""Look at a release before anybody gets it: `make release-check`, in full with `ARGS=--full`.

The version and CHANGELOG fit; two builds are the same bytes; twine accepts them; and the wheel
alone, in new environments, does what each extra promises (tools/smoke.py). In full that is every
supported Python that is here, the lowest versions of the direct dependencies too, and mypy and
pyright on a program that uses the wheel; the short form, for `.ci/run`, is one Python with nothing
and with all.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from guanxi import __version__
from tools import changelog

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".venv-release" / "bin"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
#: What must work with each extra, in the words of tools/smoke.py.
EXTRAS = {
    "": ["sdk"],
    "tools": ["sdk", "tools"],
    "service": ["sdk", "service"],
    "testing": ["service", "testing"],
    "files": ["sdk"],
    "postgres": ["sdk"],
    "crypto": ["crypto"],
    "mcp": ["sdk"],
    "httpx2": ["httpx2"],
    "all": ["sdk", "tools", "service", "testing", "files", "postgres", "crypto", "mcp", "httpx2"],
}
#: A program of somebody else, as type checkers see it.
SAMPLE = """
import asyncio

from guanxi import ApiException, Client, Credential, SyncClient, user


def count(mid: int) -> int:
    with SyncClient(base_url="http://127.0.0.1:1", credential=Credential()) as client:
        return client.relation.stat(mid).following


async def names() -> list[str]:
    async with Client() as client:
        return [item.uname async for item in client.relation.iter_followings(1)]


async def documented() -> int:
    try:
        return (await user.User(1).get_relation_info())["follower"]
    except ApiException as error:
        print(error.msg)
        return 0


if __name__ == "__main__":
    asyncio.run(names())
"""


@cache
def _index() -> str | None:
    """Return the index that pip is set to use, which uv does not read; None for pip's own."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.findall(r"^\S+\.index-url='(.+)'$", done.stdout, re.M)
    return found[-1] if found else None


def _run(*command: str | Path, **environment: str) -> str:
    """Run a command outside of the repository's own environment; return what it prints."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if index := _index():
        clean.setdefault("UV_DEFAULT_INDEX", index)
    done = subprocess.run(
        [*map(str, command)],
        env=clean | environment,
        cwd=tempfile.gettempdir(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def _check_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    if project["version"] != __version__:
        sys.exit(f"pyproject.toml has {project['version']}, guanxi {__version__}")
    if faults := changelog.faults(text):
        sys.exit("CHANGELOG.md: " + "; ".join(faults))


def _build(folder: Path) -> dict[str, str]:
    """Build both files; return their digests by name."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", folder],
        cwd=ROOT,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.suffix in {".whl", ".gz"} and __version__ in path.name
    }


def pythons() -> dict[str, str]:
    """Return the supported Pythons that are here, by version."""
    found = {}
    for version in PYTHONS:
        done = subprocess.run(
            [BIN / "uv", "python", "find", "--no-project", "--no-python-downloads", version],
            capture_output=True,
            text=True,
            check=False,
        )
        under_pyenv = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python"))
        if done.returncode == 0:
            found[version] = done.stdout.strip()
        elif under_pyenv:
            found[version] = str(under_pyenv[-1])
    return found


class Environment(NamedTuple):
    """A new environment: its Python, the number of its packages, and their bytes."""

    python: Path
    packages: int
    size: int


def environment(folder: Path, python: str, *install: str) -> Environment:
    """Make an environment in ``folder`` with a Python and packages, by the arguments of uv."""
    _run(BIN / "uv", "venv", "-q", "--python", python, folder)
    inside = next(folder.glob("[bS]*/python*"))
    _run(BIN / "uv", "pip", "install", "-q", "--python", inside, *install)
    site = next(folder.rglob("site-packages"))
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    return Environment(inside, len([*site.glob("*.dist-info")]), size)


def _try(wheel: Path, version: str, python: str, extras: Iterable[str], *pins: str) -> None:
    for extra in extras:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "environment"
            wanted = f"{wheel}[{extra}]" if extra else str(wheel)
            inside, packages, size = environment(folder, python, wanted, *pins)
            copy = Path(place) / "smoke.py"  # so that nothing of the repository is imported
            copy.write_text((ROOT / "tools/smoke.py").read_text("utf-8"), "utf-8")
            _run(inside, "-I", copy, *EXTRAS[extra], *([] if extra else ["without_extras"]))
        kind = " at the lowest versions" if pins else ""
        seconds = time.monotonic() - began
        held = f"{packages} packages, {size / 1e6:.0f} MB"
        print(f"Python {version}, [{extra}]{kind}: works; {held}; {seconds:.0f} s", flush=True)


def _try_lowest(wheel: Path, version: str, python: str) -> None:
    """Try everything with the lowest direct dependencies that pyproject.toml admits."""
    pins = Path(tempfile.gettempdir()) / f"guanxi-lowest-{os.getpid()}.txt"
    try:
        _run(BIN / "uv", "pip", "compile", "-q", "--no-config", "--resolution", "lowest-direct",
             "--all-extras", "--python-version", version, ROOT / "pyproject.toml",
             "-o", pins)  # fmt: skip
        _try(wheel, version, python, ["all"], "--constraint", str(pins))
    finally:
        pins.unlink(missing_ok=True)


def _try_types(wheel: Path, python: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        inside, *_ = environment(Path(place) / "environment", python, f"{wheel}[service]")
        sample = Path(place) / "sample.py"
        sample.write_text(SAMPLE, "utf-8")
        _run(sys.executable, "-m", "mypy", "--strict", "--python-executable", inside,
             "--cache-dir", Path(place) / "cache", sample)  # fmt: skip
        _run(BIN / "pyright", "--pythonpath", inside, sample)
    print("mypy and pyright accept a program that uses the wheel", flush=True)


def main() -> None:
    """Check a release; exit with what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="every Python, extra and type checker")
    full = parser.parse_args().full
    _check_version()
    dist = ROOT / "dist"
    dist.mkdir(exist_ok=True)
    built = _build(dist)
    with tempfile.TemporaryDirectory() as again:
        if built != _build(Path(again)):
            sys.exit("two builds differ")
    names = sorted(dist / name for name in built)
    _run(BIN / "twine", "check", "--strict", *names)
    print(f"{', '.join(path.name for path in names)}: built twice alike, accepted by twine")
    [wheel] = [path for path in names if path.suffix == ".whl"]
    found = pythons()
    print(f"Pythons: {', '.join(found)}; not here: "
          f"{', '.join(one for one in PYTHONS if one not in found) or 'none'}")  # fmt: skip
    if not found:
        sys.exit("no supported Python")
    lowest = next(iter(found))
    if not full:
        _try(wheel, lowest, found[lowest], ["", "all"])
        return
    for version, python in found.items():
        _try(wheel, version, python, EXTRAS)
    _try_lowest(wheel, lowest, found[lowest])
    _try_types(wheel, found[lowest])


if __name__ == "__main__":
    main()
