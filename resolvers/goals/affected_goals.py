"""Finds the goals that postings move, bumps their versions and announces goals that were reached."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from domain.ledger.metrics import Score
from models.crm.activities import ActivityKind
from models.goals import goals
from models.goals.goals import Goal, OwnerKind
from models.ledger import scores
from resolvers.activities.entries import Line
from resolvers.activities.log import write_lines
from resolvers.alerts import evaluation
from resolvers.request.context import Context


async def touch(
    context: Context,
    touched: Sequence[Goal],
    *,
    aloud: bool = True,
    known: Mapping[int, int] | None = None,
    told: Collection[int] | None = None,
) -> None:
    """Publish that goals have moved, and announce those achieved for the first time with their current target.

    notify            False for an import: achieved goals are marked as announced, but neither recorded nor alerted
    reached_values    current values of goals, where already loaded; by goal id
    alerted_goal_ids  goals with a standing alert; None: not loaded
    """
    if not touched:
        return
    assert context.work is not None
    context.work.goals.update((goal.id, goal) for goal in touched)
    context.announce(*(f"goal:{goal.id}" for goal in touched))
    values = await _values(touched, known or {})
    context.reached.update((goal.id, value) for goal, value in zip(touched, values, strict=True))
    await evaluation.goals_moved(context, list(zip(touched, values, strict=True)), told)
    reached = []
    for goal, value in zip(touched, values, strict=True):
        if value < goal.target or goal.target in goal.announced or goal.archived_at is not None:
            continue
        goal.announced = [*goal.announced, goal.target]
        await goal.save(update_fields=["announced"])
        reached.append(goal_line(context, goal, ActivityKind.GOAL_ACHIEVED))
    if aloud and reached:
        await write_lines(context, reached)
        await evaluation.tell_of(context, [evaluation.event(line, context.viewer.id) for line in reached])


def goal_line(context: Context, goal: Goal, kind: ActivityKind, **data: Any) -> Line:
    return Line(
        kind,
        "Goal",
        goal.id,
        goal.owner_id if goal.owner_kind is OwnerKind.EMPLOYEE else None,
        context.now(),
        {"title": goal.name, **data},
        team_id=None if goal.owner_kind is OwnerKind.EMPLOYEE else goal.owner_id,
    )


async def _values(touched: Sequence[Goal], known: Mapping[int, int]) -> list[int]:
    """Return the current value of each goal, loading those not in `reached_values`."""
    other = [goal for goal in touched if goal.id not in known]
    found = dict(zip((goal.id for goal in other), await scores.goal_values(other), strict=True))
    return [known[goal.id] if goal.id in known else found[goal.id] for goal in touched]


async def _candidates(context: Context, posted: Sequence[Score]) -> list[goals.Concerned]:
    """Return the goals that the posted scores have moved, with their current values.

    One query selects by metric, day, employee and team separately, so it may also return goals that match
    different scores in different conditions; these are filtered out here.
    """
    tree = context.tree
    teams = {up for team in {score.team for score in posted} for up in tree.above(team)}
    candidates = await goals.concerned(
        {score.metric for score in posted},
        {score.day for score in posted},
        {score.employee for score in posted},
        teams,
    )
    return [each for each in candidates if any(_moves(score, each.goal, tree.above(score.team)) for score in posted)]


def _moves(score: Score, goal: Goal, teams: Sequence[int]) -> bool:
    if score.metric != goal.metric or not goal.first_day <= score.day <= goal.last_day:
        return False
    if goal.owner_kind is OwnerKind.EMPLOYEE:
        return goal.owner_id == score.employee
    return goal.owner_kind is OwnerKind.COMPANY or goal.owner_id in teams
