"""What the bytes of a file say: its format, compression, encoding and line ends.

DuckDB reads UTF-8 and lines that end in LF, CRLF or CR. A file in UTF-16, one with a lone CR inside
a line, and a pipe or standard input, which can be read only once, are first rewritten into a
temporary folder.
"""

from __future__ import annotations

import codecs
import gzip
import re
import shutil
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, cast

from msgspec import Struct
from msgspec.structs import replace

from guanxi.files import foreign
from guanxi.files.zstd import check_frames, is_zstd
from guanxi.stores.port import StoreError
from guanxi.text import Text

#: The longest line, in bytes.
LONGEST_LINE = 2_000_000

_BLOCK = 1 << 20
_HEAD = 4
_PARQUET, GZIP = b"PAR1", b"\x1f\x8b"
#: As the name of a file to read: standard input.
STDIN = Path("-")
#: Which of four bytes are zero in ASCII text.
_UTF16_ZEROS: dict[tuple[bool, ...], str] = {
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}
_UTF16_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
#: DuckDB must have a separator, and fields are split afterwards: this one. In a file it is
#: rewritten, like a CR that does not end a line, as a character that no number or name may contain.
UNUSED = "\x1f"
_REWRITTEN = b"\x1e"
_UNREADABLE = re.compile(rb"\r(?!\n)|\x1f")


class Source(Struct, frozen=True, kw_only=True):
    """A file that DuckDB can read, and how."""

    #: The file that the user named, for messages.
    name: Path
    #: The file to read: ``name`` itself, or a rewritten copy.
    path: Path
    is_parquet: bool = False
    compression: Literal["none", "gzip", "zstd"] = "none"
    #: "\n": each CR and each LF ends a line. "\r\n": an LF, or a CR with its LF, ends a line.
    ends: str = "\n"
    #: False if no line has a double quote.
    has_quotes: bool = True
    #: True if it is not UTF-8, but all of it can be decoded as GB18030, and so perhaps is GBK.
    is_gb18030: bool = False


def prepared(name: Path, folder: Path) -> Source:
    """Look at a file, rewrite it into ``folder`` if that is needed, and return how to read it.

    The file "-" is standard input. Raise StoreError if it cannot be read, is no table or is broken.
    """
    with failures(name):
        return _prepared(name, folder)


@contextmanager
def failures(name: Path) -> Iterator[None]:
    """Raise StoreError, naming the file, if it cannot be read or decompressed in the block."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StoreError(
            Text(f"{name} 不是完整的 gzip 文件：{error}", f"{name} is a broken gzip file: {error}")
        ) from None
    except UnicodeError as error:
        raise StoreError(
            Text(f"{name} 不是有效的 UTF-16：{error}", f"{name} is not valid UTF-16: {error}")
        ) from None
    except OSError as error:
        why = error.strerror or error
        raise StoreError(Text(f"{name} 无法读取：{why}", f"{name} cannot be read: {why}")) from None


def _prepared(name: Path, folder: Path) -> Source:
    source = Source(name=name, path=name)
    if name == STDIN:
        source = Source(name=Path("<stdin>"), path=copied(sys.stdin.buffer, _new(folder)))
    elif not name.is_file():
        with name.open("rb") as pipe:
            source = replace(source, path=copied(pipe, _new(folder)))
    with source.path.open("rb") as file:
        head = file.read(foreign.HEAD)
    if head.startswith(_PARQUET):
        return replace(source, is_parquet=True)
    foreign.check(source.name, source.path, head)
    if is_zstd(head[:_HEAD]):
        _check_zstd(source)
        return replace(source, compression="zstd")  # its lines are looked at by DuckDB
    if head.startswith(GZIP):
        source = replace(source, compression="gzip")
    with opened(source.path, source.compression) as file:
        head = file.read(foreign.HEAD)
    if source.compression == "gzip":
        foreign.check(source.name, source.path, head, is_packed=True)
    encoding = _utf16(head[:_HEAD])
    if encoding:
        source = replace(source, path=_recoded(source, encoding, folder), compression="none")
    else:
        foreign.check_binary(source.name, head)
    return _with_line_ends(source, folder)


def _check_zstd(source: Source) -> None:
    with source.path.open("rb") as file:
        try:
            check_frames(file)
        except EOFError:
            why = Text("文件被截断", "it was cut off")
        except ValueError as error:
            why = Text.of(str(error))
        else:
            return
    raise StoreError(
        Text(
            f"{source.name} 不是完整的 zstd 文件：{why.zh}",
            f"{source.name} is a broken zstd file: {why.en}",
        )
    )


def copied(file: IO[bytes], target: Path) -> Path:
    """Copy what is left of a file to ``target``, a new file, and return that."""
    with target.open("wb") as copy:
        shutil.copyfileobj(file, copy)
    return target


def _new(folder: Path) -> Path:
    return folder / f"input-{len([*folder.iterdir()])}"


def opened(path: Path, compression: str) -> IO[bytes]:
    """Open a file; with the compression gzip, what is read is decompressed."""
    return cast(IO[bytes], gzip.open(path)) if compression == "gzip" else path.open("rb")


def _blocks(source: Source) -> Iterator[bytes]:
    """Yield a file's bytes, decompressed, in blocks that do not end between CR and LF."""
    with opened(source.path, source.compression) as file:
        while block := file.read(_BLOCK):
            while block.endswith(b"\r") and (more := file.read(1)):
                block += more
            yield block


def _utf16(head: bytes) -> str:
    """Return the UTF-16 encoding that the first bytes of a file show, or ""."""
    if head[:2] in _UTF16_MARKS:
        return _UTF16_MARKS[head[:2]]
    return _UTF16_ZEROS.get(tuple(byte == 0 for byte in head), "")


def _recoded(source: Source, encoding: str, folder: Path) -> Path:
    target, decoder = _new(folder), codecs.getincrementaldecoder(encoding)()
    with target.open("wb") as recoded:
        for block in _blocks(source):
            recoded.write(decoder.decode(block).encode())
        recoded.write(decoder.decode(b"", final=True).encode())
    return target


class _Decodable:
    """Whether the bytes of blocks are valid in an encoding that contains ASCII."""

    def __init__(self, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._is_valid = True
        self._inside = False

    def feed(self, block: bytes) -> None:
        if self._is_valid and (self._inside or not block.isascii()):
            try:
                self._decoder.decode(block)
            except UnicodeDecodeError:
                self._is_valid = False
            self._inside = bool(self._decoder.getstate()[0])

    def ended(self) -> bool:
        """Return whether all bytes were valid, and none is missing at the end."""
        return self._is_valid and not self._inside


def _is_gb18030(source: Source) -> bool:
    decodable = _Decodable("gb18030")
    for block in _blocks(source):
        decodable.feed(block)
    return decodable.ended()


def _is_utf8(line: bytes) -> bool:
    decodable = _Decodable("utf-8")
    decodable.feed(line)
    return decodable.ended()


def _first_line(source: Source) -> bytes:
    """Return the first line that is not blank, or the first block of one that is longer."""
    lines = next(_blocks(source), b"").splitlines()
    return next((line for line in lines if line.strip()), b"")


def gb18030(name: Path, line: int, more: int) -> Text:
    """Return that a line and ``more`` others are not UTF-8 but perhaps GB18030, and what to do."""
    zh, en = ("", "") if not more else (f"等 {more + 1} 行", f" and {more:,} more")
    return Text(
        f"{name} 第 {line} 行{zh}不是 UTF-8，可能是 GBK（GB18030）："
        f"请先转码：iconv -f GB18030 -t UTF-8 {name} > utf8.csv",
        f"{name}: line {line}{en} not UTF-8, perhaps GBK (GB18030):"
        f" convert it first: iconv -f GB18030 -t UTF-8 {name} > utf8.csv",
    )


def _with_line_ends(source: Source, folder: Path) -> Source:
    """Find out line ends, encoding and whether there are quotes; rewrite what DuckDB misreads.

    Raise StoreError if the first line is not UTF-8 and the file perhaps GB18030.
    """
    returns, pairs, feeds, quotes, unused = 0, 0, 0, 0, 0
    utf8 = _Decodable("utf-8")
    for block in _blocks(source):
        utf8.feed(block)
        quotes += block.count(b'"')
        feeds += block.count(b"\n")
        unused += block.count(UNUSED.encode())
        if b"\r" in block:
            returns += block.count(b"\r")
            pairs += block.count(b"\r\n")
    source = replace(source, has_quotes=quotes > 0, ends="\r\n" if pairs else "\n")
    if not utf8.ended() and _is_gb18030(source):
        source = replace(source, is_gb18030=True)
        if not _is_utf8(_first_line(source)):
            raise StoreError(gb18030(source.name, 1, 0))
    if unused == 0 and (returns == pairs or feeds == 0):
        return source
    pattern = _UNREADABLE if feeds else re.compile(UNUSED.encode())
    target = _new(folder)
    with target.open("wb") as rewritten:
        rewritten.writelines(pattern.sub(_REWRITTEN, block) for block in _blocks(source))
    return replace(source, path=target, compression="none")
