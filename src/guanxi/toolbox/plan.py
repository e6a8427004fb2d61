"""Plans: files of acts that are read before anything happens. JSON Lines.

The first line is the header, with what the plan is for and how many lines follow. Then one act a
line, each with its reason; then the accounts that were selected and left out, with the reason.
"""

from __future__ import annotations

import codecs
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import msgspec
from msgspec import Struct, field, structs

from guanxi.contract.limits import Limits
from guanxi.contract.undecodable import UNDECODABLE, why
from guanxi.text import Text
from guanxi.toolbox.archive import Identity
from guanxi.toolbox.errors import PlanDamaged, PlanMismatch, PlanNewer
from guanxi.toolbox.saving import replacing

VERSION = 1
#: How many accounts one may follow: of the documents.
CAP = Limits().following_cap


class Kind(Struct, frozen=True):
    """What an act does."""

    #: The word for it, as in "unfollow 3".
    text: Text
    #: The act of ``relation.modify``; None for acts on groups.
    code: int | None = None


KINDS = {
    "follow": Kind(Text("关注", "follow"), 1),
    "unfollow": Kind(Text("取消关注", "unfollow"), 2),
    "cancel_whisper": Kind(Text("取消悄悄关注", "end the silent following of"), 4),
    "block": Kind(Text("拉黑", "block"), 5),
    "unblock": Kind(Text("取消拉黑", "unblock"), 6),
    "remove_follower": Kind(Text("移除粉丝", "remove the follower"), 7),
    # The groups of the account are afterwards exactly ``groups``, and it is special or not.
    "set_groups": Kind(Text("设置分组", "set the groups of")),
    "create_group": Kind(Text("新建分组", "create the group")),
    "delete_group": Kind(Text("删除分组", "delete the group")),
}


#: The acts on a group itself; the others have an account.
GROUP_ACTS = ("create_group", "delete_group")


class Relation(Struct, frozen=True, omit_defaults=True):
    """The account's relation to another when the plan was made, or before an act.

    ``attribute``: 0 none, 1 silent, 2 following, 6 mutual, 128 blocked. ``groups``: names of the
    account's own groups.
    """

    attribute: int = 0
    special: bool = False
    groups: tuple[str, ...] = ()
    #: When it was followed or blocked, in seconds since the Unix epoch; 0 for never or unknown.
    since: int = 0


class Act(Struct, frozen=True, omit_defaults=True):
    """One line of a plan: what is done to one account, or to one group.

    ``expect`` is the relation that the plan was made from: an account with another one when the
    plan is applied is left alone. None: whatever it is.
    """

    number: int
    act: str
    reason: str
    mid: int | None = None
    name: str = ""
    #: Of ``set_groups``: the names of all its groups afterwards; and whether it is special.
    groups: tuple[str, ...] = ()
    special: bool = False
    #: Of acts on a group itself: its name.
    group: str = ""
    expect: Relation | None = None

    def __post_init__(self) -> None:
        if self.act not in KINDS:
            raise ValueError(f"{self.act!r} is no act")
        if self.act in GROUP_ACTS:
            if self.mid is not None or not self.group:
                raise ValueError(f"{self.act} needs a group and no mid")
        elif self.mid is None or not 1 <= self.mid < 2**63:
            raise ValueError(f"{self.act} needs a mid from 1 to {2**63 - 1}")


class LeftOut(Struct, frozen=True):
    """An account that was selected, and that the plan leaves alone for a reason."""

    left_out: int
    name: str
    reason: str


class Header(Struct, frozen=True, kw_only=True):
    """The first line of a plan."""

    version: int = field(name="guanxi_plan")
    id: str
    #: As on the command line: unfollow, follow, group, restore, undo, …
    command: str
    server: str
    mid: int
    name: str = ""
    #: The snapshot that it was made from.
    snapshot: int | None = None
    #: When it was made, in seconds since the Unix epoch.
    made: int
    #: How the accounts were selected, in words and options.
    selection: str = ""
    #: How many acts of each kind follow, and how many left out.
    acts: dict[str, int] = {}
    left_out: int = 0
    #: How many accounts one follows in the snapshot, and how many more or fewer afterwards.
    followings: int | None = None
    change: int = 0
    #: What cannot come back or be done, in words: for ``undo`` and ``restore``.
    remarks: tuple[str, ...] = ()

    @property
    def identity(self) -> Identity:
        """The account and server that the plan is for."""
        return Identity(self.server, self.mid, self.name)

    @property
    def total(self) -> int:
        """How many acts the plan has."""
        return sum(self.acts.values())


T = TypeVar("T")

_encode = msgspec.json.encode


class Plan:
    """The plan in the file at ``path``, checked to its end, with its ``header``.

    ``acts`` and ``left_out`` read the file line by line. ``Plan.open`` and ``Plan.write`` make one.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.header = header

    @classmethod
    def open(cls, path: Path | str) -> Plan:
        """Open the plan at ``path``, check every line of it, and return it.

        Raise PlanDamaged, with the number of the line, for a file that is cut off or no plan;
        PlanNewer for one of a newer guanxi; OSError if it cannot be read.
        """
        path = Path(path)
        with path.open("rb") as file:
            plan = cls(path, _header(path, file.readline()))
        acts = Counter(act.act for act in plan.acts())
        left_out = sum(1 for _ in plan.left_out())
        if dict(acts) != plan.header.acts or left_out != plan.header.left_out:
            raise PlanDamaged(
                f"{path} 不完整：应有 {plan.header.total} 项操作，只有 {acts.total()} 项；"
                "请重新生成",
                f"{path} is cut off: it has {acts.total()} of {plan.header.total} acts; make it"
                " again",
            )
        return plan

    @classmethod
    def write(
        cls,
        path: Path | str,
        header: Header,
        acts: Iterable[Act],
        left_out: Iterable[LeftOut] = (),
    ) -> Plan:
        """Write a plan to ``path``, whole or not at all, with mode 0600; a file there is replaced.

        Returns the plan. ``header`` is that of ``new_header``.

        The acts are numbered from 1 in their order, and counted for the header. Raise OSError if
        the file cannot be written.
        """
        path = Path(path)
        counts: Counter[str] = Counter()
        out = 0
        with tempfile.TemporaryFile() as body, replacing(path) as file:
            for number, act in enumerate(acts, 1):
                counts[act.act] += 1
                body.write(_encode(structs.replace(act, number=number)) + b"\n")
            for one in left_out:
                out += 1
                body.write(_encode(one) + b"\n")
            body.seek(0)
            header = structs.replace(header, acts=dict(counts), left_out=out)
            file.write(_encode(header) + b"\n")
            shutil.copyfileobj(body, file)
        return cls(path, header)

    def acts(self) -> Iterator[Act]:
        """Yield the acts in their order, read from the file.

        Raise PlanDamaged for two with the same number, which the journal could not distinguish.
        """
        last = 0
        for number, line in self._lines():
            if b'"left_out":' not in line:
                act = _decoded(self.path, number, line, Act)
                if not last < act.number < 2**63:
                    raise _unreadable(self.path, number, f"number {act.number} after {last}")
                last = act.number
                yield act

    def left_out(self) -> Iterator[LeftOut]:
        """Yield the accounts that were selected and left out, read from the file.

        Raise OSError if it cannot be read any more.
        """
        for number, line in self._lines():
            if b'"left_out":' in line:
                yield _decoded(self.path, number, line, LeftOut)

    def check_identity(self, identity: Identity) -> None:
        """Raise PlanMismatch if the plan is for another account or server than ``identity``."""
        if not self.header.identity.is_same(identity):
            raise PlanMismatch(
                f"{self.path} 是 {self.header.identity} 的计划，不是 {identity} 的",
                f"{self.path} is a plan for {self.header.identity}, not for {identity}",
            )

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with self.path.open("rb") as file:
            if _header(self.path, file.readline()).id != self.header.id:
                raise PlanDamaged(
                    f"{self.path} 已被另一个计划替换：请重新运行此命令",
                    f"{self.path} was replaced by another plan meanwhile: run the command again",
                )
            yield from enumerate(file, 2)


def new_header(
    command: str,
    identity: Identity,
    now: int,
    *,
    snapshot: int | None = None,
    selection: str = "",
    followings: int | None = None,
    change: int = 0,
    remarks: tuple[str, ...] = (),
) -> Header:
    """Return the header of a new plan, with an id of its own; ``Plan.write`` adds the counts."""
    return Header(
        version=VERSION,
        id=uuid4().hex,
        command=command,
        server=identity.server,
        mid=identity.mid,
        name=identity.name,
        snapshot=snapshot,
        made=now,
        selection=selection,
        followings=followings,
        change=change,
        remarks=remarks,
    )


def _header(path: Path, line: bytes) -> Header:
    """Return the header of a plan's first line. Raise PlanDamaged, PlanNewer."""
    try:
        line = line.removeprefix(codecs.BOM_UTF8)  # an editor may have added it
        version = msgspec.json.decode(line, type=dict[str, object]).get("guanxi_plan")
    except UNDECODABLE:
        version = None
    if not isinstance(version, int):
        raise PlanDamaged(f"{path} 不是计划文件", f"{path} is not a plan")
    if version > VERSION:
        raise PlanNewer(
            f"{path} 由更新的 guanxi 写成，请更新：pip install -U guanxi",
            f"{path} was written by a newer guanxi: update with pip install -U guanxi",
        )
    return _decoded(path, 1, line, Header)


def _decoded(path: Path, number: int, line: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except UNDECODABLE as error:
        raise _unreadable(path, number, why(error)) from None


def _unreadable(path: Path, number: int, reason: str) -> PlanDamaged:
    return PlanDamaged(
        f"{path} 第 {number} 行无法读取（{reason}）：文件被截断或改坏，请重新生成",
        f"{path}, line {number}: {reason}; the file is cut off or damaged: make the plan again",
    )
