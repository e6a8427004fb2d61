"""The entry of guanxi.exe: the command line; without an argument, the pages of `guanxi manage`."""

from __future__ import annotations

import sys

from guanxi.cli import main

if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.argv.append("manage")
    main()
