"""What the handlers of content read: pages and lists of documents, videos by id, and hiding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from guanxi.contract import errors
from guanxi.contract import structs as s
from guanxi.contract.limits import ALL
from guanxi.graph.lists import window
from guanxi.service.handlers import people
from guanxi.service.handling import Refused, Service
from guanxi.stores.port import Query
from guanxi.world.kind import Kind, Value
from guanxi.world.profile import PROFILE, Hidden
from guanxi.world.videos import VIDEO

T = TypeVar("T")


async def numbered_page(
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
    """Return page ``pn`` (from 1) of ``ps`` documents of an owner, and the number of all matches.

    ``order`` names the key to sort by, highest first; ``where`` and ``text`` restrict both results
    (see ``Query``). A page past the last is empty. Raise KeyError for a key or filter that the kind
    does not declare.
    """
    page = window(pn, ps, ALL)
    query = Query(order=order, where=where, text=text, offset=page.offset, limit=page.limit)
    items = (await service.store.documents(kind, owner, query)).items
    return items, await service.store.count(kind, owner, where, text)


async def all_documents(
    service: Service, kind: Kind[T], owner: int, order: str, *, ascending: bool = False
) -> Sequence[T]:
    """Return all of an owner's documents of a kind, by the key ``order``, by default highest first.

    Raise KeyError if the kind has no such key.
    """
    query = Query(order=order, ascending=ascending, limit=ALL)
    return (await service.store.documents(kind, owner, query)).items


async def videos(service: Service, aids: Sequence[int]) -> dict[int, tuple[s.Video, s.Author]]:
    """Return the videos ``aids`` of any owner, each with its author, by aid.

    Missing videos are omitted. An owner without an account has an empty name and face.
    """
    rows = await service.store.find(VIDEO, aids)
    authors = await people.authors(service, {owner for owner, _ in rows.values()})
    return {aid: (video, authors[owner]) for aid, (owner, video) in rows.items()}


async def is_hidden(service: Service, viewer: int, owner: int, part: Hidden) -> bool:
    """Return whether the owner hides a part of its space from the viewer.

    False if the viewer is the owner, or if the owner has no profile.
    """
    if viewer == owner:
        return False
    profile = await service.store.get(PROFILE, owner)
    return profile is not None and part in profile.hides


async def refuse_hidden(service: Service, viewer: int, owner: int, part: Hidden) -> None:
    """Raise ``Refused`` with 53013 if the owner hides a part of its space from the viewer."""
    if await is_hidden(service, viewer, owner, part):
        reason = f"account {owner} shows its {part} to nobody else"
        raise Refused(errors.HiddenByPrivacy.number, reason)
