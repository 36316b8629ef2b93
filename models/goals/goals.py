"""Tables of goals and their changes, with queries for goals, targets and the goals that postings affect."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from tortoise import fields
from tortoise.expressions import Q, Subquery
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.goals.slices import GoalShape
from domain.goals.tiers import Mark, Tiers, scale_tiers
from domain.primitives.periods import Period, PeriodKind
from models.db import connection, row_store
from models.db.columns import bool_column, enum_column, foreign_key, minor_units_column, short_text_column, text_column
from models.db.conditions import NO_ROW, Condition, equals, is_one_of
from models.db.row_query import RowQuery
from models.db.values import SqlValue
from models.organization import scopes
from models.organization.people import Employee
from models.organization.scope_queries import owned_by_any
from models.organization.scopes import EmployeeScope, OwnerKind, ScopeKey


class Goal(Model):
    """A target in the metric's smallest unit for the days from `first_day` to `last_day`, both included.

    `full_target` is what was set for a pro-rated goal; its `target` is in proportion to the owner's working time.
    `threshold` and `stretch` are the tiers that were set beside the target `tiers_target`; see `tiers`.
    `version` is the change-log position of the last change that moved the goal.
    `slices` are the targets of the months that were set, in proportion to which `target` is distributed; `shape` says how
    they came about, and is null without them.
    `announced` holds the targets that have already been announced as achieved, and marks of the other tiers.
    """

    id = fields.IntField(primary_key=True)
    name: str = short_text_column()
    owner_kind: OwnerKind = enum_column(OwnerKind)
    owner_id: int = fields.IntField()
    metric: str = text_column(40)
    target: int = minor_units_column()
    full_target: int | None = minor_units_column(null=True)
    threshold: int | None = minor_units_column(null=True)
    stretch: int | None = minor_units_column(null=True)
    tiers_target: int | None = minor_units_column(null=True)
    slices: list[int] | None = fields.JSONField(null=True)
    shape: GoalShape | None = enum_column(GoalShape, null=True)
    kind: PeriodKind = enum_column(PeriodKind)
    first_day: date = fields.DateField()
    last_day: date = fields.DateField()
    recurring: bool = bool_column(default=False)
    announced: list[Mark] = fields.JSONField(default=list)
    version: int = fields.BigIntField(default=1)
    created_by = foreign_key("Employee", null=True)
    created_by_id: int | None
    created_at: datetime = fields.DatetimeField()
    archived_at: datetime | None = fields.DatetimeField(null=True)
    renewed_until: date | None = fields.DateField(null=True)  # until this day its recurrence has been handled

    class Meta:
        table = "goal"
        indexes = (("metric", "first_day", "last_day"), ("owner_kind", "owner_id", "last_day"))

    @property
    def scope(self) -> ScopeKey:
        """The scope that owns the goal."""
        return scopes.scope_key(self.owner_kind, self.owner_id)

    @property
    def period(self) -> Period:
        return Period(start=self.first_day, end=self.last_day, kind=self.kind)

    @property
    def set_target(self) -> int:
        """The target that was set; `target` is a part of it if the goal is pro-rated."""
        return self.target if self.full_target is None else self.full_target

    @property
    def tiers(self) -> Tiers:
        """The tiers beside the target that everything is measured against."""
        return self.tiers_beside(self.target)

    def tiers_beside(self, target: int) -> Tiers:
        """Return the tiers that the goal has if its target is another one."""
        return scale_tiers(self.threshold, self.stretch, self.tiers_target, target)


class GoalChange(Model):
    """One changed field of a goal, with the reason that was given for it. Rows are only added, never updated.

    Those of `target` are the versions of the target: what held before, what has held since, and whose change it was.
    """

    id = fields.BigIntField(primary_key=True)
    goal = foreign_key("Goal")
    goal_id: int
    at: datetime = fields.DatetimeField()
    by = foreign_key("Employee", null=True)
    by_id: int | None
    field: str = text_column(20)
    before: str | None = fields.TextField(null=True)
    after: str | None = fields.TextField(null=True)
    reason: str | None = short_text_column(null=True)

    class Meta:
        table = "goal_change"
        indexes = (("goal_id", "at"),)


_UNARCHIVED: Final = equals("archived_at", None)


def _unarchived() -> QuerySet[Goal]:
    """Return the goals that are not archived."""
    return Goal.filter(archived_at=None)


def match_visible(
    groups: Iterable[ScopeKey], employee_ids: Iterable[int], restricted_metrics: Mapping[str, Collection[ScopeKey]]
) -> Condition:
    """Return the condition for the goals of these groups and of these employees.

    restricted_metrics  by metric: the only groups of which goals for it are included
    """
    condition = owned_by_any(groups)
    for metric, metric_groups in restricted_metrics.items():
        condition &= ~equals("metric", metric) | owned_by_any(metric_groups)
    return condition | EmployeeScope.owned_by(employee_ids)


def match_activities(groups: Collection[ScopeKey], restricted_metrics: Mapping[str, Collection[ScopeKey]]) -> Condition:
    """Return the condition for activities about goals and plans of these groups.

    restricted_metrics  by metric: the only groups of which goals for it are included
    """
    condition = Condition("employee_id IS NULL") & _match_activities_of(groups)
    for metric, metric_groups in restricted_metrics.items():
        is_restricted = Condition(
            "subject_kind = 'Goal' AND subject_id IN (SELECT id FROM goal WHERE metric = ?)", (metric,)
        )
        condition &= ~is_restricted | _match_activities_of(metric_groups)
    return condition


def _match_activities_of(groups: Collection[ScopeKey]) -> Condition:
    condition = is_one_of("team_id", sorted(key.activity_team_id for key in groups if key.activity_team_id is not None))
    others = owned_by_any(key for key in groups if key.activity_team_id is None)
    if others == NO_ROW:
        return condition
    for subject_kind, table in (("Goal", "goal"), ("GoalPlan", "plan")):
        sql = f"subject_kind = '{subject_kind}' AND subject_id IN (SELECT id FROM {table} WHERE {others.sql})"  # noqa: S608
        condition |= Condition(sql, others.values)
    return condition


def select_overlapping(
    first_day: date,
    last_day: date,
    condition: Condition,
    *,
    metrics: Collection[str] | None = None,
    with_archived: bool = False,
    limit: int | None = None,
) -> RowQuery[Goal]:
    """Return the query for goals of periods that overlap the days, by their last day; None does not restrict."""
    query = RowQuery(Goal, Condition("first_day <= ? AND last_day >= ?", (last_day, first_day))).where(condition)
    if metrics is not None:
        query = query.where(is_one_of("metric", metrics))
    if not with_archived:
        query = query.where(_UNARCHIVED)
    query = query.order_by("last_day", "id")
    return query if limit is None else query.limit(limit)


async def fetch_overlapping(first_day: date, last_day: date) -> list[Goal]:
    """Return all goals of periods that overlap the days, archived ones included."""
    return await Goal.filter(first_day__lte=last_day, last_day__gte=first_day)


async def fetch_running(day: date, *, of_one_day: bool, after_id: int, limit: int) -> list[Goal]:
    """Return unarchived goals of periods that contain a day: those of single days or the others, in order of id."""
    query = _unarchived().filter(first_day__lte=day, last_day__gte=day, id__gt=after_id)
    query = query.filter(kind=PeriodKind.DAY) if of_one_day else query.exclude(kind=PeriodKind.DAY)
    return await query.order_by("id").limit(limit)


async def fetch_pro_rated(today: date, employee_ids: Collection[int] | None = None) -> list[Goal]:
    """Return the unarchived pro-rated goals of employees (None: all) of periods that are not over, in order of id."""
    query = _unarchived().filter(full_target__not_isnull=True, last_day__gte=today)
    if employee_ids is not None:
        query = query.filter(owner_id__in=sorted(employee_ids))
    return await query.order_by("id")


async def fetch_with_periods_of(parents: Collection[Goal]) -> list[Goal]:
    """Return the unarchived goals with a metric, a first day and a last day that any of these goals have."""
    return await _unarchived().filter(
        metric__in={goal.metric for goal in parents},
        first_day__in={goal.first_day for goal in parents},
        last_day__in={goal.last_day for goal in parents},
    )


async def has_any() -> bool:
    """Return whether there is any goal, also an archived one."""
    return await Goal.exists()


async def fetch_owned(keys: Collection[ScopeKey], today: date) -> list[Goal]:
    """Return the unarchived goals that the scopes own, of periods that are not over."""
    query = RowQuery(Goal, owned_by_any(keys) & _UNARCHIVED)
    return await query.where(Condition("last_day >= ?", (today,))).fetch()


async def is_renewal_due(today: date) -> bool:
    return await _due_for_renewal(today).exists()


async def fetch_due_for_renewal(today: date, limit: int) -> list[Goal]:
    return await _due_for_renewal(today).order_by("last_day", "id").limit(limit)


def _due_for_renewal(today: date) -> QuerySet[Goal]:
    """Return the recurring goals that have ended and have no next goal yet; those of former employees wait."""
    return _unarchived().filter(
        Q(renewed_until=None) | Q(renewed_until__lt=today),
        ~Q(owner_kind=EmployeeScope.kind) | Q(owner_id__in=Subquery(Employee.filter(active=True).values("id"))),
        recurring=True,
        last_day__lt=today,
    )


async def find_competing(scope: ScopeKey, metric: str, period: Period, *, until: date) -> Goal | None:
    """Return the first unarchived goal of the scope and metric for the same days, or a period of the kind that overlaps.

    Periods of one kind overlap only where the first day of the week has changed.

    until  the last day on which an overlapping one may begin
    """
    query = RowQuery(Goal, scope.is_owner & _UNARCHIVED & equals("metric", metric))
    rows = await query.where(_competes_with(period, until)).order_by("first_day", "id").limit(1).fetch()
    return rows[0] if rows else None


def _competes_with(period: Period, until: date) -> Condition:
    has_same_days = Condition("first_day = ? AND last_day = ?", (period.start, period.end))
    overlaps = Condition("first_day <= ? AND last_day >= ?", (until, period.start)) & equals("kind", period.kind)
    return has_same_days if period.kind is PeriodKind.CUSTOM else has_same_days | overlaps


async def fetch_competing(scope_keys: Collection[ScopeKey], metrics: Collection[str], period: Period) -> list[Goal]:
    """Return the unarchived goals of scopes for the same days, or a period of the kind that overlaps, by id."""
    query = RowQuery(Goal, owned_by_any(scope_keys) & _UNARCHIVED & is_one_of("metric", metrics))
    return await query.where(_competes_with(period, period.end)).order_by("id").fetch()


async def fetch_of_period(scope_keys: Collection[ScopeKey], metrics: Collection[str], period: Period) -> list[Goal]:
    """Return the unarchived goals of scopes for exactly these days."""
    query = RowQuery(Goal, owned_by_any(scope_keys) & _UNARCHIVED & is_one_of("metric", metrics))
    return await query.where(Condition("first_day = ? AND last_day = ?", (period.start, period.end))).fetch()


async def by_ids(ids: Sequence[int]) -> list[Goal | None]:
    goals_by_id = await connection.fetch_by_ids(Goal, ids)
    return [goals_by_id.get(id_) for id_ in ids]


@dataclass(frozen=True, slots=True)
class AffectedGoal:
    """A goal that postings may affect.

    value           its present value, in the metric's smallest unit
    has_alert       whether an alert concerns it that may be resolved now, or stand again
    """

    goal: Goal
    value: int
    has_alert: bool


_GOAL_TOTAL_SQL: Final = """
    WHEN '{kind}' THEN (SELECT SUM(total.amount) FROM {table} total
        WHERE total.metric = goal.metric AND {condition} AND total.day BETWEEN goal.first_day AND goal.last_day)
"""
_GOAL_TOTALS_SQL: Final = "".join(
    _GOAL_TOTAL_SQL.format(kind=kind.kind, table=kind.total_table, condition=kind.goal_total_condition)
    for kind in scopes.SCOPE_KINDS
)
# the value of a row of `goal`, in the metric's smallest unit
GOAL_SUM_SQL: Final = f"COALESCE(CASE goal.owner_kind {_GOAL_TOTALS_SQL} END, 0)"
GOAL_VALUE_SQL: Final = f"{GOAL_SUM_SQL} AS reached"
_AFFECTED_GOALS_SQL: Final = f"""
SELECT goal.*, {GOAL_VALUE_SQL}, EXISTS (SELECT 1 FROM raised_alert
        WHERE subject_kind = 'Goal' AND subject_id = goal.id
        AND (resolved_at IS NULL OR kind = 'GOAL_ACHIEVED')) AS told
FROM goal WHERE archived_at IS NULL AND ({{owners}}) AND metric IN ({{metrics}}) AND first_day <= ? AND last_day >= ? ORDER BY id
"""  # noqa: S608 - constants only


async def find_affected(
    metrics: Collection[str], days: Collection[date], owners: Collection[ScopeKey]
) -> list[AffectedGoal]:
    """Return the unarchived goals of these scopes that postings of these metrics and days may affect.

    The days are taken as one span from the first to the last, so goals that lie between them may be included.
    """
    conditions, values = list[str](), list[SqlValue]()
    for kind, keys in scopes.by_kind(owners):
        ids = [key.id for key in keys]
        conditions.append(f"(owner_kind = '{kind.kind}' AND owner_id IN ({connection.placeholders(ids)}))")
        values += ids
    sql = _AFFECTED_GOALS_SQL.format(owners=" OR ".join(conditions), metrics=connection.placeholders([*metrics]))
    values += [*sorted(metrics), max(days), min(days)]
    return [
        AffectedGoal(row_store.from_columns(Goal, row), int(row["reached"]), bool(row["told"]))
        for row in await connection.fetch_rows(sql, values)
    ]


# Which targets do these owners of one kind have for a metric and exactly these days?
_TARGETS_SQL: Final = """
SELECT id, owner_kind, owner_id, target FROM goal
WHERE owner_kind = ? AND {is_owner} AND metric = ? AND first_day = ? AND last_day = ? AND archived_at IS NULL
"""


async def targets_by_owner(
    owners: Collection[ScopeKey], metric: str, first_day: date, last_day: date
) -> dict[ScopeKey, int]:
    """Return the target of each of the owners with a goal for the metric and exactly these days, in one statement."""
    selects, values = [], list[SqlValue]()
    for scope_kind, keys in scopes.by_kind(owners):
        selects.append(_TARGETS_SQL.format(is_owner="owner_id = ANY(?)"))
        values += [scope_kind.kind, [key.id for key in keys], metric, first_day, last_day]
    if not selects:
        return {}
    rows = await connection.fetch_rows(" UNION ALL ".join(selects) + " ORDER BY id", values)
    return {scopes.scope_key(row["owner_kind"], row["owner_id"]): row["target"] for row in rows}


async def change_histories(goal_ids: Sequence[int]) -> list[list[GoalChange]]:
    """Return the changes of each goal, newest first, in the order of the ids."""
    rows = await GoalChange.filter(goal_id__in=set(goal_ids)).order_by("-id")
    return [[row for row in rows if row.goal_id == goal_id] for goal_id in goal_ids]


async def target_changes(goal_ids: Sequence[int]) -> dict[int, list[GoalChange]]:
    """Return the changes of the goals' targets by goal id, oldest first; a goal without any is missing."""
    changes: dict[int, list[GoalChange]] = {}
    for row in await GoalChange.filter(goal_id__in=set(goal_ids), field="target").order_by("id"):
        changes.setdefault(row.goal_id, []).append(row)
    return changes


_EMPLOYEE_TARGETS_SQL = """
SELECT owner_id, target FROM goal WHERE owner_kind = 'EMPLOYEE' AND metric = ? AND first_day = ? AND last_day = ?
    AND archived_at IS NULL {more} ORDER BY id
"""
_EMPLOYEE_TARGETS_AT_SQL = """
SELECT owner_id, COALESCE((
    SELECT CAST(goal_change.before AS BIGINT) FROM goal_change
    WHERE goal_change.goal_id = goal.id AND goal_change.field = 'target' AND goal_change.at > ?
    ORDER BY goal_change.id LIMIT 1
), target) AS target FROM goal
WHERE owner_kind = 'EMPLOYEE' AND metric = ? AND first_day = ? AND last_day = ?
    AND created_at <= ? AND (archived_at IS NULL OR archived_at > ?) {more} ORDER BY id
"""


async def employee_targets(
    metric: str, first_day: date, last_day: date, as_of: datetime | None, employee_ids: Collection[int] | None = None
) -> dict[int, int]:
    """Return the targets of employees for the metric and exactly these days, by employee id.

    as_of         return the targets as of this instant; None for the present ones. None is not the same as the
                  current time: it ignores the recorded times, which come from the clocks of several servers.
    employee_ids  None for all employees with a goal
    """
    sql = _EMPLOYEE_TARGETS_SQL
    values: list[SqlValue] = [metric, first_day, last_day]
    if as_of is not None:
        sql, values = _EMPLOYEE_TARGETS_AT_SQL, [as_of, *values, as_of, as_of]
    extra_condition = ""
    if employee_ids is not None:
        extra_condition, values = (
            f"AND owner_id IN ({connection.placeholders([*employee_ids])})",
            [*values, *sorted(employee_ids)],
        )
    return {
        row["owner_id"]: int(row["target"])
        for row in await connection.fetch_rows(sql.format(more=extra_condition), values)
    }
