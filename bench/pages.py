"""Lines for the first pages of ``guanxi manage`` and of the console: their time and their bytes.

``python -m bench.pages PORT FOLDER`` serves the pages of the archives in a folder.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlencode

from bench.bare import Bodies
from bench.lines import Bench, Line, Sides, Wrong
from bench.machine import free_port, on_core, server, serving
from bench.reads import bare_serving, port_of
from guanxi import Credential, SyncClient
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.backup import backup

#: The bounds of docs/promises.md: milliseconds of the server, and bytes without faces.
MILLISECONDS, BYTES = 150.0, 100_000.0
_TOKEN = "bench-" + "t" * 32
#: The least number of requests of a measurement.
_LEAST = 5


class Page(NamedTuple):
    """A page of a running server, and the cookies of whoever may see it."""

    url: str
    path: str
    cookie: str = ""

    def milliseconds(self, seconds: float) -> float:
        """Request the page for so long, one request at a time; return the median duration."""
        spent: list[float] = []
        connection = HTTPConnection("127.0.0.1", port_of(self.url), timeout=30)
        until = time.perf_counter() + seconds
        while len(spent) < _LEAST or time.perf_counter() < until:
            began = time.perf_counter()
            self._get(connection)
            spent.append(1_000 * (time.perf_counter() - began))
        connection.close()
        return median(spent)

    def first(self) -> float:
        """Request the page once; return the milliseconds that it took."""
        connection = HTTPConnection("127.0.0.1", port_of(self.url), timeout=30)
        began = time.perf_counter()
        self._get(connection)
        return 1_000 * (time.perf_counter() - began)

    def body(self) -> bytes:
        """Return the page. Raise Wrong if it is not answered with 200."""
        return self._get(HTTPConnection("127.0.0.1", port_of(self.url), timeout=30))

    def _get(self, connection: HTTPConnection) -> bytes:
        connection.request("GET", self.path, headers={"Cookie": self.cookie})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise Wrong(f"{self.path}: unexpected response {response.status}")
        return body


Opened = Callable[[Bench], AbstractContextManager[Page]]


@contextmanager
def manage(bench: Bench) -> Iterator[Page]:
    """Yield the list of 3,000 followings in ``guanxi manage``, after a snapshot of the account."""
    folder, mid = bench.folder / "archives", bench.graph.thousands
    if not (folder / "bench.db").exists():
        folder.mkdir(exist_ok=True)
        with serving(bench.graph.store, bench.cores.serve) as url:
            token, csrf = bench.graph.token(mid), bench.graph.csrf(mid)
            credential = Credential(sessdata=token, bili_jct=csrf, dedeuserid=str(mid))
            with (
                SyncClient(base_url=url, credential=credential) as client,
                Archive.create(folder / "bench.db", Identity("bench", mid, "bench")) as archive,
            ):
                backup(client, archive, int(time.time()))
    port = free_port()
    with server(bench.cores.serve, port, "-m", "bench.pages", str(port), str(folder)) as url:
        cookie = _cookies(url, f"/open?{urlencode({'token': _TOKEN})}")
        yield Page(url, "/a/bench/lists/followings", cookie)


@contextmanager
def console(bench: Bench, path: str) -> Iterator[Page]:
    """Yield a page of the console of a service with the graph, signed in."""
    port = free_port()
    os.environ["GUANXI_ADMIN_TOKEN"] = _TOKEN
    try:
        admin = f"127.0.0.1:{port}"
        with serving(bench.graph.store, bench.cores.serve, "--admin", admin):
            url = f"http://{admin}"
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/console/sign-in")
            response = connection.getresponse()
            form, cookie = response.read().decode(), _set_by(response.headers.get_all("set-cookie"))
            found = re.search(r'name="_csrf" value="([0-9a-f]+)"', form)
            if found is None:
                raise Wrong("the page to sign in has no form")
            body = urlencode({"_csrf": found[1], "token": _TOKEN})
            headers = {
                "Cookie": cookie,
                "Origin": url,
                "Content-Type": "application/x-www-form-urlencoded",
            }
            connection.request("POST", "/console/sign-in", body, headers)
            response = connection.getresponse()
            response.read()
            cookie = f"{cookie}; {_set_by(response.headers.get_all('set-cookie'))}"
            yield Page(url, f"/console{path}", cookie)
    finally:
        del os.environ["GUANXI_ADMIN_TOKEN"]


def _cookies(url: str, path: str) -> str:
    """Return the cookies that a page sets, as the header that sends them back."""
    connection = HTTPConnection("127.0.0.1", port_of(url), timeout=30)
    connection.request("GET", path)
    response = connection.getresponse()
    response.read()
    return _set_by(response.headers.get_all("set-cookie"))


def _set_by(headers: list[str] | None) -> str:
    return "; ".join(one.partition(";")[0] for one in headers or ())


@contextmanager
def _against_bare(bench: Bench, opened: Opened) -> Iterator[Sides]:
    """Compare a page with a bare application that sends its bytes."""
    with opened(bench) as page, bare_serving(bench, Bodies([page.body()])) as url:
        bare = Page(url, "/")
        page.milliseconds(0)  # the first pages compile templates and fill caches

        def side(one: Page) -> float:
            with on_core(bench.cores.load):
                return one.milliseconds(bench.seconds)

        yield Sides(partial(side, page), partial(side, bare))


@contextmanager
def _against_bound(bench: Bench, opened: Opened) -> Iterator[Sides]:
    with opened(bench) as page:
        page.milliseconds(0)
        yield Sides(partial(page.milliseconds, bench.seconds), partial(float, MILLISECONDS))


@contextmanager
def _first_against_bound(bench: Bench, opened: Opened) -> Iterator[Sides]:
    def ours() -> float:
        with opened(bench) as page:
            return page.first()

    yield Sides(ours, partial(float, MILLISECONDS))


@contextmanager
def _bytes(bench: Bench, opened: Opened) -> Iterator[Sides]:
    with opened(bench) as page:
        yield Sides(lambda: float(len(page.body())), partial(float, BYTES))


def _lines(name: str, what: str, opened: Opened) -> Iterator[Line]:
    """Yield the lines of a page: against bare bytes, the time, a new process's time, the size."""
    yield Line(
        name=f"{name}-bare",
        what=what,
        against="bare ASGI, the same bytes",
        unit="ms",
        bound=200.0,
        at_most=True,
        sides=partial(_against_bare, opened=opened),
    )
    yield Line(
        name=name,
        what=what,
        against=f"{MILLISECONDS:.0f} ms",
        unit="ms",
        bound=1.0,
        at_most=True,
        sides=partial(_against_bound, opened=opened),
    )
    yield Line(
        name=f"{name}-first",
        what=f"{what}, by a process that has made none",
        against=f"{MILLISECONDS:.0f} ms",
        unit="ms",
        bound=1.0,
        at_most=True,
        sides=partial(_first_against_bound, opened=opened),
    )
    yield Line(
        name=f"{name}-bytes",
        what=what,
        against=f"{BYTES:,.0f} bytes",
        unit="bytes",
        bound=1.0,
        at_most=True,
        rounds=1,
        sides=partial(_bytes, opened=opened),
    )


LINES = (
    *_lines("page-manage", "the first page of 3,000 followings in guanxi manage", manage),
    *_lines("page-overview", "the console's overview", partial(console, path="/")),
    *_lines(
        "page-accounts", "the console's accounts, first page", partial(console, path="/accounts")
    ),
)


class _NoVault:
    """A vault without credentials."""

    def load(self, _server: str, _name: str) -> None:
        return None

    def save(self, _server: str, _name: str, _credential: Credential) -> str:
        return ""

    def delete(self, _server: str, _name: str) -> bool:
        return False


def main() -> None:
    import uvicorn

    from guanxi.manage.application import Pages

    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    pages = Pages(_NoVault(), base_url="http://127.0.0.1:9", folder=folder)
    pages.token = _TOKEN
    config = uvicorn.Config(pages.application, port=port, log_level="warning", access_log=False)
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
