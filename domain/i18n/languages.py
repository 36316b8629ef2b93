"""The languages of messages to users: English, in which the code has them, and each with a catalogue in `locales`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.i18n.language import LOCALES, Language
from domain.messages import Message

DEFAULT_LANGUAGE: Final = "en"
TRANSLATIONS: Final = tuple(sorted(path.parent.name for path in LOCALES.glob("*/messages.po")))  # codes
LANGUAGES: Final[Mapping[str, Language]] = MappingProxyType(
    {code: Language(code) for code in (DEFAULT_LANGUAGE, *TRANSLATIONS)}
)


def get_language(code: str) -> Language:
    """Return the language of the code; English for any other."""
    return LANGUAGES.get(code) or LANGUAGES[DEFAULT_LANGUAGE]


def translate(message: Message | str, language: str) -> str:
    """Return the sentence in the language; a text that is no message, such as an error of a library, unchanged."""
    return get_language(language).render(message) if isinstance(message, Message) else message
