"""Plans of targets that were applied: what each set, and what was there before, so that it can be taken back.

A plan of thousands of goals is written in few statements. Its rows are stored before the lock of the ledger is taken;
under it, one statement each makes goals, changes and archives of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final

from tortoise import fields
from tortoise.models import Model

from domain.goals.tiers import Mark
from domain.primitives.periods import Period, PeriodKind
from models.db import connection, row_store
from models.db.columns import bool_column, enum_column, foreign_key, minor_units_column, short_text_column, text_column
from models.db.conditions import Condition
from models.db.row_query import RowQuery
from models.goals.goals import Goal
from models.organization import scopes
from models.organization.scopes import OwnerKind, ScopeKey

_MANY_ROWS: Final = 1_000


class GoalPlan(Model):
    """Targets of a scope, its teams and its employees for a period, set in one step.

    goal_count  how many goals it set, changed or archived
    reason      of all targets that it changed
    undone_at   when it was taken back
    """

    id = fields.IntField(primary_key=True)
    owner_kind: OwnerKind = enum_column(OwnerKind)
    owner_id: int = fields.IntField()
    kind: PeriodKind = enum_column(PeriodKind)
    first_day: date = fields.DateField()
    last_day: date = fields.DateField()
    metrics: list[str] = fields.JSONField(default=list)
    goal_count: int = fields.IntField(default=0)
    applied_by = foreign_key("Employee", null=True)
    applied_by_id: int | None
    applied_at: datetime = fields.DatetimeField()
    undone_by = foreign_key("Employee", null=True)
    undone_by_id: int | None
    undone_at: datetime | None = fields.DatetimeField(null=True)
    reason: str | None = short_text_column(null=True)

    class Meta:
        table = "plan"

    @property
    def scope(self) -> ScopeKey:
        return scopes.scope_key(self.owner_kind, self.owner_id)

    @property
    def period(self) -> Period:
        return Period(start=self.first_day, end=self.last_day, kind=self.kind)


class PlanRow(Model):
    """What a plan does with one goal.

    target              of the goal since, in the metric's smallest unit; 0 for one that the plan archives
    name                of a new goal
    is_new              whether the plan sets the goal; others had a target before
    threshold, stretch  the tiers beside the target; both None where the plan leaves them as they are
    announced           of a new goal: the tiers that are reached when it is set
    target_before, full_target_before  the columns of a goal that was there already
    threshold_before, stretch_before   its tiers beside the target that was set
    """

    id = fields.BigIntField(primary_key=True)
    plan = foreign_key("GoalPlan")
    plan_id: int
    goal_id: int = fields.IntField()  # no foreign key: it is stored before a new goal is
    owner_kind: OwnerKind = enum_column(OwnerKind)
    owner_id: int = fields.IntField()
    metric: str = text_column(40)
    name: str = short_text_column()
    target: int = minor_units_column()
    is_new: bool = bool_column(default=False)
    threshold: int | None = minor_units_column(null=True)
    stretch: int | None = minor_units_column(null=True)
    announced: list[Mark] | None = fields.JSONField(null=True)
    target_before: int | None = minor_units_column(null=True)
    full_target_before: int | None = minor_units_column(null=True)
    threshold_before: int | None = minor_units_column(null=True)
    stretch_before: int | None = minor_units_column(null=True)

    class Meta:
        table = "plan_row"
        unique_together = (("plan_id", "goal_id"),)

    @property
    def scope(self) -> ScopeKey:
        return scopes.scope_key(self.owner_kind, self.owner_id)


async def find(plan_id: int) -> GoalPlan | None:
    return await RowQuery(GoalPlan).find(plan_id)


async def fetch_rows(plan_id: int) -> list[PlanRow]:
    """Return what a plan does with each goal, in the order of its preview."""
    return await RowQuery(PlanRow, Condition("plan_id = ?", (plan_id,))).order_by("id").fetch()


async def stage(plan: GoalPlan, rows: Sequence[PlanRow]) -> None:
    """Store a plan, its rows and its new goals; nothing of it is seen before the commit.

    Goals that exist are not touched: whoever changes one of them holds the lock that this transaction still waits for.
    Within the `prepare` of a `write_transaction`, see there.
    """
    await row_store.insert(plan)
    new_rows = [row for row in rows if row.is_new]
    for row, goal_id in zip(new_rows, await connection.reserve_ids(Goal, len(new_rows)), strict=True):
        row.goal_id = goal_id
    for row in rows:
        row.plan_id = plan.id
    await row_store.insert_all(rows)
    if len(rows) > _MANY_ROWS and connection.dialect() == "postgres":
        await connection.execute("ANALYZE plan_row")  # else statements under the lock may be planned for few rows
    await connection.execute(_INSERT_GOALS_SQL, [plan.id])


async def discard(plan: GoalPlan) -> None:
    """Remove a staged plan that is not applied after all, with its goals."""
    await connection.execute(
        "DELETE FROM goal WHERE id IN (SELECT goal_id FROM plan_row WHERE plan_id = ? AND is_new)", [plan.id]
    )
    await connection.execute("DELETE FROM plan_row WHERE plan_id = ?", [plan.id])
    await connection.execute("DELETE FROM plan WHERE id = ?", [plan.id])


async def save_announced(plan: GoalPlan, goal_id: int, announced: list[Mark]) -> None:
    """Store which tiers of a new goal of a staged plan are reached when it is set, with the plan and the goal."""
    [row] = await RowQuery(PlanRow, Condition("plan_id = ? AND goal_id = ?", (plan.id, goal_id))).fetch()
    row.announced = announced
    await row_store.save(row, "announced")
    [goal] = await row_store.fetch(Goal, [goal_id])
    goal.announced = announced
    await row_store.save(goal, "announced")


# a later version than any before: the position of the change, or a position that was given to no other
_NEXT_VERSION_SQL: Final = "(SELECT COALESCE(MAX(id), 0) + 1 FROM change)"
_HAS_TIERS_SQL: Final = "(planned.threshold IS NOT NULL OR planned.stretch IS NOT NULL)"
_INSERT_GOALS_SQL: Final = f"""
INSERT INTO goal (id, name, owner_kind, owner_id, metric, target, threshold, stretch, tiers_target, kind, first_day,
    last_day, recurring, announced, version, created_by_id, created_at)
SELECT planned.goal_id, planned.name, planned.owner_kind, planned.owner_id, planned.metric, planned.target, planned.threshold,
    planned.stretch, CASE WHEN {_HAS_TIERS_SQL} THEN planned.target END, plan.kind, plan.first_day, plan.last_day, FALSE,
    planned.announced, {_NEXT_VERSION_SQL}, plan.applied_by_id, plan.applied_at
FROM plan_row planned JOIN plan ON plan.id = planned.plan_id WHERE plan.id = ? AND planned.is_new
"""  # noqa: S608 - constants only
_RECORD_CHANGES_SQL: Final = """
INSERT INTO goal_change (goal_id, at, by_id, reason, field, before, after)
SELECT goal_id, ?, ?, CAST(? AS VARCHAR), '{field}', CAST({before} AS TEXT), CAST({after} AS TEXT) FROM plan_row planned
WHERE plan_id = ? AND NOT is_new AND target > 0 AND {differs} {{more}} ORDER BY id
"""
_TIERS_DIFFER_SQL: Final = f"{_HAS_TIERS_SQL} AND COALESCE({{tier}}, 0) <> COALESCE({{tier}}_before, 0)"
_CHANGED_COLUMNS: Final = (  # field, value of the plan, value before, and whether they differ
    ("target", "target", "target_before", "target <> target_before"),
    ("full_target", "NULL", "full_target_before", "full_target_before IS NOT NULL"),
    *((tier, tier, f"{tier}_before", _TIERS_DIFFER_SQL.format(tier=tier)) for tier in ("threshold", "stretch")),
)
_RECORD_APPLIED_SQL: Final = tuple(
    _RECORD_CHANGES_SQL.format(field=field, before=before, after=planned, differs=differs)
    for field, planned, before, differs in _CHANGED_COLUMNS
)
_RECORD_UNDONE_SQL: Final = tuple(
    _RECORD_CHANGES_SQL.format(field=field, before=planned, after=before, differs=differs)
    for field, planned, before, differs in _CHANGED_COLUMNS
)
_SET_TARGETS_SQL: Final = f"""
UPDATE goal SET version = {_NEXT_VERSION_SQL}, target = planned.target, full_target = NULL,
    threshold = CASE WHEN {_HAS_TIERS_SQL} THEN planned.threshold ELSE goal.threshold END,
    stretch = CASE WHEN {_HAS_TIERS_SQL} THEN planned.stretch ELSE goal.stretch END,
    tiers_target = CASE WHEN {_HAS_TIERS_SQL} THEN planned.target ELSE goal.tiers_target END
FROM plan_row planned
WHERE goal.id = planned.goal_id AND planned.plan_id = ? AND NOT planned.is_new AND planned.target > 0
"""  # noqa: S608 - constants only
_ARCHIVE_SQL: Final = f"""
UPDATE goal SET version = {_NEXT_VERSION_SQL}, archived_at = ?
WHERE archived_at IS NULL AND id IN (SELECT goal_id FROM plan_row planned WHERE plan_id = ? AND {{which}} {{more}})
"""  # noqa: S608 - constants only
_RESTORE_SQL: Final = f"""
UPDATE goal SET version = {_NEXT_VERSION_SQL}, archived_at = NULL,
    target = planned.target_before, full_target = planned.full_target_before,
    threshold = CASE WHEN {_HAS_TIERS_SQL} THEN planned.threshold_before ELSE goal.threshold END,
    stretch = CASE WHEN {_HAS_TIERS_SQL} THEN planned.stretch_before ELSE goal.stretch END,
    tiers_target = CASE WHEN NOT {_HAS_TIERS_SQL} THEN goal.tiers_target
        WHEN planned.threshold_before IS NOT NULL OR planned.stretch_before IS NOT NULL
        THEN COALESCE(planned.full_target_before, planned.target_before) END
FROM plan_row planned WHERE goal.id = planned.goal_id AND planned.plan_id = ? AND NOT planned.is_new {{more}}
"""  # noqa: S608 - constants only


async def apply(plan: GoalPlan, rows: Sequence[PlanRow], applied_at: datetime) -> None:
    """Change and archive the goals that a staged plan does not create. Within `write_transaction` only."""
    plan.applied_at = applied_at
    await row_store.save(plan, "applied_at")
    if all(row.is_new for row in rows):
        return
    for sql in _RECORD_APPLIED_SQL:
        await connection.execute(sql.format(more=""), [applied_at, plan.applied_by_id, plan.reason, plan.id])
    await connection.execute(_SET_TARGETS_SQL, [plan.id])
    await connection.execute(_ARCHIVE_SQL.format(which="NOT is_new AND target = 0", more=""), [applied_at, plan.id])


_CHANGED_SINCE_SQL: Final = f"""
SELECT planned.goal_id FROM plan_row planned JOIN goal ON goal.id = planned.goal_id
WHERE planned.plan_id = ? AND CASE
    WHEN planned.target = 0 THEN goal.archived_at IS NULL OR EXISTS (
        SELECT 1 FROM goal other WHERE other.owner_kind = goal.owner_kind AND other.owner_id = goal.owner_id
        AND other.metric = goal.metric AND other.first_day = goal.first_day AND other.last_day = goal.last_day
        AND other.archived_at IS NULL)
    WHEN goal.archived_at IS NOT NULL THEN NOT planned.is_new
    ELSE goal.target <> planned.target OR goal.full_target IS NOT NULL OR {_HAS_TIERS_SQL} AND (
        COALESCE(goal.threshold, 0) <> COALESCE(planned.threshold, 0)
        OR COALESCE(goal.stretch, 0) <> COALESCE(planned.stretch, 0)) END
ORDER BY planned.id
"""  # noqa: S608 - constants only


async def find_changed_since(plan: GoalPlan) -> list[int]:
    """Return the ids of the goals that were changed since the plan was applied: target, pro-rating, archived or not.

    Tiers count where the plan has set them.
    A new goal that was archived is none of them, as this is what taking the plan back does.
    """
    return [row["goal_id"] for row in await connection.fetch_rows(_CHANGED_SINCE_SQL, [plan.id])]


async def undo(
    plan: GoalPlan,
    rows: Sequence[PlanRow],
    kept_goal_ids: Collection[int],
    undone_at: datetime,
    undone_by_id: int | None,
    reason: str | None,
) -> None:
    """Archive the new goals of a plan and restore the others. Within `write_transaction` only.

    kept_goal_ids  goals that stay as they are
    reason         of the restored targets
    """
    more, excluded = ("AND NOT planned.goal_id = ANY(?)", [sorted(kept_goal_ids)]) if kept_goal_ids else ("", [])
    restores_goals = not all(row.is_new for row in rows)
    if restores_goals:
        for sql in _RECORD_UNDONE_SQL:
            await connection.execute(sql.format(more=more), [undone_at, undone_by_id, reason, plan.id, *excluded])
    await connection.execute(_ARCHIVE_SQL.format(which="is_new", more=more), [undone_at, plan.id, *excluded])
    if restores_goals:
        await connection.execute(_RESTORE_SQL.format(more=more), [plan.id, *excluded])
    plan.undone_at, plan.undone_by_id = undone_at, undone_by_id
    await row_store.save(plan, "undone_at", "undone_by_id")


_ALERTED_SQL: Final = """
SELECT DISTINCT goal_id FROM plan_row JOIN raised_alert ON subject_kind = 'Goal' AND subject_id = goal_id
WHERE plan_id = ? AND (resolved_at IS NULL OR raised_alert.kind = 'GOAL_ACHIEVED')
"""


async def find_alerted(plan: GoalPlan) -> set[int]:
    """Return the ids of the plan's goals with an alert that may be resolved now, or stand again."""
    return {row["goal_id"] for row in await connection.fetch_rows(_ALERTED_SQL, [plan.id])}
