"""The documentation site: its pages, their links and docstrings, and its search in a browser.

``make docs`` builds it, and fails for a warning, a dead link or an outside address.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser import messages, resize
from tools.site import api
from tools.site.__main__ import build
from tools.site.agents import SKILL, first_sentence
from tools.site.check import faults
from tools.site.pages import CHINESE, ENGLISH, TREES, address_of, twin_of
from tools.site.stage import ROOT, Stage

ZENSICAL = ROOT / ".venv-docs" / "bin" / "zensical"
#: Reaches the field of the search, which is in a shadow root.
_FIELD = """
const found = (root) => [...root.querySelectorAll("*")].map((one) =>
  one.shadowRoot ? found(one.shadowRoot) : one.matches("input[aria-controls]") ? one : null)
  .find(Boolean);
return found(document);
"""
_RESULTS = """
return [...document.querySelectorAll("*")].filter((one) => one.shadowRoot)
  .map((one) => one.shadowRoot.textContent).join();
"""


# --- the docstrings ---


@pytest.mark.parametrize("module", api.MODULES)
def test_every_public_name_says_what_a_reader_needs(module: str) -> None:
    lacking = {entry.name: api.lacking(entry) for entry in api.entries(module)}
    assert {name: lacks for name, lacks in lacking.items() if lacks} == {}


def test_what_a_docstring_lacks_is_found() -> None:
    def undocumented(mid: int) -> int:
        return mid

    def vague(mid: int, size: int = 1) -> int:
        """Look at ``mid``."""
        return mid + size

    def complete(mid: int) -> int:
        """Return ``mid``, an account. Raises nothing."""
        return mid

    def lacks(value: Any) -> list[str]:
        return api.lacking(api.Entry(value.__name__, "function", value))

    assert lacks(undocumented) == ["a docstring"]
    assert lacks(vague) == ["the parameter size", "what it returns", "what it raises"]
    assert lacks(complete) == []


def test_the_pages_of_the_api_have_every_name() -> None:
    """A name of ``__all__`` is on a page, or its twin is."""
    for stem, module in api.MODULES.items():
        text = (ROOT / "docs" / "api" / f"{stem}.md").read_text("utf-8")
        for entry in api.entries(stem):
            assert f"# {entry.name}\n" in text or f"| `{entry.name}` |" in text, module.path


# --- the trees ---


def test_every_page_of_docs_is_in_one_tree_once() -> None:
    listed = [page for tree in TREES for page in tree.paths()]
    assert len(listed) == len(set(listed))
    assert all((ROOT / page).is_file() for page in listed)
    pages = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert pages - set(listed) == {SKILL.relative_to(ROOT).as_posix()}
    for tree in TREES:
        assert len({*tree.paths().values()}) == len(tree.paths()), "two pages at one address"


def test_the_chinese_tree_is_whole_for_its_readers() -> None:
    """Start, Manage, SDK and Test: each of their pages exists in Chinese, at the same address."""
    paths = {*CHINESE.paths().values()}
    single = {"relation.md", "space.md", "me.md"}  # of the SDK: examples endpoint by endpoint
    for section in ENGLISH.sections[:4]:
        wanted = {ENGLISH.paths()[page] for _, page in section.pages}
        assert wanted - paths <= single, section.title


def test_addresses_and_twins() -> None:
    assert [address_of(path) for path in ("index.md", "sdk/index.md", "tools.md")] == [
        "",
        "sdk/",
        "tools/",
    ]
    assert twin_of("tools.md", CHINESE) == "tools.md"
    assert twin_of("scaling.md", CHINESE) == "index.md"


def test_links_hold_on_the_site(tmp_path: Path) -> None:
    stage = Stage(CHINESE, tmp_path)
    text = "[a](../tools.md) [b](tools.md#每天运行) `[c](x)` ![d](../images/report-1280.png)\n"
    text += "```text\n[e](y)\n```\n[f](../../src/guanxi/text.py) [g](https://example.org)\n"
    assert stage._relinked(text, "docs/zh/testing.md") == (
        "[a](../tools/) [b](tools.md#每天运行) `[c](x)` ![d](pictures/report-1280.png)\n"
        "```text\n[e](y)\n```\n[f](source/src/guanxi/text.py.md) [g](https://example.org)\n"
    )
    wrapped = "自己\n的 SDK\n`a`\n- 文件\n  覆盖\n\n```text\n自己\n的\n```\n"
    joined = wrapped.replace("自己\n的 ", "自己的 ").replace("文件\n  覆盖", "文件覆盖")
    assert stage._relinked(wrapped, "docs/zh/testing.md") == joined
    with pytest.raises(ValueError, match="no file"):
        stage._relinked("[a](missing.md)", "docs/zh/testing.md")


def test_first_sentence() -> None:
    assert first_sentence("# T\n\n<!-- x -->\n\nOne [two](x.md) three. Four.\n") == "One two three."


# --- the check of a built site ---


def test_what_is_wrong_with_a_site_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "index.html").write_text('<h1 id="x">a</h1><a href="../">up</a>')
    (tmp_path / "index.html").write_text(
        '<a href="a/#x">1</a><a href="a/#y">2</a><a href="b/">3</a><a href="https://x.org">4</a>'
        '<script src="https://x.org/a.js"></script><img src="c.png"><link href="//x.org/y.css">'
    )
    (tmp_path / "s.css").write_text("@import 'https://x.org/f.css'; a { color: red }")
    assert faults(tmp_path) == [
        "index.html: loads //x.org/y.css",
        "index.html: loads https://x.org/a.js",
        "index.html: no anchor a/#y",
        "index.html: no file c.png",
        "index.html: no page b/",
        "s.css: loads https://x.org/f.css",
    ]


# --- in a browser ---


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build the site and serve it on loopback; yield its address."""
    if not ZENSICAL.exists() and not os.environ.get("CI"):
        pytest.skip("no .venv-docs here: make docs")
    folder = tmp_path_factory.mktemp("site")
    build(ZENSICAL, folder / "site", folder / "staged")
    handler = partial(_Quiet, directory=str(folder / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.parametrize(
    ("path", "words", "expected"),
    [
        ("zh/", "搬到另一个账号", "搬"),
        ("zh/", "风控", "风控"),
        ("", "risk control", "risk control"),
    ],
)
def test_the_search_finds_words_also_within_chinese_sentences(
    address: str, browser: Chrome, path: str, words: str, expected: str
) -> None:
    resize(browser, 1280)  # a narrow page has the search behind its menu
    browser.get(address + path)
    browser.find_element(By.CSS_SELECTOR, ".md-search__button").click()

    field = WebDriverWait(browser, 20).until(lambda driver: driver.execute_script(_FIELD))
    browser.execute_script("arguments[0].focus()", field)
    ActionChains(browser).send_keys(words).perform()
    WebDriverWait(browser, 20).until(lambda driver: expected in driver.execute_script(_RESULTS))


@pytest.mark.long
@pytest.mark.browser
def test_pages_load_nothing_from_outside_and_fit_a_phone(address: str, browser: Chrome) -> None:
    for path in (
        "",
        "zh/",
        "tools/",
        "zh/tools/",
        "api/guanxi/",
        "comparison/",
        "zh/start/pictures/",
    ):
        resize(browser, 390)
        browser.get(address + path)
        loaded = "return performance.getEntriesByType('resource').map((one) => one.name)"
        assert all(name.startswith(address) for name in browser.execute_script(loaded)), path
        width = browser.execute_script("return document.documentElement.scrollWidth")
        assert width <= 390, f"{path} is {width} wide"
    assert messages(browser) == []


@pytest.mark.long
@pytest.mark.browser
def test_the_menu_of_languages_leads_to_the_same_page(address: str, browser: Chrome) -> None:
    browser.get(f"{address}tools/")
    link = browser.find_element(By.CSS_SELECTOR, 'a.md-select__link[hreflang="zh"]')
    assert link.get_attribute("href") == f"{address}zh/tools/"
    browser.get(f"{address}zh/tools/")
    link = browser.find_element(By.CSS_SELECTOR, 'a.md-select__link[hreflang="en"]')
    assert link.get_attribute("href") == f"{address}tools/"
