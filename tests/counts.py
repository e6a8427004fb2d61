"""How much each kind of test does: little in ``make test``, the named counts in ``test-long``."""

from __future__ import annotations

import os

LONG = os.environ.get("GUANXI_TEST") == "long"


def count(short: int, long: int) -> int:
    """The count for this run."""
    return long if LONG else short
