"""The import of an account's followings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from guanxi.accounts.account import State
from guanxi.contract.errors import ArgsException
from guanxi.embed.arguments import MOST, checked_mid, checked_mids
from guanxi.embed.lists import Lists
from guanxi.embed.refusals import refusal
from guanxi.embed.values import Imported, Outcome
from guanxi.graph.lists import Listing, Position, Sort, Window
from guanxi.graph.pair import REQUESTED, Act, Facts, Modify, Refusal, code_of, decide
from guanxi.text import Text


class Imports(Lists):
    """Let an account follow those of a list, with the outcome of each."""

    async def import_following(
        self,
        owner: int,
        targets: Iterable[int],
        mode: Literal["merge", "replace"] = "merge",
        *,
        preview: bool = False,
    ) -> list[Imported]:
        """Let ``owner`` follow accounts in this order; return what became of each.

        With ``mode`` ``"replace"``, also end the followings that are not among ``targets``, before
        new ones begin; ``"merge"`` ends none.
        ``preview`` changes nothing, and returns what would be done if nobody else changed
        anything. Accounts that ``owner`` follows already keep their place. Raise ``NoSuchUser``.

        Cost: the rows of its followings, and one transaction for each 256 changes; in a preview
        three look-ups for each change instead.
        """
        checked_mid("owner", owner)
        wanted = checked_mids("targets", targets)
        if mode not in ("merge", "replace"):
            raise ArgsException(
                Text("mode：须为 merge 或 replace", "mode: must be 'merge' or 'replace'")
            )
        await self._check_known(owner)
        current = await self._followed(owner)
        found = {mid: Imported(mid=mid, outcome="unchanged") for mid in wanted}
        new = [mid for mid in wanted if mid not in current]
        gone = [mid for mid in current if mid not in found] if mode == "replace" else []
        acts = [Modify(owner, mid, Act.UNFOLLOW) for mid in gone]
        acts += [Modify(owner, mid, Act.FOLLOW) for mid in new]
        if preview:
            codes = await self._foreseen(owner, acts, len(current))
        else:
            codes = await self.store.change(acts, self._caps) if acts else []
        for act, code in zip(acts, codes, strict=True):
            if code == REQUESTED:
                found[act.target] = Imported(mid=act.target, outcome="request")
            elif code:
                error = refusal(code, owner, act.target)
                found[act.target] = Imported(mid=act.target, outcome="refused", error=error)
            else:
                outcome: Outcome = "follow" if act.act == Act.FOLLOW else "unfollow"
                found[act.target] = Imported(mid=act.target, outcome=outcome)
        return list(found.values())

    async def _followed(self, owner: int) -> dict[int, None]:
        """Return whom an account follows, newest first, without their cards."""
        mids: dict[int, None] = {}
        after: Position | None = None
        while True:
            window = Window(0, MOST)
            page = await self.store.page(Listing.FOLLOWINGS, owner, Sort.NEWEST, window, after)
            mids.update(dict.fromkeys(page.rows.mids))
            if not page.more:
                return mids
            last = page.rows[-1]
            after = Position(last.sort_key, last.mid)

    async def _foreseen(self, owner: int, acts: Sequence[Modify], following: int) -> list[int]:
        """Return the codes that acts of ``owner``, who follows so many, would have."""
        codes = []
        actor = await self.store.account(owner)
        for act in acts:
            target = await self.store.account(act.target)
            facts = Facts(
                pair=await self.store.pair(owner, act.target),
                banned=actor is not None and actor.state is State.BANNED,
                actor_deregistered=actor is not None and actor.state is State.DEREGISTERED,
                known=target is not None,
                deregistered=target is not None and target.state is State.DEREGISTERED,
                refuses_follows=target is not None and target.privacy.refuse_follows,
                approves_followers=target is not None and target.privacy.approve_followers,
                requests=True,
                following=following,
                following_cap=self._limits.following_cap,
                sort_key=1,
                their_sort_key=1,
            )
            decided = decide(act, facts)
            code = decided.code if isinstance(decided, Refusal) else code_of(act, decided)
            codes.append(code)
            if not code:
                following += 1 if act.act == Act.FOLLOW else -1
        return codes
