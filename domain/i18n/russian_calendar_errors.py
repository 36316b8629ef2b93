"""Russian translations of error messages about the calendar and absences, a part of the catalogue in `russian_errors`."""

from __future__ import annotations

from typing import Final

RUSSIAN_CALENDAR_ERRORS: Final = {
    "A week has at least one working day.": "В неделе должен быть хотя бы один рабочий день.",
    'Give the time zone by its IANA name, e.g. "{example}".': (
        "Укажите часовой пояс по имени из базы IANA, например «{example}»."
    ),
    'Give the country by its ISO 3166 code, e.g. "{example}", or null for none.': (
        "Укажите страну кодом ISO 3166, например «{example}», или null, если её нет."
    ),
    "A region needs its country: give `holidayCountry`, too.": ("К региону нужна страна: укажите и `holidayCountry`."),
    "No region of {country} has public holidays of its own: leave `holidayRegion` null.": (
        "В регионах {country} нет своих праздников: оставьте `holidayRegion` пустым (null)."
    ),
    "Give a region of {country} by its code, such as {codes}.": "Укажите регион {country} его кодом, например {codes}.",
    "Working hours begin and end at a quarter of an hour, e.g. 09:00 or 09:15.": (
        "Рабочее время начинается и кончается ровно в четверть часа, например в 09:00 или 09:15."
    ),
    "The working day ends after it begins, at 24:00 at the latest: it cannot last over midnight.": (
        "Рабочий день кончается позже, чем начинается, и не позже 24:00: через полночь он не переходит."
    ),
    "Give {least} to {most} days.": "Укажите от {least} до {most} дней.",
    "This date occurs twice: give each day once.": "Эта дата указана дважды: укажите каждый день один раз.",
    "Say whether the employee carries a quota from this day on.": "Укажите, ставится ли сотруднику план с этого дня.",
    "This day is over, and what is over stays as it was: give today or a later day.": (
        "Этот день прошёл, а прошедшее не меняется: укажите сегодняшний день или более поздний."
    ),
    "The company has no day of its own on this date.": "На эту дату у компании нет своего дня.",
    'A LocalTime is like "{example}", from "{first}" to "{last}".': (
        "LocalTime имеет вид «{example}», от «{first}» до «{last}»."
    ),
    "There is no such absence.": "Такого отсутствия нет.",
    "Absences are set by who stands above the employee; your own only if the company allows it.": (
        "Отсутствие отмечает тот, кто стоит над сотрудником; своё — только если это разрешает компания."
    ),
    "Name the employee: a device has no absences of its own.": (
        "Укажите сотрудника: у устройства своих отсутствий нет."
    ),
    "An absence stays with its employee: remove it, and set another one.": (
        "Отсутствие остаётся за своим сотрудником: удалите его и отметьте другое."
    ),
    "The absence ends before it begins: swap `from` and `to`.": (
        "Отсутствие кончается раньше, чем начинается: поменяйте местами `from` и `to`."
    ),
    "An absence has at most {days} days: bring `to` nearer.": "В отсутствии не больше {days} дней: приблизьте `to`.",
    "This overlaps the absence from {first} to {last}: change that one.": (
        "Это пересекается с отсутствием с {first} по {last}: измените его."
    ),
    "Another absence has this externalId: leave it out, or give its `id`.": (
        "Этот externalId у другого отсутствия: уберите его или укажите `id` того отсутствия."
    ),
    "Only the goal of an employee can be pro-rated: leave `proRated` out, or set it for each member.": (
        "Пересчитать по рабочему времени можно только цель сотрудника: уберите `proRated` или задайте цель каждому."
    ),
}
