"""The company, its calendar and exchange rates. An installation has one company, so its table has one row."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from tortoise import fields
from tortoise.models import Model

from domain.primitives.calendar import DEFAULT_WORKDAY_END, DEFAULT_WORKDAY_START, Calendar, Weekday
from domain.primitives.calendar_changes import ZoneChange
from models.db.columns import bool_column, currency_column, enum_column, short_text_column, text_column
from models.db.conditions import equals
from models.db.consistent_read import fetch_all_at_once
from models.db.row_query import AnyRowQuery, RowQuery
from models.db.values import SqlRow

REFERENCE_POSITION_SQL: Final = "(SELECT moved FROM company WHERE id = 1)"  # of the reference data, see `ReferenceData`


class CalendarSettings(Model):
    """The settings of a calendar, as columns of the company and of its earlier calendars.

    workday_start, workday_end  minutes after midnight
    """

    time_zone: str = text_column(64)
    week_start = fields.SmallIntField(default=0)
    working_days: list[int] = fields.JSONField(default=[0, 1, 2, 3, 4])
    holiday_country: str | None = text_column(2, null=True)
    holiday_region: str | None = text_column(20, null=True)
    workday_start: int = fields.SmallIntField(default=DEFAULT_WORKDAY_START, db_default=DEFAULT_WORKDAY_START)
    workday_end: int = fields.SmallIntField(default=DEFAULT_WORKDAY_END, db_default=DEFAULT_WORKDAY_END)

    class Meta:
        abstract = True

    def settings(self) -> SqlRow:
        """Return the settings by column."""
        return {name: getattr(self, name) for name in CALENDAR_COLUMNS}


CALENDAR_COLUMNS: Final = (
    "time_zone", "week_start", "working_days", "holiday_country", "holiday_region", "workday_start", "workday_end",
)  # fmt: skip


class Company(CalendarSettings):
    """The company's currency, time zone, calendar and settings.

    `days` and `earlier_calendars` are other tables, which `find_company` reads with it. `reference_position` is the
    change-log position of the last change to the company, its people and teams, metrics, exchange rates or pipelines.
    """

    id = fields.IntField(primary_key=True)
    name: str = short_text_column()
    currency: str = currency_column()
    close_after_workdays: int | None = fields.IntField(null=True)
    employees_set_absences: bool = bool_column(default=False, db_default=False)
    requires_target_reason: bool = bool_column(default=False, db_default=False)
    created_at = fields.DatetimeField()
    reference_position: int | None = fields.BigIntField(source_field="moved", null=True)

    class Meta:
        table = "company"

    days: Sequence[CompanyDay] = ()
    earlier_calendars: Sequence[EarlierCalendar] = ()

    @property
    def calendar(self) -> Calendar:
        return _build_calendar(
            _settings_key(self),
            tuple((day.day, day.kind) for day in self.days),
            tuple((row.until, row.changed_at, _settings_key(row)) for row in self.earlier_calendars),
        )


class CompanyDayKind(StrEnum):
    OFF = "OFF"
    ON = "ON"


class CompanyDay(Model):
    """A day that is off or worked in this company, whatever its weekday and the public holidays."""

    id = fields.IntField(primary_key=True)
    day: date = fields.DateField(unique=True)
    kind: CompanyDayKind = enum_column(CompanyDayKind)
    name: str = short_text_column()

    class Meta:
        table = "company_day"


class EarlierCalendar(CalendarSettings):
    """The calendar settings that held before the day `until`, and since the `until` of the one before."""

    id = fields.IntField(primary_key=True)
    until: date = fields.DateField(unique=True)
    changed_at: datetime | None = fields.DatetimeField(null=True)  # when on that day; None: unknown

    class Meta:
        table = "earlier_calendar"


_SettingsKey = tuple[str, int, tuple[int, ...], str | None, str | None, int, int]


def _settings_key(row: CalendarSettings) -> _SettingsKey:
    return (
        row.time_zone,
        row.week_start,
        tuple(row.working_days),
        row.holiday_country,
        row.holiday_region,
        row.workday_start,
        row.workday_end,
    )


@lru_cache(maxsize=16)
def _build_calendar(
    settings: _SettingsKey,
    days: tuple[tuple[date, CompanyDayKind], ...],
    earlier: tuple[tuple[date, datetime | None, _SettingsKey], ...],
) -> Calendar:
    """Return the calendar for stored settings; cached, since every operation needs it many times."""
    time_zone, week_start, working_days, country, region, workday_start, workday_end = settings
    return Calendar(
        time_zone,
        Weekday(week_start),
        frozenset(Weekday(day) for day in working_days),
        country,
        region,
        workday_start,
        workday_end,
        frozenset(day for day, kind in days if kind is CompanyDayKind.OFF),
        frozenset(day for day, kind in days if kind is CompanyDayKind.ON),
        tuple((until, _build_calendar(settings, (), ())) for until, _, settings in earlier),
        tuple(_zone_changes(settings, earlier)),
    )


def _zone_changes(
    settings: _SettingsKey, earlier: Sequence[tuple[date, datetime | None, _SettingsKey]]
) -> Iterator[ZoneChange]:
    """Yield the changes of the time zone, given the settings that hold now and those that held earlier."""
    following_settings = [*(earlier_settings for _, _, earlier_settings in earlier), settings][1:]
    for (day, changed_at, (zone, *_)), (next_zone, *_) in zip(earlier, following_settings, strict=True):
        if zone != next_zone:
            at = changed_at or _build_calendar((zone, *settings[1:]), (), ()).start_of(day)
            yield ZoneChange(at, day, zone)


class ExchangeRate(Model):
    """The value of one unit of a currency in the company's currency, valid from a day."""

    id = fields.IntField(primary_key=True)
    currency: str = currency_column()
    rate: Decimal = fields.DecimalField(max_digits=30, decimal_places=12)
    valid_from = fields.DateField()

    class Meta:
        table = "exchange_rate"
        unique_together = (("currency", "valid_from"),)


def company_queries() -> list[AnyRowQuery]:
    """Return the queries for the rows that `assemble_company` takes."""
    return [
        RowQuery(Company, equals("id", 1)),
        RowQuery(CompanyDay).order_by("day"),
        RowQuery(EarlierCalendar).order_by("until"),
    ]


def assemble_company(
    companies: Sequence[Company], days: Sequence[CompanyDay], earlier_calendars: Sequence[EarlierCalendar]
) -> Company | None:
    """Return the company with its days and earlier calendars, or None before `./run setup`."""
    if not companies:
        return None
    company = companies[0]
    company.days, company.earlier_calendars = days, earlier_calendars
    return company


async def find_company() -> Company | None:
    """Return the company, or None before `./run setup`."""
    return assemble_company(*await fetch_all_at_once(company_queries()))


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
        """Return the rate of a day: the newest valid on or before it; None if there is none, or only later ones."""
        if currency == self.company_currency:
            return Decimal(1)
        rows = self._rates_by_currency.get(currency, ())
        return next((row.rate for row in rows if row.valid_from <= day), None)

    def latest_rate(self, currency: str, today: date) -> Decimal | None:
        """Return the rate at which open deals are shown: that of today, else the first later one; None without any."""
        rows = self._rates_by_currency.get(currency)
        return self.rate_on(currency, today) or (rows[-1].rate if rows else None)

    def first_day_of(self, currency: str) -> date | None:
        """Return the first day that has a rate for the currency; None without any."""
        rows = self._rates_by_currency.get(currency)
        return rows[-1].valid_from if rows else None


async def save_exchange_rate(currency: str, valid_from: date, rate: Decimal) -> None:
    """Store the rate of a currency from a day on, in place of one of the same day."""
    await ExchangeRate.update_or_create(defaults={"rate": rate}, currency=currency, valid_from=valid_from)


async def find_earlier_calendar(until: date) -> EarlierCalendar | None:
    """Return the settings that held before a day, if they were changed on it."""
    return await EarlierCalendar.get_or_none(until=until)


async def fetch_days(dates: Collection[date]) -> list[CompanyDay]:
    """Return the company's own days of these dates."""
    return await CompanyDay.filter(day__in=list(dates))


async def remove_days(dates: Collection[date]) -> None:
    await CompanyDay.filter(day__in=list(dates)).delete()
