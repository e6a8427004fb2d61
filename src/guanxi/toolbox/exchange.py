"""Files that carry lists from one place to another: JSON Lines, and CSV for spreadsheets.

Each line is one account of one list, with its groups by name, so that another account or program
can use it. What is written is read back as it was: groups, special marks, times and notes.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from io import StringIO, TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
from msgspec import Meta, Struct, structs

from guanxi.contract.undecodable import UNDECODABLE
from guanxi.toolbox.archive import Archive
from guanxi.toolbox.errors import SelectionError
from guanxi.toolbox.ids import not_utf8
from guanxi.toolbox.saving import replacing
from guanxi.toolbox.sheets import restored, write_csv
from guanxi.toolbox.snapshots import LISTS, ListName


class Line(Struct, frozen=True, omit_defaults=True):
    """One account of one list."""

    list: ListName
    mid: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    name: str = ""
    #: When it was followed or blocked, in seconds since the Unix epoch; 0 for unknown.
    since: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    special: bool = False
    groups: tuple[str, ...] = ()
    note: str = ""
    #: The reason of a mark that keeps it; None without a mark.
    keep: str | None = None


COLUMNS = Line.__struct_fields__
#: The most bytes that are read of a first line, and those of a header of CSV.
_FIRST_LINE, _HEADER = 1 << 20, 1_000
#: What the reason of a mark has in addition if it is empty or spaces: an empty cell is no mark.
_SPACE = " "
#: How many lines ``encoded`` yields together.
_PART = 500
_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}


def lines(archive: Archive, *lists: str) -> Iterator[Line]:
    """Yield the accounts of an archive's newest snapshot, the newest first in each list.

    ``lists`` are some of ``LISTS``; none means all of them. All are of the same snapshot, also if a
    backup ends meanwhile: the caller writes nothing to the archive before the last one.
    """
    sql = """
    SELECT i.list, i.mid, p.name, i.since, i.special, i.groups, n.text AS note, m.reason AS keep
    FROM item AS i
    LEFT JOIN profile AS p ON p.mid = i.mid AND p.until IS NULL
    LEFT JOIN note AS n ON n.mid = i.mid LEFT JOIN mark AS m ON m.mid = i.mid
    WHERE i.list = ? AND i.until IS NULL ORDER BY i.since DESC, i.tie DESC
    """
    with archive.consistent() as db:
        groups = {row["id"]: row["name"] for row in db.execute("SELECT id, name FROM groups")}
        names = dict.fromkeys(lists or LISTS)
        for row in chain.from_iterable(db.execute(sql, (name,)) for name in names):
            ids = msgspec.json.decode(row["groups"] or "[]", type=list[int])
            yield Line(
                row["list"],
                row["mid"],
                row["name"] or "",
                row["since"],
                bool(row["special"]),
                tuple(groups[one] for one in ids if one in groups),
                row["note"] or "",
                row["keep"],
            )


def write(path: Path | str, rows: Iterable[Line]) -> int:
    """Write a file of mode 0600, as a whole or not at all; return how many lines it has.

    The format is that of the name's end: ``.csv``, or ``.jsonl``. Raise SelectionError for another
    one, OSError if the file cannot be written.
    """
    path = Path(path)
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise SelectionError(
            f"{path}：文件名须以 .csv 或 .jsonl 结尾",
            f"{path}: the name must end in .csv or .jsonl",
        )
    with replacing(path) as raw:
        file = TextIOWrapper(raw, "utf-8", newline="")
        count = _write_csv(file, rows) if kind == "csv" else _write_jsonl(file, rows)
        file.detach()  # what closes it is ``replacing``
    return count


def encoded(kind: str, rows: Iterable[Line]) -> Iterator[bytes]:
    """Yield a file as ``write`` writes it in parts; ``kind`` is ``csv`` or ``jsonl``."""
    left = iter(rows)
    some = [*islice(left, _PART)]
    is_first = True
    while some or is_first:
        part = StringIO(newline="")
        _write_csv(part, some) if kind == "csv" else _write_jsonl(part, some)
        text = part.getvalue()
        if kind == "csv" and not is_first:
            text = text.partition("\r\n")[2]  # the header is in the first part
        yield text.encode()
        some, is_first = [*islice(left, _PART)], False


def is_export(path: Path | str) -> bool:
    """Return whether a file is one that ``write`` wrote, by its first line.

    Another program may have changed the order of its columns or keys.
    """
    with Path(path).open("rb") as file:
        first = file.readline(_FIRST_LINE).removeprefix(codecs.BOM_UTF8)
    names: Iterable[str]
    try:
        names = msgspec.json.decode(first, type=dict[str, Any])
    except UNDECODABLE:
        header = first[:_HEADER].decode("utf-8", "replace").splitlines()[:1]
        names = next(csv.reader(header), ())
    return {"list", "mid"} <= {*names}


def read(path: Path | str) -> Iterator[Line]:
    """Yield the lines of a file that ``write`` wrote.

    Raise SelectionError, with the number of the line, for one that cannot be read.
    """
    for number, line in checked(path):
        if isinstance(line, Line):
            yield line
        else:
            raise SelectionError(
                f"{path} 第 {number} 行无法读取：{line}", f"{path}, line {number}: {line}"
            )


def checked(path: Path | str) -> Iterator[tuple[int, Line | str]]:
    """Yield the number and the content of each line of a file that ``write`` wrote.

    That of a line which cannot be read is the reason. Raise SelectionError if the file is not
    UTF-8, OSError if it cannot be read.
    """
    number = 0
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        try:
            as_json = file.read(1) == "{"
            file.seek(0)
            rows: Iterator[Any] = iter(file) if as_json else iter(csv.DictReader(file))
            of = _of_json if as_json else _of_csv
            number = 0 if as_json else 1  # the header
            while True:
                number += 1
                try:
                    yield number, of(next(rows))
                except StopIteration:
                    return
                except UnicodeDecodeError:
                    raise
                except (ValueError, csv.Error, RecursionError) as error:
                    yield number, str(error)
        except UnicodeDecodeError:
            raise not_utf8(path) from None


def _write_jsonl(file: IO[str], rows: Iterable[Line]) -> int:
    count = 0
    for row in rows:
        file.write(msgspec.json.encode(row).decode() + "\n")
        count += 1
    return count


def _write_csv(file: IO[str], rows: Iterable[Line]) -> int:
    file.write("\ufeff")  # by which spreadsheets know that it is UTF-8
    count = 0

    def cells() -> Iterator[list[object]]:
        nonlocal count
        for row in rows:
            groups = "|".join(re.sub(r"([\\|])", r"\\\1", name) for name in row.groups)
            is_blank = row.keep is not None and not row.keep.strip(_SPACE)
            keep = f"{_SPACE}{row.keep}" if is_blank else row.keep
            values = {"special": int(row.special), "groups": groups, "keep": keep}
            yield [*(structs.asdict(row) | values).values()]
            count += 1

    write_csv(file, COLUMNS, cells())
    return count


_of_json = msgspec.json.Decoder(Line).decode


def _of_csv(row: dict[str | None, str | None]) -> Line:
    """Return the line of a row. Raise ValueError for one that is not valid."""
    if None in row or None in row.values() or row.keys() != set(COLUMNS):
        raise ValueError(f"{len(COLUMNS)} columns are needed: {', '.join(COLUMNS)}")
    texts = {name: restored(value or "") for name, value in row.items()}
    names = re.findall(r"(?:[^\\|]|\\.)+", texts["groups"])
    keep = texts["keep"]
    values = {
        **texts,
        "special": texts["special"] == "1",
        "groups": [re.sub(r"\\(.)", r"\1", name) for name in names],
        "keep": (keep if keep.strip(_SPACE) else keep[1:]) if keep else None,
    }
    return msgspec.convert(values, Line, strict=False)
