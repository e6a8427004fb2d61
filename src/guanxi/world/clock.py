"""Times in the wire's formats, always in Beijing time (UTC+8), whatever the machine's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

_BEIJING = timezone(timedelta(hours=8))


def minute(seconds: int) -> str:
    """Return a Unix time, in seconds, as YYYY-MM-DD HH:MM in Beijing.

    Raise ``ValueError``, ``OSError`` or ``OverflowError`` if its year is not 1 to 9999.
    """
    return _beijing_time(seconds).strftime("%Y-%m-%d %H:%M")


def second(seconds: int) -> str:
    """Return a Unix time, in seconds, as YYYY-MM-DD HH:MM:SS in Beijing.

    Raise ``ValueError``, ``OSError`` or ``OverflowError`` if its year is not 1 to 9999.
    """
    return _beijing_time(seconds).strftime("%Y-%m-%d %H:%M:%S")


def day(seconds: int) -> str:
    """Return the date of a Unix time, in seconds, as YYYY-MM-DD in Beijing.

    Raise ``ValueError``, ``OSError`` or ``OverflowError`` if its year is not 1 to 9999.
    """
    return _beijing_time(seconds).strftime("%Y-%m-%d")


def length(seconds: int) -> str:
    """Return a duration in seconds as MM:SS; more than 99 minutes take more digits."""
    return f"{seconds // 60:02}:{seconds % 60:02}"


def seconds_of_day(text: str) -> int:
    """Return the Unix time, in seconds, at which a day (YYYY-MM-DD) begins in Beijing.

    Raise ``ValueError`` if the text is not such a day.
    """
    return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=_BEIJING).timestamp())


def _beijing_time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone(_BEIJING)
