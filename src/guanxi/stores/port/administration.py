"""The port's verbs on administration tokens, on the audit log and on the store's secret."""

from __future__ import annotations

from typing import Protocol

from guanxi.accounts.administrators import AdminToken, AuditEntry


class Administration(Protocol):
    """Administration tokens, the audit log, and the secret."""

    async def put_admin_token(self, token: AdminToken) -> bool:
        """Store a token; return False, and store nothing, if another has its name or digest.

        Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    async def admin_token(self, digest: bytes) -> AdminToken | None:
        """Return the token with this digest, expired or not; None if there is none.

        Raise StoreUnavailable if the read fails.
        """

    async def admin_tokens(self) -> list[AdminToken]:
        """Return every token, expired or not, by name.

        Raise StoreUnavailable if the read fails.
        """

    async def delete_admin_token(self, name: str) -> bool:
        """Delete the token with this name; return whether it existed.

        Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    async def append_audit(self, entry: AuditEntry) -> bool:
        """Append an entry to the audit log; return False, and store nothing, if its number is used.

        Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    async def end_audit(self, entry: AuditEntry) -> None:
        """Replace account, target, detail and status of the stored entry with the same number.

        Does nothing if it was deleted. Raise StoreUnavailable (not written) or StoreTimeout
        (perhaps written).
        """

    async def audit(
        self, limit: int, *, before: int | None = None, mid: int = 0, who: str = ""
    ) -> list[AuditEntry]:
        """Return at most ``limit`` (1 or more) entries of the audit log, the newest first.

        ``before`` leaves out that number and what is later, ``mid`` (other than 0) what is about
        other accounts, and ``who`` (other than "") what others did. Raise StoreUnavailable if the
        read fails.
        """

    async def trim_audit(self, before: int, most: int) -> int:
        """Delete at most ``most`` (1 or more) of the oldest entries below the number ``before``.

        Return how many were deleted. Raise StoreUnavailable (not written) or StoreTimeout (perhaps
        written).
        """

    async def refresh_secret(self) -> bool:
        """Read the store's secret again; return whether another process has replaced it.

        ``secret`` is then the new one. Raise StoreUnavailable if the read fails.
        """
