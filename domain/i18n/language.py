"""A language: its texts, and how it writes numbers, counted nouns, dates and quotations.

A text is a template with placeholders, found by a key such as "alert.DEAL_LOST". The keys, and the
placeholders of each, are those of the English texts; a test compares all languages with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any


@dataclass(frozen=True)
class Language:
    """Everything that the messages to users need in one language.

    name            the name of the language in English, and of its module
    texts           templates by key
    nouns           the forms of counted nouns by their English singular, in the order of `plural_form`
    plural_form     the index of a noun's form for a whole number that is not negative
    months          names of the months, on their own
    months_in_date  the same within a date, where the grammar wants another form
    quotes          opening and closing quotation mark
    separators      of thousands and of decimals
    metrics         name and description of the built-in metrics, by key
    errors          error messages, by the English sentence
    """

    name: str
    texts: Mapping[str, str]
    nouns: Mapping[str, tuple[str, ...]]
    plural_form: Callable[[int], int]
    months: tuple[str, ...]
    months_in_date: tuple[str, ...]
    quotes: tuple[str, str]
    separators: tuple[str, str]
    metrics: Mapping[str, tuple[str, str]]
    errors: Mapping[str, str]

    def text(self, key: str) -> str:
        """Return the template of a key; the last part of the key if there is none."""
        return self.texts.get(key) or key.rpartition(".")[2]

    def quote(self, text: str) -> str:
        return f"{self.quotes[0]}{text}{self.quotes[1]}"

    def count(self, number: int, noun: str) -> str:
        """Return the number with its noun: 1 call, 2 calls."""
        forms = self.nouns[noun]
        return f"{number} {forms[min(self.plural_form(abs(number)), len(forms) - 1)]}"

    def number(self, value: Any) -> str:
        """Return a decimal with the separators of the language; anything that is not a number unchanged."""
        try:
            text = f"{Decimal(str(value)):,f}"
        except InvalidOperation:
            return str(value)
        return text.translate(str.maketrans(",.", "".join(self.separators)))

    def money(self, amount: Any, currency: Any) -> str:
        """Return an amount of money: 1,250,000.50 EUR."""
        return f"{self.number(amount)} {currency}"

    def duration(self, seconds: int) -> str:
        """Return a duration in hours and minutes, or in minutes and seconds if below an hour."""
        minutes, remaining_seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        parts = ((hours, "hour"), (minutes, "minute"), (0 if hours else remaining_seconds, "second"))
        return " ".join(self.count(number, noun) for number, noun in parts if number) or self.count(0, "second")

    def date(self, day: date) -> str:
        month = self.months_in_date[day.month - 1]
        return self.text("date").format(day=day.day, month=month, year=day.year)
