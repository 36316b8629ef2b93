"""The kept values of goals are those of the newest change that the process knows."""

from __future__ import annotations

from models.edits.goal_values import GoalValueCache, KnownGoalValues
from models.goals.goals import Goal


def make_goal(goal_id: int, owner_kind: str, owner_id: int = 0) -> Goal:
    return Goal(id=goal_id, owner_kind=owner_kind, owner_id=owner_id)


GOALS = {1: make_goal(1, "EMPLOYEE", 7), 2: make_goal(2, "EMPLOYEE", 8), 3: make_goal(3, "TEAM", 7)}


def values_of(**values: int) -> dict[int, tuple[Goal, int]]:
    """Return values by the last letter of `goal1`."""
    return {int(name[-1]): (GOALS[int(name[-1])], value) for name, value in values.items()}


def test_values_are_those_of_employee_and_of_groups() -> None:
    cache = GoalValueCache()
    cache.apply_committed(5, 4, values_of(goal1=10, goal2=20, goal3=30))

    assert cache.find_of_employees([7]) == KnownGoalValues(5, {1: 10, 3: 30})


def test_goals_are_found_as_of_position_or_later_if_all_are_known() -> None:
    cache = GoalValueCache()
    cache.apply_committed(5, 4, values_of(goal1=10, goal2=20))

    assert cache.find([2], 5) == values_of(goal2=20)
    assert cache.find([2], 6) is None
    assert cache.find([2, 3], 5) is None


def test_next_change_keeps_values_that_it_has_not_moved() -> None:
    cache = GoalValueCache()
    cache.apply_committed(5, 4, values_of(goal1=10, goal3=30))
    cache.apply_committed(6, 5, values_of(goal1=11))

    assert cache.find_of_employees([7]) == KnownGoalValues(6, {1: 11, 3: 30})


def test_change_of_another_process_drops_values() -> None:
    cache = GoalValueCache()
    cache.apply_committed(5, 4, values_of(goal1=10, goal3=30))
    cache.apply_committed(7, 6, values_of(goal1=11))

    assert cache.find_of_employees([7]) == KnownGoalValues(7, {1: 11})


def test_change_that_may_have_moved_other_goals_drops_values() -> None:
    cache = GoalValueCache()
    cache.apply_committed(5, 4, values_of(goal1=10))
    cache.apply_committed(6, 5, None)

    assert cache.find_of_employees([7]) == KnownGoalValues(6, {})


def test_change_that_is_told_after_a_later_one_is_ignored() -> None:
    cache = GoalValueCache()
    cache.apply_committed(6, 5, values_of(goal1=11))
    cache.apply_committed(5, 4, values_of(goal1=10))

    assert cache.find_of_employees([7]) == KnownGoalValues(6, {1: 11})
