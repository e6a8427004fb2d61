"""Build the documentation site: ``make docs``, or ``make docs-serve`` to look at it.

    python -m tools.site [--serve [PORT]] ZENSICAL

ZENSICAL is the program of that name, which ``make`` installs into an environment of its own. A
warning of it, a link that leads nowhere and an address outside of the site are errors.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tools.site import agents
from tools.site.check import faults
from tools.site.pages import ENGLISH, TREES, Tree, address_of, twin_of
from tools.site.stage import ROOT, stage

SITE = ROOT / "build" / "site"
_STAGED = ROOT / "build" / "staged"
#: The entry of a language in a page's head; zensical has the same for every page.
_ALTERNATE = r'(<a href=")[^"]*(" hreflang="{}")'


def build(zensical: Path, site: Path = SITE, staged: Path = _STAGED) -> None:
    """Build both trees into ``site``, which is replaced. Raise SystemExit with what is wrong."""
    shutil.rmtree(site, ignore_errors=True)
    for tree in TREES:
        folder = staged / tree.language
        stage(tree, folder)
        result = subprocess.run(
            [zensical, "build", "--strict", "--clean"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            plain = re.sub(r"\x1b\[[\d;]*m", "", result.stdout + result.stderr)
            raise SystemExit(f"{tree.language}: {plain.partition('Traceback')[0]}")
        if tree.folder:  # a server has one page for what is not there
            (folder / "site" / "404.html").unlink()
        shutil.copytree(folder / "site", site / tree.folder, dirs_exist_ok=True)
        for path in tree.paths().values():
            _lead_to_twins(tree, path, site)
    agents.write(site, staged / ENGLISH.language / "docs")
    if found := faults(site):
        raise SystemExit("\n".join(found))


def _lead_to_twins(tree: Tree, path: str, site: Path) -> None:
    """Let the language menu of a page lead to the same page in the other language."""
    address = address_of(path)
    file = site / tree.folder / address / "index.html"
    text = file.read_text("utf-8")
    up = "../" * (address.count("/") + bool(tree.folder))
    for other in TREES:
        twin = path if other is tree else twin_of(path, other)
        below = f"{other.folder}/" if other.folder else ""
        link = f"{up}{below}{address_of(twin)}" or "./"
        text = re.sub(_ALTERNATE.format(other.language), rf"\g<1>{link}\g<2>", text)
    file.write_text(text, "utf-8")


def serve(port: int) -> None:
    """Serve the built site on loopback until Ctrl-C."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


def main(arguments: list[str]) -> None:
    """Build the site, and serve it if requested."""
    *options, zensical = arguments
    build(Path(zensical).resolve())
    print(f"built {SITE.relative_to(ROOT)}")
    if options[:1] == ["--serve"]:
        serve(int(options[1]) if options[1:] else 8008)


if __name__ == "__main__":
    main(sys.argv[1:])
