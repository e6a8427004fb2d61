"""Who may send a request to the administration: bearer tokens and their scopes."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Collection, Mapping
from time import monotonic

from starlette.exceptions import HTTPException

from guanxi.accounts import secrets
from guanxi.accounts.administrators import ALL_SCOPES, CONFIGURED, AdminToken, Scope
from guanxi.service import logs
from guanxi.service.handling import Service

#: How long a token that was read is used before it is read again: a revocation ends it by then.
_TRUST_SECONDS = 1.0
#: How many tokens are kept meanwhile.
_MOST_KEPT = 1_000
_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_READS = frozenset({"GET", "HEAD"})
#: The paths that other scopes permit than those of the method.
_OTHER_SCOPES: Mapping[str, tuple[Scope, ...]] = {"/metrics": (Scope.METRICS, Scope.READ)}


def scopes_for(method: str, path: str) -> tuple[Scope, ...]:
    """Return the scopes any of which permits requests to a route."""
    return _OTHER_SCOPES.get(path, (Scope.READ if method in _READS else Scope.WRITE,))


class Admission:
    """The tokens that the administration accepts.

    They are the one of the environment, those of the settings, and those of the store. The first
    are compared in constant time. The store finds its own by the SHA-256 of 256 random bits, so
    that the time of the search says nothing about a token.
    """

    def __init__(self, service: Service, configured: str) -> None:
        self._service = service
        own = AdminToken(
            name=CONFIGURED, digest=secrets.digest(configured), scopes=ALL_SCOPES, created=0
        )
        self._configured = (own, *service.settings.tokens())
        #: Tokens of the store by digest, each with the time of its read.
        self._kept: dict[bytes, tuple[float, AdminToken]] = {}

    async def token(self, authorization: str) -> AdminToken:
        """Return the token of a request's header ``Authorization``.

        Raise HTTPException (401) if it is missing, wrong, revoked or expired, and StoreError if the
        store cannot be read.
        """
        scheme, _, given = authorization.partition(" ")
        is_bearer = scheme.lower() == "bearer" and given
        return await self.of_digest(secrets.digest(given) if is_bearer else b"")

    async def of_digest(self, digest: bytes) -> AdminToken:
        """Return the token with this digest; raise as ``token``."""
        found = await self._found(digest) if digest else None
        if found is None:
            raise HTTPException(401, "missing or wrong bearer token", _CHALLENGE)
        if found.expires is not None and found.expires <= self._service.now():
            raise HTTPException(401, f"the token {found.name} has expired", _CHALLENGE)
        return found

    async def _found(self, digest: bytes) -> AdminToken | None:
        found = None
        for token in self._configured:  # all of them: how long it takes says nothing
            if hmac.compare_digest(token.digest, digest):
                found = found or token
        if found is not None:
            return found
        since, kept = self._kept.get(digest, (0.0, None))
        now = monotonic()
        if kept is not None and now - since < _TRUST_SECONDS:
            return kept
        stored = await self._service.store.admin_token(digest)
        if stored is None:
            self._kept.pop(digest, None)
            return None
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[digest] = (now, stored)
        return stored


def check_scopes(token: AdminToken, scopes: Collection[Scope], route: str) -> None:
    """Raise HTTPException (403) unless the token has one of the scopes; log that."""
    if token.scopes.isdisjoint(scopes):
        logs.event(logging.WARNING, "administration refused", token=token.name, route=route)
        named = " or ".join(scopes)
        raise HTTPException(403, f"the token {token.name} lacks the scope {named}")
