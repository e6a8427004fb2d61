"""``python -m tools.soak``: load a service for ten minutes and check every response.

With ``overload`` or ``idle`` in place of the minutes, measure those.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tools.soak.measuring import idle, overload
from tools.soak.soaking import Plan, show, soak


def main() -> int:
    """Run what the arguments name; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="make soak ARGS=…", description=__doc__)
    parser.add_argument("minutes", nargs="?", default="10", help="or overload, or idle")
    parser.add_argument("store", nargs="?", help="a new store; without it, a file that is deleted")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.minutes == "overload":
            return not overload(folder, print)
        if args.minutes == "idle":
            idle(folder, print)
            return 0
        store = args.store or str(folder / "soak.db")
        report = soak(Plan(seconds=60 * float(args.minutes)), store, folder)
        show(report, print)
    return bool(report.wrong)


if __name__ == "__main__":
    sys.exit(main())
