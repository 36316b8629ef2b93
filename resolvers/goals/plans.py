"""Applies plans of targets and takes them back: all goals in one transaction, with one line of history.

A plan is computed before the lock of the ledger is taken, since forecasts and thousands of targets take seconds. Under
the lock only the change log is read: where nothing that the targets follow from has moved, they still hold.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound, UserError
from domain.goals.tiers import Tiers
from domain.i18n.metric_names import metric_name
from domain.i18n.period_labels import format_period
from domain.permissions import Action
from domain.primitives.periods import Period
from models.crm.activities import ActivityKind
from models.db import row_store
from models.goals import plans as plan_rows
from models.goals.goals import Goal
from models.goals.plans import GoalPlan, PlanRow
from models.ledger import scores
from models.live import change_log
from models.organization import reference_data
from models.organization.scopes import ScopeKey
from resolvers.activities.entries import ActivityEntry
from resolvers.activities.log import write_activity_entries
from resolvers.alerts.evaluation import resolve_all
from resolvers.auth import sessions
from resolvers.goals.affected_goals import publish_goal_changes
from resolvers.goals.goal_edits import check_reason_given
from resolvers.goals.plan_digests import InvalidHash, PlanDigest
from resolvers.goals.plan_inputs import PreviewedPlanInput
from resolvers.goals.plan_preview import PlanPreview, compute_plan
from resolvers.request import scopes, validation
from resolvers.request.context import RequestContext
from resolvers.request.employee_reach import filter_reached
from resolvers.request.plan_visibility import find_visible_plan

MAX_ATTEMPTS: Final = 5  # to apply a plan that is computed while others write
_PLAN_TOPICS: Final = frozenset({"*", "goals"})  # of changes that may move a plan, beside scores and reference data
_MAX_NAMES: Final = 10  # in an error
_NAME_LENGTH: Final = 200


class PlanOutdated(Exception):
    """What a plan was computed from may have changed before the lock was taken: compute it again."""


@dataclass
class PreparedPlan:
    """A computed plan, before the lock is taken.

    error      why it is refused; the plan is not stored then
    rows       what it does with each goal
    reached_goal_ids  goals with an earlier target that are reached by the new one
    """

    preview: PlanPreview | None = None
    error: UserError | None = None
    plan: GoalPlan | None = None
    rows: list[PlanRow] = field(default_factory=list)
    reached_goal_ids: set[int] = field(default_factory=set)

    async def stage(self) -> None:
        """Store the rows of the plan, see `write_transaction`."""
        if self.plan is not None:
            await plan_rows.stage(self.plan, self.rows)

    async def discard(self) -> None:
        """Remove the stored rows, which are not applied after all."""
        if self.plan is not None:
            await plan_rows.discard(self.plan)


async def prepare_plan(context: RequestContext, input: PreviewedPlanInput) -> PreparedPlan:
    """Compute a plan and compare it with its preview. User errors are kept: a repeated request has its answer already."""
    try:
        return await _prepare(context, input)
    except UserError as error:
        return PreparedPlan(error=error)


async def _prepare(context: RequestContext, input: PreviewedPlanInput) -> PreparedPlan:
    try:
        previewed = PlanDigest.from_text(input.hash)
    except InvalidHash as error:
        raise Invalid("This is not the hash of a preview: take that of `planPreview`.", "input", "hash") from error
    try:
        preview = await compute_plan(context, input.plan)
    except UserError as error:
        raise error.with_path_prefix("input", "plan") from error
    await _check_digest(context, preview, previewed)
    reason = validation.clean_optional_line(input.reason, "input", "reason")
    prepared = PreparedPlan(preview)
    names = {
        total.scope_target.metric.key: f"{metric_name(total.scope_target.metric, context.language)}, "
        f"{format_period(preview.period, context.language)}"[:_NAME_LENGTH]
        for total in preview.totals
    }
    for target in preview.rows:
        goal, tiers = target.existing, target.tiers
        if goal is None:
            if not target.target:
                continue
            before: dict[str, int | None] = {}
        else:
            tiers_before = goal.tiers_beside(goal.set_target)
            if (goal.target, goal.full_target) == (target.target, None) and tiers == tiers_before:
                continue
            before = {
                "target_before": goal.target,
                "full_target_before": goal.full_target,
                "threshold_before": tiers_before.threshold,
                "stretch_before": tiers_before.stretch,
            }
            if target.target and tiers.find_unannounced(target.value, goal.announced):
                prepared.reached_goal_ids.add(goal.id)
        prepared.rows.append(
            row_store.new(
                PlanRow,
                goal_id=goal.id if goal else 0,
                owner_kind=target.owner.kind,
                owner_id=target.owner.id,
                metric=target.metric.key,
                name=names[target.metric.key],
                target=target.target,
                threshold=tiers.threshold if target.sets_tiers else None,
                stretch=tiers.stretch if target.sets_tiers else None,
                is_new=goal is None,
                announced=tiers.list_marks(target.value) if goal is None else None,
                **before,
            )
        )
    if any(row.target and not row.is_new for row in prepared.rows):
        await check_reason_given(context, preview.period, reason, "input", "reason")
    prepared.plan = GoalPlan(
        owner_kind=preview.scope.kind,
        owner_id=preview.scope.id,
        kind=preview.period.kind,
        first_day=preview.period.start,
        last_day=preview.period.end,
        metrics=list(names),
        goal_count=len(prepared.rows),
        applied_by_id=context.viewer.id,
        applied_at=context.now(),
        reason=reason,
    )
    return prepared


async def _check_digest(context: RequestContext, preview: PlanPreview, previewed: PlanDigest) -> None:
    """Raise Conflict if the plan is another than that of the preview, or what its targets follow from has moved."""
    digest = preview.digest
    if digest.plan != previewed.plan:
        raise Conflict("This is another plan than that of the preview: preview it again.", "input", "hash")
    if digest.facts == previewed.facts:
        return
    moved_metrics = digest.find_moved(previewed)
    if not moved_metrics:
        raise Conflict("The figures behind this plan have moved: preview it again.", "input", "hash")
    raise Conflict(
        "The figures behind this plan have moved for {names}: preview it again.",
        "input",
        "hash",
        names=await _list_names(context, moved_metrics),
    )


async def _list_names(context: RequestContext, keys: Sequence[ScopeKey]) -> str:
    """Return the names of the first owners, and how many more there are; of those that still exist."""
    existing = [key for key in keys if key.team_id in (None, *context.tree.teams)]
    rows = await scopes.load_scope_rows(context, existing[:_MAX_NAMES])
    names = ", ".join(rows[key].name for key in existing[:_MAX_NAMES])
    return f"{names} (+{len(keys) - _MAX_NAMES})" if len(keys) > _MAX_NAMES else names


async def apply_plan(context: RequestContext, prepared: PreparedPlan) -> GoalPlan:
    """Set all targets of a staged plan. Raises its error, or PlanOutdated if it may not hold any more."""
    if prepared.error is not None:
        raise prepared.error
    preview, plan = prepared.preview, prepared.plan
    assert preview is not None, "a plan without an error"
    assert plan is not None
    moved_owners = await _find_moved_owners(context, preview)
    await _update_reached(prepared, plan, moved_owners)
    await plan_rows.apply(plan, prepared.rows, context.now())
    moved_goal_ids = {
        row.goal_id for row in prepared.rows if not row.is_new and (row.metric, row.scope.topic) in moved_owners
    }
    await _publish(context, plan, prepared.rows, prepared.reached_goal_ids | moved_goal_ids, ActivityKind.PLAN_APPLIED)
    return plan


async def _ensure_same_reference_data(context: RequestContext) -> None:
    """Raise PlanOutdated if people, teams, absences or the company have changed since the viewer was authenticated."""
    reference = context.viewer.reference_data
    if reference is None or await reference_data.read_position() != reference.position:
        raise PlanOutdated


async def reload_after_outdated(context: RequestContext) -> None:
    """Read the viewer and the reference data again, to prepare once more."""
    await sessions.reauthenticate(context)
    context.loaded_employees.clear()


async def _find_moved_owners(context: RequestContext, preview: PlanPreview) -> set[tuple[str, str]]:
    """Return the metrics and owners with new scores in the plan's period since it was computed.

    Raises PlanOutdated if anything has changed that targets may follow from.
    """
    await _ensure_same_reference_data(context)
    _, topics = await change_log.topics_since(preview.position)
    if not topics.isdisjoint(_PLAN_TOPICS) or (preview.uses_forecast and "deals" in topics):
        raise PlanOutdated
    period_index = 3  # of each metric: the period itself, the last one and that of the base
    base_ranges = {
        (metric, days)
        for index, (metric, days) in enumerate(preview.ranges)
        if index % period_index or preview.uses_forecast
    }
    moved_owners: set[tuple[str, str]] = set()
    for metric, owner, day in _moved_scores(topics):
        if any(metric == other and days.contains(day) for other, days in base_ranges):
            raise PlanOutdated
        if preview.period.contains(day):
            moved_owners.add((metric, owner))
    return moved_owners


def _moved_scores(topics: Collection[str]) -> list[tuple[str, str, date]]:
    """Return metric, topic of the owner and day of the scores that topics of the change log report as moved."""
    scores_moved = []
    for topic in topics:
        name, _, day = topic.partition("@")
        kind, _, metric_and_owner = name.partition(":")
        if kind == "score":
            metric, _, owner = metric_and_owner.partition(":")
            scores_moved.append((metric, owner, date.fromisoformat(day)))
    return scores_moved


async def _update_reached(prepared: PreparedPlan, plan: GoalPlan, moved_owners: Collection[tuple[str, str]]) -> None:
    """Store of the new goals with values that have moved since the plan was computed which tiers are reached."""
    rows = [row for row in prepared.rows if row.is_new and (row.metric, row.scope.topic) in moved_owners]
    metrics = sorted({row.metric for row in rows})
    totals = await scores.totals_of_scopes(
        [(metric, plan.first_day, plan.last_day) for metric in metrics], {row.scope for row in rows}
    )
    values = dict(zip(metrics, totals, strict=True))
    for row in rows:
        announced = Tiers(row.threshold, row.target, row.stretch).list_marks(values[row.metric].get(row.scope, 0))
        if row.announced != announced:
            await plan_rows.save_announced(plan, row.goal_id, announced)


@dataclass
class PreparedUndo:
    """What taking a plan back needs, read before the lock is taken.

    position          the change-log position before anything was read
    reason            why the plan is taken back
    reached_goal_ids  goals that are reached by their restored targets
    """

    plan_id: str
    keep_changed: bool
    position: int
    reason: str | None = None
    rows: list[PlanRow] = field(default_factory=list)
    reached_goal_ids: set[int] = field(default_factory=set)
    error: UserError | None = None


async def prepare_undo(
    context: RequestContext, global_id: str, *, keep_changed: bool, reason: str | None = None
) -> PreparedUndo:
    """Read the rows of a plan and check the rights to all its goals. User errors are kept, as in `prepare_plan`.

    keep_changed  leave goals that were changed since as they are; else they are a Conflict
    """
    prepared = PreparedUndo(global_id, keep_changed, await change_log.last_position())
    plan = await find_visible_plan(context, global_id)
    if plan is not None and plan.undone_at is None:
        prepared.rows = await plan_rows.fetch_rows(plan.id)
        try:
            await _check_rights(context, prepared.rows)
            prepared.reason = validation.clean_optional_line(reason, "reason")
            if any(row.target and not row.is_new for row in prepared.rows):
                await check_reason_given(context, plan.period, prepared.reason, "reason")
        except UserError as error:
            prepared.error = error
        values = await _load_values(prepared.rows, plan.period)
        prepared.reached_goal_ids = {
            row.goal_id
            for row in prepared.rows
            if row.target_before is not None
            and values.get((row.metric, row.scope), 0)
            >= min(row.target_before, row.threshold_before or row.target_before)
        }
    return prepared


async def undo_plan(context: RequestContext, prepared: PreparedUndo) -> GoalPlan:
    """Take a plan back: archive the goals that it set, and restore the targets of the others.

    Without effect on a plan that was taken back already. Raises PlanOutdated if people have moved since it was prepared.
    """
    plan = await find_visible_plan(context, prepared.plan_id)
    if plan is None:
        raise NotFound("There is no such plan.", "id")
    if plan.undone_at is not None:
        return plan
    if prepared.error is not None:
        raise prepared.error
    await _ensure_same_reference_data(context)
    _, topics = await change_log.topics_since(prepared.position)
    if "*" in topics:
        raise PlanOutdated
    changed_ids = set(await plan_rows.find_changed_since(plan))
    if changed_ids and not prepared.keep_changed:
        names = await _list_names(context, [row.scope for row in prepared.rows if row.goal_id in changed_ids])
        raise Conflict(
            "Goals of this plan were changed since, of {names}. They can stay as they are (`keepChanged`).",
            "id",
            names=names,
        )
    rows = [row for row in prepared.rows if row.goal_id not in changed_ids]
    moved_owners = {(metric, owner) for metric, owner, _ in _moved_scores(topics)}
    moved_goal_ids = {row.goal_id for row in rows if not row.is_new and (row.metric, row.scope.topic) in moved_owners}
    await plan_rows.undo(plan, rows, changed_ids, context.now(), context.viewer.id, prepared.reason)
    reached_goal_ids = (prepared.reached_goal_ids | moved_goal_ids) - changed_ids
    await _publish(context, plan, rows, reached_goal_ids, ActivityKind.PLAN_UNDONE)
    return plan


async def _load_values(rows: Sequence[PlanRow], period: Period) -> Mapping[tuple[str, ScopeKey], int]:
    metrics = sorted({row.metric for row in rows if not row.is_new})
    totals = await scores.totals_of_scopes(
        [(metric, period.start, period.end) for metric in metrics], {row.scope for row in rows if not row.is_new}
    )
    return {
        (metric, key): total
        for metric, totals_of_metric in zip(metrics, totals, strict=True)
        for key, total in totals_of_metric.items()
    }


async def _check_rights(context: RequestContext, rows: Sequence[PlanRow]) -> None:
    """Raise Forbidden, with names, if the viewer may not set the goals of all owners: they may have moved since."""
    keys_by_id = {row.owner_id: row.scope for row in rows if row.scope.employee_id is not None}
    out_of_reach = keys_by_id.keys() - set(await filter_reached(context, Action.SET_GOALS, keys_by_id.keys()))
    keys = [keys_by_id[employee_id] for employee_id in sorted(out_of_reach)]
    if keys:
        raise Forbidden("You cannot set the goals of {names} any more.", "id", names=await _list_names(context, keys))


async def _publish(
    context: RequestContext,
    plan: GoalPlan,
    rows: Sequence[PlanRow],
    reached_goal_ids: Collection[int],
    kind: ActivityKind,
) -> None:
    """Write the line of history, publish what changed, and announce and settle what follows from the new targets.

    reached_goal_ids  goals with an earlier target that may be reached now for the first time
    """
    scope_row = (await scopes.load_scope_rows(context, [plan.scope]))[plan.scope]
    title = f"{scope_row.name}, {format_period(plan.period, context.language)}"
    await write_activity_entries(
        context,
        [
            ActivityEntry(
                kind,
                "GoalPlan",
                plan.id,
                plan.scope.employee_id,
                context.now(),
                {"title": title, "goals": len(rows)},
                goal_owner=plan.scope,
            )
        ],
    )
    context.publish(
        "goals",
        *(f"goal:{row.goal_id}" for row in rows),
        *(f"target:{row.metric}:{row.scope.topic}" for row in rows if row.scope.employee_id is not None),
    )
    alerted_ids = await plan_rows.find_alerted(plan)
    goals = await row_store.fetch(Goal, sorted(alerted_ids.union(reached_goal_ids)))
    active_goals = [goal for goal in goals if goal.archived_at is None]
    await resolve_all([("Goal", goal.id) for goal in goals if goal.archived_at is not None], context.now())
    await publish_goal_changes(context, active_goals)
