"""Live stream of goals: sends each goal when its progress changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.errors.operation_errors import ResourceNotFound
from domain.goals.progress import ProjectionBasis, next_elapsed_change, next_pace_change
from domain.primitives.calendar import Calendar
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
    selection = _Selection(global_ids, scope_global_id, with_projections, with_expected, with_tiers)
    reader = _GoalReader(context, selection)
    async for goal_states in state_stream(
        context.hub,
        with_viewer_topics(context, ("goals",)),
        reader.read,
        key=lambda goal_states: [reader.state_key(goal_state) for goal_state in goal_states],
        retryable_errors=RETRYABLE_ERRORS,
    ):
        for goal in reader.take_changed(goal_states):
            yield goal


@dataclass(frozen=True)
class _Selection:
    """The arguments of `goal_progress`."""

    global_ids: Sequence[str] | None
    scope_global_id: str | None
    with_projections: bool
    with_expected: bool
    with_tiers: bool


class _GoalReader:
    """Reads the goals of a stream again and again, and remembers which of their states have been sent."""

    def __init__(self, context: StreamContext, selection: _Selection) -> None:
        self._context, self._selection = context, selection
        self._goal_ids = goals.decode_goal_ids(selection.global_ids or ())
        self._sent_states: dict[int, object] = {}
        self._projections: dict[int, GoalProjection] = {}  # by the id of the goal
        self._projection_cache: projection.ProjectionCache = {}

    async def read(self) -> StateSnapshot[list[GoalState]]:
        """Return the present states, the topics whose news changes them, and when time does."""
        context = self._context
        await refresh_viewer(context)
        tomorrow = await next_day_start(context)
        goal_states = await self._read_states()
        context.loaders.preload(progress.load_goal_states, {state.goal: state for state in goal_states})
        topics = with_viewer_topics(context, ("goals", "absences", *(f"goal:{state.goal.id}" for state in goal_states)))
        if self._selection.with_projections:
            projections = await projection.project_goals(context, goal_states, self._projection_cache)
            context.loaders.preload(projection.project_goals, dict(zip(goal_states, projections, strict=True)))
            self._projections |= {
                state.goal.id: projected for state, projected in zip(goal_states, projections, strict=True)
            }
            topics |= projection.projection_topics(context, [state.goal for state in goal_states])
        calendar = await context.calendar()
        changes = [instant for state in goal_states for instant in self._next_changes(state, calendar)]
        return StateSnapshot(goal_states, topics, wake_at=min([tomorrow, *changes]))

    async def _read_states(self) -> list[GoalState]:
        context, selection = self._context, self._selection
        if selection.global_ids is not None:
            has_read = bool(self._sent_states)
            values = await goals.visible_goals_with_values(context, self._goal_ids, after_news=has_read)
            return await progress.goal_states(context, list(values), list(values.values()))
        if selection.scope_global_id is not None:
            rows = await goals.list_goals(context, selection.scope_global_id, None, None, include_archived=False)
        else:
            rows = await goals.list_own_goals(context)
        present_ids = {row.id for row in rows}
        missing_ids = [goal_id for goal_id in self._sent_states if goal_id not in present_ids]
        rows += [row for row in await goals.find_visible(context, missing_ids) if row and row.archived_at is not None]
        return await progress.load_goal_states(context, rows)

    def _next_changes(self, state: GoalState, calendar: Calendar) -> list[datetime]:
        """Return when a goal changes next because time passes, as far as it does on this day."""
        selection, projected = self._selection, self._projections.get(state.goal.id)
        is_forecast = projected is not None and projected.basis is ProjectionBasis.FORECAST
        follows_clock = selection.with_expected or (projected is not None and not is_forecast)
        find_next = next_elapsed_change if follows_clock else next_pace_change
        paces = [state.progress]
        if selection.with_tiers and not follows_clock:
            paces = [tier_state.progress for tier_state in list_tier_states(state)]
        instants = [find_next(pace, state.as_of, calendar) for pace in paces]
        if is_forecast:
            instants.append(next_share_of_day(state.as_of, calendar))
        return [instant for instant in instants if instant is not None]

    def state_key(self, state: GoalState) -> object:
        """Return the value by which two states of a goal are compared: what the subscription selects of it."""
        selection = self._selection
        return (
            comparison_key(state),
            state.progress.expected_by_now if selection.with_expected else None,
            [tier_state.progress.pace for tier_state in list_tier_states(state)] if selection.with_tiers else None,
            self._projections.get(state.goal.id),
            reference_version(self._context),
        )

    def take_changed(self, goal_states: Sequence[GoalState]) -> list[Goal]:
        """Return the goals whose state was not sent yet, and note all of them as sent."""
        keys = {state.goal.id: self.state_key(state) for state in goal_states}
        changed = [state.goal for state in goal_states if self._sent_states.get(state.goal.id) != keys[state.goal.id]]
        is_fixed = self._selection.global_ids is not None
        self._sent_states = {
            state.goal.id: keys[state.goal.id] for state in goal_states if is_fixed or state.goal.archived_at is None
        }
        self._context.active_state_ids = set(self._sent_states)
        return changed


def comparison_key(goal_state: GoalState) -> object:
    """Return the value by which two states of a goal are compared: what anybody may see of it.

    The elapsed working time is not part of it: it changes all day long, and what is shown of it is compared apart.
    """
    goal, current = goal_state.goal, goal_state.progress
    displayed_values = current.value, current.target, current.pace, current.time.workdays_left, goal_state.today
    return goal.version, goal.archived_at, goal.name, displayed_values
