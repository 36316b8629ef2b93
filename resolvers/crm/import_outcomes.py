"""Results of importing records."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum


class ImportOutcome(Enum):
    """Result of importing one record of another system."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"

    @classmethod
    def of(cls, is_new: bool, changed_columns: Collection[str]) -> ImportOutcome:
        if is_new:
            return cls.NEW
        return cls.CHANGED if changed_columns else cls.UNCHANGED
