"""Translates error messages, which the code that raises them holds as English sentences."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final

from domain.i18n.languages import LANGUAGES

_PLACEHOLDER: Final = re.compile(r"\\\{(\w+)\\\}")


@lru_cache(maxsize=512)
def translate(message: str, language: str) -> str:
    """Return the sentence in the language; in English if the language or the sentence has no translation.

    A sentence with variable parts is matched against the templates; its parts are translated too, since
    some of them are phrases of the catalogue themselves.
    """
    if language not in LANGUAGES:
        return message
    exact = LANGUAGES[language].errors.get(message)
    if exact is not None:
        return exact
    for pattern, translation in _compile_templates(language):
        match = pattern.fullmatch(message)
        if match:
            return translation.format(**{name: translate(part, language) for name, part in match.groupdict().items()})
    return message


@cache
def _compile_templates(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return the patterns of the sentences with variable parts, each with its translation."""
    return [
        (re.compile(_PLACEHOLDER.sub(r"(?P<\1>.+?)", re.escape(english)), re.DOTALL), translation)
        for english, translation in LANGUAGES[language].errors.items()
        if "{" in english
    ]
