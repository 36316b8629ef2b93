"""Every language has every text, with the same placeholders; a failure says what to add, ready to paste.

The error messages are compared in test_error_messages.py.
"""

from __future__ import annotations

import re
from string import Formatter

import pytest

from domain.alerts.rules import AlertKind
from domain.i18n.activity_summaries import summarize_activity
from domain.i18n.alert_messages import format_alert
from domain.i18n.english import ENGLISH
from domain.i18n.languages import LANGUAGES, TRANSLATIONS, get_language
from domain.i18n.placeholders import PLACEHOLDERS
from domain.ledger.metrics import METRICS
from models.crm.activities import ActivityKind

for_each_translation = pytest.mark.parametrize(
    "language", TRANSLATIONS.values(), ids=[language.name for language in TRANSLATIONS.values()]
)


def list_placeholders(text: str) -> list[str]:
    return sorted({name for _, name, _, _ in Formatter().parse(text) if name})


@pytest.mark.parametrize("key", [f"alert.{kind}" for kind in AlertKind] + [f"activity.{kind}" for kind in ActivityKind])
def test_every_kind_of_alert_and_activity_has_an_english_sentence(key):
    assert key in ENGLISH.texts, f'domain/i18n/english.py: add "{key}" to _TEXTS'


def test_every_placeholder_of_a_sentence_has_a_meaning():
    sentences = {key: text for key, text in ENGLISH.texts.items() if key.startswith(("alert.", "activity."))}

    unknown = {key: set(list_placeholders(text)) - PLACEHOLDERS.keys() for key, text in sentences.items()}

    assert {key: names for key, names in unknown.items() if names} == {}, "domain/i18n/placeholders.py: add them"


@for_each_translation
def test_language_has_every_text(language):
    missing = [f'    "{key}": "{text}",' for key, text in ENGLISH.texts.items() if key not in language.texts]

    assert not missing, "\n".join([f"domain/i18n/{language.name.lower()}.py: translate and add to _TEXTS", *missing])


@for_each_translation
def test_language_has_no_text_that_english_lacks(language):
    assert list(language.texts.keys() - ENGLISH.texts.keys()) == []


@for_each_translation
def test_texts_have_the_placeholders_of_the_english_ones(language):
    differing = {
        key: text
        for key, text in language.texts.items()
        if list_placeholders(text) != list_placeholders(ENGLISH.texts.get(key, ""))
    }

    assert differing == {}


@for_each_translation
def test_language_has_every_counted_noun_in_all_its_forms(language):
    last_form = max(language.plural_form(number) for number in range(200))

    missing = [
        f'    "{noun}": ({", ".join(["..."] * (last_form + 1))}),'
        for noun in ENGLISH.nouns
        if len(language.nouns.get(noun, ())) != last_form + 1
    ]

    assert not missing, "\n".join([f"domain/i18n/{language.name.lower()}.py: add to `nouns`", *missing])


@for_each_translation
def test_language_names_every_metric(language):
    missing = [
        f'    "{metric.key}": ("{metric.name}", "{metric.description}"),'
        for metric in METRICS.values()
        if metric.key not in language.metrics
    ]

    assert not missing, "\n".join([f"domain/i18n/{language.name.lower()}.py: translate and add to `metrics`", *missing])
    assert list(language.metrics.keys() - METRICS.keys()) == []


@for_each_translation
def test_language_names_twelve_months(language):
    assert (len(language.months), len(language.months_in_date)) == (12, 12)


def test_russian_sentences_are_in_russian():
    texts = [
        *TRANSLATIONS["ru"].texts.items(),
        *((key, " ".join(text)) for key, text in LANGUAGES["ru"].metrics.items()),
    ]

    latin = [key for key, text in texts if re.search("[A-Za-z]", re.sub(r"\{\w+\}|Scoreline", "", text))]

    assert latin == []


def test_unknown_language_is_english():
    assert get_language("xx") is ENGLISH


def test_kind_without_sentence_is_shown_by_its_name():
    assert format_alert("DEAL_HAUNTED", {"who": "Ann"}, "ru") == "Ann: DEAL_HAUNTED"
    assert summarize_activity("DEAL_HAUNTED", "Deal", {}, "en") == "DEAL_HAUNTED"
