"""Targets: requests to the two addresses that need a token, the administration and the emulator.

The first byte of an input chooses the method and path, the second the mids in it; the rest is the
query and, after a line feed, the body.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote_from_bytes, urlsplit

from hypothesis import strategies as st
from msgspec import Struct

from guanxi.emulator import control
from guanxi.service import admin, admin_accounts, admin_audit, admin_marks
from guanxi.testing import RunningService, running
from tests.fuzz.pieces import JSON, Bytes, Json, damaged, fitting, json_bytes, mixed
from tests.fuzz.target import Check, Target
from tests.service.client import contents

#: The bodies of the administration by method and path; other requests have none.
_ADMIN_BODIES: dict[tuple[str, str], type[Struct]] = {
    ("PUT", "/accounts"): admin.KeyedBody,
    ("PUT", "/accounts/{mid}"): admin.AccountBody,
    ("PUT", "/accounts/{mid}/privacy"): admin.PrivacyBody,
    ("PUT", "/accounts/{mid}/state"): admin_accounts.StateBody,
    ("POST", "/accounts/{mid}/sessions"): admin.SignInBody,
    ("PUT", "/accounts/{mid}/mutes/{target}"): admin_marks.MuteBody,
    ("POST", "/sessions/revoke"): admin.RevokeBody,
    ("POST", "/logins/agree"): admin.AgreementBody,
    ("POST", "/tokens"): admin_audit.TokenBody,
}
#: What replaces the parameters of a path.
_MIDS = (
    b"1",
    b"2",
    b"3",
    b"0",
    b"-1",
    b"9" * 19,
    b"9" * 5_000,
    b"\xd9\xa3",
    b"a/b",
    b"\x1b[31m",
    b"",
)
Route = tuple[str, str, type[Struct] | None]


def _admin_routes() -> list[Route]:
    """Return the method and path of each request that the administration's document lists."""
    lines = [line for line in (admin.__doc__ or "").splitlines() if line.startswith("| ")]
    found = []
    for line in lines:
        method, _, path = line.removeprefix("| ").partition(" |")[0].partition(" ")
        if path.startswith("/"):
            path = path.partition("?")[0].replace("{id}", "{target}")
            found.append((method, path, _ADMIN_BODIES.get((method, path))))
    return found


ADMIN: list[Route] = _admin_routes()
#: Not worlds, which are services of their own.
CONTROL: list[Route] = [
    (verb.method, control.BASE + verb.path, verb.body)
    for verb in control._VERBS
    if verb.path != "/worlds"
]


def _sent(
    base: str, token: str, method: str, target: str, body: bytes
) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, found, answer.read()
    finally:
        connection.close()


def _opened(
    routes: list[Route], address: Callable[[RunningService], tuple[str, str]], *, unchanged: bool
) -> Callable[[], Any]:
    """Return the ``open`` of a target; ``unchanged``: a refused request must change nothing."""

    @contextmanager
    def opened() -> Iterator[Check]:
        with running("open") as service:
            service.add_accounts(1, 2, 3)
            base, token = address(service)

            def check(raw: bytes) -> bool:
                if len(raw) < 2:
                    raise ValueError("too short")
                method, path, _ = routes[raw[0] % len(routes)]
                query, _, body = raw[2:].partition(b"\n")
                for at, name in enumerate(("{mid}", "{target}", "{name}", "{number}")):
                    value = _MIDS[(raw[1] + at * (raw[1] // len(_MIDS))) % len(_MIDS)]
                    path = path.replace(name, quote_from_bytes(value))
                target = f"{path}?{quote_from_bytes(query, safe='=&%+,')}" if query else path
                before = _kept(service)
                status, headers, answer = _sent(base, token, method, target, body)
                _check(status, headers, answer)
                if unchanged and (status >= 400 or method == "GET"):
                    assert _kept(service) == before, f"{method} {target} changed something"
                if status < 300 and method != "GET":
                    service.renew()
                    service.add_accounts(1, 2, 3)
                if status >= 400:
                    raise ValueError(status)
                return True

            yield check

    return opened


def _kept(service: RunningService) -> object:
    """Return what is in the store, but for the log of what administration did."""
    rows: Any = contents(service)
    return {name: of_table for name, of_table in rows.items() if name != "audit"}


def _check(status: int, headers: dict[str, str], answer: bytes) -> None:
    assert status < 500, answer
    assert status not in (401, 403, 405), answer
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    if status >= 400:
        error = json.loads(answer)["error"]
        assert isinstance(error, str)
        assert error
        assert "Traceback" not in error


_QUERY = mixed(
    *(b"limit=", b"5", b"&", b"after=", b"list=followers", b"name=u", b"state=banned", b"mid=1"),
    *(b"key=", b"wait=0", b"last=", b"by=", b"code=", b"=", b"%zz", b"\xff", b"nan", b"-1", b"inf"),
    *(b"9" * 20, b"9" * 5_000, b"created_after=", b"W1tbW1tb", b"token=x"),
    most=5,
).map(lambda raw: raw.replace(b"\n", b""))


@st.composite
def _inputs(draw: st.DrawFn, routes: list[Route]) -> bytes:
    number = draw(st.integers(0, len(routes) - 1))
    kind = routes[number][2]
    text: Json = JSON if kind is None else fitting(kind) | fitting(kind) | JSON
    body: Bytes = st.just(b"") if kind is None else json_bytes(text)
    query = draw(st.just(b"") | _QUERY) if routes[number][0] == "GET" else b""
    head = bytes([number, draw(st.sampled_from([0, 0, 0, 1, 2]) | st.integers(0, 255))])
    return head + query + b"\n" + draw(body | damaged(body))


TARGETS = (
    Target(
        "administration",
        _opened(
            ADMIN, lambda service: (service.admin_url or "", service.admin_token), unchanged=True
        ),
        _inputs(ADMIN),
        (ValueError,),
        counts=(20, 140),
        steps=None,
    ),
    Target(
        "emulator",
        _opened(
            CONTROL,
            lambda service: (
                service.emulator_url.removesuffix(control.BASE),
                service.emulator_token,
            ),
            unchanged=False,
        ),
        _inputs(CONTROL),
        (ValueError,),
        counts=(20, 140),
        steps=None,
    ),
)
