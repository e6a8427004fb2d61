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
from guanxi.toolbox.archive import Archive, Identity
from tests.browser import messages, prefer, resize, violations
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
def home(browser: Chrome, manage: Manage) -> str:
    """The address of account 1, with a hostile name among its followings, after a snapshot."""
    manage.service.add_accounts(cards={3: HOSTILE})
    key = manage.keep(1)
    Archive.create(manage.folder / f"{key}.db", Identity(manage.service.base_url, 1, "me")).close()
    browser.get(manage.url + manage.opening)
    browser.get(f"{manage.url}/a/{key}")
    press(browser, "Take a snapshot")
    wait_for(browser, "Snapshot 1 is complete")
    messages(browser)
    return f"{manage.url}/a/{key}"


def test_rows_are_chosen_planned_applied_and_undone(
    browser: Chrome, home: str, manage: Manage
) -> None:
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
    slow = manage.service.fault("relation.modify", delay=4.0)
    press(browser, "Apply now")
    WebDriverWait(browser, 20).until(
        lambda _: browser.find_elements(By.CSS_SELECTOR, "#work progress[value='1']")
    )
    press(browser, "Stop")
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
    browser: Chrome, home: str, manage: Manage
) -> None:
    browser.get(f"{home}/lists/followings")
    find(browser, "tbody input[name=chosen][value='3']").click()
    press(browser, "Make a plan")
    wait_for(browser, "Unfollow · 1")
    plan = browser.current_url
    key = home.rpartition("/")[2]
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
        plan,
    )
    press(browser, "Apply now")  # it is left out of the next snapshot: there is a difference
    wait_for(browser, "1 of 1 acts were done")
    browser.get(home)
    press(browser, "Take a snapshot")
    wait_for(browser, "Snapshot 2 is complete")
    for scheme, language in (("light", "en"), ("dark", "zh")):
        prefer(browser, scheme)
        browser.get(f"{manage.url}/web/language?to={language}&back=/")
        for page in pages:
            browser.get(page)
            assert not violations(browser), page
            assert "\u202e" not in find(browser, "body").text, page
            assert browser.title != "x"
            for width in (390, 640, 1280):
                resize(browser, width)
                wide = browser.execute_script("return document.documentElement.scrollWidth")
                assert wide <= width, (page, width)
            assert not messages(browser), page
