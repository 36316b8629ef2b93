"""Texts that people enter: validation, normalization and search keys."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.primitives import text
from domain.primitives.text import InvalidText, search_key

any_text = st.text(st.characters(exclude_categories=[]), max_size=60)


def violated_constraint(clean, value, **options):
    with pytest.raises(InvalidText) as error:
        clean(value, **options)
    assert str(error.value).endswith(".")
    return error.value.constraint


def test_clean_name_strips_spaces():
    assert text.clean_name("  Анна Каренина\u00a0\n") == "Анна Каренина"


def test_clean_name_normalizes_to_nfc():
    assert text.clean_name("Йод") == text.clean_name("И\u0306од") == "Йод"


@pytest.mark.parametrize("value", ["", "   ", "\n\t", "\u200b", "\u2060\ufeff", "\u3164", "\u0301", "\u2800\u2800"])
def test_clean_name_rejects_invisible_text_as_missing(value):
    assert violated_constraint(text.clean_name, value) == "REQUIRED"


@pytest.mark.parametrize(
    "char",
    ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\x9f", "\ud800", "\u202e", "\u2066", "\u2069", "\n", "\u2028"],
)
def test_clean_name_rejects_control_characters_and_direction_marks(char):
    assert violated_constraint(text.clean_name, f"An{char}na") == "CHARACTERS"


@pytest.mark.parametrize(
    "value", ["O’Brien-Smith", "محمد", "नरेंद्र", "李雷", "👩‍👩‍👧 & Co", "می‌خواهم", "Ναι!", "Łódź (2)", "a\u200db"]
)
def test_clean_name_accepts_names_of_all_scripts(value):
    assert text.clean_name(value) == unicodedata.normalize("NFC", value)


def test_clean_name_counts_characters_as_people_do():
    assert text.clean_name("x\u0302" * 200)
    assert text.clean_name("👍🏽" * 200)
    assert text.clean_name("👩‍💻" * 100, limit=100)
    assert violated_constraint(text.clean_name, "x" * 201) == "TOO_LONG"
    assert violated_constraint(text.clean_name, "x" * 11, limit=10) == "TOO_LONG"


def test_clean_name_rejects_piled_up_combining_marks():
    assert violated_constraint(text.clean_name, "x" + "\u0302" * 800) == "TOO_LONG"


def test_clean_name_counts_marks_after_normalization():
    assert violated_constraint(text.clean_name, "q\u0344\u0344" * 200) == "TOO_LONG"


def test_a_million_marks_are_rejected_before_normalization():
    marks = "x" + "\u0301\u0316" * 500_000  # normalizing them would take hours

    assert violated_constraint(text.clean_name, marks) == "TOO_LONG"
    assert len(search_key(marks)) <= 1000


def test_clean_note_keeps_lines_and_tabs():
    assert text.clean_note(" First\r\nsecond\rthird\n\tfourth\u2028fifth ") == "First\nsecond\nthird\n\tfourth\nfifth"


def test_clean_note_rejects_long_control_and_blank_texts():
    assert violated_constraint(text.clean_note, "x" * 2001) == "TOO_LONG"
    assert violated_constraint(text.clean_note, "a\x00b") == "CHARACTERS"
    assert violated_constraint(text.clean_note, " \n ") == "REQUIRED"


@for_all(any_text)
def test_clean_name_is_idempotent(value):
    try:
        cleaned = text.clean_name(value, limit=20)
    except InvalidText:
        return

    assert text.clean_name(cleaned, limit=20) == cleaned
    assert len(cleaned) <= 80
    cleaned.encode()  # every database accepts it


def test_clean_email_lowercases_the_address():
    assert text.clean_email("  Anna.Karenina+Sales@Example.COM ") == "anna.karenina+sales@example.com"
    assert text.clean_email("иван@пример.рф") == "иван@пример.рф"


@pytest.mark.parametrize(
    "value",
    ["anna", "anna@", "@example.com", "a b@example.com", "a@b@example.com", "anna@example", "anna@.com", "anna@-x.com",
     ".anna@example.com", "an..na@example.com", "anna@example..com", "anna@exam\u202eple.com", "<anna@example.com>",
     "x" * 65 + "@example.com"],
)  # fmt: skip
def test_clean_email_rejects_invalid_addresses(value):
    assert violated_constraint(text.clean_email, value) == "CHARACTERS"


def test_clean_email_rejects_long_and_blank_addresses():
    assert violated_constraint(text.clean_email, "anna@" + "example." * 40 + "com") == "TOO_LONG"
    assert violated_constraint(text.clean_email, "  ") == "REQUIRED"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Семён", "семен"),
        ("ЁЛКА", "елка"),
        ("Straße", "STRASSE"),
        ("ＡＢＣ", "abc"),
        ("И\u0306", "Й"),
        ("a\u00a0 b", "A B"),
    ],
)
def test_search_key_ignores_case_and_style(one, other):
    assert search_key(one) == search_key(other)


def test_search_key_keeps_letters_apart():
    assert search_key("й") != search_key("и")


@for_all(any_text)
def test_search_key_is_idempotent_and_bounded(value):
    assert search_key(search_key(value)) == search_key(value)
    assert len(search_key(value * 100)) <= 1000


@pytest.mark.parametrize(
    "address",
    ["https://example.com/a.png", "http://cdn.example.com:8080?x=1", "https://пример.рф/а.png", "https://[::1]/a", "/a.png", "/"],
)  # fmt: skip
def test_image_address_is_a_path_or_a_web_address(address):
    assert text.is_image_address(address)


@pytest.mark.parametrize(
    "address",
    ["//evil.example/a.png", "///evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example", "https://",
     "https:///a.png", "https://example.com@evil.example/a", "https://u:p@evil.example", "https:/\\evil.example",
     "javascript:alert(1)", "data:image/png;base64,AA", "ftp://example.com/a", "a.png", "https://exa mple.com/a", "/a b"],
)  # fmt: skip
def test_image_address_of_another_site_without_a_scheme_is_refused(address):
    assert not text.is_image_address(address)
