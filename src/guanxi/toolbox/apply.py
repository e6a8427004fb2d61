"""Apply a plan: act after act, each in the journal before it is sent and after its response.

Whatever interrupts it, the same call goes on with exactly what is left. An act whose response was
lost is looked up before it is repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import groupby, islice
from typing import Any, TypeVar

from msgspec import Struct, field, structs

from guanxi.contract import structs as s
from guanxi.contract.errors import (
    AlreadyBlocked,
    AlreadyFollowing,
    AnswerException,
    DeadlineExceeded,
    GroupExists,
    NetworkException,
    ResponseCodeException,
)
from guanxi.contract.relations import DEFAULT, SPECIAL
from guanxi.sdk.sync.client import SyncClient
from guanxi.text import Text
from guanxi.toolbox import journal, stops
from guanxi.toolbox.archive import Archive, identity_of
from guanxi.toolbox.effects import FOLLOWED, FOLLOWING, MUTUAL, after, is_in_effect, is_same
from guanxi.toolbox.errors import Stopped
from guanxi.toolbox.journal import Report
from guanxi.toolbox.plan import GROUP_ACTS, KINDS, Act, Plan, Relation
from guanxi.toolbox.progress import OnProgress, Progress

T = TypeVar("T")

#: How many accounts one request reads or sorts into groups.
_CHUNK = 50
#: Seconds before each look-up, and then repetition, of a request without a response.
_WAITS = (1.0, 5.0, 20.0)
#: How many times an act is answered with a code that is not known to concern it alone.
_TRIES = 3
#: As many acts in a row that fail for no known reason end the run.
_IN_A_ROW = 2
#: The codes that say of an act that it was done before.
_ALREADY = {
    "follow": AlreadyFollowing.number,
    "block": AlreadyBlocked.number,
    "create_group": GroupExists.number,
}


def apply(
    client: SyncClient,
    archive: Archive,
    plan: Plan,
    now: int,
    *,
    limit: int | None = None,
    per_day: int | None = None,
    exclude: Collection[int] = (),
    verify: bool = True,
    on_progress: OnProgress | None = None,
) -> Report:
    """Do what is left of a plan, and return what became of it.

    Accounts whose relation is not the one that the plan expects are left alone; refusals that
    concern one account alone are written down, and the rest goes on. At the end every account
    concerned is read back.

    Args:
        client: acts as the plan's account on the plan's server, at its pace.
        archive: that account's, which keeps the journal.
        plan: an opened plan.
        now: the time, in seconds since the Unix epoch.
        limit: the most acts of this run.
        per_day: the most requests on accounts in any 24 hours, of all plans of the archive.
        exclude: mids to leave alone, in later runs of the plan too.
        verify: whether to read back.
        on_progress: is called whenever an act has ended.

    Raises ``Stopped`` with how to go on if acts are left: at a limit, at codes that stop (risk
    control, a full list, the day's quota), after two failures in a row that no rule explains, or
    without a connection. Raises ``PlanMismatch`` for another account or server, ``NotSignedIn``,
    ``ArchiveBusy`` while another process works with the archive, ``ArchiveFull``, and
    ``PlanDamaged``.
    """
    plan.check_identity(archive.identity)
    with archive.locked():
        journal.register(archive, plan, now)
        if journal.report(archive, plan).ended is None:
            options = (limit, per_day, frozenset(exclude), on_progress)
            run = _Run(client, archive, plan, plan.header.id, now, *options)
            run.check_account()
            run.act()
            if verify:
                run.verify()
            journal.finish(archive, plan.header.id, run.now())
        return journal.report(archive, plan)


class _Run(Struct):
    """One call of ``apply``: what it knows of the server, and how far it has come."""

    client: SyncClient
    archive: Archive
    plan: Plan
    plan_id: str
    begun: int
    limit: int | None
    per_day: int | None
    exclude: frozenset[int]
    on_progress: OnProgress | None
    #: By the clock, not the monotonic one, which stops while a laptop sleeps.
    started: float = field(default_factory=time.time)
    #: The account's own groups by name.
    groups: dict[str, s.Group] = {}
    #: The relations of the current chunk by mid, with what was done since they were read.
    relations: dict[int, Relation] = {}
    #: The groups that the plan creates and that are left.
    to_create: set[str] = set()
    calls: int = 0
    sent: int = 0
    failed: int = 0
    ended: int = 0

    def __post_init__(self) -> None:
        self.ended = self.plan.header.total - journal.report(self.archive, self.plan).left

    def now(self) -> int:
        """Return the time, in seconds since the Unix epoch."""
        return self.begun + max(0, int(time.time() - self.started))

    def check_account(self) -> None:
        """Raise PlanMismatch if the client acts as another account, NotSignedIn if as none."""
        self.plan.check_identity(identity_of(self.client, self._read(self.client.web.nav)))

    def act(self) -> None:
        """Do every act that is left, in the order of the plan; those that failed again at the end.

        Raise Stopped if some are left.
        """
        self.to_create = {one.group for one in self._left() if one.act == "create_group"}
        for _ in range(_TRIES + 1):
            left = self._left()
            chunk = [*islice(left, _CHUNK)]
            if not chunk:
                return
            self._load_groups()
            while chunk:
                self._do_chunk(chunk)
                chunk = [*islice(left, _CHUNK)]

    def _left(self) -> Iterator[Act]:
        for act in self.plan.acts():
            entry = journal.entry(self.archive, self.plan_id, act.number)
            if entry is None or entry.outcome is None:
                yield act

    def _do_chunk(self, acts: list[Act]) -> None:
        mids = {act.mid for act in acts if act.mid is not None}
        self.relations = self._read_relations(mids)
        # Neighbours with the same groups are one request; every other act is one of its own.
        for _, neighbours in groupby(
            acts,
            lambda act: (
                (sorted(act.groups), act.special) if act.act == "set_groups" else act.number
            ),
        ):
            ready = [act for act in neighbours if self._is_ready(act)]
            if ready:
                self._perform(ready)

    # What is to be done

    def _is_ready(self, act: Act) -> bool:
        """Return whether an act is to be sent; if not, write why."""
        entry = journal.entry(self.archive, self.plan_id, act.number)
        is_unknown = entry is not None and entry.is_unknown
        in_effect = self._is_in_effect(act, look=is_unknown)
        if in_effect and is_unknown:
            self._end([act], "done")
        elif act.mid in self.exclude:
            self._end([act], "excluded")
        elif in_effect:
            self._end([act], "nothing_to_do")
        elif why := self._obstacle(act):
            before = None if act.mid is None else self._relation(act)
            self._end([act], "changed", message=why, before=before)
        else:
            return not (act.act == "set_groups" and self.to_create & {*act.groups})
        return False

    def _is_in_effect(self, act: Act, *, look: bool) -> bool:
        """Return whether an act changes nothing any more.

        ``look``: find out with a request of its own if the relation does not show it.
        """
        if act.act in GROUP_ACTS:
            return (act.group in self.groups) == (act.act == "create_group")
        in_effect = is_in_effect(act, self._relation(act))
        if in_effect is None and look:
            return not self._follows(act)
        return bool(in_effect)

    def _obstacle(self, act: Act) -> str:
        """Return why an act is left alone, as ``labels.LEFT_ALONE``; "" if it is not."""
        if act.act in GROUP_ACTS:
            self._load_groups()  # the acts before it may have changed how many members it has
            group = self.groups.get(act.group)
            return "group_not_empty" if group is not None and group.count else ""
        relation, expect = self._relation(act), act.expect
        if act.act == "set_groups" and relation.attribute not in FOLLOWED:
            return "not_followed"
        if expect is not None and (act.act == "set_groups" or self.plan.header.command == "undo"):
            # Whoever follows back, or no longer does, keeps groups and a following from nothing.
            relation, expect = _without_mutual(relation), _without_mutual(expect)
        if expect is not None and not is_same(relation, expect):
            return "relation"
        missing = {*act.groups} - self.groups.keys() - self.to_create
        return f"no_group {min(missing)}" if missing else ""

    # Sending

    def _perform(self, acts: list[Act]) -> None:
        """Send one request for acts that are ready, until its result is known or it is given up.

        Raise Stopped.
        """
        acts = acts[: self._portion(acts[0])]
        self.sent += len(acts)
        lost: Exception | None = None
        for wait in _WAITS:
            lost = self._send(acts)
            if lost is None:
                return
            time.sleep(wait)
            acts = self._look_up(acts)
            if not acts:
                self.failed = 0
                return
        self._end(acts, "given_up", message=f"no_response {lost}")
        self._count_failure(lost)

    def _send(self, acts: list[Act]) -> Exception | None:
        """Send one request for acts; return None, or the error if its result is unknown.

        Raise Stopped.
        """
        before = [(act, None if act.mid is None else self._relation(act)) for act in acts]
        journal.begin(self.archive, self.plan_id, before, self.now())
        try:
            self._request(acts)
        except DeadlineExceeded as error:
            return error
        except ResponseCodeException as error:
            self._answered(acts, error)
        except (NetworkException, AnswerException) as error:
            if _is_stop(error):
                raise self._stopped(error) from error
            return error
        else:
            self._finished(acts, "done")
        return None

    def _portion(self, act: Act) -> int:
        """Return how many acts like this one may be sent now. Raise Stopped if none may."""
        portion = _CHUNK
        if self.limit is not None:
            portion = self.limit - self.sent
            if portion <= 0:
                raise self._stopped(stops.portion(self.limit))
        if self.per_day is not None and journal.is_counted(act):
            sent, ends = journal.sent_today(self.archive, self.now())
            if sent >= self.per_day:
                raise self._stopped(stops.portion(self.per_day, ends))
        return portion

    def _request(self, acts: list[Act]) -> None:
        [first, *_] = acts
        relation = self.client.relation
        self.calls += 1
        code = KINDS[first.act].code
        if code is not None:
            relation.modify(_mid(first), code)
        elif first.act == "set_groups":
            ids = [self.groups[name].id for name in first.groups]
            ids += [SPECIAL] * first.special
            relation.set_groups(map(_mid, acts), ids or [DEFAULT])
        elif first.act == "create_group":
            relation.create_group(first.group)
        else:
            relation.delete_group(self.groups[first.group].id)

    def _finished(self, acts: list[Act], outcome: str, **answer: Any) -> None:
        """Write that acts are in effect, and what they changed."""
        self.failed = 0
        self._end(acts, outcome, **answer)
        for act in acts:
            if act.mid is not None:
                self.relations[act.mid] = after(act, self._relation(act))
        if acts[0].act in GROUP_ACTS:
            self._load_groups()

    def _answered(self, acts: list[Act], error: ResponseCodeException) -> None:
        """Write what a code says of acts. Raise Stopped if it says stop."""
        code, message = error.code, error.msg
        if error.stops:
            self._end(acts, None, code=code, message=message)
            raise self._stopped(error) from error
        if len(acts) > 1:  # one of them is the reason: which one, only single requests show
            journal.withdraw(self.archive, self.plan_id, acts, self.now())
            for act in acts:
                self.sent -= 1
                self._perform([act])
            return
        [act] = acts
        entry = journal.entry(self.archive, self.plan_id, act.number)
        tries = entry.tries if entry else 1
        if code == _ALREADY.get(act.act):
            # "done": a try before this one did it, and its response was lost.
            already = "done" if tries > 1 else "nothing_to_do"
            self._finished(acts, already, code=code, message=message)
        elif error.skips:
            self._end(acts, "refused", code=code, message=message)
        else:
            outcome = "given_up" if tries >= _TRIES else None
            self._end(acts, outcome, code=code, message=message)
            self._count_failure(error)
            return
        self.failed = 0

    def _look_up(self, acts: list[Act]) -> list[Act]:
        """Find out what of a request without a response was done; return the acts that were not.

        Raise Stopped if the server cannot be reached.
        """
        if acts[0].act in GROUP_ACTS:
            self._load_groups()
        else:
            self.relations |= self._read_relations({_mid(act) for act in acts})
        done = [act for act in acts if self._is_in_effect(act, look=True)]
        if done:
            self._end(done, "done")
        return [act for act in acts if act not in done]

    def _count_failure(self, error: Exception | None) -> None:
        self.failed += 1
        if error is not None and self.failed >= _IN_A_ROW:
            raise self._stopped(error, in_a_row=True) from error

    # Reading

    def _read(self, call: Callable[[], T]) -> T:
        """Return what a reading call returns; repeat it after lost connections.

        Raise Stopped if it fails.
        """
        for wait in (*_WAITS, None):
            self.calls += 1
            try:
                return call()
            except (NetworkException, AnswerException, ResponseCodeException) as error:
                is_code = isinstance(error, ResponseCodeException)
                is_final = is_code and not isinstance(error, DeadlineExceeded)
                if wait is None or is_final or _is_stop(error):
                    raise self._stopped(error) from error
            time.sleep(wait)
        raise AssertionError("the last wait is None")

    def _read_relations(self, mids: set[int]) -> dict[int, Relation]:
        if not mids:
            return {}
        found = self._read(lambda: self.client.relation.many(sorted(mids)))
        names = {group.id: name for name, group in self.groups.items()}
        relations = {}
        for mid in mids:
            one = found.get(str(mid), s.Relation(mid))
            groups = tuple(names[tag] for tag in one.tag or () if tag in names)
            relations[mid] = Relation(one.attribute, bool(one.special), groups, one.mtime)
        return relations

    def _load_groups(self) -> None:
        groups = self._read(self.client.relation.groups)
        self.groups = {one.name: one for one in groups if one.id not in (SPECIAL, DEFAULT)}

    def _follows(self, act: Act) -> bool:
        """Return whether the account of an act follows the plan's account."""
        mutual = self._read(lambda: self.client.relation.mutual(_mid(act)))
        return mutual.be_relation.attribute in FOLLOWED

    def _relation(self, act: Act) -> Relation:
        return self.relations.get(_mid(act), Relation())

    # Reading back

    def verify(self) -> None:
        """Read back every account with an act that was done; write which are not in effect."""
        self._load_groups()
        accounts = journal.last_done(self.archive, self.plan_id)
        while chunk := [*islice(accounts, _CHUNK)]:
            self.relations = self._read_relations({_mid(acts[0]) for acts in chunk})
            self._write_failed(act for acts in chunk for act in acts)
        self._write_failed(journal.group_acts_done(self.archive, self.plan_id).values())

    def _write_failed(self, acts: Iterable[Act]) -> None:
        failed = [act for act in acts if not self._is_in_effect(act, look=True)]
        if failed:
            self._end(failed, "not_in_effect")

    # Writing

    def _end(
        self,
        acts: list[Act],
        outcome: str | None,
        *,
        code: int | None = None,
        message: str | None = None,
        before: Relation | None = None,
    ) -> None:
        journal.end(
            *(self.archive, self.plan_id, acts, outcome, self.now()),
            code=code,
            message=message,
            before=before,
        )
        if outcome is None or outcome == "not_in_effect":
            return
        self.ended += len(acts)
        self.to_create -= {act.group for act in acts if act.act == "create_group"}
        if self.on_progress is not None:
            total = self.plan.header.total
            left = None
            if self.sent:
                left = (time.time() - self.started) / self.sent * (total - self.ended)
            self.on_progress(Progress("acts", self.ended, total, self.calls, left))

    def _stopped(self, why: Exception | Text, *, in_a_row: bool = False) -> Stopped:
        """Return the error that says why the run ends, how many acts are left, and how to go on."""
        left = journal.report(self.archive, self.plan).left
        return stops.stopped(why, self.plan.path, left, in_a_row=in_a_row)


def _is_stop(error: Exception) -> bool:
    """Return whether an HTTP status says stop where the response has no code."""
    return isinstance(error, NetworkException) and error.status in stops.BY_STATUS


def _without_mutual(relation: Relation) -> Relation:
    is_mutual = relation.attribute == MUTUAL
    return structs.replace(relation, attribute=FOLLOWING) if is_mutual else relation


def _mid(act: Act) -> int:
    assert act.mid is not None  # noqa: S101  # checked when the plan was read
    return act.mid
