"""Check a built site: its links and anchors lead somewhere, and it loads nothing from outside."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

#: The attributes by which a page loads something.
_LOADED = {
    ("script", "src"),
    ("img", "src"),
    ("source", "srcset"),
    ("iframe", "src"),
    ("link", "href"),
}
_OUTSIDE = re.compile(r"(?:https?:)?//")
#: What a style sheet loads.
_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


class _Page(HTMLParser):
    """The ids of a page, its links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            elif tag == "a" and name == "href" and value:
                self.links.add(value)
            elif (tag, name) in _LOADED and value:
                self.loads.add(value)


def faults(site: Path) -> list[str]:
    """Return what is wrong with a site, a line each: sorted, empty for a good one."""
    pages = {
        path.relative_to(site).as_posix(): _Page(path.read_text("utf-8"))
        for path in site.rglob("*.html")
    }
    found = {fault for name, page in pages.items() for fault in _page_faults(site, name, pages)}
    for path in site.rglob("*.css"):
        for groups in _URL.findall(path.read_text("utf-8")):
            if _OUTSIDE.match(groups[0] or groups[1]):
                found.add(f"{path.relative_to(site)}: loads {groups[0] or groups[1]}")
    return sorted(found)


def _page_faults(site: Path, name: str, pages: dict[str, _Page]) -> Iterator[str]:
    page = pages[name]
    for address in page.loads:
        if _OUTSIDE.match(address):
            yield f"{name}: loads {address}"
    for address in page.links | page.loads:
        if re.match(r"[a-z]+:", address) or _OUTSIDE.match(address):
            continue
        path, anchor = urldefrag(unquote(address))
        target = _target(name, path)
        if target.endswith(".html"):
            if target not in pages:
                yield f"{name}: no page {address}"
            elif anchor and anchor not in pages[target].ids:
                yield f"{name}: no anchor {address}"
        elif not (site / target).is_file():
            yield f"{name}: no file {address}"


def _target(name: str, path: str) -> str:
    """Return the file that a page's link leads to."""
    if not path:
        return name
    if path.startswith("/"):  # 404.html, which a server may send for any address
        joined = path.lstrip("/")
    else:
        joined = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
    if path.endswith("/") or joined in ("", ".") or "." not in posixpath.basename(joined):
        joined = posixpath.normpath(posixpath.join(joined, "index.html"))
    return joined
