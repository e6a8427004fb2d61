"""A new secret of the store: running workers use it, and what was derived from the old one ends."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from guanxi.accounts import secrets
from guanxi.contract import endpoints as e
from guanxi.contract.sign import app_sign, mixin_key, wbi_sign
from guanxi.operations import admin_tokens
from guanxi.testing import RunningService, SignedIn, running
from tests.service.client import call, fresh, modify, secret_of, send

#: So many responses in a row come from both workers.
_IN_A_ROW = 30


def until_all(holds: Callable[[], bool]) -> None:
    """Wait until ``holds`` is true many times in a row."""
    row = 0
    until = time.monotonic() + 60
    while row < _IN_A_ROW:
        assert time.monotonic() < until, "a worker has not read the new secret"
        row = row + 1 if holds() else 0


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_running_workers_use_a_new_secret(workers: int) -> None:
    with running(workers=workers) as service:
        caller, other = fresh(service, 2)
        app = secrets.new_app(secret_of(service))
        key = service.access_key(caller.mid)
        old = secret_of(service)
        assert modify(service, caller, other.mid, 1).code == 0
        assert of_wbi(service, caller, old) == 0
        assert of_app(service, key, *app) == 0
        service.do(admin_tokens.rotate_secret)
        assert secret_of(service) != old
        # csrf: the cookie signs in still, and changes nothing.
        until_all(lambda: modify(service, caller, other.mid, 2).code == -111)
        until_all(lambda: of_wbi(service, caller, old) == -403)
        until_all(lambda: of_app(service, key, *app) == -403)
        assert call(service, e.NAV, caller).data["mid"] == caller.mid
        # What is made now is accepted by every worker.
        new = secret_of(service)
        again = service.sign_in(caller.mid)
        assert again.bili_jct == secrets.bili_jct(new, again.sessdata)
        app = secrets.new_app(new)
        until_all(lambda: modify(service, again, other.mid, 1).code in (0, 22014))
        until_all(lambda: of_wbi(service, caller, new) == 0)
        until_all(lambda: of_app(service, key, *app) == 0)
        # The nav names the keys of the new secret.
        shown = call(service, e.NAV, again).data["wbi_img"]
        names = [shown[part].rpartition("/")[2].partition(".")[0] for part in shown]
        assert names == list(secrets.wbi_keys(new, int(time.time())))


def of_wbi(service: RunningService, caller: SignedIn, secret: bytes) -> int:
    """Return the code of a request that is signed with the wbi keys of a secret."""
    pairs = [("mid", str(caller.mid)), ("wts", str(int(time.time())))]
    mixin = mixin_key(*secrets.wbi_keys(secret, int(time.time())))
    query = [*pairs, ("w_rid", wbi_sign(pairs, mixin))]
    return send(service.base_url, "GET", e.SPACE_INFO.path, query=query).code


def of_app(service: RunningService, key: str, appkey: str, appsec: str) -> int:
    """Return the code of a request that is signed with an app key pair."""
    pairs = [("access_key", key), ("appkey", appkey)]
    return call(service, e.FRIENDS, None, [*pairs, ("sign", app_sign(pairs, appsec))]).code
