"""The clock of a service under test: real time, frozen, or moved."""

from __future__ import annotations

from collections.abc import Callable

from guanxi.stores.lines import LATEST

_NS = 10**9


class Clock:
    """Returns nanoseconds since the Unix epoch when it is called, as the service's clock does."""

    def __init__(self, real: Callable[[], int]) -> None:
        """Follow ``real``, which returns nanoseconds since the Unix epoch."""
        self._real = real
        self._frozen: int | None = None
        self._ahead = 0

    def __call__(self) -> int:
        return self._real() + self._ahead if self._frozen is None else self._frozen

    @property
    def is_frozen(self) -> bool:
        return self._frozen is not None

    def at(self, seconds: float) -> None:
        """Freeze the clock at a Unix time. Raise ValueError if it is before 1970 or after 9999."""
        self._frozen = _checked(round(seconds * _NS))

    def advance(self, seconds: float) -> None:
        """Move the clock, frozen or not, forwards, or backwards if ``seconds`` is negative.

        Raise ValueError if it would be before 1970 or after 9999.
        """
        moved = _checked(self() + round(seconds * _NS))
        if self._frozen is None:
            self._ahead += round(seconds * _NS)
        else:
            self._frozen = moved

    def resume(self) -> None:
        """Return to real time."""
        self._frozen, self._ahead = None, 0


def _checked(nanoseconds: int) -> int:
    if not 0 <= nanoseconds // _NS <= LATEST:
        raise ValueError("the service's clock must be from 1970 to 9999")
    return nanoseconds
