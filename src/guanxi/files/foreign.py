"""Files that are no table: recognised by their first bytes, to name their kind and what to do."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import NamedTuple

from guanxi.stores.port import StoreError
from guanxi.text import Text

#: How many of the first bytes of a file show its kind.
HEAD = 512


class _Kind(NamedTuple):
    """What a file is, and what to do with it; "{}" in the latter is the file's name."""

    what: Text
    instead: Text


_DECOMPRESS = Text("请先解压：{0} {{}}", "decompress it first: {0} {{}}")
_UNPACK = Text("请先解包，再导入其中的文件", "unpack it first, and import the files that are in it")
_SAVE_AS_CSV = Text("请另存为 CSV（UTF-8）", "save it as CSV (UTF-8)")
_NOT_TABLE = Text("请导入 CSV、JSON Lines 或 Parquet", "import CSV, JSON Lines or Parquet")
_ZIP_KIND = _Kind(Text("ZIP 压缩包", "a ZIP archive"), _UNPACK)


def _compressed(name: str, command: str) -> _Kind:
    instead = Text(_DECOMPRESS.zh.format(command), _DECOMPRESS.en.format(command))
    return _Kind(Text(f"{name} 压缩文件", f"compressed by {name}, which is not read"), instead)


def _picture(name: str) -> _Kind:
    return _Kind(Text(f"{name} 图片", f"a {name} picture"), _NOT_TABLE)


#: By the first bytes.
_KINDS = {
    b"BZh": _compressed("bzip2", "bunzip2 -k"),
    b"\xfd7zXZ\0": _compressed("xz", "unxz -k"),
    b"\x04\x22\x4d\x18": _compressed("LZ4", "unlz4"),
    b"7z\xbc\xaf'\x1c": _Kind(Text("7-Zip 压缩包", "a 7-Zip archive"), _UNPACK),
    b"Rar!\x1a\x07": _Kind(Text("RAR 压缩包", "a RAR archive"), _UNPACK),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _Kind(
        Text("旧版 Excel 或 Office 文件", "an old Excel or other Office file"), _SAVE_AS_CSV
    ),
    b"\x89PNG\r\n\x1a\n": _picture("PNG"),
    b"\xff\xd8\xff": _picture("JPEG"),
    b"GIF8": _picture("GIF"),
    b"%PDF-": _Kind(Text("PDF 文件", "a PDF"), _NOT_TABLE),
    b"SQLite format 3\0": _Kind(
        Text("SQLite 数据库", "a SQLite database"),
        Text(
            "guanxi 的库请用 guanxi store copy，其他的请先导出为 CSV",
            "copy a store by guanxi store copy, and export any other to CSV",
        ),
    ),
    b"\xff\xfe\0\0": _Kind(
        Text("UTF-32 文本", "text in UTF-32"),
        Text("请先转码：iconv -f UTF-32 -t UTF-8 {}", "convert it: iconv -f UTF-32 -t UTF-8 {}"),
    ),
}
#: By the name of a file in it that only this kind of ZIP archive has.
_ZIPS = {
    "xl/workbook.xml": _Kind(Text("Excel 工作簿", "an Excel workbook"), _SAVE_AS_CSV),
    "xl/workbook.bin": _Kind(Text("Excel 工作簿", "an Excel workbook"), _SAVE_AS_CSV),
    "content.xml": _Kind(Text("OpenDocument 文件", "an OpenDocument file"), _SAVE_AS_CSV),
    "word/document.xml": _Kind(Text("Word 文档", "a Word document"), _SAVE_AS_CSV),
}
_ZIP, _TAR, _TAR_AT = b"PK\x03\x04", b"ustar", 257
_BINARY = _Kind(Text("二进制文件", "not a text file"), _NOT_TABLE)
#: Characters that a text has none or few of, and how many it may have.
_FEW = 3
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x7f]")


def check(name: Path, path: Path, head: bytes, *, is_packed: bool = False) -> None:
    """Raise StoreError if the first ``HEAD`` bytes of a file show that it is no table.

    ``name`` is shown; ``path`` is looked into if it is a ZIP archive. ``is_packed`` if the bytes
    were decompressed, those of the file are others.
    """
    kind = _kind(path, head, is_packed=is_packed)
    if kind is None:
        return
    what, zh, en = kind.what, kind.instead.zh.format(name), kind.instead.en.format(name)
    packed = Text("解压后", "decompressed, ") if is_packed else Text("", "")
    raise StoreError(
        Text(f"{name} {packed.zh}是{what.zh}：{zh}", f"{name} is {packed.en}{what.en}: {en}")
    )


def check_binary(name: Path, head: bytes) -> None:
    """Raise StoreError if the first bytes have more control characters than any text."""
    if len(_CONTROL.findall(head)) > max(_FEW, len(head) // 20):
        what, instead = _BINARY
        raise StoreError(
            Text(f"{name} 是{what.zh}：{instead.zh}", f"{name} is {what.en}: {instead.en}")
        )


def _kind(path: Path, head: bytes, *, is_packed: bool) -> _Kind | None:
    if head[_TAR_AT:].startswith(_TAR):
        return _Kind(Text("tar 归档", "a tar archive"), _UNPACK)
    if head.startswith(_ZIP):
        return _ZIP_KIND if is_packed else _kind_of_zip(path)
    return next((kind for start, kind in _KINDS.items() if head.startswith(start)), None)


def _kind_of_zip(path: Path) -> _Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {*archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        # It was cut off, or is of a kind that zipfile does not know: an archive in any case.
        return _ZIP_KIND
    return next((kind for name, kind in _ZIPS.items() if name in names), _ZIP_KIND)
