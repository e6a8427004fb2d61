"""Send what real clients send to a service: ``python -m tools.clients``.

It starts ``guanxi demo`` and sends its requests to that, or to the service of ``--base-url`` with
the session of ``--sessdata`` and ``--bili-jct``. Each client renames a group that is created for it
and deleted after. The exit status is 1 if a response is not the right one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tools.clients.checks import Result, Session, results
from tools.clients.programs import clients


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.clients", description=__doc__)
    for name in ("base-url", "sessdata", "bili-jct"):
        parser.add_argument(f"--{name}")
    given = parser.parse_args()
    parts = (given.base_url, given.sessdata, given.bili_jct)
    if any(parts) and not all(parts):
        parser.error("--base-url needs --sessdata and --bili-jct")
    failed = False
    with _demo() if not any(parts) else _given(Session(*parts)) as session:
        for client in clients():
            if client.missing:
                print(f"{client.title:20}{client.missing}: skipped")
                continue
            for result in results(client, session):
                failed |= not result.is_right
                print(_line(result), flush=True)
    sys.exit(int(failed))


def _line(result: Result) -> str:
    verdict = "ok" if result.is_right else "WRONG"
    shown = result.shown if len(result.shown) < 60 else f"{result.shown[:57]}..."
    return f"{result.client:20}{result.request:40}{verdict:7}{shown}"


@contextmanager
def _given(session: Session) -> Iterator[Session]:
    yield session


@contextmanager
def _demo() -> Iterator[Session]:
    command = [sys.executable, "-c", "from guanxi.cli import main; main()", "demo", "--json"]
    command += ["--port", "0", "--accounts", "200", "--edges", "2000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            facts = json.loads(process.stdout.readline())
            yield Session(facts["base_url"], facts["sessdata"], facts["bili_jct"])
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
