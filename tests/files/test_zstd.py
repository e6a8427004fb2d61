"""Compressed files that were cut off or are broken are refused, since part of them is missing."""

from __future__ import annotations

import gzip
from io import BytesIO
from pathlib import Path

import pytest

from guanxi.files.zstd import check_frames
from guanxi.stores.port import StoreError
from tests.counts import count
from tests.files.reading import file, follow, read
from tests.files.test_forms import zstd

#: Text of several zstd blocks, which are of at most 128 KiB.
MANY = "follower,followed,time\n" + "".join(f"{mid},{mid + 7},{mid}\n" for mid in range(1, 20_001))
SKIPPABLE = b"\x5a\x2a\x4d\x18" + b"\x03\0\0\0" + b"abc"
MAGIC = b"\x28\xb5\x2f\xfd"
#: A header of each length, each with its blocks: raw, of one repeated byte, and the last one.
FRAMES = {
    "a window": MAGIC + b"\x00\x58" + b"\x18\0\0abc" + b"\x01\0\0",
    "a size of 1 byte": MAGIC + b"\x20\x06" + b"\x18\0\0abc" + b"\x1b\0\0x",
    "a size of 2 bytes": MAGIC + b"\x40\x58\x06\x00" + b"\x19\0\0abc",
    "a size of 4 bytes": MAGIC + b"\xa0\x03\0\0\0" + b"\x19\0\0abc",
    "a size of 8 bytes": MAGIC + b"\xe0\x03\0\0\0\0\0\0\0" + b"\x19\0\0abc",
    "a dictionary of 1 byte": MAGIC + b"\x01\x58\x09" + b"\x19\0\0abc",
    "a dictionary of 2 bytes": MAGIC + b"\x02\x58\x09\x09" + b"\x19\0\0abc",
    "a dictionary of 4 bytes": MAGIC + b"\x23\x09\x09\x09\x09\x03" + b"\x19\0\0abc",
    "a checksum": MAGIC + b"\x04\x58" + b"\x19\0\0abc" + b"\1\2\3\4",
    "a frame to skip": SKIPPABLE,
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_frame_ends_where_its_headers_say(frame: bytes) -> None:
    check_frames(BytesIO(frame))
    check_frames(BytesIO(frame + frame))
    for cut in range(1, len(frame)):
        with pytest.raises(EOFError):
            check_frames(BytesIO(frame[:cut]))
        with pytest.raises(EOFError):
            check_frames(BytesIO(frame + frame[:cut]))
    with pytest.raises(ValueError, match=f"no frame begins at byte {len(frame)}"):
        check_frames(BytesIO(frame + b"abcd"))


def test_an_unknown_type_of_block_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown type"):
        check_frames(BytesIO(MAGIC + b"\x00\x58" + b"\x1f\0\0abc"))


@pytest.mark.long
@pytest.mark.parametrize("compress", [zstd, gzip.compress])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, compress: type[bytes]) -> None:
    """Wherever it is cut, also between two blocks and inside the header of the last."""
    whole = compress(MANY.encode())
    assert len(read(file(tmp_path, whole)).rows) == 20_000
    cuts = [len(whole) // 2, len(whole) - 3, 5, 4, 8, len(whole) // 3, len(whole) - 1]
    for cut in cuts[: count(2, 7)]:
        with pytest.raises(StoreError, match=r"broken (zstd|gzip) file"):
            read(file(tmp_path, whole[:cut]), skip_bad=True)


def test_zstd_in_several_frames_is_read(tmp_path: Path) -> None:
    frames = [zstd(text.encode()) for text in ("follower,followed,time\n1,2,3\n", "4,5,6\n")]
    path = file(tmp_path, SKIPPABLE.join([b"", *frames]))
    assert read(path).rows == [follow(1, 2, 3), follow(4, 5, 6)]


def test_what_follows_the_last_frame_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, zstd(b"follower,followed\n1,2\n") + b"4,5\n")
    with pytest.raises(StoreError, match="broken zstd file: no frame begins at byte"):
        read(path)
