"""Deals and their stage history: Tortoise models and queries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from tortoise import fields
from tortoise.functions import Sum
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.forecasting.categories import ForecastCategory
from domain.ledger.record_facts import Credit, DealFacts, DealStatus, Moment, SaleKind
from domain.primitives.text import search_key
from models.db import bulk_statements, connection, row_store
from models.db.columns import (
    MAX_TEXT_LENGTH,
    PlainAttributes,
    bool_column,
    currency_column,
    enum_column,
    external_id_column,
    foreign_key,
    minor_units_column,
    search_key_column,
    short_text_column,
)
from models.db.conditions import Condition, contains, equals, is_between, is_one_of
from models.db.row_query import RowQuery
from models.db.write_batch import BatchedWrite, fits_batch, write_rows


class Deal(PlainAttributes, Model):
    """A deal, from creation to its win or loss.

    Values that its scores need and the other fields do not determine are stored at the moment
    they are decided: the employee and team credited for creating and for winning or losing it,
    the days these count on, and the won value and profit in the company's currency at frozen rates.

    forecast_category  set for this deal, else that of its stage counts
    refunded        the sum of its refunds; None without any
    initial_amount  the amount stated at creation, 0 for none, as far as an import knew it; None: what the activities say
    """

    id = fields.IntField(primary_key=True)
    external_id: str | None = external_id_column()
    title: str = short_text_column()
    search_key: str = search_key_column()
    owner = foreign_key("Employee")
    owner_id: int
    client = foreign_key("Client", null=True)
    client_id: int | None
    stage = foreign_key("Stage")
    stage_id: int
    status: DealStatus = enum_column(DealStatus, default=DealStatus.OPEN)
    amount: int | None = minor_units_column(null=True)
    currency: str | None = currency_column(null=True)
    initial_amount: int | None = minor_units_column(null=True)
    initial_currency: str | None = currency_column(null=True)
    cost: int | None = minor_units_column(null=True)
    cost_currency: str | None = currency_column(null=True)
    refunded: int | None = minor_units_column(null=True)
    product: str | None = short_text_column(null=True)
    problem: str | None = fields.TextField(null=True)
    lost_reason: str | None = fields.TextField(null=True)
    created_at: datetime = fields.DatetimeField()
    expected_close_on: date | None = fields.DateField(null=True)
    closed_at: datetime | None = fields.DatetimeField(null=True)
    deleted_at: datetime | None = fields.DatetimeField(null=True)

    created_on: date = fields.DateField()
    closed_on: date | None = fields.DateField(null=True)
    opened_by: int = fields.IntField()
    opened_team: int = fields.IntField(default=0)
    won_by: int | None = fields.IntField(null=True)
    won_team: int | None = fields.IntField(null=True)
    lost_by: int | None = fields.IntField(null=True)
    lost_team: int | None = fields.IntField(null=True)
    rate: Decimal | None = fields.DecimalField(max_digits=30, decimal_places=12, null=True)
    cost_rate: Decimal | None = fields.DecimalField(max_digits=30, decimal_places=12, null=True)
    value: int | None = minor_units_column(null=True)
    profit: int | None = minor_units_column(null=True)
    sale_kind: SaleKind | None = enum_column(SaleKind, null=True)
    sale_kind_given: bool = bool_column(default=False)
    forecast_category: ForecastCategory | None = enum_column(ForecastCategory, null=True)

    class Meta:
        table = "deal"
        indexes = (
            ("owner_id", "status"),
            ("created_at", "id"),
            ("client_id", "status", "closed_at"),
            ("stage_id", "status"),
            ("closed_on",),
        )

    def facts(self) -> DealFacts | None:
        """Return the facts that metrics are computed from; None once the deal is deleted."""
        if self.deleted_at is not None:
            return None
        won = self.won_by is not None and self.status is DealStatus.WON
        closed = None
        if won and self.closed_on is not None and self.closed_at is not None:
            closed = Moment(self.closed_on, self.closed_at)
        return DealFacts(
            self.id,
            Credit(self.opened_by, self.opened_team),
            Moment(self.created_on, self.created_at),
            self.status,
            Credit(self.won_by or 0, self.won_team or 0) if won else None,
            closed,
            self.value if won else None,
            self.profit if won else None,
            self.sale_kind if won else None,
        )

    def set_title(self, title: str) -> None:
        self.title, self.search_key = title, search_key(title)


class StageEntry(Model):
    """A deal's entry into a stage, with its day in the company's calendar.

    Rows are appended; only the first entry moves, when the creation time of its deal is corrected.
    """

    id = fields.BigIntField(primary_key=True)
    deal = foreign_key("Deal")
    deal_id: int
    stage = foreign_key("Stage")
    stage_id: int
    entered_at: datetime = fields.DatetimeField()
    entered_on: date = fields.DateField(null=True)  # never null; SQLite can add only nullable columns

    class Meta:
        table = "stage_visit"
        indexes = (("deal_id", "entered_at"), ("stage_id", "entered_at"), ("stage_id", "entered_on"))


_STAGE_ENTRY: Final = BatchedWrite(
    "new_stage_entry",
    {"deal_id": "INTEGER", "stage_id": "INTEGER", "entered_at": "TIMESTAMPTZ", "entered_on": "DATE"},
    {
        "added_stage_entry": """
            INSERT INTO stage_visit (deal_id, stage_id, entered_at, entered_on)
            SELECT deal_id, stage_id, entered_at, entered_on FROM new_stage_entry
        """
    },
)


async def insert_stage_entries(entries: Iterable[tuple[int, int, datetime, date]]) -> None:
    """Insert stage entries: tuples of deal id, stage id, time of entry and its day."""
    rows = list(entries)
    if fits_batch(len(rows)):
        await write_rows(_STAGE_ENTRY, rows)
    else:
        await bulk_statements.insert_rows("stage_visit", tuple(_STAGE_ENTRY.columns), rows)


async def delete_newest_stage_entry(deal_id: int, stage_id: int) -> None:
    """Delete the last entry of a deal into a stage."""
    [row] = (
        await RowQuery(StageEntry, equals("deal_id", deal_id) & equals("stage_id", stage_id))
        .order_by("-id")
        .limit(1)
        .fetch()
    )
    await row_store.delete(row)


async def has_entered_stage(deal: Deal, at: datetime) -> bool:
    """Return whether the deal has entered its stage at exactly this time."""
    return await StageEntry.filter(deal_id=deal.id, stage_id=deal.stage_id, entered_at=at).exists()


async def fetch_stage_entries(deal_ids: Collection[int]) -> list[StageEntry]:
    return await StageEntry.filter(deal_id__in=list(deal_ids) or [0])


async def move_first_stage_entry(deal: Deal, previous: datetime) -> None:
    """Move the stage entry of a deal's creation, which was `previous`, to the time at which it is created now."""
    first_entry = StageEntry.filter(deal_id=deal.id, entered_at=previous)
    await first_entry.update(entered_at=deal.created_at, entered_on=deal.created_on)


def select_existing() -> RowQuery[Deal]:
    """Return the deals that are not deleted."""
    return RowQuery(Deal, equals("deleted_at", None))


def select_by_ids(ids: Collection[int], condition: Condition) -> RowQuery[Deal]:
    """Return the query for the deals with these ids that are not deleted and meet the condition."""
    return select_existing().where(is_one_of("id", ids)).where(condition)


def _existing() -> QuerySet[Deal]:
    return Deal.filter(deleted_at=None)


async def load_by_ids(ids: Sequence[int]) -> list[Deal | None]:
    """Return one deal per id, in the order of `ids`; None where it does not exist or is deleted."""
    rows_by_id = {row.id: row for row in await select_existing().where(is_one_of("id", set(ids))).fetch()}
    return [rows_by_id.get(deal_id) for deal_id in ids]


def narrow(
    query: RowQuery[Deal],
    *,
    statuses: Collection[DealStatus] | None = None,
    stage_ids: Collection[int] | None = None,
    client_id: int | None = None,
    owner_id: int | None = None,
    product: str | None = None,
    has_problem: bool | None = None,
    search: str | None = None,
    days: tuple[date, date] | None = None,
) -> RowQuery[Deal]:
    """Return the query for the deals that match; None does not restrict.

    search  a text in the title
    days    the first and the last day on which a closed deal was closed, or an open one created
    """
    if statuses:
        query = query.where(is_one_of("status", statuses))
    if stage_ids is not None:
        query = query.where(is_one_of("stage_id", stage_ids))
    if client_id is not None:
        query = query.where(equals("client_id", client_id))
    if owner_id is not None:
        query = query.where(equals("owner_id", owner_id))
    if product:
        query = query.where(equals("product", product)) if len(product) <= MAX_TEXT_LENGTH else query.none()
    if has_problem is not None:
        query = query.where(Condition("problem IS NOT NULL" if has_problem else "problem IS NULL"))
    if search:
        query = query.where(contains("needle", search_key(search)))
    if days:
        is_open = equals("status", DealStatus.OPEN)
        closed_within = is_between("closed_on", *days) & ~is_open
        created_within = is_between("created_on", *days) & is_open
        query = query.where(closed_within | created_within)
    return query


def select_for_client(client_id: int) -> RowQuery[Deal]:
    return select_existing().where(equals("client_id", client_id))


async def count_in_stage(stage_id: int) -> int:
    """Return the number of deals, not deleted, that are in a stage."""
    return await Deal.filter(stage_id=stage_id, deleted_at=None).count()


async def has_been_in_stage(stage_id: int) -> bool:
    """Return whether any deal, also a deleted one, is or has been in a stage."""
    return await Deal.exists(stage_id=stage_id) or await StageEntry.exists(stage_id=stage_id)


async def list_external_ids(external_ids: Collection[str]) -> set[str]:
    """Return those of the external ids that deals have, also deleted ones."""
    ids = sorted(external_ids)
    sql = f"SELECT external_id FROM deal WHERE external_id IN ({connection.placeholders(ids)})"  # noqa: S608
    return {row["external_id"] for row in await connection.fetch_rows(sql, ids)}


_PIPELINE_NAMES_SQL: Final = """
SELECT deal.external_id, pipeline.name FROM deal JOIN stage ON stage.id = deal.stage_id
JOIN pipeline ON pipeline.id = stage.pipeline_id WHERE deal.external_id IN ({ids})
"""


async def fetch_pipeline_names(external_ids: Collection[str]) -> dict[str, str]:
    """Return the name of the pipeline of each deal with one of these external ids."""
    sql = _PIPELINE_NAMES_SQL.format(ids=connection.placeholders([*external_ids]))
    return {row["external_id"]: row["name"] for row in await connection.fetch_rows(sql, sorted(external_ids))}


async def set_sale_kind(deal_ids: Collection[int], kind: SaleKind) -> None:
    await Deal.filter(id__in=list(deal_ids)).update(sale_kind=kind)


_OUTDATED_SALE_KINDS_SQL: Final = """
SELECT id FROM (
    SELECT id, sale_kind, sale_kind_given, ROW_NUMBER() OVER (PARTITION BY client_id ORDER BY closed_at, id) AS place
    FROM deal WHERE client_id IN ({ids}) AND status = 'WON' AND deleted_at IS NULL
) AS win WHERE NOT sale_kind_given AND (place = 1) <> (sale_kind = 'FIRST') ORDER BY id
"""


async def find_wins_with_outdated_sale_kind(client_ids: Collection[int]) -> list[int]:
    """Return the ids of won deals with a derived sale kind that no longer matches the order of the client's wins."""
    sql = _OUTDATED_SALE_KINDS_SQL.format(ids=connection.placeholders([*client_ids]))
    return [row["id"] for row in await connection.fetch_rows(sql, sorted(client_ids))]


@dataclass(frozen=True, slots=True)
class ClientWins:
    """Wins of a client by the owner of the deals: their value in the smallest unit of the company's currency."""

    value_by_owner: Mapping[int, int]


async def fetch_client_wins(client_ids: Sequence[int]) -> list[ClientWins]:
    """Return the wins of each client, in the order of the ids; deleted deals are left out."""
    rows = (
        await _existing()
        .filter(client_id__in=set(client_ids), status=DealStatus.WON)
        .annotate(total=Sum("value"))
        .group_by("client_id", "owner_id")
        .values_list("client_id", "owner_id", "total")
    )
    values_by_client: dict[int, dict[int, int]] = {client_id: {} for client_id in client_ids}
    for client_id, owner_id, total in rows:
        values_by_client[client_id][owner_id] = int(total or 0)
    return [ClientWins(values_by_client[client_id]) for client_id in client_ids]
