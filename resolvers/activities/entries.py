"""Value objects of a change: activity entries and the record before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.alerts.rules import AlertKind
from domain.ledger.record_facts import RecordFacts
from models.crm.activities import ActivityKind


@dataclass(frozen=True)
class ActivityEntry:
    """An entry for the activity feed: event, credited employee, time, and `data` for the summary sentence."""

    kind: ActivityKind
    subject_kind: str  # GraphQL type of the record
    subject_id: int
    employee_id: int | None
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    client_id: int | None = None
    team_id: int | None = None


@dataclass(frozen=True)
class RecordChange:
    """A change of one record: its facts before and after, activity entries, and input for the alerts."""

    subject_kind: str
    subject_id: int
    before: RecordFacts | None
    after: RecordFacts | None
    entries: tuple[ActivityEntry, ...] = ()
    original: Mapping[str, Any] = field(default_factory=dict)  # columns before the edit; empty for a new record
    alert_conditions: Mapping[AlertKind, bool] = field(
        default_factory=dict
    )  # whether that of a kind of alert holds now
    alert_occurrences: Mapping[AlertKind, str] = field(default_factory=dict)  # which occurrence holds, where kinds tell

    @property
    def deleted_before(self) -> datetime | None:
        """When the record was deleted that this change restores; None if it restores none."""
        return self.original.get("deleted_at") if self.after is not None else None
