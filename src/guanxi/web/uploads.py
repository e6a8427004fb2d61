"""Forms with a file, which browsers send as multipart/form-data, with or without JavaScript."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from guanxi.text import Text
from guanxi.web.forms import FIELD, NOT_OURS, Fields, Refusal, browser_id, csrf_of, is_own_origin

#: The most bytes of the fields around a file, and how many there are.
_FIELD_BYTES, _PARTS, _TYPE_BYTES = 65_536, 50, 1_024


async def upload_of(request: Request, key: bytes, file: IO[bytes], most: int) -> Fields:
    """Write the one file of a form that one of our pages sent, and return the other fields.

    The csrf token must come before the file: nothing is written without it. Of the file's name the
    field ``file`` is returned, which is "" if none was chosen. Raise Refusal: 403 if another page
    sent it, 413 for a file of over ``most`` bytes, 400 for what is not such a form.
    """
    if not is_own_origin(request):
        raise Refusal(403, NOT_OURS)
    sent = request.headers.get("content-type", "")[:_TYPE_BYTES]
    kind, options = parse_options_header(sent)
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise Refusal(400, _UNREADABLE)
    pairs: list[tuple[str, str]] = []
    try:
        parser = PushMultipartParser(options["boundary"], max_segment_count=_PARTS, strict=True)
        part: MultipartSegment | None = None
        value, size, is_ours = bytearray(), 0, False
        async for chunk in request.stream():
            for event in parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    part, value = event, bytearray()
                    if part.filename is not None and not is_ours:
                        raise Refusal(403, NOT_OURS)
                elif event is not None and part is not None and part.filename is not None:
                    size += len(event)
                    if size > most:
                        raise Refusal(413, _too_large(most))
                    file.write(event)
                elif event is not None:
                    value += event
                    if len(value) > _FIELD_BYTES:
                        raise Refusal(413, _too_large(most))
                elif part is not None:
                    text = value.decode() if part.filename is None else part.filename
                    is_ours = is_ours or (part.name == FIELD and _is_token(request, key, text))
                    pairs.append((part.name, text))
        parser.close()
    except (MultipartError, UnicodeDecodeError, ClientDisconnect):
        raise Refusal(400, _UNREADABLE) from None
    if not is_ours:
        raise Refusal(403, NOT_OURS)
    return Fields(pair for pair in pairs if pair[0] != FIELD)


def _is_token(request: Request, key: bytes, given: str) -> bool:
    browser = browser_id(request)
    return bool(browser) and hmac.compare_digest(given.encode(), csrf_of(key, browser).encode())


def _too_large(most: int) -> Text:
    number = most // 1_048_576
    return Text(f"文件超过 {number} MB。", f"The file has more than {number} MB.")


_UNREADABLE = Text(
    "无法读取上传的文件，请再选一次。", "The uploaded file cannot be read: choose it again."
)


# --- kept in a folder ---

_NAME = re.compile(r"[0-9a-f]{16}")
_ENDING = ".upload"


@contextmanager
def keeping(folder: Path, most: int) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name of a new upload and the file to write, of mode 0600.

    It is kept if the block ends, with the ``most`` newest of the folder. Raise OSError if it cannot
    be written.
    """
    name = secrets.token_hex(8)
    path, begun = folder / f"{name}{_ENDING}", folder / f".{name}"
    descriptor = os.open(begun, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield name, file
        begun.replace(path)
    finally:
        begun.unlink(missing_ok=True)
    uploads = sorted(folder.glob(f"*{_ENDING}"), key=lambda path: path.stat().st_mtime_ns)
    for old in uploads[:-most]:
        old.unlink(missing_ok=True)


def kept(folder: Path, name: str) -> Path | None:
    """Return the path of an upload by its name; None if there is no such upload."""
    path = folder / f"{name}{_ENDING}"
    return path if _NAME.fullmatch(name) and path.is_file() else None
