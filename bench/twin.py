"""A plain implementation of two endpoints with FastAPI and SQLAlchemy on the same SQLite file.

It serves a relation and a page of followings, checks sessions and privacy, and computes attributes.
Groups and contracts, which no measured account has, are omitted. Sync functions in the thread pool
are faster here than async ones over aiosqlite.

``python -m bench.twin PORT STORE`` serves it with one worker.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated, Generic, TypeVar

import uvicorn
from fastapi import Cookie, Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

T = TypeVar("T")


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "account"
    mid: Mapped[int] = mapped_column(primary_key=True)
    hide_followings: Mapped[int]
    name: Mapped[str]
    face: Mapped[str]
    face_nft: Mapped[int]
    sign: Mapped[str]
    official_type: Mapped[int]
    official_desc: Mapped[str]
    vip_type: Mapped[int]
    vip_due_ms: Mapped[int]
    vip_status: Mapped[int]
    nft_icon: Mapped[str]


class Following(Base):
    __tablename__ = "following"
    owner: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    target: Mapped[int] = mapped_column(primary_key=True)
    flags: Mapped[int]


class Block(Base):
    __tablename__ = "block"
    owner: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    target: Mapped[int] = mapped_column(primary_key=True)


class Tally(Base):
    __tablename__ = "tally"
    mid: Mapped[int] = mapped_column(primary_key=True)
    following: Mapped[int]
    version: Mapped[int]


class SignedIn(Base):
    __tablename__ = "session"
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    mid: Mapped[int]
    expires: Mapped[int]


class Relation(BaseModel):
    mid: int
    attribute: int = 0
    mtime: int = 0
    tag: list[int] | None = None
    special: int = 0


class OfficialVerify(BaseModel):
    type: int
    desc: str


class VipLabel(BaseModel):
    path: str = ""
    text: str = ""
    label_theme: str = ""
    text_color: str = ""
    bg_style: int = 0
    bg_color: str = ""
    border_color: str = ""


class Vip(BaseModel):
    vipType: int
    vipDueDate: int
    dueRemark: str = ""
    accessStatus: int = 0
    vipStatus: int
    vipStatusWarn: str = ""
    themeType: int = 0
    label: VipLabel
    avatar_subscript: int = 0
    nickname_color: str = ""
    avatar_subscript_url: str = ""


class Item(Relation):
    contract_info: dict[str, int] = {}
    uname: str
    face: str
    face_nft: int
    sign: str
    official_verify: OfficialVerify
    vip: Vip
    nft_icon: str
    rec_reason: str = ""
    track_id: str = ""


class Page(BaseModel):
    list: list[Item]
    re_version: int
    total: int


class Envelope(BaseModel, Generic[T]):
    code: int = 0
    message: str = "0"
    ttl: int = 1
    data: T


# As many connections as concurrent requests: with fewer, the threads wait for one another.
engine = create_engine(f"sqlite:///{sys.argv[2]}", pool_size=64)
sessions = sessionmaker(engine)
app = FastAPI()


def database() -> Iterator[Session]:
    with sessions() as db:
        yield db


Database = Annotated[Session, Depends(database)]


def signed_in(db: Database, SESSDATA: Annotated[str, Cookie()] = "") -> int:
    """Return the caller's mid. Raise HTTPException 401 without a valid session."""
    session = db.get(SignedIn, sha256(SESSDATA.encode()).digest())
    if session is None or session.expires <= time.time():
        raise HTTPException(401)
    return session.mid


Viewer = Annotated[int, Depends(signed_in)]


@app.get("/x/relation")
def relation(db: Database, viewer: Viewer, fid: Annotated[int, Query(ge=1)]) -> Envelope[Relation]:
    edge = db.scalar(select(Following).where(Following.owner == viewer, Following.target == fid))
    if edge is not None:
        attribute = 6 if edge.flags & 1 else 2
        return Envelope(data=Relation(mid=fid, attribute=attribute, mtime=edge.place >> 16))
    block = db.scalar(select(Block).where(Block.owner == viewer, Block.target == fid))
    if block is not None:
        return Envelope(data=Relation(mid=fid, attribute=128, mtime=block.place >> 16))
    return Envelope(data=Relation(mid=fid))


@app.get("/x/relation/followings")
def followings(
    db: Database,
    viewer: Viewer,
    vmid: Annotated[int, Query(ge=1)],
    ps: Annotated[int, Query(ge=1, le=100)] = 50,
    pn: Annotated[int, Query(ge=1)] = 1,
) -> Envelope[Page]:
    if viewer != vmid:
        owner = db.get(Account, vmid)
        if owner is None or owner.hide_followings:
            raise HTTPException(403)
    rows = db.execute(
        select(Following, Account)
        .join(Account, Account.mid == Following.target)
        .where(Following.owner == vmid)
        .order_by(Following.place.desc(), Following.target.desc())
        .limit(ps)
        .offset((pn - 1) * ps)
    ).all()
    tally = db.get(Tally, vmid)
    relations = attributes(db, viewer, [account.mid for _, account in rows])
    items = [item(edge, account, relations.get(account.mid, 0)) for edge, account in rows]
    return Envelope(
        data=Page(
            list=items,
            re_version=tally.version if tally else 0,
            total=tally.following if tally else 0,
        )
    )


def attributes(db: Session, viewer: int, mids: list[int]) -> dict[int, int]:
    """Return the viewer's relation attribute for each of `mids`; 0 is omitted."""
    edges = db.execute(
        select(Following.target, Following.flags).where(
            Following.owner == viewer, Following.target.in_(mids)
        )
    )
    blocks = db.scalars(select(Block.target).where(Block.owner == viewer, Block.target.in_(mids)))
    followed = {target: 6 if flags & 1 else 2 for target, flags in edges}
    return followed | dict.fromkeys(blocks, 128)


def item(edge: Following, account: Account, attribute: int) -> Item:
    label = VipLabel()
    colour = ""
    if account.vip_status:
        colour = "#FB7299"
        annual = account.vip_type == 2
        label = VipLabel(
            text="年度大会员" if annual else "大会员",
            label_theme="annual_vip" if annual else "vip",
            text_color="#FFFFFF",
            bg_style=1,
            bg_color=colour,
        )
    return Item(
        mid=account.mid,
        attribute=attribute,
        mtime=edge.place >> 16,
        uname=account.name,
        face=account.face,
        face_nft=account.face_nft,
        sign=account.sign,
        official_verify=OfficialVerify(type=account.official_type, desc=account.official_desc),
        vip=Vip(
            vipType=account.vip_type,
            vipDueDate=account.vip_due_ms,
            vipStatus=account.vip_status,
            label=label,
            avatar_subscript=account.vip_status,
            nickname_color=colour,
        ),
        nft_icon=account.nft_icon,
    )


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False)
