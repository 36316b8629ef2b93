"""Live stream of goals: sends each goal whose progress has changed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from domain.errors.operation_errors import NotFound
from models.goals.goals import Goal
from resolvers.goals import goals, progress, projection
from resolvers.goals.progress import Reached
from resolvers.request.context import Context
from subscriptions.core.stream_context import PASSING, again, everything, hub, turn, until_tomorrow
from subscriptions.core.streams import Reading, states


async def goal_progress(
    context: Context, ids: Sequence[str] | None, scope: str | None, *, foreseen: bool = False
) -> AsyncGenerator[Goal, None]:
    """Yield every requested goal, then each that changes, is new or was archived.

    global_ids        the requested goals; NotFound if one does not exist or may not be seen
    scope_global_id   alternatively all goals of the scope and within it whose period contains today; with neither,
                      the viewer's own
    with_projections  whether projections are selected: then changes of open deals count as changes, too
    """
    if ids is not None and None in await goals.find_all(context, ids):
        raise NotFound("There is no such goal: give the ids of goals that you can see.", field="goals")
    numbers = goals.numbers_of(ids or ())
    sent: dict[int, object] = {}
    chances: dict[int, object] = {}
    coming: projection.Coming = {}

    def state(one: Reached) -> object:
        return standing(one), chances.get(one.goal.id), turn(context)

    async def read() -> Reading[list[Reached]]:
        await again(context)
        if ids is not None:
            values = await goals.with_values(context, numbers)
            reached = await progress.with_values(context, list(values), list(values.values()))
        else:
            listed = scope is not None
            rows = await (goals.listed(context, scope, None, None, archived=False) if listed else goals.own(context))
            gone = [number for number in sent if number not in {row.id for row in rows}]
            rows += [row for row in await goals.seen(context, gone) if row and row.archived_at is not None]
            reached = await progress.reached(context, rows)
        context.ready[progress.reached] = {one.goal: one for one in reached}
        topics = everything(context, ("goals", *(f"goal:{one.goal.id}" for one in reached)))
        if foreseen:
            found = await projection.projections(context, reached, coming)
            context.ready[projection.projections] = dict(zip(reached, found, strict=True))
            chances.update((one.goal.id, each) for one, each in zip(reached, found, strict=True))
            topics |= projection.topics(context, [one.goal for one in reached])
        return Reading(reached, topics, wake_in=await until_tomorrow(context))

    async for reached in states(
        hub(context),
        everything(context, ("goals",)),
        read,
        key=lambda found: [state(one) for one in found],
        transient=PASSING,
    ):
        moved = [one for one in reached if sent.get(one.goal.id) != state(one)]
        sent = {one.goal.id: state(one) for one in reached if one.goal.archived_at is None or ids is not None}
        context.standing = set(sent)
        for one in moved:
            yield one.goal


def standing(reached: Reached) -> object:
    """Return the value by which two states of a goal are compared."""
    goal = reached.goal
    return goal.version, goal.archived_at, goal.name, reached.sums
