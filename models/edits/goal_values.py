"""Keeps goals with their values between edits, so that neither the next edit nor a live stream need sum them up again.

All that changes totals is written to the change log, also repairs of them. So the values are current while the newest
entry of the log is the one that they were taken at. The statement that reads the rows of an edit checks that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from models.goals.goals import Goal

_MAX_GOALS: Final = 100_000  # upper bound for memory
_MAX_GROUP_GOALS: Final = 200  # of teams and the company: each edit is given all of these
_GROUPS: Final = 0

GoalWithValue: TypeAlias = tuple[Goal, int]  # the value in the smallest unit of the metric


class KnownGoalValues(NamedTuple):
    """The values of some goals, by id, in the smallest unit of their metric, at a position of the change log."""

    position: int
    values: Mapping[int, int]


NO_KNOWN_VALUES: Final = KnownGoalValues(-1, {})


@dataclass
class GoalValueCache:
    """Goals that edits have read or moved, with their values at the newest position that this process has committed."""

    _position: int = -1
    _goals: dict[int, GoalWithValue] = field(default_factory=dict)
    _ids_by_owner: dict[int, set[int]] = field(default_factory=dict)  # by the id of an employee, or `_GROUPS`

    def find_of_employees(self, employee_ids: Collection[int]) -> KnownGoalValues:
        """Return the known values of the goals that scores of these employees may move."""
        ids = [goal_id for owner in (_GROUPS, *employee_ids) for goal_id in self._ids_by_owner.get(owner, ())]
        return KnownGoalValues(self._position, {goal_id: self._goals[goal_id][1] for goal_id in ids})

    def find(self, goal_ids: Collection[int], position: int) -> dict[int, GoalWithValue] | None:
        """Return goals as of a position of the change log or a later one; None unless all are known."""
        if self._position < position or not self._goals.keys() >= {*goal_ids}:
            return None
        return {goal_id: self._goals[goal_id] for goal_id in goal_ids}

    def apply_committed(self, position: int, previous_position: int, goals: Mapping[int, GoalWithValue] | None) -> None:
        """Take a committed change into account.

        position, previous_position  of its entry in the change log, and of the entry before it
        goals                        by id, goals with their values after the change, among them all that it has moved;
                                     None: it may have moved or changed others
        """
        if position <= self._position:
            return
        if goals is None or previous_position != self._position or len(self._goals) > _MAX_GOALS:
            self._goals, self._ids_by_owner = {}, {}
        self._position = position
        for goal_id, goal_with_value in (goals or {}).items():
            goal = goal_with_value[0]
            owner = goal.scope.employee_id or _GROUPS
            ids = self._ids_by_owner.setdefault(owner, set())
            if owner != _GROUPS or goal_id in ids or len(ids) < _MAX_GROUP_GOALS:
                ids.add(goal_id)
                self._goals[goal_id] = goal_with_value
