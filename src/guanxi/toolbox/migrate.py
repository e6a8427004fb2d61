"""Bring the lists of one account to another: backup, plan, apply, and what differs afterwards.

Each part can be interrupted. A plan that was begun is continued; a new one is made from what
the account has by then, so that what is there already costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from guanxi.sdk.sync import SyncClient
from guanxi.text import Text
from guanxi.toolbox import exchange, journal, transfer
from guanxi.toolbox.archive import Archive, default_path
from guanxi.toolbox.backup import backup
from guanxi.toolbox.plan import Plan
from guanxi.toolbox.planning import newest
from guanxi.toolbox.progress import OnProgress
from guanxi.toolbox.selection import Words, require_complete
from guanxi.toolbox.transfer import Difference


class Remaining(Struct, frozen=True):
    """An account that differs after a migration, and why, as far as the journal knows."""

    difference: Difference
    why: Text


def plan_path(source: Archive, target: Archive) -> Path:
    """Return where the plan of a migration is kept: next to the target's archive."""
    owner = default_path(source.identity).stem  # the same mid of another server is another account
    return target.path.with_name(f"{target.path.stem}.from-{owner}.plan")


def unfinished(source: Archive, target: Archive) -> Plan | None:
    """Return the plan of a migration that was begun and has acts left, None without one."""
    return journal.begun(target, plan_path(source, target))


def prepare(
    source: Archive,
    target_client: SyncClient,
    target: Archive,
    now: int,
    *,
    blocks: bool = False,
    words: Words = str,
    on_progress: OnProgress | None = None,
) -> Plan:
    """Read what the target has, and return the plan that brings it what the source has.

    ``source`` is read as it is: its newest snapshot. A plan that was begun is returned as it is,
    and nothing is read. Raises SelectionError if the source has not read a list completely, and as
    ``backup`` and ``plan_transfer``.
    """
    lists = ("followings", "blocks") if blocks else ("followings",)
    require_complete(source, newest(source), *lists, "groups")
    begun = unfinished(source, target)
    if begun is not None:
        return begun
    backup(target_client, target, now, on_progress=on_progress)
    return transfer.plan_transfer(
        target,
        plan_path(source, target),
        exchange.lines(source),
        now,
        command="migrate",
        selection=str(source.identity),
        blocks=blocks,
        words=words,
    )


def remaining(source: Archive, target: Archive, plan: Plan, *, blocks: bool) -> Iterator[Remaining]:
    """Yield what the target's newest snapshot lacks of the source's, with the reason.

    The reason is the server's refusal in the journal, or that of an account that the plan left
    out; empty if neither has one.
    """
    reasons = {one.left_out: Text.of(one.reason) for one in plan.left_out()}
    for row in journal.not_done(target, plan.header.id):
        if row["message"]:
            reasons[row["mid"]] = journal.why(row)
    for one in transfer.differences(target, exchange.lines(source), blocks=blocks):
        yield Remaining(one, reasons.get(one.mid, Text("", "")))
