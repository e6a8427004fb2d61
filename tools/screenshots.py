"""Write the screenshots of the report in docs/images: ``python -m tools.screenshots``.

The report is that of docs/tools.md: the page's commands run, as ``tools.tools_page`` runs them, and
its ``report.html`` is shown in a headless Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from base64 import b64decode
from pathlib import Path

from selenium.webdriver import Chrome

from tools.browser import chromium
from tools.tools_page import PAGE, run_page, session

_IMAGES = PAGE.parent / "images"
#: Width and height in CSS pixels, and how many pixels of the image each has.
_SIZES = ((1280, 1440, 1), (390, 1440, 2))
_SCHEMES = {"light": "", "dark": "-dark"}


def take(driver: Chrome, page: Path, folder: Path) -> None:
    """Write a page's screenshots into a folder: each width, light and dark."""
    for width, height, scale in _SIZES:
        for scheme, mark in _SCHEMES.items():
            driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": True},
            )
            driver.execute_cdp_cmd(
                "Emulation.setEmulatedMedia",
                {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
            )
            driver.get(page.as_uri())
            shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            (folder / f"report-{width}{mark}.png").write_bytes(b64decode(shot["data"]))


def main() -> None:
    with session() as run:
        run_page(PAGE.read_text("utf-8"), run)
        with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as driver:
            take(driver, run.folder / "report.html", Path(sys.argv[1]) if sys.argv[1:] else _IMAGES)


if __name__ == "__main__":
    main()
