"""What no template or script may have: inline code and styles, and what fails silently."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import guanxi
from guanxi.web.headers import security_headers

SOURCES = Path(guanxi.__file__).parent
#: The folders of pages; report.html of the toolbox is one file with everything in it.
ROOMS = ("web", "console", "manage", "service/docs")
TEMPLATES = sorted(one for room in ROOMS for one in (SOURCES / room).rglob("*.html"))
SCRIPTS = sorted(
    one for room in ROOMS for one in (SOURCES / room).rglob("*.js") if "htmx" not in one.name
)

#: What is forbidden, and an example of it.
FORBIDDEN = {
    r"\son[a-z]+\s*=": '<a onclick="f()">',
    r"\sstyle\s*=": '<p style="color: red">',
    r"<style\b": "<style>",
    r"<script\b(?![^>]*\ssrc=)": "<script>f()</script>",
    r"(?:data-)?hx-on\b": '<a hx-on:click="f()">',
    r"(?:data-)?hx-live\b": '<a hx-live="f()">',
    r"""=\s*["'](?:js|javascript):""": '<a hx-vals="js:{a: 1}">',
    r"""hx-trigger\s*=\s*["'][^"']*\[""": '<a hx-trigger="click[f()]">',
    r"""(?:src|href|action)\s*=\s*["'](?:https?:)?//""": '<img src="https://example.org/a.png">',
    r"\|\s*safe\b": "{{ name | safe }}",
}


def found(text: str) -> list[str]:
    return [pattern for pattern in FORBIDDEN if re.search(pattern, text)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_nothing_inline(path: Path) -> None:
    assert not found(path.read_text("utf-8"))


@pytest.mark.parametrize(("pattern", "example"), FORBIDDEN.items())
def test_what_is_forbidden_is_found(pattern: str, example: str) -> None:
    assert found(example) == [pattern]


def test_all_templates_are_looked_at() -> None:
    assert len(TEMPLATES) >= 15
    assert {one.name for one in SCRIPTS} == {"site.js", "docs.js"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_posts_has_a_token(path: Path) -> None:
    text = path.read_text("utf-8")
    for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", text, re.S):
        assert "csrf_field()" in form, form


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_neither_evaluate_nor_write_markup(path: Path) -> None:
    text = path.read_text("utf-8")
    for word in ("eval(", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "://"):
        assert word not in text, word


def test_the_policy_permits_nothing_inline_and_nothing_from_outside() -> None:
    policy = security_headers()["Content-Security-Policy"]
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert parts["default-src"] == parts["img-src"] == parts["form-action"] == "'self'"
    assert parts["frame-ancestors"] == parts["object-src"] == parts["base-uri"] == "'none'"
    assert "unsafe" not in policy
    with_faces = security_headers(["i0.hdslb.com"])["Content-Security-Policy"]
    assert "img-src 'self' https://i0.hdslb.com" in with_faces


@pytest.mark.parametrize(
    ("path", "digest"),
    [
        (
            SOURCES / "web/static/htmx.min.js",
            "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
        ),
        (
            Path(__file__).parents[1] / "vendor/axe.min.js",
            "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
        ),
    ],
    ids=["htmx 4.0.1", "axe-core 4.14.1"],
)
def test_what_others_wrote_is_as_they_published_it(path: Path, digest: str) -> None:
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
