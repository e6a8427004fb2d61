"""The options and variables for the switches of the profile documented."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guanxi import Credential, SyncClient
from guanxi.contract import endpoints as e
from guanxi.contract.sign import key_of_url, mixin_key, wbi_sign
from tests.cli.runner import COMMAND, ENGLISH, error_of
from tests.service.client import send


@pytest.mark.long
def test_a_demo_with_both_switches() -> None:
    """One from an option and one from the environment, in every worker process."""
    argv = ["demo", "--json", "--port", "0", "--accounts", "100", "--edges", "900"]
    argv += ["--workers", "2", "--strict-referer"]
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *argv],
        stdout=subprocess.PIPE,
        env=os.environ | ENGLISH | {"GUANXI_WBI_WINDOW": "60", "GUANXI_STRICT_REFERER": "false"},
        text=True,
    )
    try:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        url, cookie = facts["base_url"], {"Cookie": f"SESSDATA={facts['sessdata']}"}
        credential = Credential(facts["sessdata"], facts["bili_jct"])
        with SyncClient(base_url=url, credential=credential) as client:
            images = client.web.nav().wbi_img
            assert client.relation.followers(2).items is not None
        mixin = mixin_key(key_of_url(images.img_url), key_of_url(images.sub_url))
        for age, code in ((0, 0), (600, -403)):
            pairs = [("mid", "2"), ("wts", str(int(time.time()) - age))]
            pairs.append(("w_rid", wbi_sign(pairs, mixin)))
            for _ in range(4):
                answer = send(url, "GET", e.MUTUAL.path, query=pairs, headers=cookie)
                assert answer.code == code, answer.raw
                answer = send(url, "GET", e.FOLLOWERS.path, query={"vmid": 2}, headers=cookie)
                assert answer.code == -352, answer.raw
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("en", "only the profile documented has this switch, open has not"),
        ("zh", "只有 documented 有此开关，open 没有"),
    ],
)
def test_the_profile_open_refuses_them(language: str, message: str, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    for options in (["--strict-referer"], ["--wbi-window", "60"]):
        assert message in error_of("serve", "--store", store, *options, GUANXI_LANG=language)
    variable = {"GUANXI_LANG": language, "GUANXI_WBI_WINDOW": "60"}
    assert message in error_of("serve", "--store", store, **variable)
    assert message in error_of("demo", "--profile", "open", "--port", "0", **variable)
    assert not store.exists()


def test_a_window_below_zero_is_refused(tmp_path: Path) -> None:
    argv = ("serve", "--store", tmp_path / "s.db", "--profile", "documented")
    assert "--wbi-window" in error_of(*argv, "--wbi-window", "-1")
    assert "GUANXI_WBI_WINDOW" in error_of(*argv, GUANXI_WBI_WINDOW="-1")
