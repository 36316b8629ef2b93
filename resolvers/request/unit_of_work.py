"""A unit of work: the topics and goals that one transaction has changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from models.goals.goals import Goal


@dataclass
class Work:
    """One unit of work: what it moved, so that it is told in the same transaction."""

    at: datetime
    topics: set[str] = field(default_factory=set)
    goals: dict[int, Goal] = field(default_factory=dict)  # touched; their version becomes the change's position
