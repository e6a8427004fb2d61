"""Text in two languages, and which of them is shown."""

from __future__ import annotations

import pytest

from guanxi.text import Language, Text, language_of

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
