"""Times as the wire writes them: in the time of Beijing, whatever the machine's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

_BEIJING = timezone(timedelta(hours=8))


def minute(seconds: int) -> str:
    """YYYY-MM-DD HH:MM."""
    return _at(seconds).strftime("%Y-%m-%d %H:%M")


def second(seconds: int) -> str:
    """YYYY-MM-DD HH:MM:SS."""
    return _at(seconds).strftime("%Y-%m-%d %H:%M:%S")


def day(seconds: int) -> str:
    """YYYY-MM-DD."""
    return _at(seconds).strftime("%Y-%m-%d")


def length(seconds: int) -> str:
    """A duration: MM:SS, with as many minutes as it takes."""
    return f"{seconds // 60:02}:{seconds % 60:02}"


def seconds_of_day(text: str) -> int:
    """When a day (YYYY-MM-DD) begins, in seconds since 1970; ``ValueError`` for no day."""
    return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=_BEIJING).timestamp())


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone(_BEIJING)
