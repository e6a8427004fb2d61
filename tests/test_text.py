"""Text in two languages, and which of them is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from guanxi.text import Language, Text, deprecated, language_of

GREETING = Text("你好", "hello")


def test_a_text_in_one_language() -> None:
    assert (GREETING.into("zh"), GREETING.into("en")) == ("你好", "hello")
    assert (str(GREETING), repr(GREETING), str(ValueError(GREETING))) == (
        "hello",
        "'hello'",
        "hello",
    )


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "ZH"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({"LC_ALL": "C.UTF-8", "LC_MESSAGES": "zh_TW"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_HK"}, "zh"),
        ({"GUANXI_LANG": "en", "LC_ALL": "zh_CN"}, "en"),
    ],
)
def test_the_first_variable_that_is_set_decides(
    environ: dict[str, str], language: Language
) -> None:
    assert language_of(environ) == language


def test_a_plain_text_is_the_same_in_both_languages() -> None:
    assert Text.of(GREETING) is GREETING
    assert Text.of("42") == Text("42", "42")


def test_a_deprecation_says_what_to_use_and_when_it_goes() -> None:
    def old_name() -> None:
        deprecated("guanxi.old_name", since="0.2", goes="0.4", use="guanxi.new_name")

    expected = "guanxi.old_name is deprecated since 0.2 and goes in 0.4: use guanxi.new_name"
    with pytest.warns(DeprecationWarning, match=f"^{expected}$") as caught:
        old_name()
    assert caught[0].filename == __file__  # where the user's code calls it
    page = (Path(__file__).parents[1] / "docs/versioning.md").read_text("utf-8")
    assert f"DeprecationWarning: {expected}\n" in page


@pytest.mark.parametrize(("since", "goes"), [("0.2", "0.3"), ("0.2", "0.2"), ("1.9", "1.10")])
def test_a_deprecation_lasts_two_minor_versions(since: str, goes: str) -> None:
    with pytest.raises(ValueError, match="less than two minor versions"):
        deprecated("x", since=since, goes=goes, use="y")


def test_a_new_major_version_may_end_a_deprecation() -> None:
    with pytest.warns(DeprecationWarning, match="goes in 1.0"):
        deprecated("x", since="0.9", goes="1.0", use="y")
