"""Live stream of goals: sends each goal when its progress changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from domain.errors.operation_errors import ResourceNotFound
from models.goals.goals import Goal
from resolvers.goals import goals, progress, projection
from resolvers.goals.progress import GoalState
from resolvers.request.context import Context
from subscriptions.core.stream_context import (
    RETRYABLE_ERRORS,
    get_hub,
    reference_version,
    refresh_viewer,
    seconds_until_tomorrow,
    with_viewer_topics,
)
from subscriptions.core.streams import StateSnapshot, state_stream


async def goal_progress(
    context: Context, global_ids: Sequence[str] | None, scope_global_id: str | None, *, with_projections: bool = False
) -> AsyncGenerator[Goal, None]:
    """Yield every requested goal, then each that changes, is new or was archived.

    global_ids        the requested goals; NotFound if one does not exist or may not be seen
    scope_global_id   alternatively all goals of the scope and within it that contain today; with neither,
                      the viewer's own
    with_projections  whether projections are selected: then changes of open deals count as changes, too
    """
    if global_ids is not None and None in await goals.find_all(context, global_ids):
        raise ResourceNotFound("There is no such goal: give the ids of goals that you can see.", field="goals")
    goal_ids = goals.decode_goal_ids(global_ids or ())
    sent_states: dict[int, object] = {}
    projections_by_goal: dict[int, object] = {}
    projection_cache: projection.ProjectionCache = {}

    def state_key(goal_state: GoalState) -> object:
        return comparison_key(goal_state), projections_by_goal.get(goal_state.goal.id), reference_version(context)

    async def read() -> StateSnapshot[list[GoalState]]:
        await refresh_viewer(context)
        if global_ids is not None:
            goal_values = await goals.visible_goals_with_values(context, goal_ids)
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
        context.prefetched[progress.load_goal_states] = {goal_state.goal: goal_state for goal_state in goal_states}
        topics = with_viewer_topics(context, ("goals", *(f"goal:{goal_state.goal.id}" for goal_state in goal_states)))
        if with_projections:
            projections = await projection.project_goals(context, goal_states, projection_cache)
            context.prefetched[projection.project_goals] = dict(zip(goal_states, projections, strict=True))
            projections_by_goal.update(
                (goal_state.goal.id, projection)
                for goal_state, projection in zip(goal_states, projections, strict=True)
            )
            topics |= projection.projection_topics(context, [goal_state.goal for goal_state in goal_states])
        return StateSnapshot(goal_states, topics, wake_in=await seconds_until_tomorrow(context))

    async for goal_states in state_stream(
        get_hub(context),
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
    """Return the value by which two states of a goal are compared."""
    goal = goal_state.goal
    return goal.version, goal.archived_at, goal.name, goal_state.progress
