"""The plural forms that pages get: one for each CLDR category, in languages with other forms than English and Russian."""

from __future__ import annotations

import gettext
from io import BytesIO

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from domain.i18n.language import Language
from domain.messages import Plural

DEALS = Plural("{count} deal", "{count} deals", "count")
FORMS = {
    "ru": {"one": "0", "few": "1", "many": "2", "other": "2"},
    "sl": {"one": "0", "two": "1", "few": "2", "other": "3"},
    "ar": {"zero": "0", "one": "1", "two": "2", "few": "3", "many": "4", "other": "5"},
    "ja": {"other": "0"},
}


def make_language(code: str) -> Language:
    """Return the language with a catalogue in which the text of each plural form is its number."""
    language = Language(code)
    catalogue = read_po(BytesIO(), locale=code)
    catalogue.add((DEALS.singular, DEALS.plural), tuple(map(str, range(catalogue.num_plurals))))
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    language._translations = gettext.GNUTranslations(compiled)
    return language


@pytest.mark.parametrize("code", FORMS)
def test_each_category_of_a_language_has_its_own_form(code: str) -> None:
    assert make_language(code).plural_forms(DEALS) == FORMS[code]


def test_english_has_the_forms_of_the_code() -> None:
    assert Language("en").plural_forms(DEALS) == {"one": "{count} deal", "other": "{count} deals"}
