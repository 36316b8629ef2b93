"""Pipeline snapshots: the open deals, the bookings and the forecasts of all scopes at the start of a day.

They tell what has moved a forecast since then. Rows are kept for two weeks and never changed, so that nothing that is
recorded later, an import or a correction dated back included, changes what was known then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

import numpy as np
from tortoise import fields
from tortoise.models import Model

from domain.forecasting.arrays import NEVER, Floats, Ints
from domain.primitives.json_values import JsonObject
from domain.primitives.periods import Period
from models.db import connection
from models.db.values import SqlValue
from models.forecasting.deal_columns import DealColumns
from models.forecasting.deal_tables import Basis, StageEntries
from models.organization.people import TeamTree
from models.organization.scopes import ScopeKey

ForecastTotals = Mapping[str, Mapping[str, tuple[int, int]]]  # see `PipelineState.forecasts`


class PipelineSnapshot(Model):
    """The state of one day, each part as a JSON text."""

    id = fields.BigIntField(primary_key=True)
    day: date = fields.DateField(unique=True)
    taken_at: datetime = fields.DatetimeField()
    deals: str = fields.TextField()
    bookings: str = fields.TextField()
    forecasts: str = fields.TextField()

    class Meta:
        table = "pipeline_snapshot"


@dataclass(frozen=True)
class Bookings:
    """What was credited for won deals, refunds deducted; shape (n,) each, in the smallest unit.

    deal, employee, team  their ids, team 0 without one
    day                   ordinal of the day that it counts on
    """

    deal: Ints
    employee: Ints
    team: Ints
    day: Ints
    amount: Ints

    def equals(self, other: Bookings) -> bool:
        return all(np.array_equal(getattr(self, column), getattr(other, column)) for column in vars(self))

    def sum_by_deal(self, scope: ScopeKey, tree: TeamTree, period: Period) -> dict[int, int]:
        """Return what was credited to the scope in the period by deal; deals with a sum of zero are left out."""
        mask = (self.day >= period.start.toordinal()) & (self.day <= period.end.toordinal())
        teams = scope.team_ids(tree)
        if scope.employee_id is not None:
            mask &= self.employee == scope.employee_id
        elif teams is not None:
            mask &= np.isin(self.team, list(teams))
        sums: dict[int, int] = {}
        for deal, amount in zip(self.deal[mask].tolist(), self.amount[mask].tolist(), strict=True):
            sums[deal] = sums.get(deal, 0) + amount
        return {deal: amount for deal, amount in sums.items() if amount}


@dataclass(frozen=True)
class PipelineState:
    """A snapshot as it is used.

    day, taken_at  the day at the start of which, or as soon as the server ran, it was taken, and when
    deals          the open deals, of which only the columns that a forecast needs are filled
    stage_entries  the last entry of each into a stage
    bookings       by basis
    forecasts      by period and basis (`forecast_key`), then by scope (`scope_text`): booked and expected amount
    """

    day: date
    taken_at: datetime
    deals: DealColumns
    stage_entries: StageEntries
    bookings: Mapping[Basis, Bookings]
    forecasts: ForecastTotals

    def align_products(self, products: Sequence[str]) -> DealColumns:
        """Return the deals with the indexes of products that other deals have; unknown ones are appended."""
        aligned = [*products, *(name for name in self.deals.products if name not in products)]
        indexes = np.array([*(aligned.index(name) for name in self.deals.products), -1], dtype=np.int64)
        return replace(self.deals, product=indexes[self.deals.product], products=tuple(aligned))


def forecast_key(period: Period, basis: Basis) -> str:
    return f"{period.start}/{period.end}/{basis}"


def scope_text(scope: ScopeKey) -> str:
    return f"{scope.kind}:{scope.id}"


async def exists_for_day(day: date) -> bool:
    return await PipelineSnapshot.filter(day=day).exists()


async def find_machine_forecast(day: date, scope: ScopeKey, period: Period, basis: Basis) -> int | None:
    """Return what the machine expected of a scope and period on the morning of a day; None if it was not kept."""
    rows = await connection.fetch_rows("SELECT forecasts FROM pipeline_snapshot WHERE day = ?", [day])
    forecasts = json.loads(rows[0]["forecasts"]) if rows else {}
    amounts: Sequence[int] | None = forecasts.get(forecast_key(period, basis), {}).get(scope_text(scope))
    return None if amounts is None else amounts[1]


async def store(snapshot: PipelineSnapshot) -> None:
    """Store the snapshot; one that another process has stored meanwhile stays unchanged."""
    await PipelineSnapshot.bulk_create([snapshot], ignore_conflicts=True)


async def find_latest(day: date, first_day: date) -> tuple[int, date] | None:
    """Return id and day of the latest snapshot from `first_day` to `day`; None if there is none."""
    rows = await connection.fetch_rows(
        "SELECT id, day FROM pipeline_snapshot WHERE day BETWEEN ? AND ? ORDER BY day DESC LIMIT 1", [first_day, day]
    )
    return (int(rows[0]["id"]), connection.to_date(rows[0]["day"])) if rows else None


async def load(snapshot_id: int) -> PipelineSnapshot | None:
    return await PipelineSnapshot.get_or_none(id=snapshot_id)


# What was booked of a metric within the days, by the deal that was won or refunded?
_BOOKINGS_SQL: Final = """
SELECT COALESCE(refund.deal_id, score_entry.source_id) AS deal, score_entry.employee_id AS employee,
    score_entry.team_id AS team, score_entry.effective_on AS day, SUM(score_entry.amount) AS amount
FROM score_entry LEFT JOIN refund ON score_entry.source_kind = 'Refund' AND refund.id = score_entry.source_id
WHERE score_entry.metric = ? AND score_entry.effective_on BETWEEN ? AND ?{condition}
GROUP BY COALESCE(refund.deal_id, score_entry.source_id), score_entry.employee_id, score_entry.team_id,
    score_entry.effective_on
HAVING SUM(score_entry.amount) <> 0 ORDER BY 1, 2, 3, 4
"""


async def fetch_bookings(metric: str, first_day: date, last_day: date, employee_id: int | None = None) -> Bookings:
    """Return what is booked of a metric of won deals within the days, both included.

    employee_id  restricts it to one employee
    """
    condition, values = "", list[SqlValue]()
    if employee_id is not None:
        condition, values = " AND score_entry.employee_id = ?", [employee_id]
    rows = await connection.fetch_rows(
        _BOOKINGS_SQL.format(condition=condition), [metric, first_day, last_day, *values]
    )
    columns = [[int(row[name]) for row in rows] for name in ("deal", "employee", "team", "amount")]
    days = [connection.to_date(row["day"]).toordinal() for row in rows]
    deal, employee, team, amount, day = (np.array(column, dtype=np.int64) for column in (*columns, days))
    return Bookings(deal, employee, team, day, amount)


def serialize_deals(deals: DealColumns, stage_entries: StageEntries) -> str:
    """Return the open deals, with the last entry of each into a stage, as a JSON text."""
    order = np.argsort(stage_entries.day, kind="stable")
    last_entry = {
        deal: (stage, day)
        for deal, stage, day in zip(
            stage_entries.deal[order].tolist(),
            stage_entries.stage[order].tolist(),
            stage_entries.day[order].tolist(),
            strict=True,
        )
    }
    entries = [last_entry.get(deal, (None, None)) for deal in deals.id.tolist()]
    return json.dumps(
        {
            "id": deals.id.tolist(),
            "owner": deals.owner.tolist(),
            "created": deals.created.tolist(),
            "amount": _to_json(deals.amount),
            "currency": _names(deals.currencies, deals.currency),
            "cost": _to_json(deals.cost),
            "cost_currency": _names(deals.currencies, deals.cost_currency),
            "product": _names(deals.products, deals.product),
            "stage": [stage for stage, _ in entries],
            "entered": [day for _, day in entries],
        },
        separators=(",", ":"),
    )


def serialize_bookings(bookings: Mapping[Basis, Bookings]) -> str:
    """Return the bookings by basis as a JSON text."""
    return json.dumps(
        {basis: {name: column.tolist() for name, column in vars(rows).items()} for basis, rows in bookings.items()},
        separators=(",", ":"),
    )


def serialize_forecasts(forecasts: ForecastTotals) -> str:
    return json.dumps(forecasts, separators=(",", ":"))


def parse(row: PipelineSnapshot) -> PipelineState:
    """Return the state that a row holds."""
    bookings = {
        Basis(basis): Bookings(**{name: np.array(column, dtype=np.int64) for name, column in columns.items()})
        for basis, columns in json.loads(row.bookings).items()
    }
    return PipelineState(
        row.day, row.taken_at, *_parse_deals(json.loads(row.deals)), bookings, json.loads(row.forecasts)
    )


def _parse_deals(columns: JsonObject) -> tuple[DealColumns, StageEntries]:
    ids = np.array(columns["id"], dtype=np.int64)
    currencies = sorted({name for name in (*columns["currency"], *columns["cost_currency"]) if name is not None})
    products = sorted({name for name in columns["product"] if name is not None})
    currency_index: dict[str | None, int] = {None: -1} | {name: index for index, name in enumerate(currencies)}
    product_index: dict[str | None, int] = {None: -1} | {name: index for index, name in enumerate(products)}
    none, unknown = np.zeros(len(ids), dtype=np.int64), np.full(len(ids), np.nan)
    deals = DealColumns(
        id=ids,
        stable_hash=ids,
        owner=np.array(columns["owner"], dtype=np.int64),
        winner=none,
        state=none,
        amount=np.array(columns["amount"], dtype=np.float64),
        currency=np.array([currency_index[name] for name in columns["currency"]], dtype=np.int64),
        cost=np.array(columns["cost"], dtype=np.float64),
        cost_currency=np.array([currency_index[name] for name in columns["cost_currency"]], dtype=np.int64),
        initial_amount=unknown,
        initial_currency=none - 1,
        value=unknown,
        profit=unknown,
        product=np.array([product_index[name] for name in columns["product"]], dtype=np.int64),
        created=np.array(columns["created"], dtype=np.int64),
        closed=none + NEVER,
        deleted=none + NEVER,
        expected_close=none + NEVER,
        stage=none,
        category=none - 1,
        currencies=tuple(currencies),
        products=tuple(products),
    )
    entries = [
        (deal, stage, day)
        for deal, stage, day in zip(columns["id"], columns["stage"], columns["entered"], strict=True)
        if stage is not None
    ]
    deal, stage, day = np.array(entries, dtype=np.int64).reshape(-1, 3).T
    return deals, StageEntries(deal, stage, day)


def _to_json(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]


def _names(names: tuple[str, ...], indexes: Ints) -> list[str | None]:
    with_none: tuple[str | None, ...] = (*names, None)  # index -1, for none, takes the last one
    return [with_none[index] for index in indexes.tolist()]
