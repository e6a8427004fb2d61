"""CSV that a spreadsheet can open without running anything."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import IO, Any

#: What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def disarmed(value: Any) -> Any:
    """Return a value as a cell of CSV: a text that could be a formula begins with ``'``."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def write_csv(file: IO[str], headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows as CSV, one after another; no cell is a formula. None is an empty cell."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([disarmed(header) for header in headers])
    writer.writerows([disarmed(value) for value in row] for row in rows)
