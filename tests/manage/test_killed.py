"""``guanxi manage`` killed while it applies a plan: started again, it goes on with what is left."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from guanxi import Credential, SyncClient
from guanxi.testing import RunningService
from tests.console.visitor import Visitor
from tests.manage.process import started


def until(visitor: Visitor, path: str, text: str) -> str:
    """Visit a page until it has a text, and return it."""
    end = time.monotonic() + 60
    while text not in visitor.visit(path):
        assert time.monotonic() < end, visitor.page
        time.sleep(0.05)
    return visitor.page


def followings(service: RunningService, credential: Credential) -> set[int]:
    with SyncClient(base_url=service.base_url, credential=credential) as client:
        return {item.mid for item in client.relation.iter_followings(1)}


@pytest.mark.long
def test_a_plan_goes_on_after_the_process_was_killed(
    service: RunningService, tmp_path: Path
) -> None:
    session = service.sign_in(1)
    credential = Credential(session.sessdata, session.bili_jct)
    parts = {name: value for name, value in asdict(credential).items() if value}
    (tmp_path / "guanxi").mkdir()
    saved = tmp_path / "guanxi" / "credentials.json"
    saved.write_text(json.dumps({f"default@{service.base_url}": parts}))
    saved.chmod(0o600)
    with started(tmp_path, service.base_url) as (process, visitor):
        visitor.submit("Use this account")
        home = visitor.path
        visitor.submit("Take a snapshot")
        until(visitor, home, "Snapshot 1 is complete")
        visitor.visit(f"{home}/lists/followings")
        visitor.submit("Make a plan", action="unfollow", whole="1")
        plan = visitor.path
        slow = service.fault("relation.modify", delay=1.0)
        visitor.submit("Apply now")
        end = time.monotonic() + 30
        while len(service.requests_to("relation.modify")) < 2:
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    slow.remove()
    # The request that was sent is done by the server, although nobody waits for its response.
    end = time.monotonic() + 30
    while len(followings(service, credential)) != 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    with started(tmp_path, service.base_url) as (_, visitor):
        page = visitor.visit(plan)
        assert "left to do" in page
        visitor.submit("Go on")
        until(visitor, plan, "4 of 4 acts were done")
        assert followings(service, credential) == set()
        # The act whose response was lost is looked up, and not sent again.
        service.assert_called("relation.modify", times=4)
        page = visitor.submit("Plan to undo it")
        visitor.submit("Apply now")
        until(visitor, visitor.path, "4 of 4 acts were done")
    assert followings(service, credential) == {2, 3, 4, 5}
