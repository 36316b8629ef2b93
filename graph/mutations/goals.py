"""Mutations of goals."""

from __future__ import annotations

from decimal import Decimal

import strawberry
from strawberry import ID, UNSET

from graph.base.enums import GoalShape
from graph.base.input_mapping import PeriodInput, to_input
from graph.base.lazy_types import GoalRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from resolvers.goals import goals
from resolvers.goals.inputs import GoalInput, GoalUpdateInput


@strawberry.input(description="`owner` is the id of an employee, a team or the company.")
class SetGoalInput:
    owner: ID
    metric: str
    target: Decimal
    period: PeriodInput
    name: str | None = UNSET
    recurring: bool = False
    pro_rated: bool = strawberry.field(
        default=False,
        description="Measure an employee by the part of the target that their working time is of the whole.",
    )
    threshold: Decimal | None = strawberry.field(default=UNSET, description="A tier below the target.")
    stretch: Decimal | None = strawberry.field(default=UNSET, description="A tier above the target.")
    shape: GoalShape | None = strawberry.field(
        default=UNSET,
        description="""How the target is distributed over the months, for a period of at least two whole months: EVEN unless
there are `slices`.""",
    )
    slices: list[Decimal] | None = strawberry.field(
        default=UNSET, description="The targets of the months in their order, which add up to the target."
    )
    idempotency_key: str | None = UNSET


@strawberry.input(description="`ifVersion`: the progress version last seen; CONFLICT if it has changed.")
class UpdateGoalInput:
    id: ID
    if_version: int | None = UNSET
    name: str | None = UNSET
    target: Decimal | None = UNSET
    recurring: bool | None = UNSET
    pro_rated: bool | None = UNSET
    threshold: Decimal | None = strawberry.field(
        default=UNSET, description="Null removes it; left out, it follows the target in proportion."
    )
    stretch: Decimal | None = strawberry.field(default=UNSET, description="Likewise.")
    shape: GoalShape | None = strawberry.field(
        default=UNSET, description="EVEN removes the slices; HISTORY takes them from earlier results anew."
    )
    slices: list[Decimal] | None = strawberry.field(
        default=UNSET, description="Null removes them; left out, they follow the target by the largest remainder."
    )
    reason: str | None = strawberry.field(
        default=UNSET,
        description="""Why the goal changes. REQUIRED if the target changes after its period has begun, where the
company asks for it (`requiresTargetReason`).""",
    )
    idempotency_key: str | None = UNSET


@payload("The goal.")
class GoalPayload:
    goal: GoalRef | None


@strawberry.type
class GoalMutation:
    @mutation("Set a goal for an employee, a team or the company.")
    async def set_goal(self, info: Info, input: SetGoalInput) -> GoalPayload:
        return GoalPayload(goal=await goals.set_goal(info.context, to_input(GoalInput, input)))

    @mutation("Change a goal's name, target, tiers or recurrence; the change is kept in its history.")
    async def update_goal(self, info: Info, input: UpdateGoalInput) -> GoalPayload:
        return GoalPayload(goal=await goals.update_goal(info.context, to_input(GoalUpdateInput, input)))

    @mutation("Hide a goal; nothing is deleted.")
    async def archive_goal(self, info: Info, id: ID) -> GoalPayload:
        return GoalPayload(goal=await goals.archive_goal(info.context, id))
