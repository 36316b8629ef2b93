"""Value objects of a change: activity entries and the record before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from domain.alerts.states import AlertState
from domain.ledger.record_facts import RecordFacts
from domain.primitives.json_values import JsonObject
from models.crm.activities import ActivityKind
from models.crm.records import CrmRecord
from models.organization.scopes import ScopeKey


@dataclass(frozen=True)
class ActivityEntry:
    """An entry for the activity feed: event, credited employee, time, and `data` for the summary sentence.

    goal_owner  of an entry about a goal or a plan
    """

    kind: ActivityKind
    subject_kind: str  # GraphQL type of the record
    subject_id: int
    employee_id: int | None
    at: datetime
    data: JsonObject = field(default_factory=dict)
    client_id: int | None = None
    goal_owner: ScopeKey | None = None


@dataclass(frozen=True)
class RecordChange:
    """A change of one record: its facts before and after, its activity entries, and what alerts follow from.

    previous     the row before the edit; None for a new record
    alert_state  which reasons for alerts hold now
    """

    subject_kind: str
    subject_id: int
    before: RecordFacts | None
    after: RecordFacts | None
    entries: Sequence[ActivityEntry] = ()
    previous: CrmRecord | None = None
    alert_state: AlertState = field(default_factory=AlertState)
