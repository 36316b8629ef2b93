"""Public holidays of countries and their regions, from the `holidays` library.

The library also lists the weekend days that a government declares working days in exchange for a day off on a weekday,
e.g. Saturday 27 April 2024 in Russia. Its tables cite the decrees.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Final

import holidays

_NO_DAYS: Final = frozenset[date]()


@dataclass(frozen=True, slots=True)
class PublicHolidays:
    """The days of one year that differ from the working week.

    days_off          public holidays, and weekdays given off in exchange for a weekend day
    working_weekends  weekend days that are working days in exchange
    """

    days_off: frozenset[date]
    working_weekends: frozenset[date]


NO_PUBLIC_HOLIDAYS: Final = PublicHolidays(_NO_DAYS, _NO_DAYS)


def is_known_country(code: str) -> bool:
    """Return whether the public holidays of the country of that two-letter ISO 3166 code are known."""
    return code in _region_codes_by_country()


def list_regions(country: str) -> tuple[str, ...]:
    """Return the codes of the country's regions with public holidays of their own, mostly ISO 3166-2 codes."""
    return _region_codes_by_country()[country]


@cache
def _region_codes_by_country() -> Mapping[str, tuple[str, ...]]:
    countries = holidays.list_supported_countries(include_aliases=False)
    return {code: tuple(regions) for code, regions in countries.items() if len(code) == 2}


@lru_cache(maxsize=1024)
def public_holidays(country: str, region: str | None, year: int) -> PublicHolidays:
    """Return the public holidays of a year in a country, with those of a region if one is given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # holiday tables of some countries end, with a warning
        # The neighbours, too: a day may be moved, or observed, across the turn of the year.
        table = holidays.country_holidays(country, subdiv=region, years=(year - 1, year, year + 1))
    working_weekends = frozenset(day for day in table.weekend_workdays if day.year == year)
    return PublicHolidays(frozenset(day for day in table if day.year == year) - working_weekends, working_weekends)
