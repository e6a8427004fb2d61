"""How values are shown, and in which language and zone."""

from __future__ import annotations

from datetime import UTC

import pytest

from guanxi.web import shown
from guanxi.web.forms import local_path
from guanxi.web.language import language_of
from guanxi.web.paging import block_of, whole_number, with_query


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "en-GB,en;q=0.9,zh;q=0.8", "en"),
        (None, "fr,zh;q=0.5", "zh"),
        (None, "en;q=0.3,zh-TW;q=0.7", "zh"),
        (None, "zh;q=0,en;q=0.1", "en"),
        (None, "zh;q=nan,en;q=0.1", "en"),
        (None, "de,fr", "en"),
        ("en", "zh", "en"),
        ("zh", "en", "zh"),
        ("xx", "zh", "zh"),
    ],
)
def test_the_language_of_a_page(chosen: str | None, accepted: str, language: str) -> None:
    assert language_of(chosen, accepted) == language


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("山新", "山新"),
        ("<b>", "<b>"),
        ("a\0b\n\x1b\x7f", "a␀b␊␛␡"),
        ("\u202eabc\u2066", "�abc�"),
        ("\x85\u2028\ud800", "���"),
        ("👩\u200d💻", "👩\u200d💻"),
    ],
)
def test_control_characters_are_seen_and_do_nothing(text: str, seen: str) -> None:
    assert shown.visible(text) == seen


def test_code_keeps_its_lines() -> None:
    assert shown.visible_lines("a\nb\t\x00") == "a\nb␉␀"


@pytest.mark.parametrize(
    ("name", "letter"),
    [("warma", "W"), ("=咬人猫=", "="), ("\u202e山", "山"), (" ", "?"), ("", "?"), ("ß", "S")],
)
def test_the_letter_of_a_face(name: str, letter: str) -> None:
    assert shown.letter(name) == letter


def test_faces_have_all_colours_and_keep_theirs() -> None:
    assert {shown.colour(mid) for mid in range(1, 200)} == set(range(shown.COLOURS))
    assert shown.colour(293793435) == shown.colour(293793435)


def test_times_and_numbers() -> None:
    shanghai = shown.zone_named("Asia/Shanghai")
    assert shown.local(1_793_491_200, shanghai) == "2026-11-01 08:00:00"
    assert shown.local(1_793_491_200, UTC) == "2026-11-01 00:00:00"
    assert shown.iso(1_793_491_200) == "2026-11-01T00:00:00Z"
    assert (shown.local(1e20, UTC), shown.iso(1e20)) == ("?", "")
    assert shown.grouped(1234567) == "1,234,567"


@pytest.mark.parametrize(
    "name", [None, "", "No/Where", "../etc/passwd", "/etc/localtime", "a" * 99]
)
def test_an_unknown_zone_is_utc(name: str | None) -> None:
    assert shown.zone_named(name) is UTC


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/docs?q=a", "/docs?q=a"),
        ("//example.org", "/"),
        ("/\\example.org", "/"),
        ("https://example.org", "/"),
        ("/a\r\nSet-Cookie: b", "/"),
        ("", "/"),
    ],
)
def test_the_way_back_is_a_path_of_ours(address: str, path: str) -> None:
    assert local_path(address) == path


def test_blocks_and_addresses() -> None:
    rows = [*range(450)]
    first = block_of(rows, 0, "rows?q=a")
    assert (len(first.rows), first.next) == (200, "rows?q=a&start=200")
    last = block_of(rows[400:], 400, "rows")
    assert (len(last.rows), last.next) == (50, "")
    assert block_of(rows[250:], 250, "rows").next == "", "the 450th is the last"
    assert with_query("a", {"b": "", "c": "1 &"}) == "a?c=1+%26"


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("", 0), ("-1", 0), ("٣", 0), ("9" * 30, 0), ("99", 50)]
)
def test_numbers_of_an_address(text: str, number: int) -> None:
    assert whole_number(text, most=50 if text == "99" else 2**63 - 1) == number
