"""A language: its catalogue of messages, and how it writes numbers, dates, durations and quotations.

A catalogue is a gettext file, `locales/<code>/messages.po`: a sentence of the code in English, and its translation.
Plural rules and the names of months and units come from CLDR, by Babel.
"""

from __future__ import annotations

import gettext
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import NumberPattern, get_decimal_symbol, get_group_symbol, parse_pattern
from babel.units import format_unit

from domain.messages import Message, MessageList, MessageValue, Plural, gettext_noop

LOCALES: Final = Path(__file__).with_name("locales")
_LARGE_NUMBER: Final = 1_000_000
_SAMPLE_NUMBERS: Final = (*range(201), _LARGE_NUMBER)  # among them is one of each category of whole numbers


class Language:
    """The texts and formats of one language. What its catalogue lacks is English.

    code  the name of the folder in `locales`, a CLDR locale
    """

    def __init__(self, code: str) -> None:
        self.locale = Locale.parse(code)
        self._translations = _read_catalogue(code)
        self._separators = str.maketrans({",": get_group_symbol(self.locale), ".": get_decimal_symbol(self.locale)})

    def text(self, template: str) -> str:
        """Return the translation of an English template."""
        return self._translations.gettext(template)

    def plural(self, template: Plural, number: int) -> str:
        """Return the translation in the form for the number."""
        return self._translations.ngettext(template.singular, template.plural, abs(number))

    def plural_forms(self, template: Plural) -> dict[str, str]:
        """Return the translation in each form, by the CLDR category of the numbers that take it.

        A category of fractions alone, as `other` is in Russian, gets the form of large numbers.
        """
        category = self.locale.plural_form
        numbers = {"other": _LARGE_NUMBER, **{category(number): number for number in reversed(_SAMPLE_NUMBERS)}}
        return {name: self.plural(template, number) for name, number in numbers.items()}

    def render(self, message: Message) -> str:
        """Return the sentence of a message in this language."""
        text = self.text(message.template)
        if not message.values:
            return text
        return text.format_map({name: self._value(value) for name, value in message.values.items()})

    def _value(self, value: MessageValue) -> str:
        if isinstance(value, MessageList):
            return value.separator.join(map(self._value, value.messages))
        return self.render(value) if isinstance(value, Message) else str(value)

    def quote(self, text: str) -> str:
        return self.text("“{text}”").format(text=text)

    def number(self, value: object) -> str:
        """Return a decimal with the separators of the language; anything that is not a number unchanged."""
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            return str(value)
        if not number.is_finite():
            return str(value)
        if number.is_signed():
            digits = max(0, -int(number.as_tuple().exponent))
            return str(_decimal_pattern(digits).apply(number, self.locale))
        return f"{number:,f}".translate(self._separators)  # the same text in a fraction of the time

    def money(self, amount: object, currency: object) -> str:
        """Return an amount of money: 1,250,000.50 EUR."""
        return f"{self.number(amount)} {currency}"

    def duration(self, seconds: int) -> str:
        """Return a duration in hours and minutes, or in minutes and seconds if below an hour."""
        minutes, remaining_seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        parts = {"hour": hours, "minute": minutes, "second": 0 if hours else remaining_seconds}
        numbers = {unit: number for unit, number in parts.items() if number} or {"second": 0}
        return " ".join(
            _format_unit(number, f"duration-{unit}", locale=self.locale) for unit, number in numbers.items()
        )

    def date(self, day: date, pattern: str = gettext_noop("d MMMM y")) -> str:
        """Return a day by a CLDR date pattern, which the catalogue may replace."""
        return format_date(day, self.text(pattern), self.locale)


def _read_catalogue(code: str) -> gettext.NullTranslations:
    """Return the compiled catalogue of a language; an empty one for a language without a file, which is English."""
    path = LOCALES / code / "messages.po"
    if not path.exists():
        return gettext.NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


_format_unit = lru_cache(maxsize=512)(format_unit)  # hours, minutes and seconds are few


@lru_cache(maxsize=32)
def _decimal_pattern(digits: int) -> NumberPattern:
    """Return the pattern of a number with this many digits after the point."""
    return parse_pattern(f"#,##0.{'0' * digits}" if digits else "#,##0")
