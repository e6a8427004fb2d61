"""Fuzz one target until a time is over or an input is a finding; write a report about it.

python -m tests.fuzz.drive NAME ENGINE SECONDS REPORT
"""

from __future__ import annotations

import faulthandler
import json
import math
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

#: Seconds of one input after which it counts as one that never ends, and the process is ended.
_HANGS = 60
#: How many inputs of the strategy are the first corpus of a coverage-guided run.
_SEEDS = 100


class Driver:
    """Tries inputs, counts them, and saves the first that is a finding."""

    def __init__(self, target: Any, check: Any, seconds: int, report: Path) -> None:
        self.target, self._check, self._report = target, check, report
        self._seconds, self._end = seconds, math.inf
        self._counts = {"inputs": 0, "accepted": 0, "found": 0, "ended": 0}
        self._write()

    def start(self) -> None:
        """Begin the time."""
        self._end = time.monotonic() + self._seconds

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end or bool(self._counts["found"])

    def attempt(self, raw: bytes) -> None:
        """Try one input; raise what is a finding, and KeyboardInterrupt when the time is over."""
        from tests.fuzz.target import attempt
        from tests.fuzz.targets import save

        if self.is_over:
            self.end()
            raise KeyboardInterrupt
        faulthandler.dump_traceback_later(_HANGS, exit=True)
        path = save(self.target, raw) if len(raw) < 10_000 else None  # if the process should end
        try:
            accepted = attempt(self.target, self._check, raw)
        except BaseException:
            save(self.target, raw)
            self._counts["found"] = 1
            traceback.print_exc()
            self._write()
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()
        if path is not None:
            path.unlink()
        self._counts["inputs"] += 1
        self._counts["accepted"] += accepted
        if self._counts["inputs"] % 100 == 0:
            self._write()

    def end(self) -> None:
        """Note that the time was used without a finding, or that one is saved."""
        self._counts["ended"] = 1
        self._write()

    def _write(self) -> None:
        self._report.write_text(json.dumps(self._counts))


def _property(driver: Driver) -> Any:
    """Return the test of Hypothesis for a target: a function, with ``fuzz_one_input``."""

    @settings(
        max_examples=10**9,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    @given(driver.target.inputs)
    def drive(raw: bytes) -> None:
        driver.attempt(raw)

    return drive


def by_hypothesis(driver: Driver) -> None:
    """Let Hypothesis draw inputs until the time is over."""
    driver.start()
    with suppress(KeyboardInterrupt):
        _property(driver)()
    driver.end()


def by_atheris(driver: Driver, seconds: int) -> None:
    """Let atheris choose inputs by coverage: raw ones, and those that Hypothesis makes of bytes.

    It ends the process.
    """
    import atheris  # type: ignore[import-untyped]  # it has none

    from tests.fuzz.targets import CORPUS, FOUND, cases_of, folder_of

    corpus = CORPUS / folder_of(driver.target)
    corpus.mkdir(parents=True, exist_ok=True)
    FOUND.mkdir(parents=True, exist_ok=True)
    for name, raw in [*cases_of(driver.target), *_seeds(driver)]:
        (corpus / name).write_bytes(b"\0" + raw)
    made: Callable[[bytes], object] = _property(driver).hypothesis.fuzz_one_input

    def one(raw: bytes) -> None:
        if raw[:1] < b"\x80":
            driver.attempt(raw[1:])
        else:
            made(raw[1:])

    # Longer than the driver's time, which ends it.
    options = [f"-max_total_time={seconds + _HANGS}", f"-timeout={_HANGS}", "-rss_limit_mb=2048"]
    options += ["-max_len=20000", "-len_control=20", "-artifact_prefix=.fuzz/found/crash-"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    driver.start()
    atheris.Fuzz()


def _seeds(driver: Driver) -> list[tuple[str, bytes]]:
    """Return inputs of the target's strategy, which begin the corpus."""
    found: list[bytes] = []

    @settings(
        max_examples=_SEEDS,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    @given(driver.target.inputs)
    def draw(raw: bytes) -> None:
        if len(raw) < 20_000:
            found.append(raw)

    draw()
    return [(f"drawn-{number}", raw) for number, raw in enumerate(found)]


def main() -> None:
    name, engine, seconds, report = sys.argv[1:]
    if engine == "atheris":
        import atheris

        with atheris.instrument_imports(include=["guanxi"]):
            from tests.fuzz.targets import BY_NAME
    else:
        from tests.fuzz.targets import BY_NAME
    target = BY_NAME[name]
    with target.open() as check:
        driver = Driver(target, check, int(seconds), Path(report))
        if engine == "atheris":
            by_atheris(driver, int(seconds))
        else:
            by_hypothesis(driver)


if __name__ == "__main__":
    main()
