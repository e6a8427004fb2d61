"""The structure of a zstd file (RFC 8878, section 3.1), without decompressing it.

DuckDB reads a file that was cut off up to the cut and reports no error, so the frames are walked
first: their headers say where each block and each frame ends.
"""

from __future__ import annotations

import os
from typing import IO

MAGIC = b"\x28\xb5\x2f\xfd"
#: A frame that decoders skip begins with a number from 0x184D2A50 to 0x184D2A5F.
_SKIPPABLE, _SKIPPABLE_END = range(0x50, 0x60), b"\x2a\x4d\x18"
_DICTIONARY_BYTES = (0, 1, 2, 4)
_SIZE_BYTES = (0, 2, 4, 8)
_CHECKSUM_BYTES = 4
_RUN_LENGTH, _RESERVED = 1, 3


def is_zstd(head: bytes) -> bool:
    """Return whether a file that begins with these four bytes is zstd."""
    return head == MAGIC or _is_skippable(head)


def check_frames(file: IO[bytes]) -> None:
    """Read the headers of all frames and blocks of an open zstd file.

    Raise EOFError if the file ends inside a frame, ValueError if its structure is invalid. A file
    that ends between two frames is complete: nothing in it says that there were more.
    """
    size = file.seek(0, os.SEEK_END)
    at = file.seek(0)
    while at < size:
        magic = _read(file, 4)
        if magic == MAGIC:
            _check_blocks(file)
        elif _is_skippable(magic):
            file.seek(_number(file, 4), os.SEEK_CUR)
        else:
            raise ValueError(f"no frame begins at byte {at}")
        at = file.tell()
    if at > size:
        raise EOFError


def _is_skippable(head: bytes) -> bool:
    return head[1:] == _SKIPPABLE_END and head[0] in _SKIPPABLE


def _check_blocks(file: IO[bytes]) -> None:
    """Skip the rest of a frame, from its descriptor to its checksum."""
    descriptor = _number(file, 1)
    is_single = bool(descriptor & 0x20)
    length = _SIZE_BYTES[descriptor >> 6] or is_single
    length += _DICTIONARY_BYTES[descriptor & 3] + (not is_single)
    _read(file, length)
    is_last = False
    while not is_last:
        block = _number(file, 3)
        is_last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
        if kind == _RESERVED:
            raise ValueError("a block is of an unknown type")
        file.seek(1 if kind == _RUN_LENGTH else size, os.SEEK_CUR)
    if descriptor & 4:
        file.seek(_CHECKSUM_BYTES, os.SEEK_CUR)


def _read(file: IO[bytes], count: int) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise EOFError
    return found


def _number(file: IO[bytes], count: int) -> int:
    return int.from_bytes(_read(file, count), "little")
