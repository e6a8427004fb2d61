"""Stale reads: an application over a copy of the store, for the sessions of the store itself."""

from __future__ import annotations

from guanxi.accounts.secrets import Session
from guanxi.service.app import Application
from guanxi.service.auth import SessionGate
from guanxi.service.exchange import Observer
from guanxi.service.handling import Service
from guanxi.stores.layer import Layer
from guanxi.stores.port import Store


class _Stale(Layer):
    """A copy of a store, in which callers are signed in as they are in the store."""

    def __init__(self, copied: Store, current: Store) -> None:
        super().__init__(copied)
        self._current = current

    async def session(self, digest: bytes) -> Session | None:
        return await self._current.session(digest)


def stale(service: Service, copied: Store, observer: Observer) -> Application:
    """Return an application that answers from a copy of the service's store."""
    old = service._replace(store=_Stale(copied, service.store))
    return Application(old, SessionGate(old), [observer])
