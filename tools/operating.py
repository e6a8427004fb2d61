"""docs/operating.md: its tables of metrics and alerts, and the outputs of its commands.

``make generate`` writes the tables; ``python -m tools.operating`` runs the page's ``console``
blocks, in order, on a store of their own, and writes their outputs. ``pip`` is a stub that installs
nothing: the version that runs is the one of this repository.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from guanxi.service.metrics import described
from tools.markdown import table
from tools.tools_page import Shell, free_port, run_page
from tools.tools_page import masked as masked_page

ROOT = Path(__file__).resolve().parent.parent
PAGE = "docs/operating.md"
RULES = "deploy/alerts.yaml"
_TABLE = re.compile(r"(<!-- (metrics|alerts) -->\n).*?(<!-- end -->\n)", re.S)
#: The ports that the page names.
_PORTS = ("8001", "9100")
#: What a comparison ignores in addition: times in names, and versions.
_VARYING = (
    (re.compile(r"\d{8}-\d{6}"), "STAMP"),
    (re.compile(r"SQLite [\d.]+, schema \d+"), "SQLite VERSION"),
)
_PIP = '#!/bin/sh\nif [ "$1" != install ]; then exit 2; fi\n'


def page(root: Path) -> str:
    """Return the page with its tables as the code and the rules have them."""
    tables = {"metrics": metrics(), "alerts": alerts(root)}
    text = (root / PAGE).read_text("utf-8")
    return _TABLE.sub(lambda found: found[1] + tables[found[2]] + found[3], text)


def metrics() -> str:
    """Return the table of the metrics."""
    rows = [
        (f"`{name}`", kind, ", ".join(f"`{label}`" for label in labels) or "—", meaning)
        for name, kind, labels, meaning in described()
    ]
    return table(("metric", "type", "labels", "meaning"), rows)


def rules(root: Path) -> list[dict[str, Any]]:
    """Return the alerts of the rules file, in order."""
    [group] = yaml.safe_load((root / RULES).read_text("utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def alerts(root: Path) -> str:
    """Return the table of the alerts."""
    rows = [
        (
            f"`{rule['alert']}`",
            rule["annotations"]["summary"],
            rule.get("for", "at once"),
            rule["annotations"]["action"],
        )
        for rule in rules(root)
    ]
    return table(("alert", "when", "for", "what to do"), rows)


@contextmanager
def session(store: Path | None = None) -> Iterator[Shell]:
    """Yield a shell in an empty folder, or in one whose ``mine.db`` is a copy of ``store``."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home, "demo")
        folder.mkdir()
        if store is not None:
            (folder / "mine.db").write_bytes(store.read_bytes())
        stubs = Path(home, "bin")
        stubs.mkdir()
        (stubs / "pip").write_text(_PIP)
        (stubs / "pip").chmod(0o755)
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GUANXI_", "XDG_"))
        }
        environment |= {
            "HOME": home,
            "PATH": f"{stubs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GUANXI_LANG": "en",
        }
        shell = Shell(Path(home), environment, {shown: free_port() for shown in _PORTS})
        try:
            yield shell
        finally:
            shell.close()


def run(text: str, shell: Shell) -> str:
    """Return the page, or a part of it, with the outputs that its commands have in a shell."""
    return run_page(text, shell)


def masked(text: str) -> str:
    """Return the page without what varies from run to run."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return masked_page(text)


def main() -> None:
    """Write the page with the outputs that its commands have now."""
    path = ROOT / PAGE
    with session() as shell:
        path.write_text(run(page(ROOT), shell), "utf-8")


if __name__ == "__main__":
    main()
