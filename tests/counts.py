"""How many examples a test runs: few in ``make test``, many in ``make test-long``."""

from __future__ import annotations

import os

LONG = os.environ.get("GUANXI_TEST") == "long"


def count(short: int, long: int) -> int:
    """Return ``long`` if GUANXI_TEST is "long", otherwise ``short``."""
    return long if LONG else short
