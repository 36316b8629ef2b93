"""Deals and their stage history: Tortoise models and queries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tortoise import fields
from tortoise.functions import Count, Sum
from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.ledger.record_facts import Credit, DealFacts, DealStatus, SaleKind
from domain.primitives.text import search_key
from models.db import connection
from models.db.columns import choice, currency_code, external, link, minor, short_text


class Deal(Model):
    """A deal, from creation to its win or loss.

    Values that its scores need and the other fields do not determine are stored at the moment
    they are decided: the employee and team credited for creating and for winning or losing it,
    the days these count on, and the won value and profit in the company's currency at frozen rates.
    """

    id = fields.IntField(primary_key=True)
    external_id: str | None = external()
    title: str = short_text()
    needle: str = fields.CharField(max_length=1000, default="")  # type: ignore[assignment]
    owner = link("Employee")
    owner_id: int
    client = link("Client", null=True)
    client_id: int | None
    stage = link("Stage")
    stage_id: int
    status: DealStatus = choice(DealStatus, default=DealStatus.OPEN)
    amount: int | None = minor(null=True)
    currency: str | None = currency_code(null=True)
    cost: int | None = minor(null=True)
    cost_currency: str | None = currency_code(null=True)
    product: str | None = short_text(null=True)
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
    value: int | None = minor(null=True)
    profit: int | None = minor(null=True)
    sale_kind: SaleKind | None = choice(SaleKind, null=True)
    sale_kind_given: bool = fields.BooleanField(default=False)  # type: ignore[assignment]

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
        return DealFacts(
            self.id,
            Credit(self.opened_by, self.opened_team),
            self.created_on,
            self.status,
            Credit(self.won_by or 0, self.won_team or 0) if won else None,
            self.closed_on if won else None,
            self.value if won else None,
            self.profit if won else None,
            self.sale_kind if won else None,
        )

    def titled(self, value: str) -> None:
        self.title, self.needle = value, search_key(value)


class StageVisit(Model):
    """A deal's entry into a stage, with its day in the company's calendar.

    Rows are appended; only the first entry moves, when the creation time of its deal is corrected.
    """

    id = fields.BigIntField(primary_key=True)
    deal = link("Deal")
    deal_id: int
    stage = link("Stage")
    stage_id: int
    entered_at: datetime = fields.DatetimeField()
    entered_on: date = fields.DateField(null=True)  # never null; SQLite can add only nullable columns

    class Meta:
        table = "stage_visit"
        indexes = (("deal_id", "entered_at"), ("stage_id", "entered_at"), ("stage_id", "entered_on"))


async def enter(visits: Iterable[tuple[int, int, datetime, date]]) -> None:
    """Insert stage entries: tuples of deal id, stage id, time of entry and its day."""
    await connection.insert("stage_visit", ("deal_id", "stage_id", "entered_at", "entered_on"), list(visits))


def standing() -> QuerySet[Deal]:
    """Return the deals that are not deleted."""
    return Deal.filter(deleted_at=None)


async def by_ids(ids: Sequence[int]) -> list[Deal | None]:
    """Return one deal per id, in the order of `ids`; None where it does not exist or is deleted."""
    found = {row.id: row for row in await standing().filter(id__in=set(ids))}
    return [found.get(id_) for id_ in ids]


def of_client(client: int) -> QuerySet[Deal]:
    return standing().filter(client_id=client)


async def first_wins(clients: Collection[int]) -> dict[int, int]:
    """Return the earliest win, among deals not deleted, of each client that has one: client id → deal id."""
    firsts: dict[int, int] = {}
    rows = (
        await standing()
        .filter(client_id__in=list(clients), status=DealStatus.WON)
        .order_by("client_id", "closed_at", "id")
        .values_list("client_id", "id")
    )
    for client, deal in rows:
        firsts.setdefault(client, deal)
    return firsts


async def to_regrade(clients: Collection[int]) -> list[Deal]:
    """Return the won deals whose derived sale kind no longer matches the order of the client's wins."""
    firsts = await first_wins(clients)
    won = standing().filter(client_id__in=list(clients), status=DealStatus.WON, sale_kind_given=False)
    wrong_first = await won.filter(sale_kind=SaleKind.FIRST).exclude(id__in=list(firsts.values()))
    wrong_repeat = await won.filter(id__in=list(firsts.values())).exclude(sale_kind=SaleKind.FIRST)
    return [*wrong_first, *wrong_repeat]


@dataclass(frozen=True, slots=True)
class Wins:
    """Wins of a client: number of won deals, and their value in the smallest unit of the company's currency."""

    count: int = 0
    value: int = 0


async def wins_of(clients: Sequence[int]) -> list[Wins]:
    """Return the wins of each client, in the order of the ids; deleted deals are left out."""
    rows = (
        await standing()
        .filter(client_id__in=set(clients), status=DealStatus.WON)
        .annotate(wins=Count("id"), total=Sum("value"))
        .group_by("client_id")
        .values_list("client_id", "wins", "total")
    )
    found = {client: Wins(int(wins), int(total or 0)) for client, wins, total in rows}
    return [found.get(client, Wins()) for client in clients]
