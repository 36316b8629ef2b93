"""Value objects of a change: activity entries and the record before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.alerts.rules import AlertKind
from domain.ledger.record_facts import Facts
from models.crm.activities import ActivityKind


@dataclass(frozen=True)
class Line:
    """One line of the history: what happened, whose work it is, when; `data` for the sentence about it."""

    kind: ActivityKind
    subject: str  # the GraphQL type of the record
    subject_id: int
    employee_id: int | None
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    client_id: int | None = None
    team_id: int | None = None


@dataclass(frozen=True)
class Changed:
    """A record as it stood and as it stands, the lines for the history, and what of it is still to be told."""

    subject: str
    subject_id: int
    before: Facts | None
    after: Facts | None
    lines: tuple[Line, ...] = ()
    was: Mapping[str, Any] = field(default_factory=dict)  # the columns of a record that was edited, before
    reasons: frozenset[AlertKind] | None = None  # of alerts about it that hold now; None where that has not changed
