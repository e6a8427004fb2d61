"""What msgspec raises for bytes that are not JSON of the expected type."""

from __future__ import annotations

import msgspec

#: Of which only the first names what is wrong; the second quotes bytes of the input.
UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def why(error: BaseException) -> str:
    """Return what is wrong with an input that raised one of ``UNDECODABLE``, without quoting it."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error)
