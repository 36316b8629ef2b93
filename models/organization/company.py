"""The company and its exchange rates. An installation has one company, so its table has one row."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from tortoise import fields
from tortoise.models import Model

from domain.primitives.calendar import Calendar, Weekday
from models.db.columns import currency_column, short_text_column

REFERENCE_POSITION_SQL: Final = "(SELECT moved FROM company WHERE id = 1)"  # of the reference data, see `ReferenceData`


class Company(Model):
    """The company's currency, time zone, calendar and settings.

    `reference_position` is the change-log position of the last change to the company, its people and teams,
    metrics, exchange rates or pipelines.
    """

    id = fields.IntField(primary_key=True)
    name: str = short_text_column()
    currency: str = currency_column()
    time_zone: str = fields.CharField(max_length=64)  # type: ignore[assignment]
    week_start = fields.SmallIntField(default=0)
    working_days: list[int] = fields.JSONField(default=[0, 1, 2, 3, 4])
    holiday_country: str | None = fields.CharField(max_length=2, null=True)  # type: ignore[assignment]
    close_after_workdays: int | None = fields.IntField(null=True)
    created_at = fields.DatetimeField()
    reference_position: int | None = fields.BigIntField(source_field="moved", null=True)

    class Meta:
        table = "company"

    @property
    def calendar(self) -> Calendar:
        return _build_calendar(self.time_zone, self.week_start, tuple(self.working_days), self.holiday_country)


@lru_cache(maxsize=16)
def _build_calendar(
    time_zone: str, week_start: int, working_days: tuple[int, ...], holiday_country: str | None
) -> Calendar:
    """Return the calendar for stored settings; cached, since every operation needs it many times."""
    return Calendar(time_zone, Weekday(week_start), frozenset(Weekday(day) for day in working_days), holiday_country)


class ExchangeRate(Model):
    """The value of one unit of a currency in the company's currency, valid from a day."""

    id = fields.IntField(primary_key=True)
    currency: str = currency_column()
    rate: Decimal = fields.DecimalField(max_digits=30, decimal_places=12)
    valid_from = fields.DateField()

    class Meta:
        table = "exchange_rate"
        unique_together = (("currency", "valid_from"),)


async def find_company() -> Company | None:
    """Return the company, or None before `./run setup`."""
    return await Company.get_or_none(id=1)


async def load_exchange_rates() -> list[ExchangeRate]:
    """Return all rates, by currency, newest first."""
    return await ExchangeRate.all().order_by("currency", "-valid_from")


class ExchangeRateTable:
    """Looks up exchange rates by currency and day. `rows` come newest first, as `load_exchange_rates` returns them."""

    def __init__(self, rows: list[ExchangeRate], company_currency: str) -> None:
        self.company_currency = company_currency
        self._rates_by_currency: dict[str, list[ExchangeRate]] = {}
        for row in rows:
            self._rates_by_currency.setdefault(row.currency, []).append(row)

    def rate_on(self, currency: str, day: date) -> Decimal | None:
        """Return the rate of a day: the newest valid on or before it, else the oldest; None if there is none."""
        if currency == self.company_currency:
            return Decimal(1)
        rows = self._rates_by_currency.get(currency)
        if not rows:
            return None
        return next((row.rate for row in rows if row.valid_from <= day), rows[-1].rate)

    def has_rate_for(self, currency: str) -> bool:
        return currency == self.company_currency or currency in self._rates_by_currency
