"""Raises and resolves alerts.

Called after record changes and by scheduled jobs, inside their unit of work: a candidate raises one
alert for each rule that matches it, puts it into the inbox of each recipient and enqueues the
messages of outside channels. Nothing here waits for an outside service.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from domain.alerts import rules as alert_rules
from domain.alerts.rules import OF_SILENCE, AlertKind, Case, Event, Memory, Recipient, Subject
from domain.goals import progress
from domain.ledger.record_facts import DealFacts, DealStatus, Facts
from domain.permissions import Role
from models.alerts import alerts, inactivity
from models.alerts.alerts import Alert, Raised
from models.crm.deals import Deal
from models.db import connection
from models.goals.goals import Goal
from models.organization import people
from models.organization.people import Employee, Tree
from resolvers.alerts import inactivity as inactivity_alerts
from resolvers.alerts import notifications
from resolvers.alerts.candidates import cases_of, is_open, latest, staff
from resolvers.alerts.notifications import Told
from resolvers.alerts.rules import Known, at_work
from resolvers.request.context import Context

if TYPE_CHECKING:
    from resolvers.activities.entries import Changed, Line


def event(line: Line, actor: int | None) -> Event:
    """Return the event of an activity entry that is about to be written."""
    subject = (line.subject, line.subject_id)
    return Event(line.kind.value, subject, line.at, line.employee_id, actor, line.team_id, line.data)


async def follow(context: Context, changes: Sequence[Changed], *, aloud: bool) -> None:
    """Raise and resolve alerts after record changes, and update the inactivity timers.

    notify  False for an import: its records are history and raise no alerts
    """
    events = [event(line, context.viewer.id) for change in changes for line in change.lines]
    heard = latest((subject, each.at) for each in events for subject in alert_rules.heard_of(each))
    ended = await _only_open(heard, changes)
    if aloud:
        # The timers are updated last: an inactivity that ends now may be overdue without any job having seen it.
        was = {change.subject_id: change.was for change in changes if change.subject == "Deal" and change.was}
        await tell(context, await inactivity_alerts.broken(context, heard, was))
        await tell_of(context, events)
    await _settle(context, heard, changes)
    for deal in ended:
        heard.pop(("Deal", deal), None)
    await inactivity.heard(heard, known=None if aloud else context.now())
    await inactivity.gone(ended)


async def _only_open(heard: dict[Subject, Any], changes: Sequence[Changed]) -> list[int]:
    """Remove deals that were not open before from `last_activity`; return those that the changes closed.

    Deals that are closed just now stay in `last_activity`, so that their inactivity alerts are resolved.
    """
    changed = {change.subject_id: change for change in changes if change.subject == "Deal"}
    other = [number for kind, number in heard if kind == "Deal" and number not in changed]
    open_ = {row.id for row in await Deal.filter(id__in=other) if is_open(row)} if other else set()
    ended = []
    for number in [number for kind, number in heard if kind == "Deal"]:
        if number in open_ or (number in changed and _open(changed[number].after)):
            continue
        if number in changed and _open(changed[number].before):
            ended.append(number)
        else:
            del heard["Deal", number]
    return ended


def _open(facts: Facts | None) -> bool:
    return isinstance(facts, DealFacts) and facts.status is DealStatus.OPEN


async def tell_of(context: Context, events: Sequence[Event]) -> None:
    """Raise the alerts of events, for every active rule that matches."""
    known = await at_work(context, {kind for each in events if (kind := alert_rules.opened(each))})
    cases = await cases_of(context, events) if known else []
    await tell(context, [(each, case) for case in cases for each in known])


async def tell(context: Context, pairs: Sequence[tuple[Known, Case]]) -> None:
    """Raise an alert for each pair whose rule matches, unless one is active already.

    An alert within the cool-down of its rule is raised without notification.
    """
    pairs = [(known, case) for known, case in pairs if alert_rules.concerns(known.rule, case)]
    if not pairs:
        return
    memory = await _memory(pairs)
    opening = [(known, case, told) for known, case in pairs if (told := memory.opens(known.rule, case)) is not None]
    if not opening:
        return
    raised = [
        Raised(
            id=id_,
            rule_id=known.row.id,
            kind=case.kind,
            subject_kind=case.subject[0],
            subject_id=case.subject[1],
            employee_id=case.employee,
            occurred_at=case.at,
            raised_at=context.now(),
            told=told,
            data=dict(case.data),
        )
        for id_, (known, case, told) in zip(await connection.reserve(Raised, len(opening)), opening, strict=True)
    ]
    await _write(Raised, raised)
    listeners = await _Listeners.of(context, [case for _, case, told in opening if told])
    heard = [
        (row, known, person)
        for row, (known, case, told) in zip(raised, opening, strict=True)
        if told
        for person in listeners.to(known.row.recipients, case)
    ]
    inbox = [
        Alert(id=id_, raised_id=row.id, recipient_id=person.id)
        for id_, (row, _, person) in zip(await connection.reserve(Alert, len(heard)), heard, strict=True)
    ]
    await _write(Alert, inbox)
    context.announce(*(f"alerts:{person.id}" for _, _, person in heard))
    await notifications.put(
        context,
        [
            Told(alert.id, person, known.row.channels, row)
            for alert, (row, known, person) in zip(inbox, heard, strict=True)
        ],
    )


async def _write(model: Any, rows: Sequence[Any]) -> None:
    for row in rows:
        row._custom_generated_pk = True
    if rows:
        await model.bulk_create(rows, batch_size=100)


async def _memory(pairs: Sequence[tuple[Known, Case]]) -> Memory:
    subjects = {case.subject for _, case in pairs}
    rules = sorted({known.row.id for known, _ in pairs})
    standing = [(row.rule_id, row.subject) for row in await alerts.standing(subjects)]
    cooling = [known.row.id for known, _ in pairs if known.rule.cool_down]
    return Memory(standing, await alerts.last_told(rules, subjects) if cooling else {})


@dataclass(frozen=True)
class _Listeners:
    """The active employees who may be recipients of some candidates.

    employees         the employees that the candidates concern, active or not, by id
    active_employees  these, their managers, and all directors and administrators, as far as active
    """

    tree: Tree
    concerned: dict[int, Employee]
    active: dict[int, Employee]

    @classmethod
    async def of(cls, context: Context, cases: Sequence[Case]) -> _Listeners:
        known = await staff(case.employee for case in cases)
        concerned = dict(known.rows)
        wanted = {number for row in concerned.values() for number in (row.id, row.manager_id) if number}
        teams = {case.team for case in cases} | {row.team_id or 0 for row in concerned.values()}
        for team in teams:
            managers = (context.tree.teams[up].manager_id for up in context.tree.above(team))
            wanted |= {manager for manager in managers if manager}
        active = await people.who_may_hear(sorted(wanted))
        return cls(context.tree, concerned, {row.id: row for row in active})

    def to(self, recipients: Sequence[str], case: Case) -> list[Employee]:
        directors = [row.id for row in self.active.values() if row.role is Role.DIRECTOR]
        directors = directors or [row.id for row in self.active.values() if row.role is Role.ADMIN]
        employee = case.employee if case.employee in self.active else None
        named = [Recipient(name) for name in recipients]
        return [self.active[number] for number in alert_rules.told(named, employee, self._above(case), directors)]

    def _above(self, case: Case) -> list[int]:
        """Return the ids of the managers above, the nearest first: the one set by hand, then those of the teams."""
        row = self.concerned.get(case.employee or 0)
        team = case.team if row is None else row.team_id
        by_teams = [self.tree.teams[up].manager_id for up in self.tree.above(team)]
        chain = [row.manager_id if row else None, *by_teams]
        return [number for number in chain if number in self.active and number != case.employee]


async def _settle(context: Context, heard: Collection[Subject], changes: Sequence[Changed]) -> None:
    """Resolve inactivity alerts of active subjects, and other alerts that the changed records no longer justify.

    A change without alert conditions (None) says nothing about its record and resolves none of the others.
    """
    reasons = {(change.subject, change.subject_id): change.reasons for change in changes if change.reasons is not None}
    over = [
        row
        for row in await alerts.standing({*heard, *reasons})
        if (row.subject in heard if row.kind in OF_SILENCE else row.kind not in reasons.get(row.subject, {row.kind}))
    ]
    await alerts.resolve(over, context.now())


async def goals_moved(context: Context, moved: Sequence[tuple[Goal, int]], told: Collection[int] | None = None) -> None:
    """Resolve alerts about moved goals that no longer apply at their new values.

    moved_goals       each goal with its value
    alerted_goal_ids  the goals with an unresolved alert; None if unknown
    """
    standing = await alerts.standing([("Goal", goal.id) for goal, _ in moved if told is None or goal.id in told])
    if not standing:
        return
    today, calendar = await context.today(), await context.calendar()
    by_id = {goal.id: (goal, value) for goal, value in moved}
    over = []
    for row in standing:
        goal, value = by_id[row.subject_id]
        sums = progress.progress(value, goal.target, goal.period, today=today, calendar=calendar)
        holds = (
            value >= goal.target
            if row.kind is AlertKind.GOAL_ACHIEVED
            else alert_rules.is_behind(sums, row.data.get("limit"))
        )
        if not holds:
            over.append(row)
    await alerts.resolve(over, context.now())


async def no_more(subjects: Sequence[Subject], at: datetime) -> None:
    """Resolve every active alert about the subjects."""
    await alerts.resolve(await alerts.standing(subjects), at)
