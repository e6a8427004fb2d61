"""Photograph the console: ``python -m tools.console_screenshots FOLDER``, after the other pages.

A service is started on the world of the demo, with a sample a second instead of one a minute, and
used a little. Then each page is photographed as those of ``pages_screenshots`` are.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from guanxi import Credential, ResponseCodeException, SyncClient
from guanxi.accounts.secrets import TokenKind
from guanxi.contract.limits import DOCUMENTED
from guanxi.demo.world import HERO
from guanxi.operations.sessions import Issued, issue
from guanxi.stores import open_store
from tools.browser import chromium
from tools.pages_screenshots import ROOT, find, press, require_font, shoot

_TOKEN = "screenshots-" + "t" * 32
_SERVE = (
    "from guanxi.console.operator import application; application.SECONDS = 1; "
    "from guanxi.cli import main; main()"
)
_CALLS = ("relation.stat", "relation.followings", "relation.followers")
PAGES = {
    "console-accounts": "/accounts?q=上海",
    "console-account": f"/accounts/{HERO}",
    "console-list": f"/accounts/{HERO}/lists/followings",
    "console-erase": f"/accounts/{HERO}/erase",
    "console-changes": "/changes?oldest=1",
    "console-audit": "/audit",
    "console-check": "/check",
    "console-import": "/import",
    "console-copies": "/copies",
    "console-overview": "/",
}
#: The images of docs/.
KEPT = (
    "console-overview-1280-light-en",
    "console-account-1280-dark-en",
    "console-two-1280-light-en",
    "console-accounts-390-light-en",
    "console-preview-1280-light-en",
)


@contextmanager
def service(folder: Path) -> Iterator[tuple[str, str, Issued, int]]:
    """Yield a service's addresses, a session of the demo's account, and whom to follow next."""
    store = str(folder / "demo.db")
    command = [sys.executable, "-m", "guanxi", "demo", "--json", "--port", "0", "--store", store]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    demo.stdout.readline()
    demo.terminate()
    demo.wait(30)
    issued, other = asyncio.run(_prepared(store))
    options = ["--store", store, "--port", "0", "--admin", "127.0.0.1:0", "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, "serve", *options],
        stderr=subprocess.PIPE,
        env=os.environ | {"GUANXI_ADMIN_TOKEN": _TOKEN, "GUANXI_LANG": "en"},
        text=True,
    )
    try:
        assert process.stderr is not None
        printed = ""
        while "console: " not in printed:
            printed += process.stderr.readline()
        url, admin_url = re.findall(r"http://127\.0\.0\.1:\d+", printed)[::2][:2]
        yield url, admin_url, issued, other
    finally:
        process.terminate()
        process.communicate(timeout=30)


async def _prepared(path: str) -> tuple[Issued, int]:
    store = await open_store(path)
    try:
        await store.set_changes(True)
        limits, now = DOCUMENTED.limits, int(time.time())
        [suggested] = await store.suggestions(HERO, 1, now)
        return await issue(store, HERO, TokenKind.COOKIE, limits, now), suggested.mid
    finally:
        await store.close()


def use(driver: Chrome, url: str, home: str, issued: Issued) -> None:
    """Send requests for some seconds, change accounts by the pages, and sign the browser in."""
    driver.get(f"{home}/sign-in")
    find(driver, "[name=token]").send_keys(_TOKEN)
    find(driver, "main button").click()
    credential = Credential(sessdata=issued.token, bili_jct=issued.bili_jct)
    with SyncClient(base_url=url, credential=credential) as client:
        for second in range(25):
            for number in range(4 + second * 7 % 11):
                name = _CALLS[number % len(_CALLS)]
                try:
                    client.call(name, {"vmid": 9001 if number == 5 else HERO})
                    if number == 3:
                        act = {"fid": 3 + second % 9, "act": 1 + second % 2, "re_src": 11}
                        client.call("relation.modify", act)
                except ResponseCodeException as error:
                    print(f"{name}: {error.code}")
            time.sleep(0.5)
    driver.get(f"{home}/accounts/4")
    find(driver, "[name=reason]").send_keys("spam")
    press(driver, "form[action$='/ban'] button")
    driver.get(f"{home}/accounts/6")
    press(driver, "form[action$='/edit'] button")


def work(driver: Chrome, home: str, folder: Path) -> str:
    """Check, back up and export the store by the pages, and upload a file; return its path."""
    for page, form, done in (
        ("check", "form[action$='/check'] button", "#work .notice.done"),
        ("copies", "form[action$='/backup'] button", "a[href*='/backup-']"),
        ("copies", "form[action$='/export'] button", "a[href*='/edges-']"),
    ):
        driver.get(f"{home}/{page}")
        driver.execute_script("arguments[0].click()", find(driver, form))
        shown(driver, done)
    rows = [f"{3 + number},{HERO},{1_700_000_000 + number}" for number in range(40)]
    rows[11], rows[29] = "Ada,3,1700000011", "32,33,tomorrow"
    file = folder / "followers-2025.csv"
    file.write_text("\n".join(["fan,star,since", *rows, ""]))
    driver.get(f"{home}/import")
    find(driver, "[name=file]").send_keys(str(file))
    driver.execute_script("arguments[0].click()", find(driver, "form[enctype] button"))
    shown(driver, "[name='column.follower']")
    for column, name in (("follower", "fan"), ("followed", "star"), ("time", "since")):
        find(driver, f"[name='column.{column}'] option[value={name}]").click()
    driver.execute_script("arguments[0].click()", find(driver, "button[value=preview]"))
    shown(driver, "#would")
    return driver.current_url.removeprefix(home)


def shown(driver: Chrome, selector: str) -> None:
    """Wait until a page, which renews itself, has an element."""
    WebDriverWait(driver, 60).until(lambda one: one.find_elements(By.CSS_SELECTOR, selector))


def main() -> None:
    require_font()
    folder = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as place,
        service(Path(place)) as (url, admin_url, issued, other),
        chromium(Path(place, "profile")) as driver,
    ):
        home = f"{admin_url}/console"
        use(driver, url, home, issued)
        preview = work(driver, home, Path(place))
        more = {"console-two": f"/two?a={HERO}&b={other}", "console-preview": preview}
        shoot(driver, home, {**PAGES, **more}, folder, KEPT)


if __name__ == "__main__":
    main()
