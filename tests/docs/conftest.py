"""The fixtures of the browser, for the tests of the documentation site."""

from tests.browser import browser, running_browser

__all__ = ["browser", "running_browser"]
