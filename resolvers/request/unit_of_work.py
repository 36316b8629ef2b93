"""A unit of work: one transaction with its entry in the change log, and the notification after its commit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from domain.alerts.rules import Subject
from domain.goals.tiers import Mark
from domain.ledger.metrics import Score
from models.alerts.alerts import RaisedAlert
from models.alerts.inactivity import InactivityTimer
from models.db import connection
from models.db.errors import DatabaseUnavailable
from models.edits.goal_values import GoalWithValue
from models.goals.goals import AffectedGoal, Goal
from models.live import change_log
from models.organization import reference_data
from resolvers.request.services import ChangeNotifier, CommittedChange


@dataclass
class AlertChanges:
    """What a unit of work has done to alerts.

    raised_ids       raised alerts that are new
    resolved_before  when alerts that it has resolved, or let stand again, were resolved before; by id
    """

    raised_ids: list[int] = field(default_factory=list)
    resolved_before: dict[int, datetime | None] = field(default_factory=dict)

    def add(self, rows: Iterable[RaisedAlert]) -> None:
        """Note alerts that are about to be resolved, or to stand again."""
        for row in rows:
            self.resolved_before.setdefault(row.id, row.resolved_at)


class UnitOfWork:
    """Changes made in one transaction.

    The entry in the change log is written in the transaction of the changes (an outbox), so that none is committed
    without news of it; the notification afterwards only makes subscribers read the log sooner.

    started_at   the time of all changes in it
    topics       topics of the change log that have changed
    scores       all that were posted, unless the topics are "*"
    scores_by_record  those of each record, by type and id, if it makes edits together
    is_group     whether it makes edits together, which are of new records and independent: GroupDissolved otherwise
    moved_goals  by id: goals with changed progress; their version becomes the position of the change
    achieved_ids  those of the moved goals of which `announced` has changed
    announced_marks  by id of a goal: the marks of the tiers that are announced for the first time
    alert_changes  what it has done to alerts
    timers_before  inactivity timers that it has changed, as they were before; None where there was none
    on_commit    called after the commit, for lines of the log about what was done
    unread_key   actor and idempotency key of the request, until its saved response has been looked for
    goals_read   the goals that it has read before it changed anything, with their values; None: nothing is known of them
    committed    its entry in the change log, once that is committed
    """

    def __init__(
        self, notifier: ChangeNotifier, started_at: datetime, *, is_outermost: bool = False, edits_records: bool = False
    ) -> None:
        self._notifier, self.started_at = notifier, started_at
        self.topics = set[str]()
        self.scores: list[Score] = []
        self.scores_by_record: dict[tuple[str, int], list[Score]] = {}
        self.is_group = False
        self.moved_goals: dict[int, Goal] = {}
        self.achieved_ids = set[int]()
        self.announced_marks: dict[int, list[Mark]] = {}
        self.alert_changes = AlertChanges()
        self.timers_before: dict[Subject, InactivityTimer | None] = {}
        self.on_commit: list[Callable[[], None]] = []
        self.unread_key: tuple[str, str] | None = None
        self.committed: CommittedChange | None = None
        self.goals_read: Sequence[AffectedGoal] | None = None
        self._is_outermost, self._edits_records = is_outermost, edits_records

    @classmethod
    @asynccontextmanager
    async def run(
        cls,
        notifier: ChangeNotifier,
        clock: Callable[[], datetime],
        *,
        is_batch: bool = False,
        edits_records: bool = False,
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> AsyncIterator[UnitOfWork]:
        """Run the block in a transaction, write its entry in the change log, and notify after the commit.

        is_batch       whether it may take seconds: then it gives way to the other writers
        edits_records  whether it is the edit of a few records
        prepare        of a batch, see `write_transaction`
        """
        is_outermost = connection.is_outside_transaction() and not connection.is_private_copy()
        async with connection.write_transaction(is_batch=is_batch, reuses_plans=edits_records, prepare=prepare):
            # the clock is read under the lock, so that times rise with the positions of the change log
            unit_of_work = cls(notifier, clock(), is_outermost=is_outermost, edits_records=edits_records)
            yield unit_of_work
            entry = await unit_of_work._append_to_change_log() if unit_of_work.topics else None
        unit_of_work._report(entry)

    def publish(self, *topics: str) -> None:
        """Add topics that have changed; subscribers are notified after the commit."""
        self.topics.update(topics)

    def add_moved_goals(self, moved_goals: Iterable[Goal]) -> None:
        """Add goals with changed progress."""
        for goal in moved_goals:
            if goal.id in self.achieved_ids:  # it was read again, and what was announced is not stored yet
                goal.announced = self.moved_goals[goal.id].announced
            self.moved_goals[goal.id] = goal

    def announce(self, goal: Goal, marks: Iterable[Mark]) -> None:
        """Note which tiers of a moved goal are announced; this is stored with the entry of the change log."""
        new_marks = [mark for mark in marks if mark not in goal.announced]
        goal.announced = [*goal.announced, *new_marks]
        self.achieved_ids.add(goal.id)
        self.announced_marks[goal.id] = new_marks

    def withdraw_announcements(self, goal: Goal, marks: Collection[Mark]) -> None:
        """Note that tiers of a moved goal no longer count as announced; stored as in `announce`."""
        goal.announced = [mark for mark in goal.announced if mark not in marks]
        self.moved_goals[goal.id] = goal
        self.achieved_ids.add(goal.id)

    @property
    def reads_committed(self) -> bool:
        """Whether all that it reads is committed: it is no part of another transaction, and has changed nothing yet."""
        return self._is_outermost and not self.topics

    def list_goal_values(self, current_values: Mapping[int, int]) -> dict[int, GoalWithValue] | None:
        """Return the goals that it has read or moved with their values after it, by id; None: it may have moved others.

        current_values  of the moved goals, by id
        """
        if self.goals_read is None or not self._edits_records or "*" in self.topics:
            return None
        values = {candidate.goal.id: (candidate.goal, candidate.value) for candidate in self.goals_read}
        return values | {goal_id: (goal, current_values[goal_id]) for goal_id, goal in self.moved_goals.items()}

    @property
    def changes_reference_data(self) -> bool:
        return not reference_data.REFERENCE_TOPICS.isdisjoint(self.topics)

    async def _append_to_change_log(self) -> CommittedChange:
        """Write the entry, and its position into all that has it as its version."""
        position, previous_position = await change_log.append(
            self.topics,
            self.started_at,
            moved_goals=[
                (id_, goal.announced if id_ in self.achieved_ids else None) for id_, goal in self.moved_goals.items()
            ],
        )
        self._ensure_not_rewound(position)
        if self.changes_reference_data:
            await reference_data.set_position(position)
        for goal in self.moved_goals.values():
            goal.version = position
        return CommittedChange(position, previous_position, self.topics, self.scores)

    def _ensure_not_rewound(self, position: int) -> None:
        """Raise DatabaseUnavailable if a position is assigned again: the database has gone back in time.

        A new epoch begins first, since clients may know the row that had this position before.
        """
        if 0 < position <= self._notifier.committed_position:
            self._notifier.notify()
            raise DatabaseUnavailable("The database has gone back in time.")

    def _report(self, entry: CommittedChange | None) -> None:
        """Write the lines of the log, and notify the subscribers of the topics of the entry."""
        # it is not within another transaction, nor in a dry run, of which nothing stays
        is_committed = connection.is_outside_transaction() and not connection.is_private_copy()
        if is_committed:
            for report in self.on_commit:
                report()
            if entry is not None:
                self.committed = entry
                self._notifier.publish(entry.position, sorted(entry.topics))
        elif entry is not None:
            self._notifier.notify()
