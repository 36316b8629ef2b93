"""Mutations of plans: apply one, and take it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import strawberry
from strawberry import ID, UNSET

from domain.errors.user_errors import Conflict
from graph.base.input_mapping import to_input
from graph.base.lazy_types import PlanRef
from graph.base.mutations import payload, run_in_unit_of_work, session_mutation
from graph.base.row_types import Info
from graph.types.plans import PlanInput
from resolvers.goals import plans
from resolvers.goals.plan_inputs import PreviewedPlanInput
from resolvers.request.context import RequestContext


@strawberry.input(description="A plan as it was previewed.")
class ApplyPlanInput:
    plan: PlanInput
    hash: str = strawberry.field(description="Of the preview.")
    reason: str | None = strawberry.field(
        default=UNSET, description="Why targets change; required as in `updateGoal` if the plan changes any."
    )
    idempotency_key: str | None = UNSET


@payload("The plan.")
class PlanPayload:
    plan: PlanRef | None


async def _retry_while_outdated(
    context: RequestContext, run: Callable[[], Awaitable[PlanPayload]], *path: str
) -> PlanPayload:
    """Run a mutation that prepares before it takes the lock, again if what it has read has changed in between."""
    for _ in range(plans.MAX_ATTEMPTS):
        try:
            return await run()
        except plans.PlanOutdated:
            await plans.reload_after_outdated(context)
    raise Conflict("The company's figures change all the time just now: try again.", *path)


@strawberry.type
class PlanMutation:
    @session_mutation(
        """Set all targets of a plan at once: goals are created, changed, or archived where there is no share. CONFLICT if
anything that the targets follow from has changed since the preview; the message says whose."""
    )
    async def apply_plan(self, info: Info, input: ApplyPlanInput) -> PlanPayload:
        context = info.context
        context.viewer  # noqa: B018 - raises for an anonymous client
        previewed_input = to_input(PreviewedPlanInput, input)

        async def run() -> PlanPayload:
            prepared = await plans.prepare_plan(context, previewed_input)

            async def execute() -> PlanPayload:
                return PlanPayload(plan=await plans.apply_plan(context, prepared))

            return await run_in_unit_of_work(
                info,
                PlanPayload,
                {"input": input},
                execute,
                is_batch=True,
                prepare=prepared.stage,
                discard=prepared.discard,
            )

        return await _retry_while_outdated(context, run, "input", "plan")

    @session_mutation(
        """Take a plan back: the goals that it set are archived, and the others get their targets from before. CONFLICT if
any of them was changed since; with `keepChanged` these stay as they are. Without effect on a plan that was taken back.
`reason` is required as in `updateGoal` if targets are restored."""
    )
    async def undo_plan(
        self,
        info: Info,
        id: ID,
        keep_changed: bool = False,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> PlanPayload:
        context = info.context
        context.viewer  # noqa: B018 - raises for an anonymous client

        async def run() -> PlanPayload:
            prepared = await plans.prepare_undo(context, id, keep_changed=keep_changed, reason=reason)

            async def execute() -> PlanPayload:
                return PlanPayload(plan=await plans.undo_plan(context, prepared))

            arguments: dict[str, object] = {"id": id, "keepChanged": keep_changed, "reason": reason}
            return await run_in_unit_of_work(info, PlanPayload, arguments, execute, key=idempotency_key, is_batch=True)

        return await _retry_while_outdated(context, run, "id")
