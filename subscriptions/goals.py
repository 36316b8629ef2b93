"""Live stream of goals: sends each goal when its progress changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from domain.errors.operation_errors import ResourceNotFound
from domain.goals.progress import ProjectionBasis, next_elapsed_change, next_pace_change
from domain.primitives.working_time import next_share_of_day
from models.goals.goals import Goal
from resolvers.goals import goals, progress, projection
from resolvers.goals.goal_tiers import list_tier_states
from resolvers.goals.progress import GoalState
from resolvers.goals.projection import GoalProjection
from subscriptions.core.stream_context import (
    RETRYABLE_ERRORS,
    StreamContext,
    next_day_start,
    reference_version,
    refresh_viewer,
    with_viewer_topics,
)
from subscriptions.core.streams import StateSnapshot, state_stream


async def goal_progress(
    context: StreamContext,
    global_ids: Sequence[str] | None,
    scope_global_id: str | None,
    *,
    with_projections: bool = False,
    with_expected: bool = False,
    with_tiers: bool = False,
) -> AsyncGenerator[Goal, None]:
    """Yield every requested goal, then each that changes, is new or was archived.

    A goal also changes because time passes: its pace at some quarter of an hour of the working day, and the value that
    is expected by now, or projected by pace, at each. The stream is woken at the next such instant, and not before.

    global_ids        the requested goals; NotFound if one does not exist or may not be seen
    scope_global_id   alternatively all goals of the scope and within it that contain today; with neither,
                      the viewer's own
    with_projections  whether projections are selected: then changes of open deals count as changes, too
    with_expected     whether the value expected by now is selected
    with_tiers        whether the tiers are selected, each of which has a pace of its own
    """
    if global_ids is not None and None in await goals.find_all(context, global_ids):
        raise ResourceNotFound("There is no such goal: give the ids of goals that you can see.", field="goals")
    goal_ids = goals.decode_goal_ids(global_ids or ())
    sent_states: dict[int, object] = {}
    projections_by_goal: dict[int, GoalProjection] = {}
    projection_cache: projection.ProjectionCache = {}

    def state_key(goal_state: GoalState) -> object:
        return (
            comparison_key(goal_state),
            goal_state.progress.expected_by_now if with_expected else None,
            [tier_state.progress.pace for tier_state in list_tier_states(goal_state)] if with_tiers else None,
            projections_by_goal.get(goal_state.goal.id),
            reference_version(context),
        )

    async def time_changes(goal_states: Sequence[GoalState]) -> list[datetime]:
        """Return when each goal changes next because time passes, as far as it does on this day."""
        calendar = await context.calendar()
        instants: list[datetime | None] = []
        for goal_state in goal_states:
            projection = projections_by_goal.get(goal_state.goal.id)
            is_forecast = projection is not None and projection.basis is ProjectionBasis.FORECAST
            follows_clock = with_expected or (projection is not None and not is_forecast)
            find_next = next_elapsed_change if follows_clock else next_pace_change
            paces = [goal_state.progress]
            if with_tiers and not follows_clock:
                paces = [tier_state.progress for tier_state in list_tier_states(goal_state)]
            instants += [find_next(pace, goal_state.as_of, calendar) for pace in paces]
            if is_forecast:
                instants.append(next_share_of_day(goal_state.as_of, calendar))
        return [instant for instant in instants if instant is not None]

    async def read() -> StateSnapshot[list[GoalState]]:
        await refresh_viewer(context)
        tomorrow = await next_day_start(context)
        if global_ids is not None:
            goal_values = await goals.visible_goals_with_values(context, goal_ids, after_news=bool(sent_states))
            goal_states = await progress.goal_states(context, list(goal_values), list(goal_values.values()))
        else:
            is_by_scope = scope_global_id is not None
            rows = await (
                goals.list_goals(context, scope_global_id, None, None, include_archived=False)
                if is_by_scope
                else goals.list_own_goals(context)
            )
            missing_ids = [goal_id for goal_id in sent_states if goal_id not in {row.id for row in rows}]
            rows += [
                row for row in await goals.find_visible(context, missing_ids) if row and row.archived_at is not None
            ]
            goal_states = await progress.load_goal_states(context, rows)
        context.loaders.preload(progress.load_goal_states, {goal_state.goal: goal_state for goal_state in goal_states})
        topics = with_viewer_topics(
            context, ("goals", "absences", *(f"goal:{goal_state.goal.id}" for goal_state in goal_states))
        )
        if with_projections:
            projections = await projection.project_goals(context, goal_states, projection_cache)
            context.loaders.preload(projection.project_goals, dict(zip(goal_states, projections, strict=True)))
            projections_by_goal.update(
                (goal_state.goal.id, projection)
                for goal_state, projection in zip(goal_states, projections, strict=True)
            )
            topics |= projection.projection_topics(context, [goal_state.goal for goal_state in goal_states])
        return StateSnapshot(goal_states, topics, wake_at=min([tomorrow, *await time_changes(goal_states)]))

    async for goal_states in state_stream(
        context.hub,
        with_viewer_topics(context, ("goals",)),
        read,
        key=lambda goal_states: [state_key(goal_state) for goal_state in goal_states],
        retryable_errors=RETRYABLE_ERRORS,
    ):
        changed = [
            goal_state for goal_state in goal_states if sent_states.get(goal_state.goal.id) != state_key(goal_state)
        ]
        sent_states = {
            goal_state.goal.id: state_key(goal_state)
            for goal_state in goal_states
            if goal_state.goal.archived_at is None or global_ids is not None
        }
        context.active_state_ids = set(sent_states)
        for goal_state in changed:
            yield goal_state.goal


def comparison_key(goal_state: GoalState) -> object:
    """Return the value by which two states of a goal are compared: what anybody may see of it.

    The elapsed working time is not part of it: it changes all day long, and what is shown of it is compared apart.
    """
    goal, current = goal_state.goal, goal_state.progress
    displayed_values = current.value, current.target, current.pace, current.time.workdays_left, goal_state.today
    return goal.version, goal.archived_at, goal.name, displayed_values
