"""``python -m tools.soak [MINUTES] [STORE]``: the soak, by ``make soak``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tools.soak.soaking import Plan, show, soak


def main() -> int:
    """Run what the arguments name; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="make soak ARGS=…", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=10.0)
    parser.add_argument("store", nargs="?", help="a new store; without it, a file that is deleted")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = args.store or str(Path(folder, "soak.db"))
        report = soak(Plan(seconds=60 * args.minutes), store, Path(folder))
        show(report, print)
    return bool(report.wrong)


if __name__ == "__main__":
    sys.exit(main())
