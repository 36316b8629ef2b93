"""Catalogues: every language translates every message of the code, with the same placeholders, and nothing else.

A failure says what to add. `python -m tests.message_catalogues` adds new messages to the files, to be translated.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from string import Formatter

import pytest

from domain.alerts.rules import AlertKind
from domain.i18n.activity_summaries import ACTIVITY_SENTENCES, summarize_activity
from domain.i18n.alert_messages import ALERT_SENTENCES, format_alert
from domain.i18n.languages import LANGUAGES, TRANSLATIONS, get_language, translate
from domain.i18n.placeholders import PLACEHOLDERS
from domain.messages import Message, Plural
from models.crm.activities import ActivityKind
from tests.message_catalogues import (
    MessageId,
    extract_messages,
    find_error_classes,
    iterate_templates,
    read_catalogue,
    read_files,
)

for_each_translation = pytest.mark.parametrize("code", TRANSLATIONS)
OWN_KEYWORDS = {
    "field",
    "candidates",
    "retry_after_ms",
    "code",
    "status",
    "constraint",
}  # of error classes; not values of a message
CYRILLIC = range(0x400, 0x500)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def english_placeholders(message_id: MessageId) -> set[str]:
    return placeholders(message_id if isinstance(message_id, str) else message_id[1])


def translated_forms(code: str) -> dict[MessageId, tuple[str, ...]]:
    """Return the translations of a language by message: one text, or one for each plural form."""
    messages = [message for message in read_catalogue(code) if message.id and not message.fuzzy]
    return {
        message.id if isinstance(message.id, str) else (message.id[0], message.id[1]): (
            (message.string,) if isinstance(message.string, str) else tuple(message.string)
        )
        for message in messages
    }


def calls_with_values() -> Iterator[tuple[str, str, set[str]]]:
    """Yield the calls that make a message of a literal or a constant: file and line, template, names of values."""
    files = read_files()
    functions = find_error_classes(files) | {"Message"}
    for file in files:
        constants = {
            ast.unparse(node.target): node.value.args[0]
            for node in file.tree.body
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func) == "gettext_noop"
        }
        for call, argument in iterate_templates(file, functions):
            template = constants.get(ast.unparse(argument), argument)
            if isinstance(template, ast.Constant) and isinstance(template.value, str):
                own_keywords = OWN_KEYWORDS - placeholders(template.value)
                keywords = {keyword.arg or "" for keyword in call.keywords} - own_keywords
                keys = {
                    ast.literal_eval(key)
                    for node in call.args[1:]
                    if isinstance(node, ast.Dict)
                    for key in node.keys
                    if key
                }
                yield f"{file.name}:{call.lineno}", template.value, keywords | keys


def test_messages_are_found_in_all_places_where_they_stand():
    assert {
        "There is no such deal.",  # a constant of `gettext_noop`
        "Give a number from {least} to {most}.",  # an error
        "Something failed on our side. It is in the log under this request id.",  # `Message`
        ("Scoreline: {alerts} alert", "Scoreline: {alerts} alerts"),  # `Plural`
        ", target {target} h",  # a condition
        "Calls made",  # a metric
        "Chance to reach the target",  # the wallboard
        "The two passwords differ.",  # the password page
    } <= extract_messages().keys()


@for_each_translation
def test_language_has_every_message(code):
    translations = translated_forms(code)

    missing = [
        f"    {path}: {message_id!r}"
        for message_id, path in extract_messages().items()
        if not all(translations.get(message_id, ("",)))
    ]

    assert not missing, "\n".join([f"domain/i18n/locales/{code}/messages.po: translate these", *missing])


@for_each_translation
def test_language_has_no_message_that_the_code_lacks(code):
    assert sorted(map(str, translated_forms(code).keys() - extract_messages().keys())) == []


@for_each_translation
def test_translation_has_the_placeholders_of_the_english_message(code):
    differing = {
        message_id: forms
        for message_id, forms in translated_forms(code).items()
        if any(placeholders(form) != english_placeholders(message_id) for form in forms if form)
    }

    assert differing == {}


@for_each_translation
def test_plural_messages_have_every_form_of_the_language(code):
    form_count = read_catalogue(code).num_plurals
    plural_forms = [forms for message_id, forms in translated_forms(code).items() if isinstance(message_id, tuple)]

    assert plural_forms
    assert {len(forms) for forms in plural_forms} == {form_count}


def test_every_placeholder_of_a_message_gets_a_value():
    calls = list(calls_with_values())

    differing = {place: template for place, template, names in calls if placeholders(template) != names}

    assert len([names for _, _, names in calls if names]) > 40

    assert differing == {}


def test_no_message_is_put_together_before_it_is_translated():
    files = read_files()
    functions = find_error_classes(files) | {"Message", "Plural", "gettext_noop", "require_admin"}

    composed = [
        f"{file.name}:{call.lineno}: {ast.unparse(template)}"
        for file in files
        for call, template in iterate_templates(file, functions)
        if isinstance(template, ast.JoinedStr | ast.BinOp) or ".format(" in ast.unparse(template)
    ]

    assert composed == [], "give the template as a literal, and the values by name"


def test_constants_that_are_raised_are_marked_as_messages():
    files = read_files()
    functions = find_error_classes(files)
    raised = {
        ast.unparse(template).rpartition(".")[2]
        for file in files
        for _, template in iterate_templates(file, functions | {"require_admin"})
        if isinstance(template, ast.Name | ast.Attribute)
    }

    unmarked = [
        f"{file.name}:{node.lineno}: {name}"
        for file in files
        for node in file.tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        for name in map(ast.unparse, node.targets if isinstance(node, ast.Assign) else [node.target])
        if name in raised
    ]

    assert unmarked == [], "mark the text by `gettext_noop`"


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_of_alert_has_a_sentence(kind):
    assert kind in ALERT_SENTENCES, "domain/i18n/alert_messages.py: add it"


@pytest.mark.parametrize("kind", ActivityKind)
def test_every_kind_of_activity_has_a_sentence(kind):
    assert kind in ACTIVITY_SENTENCES, "domain/i18n/activity_summaries.py: add it"


def test_every_placeholder_of_a_sentence_has_a_meaning():
    sentences = {**ALERT_SENTENCES, **ACTIVITY_SENTENCES}

    unknown = {
        key: placeholders(text.plural if isinstance(text, Plural) else text) - PLACEHOLDERS.keys()
        for key, text in sentences.items()
    }

    assert {key: names for key, names in unknown.items() if names} == {}, "domain/i18n/placeholders.py: add them"


def test_russian_messages_are_in_russian():
    patterns = {  # without words
        "d MMMM y",
        "LLLL y",
        "QQQ y",
        "{start} – {end}",
        "“{text}”",
        "{name} ({reason})",
        "{location}: {reason}",
    }

    latin = [
        forms
        for message_id, forms in translated_forms("ru").items()
        if message_id not in patterns and not all(any(ord(char) in CYRILLIC for char in form) for form in forms)
    ]

    assert latin == []


def test_unknown_language_is_english():
    assert get_language("xx") is LANGUAGES["en"]
    assert translate(Message("Give a number."), "xx") == "Give a number."


def test_error_of_a_library_stays_as_it_is():
    assert translate("Give a number.", "ru") == "Give a number."


def test_message_within_a_message_is_translated():
    message = Message("Line {line} of the document: {wrong}", {"line": 3, "wrong": Message("This number is too long.")})

    assert str(message) == "Line 3 of the document: This number is too long."
    assert translate(message, "ru") == "Строка 3 документа: Это число слишком длинное."


def test_kind_without_sentence_is_shown_by_its_name():
    assert format_alert("DEAL_HAUNTED", {"who": "Ann"}, "ru") == "Ann: DEAL_HAUNTED"
    assert summarize_activity("DEAL_HAUNTED", "Deal", {}, "en") == "DEAL_HAUNTED"
