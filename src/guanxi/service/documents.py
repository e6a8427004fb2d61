"""Runs of documents as the handlers read them: pages by number, whole lists, videos by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from guanxi.contract import errors
from guanxi.contract import structs as s
from guanxi.contract.limits import ALL
from guanxi.graph.lists import window
from guanxi.service import people
from guanxi.service.handling import Refused, Service
from guanxi.stores.port import Query
from guanxi.world.kind import Kind, Value
from guanxi.world.profile import PROFILE, Hidden
from guanxi.world.videos import VIDEO

T = TypeVar("T")


async def numbered(
    service: Service,
    kind: Kind[T],
    owner: int,
    order: str,
    *,
    pn: int,
    ps: int,
    where: Mapping[str, Value] = {},
    text: str = "",
) -> tuple[Sequence[T], int]:
    """Page ``pn`` of ``ps`` documents, the highest first, and how many there are in all."""
    run = window(pn, ps, ALL)
    query = Query(order=order, where=where, text=text, offset=run.offset, limit=run.limit)
    items = (await service.store.documents(kind, owner, query)).items
    return items, await service.store.count(kind, owner, where, text)


async def whole(
    service: Service, kind: Kind[T], owner: int, order: str, *, ascending: bool = False
) -> Sequence[T]:
    """All of an owner's documents of a kind."""
    query = Query(order=order, ascending=ascending, limit=ALL)
    return (await service.store.documents(kind, owner, query)).items


async def videos(service: Service, aids: Sequence[int]) -> dict[int, tuple[s.Video, s.Author]]:
    """The videos that are there, whoever has them, with their authors, by aid."""
    found = await service.store.find(VIDEO, aids)
    authors = await people.authors(service, {owner for owner, _ in found.values()})
    return {aid: (video, authors[owner]) for aid, (owner, video) in found.items()}


async def hides(service: Service, viewer: int, owner: int, what: Hidden) -> bool:
    """Whether an account keeps something from a viewer; nothing from itself."""
    if viewer == owner:
        return False
    profile = await service.store.get(PROFILE, owner)
    return profile is not None and what in profile.hides


async def refuse_hidden(service: Service, viewer: int, owner: int, what: Hidden) -> None:
    """53013 for what an account keeps from a viewer."""
    if await hides(service, viewer, owner, what):
        raise Refused(errors.HiddenByPrivacy.number)
