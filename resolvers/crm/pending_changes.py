"""Changes of records in the making: what the edits of one call need, and each record before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar

from domain.ledger.record_facts import RecordFacts
from domain.primitives.calendar import Calendar
from models.crm.records import CrmRecord
from models.db import row_store
from models.edits.edit_rows import EditRows
from models.organization.company import Company, ExchangeRateTable
from models.organization.people import TeamMembershipHistory, TeamTree
from resolvers.activities.entries import RecordChange
from resolvers.leaderboards.wins import WinAnnouncement
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import IdResolver

Row = TypeVar("Row", bound=CrmRecord)


@dataclass
class EditContext:
    """Data that the edits of one call need, loaded once for one record or five hundred."""

    context: RequestContext
    company: Company
    calendar: Calendar
    rates: ExchangeRateTable
    resolver: IdResolver
    memberships: TeamMembershipHistory
    now: datetime
    today: date
    rows: EditRows
    first_stage_id: int | None = None  # the default stage of a new record, if one may need it

    @property
    def current_tree(self) -> TeamTree | None:
        """The teams of the viewer if they are those of the moment when the rows were read, under the write lock."""
        reference_data = self.context.viewer.reference_data
        if (
            reference_data is None
            or reference_data.position != self.rows.position
            or self.context.open_unit_of_work.changes_reference_data
        ):
            return None
        return reference_data.tree


@dataclass
class PendingChange(Generic[Row]):
    """A record being edited: the row with the new values, a copy with the old ones, and its facts before the edit."""

    row: Row
    previous: Row | None  # None for a new record
    before: RecordFacts | None
    move_credit: bool = False
    occurred_at: datetime | None = None  # when it happened; None means now
    stage_entry_unknown: bool = False  # of an imported deal: the time it entered its stage is unknown

    @property
    def is_new(self) -> bool:
        return self.previous is None

    @property
    def changed_columns(self) -> dict[str, object]:
        """Return the columns that changed, with their old values; none for a new record."""
        columns = row_store.column_names(type(self.row)) if self.previous else ()
        old_values = ((name, getattr(self.previous, name)) for name in columns)
        return {name: old for name, old in old_values if getattr(self.row, name) != old}

    @property
    def was_deleted(self) -> bool:
        """Return whether the record was deleted before the edit."""
        return self.previous is not None and self.previous.deleted_at is not None

    def has_changed(self, column: str) -> bool:
        return self.previous is None or getattr(self.previous, column) != getattr(self.row, column)


@dataclass(frozen=True)
class RelatedChanges:
    """Changes of other records that follow from changes, and the wins to announce or to revoke."""

    changes: Sequence[RecordChange] = ()
    announcements: Sequence[WinAnnouncement] = ()
