"""Finds the goals that postings affect, publishes changed goals, and announces those achieved for the first time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

from domain.goals.tiers import GoalTier
from domain.ledger.metrics import Score
from models.crm.activities import ActivityKind
from models.edits.edit_rows import GoalsBefore
from models.goals import goals
from models.goals.goals import AffectedGoal, Goal
from models.ledger import scores
from models.organization.scopes import ScopeKey, covering_scopes
from resolvers.activities.entries import ActivityEntry
from resolvers.activities.log import write_activity_entries
from resolvers.alerts.evaluation import evaluate_alerts
from resolvers.alerts.settlement import MovedGoals
from resolvers.request.context import RequestContext
from resolvers.request.edit_groups import GroupDissolved

_CreditKey = tuple[int, int, date]  # employee, team and day
_ScoresByTarget = dict[tuple[str, str, int], list[Score]]  # by metric, kind and id of the scope


async def publish_goal_changes(context: RequestContext, goals: Sequence[Goal]) -> None:
    """Publish that goals have moved, announce tiers reached for the first time, and evaluate the alerts about them."""
    moved_goals = await mark_goals_moved(context, goals)
    await write_activity_entries(context, moved_goals.achievements)
    await evaluate_alerts(context, (), moved_goals, notify=True)


async def mark_goals_moved(
    context: RequestContext,
    goals: Sequence[Goal],
    current_values: Mapping[int, int] | None = None,
    alerted_goal_ids: Collection[int] | None = None,
) -> MovedGoals:
    """Publish that goals have moved, and mark the tiers as announced that are reached with their present target.

    current_values    current values of goals, where already loaded; by goal id
    alerted_goal_ids  goals that have an alert to resolve or to stand again; None: not loaded
    """
    if not goals:
        return MovedGoals()
    context.open_unit_of_work.add_moved_goals(goals)
    context.publish(*(f"goal:{goal.id}" for goal in goals))
    values = await _load_current_values(goals, current_values or {})
    context.goal_values.update((goal.id, value) for goal, value in zip(goals, values, strict=True))
    achievements = []
    for goal, value in zip(goals, values, strict=True):
        tiers = goal.tiers
        unannounced = tiers.find_unannounced(value, goal.announced)
        if not unannounced or goal.archived_at is not None:
            continue
        marks, unit_of_work = tiers.list_marks(value), context.open_unit_of_work
        if unit_of_work.is_group and len(set(marks).difference(goal.announced)) > 1:
            raise GroupDissolved  # one by one, records may reach tier after tier, and none is passed over then
        unit_of_work.announce(goal, marks)
        for tier in unannounced:
            reached = {"reached": tiers.mark_of(tier)}
            achievements.append(
                make_goal_entry(context, goal, ActivityKind.GOAL_ACHIEVED, **reached)
                if tier is GoalTier.TARGET
                else make_goal_entry(context, goal, ActivityKind.GOAL_TIER_REACHED, **reached, tier=tier)
            )
    return MovedGoals(list(goals), values, alerted_goal_ids, achievements)


def goal_list_topics(rows: Iterable[Goal]) -> set[str]:
    """Return the topics of goals that are new, changed or archived; leaderboards show the targets of employees."""
    employee_goals = (goal for goal in rows if goal.scope.employee_id is not None)
    return {"goals", *(f"target:{goal.metric}:{goal.scope.topic}" for goal in employee_goals)}


def make_goal_entry(context: RequestContext, goal: Goal, kind: ActivityKind, **data: object) -> ActivityEntry:
    return ActivityEntry(
        kind,
        "Goal",
        goal.id,
        goal.scope.employee_id,
        context.now(),
        {"title": goal.name, **data},
        goal_owner=goal.scope,
    )


async def _load_current_values(moved_goals: Sequence[Goal], current_values: Mapping[int, int]) -> list[int]:
    """Return the current value of each goal, loading those not in `reached_values`."""
    unknown_goals = [goal for goal in moved_goals if goal.id not in current_values]
    loaded_values = dict(zip((goal.id for goal in unknown_goals), await scores.goal_values(unknown_goals), strict=True))
    return [current_values[goal.id] if goal.id in current_values else loaded_values[goal.id] for goal in moved_goals]


async def find_moved_goals(
    context: RequestContext, posted_scores: Sequence[Score], goals_before: GoalsBefore | None = None
) -> list[AffectedGoal]:
    """Return the goals that the posted scores have moved, with their current values.

    One query selects by metric, day and scope separately, so it may also return goals that match
    different scores in different conditions; these are filtered out here.

    goals_before  what the edit has read before the scores were posted; None: nothing
    """
    credited = _list_credited_scopes(context, posted_scores)
    scores_by_target = _group_by_target(posted_scores, credited)
    if goals_before is not None and goals_before.covers(posted_scores, credited.values()):
        return _add_scores(goals_before.goals, scores_by_target)
    candidates = await goals.find_affected(
        {score.metric for score in posted_scores},
        {score.day for score in posted_scores},
        frozenset[ScopeKey]().union(*credited.values()),
    )
    return [candidate for candidate in candidates if _select_moving(candidate.goal, scores_by_target)]


def select_moved_by(context: RequestContext, goals: Sequence[Goal], posted_scores: Sequence[Score]) -> list[Goal]:
    """Return those of the goals that some of the posted scores have moved."""
    scores_by_target = _group_by_target(posted_scores, _list_credited_scopes(context, posted_scores))
    return [goal for goal in goals if _select_moving(goal, scores_by_target)]


def _list_credited_scopes(
    context: RequestContext, posted_scores: Sequence[Score]
) -> Mapping[_CreditKey, frozenset[ScopeKey]]:
    """Return the scopes that the scores of an employee, a team and a day belong to."""
    trees = {day: context.tree.on(day) for day in {score.day for score in posted_scores}}  # few different ones
    keys = {(score.employee_id, score.team_id, score.day) for score in posted_scores}
    scopes = {
        (employee_id, team_id, tree): covering_scopes(tree, employee_id, team_id)
        for employee_id, team_id, tree in {(employee_id, team_id, trees[day]) for employee_id, team_id, day in keys}
    }
    return {key: scopes[key[0], key[1], trees[key[2]]] for key in keys}


def _group_by_target(
    posted_scores: Iterable[Score], credited: Mapping[_CreditKey, frozenset[ScopeKey]]
) -> _ScoresByTarget:
    """Return the scores by the metric and the owner of the goals that they may move."""
    scores_by_target: _ScoresByTarget = {}
    for score in posted_scores:
        for scope in credited[score.employee_id, score.team_id, score.day]:
            scores_by_target.setdefault((score.metric, scope.kind, scope.id), []).append(score)
    return scores_by_target


def _select_moving(goal: Goal, scores_by_target: _ScoresByTarget) -> list[Score]:
    """Return the scores that move the goal."""
    candidates = scores_by_target.get((goal.metric, goal.owner_kind, goal.owner_id))
    if candidates is None:
        return []
    first_day, last_day = goal.first_day, goal.last_day
    return [score for score in candidates if first_day <= score.day <= last_day]


def _add_scores(candidates: Sequence[AffectedGoal], scores_by_target: _ScoresByTarget) -> list[AffectedGoal]:
    """Return the goals that the scores have moved, given with their values before."""
    moved_goals = []
    for candidate in candidates:
        moving_scores = _select_moving(candidate.goal, scores_by_target)
        if moving_scores:
            value = candidate.value + sum(score.amount for score in moving_scores)
            moved_goals.append(AffectedGoal(candidate.goal, value, candidate.has_alert))
    return moved_goals
