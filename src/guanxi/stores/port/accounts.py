"""The port's verbs on accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from guanxi.accounts.account import Account, AccountEdit, Brief, Card, EditRefusal
from guanxi.accounts.secrets import Session, SessionRefusal
from guanxi.contract.limits import ALL
from guanxi.stores.port.rows import AccountPage, AccountQuery
from guanxi.world.kind import DocumentEdit


class Accounts(Protocol):
    """Accounts, their cards, their sessions and the grants of QR sign-ins."""

    async def account(self, mid: int) -> Account | None:
        """Return an account's state, privacy and ban, or None for an unknown account.

        A ban that has ended counts as none, here and in every rule. Raise StoreUnavailable if the
        read fails.
        """

    async def created(self, mid: int) -> int:
        """Return when an account was created, in seconds since the Unix epoch; 0 if unknown.

        Raise StoreUnavailable if the read fails.
        """

    async def accounts_of(self, mids: Sequence[int]) -> dict[int, Account]:
        """Return the state and privacy of accounts, by mid; unknown accounts are omitted.

        Raise StoreUnavailable if the read fails.
        """

    async def cards(self, mids: Sequence[int]) -> dict[int, Card]:
        """Return the cards of accounts, by mid; unknown accounts are omitted.

        Raise StoreUnavailable if the read fails.
        """

    async def briefs(self, mids: Sequence[int]) -> dict[int, Brief]:
        """Return what lists show of accounts, by mid; unknown accounts are omitted.

        It is the mid, name, face and sign of the card. Raise StoreUnavailable if the read fails.
        """

    async def tails(self, mids: Sequence[int]) -> dict[int, bytes]:
        """Return the list-item tails of accounts, by mid; unknown accounts are omitted.

        A tail is the JSON of an ``ItemTail`` whose opening brace is replaced by a comma. With a
        card cache in front of the store (``card_cache``) it may be some seconds old. Raise
        StoreUnavailable if the read fails.
        """

    async def edit_account(
        self, mid: int, edit: AccountEdit, documents: Sequence[DocumentEdit[Any]] = ()
    ) -> EditRefusal | None:
        """Change an account and documents of it in one transaction; return None, or a refusal.

        ``accounts.account.decide_account`` is applied to the stored account. A refused edit changes
        nothing. An edit that deregisters also deletes the account's sessions and grants, and the
        requests to follow that it sent or received; its edges stay. If these requests are many, the
        first are ended before, in transactions of their own: the feed of changes has them as
        cancelled and declined by the account. Of several edits to one name
        with ``unique_name``, one succeeds. Raise StoreUnavailable (not written) or StoreTimeout
        (perhaps written).
        """

    async def list_accounts(self, query: AccountQuery, now: int) -> AccountPage:
        """Return the page of accounts that ``query`` selects, with their states at ``now``.

        ``now`` is in seconds since the Unix epoch. It costs as much as the page, whatever the
        number of accounts: a query with several conditions may examine ``EXAMINED`` accounts, and
        return fewer than ``limit``, or none, with a place to continue after. Raise
        StoreUnavailable if the read fails.
        """

    async def open_session(self, session: Session, at_most: int = ALL) -> SessionRefusal | None:
        """Store a session; return None, or why nothing was stored.

        Refused for an unknown or deregistered account, and if a session has the digest: of several
        calls with one digest, one succeeds. Also deletes the account's sessions that expired before
        ``session.created`` and then, of the others, those created first, so that ``at_most`` (1 or
        more) are left. Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    async def session(self, digest: bytes) -> Session | None:
        """Return the session with this token digest, expired or not; None if there is none.

        Raise StoreUnavailable if the read fails.
        """

    async def sessions_of(self, mid: int) -> list[Session]:
        """Return an account's sessions, expired ones included, the newest first.

        Raise StoreUnavailable if the read fails.
        """

    async def use_sessions(self, used: Mapping[bytes, int]) -> None:
        """Note when sessions were used, by digest, in seconds since the Unix epoch.

        Those that are unknown, or noted within ``USED_SECONDS``, stay as they are. Raise
        StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    async def close_session(self, digest: bytes) -> bool:
        """Delete the session with this token digest; return whether it existed.

        Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    async def close_sessions(self, mid: int) -> int:
        """Delete all sessions of an account; return their number.

        Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    async def mids(self, names: Sequence[str]) -> dict[str, int]:
        """Return the mid of the account with each exact name, by name; of several, the lowest.

        Names that no account has are omitted. Deregistered accounts are never found. Raise
        StoreUnavailable if the read fails.
        """

    async def put_grant(
        self, digest: bytes, mid: int, expires: int, *, again: bool = False
    ) -> bool:
        """Store a grant: the QR sign-in code with this digest signs in as ``mid``.

        Return False, and store nothing, if another account has that grant, if it was used, unless
        ``again``, or if the account was erased. Whether the account exists is not checked. The
        grant is valid until ``expires``, in seconds since the Unix epoch. Expired grants are
        deleted. Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    async def take_grant(self, digest: bytes) -> int | None:
        """Return the account of a valid grant, and mark it as used: a code signs in only once.

        0 if it was used before; None if nobody confirmed the sign-in, or the grant has expired.
        Raise StoreUnavailable (not written) or StoreTimeout (perhaps written).
        """

    @property
    def secret(self) -> bytes:
        """Return the store's secret, as it was last read; shared keys are derived from it.

        It is read at opening, and by ``refresh_secret``.
        """
