"""Whether the reasons for alerts about a record or goal hold at present."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.alerts.rules import AlertKind


@dataclass(frozen=True)
class AlertState:
    """Which reasons for alerts hold for a subject at present.

    conditions      whether the reason of each kind holds; a kind that is not in it is left alone
    occurrences     the occurrence that holds, for the kinds that tell occurrences apart, as the activity stores it
    deleted_before  when the record was deleted that has just been restored: what was resolved then stands again
    """

    conditions: Mapping[AlertKind, bool] = field(default_factory=dict)
    occurrences: Mapping[AlertKind, str] = field(default_factory=dict)
    deleted_before: datetime | None = None

    def holds(self, kind: AlertKind, occurrence: str | None) -> bool:
        """Return whether the reason of an alert holds; an alert without a stored occurrence counts as any."""
        is_same = occurrence is None or self.occurrences.get(kind, occurrence) == occurrence
        return self.conditions.get(kind, True) and is_same

    def can_resume(
        self, kind: AlertKind, occurrence: str | None, resolved_at: datetime | None, *, is_newest: bool
    ) -> bool:
        """Return whether a resolved alert stands again.

        is_newest  whether it is the last alert of its rule, subject and kind
        """
        if not self.conditions.get(kind, False):
            return False
        if self.deleted_before is not None and resolved_at == self.deleted_before:
            return self.holds(kind, occurrence)
        present = self.occurrences.get(kind)
        return present is not None and (occurrence == present or (occurrence is None and is_newest))
