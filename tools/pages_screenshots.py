"""Photograph the pages: ``make screenshots``, or ``python -m tools.pages_screenshots FOLDER``.

A demo is started and used a little: somebody acts, requests arrive, faults are set. Then each page
is photographed at 1280 and 390 px, light and dark, in Chinese and English. Those that ``KEPT``
names are written to docs/images, small.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from guanxi import Credential, ResponseCodeException, SyncClient
from guanxi.demo.world import HERO
from tools.browser import chromium

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
#: Each page's name and path.
PAGES = {
    "start": "/",
    "endpoints": "/docs",
    "requests": "/demo/requests?live=0",
    "request": "/demo/requests/4",
    "faults": "/demo/faults",
    "stubs": "/demo/stubs",
    "stub-new": "/demo/stubs?example=down",
    "stub": "/demo/stubs/1",
    "world": "/demo/world",
    "confirm": "/demo/world/reset?name=start",
    # The last, as it sends a request.
    "endpoint": f"/docs/relation.followings?vmid={HERO}&ps=2",
}
#: Width and height in CSS pixels, and how many pixels of the image each has.
SIZES = ((1280, 900, 1), (390, 844, 2))
SCHEMES = ("light", "dark")
LANGUAGES = ("zh", "en")
#: Those of ``guanxi manage``; ``HOME`` is the account's path, ``PLAN`` that of its newest plan.
MANAGE = {
    "manage": "/",
    "manage-overview": "HOME",
    "manage-list": "HOME/lists/followings",
    "manage-groups": "HOME/groups",
    "manage-snapshots": "HOME/snapshots",
    "manage-difference": "HOME/difference",
    "manage-transfer": "HOME/transfer",
    "manage-migrate": "/migrate",
    "manage-plans": "HOME/plans",
    "manage-plan": "PLAN",
}
#: Of those of docs/, which are WebP, in percent.
_QUALITY = 72
#: The images of docs/.
KEPT = (
    "start-1280-light-en",
    "start-1280-light-zh",
    "endpoint-1280-dark-en",
    "requests-1280-light-en",
    "faults-390-light-en",
    "stub-1280-light-en",
    "manage-list-1280-light-zh",
    "manage-list-1280-light-en",
    "manage-plan-1280-light-en",
    "manage-difference-1280-dark-en",
)


@contextmanager
def demo() -> Iterator[dict[str, Any]]:
    """Yield what a running demo prints with ``--json``."""
    command = [sys.executable, "-m", "guanxi", "demo", "--json", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(30)


def use(facts: dict[str, Any], driver: Chrome) -> None:
    """Send some requests to a demo, sign a browser in and set faults by its pages."""
    url = facts["base_url"]
    driver.get(f"{url}/")
    press(driver, f"input[name=mid][value='{HERO}'] + button")
    driver.get(f"{url}/demo/faults")
    press(driver, "button[aria-label=rate-limit]")
    find(driver, "[name=endpoint]").clear()
    find(driver, "[name=endpoint]").send_keys("relation.stat")
    find(driver, "[name=value]").send_keys("-352")
    find(driver, "[name=after]").send_keys("1")
    press(driver, "form.stack .row button")
    for example in ("missing", "other"):
        driver.get(f"{url}/demo/stubs?example={example}")
        press(driver, "form.stack .row button")
    driver.get(f"{url}/demo/world")
    find(driver, "[name=name]").send_keys("before the import")
    press(driver, "form[action$='/marks'] button")
    driver.get(f"{url}/x/relation/stats?vmid=2")
    credential = Credential(sessdata=facts["sessdata"], bili_jct=facts["bili_jct"])
    calls: list[tuple[str, dict[str, Any]]] = [
        ("relation.stat", {"vmid": 53456}),
        ("relation.stat", {"vmid": HERO}),
        ("relation.followings", {"vmid": HERO, "ps": 5}),
        ("relation.groups", {}),
        ("relation.modify", {"fid": 53456, "act": 1, "re_src": 11}),
        ("relation.modify", {"fid": 4, "act": 1, "re_src": 11}),
        ("relation.followings", {"vmid": 9001}),
        ("relation.followers", {"vmid": 9002}),
        ("relation.many", {"fids": "2,3,4,53456"}),
        ("relation.search", {"vmid": HERO, "name": "上海"}),
        ("space.videos", {"mid": 53456}),
        ("me.info", {}),
        ("web.nav", {}),
    ]
    with SyncClient(base_url=url, credential=credential) as client:
        for name, params in calls:
            try:
                client.call(name, params)
            except ResponseCodeException as error:
                print(f"{name}: {error.code}")


def clear(facts: dict[str, Any]) -> None:
    """Remove the faults and stubs, which would let a snapshot fail."""
    headers = {"Authorization": f"Bearer {facts['emulator_token']}"}
    with urlopen(Request(f"{facts['emulator_url']}/clear", b"", headers)):
        pass


def find(driver: Chrome, selector: str) -> WebElement:
    return driver.find_element(By.CSS_SELECTOR, selector)


def press(driver: Chrome, selector: str) -> None:
    """Press a button, and wait until another page has loaded."""
    driver.execute_script("arguments[0].click()", find(driver, selector))
    WebDriverWait(driver, 20).until(lambda one: one.find_elements(By.CSS_SELECTOR, ".notice.done"))


@contextmanager
def manage(facts: dict[str, Any], folder: Path) -> Iterator[str]:
    """Yield the address that opens ``guanxi manage`` for the demo's main account."""
    data = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    environment = os.environ | data | {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    parts = {name: facts[name] for name in ("sessdata", "bili_jct")}
    (folder / "guanxi").mkdir()
    saved = folder / "guanxi" / "credentials.json"
    saved.write_text(json.dumps({f"default@{facts['base_url']}": parts}))
    saved.chmod(0o600)
    command = [sys.executable, "-m", "guanxi", "manage", "--no-browser", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--base-url", facts["base_url"]],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(30)


def use_manage(facts: dict[str, Any], driver: Chrome, opening: str) -> tuple[str, str]:
    """Take two snapshots, between which lists change, and make a plan; return HOME and PLAN."""
    url = opening.partition("/open")[0]
    driver.get(opening)
    click(driver, "form[action$=saved] button", "#take")
    home = urlsplit(driver.current_url).path
    credential = Credential(sessdata=facts["sessdata"], bili_jct=facts["bili_jct"])
    snapshot(driver, 1, posted=True)
    with SyncClient(base_url=facts["base_url"], credential=credential) as client:
        followings = [one.mid for one in client.relation.iter_followings(HERO)]
        names = ("朋友", "music", "去年的展览")
        ids = [client.relation.create_group(name).id for name in names]
        for number, group in enumerate(ids):
            client.relation.set_groups(followings[number * 7 : number * 7 + 9], [group])
        for mid in followings[-5:]:
            client.relation.unfollow(mid)
        for mid in (53456, 4, 9003):
            with suppress(ResponseCodeException):
                client.relation.follow(mid)
    driver.get(url + home)
    snapshot(driver, 2)
    driver.get(f"{url}{home}/lists/followings?mutual=no")
    for box in driver.find_elements(By.CSS_SELECTOR, "tbody input[name=chosen]")[:6]:
        driver.execute_script("arguments[0].click()", box)
    click(driver, ".chosen button[title]", "#acts")
    return home, urlsplit(driver.current_url).path


def click(driver: Chrome, selector: str, then: str) -> None:
    """Click a button, and wait until the page has what ``then`` selects."""
    driver.execute_script("arguments[0].click()", find(driver, selector))
    WebDriverWait(driver, 60).until(lambda one: one.find_elements(By.CSS_SELECTOR, then))


def snapshot(driver: Chrome, number: int, *, posted: bool = False) -> None:
    """Take the snapshot with this number on the overview, and wait until it is there."""
    if posted:
        driver.execute_script("arguments[0].click()", find(driver, "[name=last_posted]"))
    driver.execute_script("arguments[0].click()", find(driver, "form[action$=snapshots] button"))
    script = "return document.querySelector('#work.notice')?.textContent ?? ''"
    WebDriverWait(driver, 300).until(lambda one: f" {number} " in one.execute_script(script))


def shoot(
    driver: Chrome, url: str, pages: Mapping[str, str], folder: Path, kept: Collection[str]
) -> None:
    """Write the screenshots of pages, each a name and a path below ``url``, into a folder.

    Those named in ``kept`` are written to docs/images too, small enough for a page.
    """
    command = driver.execute_cdp_cmd
    command("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Shanghai"})
    for language in LANGUAGES:
        driver.get(f"{url}/web/language?to={language}&back=/")
        for width, height, scale in SIZES:
            for scheme in SCHEMES:
                size = {"width": width, "height": height, "deviceScaleFactor": scale}
                command("Emulation.setDeviceMetricsOverride", {**size, "mobile": width < 800})
                feature = {"name": "prefers-color-scheme", "value": scheme}
                command("Emulation.setEmulatedMedia", {"features": [feature]})
                for name, path in pages.items():
                    driver.get(url + path)
                    if name == "endpoint":
                        driver.find_element(By.CSS_SELECTOR, "#request button").click()
                        WebDriverWait(driver, 20).until(
                            lambda one: one.find_element(By.ID, "answer").text
                        )
                        driver.execute_script("scrollTo(0, 0); document.activeElement.blur()")
                    if name == "stub":
                        click(driver, "form[action$='/try'] button", "#tried")
                    look = f"{name}-{width}-{scheme}-{language}"
                    (folder / f"{look}.png").write_bytes(photograph(driver, format="png"))
                    if look in kept:
                        small = photograph(driver, format="webp", quality=_QUALITY)
                        (IMAGES / f"{look}.webp").write_bytes(small)


def photograph(driver: Chrome, **options: object) -> bytes:
    """Return the window as an image; again if the window was still being resized."""
    for _ in range(3):
        with suppress(TimeoutException):
            shot = driver.execute_cdp_cmd("Page.captureScreenshot", options)
            return b64decode(shot["data"])
    raise RuntimeError(f"no screenshot of {driver.current_url}")


def require_font() -> None:
    """End the process if no font here has Chinese: it would be photographed as empty boxes."""
    command = ["fc-list", ":lang=zh"]
    if shutil.which("fc-list") and not subprocess.check_output(command):
        sys.exit("no font has Chinese characters: install one, such as fonts-wqy-zenhei")


def main() -> None:
    require_font()
    folder = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with (
        demo() as facts,
        tempfile.TemporaryDirectory() as profile,
        chromium(Path(profile)) as driver,
    ):
        use(facts, driver)
        shoot(driver, facts["base_url"], PAGES, folder, KEPT)
        clear(facts)
        with (
            tempfile.TemporaryDirectory() as data,
            manage(facts, Path(data)) as opening,
        ):
            home, plan = use_manage(facts, driver, opening)
            paths = {
                name: path.replace("HOME", home).replace("PLAN", plan)
                for name, path in MANAGE.items()
            }
            shoot(driver, opening.partition("/open")[0], paths, folder, KEPT)
    print(f"{len([*folder.glob('*.png')])} images in {folder}")


if __name__ == "__main__":
    main()
