"""Settings: where they come from, which one wins, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from guanxi.contract.limits import DOCUMENTED, OPEN
from guanxi.service.config import SettingError, Settings, with_limits
from guanxi.service.configuration import load
from guanxi.text import Text

_FILE = """
profile = "documented"
request_seconds = 2.5
log_requests = true
card_cache = 5
card_staleness = 1.5
cors_origins = ["https://app.example.com", "http://[::1]:5173"]
wbi_window = 60

[limits]
page_size = 7
groups = 3
"""


def test_defaults() -> None:
    assert load(environ={}) == Settings(profile=OPEN)
    assert load("documented", environ={}).profile == DOCUMENTED


def test_a_file_counts_more_than_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "guanxi.toml"
    file.write_text(_FILE)
    environ = {"GUANXI_LIMIT_GROUPS": "4", "GUANXI_STORE": "x", "GUANXI_STRICT_REFERER": "true"}
    read = load(file=file, environ=environ)
    assert (read.strict_referer, read.wbi_window) == (True, 60)
    environ = {"GUANXI_WBI_WINDOW": "0", "GUANXI_STRICT_REFERER": "0"}
    without = load(file=file, environ=environ)
    assert (without.strict_referer, without.wbi_window) == (False, 60)
    assert (read.profile.name, read.request_seconds, read.log_requests) == ("documented", 2.5, True)
    assert (read.card_cache, read.card_staleness) == (5, 1.5)
    assert read.cors_origins == ("https://app.example.com", "http://[::1]:5173")
    assert read.requests_at_once == Settings().requests_at_once
    limits = read.profile.limits
    assert (limits.page_size, limits.groups, limits.ids_per_call) == (7, 3, 50)
    limits = load(environ={"GUANXI_LIMIT_GROUPS": "4"}).profile.limits
    assert limits.groups == 4
    file.write_text(_FILE.replace("wbi_window = 60\n", ""))
    named = load("open", file=file, environ={}).profile
    assert (named.name, named.limits.page_size) == ("open", 7), "the argument takes precedence"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[limits]\npage_sise = 1", "page_sise"),
        ("[limits]\npage_size = 0", "page_size"),
        ("[limits]\npage_size = '5'", "limits"),
        ("[limits]\npage_size = 1.5", "limits"),
        ("limits = 5", "limits"),
        ("profil = 'open'", "profil"),
        ("profile = 'closed'", "closed"),
        ("request_seconds = 0", "request_seconds"),
        ("requests_at_once = 0", "requests_at_once"),
        ("log_requests = 1", "log_requests"),
        ("card_cache = -1", "card_cache"),
        ("card_staleness = 0", "card_staleness"),
        ("strict_referer = 1", "strict_referer"),
        ("profile = 'documented'\nwbi_window = -1", "wbi_window"),
        ("profile = 'open'\nstrict_referer = true", "strict_referer: only the profile documented"),
        ("wbi_window = 60", "wbi_window: only the profile documented has this switch, open has"),
        ("cors_origins = 'http://x.example'", "cors_origins"),
        ("cors_origins = [1]", "cors_origins"),
        ("cors_origins = ['http://x.example/']", "cors_origins.*send it: http://x.example "),
        ("= 1", "guanxi.toml"),
        ("\x00", "guanxi.toml"),
    ],
)
def test_invalid_settings_in_a_file(text: str, named: str, tmp_path: Path) -> None:
    file = tmp_path / "guanxi.toml"
    file.write_text(text)
    with pytest.raises(SettingError, match=named):
        load(file=file, environ={})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"missing\.toml"):
        load(file=tmp_path / "missing.toml", environ={})
    (tmp_path / "latin.toml").write_bytes(b"\xff")
    with pytest.raises(SettingError, match=r"latin\.toml"):
        load(file=tmp_path / "latin.toml", environ={})


@pytest.mark.parametrize(
    ("name", "value"),
    [("PAGE_SIZE", "x"), ("PAGE_SIZE", ""), ("PAGE_SIZE", "-1"), ("PAGE_SIZE", str(2**31))],
)
def test_invalid_settings_in_the_environment(name: str, value: str) -> None:
    with pytest.raises(SettingError, match="page_size"):
        load(environ={f"GUANXI_LIMIT_{name}": value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("STRICT_REFERER", "yes"), ("STRICT_REFERER", ""), ("WBI_WINDOW", "-1"), ("WBI_WINDOW", "1m")],
)
def test_invalid_switches_in_the_environment(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"GUANXI_{name}"):
        load("documented", environ={f"GUANXI_{name}": value})


def test_the_profile_open_refuses_the_switches_of_documented() -> None:
    for name, value in (("STRICT_REFERER", "1"), ("WBI_WINDOW", "60")):
        with pytest.raises(SettingError, match=name.lower()):
            load("open", environ={f"GUANXI_{name}": value})
        assert load("open", environ={f"GUANXI_{name}": "0"}) == Settings(profile=OPEN)
    with pytest.raises(SettingError, match="wbi_window"):
        Settings(profile=OPEN, wbi_window=1)


def test_errors_for_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"limits\.nonsense.*page_size"):
        load(environ={"GUANXI_LIMIT_NONSENSE": "1"})
    with pytest.raises(SettingError, match="documented, open"):
        load("closed", environ={})
    with pytest.raises(SettingError, match="nope"):
        with_limits(OPEN, {"nope": 1})


def test_origins_of_the_environment_are_separated_by_commas() -> None:
    environ = {"GUANXI_CORS_ORIGINS": "https://b.example, http://localhost:3000,"}
    read = load(environ=environ)
    assert read.cors_origins == ("https://b.example", "http://localhost:3000")
    assert load(environ={"GUANXI_CORS_ORIGINS": ""}).cors_origins == ()


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ("*", "list each"),
        ("null", "is not an origin"),
        ("app.example.com", "is not an origin"),
        ("localhost:3000", "is not an origin"),
        ("https://", "is not an origin"),
        ("ftp://x.example", "is not an origin"),
        ("http://[::1", "is not an origin"),
        ("http://x:port", "is not an origin"),
        ("https://*.example.com", "is not an origin"),
        ("https://x.example/", "send it: https://x.example"),
        ("https://x.example/page?a=1#b", "send it: https://x.example"),
        ("https://X.example", "send it: https://x.example"),
        ("HTTPS://x.example", "send it: https://x.example"),
        ("https://x.example:443", "send it: https://x.example"),
        ("http://x.example:80", "send it: http://x.example"),
        ("http://x.example:", "send it: http://x.example"),
        ("http://me:secret@x.example", "send it: http://x.example"),
        ("https://山.example", "send it: https://xn--"),
        ("https://" + "山" * 70, "is not an origin"),
    ],
)
def test_origins_that_no_browser_sends(origin: str, reason: str) -> None:
    with pytest.raises(SettingError) as raised:
        load(environ={"GUANXI_CORS_ORIGINS": f"https://right.example,{origin}"})
    english = Text.of(raised.value.args[0]).en
    assert english.startswith("bad setting cors_origins: ")
    assert reason in english
    assert "secret" not in english
