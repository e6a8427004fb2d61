"""The report: every text is escaped, it loads nothing, and it can be read anywhere."""

from __future__ import annotations

import re
import stat
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from guanxi.contract.relations import DEREGISTERED_NAME
from guanxi.contract.structs import RelationItem
from guanxi.text import Language
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.errors import NoSuchSnapshot
from guanxi.toolbox.report import page, report
from tests.toolbox.archives import DAY, add_snapshot, item, new_archive

NOW = 1_790_000_000
HOSTILE = '"><img src=x onerror="document.title=1"><script>document.title=2</script>{{ 7*7 }}'


def people(count: int) -> list[RelationItem]:
    """Return followings, newest first: each third is mutual, each in one group or none."""
    names = {3: HOSTILE, 4: DEREGISTERED_NAME} | {mid: f"友人 {mid}" for mid in range(10, 20)}
    return [
        item(
            mid,
            name=names.get(mid, f"名字 {mid}"),
            since=NOW - (1_000 - mid) * DAY,
            mutual=mid % 3 == 0,
            groups=[mid % 2 + 1] if mid % 4 else [],
        )
        for mid in range(count + 1, 1, -1)
    ]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An archive of three snapshots, with last posts and a note that is HTML."""
    with new_archive(tmp_path) as opened:
        groups = [(1, HOSTILE), (2, "音乐 & more")]
        for number in (1, 2, 3):
            add_snapshot(
                opened,
                NOW - (4 - number) * DAY,
                groups,
                followings=people(30 + number),
                followers=people(40 - number)[:20],
                incomplete=["followers"] if number == 3 else [],
            )
        opened.db.execute("INSERT INTO note VALUES (3, ?, 1)", (HOSTILE,))
        posts = "INSERT INTO fact (mid, state, last_posted, posted_read) VALUES (?, ?, ?, 1)"
        opened.db.execute(posts, (5, "active", NOW - 3 * DAY))
        opened.db.execute(posts, (6, "active", NOW - 900 * DAY))
        opened.db.execute(posts, (7, "never_posted", None))
        yield opened


def page_of(archive: Archive, *, language: Language = "en", faces: bool = False) -> str:
    return "".join(page(archive, NOW, language=language, faces=faces))


class Elements(HTMLParser):
    """Collects the elements of a page, their attributes, and the texts of each tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_every_text_is_escaped(archive: Archive) -> None:
    elements = Elements(page_of(archive))
    assert elements.texts.count(HOSTILE) >= 4  # two lists, the note, the group
    tags = [tag for tag, _ in elements.found]
    assert tags.count("script") == tags.count("style") == 1
    assert "img" not in tags
    for tag, attributes in elements.found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        assert not attributes.keys() & {"src", "srcset", "action"}, tag


def test_the_policy_admits_its_own_style_and_script_alone(archive: Archive) -> None:
    page = page_of(archive)
    [policy] = [
        attributes["content"] or ""
        for tag, attributes in Elements(page).found
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "img-src" not in rules
    for tag in ("style", "script"):
        [body] = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = b64encode(sha256(body.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert "img-src https:;" in page_of(archive, faces=True)


def test_pictures_come_only_on_request_and_by_https(archive: Archive) -> None:
    archive.db.execute("UPDATE profile SET face = 'http://faces.example/' || mid || '.jpg'")
    assert "faces.example" not in page_of(archive)
    page = page_of(archive, faces=True)
    assert 'src="https://faces.example/5.jpg"' in page
    assert "http://faces.example" not in page
    archive.db.execute("UPDATE profile SET face = 'javascript:alert(1)'")
    assert "javascript" not in page_of(archive, faces=True)


def test_it_says_what_it_does_not_know(archive: Archive) -> None:
    """p2, p11, p12: a capped list is marked, and nobody left it."""
    page = page_of(archive)
    assert "Not complete: 20 of 120 (beyond what the server shows)" in page
    assert "−?" in page
    assert "within a week" in page
    assert "never posted" in page
    assert "列表不完整" in page_of(archive, language="zh")
    assert 'lang="zh-CN"' in page_of(archive, language="zh")


def test_a_long_list_is_limited_and_says_so(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("guanxi.toolbox.report"), "PEOPLE", 10)
    page = page_of(archive)
    assert "The page has the newest 10 only; guanxi show has all." in page
    assert page.count('<td class="who"') == 20
    assert "名字 34" in page
    assert "名字 24<" not in page


def test_the_file_is_its_owners_alone_and_appears_whole(archive: Archive, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    size = report(archive, path, NOW)
    assert path.stat().st_size == size > 10_000
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    archive.db.execute("DROP VIEW followings")
    with pytest.raises(Exception, match="followings"):
        report(archive, path, NOW)
    assert path.stat().st_size == size
    assert not list(tmp_path.glob(".report-*"))


def test_without_a_snapshot(tmp_path: Path) -> None:
    with (
        Archive.create(tmp_path / "new.db", Identity("documents", 1)) as empty,
        pytest.raises(NoSuchSnapshot, match="run guanxi backup first"),
    ):
        report(empty, tmp_path / "r.html", NOW)
    assert not (tmp_path / "r.html").exists()


def test_empty_lists_and_snapshots_without_a_change(tmp_path: Path) -> None:
    with new_archive(tmp_path) as archive:
        add_snapshot(archive, DAY, followings=[item(3)], followers=[])
        add_snapshot(archive, 2 * DAY, followings=[item(3), item(4)], followers=[])
        add_snapshot(archive, 3 * DAY, followings=[item(3), item(4)], followers=[])
        shown = page_of(archive)
    assert "<bdi>2 · 1970-01-03" in shown
    assert "<bdi>3 · " not in shown, "nothing changed"
    assert "Nothing changed from snapshot 1 to 3." in shown
    assert shown.count("No accounts.") == 1
    assert shown.count("<tbody>") == 1


@pytest.fixture
def shown(browser: Chrome, archive: Archive, tmp_path: Path) -> Iterator[Chrome]:
    """The report in the browser; the device's width and colours are reset afterwards."""
    path = tmp_path / "report.html"
    report(archive, path, NOW)
    browser.get(path.as_uri())
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def names(browser: Chrome) -> list[str]:
    """Return the names that the first list shows, in order."""
    cells = browser.find_elements(By.CSS_SELECTOR, "details:first-of-type tbody .name")
    return [cell.text for cell in cells if cell.is_displayed()]


def luminance(browser: Chrome, selector: str, part: str) -> float:
    colour = browser.find_element(By.CSS_SELECTOR, selector).value_of_css_property(part)
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


@pytest.mark.browser
@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 800, 390])
def test_it_fits_and_has_the_readers_colours(shown: Chrome, width: int, mode: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    shown.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": mode}
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    for details in shown.find_elements(By.TAG_NAME, "details"):
        shown.execute_script("arguments[0].open = true", details)
    page, room = shown.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert page == room <= width
    dark = luminance(shown, "body", "background-color")
    text = luminance(shown, "body", "color")
    assert (dark < 0.2 and text > 0.8) if mode == "dark" else (dark > 0.8 and text < 0.2)
    assert shown.title == "Relations · me"
    assert HOSTILE in names(shown)


@pytest.mark.browser
def test_search_and_sort(shown: Chrome) -> None:
    assert names(shown)[0] == "名字 34"
    search = shown.find_element(By.CSS_SELECTOR, "input[type=search]")
    search.send_keys("友人 1")
    assert set(names(shown)) == {f"友人 {mid}" for mid in range(10, 20)}
    assert "10 of 33 shown" in shown.find_element(By.CSS_SELECTOR, ".search").text
    headers = shown.find_elements(By.CSS_SELECTOR, "details:first-of-type thead button")
    headers[0].click()
    assert names(shown) == [f"友人 {mid}" for mid in range(10, 20)]
    headers[0].click()
    assert names(shown) == [f"友人 {mid}" for mid in range(19, 9, -1)]
    headers[1].click()  # mutual ones first
    assert set(names(shown)[:3]) == {"友人 12", "友人 15", "友人 18"}
    assert shown.get_log("browser") == []  # type: ignore[no-untyped-call]


@pytest.mark.browser
def test_it_can_be_read_without_scripts_and_printed(shown: Chrome) -> None:
    shown.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        shown.refresh()
        assert len(names(shown)) == 33
        assert not shown.find_element(By.CSS_SELECTOR, ".search").is_displayed()
    finally:
        shown.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    shown.refresh()
    printed = shown.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert b64decode(printed["data"]).startswith(b"%PDF")
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not shown.find_element(By.CSS_SELECTOR, ".search").is_displayed()
    assert luminance(shown, "body", "background-color") > 0.99
