"""Raises and resolves alerts.

Called after record changes and by scheduled jobs, inside their unit of work: a candidate raises one
alert for each rule that matches it, puts it into the inbox of each recipient and enqueues the
messages of outside channels. Nothing here waits for an outside service.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.alerts import rules as alert_rules
from domain.alerts.rules import (
    AlertCandidate,
    AlertDeduplicator,
    AlertKind,
    Event,
    Recipient,
    Subject,
)
from domain.ledger.record_facts import DealFacts, DealStatus, RecordFacts
from domain.permissions import Action, Reach, Role, reach
from models.alerts import alerts, inactivity
from models.alerts.alerts import Alert, RaisedAlert
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.db import connection, row_store
from models.edits.edit_rows import AlertsBefore
from models.organization import people
from models.organization.people import Employee, TeamTree
from resolvers.activities.entries import ActivityEntry, RecordChange
from resolvers.alerts import inactivity as inactivity_alerts
from resolvers.alerts import notifications
from resolvers.alerts.candidates import (
    build_candidates_of_kinds,
    is_existing_open_deal,
    latest_by_subject,
    load_employees,
)
from resolvers.alerts.notifications import Notification
from resolvers.alerts.rules import ActiveRule, active_rules
from resolvers.alerts.settlement import MovedGoals, resolve_alerts, resume_alerts, settle_alerts, settle_goal_alerts
from resolvers.request.context import RequestContext


def to_event(line: ActivityEntry, actor: int | None) -> Event:
    """Return the event of an activity entry that is about to be written."""
    subject = (line.subject_kind, line.subject_id)
    owner = line.goal_owner
    goal_owner = (owner.kind, owner.id) if owner else None
    return Event(line.kind.value, subject, line.at, line.employee_id, actor, goal_owner, line.data)


async def evaluate_alerts(
    context: RequestContext,
    changes: Sequence[RecordChange],
    moved_goals: MovedGoals,
    *,
    notify: bool,
    alerts_before: AlertsBefore | None = None,
) -> None:
    """Raise and resolve the alerts that follow from record changes and from the goals that they moved.

    notify         False for an import: its records are history and raise no alerts
    alerts_before  what the edit has read; None: nothing
    """
    if changes and await _process_changes(context, changes, alerts_before, notify=notify):
        alerts_before = alerts_before.without_alerts() if alerts_before else None
    await settle_goal_alerts(context, moved_goals, alerts_before)
    if notify and moved_goals.achievements:
        highest_tiers = {entry.subject_id: entry for entry in moved_goals.achievements}  # they come lowest first
        events = [to_event(entry, context.viewer.id) for entry in highest_tiers.values()]
        await raise_for_events(context, events, alerts_before)


async def _process_changes(
    context: RequestContext, changes: Sequence[RecordChange], alerts_before: AlertsBefore | None, *, notify: bool
) -> bool:
    """Raise and resolve alerts after record changes, and update the inactivity timers.

    Return whether alerts may have been raised, so that `alerts_before` is out of date.
    """
    may_have_raised = False
    events = [to_event(line, context.viewer.id) for change in changes for line in change.entries]
    last_activity = latest_by_subject(
        (subject, event.at) for event in events for subject in alert_rules.subjects_of(event)
    )
    closed_deal_ids = await _drop_closed_deals(last_activity, changes)
    lead_changes = [change for change in changes if change.subject_kind == "Lead"]
    touched_lead_ids = [change.subject_id for change in lead_changes if not _is_untouched(change)]
    if notify:
        # The timers are updated last: an inactivity that ends now may be overdue without any job having seen it.
        previous_rows = {
            (change.subject_kind, change.subject_id): change.previous
            for change in changes
            if isinstance(change.previous, Deal | Lead)
        }
        ended = {*last_activity, *(("Lead", lead_id) for lead_id in touched_lead_ids)}
        inactivity_pairs = await inactivity_alerts.find_ended_inactivity(context, ended, previous_rows, alerts_before)
        may_have_raised = await raise_alerts(context, inactivity_pairs, alerts_before)
        may_have_raised |= await raise_for_events(context, events, alerts_before)
    await settle_alerts(context, last_activity, changes, None if may_have_raised else alerts_before)
    for deal_id in closed_deal_ids:
        last_activity.pop(("Deal", deal_id), None)
    last_activity |= _new_untouched_leads(lead_changes)
    ended_subjects: list[Subject] = [
        *(("Deal", deal_id) for deal_id in closed_deal_ids),
        *(("Lead", lead_id) for lead_id in touched_lead_ids),
    ]
    if alerts_before is not None and alerts_before.covers(timed := {*last_activity, *ended_subjects}):
        context.open_unit_of_work.timers_before |= {subject: alerts_before.timers.get(subject) for subject in timed}
    await inactivity.update_timers(
        last_activity,
        ended=ended_subjects,
        imported_until=None if notify else context.now(),
    )
    return may_have_raised


def _is_untouched(change: RecordChange) -> bool:
    return change.alert_state.conditions.get(AlertKind.LEAD_UNTOUCHED, False)


def _new_untouched_leads(changes: Sequence[RecordChange]) -> dict[Subject, datetime]:
    """Return when each untouched lead was created that is new or has been restored."""
    return {
        ("Lead", change.subject_id): (
            change.previous.created_at if isinstance(change.previous, Lead) else change.entries[0].at
        )
        for change in changes
        if _is_untouched(change) and (change.previous is None or change.alert_state.deleted_before)
    }


async def _drop_closed_deals(last_activity: dict[Subject, datetime], changes: Sequence[RecordChange]) -> list[int]:
    """Remove deals that were not open before from `last_activity`; return those that the changes closed.

    Deals that are closed just now stay in `last_activity`, so that their inactivity alerts are resolved.
    """
    deal_changes = {change.subject_id: change for change in changes if change.subject_kind == "Deal"}
    other_ids = [deal_id for kind, deal_id in last_activity if kind == "Deal" and deal_id not in deal_changes]
    open_ids = {row.id for row in await row_store.fetch(Deal, other_ids) if is_existing_open_deal(row)}
    closed_ids = []
    for deal_id in [deal_id for kind, deal_id in last_activity if kind == "Deal"]:
        if deal_id in open_ids or (deal_id in deal_changes and _is_open_deal(deal_changes[deal_id].after)):
            continue
        if deal_id in deal_changes and _is_open_deal(deal_changes[deal_id].before):
            closed_ids.append(deal_id)
        else:
            del last_activity["Deal", deal_id]
    return closed_ids


def _is_open_deal(facts: RecordFacts | None) -> bool:
    return isinstance(facts, DealFacts) and facts.status is DealStatus.OPEN


async def raise_for_events(
    context: RequestContext, events: Sequence[Event], alerts_before: AlertsBefore | None = None
) -> bool:
    """Raise the alerts of events, for every active rule that matches; return whether any may have been raised.

    alerts_before  what the edit has read; None: nothing
    """
    now = context.now()
    alert_events = [(event, kind) for event in events for kind in alert_rules.alert_kinds_of(event, now)]
    rules = await active_rules(context, {kind for _, kind in alert_events}, alerts_before)
    if not rules:
        return False
    lookup = await load_employees((event.employee_id for event, _ in alert_events), alerts_before)
    candidates = await build_candidates_of_kinds(context, alert_events, lookup)
    pairs = [(rule, candidate) for candidate in candidates for rule in rules]
    return await raise_alerts(context, pairs, alerts_before)


async def raise_alerts(
    context: RequestContext,
    pairs: Sequence[tuple[ActiveRule, AlertCandidate]],
    alerts_before: AlertsBefore | None = None,
) -> bool:
    """Raise an alert for each pair in which the rule matches, unless one is active already.

    Return whether a rule matches, so that alerts may have changed.

    An alert within the cool-down of its rule is raised without notification. An occurrence that had its alert
    already gets no other: that alert stands again.

    alerts_before  what the edit has read, of which the employees are taken; None: nothing
    """
    pairs = [
        (active_rule, candidate) for active_rule, candidate in pairs if alert_rules.matches(active_rule.rule, candidate)
    ]
    if not pairs:
        return False
    deduplicator = await _load_deduplicator(context, pairs)
    to_raise = [
        (active_rule, candidate, notify)
        for active_rule, candidate in pairs
        if (notify := deduplicator.register(active_rule.rule, candidate)) is not None
    ]
    if not to_raise:
        return True
    notified_candidates = [candidate for _, candidate, notify in to_raise if notify]
    recipient_lookup = await _RecipientLookup.load(context, notified_candidates, alerts_before)
    recipients = [
        recipient_lookup.select(active_rule.row.all_recipients, candidate) if notify else []
        for active_rule, candidate, notify in to_raise
    ]
    raised_ids, inbox_ids = await connection.reserve_ids_of(
        [(RaisedAlert, len(to_raise)), (Alert, sum(map(len, recipients)))]
    )
    raised_alerts = [
        _build_raised_alert(context, alert_id, active_rule, candidate, notified=notify)
        for alert_id, (active_rule, candidate, notify) in zip(raised_ids, to_raise, strict=True)
    ]
    notified = [
        (row, active_rule, employee)
        for row, (active_rule, _, _), employees in zip(raised_alerts, to_raise, recipients, strict=True)
        for employee in employees
    ]
    in_inboxes = [
        Notification(alert_id, employee, active_rule.row.channels, row)
        for alert_id, (row, active_rule, employee) in zip(inbox_ids, notified, strict=True)
    ]
    context.open_unit_of_work.alert_changes.raised_ids += raised_ids
    inbox_rows = [
        Alert(id=notification.alert_id, raised_id=notification.raised.id, recipient_id=notification.recipient.id)
        for notification in in_inboxes
    ]
    await alerts.insert_alerts(raised_alerts, inbox_rows)
    context.publish(*(f"alerts:{notification.recipient.id}" for notification in in_inboxes))
    await notifications.enqueue(context, in_inboxes)
    return True


def _build_raised_alert(
    context: RequestContext, alert_id: int, active_rule: ActiveRule, candidate: AlertCandidate, *, notified: bool
) -> RaisedAlert:
    subject_kind, subject_id = candidate.subject
    return RaisedAlert(
        id=alert_id,
        rule_id=active_rule.row.id,
        kind=candidate.kind,
        subject_kind=subject_kind,
        subject_id=subject_id,
        employee_id=candidate.employee_id,
        occurred_at=candidate.at,
        raised_at=context.now(),
        notified=notified,
        data=dict(candidate.data),
        occurrence=candidate.occurrence,
    )


async def _load_deduplicator(
    context: RequestContext, pairs: Sequence[tuple[ActiveRule, AlertCandidate]]
) -> AlertDeduplicator:
    """Load the alerts that candidates could repeat, and let those of the same occurrence stand again.

    An active alert of an earlier occurrence, such as the previous due time of a task, is resolved.
    """
    subjects = {candidate.subject for _, candidate in pairs}
    rule_ids = sorted({active_rule.row.id for active_rule, _ in pairs})
    occurrences = {
        (active_rule.row.id, candidate.subject): candidate.occurrence
        for active_rule, candidate in pairs
        if candidate.occurrence is not None
    }
    rows = await alerts.find_active_and_resumable(subjects, {subject for _, subject in occurrences})
    by_key = [((row.rule_id, row.subject), row) for row in rows]
    superseded = [
        row
        for key, row in by_key
        if row.resolved_at is None and occurrences.get(key, row.occurrence) != row.occurrence and row.occurrence
    ]
    await resolve_alerts(context, superseded)
    await resume_alerts(
        context,
        [
            row
            for key, row in by_key
            if row.resolved_at is not None and row.occurrence and occurrences.get(key) == row.occurrence
        ],
    )
    rules_with_cool_down = [active_rule.row.id for active_rule, _ in pairs if active_rule.rule.cool_down]
    return AlertDeduplicator(
        [key for key, row in by_key if row.resolved_at is None and row not in superseded],
        await alerts.fetch_last_notified(rule_ids, subjects) if rules_with_cool_down else {},
        [(*key, row.occurrence) for key, row in by_key if row.occurrence is not None],
    )


@dataclass(frozen=True)
class _RecipientLookup:
    """The active employees that may be recipients of some candidates.

    employees         the employees that the candidates concern, active or not, by id
    active_employees  these, their managers, and all directors and administrators, as far as active
    """

    tree: TeamTree
    employees: dict[int, Employee]
    active_employees: dict[int, Employee]

    @classmethod
    async def load(
        cls,
        context: RequestContext,
        candidates: Sequence[AlertCandidate],
        alerts_before: AlertsBefore | None,
    ) -> _RecipientLookup:
        lookup = await load_employees((candidate.employee_id for candidate in candidates), alerts_before)
        employees = dict(lookup.employees)
        employee_ids = {
            employee_id for row in employees.values() for employee_id in (row.id, row.manager_id) if employee_id
        }
        employee_ids |= {candidate.assigner_id for candidate in candidates if candidate.assigner_id}
        paths = {context.tree.path_to_root(row.team_id) for row in employees.values()}
        paths |= {tuple(path) for candidate in candidates for path in candidate.managed_by}
        manager_ids = (context.tree.teams[team_id].manager_id for path in paths for team_id in path)
        employee_ids |= {manager_id for manager_id in manager_ids if manager_id}
        active_employees = await people.load_possible_recipients(sorted(employee_ids))
        return cls(context.tree, employees, {row.id: row for row in active_employees})

    def select(self, recipient_kinds: Sequence[Recipient], candidate: AlertCandidate) -> list[Employee]:
        director_ids = [row.id for row in self.active_employees.values() if row.role is Role.DIRECTOR]
        director_ids = director_ids or [row.id for row in self.active_employees.values() if row.role is Role.ADMIN]
        employee_id = candidate.employee_id if candidate.employee_id in self.active_employees else None
        chains = self._managers_of(candidate)
        assigner_id = self._find_assigner(candidate, {manager_id for chain in chains for manager_id in chain})
        return [
            self.active_employees[recipient_id]
            for recipient_id in alert_rules.select_recipients(
                recipient_kinds, employee_id, chains, director_ids, assigner_id
            )
        ]

    def _find_assigner(self, candidate: AlertCandidate, manager_ids: Collection[int]) -> int | None:
        """Return the id of the author of the task, if they may still see it."""
        assigner = self.active_employees.get(candidate.assigner_id or 0)
        if assigner is None:
            return None
        sees_everyone = reach(assigner.role, Action.VIEW_CARD) is Reach.COMPANY
        may_see = sees_everyone or assigner.id in manager_ids or assigner.id == candidate.employee_id
        return assigner.id if may_see else None

    def _managers_of(self, candidate: AlertCandidate) -> list[list[int]]:
        """Return the managers above, the nearest first: of an employee the one set by hand, then those of the teams.

        A group with several teams at its top has a list for each of them.
        """
        employee = self.employees.get(candidate.employee_id or 0)
        if employee is None:
            chains = [self._managers_of_teams(path) for path in candidate.managed_by]
        else:
            chains = [[employee.manager_id, *self._managers_of_teams(self.tree.path_to_root(employee.team_id))]]
        return [
            [
                manager_id
                for manager_id in chain
                if manager_id in self.active_employees and manager_id != candidate.employee_id
            ]
            for chain in chains
        ]

    def _managers_of_teams(self, team_ids: Sequence[int]) -> list[int | None]:
        return [self.tree.teams[team_id].manager_id for team_id in team_ids]


async def resolve_all(subjects: Sequence[Subject], at: datetime) -> None:
    """Resolve every active alert about the subjects."""
    await alerts.resolve(await alerts.find_active(subjects), at)
