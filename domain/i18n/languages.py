"""The languages of messages to users: English, and those that translate it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from domain.i18n.english import ENGLISH
from domain.i18n.language import Language
from domain.i18n.russian import RUSSIAN

DEFAULT_LANGUAGE: Final = "en"
TRANSLATIONS: Final[Mapping[str, Language]] = MappingProxyType({"ru": RUSSIAN})  # by ISO 639 code of two letters


def _complete(language: Language) -> Language:
    """Return the language with the English texts in place of those that it lacks."""
    return replace(language, texts={**ENGLISH.texts, **language.texts}, nouns={**ENGLISH.nouns, **language.nouns})


LANGUAGES: Final[Mapping[str, Language]] = MappingProxyType(
    {DEFAULT_LANGUAGE: ENGLISH} | {code: _complete(language) for code, language in TRANSLATIONS.items()}
)


def get_language(code: str) -> Language:
    """Return the language of the code; English for any other."""
    return LANGUAGES.get(code, ENGLISH)
