"""Text for people, in Chinese and in English; the edge that shows it chooses the language."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Language = Literal["zh", "en"]

#: The environment variables that name a language; the first that is set decides.
VARIABLES = ("GUANXI_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


class Text(Struct, frozen=True):
    """One text in both languages. ``str()`` is the English one, as in an exception of a library."""

    zh: str
    en: str

    def __str__(self) -> str:
        return self.en

    def __repr__(self) -> str:
        return repr(self.en)

    @classmethod
    def of(cls, text: str | Text) -> Text:
        """Return a text as it is, and a ``str`` as the same in both languages."""
        return text if isinstance(text, cls) else cls(str(text), str(text))

    def into(self, language: Language) -> str:
        """Return the text in one language."""
        return self.zh if language == "zh" else self.en


def language_of(environ: Mapping[str, str]) -> Language:
    """Return the language that the environment selects: Chinese for ``zh…``, otherwise English.

    ``environ`` is usually ``os.environ``; an empty variable counts as not set.
    """
    chosen = next((environ[name] for name in VARIABLES if environ.get(name)), "")
    return "zh" if chosen.lower().startswith("zh") else "en"


def deprecated(name: str, *, since: str, goes: str, use: str, stacklevel: int = 3) -> None:
    """Warn that a public name works for now only (docs/versioning.md); call it where it is used.

    Args:
        name: what is deprecated, as its users write it.
        since, goes: the minor version that warns first, and the one that lacks it: at least two
            minor versions later.
        use: what to use instead.
        stacklevel: how many frames above this one the user's code is.

    Raise ValueError if ``goes`` is too early.
    """
    first, last = (tuple(map(int, version.split("."))) for version in (since, goes))
    if last < (first[0], first[1] + 2) and last[0] == first[0]:
        raise ValueError(f"{name}: {goes} is less than two minor versions after {since}")
    warnings.warn(
        f"{name} is deprecated since {since} and goes in {goes}: use {use}",
        DeprecationWarning,
        stacklevel=stacklevel,
    )
