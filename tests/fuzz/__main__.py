"""Fuzz every target for a while: ``make fuzz``, with ``ARGS='--minutes 60 form query'``.

Each target runs in a process of its own for its part of the time. Where atheris is installed, it
drives the target by the coverage of the code, half of the time with inputs that Hypothesis makes of
its bytes, and keeps what reached new code in ``.fuzz/corpus``; otherwise Hypothesis alone draws the
inputs. A finding is saved in ``.fuzz/found`` and ends its target; the status is then 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.targets import BY_NAME, FOUND, folder_of

#: Seconds after its time in which a process must have ended, also on a busy machine, where its
#: start takes minutes. An input that never ends is found sooner, by the process (``drive._HANGS``).
_GRACE = 900


def main() -> int:
    """Run the chosen targets, print a line for each, and return the status of the process."""
    arguments = argparse.ArgumentParser(prog="make fuzz", description="Fuzz each target.")
    arguments.add_argument("--minutes", type=float, default=10, help="for all targets (10)")
    arguments.add_argument(
        "--engine",
        choices=("atheris", "hypothesis"),
        default="atheris" if find_spec("atheris") else "hypothesis",
    )
    arguments.add_argument("targets", nargs="*", help=f"of {', '.join(BY_NAME)}")
    chosen = arguments.parse_args()
    if unknown := [name for name in chosen.targets if name not in BY_NAME]:
        arguments.error(f"no target {', '.join(unknown)}")
    names = chosen.targets or [*BY_NAME]
    seconds = max(1, round(chosen.minutes * 60 / len(names)))
    print(f"{len(names)} targets, {seconds} seconds each, by {chosen.engine}", flush=True)
    failed, total = [], 0
    with TemporaryDirectory() as folder:
        for name in names:
            tried = _run(name, chosen.engine, seconds, Path(folder, "tried"))
            total += tried.get("inputs", 0)
            # Not ended: the process crashed, or was ended for an input that takes too long.
            if tried.get("found") or not tried.get("ended"):
                failed.append(name)
            print(
                f"{name:18} {tried.get('inputs', 0):>9,} inputs, "
                f"{tried.get('accepted', 0):>9,} accepted"
                f"{'   FOUND: ' + str(FOUND / folder_of(BY_NAME[name])) if name in failed else ''}",
                flush=True,
            )
    print(f"{total:,} inputs, {len(failed)} findings{': ' if failed else ''}{', '.join(failed)}")
    return bool(failed)


def _run(name: str, engine: str, seconds: int, report: Path) -> dict[str, int]:
    """Fuzz one target in a process of its own; return its report, empty if it wrote none."""
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.drive", name, engine, str(seconds), str(report)]
    started = time.monotonic()
    log = FOUND.parent / f"{folder_of(BY_NAME[name])}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        try:
            subprocess.run(
                command,
                env=os.environ | {"GUANXI_TEST": "short"},
                stdout=output,
                stderr=output,
                timeout=seconds + _GRACE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"{name}: an input took too long, after {time.monotonic() - started:.0f} s")
    return json.loads(report.read_text()) if report.exists() else {}


if __name__ == "__main__":
    sys.exit(main())
