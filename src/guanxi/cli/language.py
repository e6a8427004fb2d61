"""The language of the command line: help, messages and errors are in one language at a time."""

from __future__ import annotations

import os

from guanxi.text import Text, language_of


def shown(text: Text) -> str:
    """Return a text in the language of the environment."""
    return text.into(language_of(os.environ))


def text(zh: str, en: str) -> str:
    """Return the one of two texts that is in the language of the environment."""
    return shown(Text(zh, en))
