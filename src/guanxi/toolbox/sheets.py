"""CSV that a spreadsheet can open without running anything."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from typing import IO, Any

#: What a spreadsheet runs as a formula, or what looks like a formula that was disarmed.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def disarmed(value: Any) -> Any:
    """Return a value as a cell of CSV: a text that could be a formula begins with ``'``."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def restored(cell: str) -> str:
    """Return the text that ``disarmed`` made a cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def write_csv(file: IO[str], headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows as CSV, one after another; no cell is a formula. None is an empty cell."""
    writer = csv.writer(file)  # with CR LF, so that a lone CR in a text is quoted
    writer.writerow([disarmed(header) for header in headers])
    writer.writerows([disarmed(value) for value in row] for row in rows)
