"""Targets: files that somebody gives to a command, from anywhere."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from hypothesis import strategies as st

from guanxi.cli.tools import credentials
from guanxi.emulator import dump
from guanxi.files import accounts, content, edges, zstd
from guanxi.files.coding import prepared
from guanxi.files.table import Request
from guanxi.sdk.credential import Credential
from guanxi.service.config import SettingError
from guanxi.service.configuration import configured
from guanxi.stores.copy import PARTS
from guanxi.stores.port import BadLine, StoreError
from guanxi.toolbox import exchange, ids
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.errors import ArchiveError, PlanError, SelectionError
from guanxi.toolbox.plan import Act, Header, LeftOut, Plan
from guanxi.toolbox.schema import VIEWS
from tests.fuzz.pieces import JSON, LEAVES, Bytes, damaged, fitting, json_bytes, mixed
from tests.fuzz.target import Check, Target, parser, refusal

_NOW = 1_800_000_000


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def of_file(read: Callable[[Path], object], suffix: str = "") -> Callable[[], Any]:
    """Return the ``open`` of a target that reads a file of this name's ending."""

    @contextmanager
    def opened() -> Iterator[Check]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"input{suffix}")

            def check(raw: bytes) -> object:
                for left in path.parent.iterdir():
                    left.unlink()
                path.write_bytes(raw)
                return read(path)

            yield check

    return opened


# --- imports into a store: CSV, JSON Lines, Parquet, plain or compressed ---


def _packed(lines: Bytes) -> Bytes:
    """Return a strategy of the same bytes: plain, by gzip or zstd, in another encoding, damaged."""

    def zstandard(raw: bytes) -> bytes:  # a frame of one raw block
        size = min(len(raw), 2**17 - 1)
        head = b"\x28\xb5\x2f\xfd\x00\x38" + (1 | size << 3).to_bytes(3, "little")
        return head + raw[:size]

    ways: list[Callable[[bytes], bytes]] = [
        *(lambda raw: raw,) * 4,
        lambda raw: gzip.compress(raw, mtime=0),
        zstandard,
        lambda raw: raw.decode("latin-1").encode("utf-16"),
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.replace(b"\n", b"\r"),
        lambda raw: b"PAR1" + raw + b"PAR1",
    ]
    return damaged(st.tuples(st.sampled_from(ways), lines).map(lambda one: one[0](one[1])))


_CELLS = st.sampled_from(
    (
        *("1", "2", "3", "", "follow", "block", "whisper", "NULL", "\\N", "1700000000", "a|b"),
        *("-1", "9" * 20, '"x"', '"', "'", "1e400", "\x1b]0;x\x07", "\u202e", "\x1f", "甲"),
        *("=1+1", "true"),
    )
) | st.text(max_size=4)


@st.composite
def _table(draw: st.DrawFn, columns: tuple[str, ...]) -> bytes:
    separator = draw(st.sampled_from([",", "\t", ";", "|"]))
    names = draw(st.lists(st.sampled_from(columns), min_size=1, max_size=5, unique=True))
    names = [*columns[:2], *(name for name in names if name not in columns[:2])]
    if draw(st.integers(0, 3)) == 0:
        rows = [{name: draw(_CELLS) for name in names} for _ in range(draw(st.integers(0, 4)))]
        return "\n".join(json.dumps(row) for row in rows).encode("utf-8", "replace")
    lines = [names] + [
        ["1", "2", *(draw(_CELLS) for _ in names[2:])]
        if draw(st.booleans())
        else [draw(_CELLS) for _ in names]
        for _ in range(draw(st.integers(0, 4)))
    ]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return end.join(separator.join(line) for line in lines).encode("utf-8", "replace")


def _read_edges(path: Path) -> None:
    with edges.read_edges(Request(files=(path,)), now=_NOW, skip_bad=True) as found:
        rows, refused = [*found.rows()], [*found.refused()]
    counts = found.found.counts
    assert counts.refused == len(refused)
    for row in rows:
        assert 1 <= row.follower < 2**63
        assert 1 <= row.followed < 2**63
        assert row.time <= _NOW


def _read_accounts(path: Path) -> None:
    with accounts.read_accounts(Request(files=(path,))) as found:
        for _, line in found.lines():
            assert 1 <= line.mid < 2**63


def _read_content(path: Path) -> None:
    for number, entry in content.read_content(path):
        assert number >= 1
        assert 0 <= entry.id < 2**63


def _read_frames(raw: bytes) -> None:
    zstd.check_frames(io.BytesIO(raw))


def _look_at(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        prepared(path, Path(folder))


_DOCUMENTS = st.sampled_from(["notice", "video", "profile", "later", "post", "article"]).flatmap(
    lambda kind: JSON.map(lambda text: f'{{"owner":1,"kind":"{kind}","document":{text}}}')
)

# --- what the tools keep: plans, archives, exports, notes, ids, credentials ---


def _read_plan(path: Path) -> None:
    plan = Plan.open(path)
    copy = path.with_name("copy")
    Plan.write(copy, plan.header, plan.acts(), plan.left_out())
    assert [act.mid for act in Plan.open(copy).acts()] == [act.mid for act in plan.acts()]


@st.composite
def _plans(draw: st.DrawFn) -> bytes:
    header = Header(
        version=1, id="p", command="follow", server="127.0.0.1", mid=1, made=1, acts={}, left_out=0
    )
    if draw(st.integers(0, 3)) == 0:
        return draw(json_bytes(st.lists(fitting(Header) | fitting(Act), max_size=3).map("\n".join)))
    acts = [
        Act(number=at, act="follow", reason="r", mid=draw(st.integers(1, 2**63 - 1)))
        for at in range(1, draw(st.integers(1, 3)))
        if draw(st.booleans())
    ]
    out = [LeftOut(2, "甲", "r")] * draw(st.integers(0, 1))
    header = msgspec.structs.replace(
        header, acts={"follow": len(acts)} if acts else {}, left_out=len(out)
    )
    return b"".join(msgspec.json.encode(one) + b"\n" for one in (header, *acts, *out))


def _read_archive(path: Path) -> None:
    """Open an archive that is damaged as the bytes say: its length, then an offset and a byte."""
    edits, raw = path.read_bytes(), bytearray(AN_ARCHIVE)
    for at in range(3, len(edits) - 3, 4):
        offset = int.from_bytes(edits[at : at + 3], "big")
        raw[offset % len(raw)] = edits[at + 3]
    path.write_bytes(raw[: int.from_bytes(edits[:3], "big")])
    with closing(Archive.open(path)) as archive:
        for name in VIEWS:
            with archive.query(f"SELECT * FROM {name} LIMIT 3") as rows:
                rows.fetchall()


def _edits() -> Bytes:
    """Return a strategy of edits of the file's head, of its first rows, and of any place."""
    meta = AN_ARCHIVE.find(b"server")
    offset = (
        st.integers(0, 120) | st.integers(meta - 60, meta + 60) | st.integers(0, len(AN_ARCHIVE))
    )
    edit = st.tuples(offset, st.integers(0, 255)).map(
        lambda one: one[0].to_bytes(3, "big") + bytes([one[1]])
    )
    length = st.just(2**24 - 1) | st.integers(0, len(AN_ARCHIVE))
    return st.tuples(length, st.lists(edit, max_size=3).map(b"".join)).map(
        lambda one: one[0].to_bytes(3, "big") + one[1]
    )


def _an_archive() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.db")
        Archive.create(path, Identity("127.0.0.1", 1, "甲")).close()
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
        return path.read_bytes()


AN_ARCHIVE = _an_archive()


def _read_export(path: Path) -> None:
    if exchange.is_export(path):
        # No group is without a name, so that CSV has no form of one.
        rows = [row for row in exchange.read(path) if all(row.groups)]
        copy = path.with_name("copy.csv")
        exchange.write(copy, rows)
        assert [*exchange.read(copy)] == rows


def _read_ids(path: Path) -> None:
    for listed in ids.read_ids(path):
        assert 1 <= listed.mid < 2**63


def _make(made: list[Credential], parts: Any, key: str) -> None:
    made.append(credentials._credential(parts, key))


def _read_credentials(path: Path) -> None:
    with patch.object(credentials, "_path", lambda: path):
        saved = credentials._read()
        for key, parts in saved.items():
            made: list[Credential] = []
            assert "SECRET" not in refusal(partial(_make, made, parts, key), ValueError)
            assert "SECRET" not in repr(made)


_CREDENTIALS = (
    st.dictionaries(
        st.sampled_from(["default@127.0.0.1", "x"]),
        st.dictionaries(
            st.sampled_from(["sessdata", "bili_jct", "access_key", "proxy", "newer"]),
            st.sampled_from(["SECRET", "", "a\r\nb", "SECRET\x1b", 1, None, ["SECRET"]]),
        ),
    ).map(json.dumps)
    | JSON
)


def _read_configuration(path: Path) -> None:
    configured(file=path, environ={})


_TOML = mixed(
    *(b"port = ", b"8000", b'"x"', b"\n", b"[limits]\n", b"fields = 9\n", b"profile = 'open'\n"),
    *(b"[", b"]", b"{", b"}", b'"""', b"'''", b"# \xff", b"=", b".", b"limits.parts = 3\n"),
    *(b"1979-05-27", b"inf", b"nan", b"9" * 5_000, b"'\xe7\x94\xb2'", b"[" * 2_000, b"\x1b"),
    *(b"allowed_hosts = ['a']\n", b"admin_token = 'SECRET'\n", b"workers = 0\n", b"\r"),
)

# --- worlds of the emulator ---


def _load_world(raw: bytes) -> None:
    dump._decoded(raw.splitlines())


_ROWS = st.sampled_from([(part.name, dump._TYPES[part.name]) for part in PARTS]).flatmap(
    lambda one: fitting(one[1]).map(lambda text: f'{{"{one[0]}":{text}}}')
)

_EDGE_COLUMNS = ("follower", "followed", "time", "kind", "special", "groups", "contract", "visits")
_ACCOUNT_COLUMNS = ("mid", "name", "key", "sign", "level", "state", "ban_until", "created", "face")
_TABLES = (5, 120)
TARGETS = (
    Target(
        "edges file",
        of_file(_read_edges),
        _packed(_table(_EDGE_COLUMNS)),
        (StoreError,),
        _TABLES,
        steps=None,
    ),
    Target(
        "accounts file",
        of_file(_read_accounts),
        _packed(_table(_ACCOUNT_COLUMNS)),
        (StoreError,),
        _TABLES,
        steps=None,
    ),
    Target(
        "content file",
        of_file(_read_content),
        _packed(st.lists(_DOCUMENTS | JSON, max_size=3).map("\n".join).map(_utf8))
        | _packed(_table(("owner", "kind", "document"))),
        (BadLine, StoreError),
        _TABLES,
        steps=None,
    ),
    Target(
        "file head",
        of_file(_look_at),
        _packed(
            mixed(b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"\x1f\x8b", b"\0", b"\xff\xfe", b"a,b\n")
        ),
        (StoreError,),
        steps=None,
    ),
    Target(
        "zstd frames",
        parser(_read_frames),
        damaged(_packed(st.binary(max_size=60))),
        (EOFError, ValueError),
    ),
    Target("plan", of_file(_read_plan), damaged(_plans()), (PlanError,), counts=(30, 160)),
    Target("archive", of_file(_read_archive), _edits(), (ArchiveError,), counts=(20, 100)),
    Target(
        "export",
        of_file(_read_export, ".csv"),
        damaged(
            st.lists(fitting(exchange.Line), min_size=1, max_size=3).map("\n".join).map(_utf8)
            | _table(("list", "mid", "name", "special", "groups", "note", "keep"))
        ),
        (SelectionError,),
        counts=(30, 160),
    ),
    Target(
        "ids",
        of_file(_read_ids),
        damaged(
            mixed(
                b"1", b",", b"\n", b"\t", b"mid,name\n", b"[", b"]", b'{"mid":1}', b'"', b"9" * 20
            )
            | json_bytes(JSON)
        ),
        (SelectionError,),
        counts=(25, 160),
    ),
    Target(
        "credentials",
        of_file(_read_credentials),
        damaged(json_bytes(_CREDENTIALS)),
        (ValueError,),
        counts=(30, 160),
    ),
    Target(
        "configuration",
        of_file(_read_configuration, ".toml"),
        damaged(_TOML),
        (SettingError,),
        counts=(20, 100),
        steps=None,
    ),
    Target(
        "world",
        parser(_load_world),
        damaged(json_bytes(st.lists(_ROWS | LEAVES, max_size=3).map("\n".join))),
        (ValueError,),
        counts=(30, 160),
    ),
)
