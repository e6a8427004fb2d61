"""The components that no page of the demo has yet: long tables, choosing rows, live progress."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import NamedTuple

import pytest
import uvicorn
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guanxi.service.listening import bind, url_of
from guanxi.text import Text
from guanxi.web.events import events
from guanxi.web.paging import block_of, whole_number
from guanxi.web.site import Site
from tests.browser import messages, violations

ROWS = [*range(1, 451)]


class Pages:
    """Two pages: a table of 450 rows, and work that a test does step by step."""

    def __init__(self) -> None:
        self.site = Site(Text("页", "Pages"), (), ["tests.web"])
        self.posted: list[tuple[str, list[str]]] = []
        self.done, self.streams = 0, 0
        self.news: asyncio.Queue[None] = asyncio.Queue()

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/rows", self.rows, methods=["GET"]),
                Route("/rows", self.chosen, methods=["POST"]),
                Route("/work", self.work),
                Route("/work/part", self.work),
                Route("/work/events", self.events),
                *self.site.routes(),
            ],
            exception_handlers={HTTPException: self.site.refused},
        )

    async def rows(self, request: Request) -> Response:
        start = whole_number(request.query_params.get("start", ""))
        block = block_of(ROWS[start:], start, self.site.look(request).at("/rows"))
        return self.site.page(request, "rows.html", block=block, total=len(ROWS))

    async def chosen(self, request: Request) -> Response:
        fields = await self.site.fields(request)
        self.posted.append((fields["whole"], fields.every("chosen")))
        return self.site.back(request, "/rows", Text("完成", "Removed"))

    async def work(self, request: Request) -> Response:
        template = "_work.html" if request.url.path.endswith("part") else "work.html"
        return self.site.page(request, template, done=self.done, total=3)

    async def events(self, _request: Request) -> Response:
        self.streams += 1
        return events(self._news())

    async def _news(self) -> AsyncIterator[None]:
        while self.done < 3:
            await self.news.get()
            yield


class Running(NamedTuple):
    url: str
    pages: Pages
    loop: asyncio.AbstractEventLoop

    def step(self) -> None:
        """Do one more row, and report it."""
        self.pages.done += 1
        self.loop.call_soon_threadsafe(self.pages.news.put_nowait, None)


@pytest.fixture
def running() -> Iterator[Running]:
    pages, listener = Pages(), bind("127.0.0.1", 0)
    server = uvicorn.Server(
        uvicorn.Config(pages.application(), log_level="warning", lifespan="off")
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(server.serve(sockets=[listener])), daemon=True
    )
    thread.start()
    yield Running(url_of(listener), pages, loop)
    server.should_exit = server.force_exit = True
    thread.join(20)
    loop.close()
    listener.close()


def until(browser: Chrome, is_so: Callable[[], bool]) -> None:
    """Wait until it is so, also while a part of the page is being replaced."""
    wait = WebDriverWait(browser, 20, ignored_exceptions=[StaleElementReferenceException])
    wait.until(lambda _: is_so())


def count(browser: Chrome) -> str:
    return browser.find_element(By.CSS_SELECTOR, "[data-count]").text


def loaded(browser: Chrome) -> int:
    return len(browser.find_elements(By.CSS_SELECTOR, "input[name=chosen]"))


@pytest.mark.browser
@pytest.mark.long
def test_rows_come_in_blocks_and_are_chosen(browser: Chrome, running: Running) -> None:
    browser.get(f"{running.url}/rows")
    assert loaded(browser) == 200
    assert not violations(browser)
    boxes = browser.find_elements(By.CSS_SELECTOR, "input[name=chosen]")
    boxes[2].click()
    ActionChains(browser).key_down(Keys.SHIFT).click(boxes[6]).key_up(Keys.SHIFT).perform()
    assert count(browser) == "5"
    boxes[4].click()
    assert count(browser) == "4"
    browser.find_element(By.XPATH, "//button[.='Remove']").click()
    until(browser, lambda: bool(browser.find_elements(By.CSS_SELECTOR, ".notice.done")))
    assert running.pages.posted == [("", ["3", "4", "6", "7"])]
    # All that match: also those that are not loaded, and those that are loaded later.
    browser.find_element(By.CSS_SELECTOR, "[data-toggle]").click()
    assert count(browser) == "200"
    browser.find_element(By.CSS_SELECTOR, "[data-whole]").click()
    assert count(browser) == "450"
    for least in (400, 450):
        browser.execute_script("scrollTo(0, document.body.scrollHeight)")
        until(browser, lambda: loaded(browser) >= least)  # noqa: B023 - called in the loop
    assert not browser.find_elements(By.CSS_SELECTOR, "tr.more")
    assert len(browser.find_elements(By.CSS_SELECTOR, "input[name=chosen]:checked")) == 450
    browser.execute_script("document.querySelector('input[name=chosen]').click()")
    assert count(browser) == "449", "one less is no longer all that match"
    browser.execute_script("document.querySelector('[data-none]').click()")
    assert count(browser) == "0"
    assert not messages(browser)


@pytest.mark.browser
def test_progress_is_live_and_can_be_left(browser: Chrome, running: Running) -> None:
    browser.get(f"{running.url}/work")
    assert not violations(browser)
    for done in ("1 / 3", "2 / 3"):
        running.step()
        until(browser, lambda: browser.find_element(By.ID, "work").text == done)  # noqa: B023
    browser.get("about:blank")
    running.pages.done += 1
    browser.get(f"{running.url}/work")
    assert browser.find_element(By.ID, "work").text == "3 / 3"
    assert not browser.find_elements(By.CSS_SELECTOR, "[data-events]"), "nothing more will come"
    assert not messages(browser)


async def _once() -> AsyncIterator[None]:
    yield
    await asyncio.sleep(0.05)


def test_a_stream_reports_news_quiet_and_its_end() -> None:
    async def read() -> list[str]:
        return [line async for line in events(_once(), quiet=0.01).body_iterator]  # type: ignore[misc]

    lines = asyncio.run(read())
    assert lines[0] == "retry: 1000\n\n"
    assert lines[1] == "event: news\ndata: \n\n"
    assert ": quiet\n\n" in lines
    assert lines[-1] == "event: end\ndata: \n\n"
