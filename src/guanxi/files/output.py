"""Output files: the form that a name's ending chooses, and writing a file whole or not at all."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, NamedTuple, cast

from guanxi.files.folders import temporary_folder
from guanxi.stores.port import StoreError
from guanxi.text import Text

Compression = Literal["none", "gzip", "zstd"]

#: By ending.
_FORMS: dict[str, Literal["csv", "json", "parquet"]] = {
    ".csv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}


class Form(NamedTuple):
    """The form of a file: CSV, JSON Lines ("json") or Parquet, and its compression."""

    name: Literal["csv", "json", "parquet"]
    compression: Compression = "none"

    def open(self, path: Path) -> IO[bytes]:
        """Open a new file for writing; it is compressed if the compression is gzip."""
        if self.compression == "gzip":
            # No time in the header: the same rows make the same bytes.
            return cast(IO[bytes], gzip.GzipFile(path, "wb", compresslevel=6, mtime=0))
        return path.open("wb")


def form_of(path: Path) -> Form:
    """Return the form that the ending of a file's name chooses. Raise StoreError for another."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    compression: Compression = "none"
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        compression = _COMPRESSIONS[suffixes.pop()]
    name = _FORMS.get(suffixes[-1]) if suffixes else None
    if name is None or (name == "parquet" and compression != "none"):
        raise StoreError(
            Text(
                f"{path} 须以 .csv、.jsonl 或 .parquet 结尾；前两种之后可加 .gz 或 .zst",
                f"{path} must end in .csv, .jsonl or .parquet; the first two also with .gz or .zst",
            )
        )
    return Form(name, compression)


def write_all(out: IO[bytes], block: bytes) -> int:
    """Write a block completely and return its size in bytes.

    A raw file, such as standard output under PYTHONUNBUFFERED, may write only a part at a time.
    """
    rest = memoryview(block)
    while rest:
        rest = rest[out.write(rest) :]
    return len(block)


@contextmanager
def whole_file(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield a temporary path next to ``path``; the file is renamed to it if the block succeeds.

    Raise StoreError if ``path`` exists and ``force`` is not set, if it is no regular file, or if
    the file cannot be written; then ``path`` is as before, and nothing else is left.
    """
    check_target(path, force=force)
    with written(path.parent, prefix=f".{path.name}-") as folder:
        temporary = folder / path.name
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        check_target(path, force=force)
        temporary.replace(path)


@contextmanager
def written(parent: Path | None = None, *, prefix: str = "guanxi-export-") -> Iterator[Path]:
    """Yield a new temporary folder in ``parent``, which is deleted at the end.

    Raise StoreError for an OSError in the block other than a broken pipe.
    """
    try:
        with temporary_folder(prefix, parent) as folder:
            yield folder
    except BrokenPipeError:
        raise
    except OSError as error:
        where = parent or "the temporary folder"
        raise StoreError(
            Text(
                f"{parent or '临时文件夹'} 无法写入：{error.strerror}；没有留下文件",
                f"{where} cannot be written: {error.strerror}; no file was left",
            )
        ) from None


def check_target(path: Path, *, force: bool) -> None:
    """Raise StoreError if ``path`` exists and ``force`` is not set, or if it is no regular file."""
    if path.exists() and not path.is_file():
        raise StoreError(Text(f"{path} 不是文件", f"{path} is not a regular file"))
    if path.exists() and not force:
        raise StoreError(
            Text(f"{path} 已存在；--force 会替换它", f"{path} exists; --force replaces it")
        )
