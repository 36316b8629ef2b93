"""Texts that people enter: validation, normalization and search keys."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.primitives import text
from domain.primitives.text import UnfitText, search_key

anything = st.text(st.characters(exclude_categories=[]), max_size=60)


def constraint(check, value, **how):
    with pytest.raises(UnfitText) as unfit:
        check(value, **how)
    assert str(unfit.value).endswith(".")
    return unfit.value.constraint


def test_spaces_around_a_name_are_no_part_of_it():
    assert text.name("  Анна Каренина\u00a0\n") == "Анна Каренина"


def test_a_name_is_composed_so_that_equal_ones_are_equal():
    assert text.name("Йод") == text.name("И\u0306од") == "Йод"


@pytest.mark.parametrize("value", ["", "   ", "\n\t", "\u200b", "\u2060\ufeff", "\u3164", "\u0301", "\u2800\u2800"])
def test_a_name_that_cannot_be_seen_is_missing(value):
    assert constraint(text.name, value) == "REQUIRED"


@pytest.mark.parametrize(
    "char",
    ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\x9f", "\ud800", "\u202e", "\u2066", "\u2069", "\n", "\u2028"],
)
def test_what_cannot_be_seen_or_turns_the_writing_is_refused(char):
    assert constraint(text.name, f"An{char}na") == "CHARACTERS"


@pytest.mark.parametrize(
    "value", ["O’Brien-Smith", "محمد", "नरेंद्र", "李雷", "👩‍👩‍👧 & Co", "می‌خواهم", "Ναι!", "Łódź (2)", "a\u200db"]
)
def test_names_of_the_world_are_fine(value):
    assert text.name(value) == unicodedata.normalize("NFC", value)


def test_length_is_counted_in_characters_as_people_do():
    assert text.name("x\u0302" * 200)
    assert text.name("👍🏽" * 200)
    assert text.name("👩‍💻" * 100, limit=100)
    assert constraint(text.name, "x" * 201) == "TOO_LONG"
    assert constraint(text.name, "x" * 11, limit=10) == "TOO_LONG"


def test_a_pile_of_marks_is_no_way_round_the_limit():
    assert constraint(text.name, "x" + "\u0302" * 800) == "TOO_LONG"


def test_marks_that_grow_when_they_are_composed_are_counted_as_they_are_kept():
    assert constraint(text.name, "q\u0344\u0344" * 200) == "TOO_LONG"


def test_a_million_marks_are_refused_and_searched_for_without_putting_them_in_order():
    marks = "x" + "\u0301\u0316" * 500_000  # normalizing them would take hours

    assert constraint(text.name, marks) == "TOO_LONG"
    assert len(search_key(marks)) <= 1000


def test_a_note_keeps_its_lines_and_tabs():
    assert text.note(" First\r\nsecond\rthird\n\tfourth\u2028fifth ") == "First\nsecond\nthird\n\tfourth\nfifth"


def test_a_note_has_its_limits_too():
    assert constraint(text.note, "x" * 2001) == "TOO_LONG"
    assert constraint(text.note, "a\x00b") == "CHARACTERS"
    assert constraint(text.note, " \n ") == "REQUIRED"


@given(anything)
def test_what_is_fit_stays_as_it_is(value):
    try:
        fit = text.name(value, limit=20)
    except UnfitText:
        return

    assert text.name(fit, limit=20) == fit
    assert len(fit) <= 80
    fit.encode()  # every database accepts it


def test_an_address_is_kept_as_it_is_compared():
    assert text.email("  Anna.Karenina+Sales@Example.COM ") == "anna.karenina+sales@example.com"
    assert text.email("иван@пример.рф") == "иван@пример.рф"


@pytest.mark.parametrize(
    "value",
    ["anna", "anna@", "@example.com", "a b@example.com", "a@b@example.com", "anna@example", "anna@.com", "anna@-x.com",
     ".anna@example.com", "an..na@example.com", "anna@example..com", "anna@exam\u202eple.com", "<anna@example.com>",
     "x" * 65 + "@example.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused(value):
    assert constraint(text.email, value) == "CHARACTERS"


def test_an_address_has_an_end():
    assert constraint(text.email, "anna@" + "example." * 40 + "com") == "TOO_LONG"
    assert constraint(text.email, "  ") == "REQUIRED"


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
def test_names_are_found_whatever_the_style_they_are_written_in(one, other):
    assert search_key(one) == search_key(other)


def test_different_letters_stay_different():
    assert search_key("й") != search_key("и")


@given(anything)
def test_a_key_is_its_own_key_and_fits_its_column(value):
    assert search_key(search_key(value)) == search_key(value)
    assert len(search_key(value * 100)) <= 1000
