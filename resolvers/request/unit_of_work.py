"""A unit of work: the topics and goals that one transaction has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from models.goals.goals import Goal


@dataclass
class UnitOfWork:
    """Changes made in one transaction, to be written to the change log in that transaction.

    started_at   the time of all changes in it
    topics       topics of the change log that have changed
    moved_goals  goals with changed progress; their version becomes the position of the change
    on_commit    called after the commit, for lines of the log about what was done
    """

    started_at: datetime
    topics: set[str] = field(default_factory=set)
    moved_goals: dict[int, Goal] = field(default_factory=dict)
    on_commit: list[Callable[[], None]] = field(default_factory=list)
