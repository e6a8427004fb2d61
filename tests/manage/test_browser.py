"""The pages of ``guanxi manage`` in a real browser: rows, progress, any size, axe-core."""

from __future__ import annotations

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from guanxi import SyncClient
from guanxi.manage import imports
from guanxi.toolbox.archive import Archive
from tests.browser import examine, messages, violations
from tests.console.visitor import Visitor
from tests.manage.conftest import Manage

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"document.title='x'\">\u202e'\"&amp;"


def find(browser: Chrome, selector: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, selector)


def press(browser: Chrome, label: str) -> None:
    """Click a button; its part of the page may be renewed meanwhile."""
    button = (By.XPATH, f"//button[normalize-space()='{label}']")
    waiting = WebDriverWait(browser, 20, ignored_exceptions=[StaleElementReferenceException])

    def click(_: Chrome) -> bool:
        browser.find_element(*button).click()
        return True

    waiting.until(click)


def wait_for(browser: Chrome, text: str) -> None:
    """Wait until a text is on the page."""
    found = f'//*[contains(normalize-space(), "{text}")]'
    WebDriverWait(browser, 20).until(lambda _: browser.find_elements(By.XPATH, found))


@pytest.fixture
def hostile(manage: Manage) -> Manage:
    """The pages for an account that follows somebody with a hostile name."""
    manage.service.add_accounts(cards={3: HOSTILE})
    return manage


@pytest.fixture
def home(browser: Chrome, hostile: Manage, at_home: tuple[Manage, Visitor, str]) -> str:
    """The address of account 1 after a snapshot; the browser has the visitor's session."""
    manage, visitor, path = at_home
    browser.get(f"{manage.url}/")
    for name, value in visitor.cookies.items():
        browser.add_cookie({"name": name, "value": value})
    messages(browser)
    return manage.url + path


def test_rows_are_chosen_planned_applied_and_undone(browser: Chrome, hostile: Manage) -> None:
    manage = hostile
    home = f"{manage.url}/a/{manage.archive(1)}"
    browser.get(manage.url + manage.opening)
    browser.get(home)
    press(browser, "Take a snapshot")
    wait_for(browser, "Snapshot 1 is complete")
    messages(browser)
    browser.get(f"{home}/lists/followings")
    boxes = browser.find_elements(By.CSS_SELECTOR, "tbody input[name=chosen]")
    assert [box.get_attribute("value") for box in boxes] == ["5", "4", "3", "2"]
    boxes[0].click()
    ActionChains(browser).key_down(Keys.SHIFT).click(boxes[2]).key_up(Keys.SHIFT).perform()
    assert find(browser, "[data-count]").text == "3"
    boxes[1].click()
    boxes[2].click()
    assert find(browser, "[data-count]").text == "1"
    press(browser, "Make a plan")
    wait_for(browser, "Unfollow · 1")
    assert not manage.service.requests_to("relation.modify")
    press(browser, "Apply now")
    wait_for(browser, "1 of 1 acts were done")
    manage.service.assert_called("relation.modify", times=1, fid=5, act=2)
    press(browser, "Plan to undo it")
    wait_for(browser, "Follow · 1")
    assert not messages(browser)


def test_work_shows_its_progress_and_is_stopped_and_continued(
    browser: Chrome, home: str, manage: Manage
) -> None:
    browser.get(f"{home}/lists/followings")
    find(browser, "[data-toggle]").click()
    press(browser, "Make a plan")
    wait_for(browser, "Unfollow · 4")
    slow = manage.service.fault("relation.modify", delay=6.0, after=1)
    press(browser, "Apply now")
    WebDriverWait(browser, 20).until(
        lambda _: browser.find_elements(By.CSS_SELECTOR, "#work progress:not([value='0'])")
    )
    # The part of the page is renewed while the button has the focus.
    browser.execute_script(
        "const work = document.querySelector('#work'); work.dataset.old = '1';"
        "work.querySelector('button').focus(); work.dispatchEvent(new CustomEvent('renewed'))"
    )
    WebDriverWait(browser, 20).until(
        lambda _: browser.find_elements(By.CSS_SELECTOR, "#work:not([data-old]) button")
    )
    stop = browser.switch_to.active_element
    assert stop.text == "Stop"
    stop.send_keys(Keys.ENTER)
    wait_for(browser, "it can go on at any time")
    done = len(manage.service.requests_to("relation.modify"))
    assert 0 < done < 4
    slow.remove()
    press(browser, "Go on")
    wait_for(browser, "4 of 4 acts were done")
    manage.service.assert_called("relation.modify", times=4)
    assert not messages(browser)


def test_a_note_is_written_in_place_and_rows_are_dragged_onto_a_group(
    browser: Chrome, home: str, manage: Manage
) -> None:
    manage.service.sign_in(1)
    credential = manage.vault.load(manage.service.base_url, "1")
    with SyncClient(base_url=manage.service.base_url, credential=credential) as client:
        client.relation.create_group("friends")
    browser.get(home)
    press(browser, "Take a snapshot")
    wait_for(browser, "Snapshot 2 is complete")
    browser.get(f"{home}/lists/followings")
    find(browser, "a[href$='/note/4']").click()
    WebDriverWait(browser, 20).until(lambda _: browser.find_elements(By.TAG_NAME, "textarea"))
    assert not violations(browser)
    field = find(browser, "td.note textarea")
    WebDriverWait(browser, 20).until(lambda _: browser.switch_to.active_element == field)
    field.send_keys("slippery")
    find(browser, "td.note button").click()
    wait_for(browser, "slippery")
    assert browser.current_url.endswith("/lists/followings")
    find(browser, "tbody input[name=chosen][value='5']").click()
    row = find(browser, "tbody tr:has(input[value='4'])")
    find(browser, "tbody input[name=chosen][value='4']").click()
    group = find(browser, "[data-group=friends]")
    ActionChains(browser).drag_and_drop(row, group).perform()
    wait_for(browser, "Set the groups of · 2")
    assert not messages(browser)


def test_every_page_is_accessible_fits_and_keeps_names_text(
    browser: Chrome, home: str, at_home: tuple[Manage, Visitor, str]
) -> None:
    manage, visitor, path = at_home
    visitor.visit(f"{path}/lists/followings")
    visitor.submit("Make a plan", action="unfollow", chosen="3")
    plan = visitor.path
    visitor.submit("Apply now")  # it is left out of the next snapshot: there is a difference
    manage.wait()
    visitor.visit(path)
    visitor.submit("Take a snapshot")
    manage.wait()
    key = path.rpartition("/")[2]
    with Archive.open(manage.folder / f"{key}.db") as archive, imports.keeping(archive) as upload:
        upload[1].write(f'7,"{HOSTILE}"\nnone\n'.encode())
    source = manage.archive(9)
    pages = (
        f"{manage.url}/",
        f"{manage.url}/migrate?target={key}",
        f"{home}/migration/{source}",
        f"{home}/groups",
        f"{home}/transfer",
        f"{home}/transfer/{upload[0]}",
        f"{home}/difference",
        f"{manage.url}/sign-in",
        home,
        *(f"{home}/lists/{name}" for name in ("followings", "followers", "blocks", "whispers")),
        f"{home}/lists/followings?mutual=no&q=%25",
        f"{home}/lists/followings/note/3",
        f"{home}/snapshots",
        f"{home}/plans",
        f"{manage.url}{plan}",
    )
    examine(browser, pages)
    assert not messages(browser)
    browser.get(f"{home}/difference")
    assert "<img src=x" in find(browser, "main").text, "the hostile name is on a page, as text"
