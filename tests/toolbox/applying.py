"""What tests of apply share: a service with faults, an account with an archive, plans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from guanxi import Credential, SyncClient
from guanxi.stores.port import EdgeRow
from guanxi.testing import RunningService, SignedIn, running
from guanxi.toolbox.apply import apply
from guanxi.toolbox.archive import Archive, Identity
from guanxi.toolbox.errors import Stopped
from guanxi.toolbox.journal import Report, not_done
from guanxi.toolbox.plan import Act, Plan, Relation, new_header
from tests.toolbox.faulty import Faulty

NOW = 1_700_000_000


class Desk(Struct):
    """The account 1 at a service: its client, its archive, and the faults in front of both."""

    service: RunningService
    session: SignedIn
    client: SyncClient
    archive: Archive
    faults: Faulty
    folder: Path

    def plan(self, *acts: Act, command: str = "follow", name: str = "plan") -> Plan:
        """Write a plan with these acts."""
        header = new_header(command, self.archive.identity, NOW)
        return Plan.write(self.folder / name, header, acts)

    def apply(self, plan: Plan, **options: Any) -> Report:
        """Apply a plan at the time ``NOW``, or at ``now``."""
        return apply(self.client, self.archive, plan, options.pop("now", NOW), **options)

    def stop(self, plan: Plan, **options: Any) -> str:
        """Apply a plan that must stop; return the message."""
        try:
            report = self.apply(plan, **options)
        except Stopped as error:
            return str(error.args[0])
        raise AssertionError(f"it did not stop: {report}")

    def attributes(self, *mids: int) -> list[int]:
        """Return the account's relations to others, as attributes."""
        return [self.client.relation.get(mid).attribute for mid in mids]

    def outcomes(self, plan: Plan) -> dict[int, tuple[str | None, int | None]]:
        """Return outcome and code of the acts that were not done, by number."""
        return {
            row["number"]: (row["outcome"], row["code"])
            for row in not_done(self.archive, plan.header.id)
        }

    def followings(self) -> list[int]:
        """Return whom the account follows, newest first."""
        return [item.mid for item in self.client.relation.iter_followings(1)]


@contextmanager
def desk(
    folder: Path,
    *,
    accounts: int = 12,
    edges: Iterable[EdgeRow] = (),
    faults: Faulty | None = None,
    limits: Mapping[str, int] | None = None,
) -> Iterator[Desk]:
    """Run a service with the accounts 1 to ``accounts``, and sign in account 1."""
    faults = faults or Faulty()
    with running(wrap=faults.around, limits=limits) as service:
        service.add_accounts(*range(1, accounts + 1))
        service.import_edges(edges)
        session = service.sign_in(1)
        identity = Identity(service.base_url, 1, "u1")
        credential = Credential(sessdata=session.sessdata, bili_jct=session.bili_jct)
        with (
            SyncClient(base_url=service.base_url, credential=credential) as client,
            Archive.create(folder / "archive.db", identity) as archive,
        ):
            yield Desk(service, session, client, archive, faults, folder)


def follows(*mids: int, **others: Any) -> list[EdgeRow]:
    """Return edges: account 1 follows these, the first one first."""
    return [
        EdgeRow(follower=1, followed=mid, time=1_000 + n, **others) for n, mid in enumerate(mids)
    ]


def follow(mid: int, **fields: Any) -> Act:
    return Act(0, "follow", "test", mid=mid, name=f"u{mid}", **fields)


def unfollow(mid: int, **fields: Any) -> Act:
    fields = {"expect": Relation(2), **fields}
    return Act(0, "unfollow", "test", mid=mid, name=f"u{mid}", **fields)


def sort(mid: int, *groups: str, **fields: Any) -> Act:
    return Act(0, "set_groups", "test", mid=mid, name=f"u{mid}", groups=groups, **fields)
