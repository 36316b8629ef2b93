"""Silences that have become too long: of open deals, and of employees.

The clock finds them within seconds. One that is broken before it comes round is found by
whoever breaks it, so what is raised depends on what happened alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from domain import alerting
from domain.alerting import OF_SILENCE, AlertKind, Case, Event, Subject
from models import alerts, silences
from models.deals import Deal
from models.silences import Silence
from resolvers.alert_rules import Known, at_work
from resolvers.cases import cases_of, stood
from resolvers.context import Context

_SHORTEST: Final = timedelta(days=1)  # that a rule can be about
_STOOD: Final = ("title", "amount", "currency", "owner_id")
_NOTHING: Final[Mapping[int, Mapping[str, Any]]] = {}


async def broken(
    context: Context, heard: Collection[Subject], was: Mapping[int, Mapping[str, Any]]
) -> list[tuple[Known, Case]]:
    """Return the silences of these subjects that had become too long by now, each for a rule.

    was  the columns of deals that have just been edited, as they were
    """
    now, rows = context.now(), await silences.of(heard)
    long = {subject: row for subject, row in rows.items() if now - silences.moment(row.since) > _SHORTEST}
    found = []
    for known in await at_work(context, OF_SILENCE) if long else ():
        if known.rule.kind is AlertKind.DEAL_STALLED:
            cases = await deals(context, known, long, was)
        else:
            among = {number for kind, number in long if kind == "Employee"}
            cases = await employees(context, known, among) if among else []
        found += [(known, case) for case in cases]
    return found


async def deals(
    context: Context, known: Known, rows: Mapping[Subject, Silence], was: Mapping[int, Mapping[str, Any]] = _NOTHING
) -> list[Case]:
    """Return those of the deals that have been silent for too long for the rule, and that it is about."""
    moments = {
        number: (silences.moment(row.since), silences.moment(row.known) if row.known else None)
        for (kind, number), row in rows.items()
        if kind == "Deal"
    }
    due = await _too_long(context, known, moments)
    events = []
    for row in await Deal.filter(id__in=list(due)) if due else ():
        for name in _STOOD if row.id in was else ():
            setattr(row, name, was[row.id][name])
        data = {**stood(row), "days": known.rule.days}
        events.append(Event("DEAL_STALLED", ("Deal", row.id), due[row.id], row.owner_id, data=data))
    return await _concerned(context, known, events)


async def employees(context: Context, known: Known, among: Collection[int] | None = None) -> list[Case]:
    """Return the employees, or those among some, who have been silent for too long and of whom nothing stands yet."""
    rows = await silences.of_employees(known.rule.employee, before=context.now() - _SHORTEST)
    moments = {number: (since, until) for number, since, until in rows if among is None or number in among}
    due = await _too_long(context, known, moments)
    subjects = [("Employee", number) for number in due]
    standing = {row.subject_id for row in await alerts.standing(subjects) if row.rule_id == known.row.id}
    events = [
        Event("NO_ACTIVITY", ("Employee", number), at, number, data={"days": known.rule.days})
        for number, at in due.items()
        if number not in standing
    ]
    return await _concerned(context, known, events)


async def _concerned(context: Context, known: Known, events: list[Event]) -> list[Case]:
    events.sort(key=lambda event: event.at)
    return [case for case in await cases_of(context, events) if alerting.concerns(known.rule, case)]


async def _too_long(
    context: Context, known: Known, moments: Mapping[int, tuple[datetime, datetime | None]]
) -> dict[int, datetime]:
    """Return since when each silence is too long that is.

    moments  when it began, and until when an import has told of it: what was too long by then is history
    """
    calendar, now = await context.calendar(), context.now()
    due = {number: alerting.too_long(known.rule, since, calendar) for number, (since, _) in moments.items()}
    known_until = {number: until for number, (_, until) in moments.items() if until}
    return {number: at for number, at in due.items() if at < now and at > known_until.get(number, at - _SHORTEST)}
