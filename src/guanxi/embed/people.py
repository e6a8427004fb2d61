"""The verbs of a graph on accounts."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.inspect import StrType, type_info

from guanxi.accounts.account import Account, AccountEdit, Brief, Card, EditRefusal, Privacy, State
from guanxi.contract import errors
from guanxi.contract.errors import ArgsException
from guanxi.embed.arguments import (
    MOST,
    checked_flag,
    checked_keys,
    checked_mid,
    checked_mids,
    checked_text,
)
from guanxi.embed.opened import Opened
from guanxi.embed.refusals import refusal, unknown
from guanxi.embed.values import Erased, Person
from guanxi.operations import accounts, erasing
from guanxi.text import Text

#: How long the texts of a card may be, by field.
_LENGTHS = {
    field.name: field.type.max_length
    for field in type_info(Card).fields  # type: ignore[attr-defined]
    if isinstance(field.type, StrType)
}


class People(Opened):
    """Accounts, their switches, states and keys."""

    async def put_account(
        self,
        mid: int | None = None,
        *,
        key: str | None = None,
        name: str | None = None,
        face: str | None = None,
        sign: str | None = None,
        hide_followings: bool | None = None,
        hide_followers: bool | None = None,
        refuse_follows: bool | None = None,
        approve_followers: bool | None = None,
    ) -> int:
        """Create an account, or change the given fields of it; return its mid.

        ``key`` is your own id of it, any text of up to 255 characters; with a key and without a
        mid, the account with that key is changed, or one with a random mid created. With both, the
        account gets the key; ``ArgsException`` if another one has it. A name has up to 64
        characters, ``sign`` 512, ``face``, an address, 2,048. Raise ``AccountDeregistered`` for a
        deregistered account.

        ``hide_followings`` and ``hide_followers`` hide those lists from others in the service's
        endpoints, ``refuse_follows`` refuses new followers, ``approve_followers`` makes a follow a
        request. None leaves a field or a switch as it is; a new account has empty texts, and every
        switch off.

        Cost: one transaction; with a key alone one read before it.
        """
        texts = {"name": name, "face": face, "sign": sign}
        card = {
            field: checked_text(field, value, _LENGTHS[field])
            for field, value in texts.items()
            if value is not None
        }
        privacy = _switches(hide_followings, hide_followers, refuse_follows, approve_followers)
        if key is not None:
            checked_text("key", key)
            try:
                accounts.check_key(key)
            except ValueError as error:
                raise ArgsException(error.args[0]) from None
        if mid is None:
            if key is None:
                raise ArgsException(
                    Text("mid：请给出 mid 或 key", "mid: give a mid, or a key to get one")
                )
            return await accounts.put_by_key(self.store, key, card, privacy)
        checked_mid("mid", mid)
        edit = AccountEdit(card=card, privacy=privacy, new=Card(), key=key)
        await self._edit(mid, edit)
        return mid

    async def account(self, mid: int) -> Person | None:
        """Return an account, or None if there is none. Raise ``ArgsException`` for an invalid mid.

        Cost: two look-ups.
        """
        return (await self.accounts([mid])).get(mid)

    async def accounts(self, mids: Iterable[int]) -> dict[int, Person]:
        """Return accounts by mid, up to 1,000; those that do not exist are omitted.

        Raise ``ArgsException`` for an invalid mid among ``mids``, or for more.

        Cost: two look-ups for each.
        """
        briefs = await self.store.briefs(checked_mids("mids", mids, MOST))
        known = await self.store.accounts_of([*briefs])
        return {mid: _person(known[mid], brief) for mid, brief in briefs.items() if mid in known}

    async def set_privacy(
        self,
        mid: int,
        *,
        hide_followings: bool | None = None,
        hide_followers: bool | None = None,
        refuse_follows: bool | None = None,
        approve_followers: bool | None = None,
    ) -> None:
        """Set the given switches of an account, as ``put_account`` does. Raise ``NoSuchUser``.

        With ``approve_followers`` a follow becomes a request; requests stay when it is switched
        off, and a follow then ends its own.

        Cost: one transaction.
        """
        checked_mid("mid", mid)
        switches = _switches(hide_followings, hide_followers, refuse_follows, approve_followers)
        await self._edit(mid, AccountEdit(privacy=switches))

    async def ban(self, mid: int) -> None:
        """Ban an account: it changes nothing any more, and others see it. Raise ``NoSuchUser``.

        Cost: one transaction.
        """
        await self._set_state(mid, State.BANNED)

    async def unban(self, mid: int) -> None:
        """Lift the ban of an account. Raise ``NoSuchUser`` or ``AccountDeregistered``.

        Cost: one transaction.
        """
        await self._set_state(mid, State.NORMAL)

    async def deregister(self, mid: int) -> None:
        """Deregister an account for good: its card is erased and its key freed; relations stay.

        Raise ``NoSuchUser``. Cost: one transaction.
        """
        await self._set_state(mid, State.DEREGISTERED)

    async def erase(self, mid: int) -> Erased:
        """Erase an account: delete all that is of and about it, for good; return what that was.

        That is its relations with the counts of the others, groups, mutes, documents, key, name and
        card, and the marks of others on it. The feed of changes gets one ``erase``, and what it had
        of the account before is blanked. Its mid is not used again: ``put_account`` raises
        ``AccountDeregistered``. A call that was interrupted is continued by the same call, in any
        process; one for an account that was erased returns what was deleted then. Raise
        ``NoSuchUser``.

        Cost: one transaction for each 100 to 2,000 relations or documents, between which others
        write; and a look at each document and change.
        """
        checked_mid("mid", mid)
        try:
            erased = await erasing.erase(self.store, mid)
        except accounts.AccountError:
            raise unknown(mid) from None
        return Erased(mid=mid, counts=erased.counts)

    async def mid_of(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the mids of accounts by up to 1,000 of their ``keys``; unknown ones are omitted.

        Raise ``ArgsException`` for more, or for what is no text.

        Cost: one look-up for each.
        """
        return await accounts.mids_of_keys(self.store, checked_keys("keys", keys))

    async def key_of(self, mids: Iterable[int]) -> dict[int, str]:
        """Return the key of each of up to 1,000 accounts; those without one are omitted.

        Raise ``ArgsException`` for an invalid mid among ``mids``, or for more.

        Cost: one look-up for each.
        """
        return await accounts.keys_of(self.store, checked_mids("mids", mids, MOST))

    async def _set_state(self, mid: int, state: State) -> None:
        checked_mid("mid", mid)
        await self._edit(mid, AccountEdit(state=state))

    async def _edit(self, mid: int, edit: AccountEdit) -> None:
        refused = await self.store.edit_account(mid, edit)
        if refused is None:
            return
        if refused is EditRefusal.UNKNOWN:
            raise unknown(mid)
        if refused in (EditRefusal.DEREGISTERED, EditRefusal.ERASED):
            raise refusal(errors.AccountDeregistered.number, mid, mid)
        raise ArgsException(
            Text(f"key：{edit.key} 属于另一账号", f"key: another account has {edit.key}")
        )


def _person(account: Account, brief: Brief) -> Person:
    mid, name, face, sign = brief
    return Person(
        mid=mid,
        name=name,
        face=face,
        sign=sign,
        state=account.state,
        privacy=account.privacy,
    )


def _switches(*values: bool | None) -> dict[str, bool]:
    """Return the switches that are given, by name; ``values`` are in the order of ``Privacy``."""
    given = zip(Privacy.__struct_fields__, values, strict=True)
    return {name: checked_flag(name, value) for name, value in given if value is not None}
