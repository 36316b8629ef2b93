"""New passwords: those that attackers try first are refused, and nothing is required of their characters."""

from __future__ import annotations

import time

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.auth import password_policy
from domain.auth.password_policy import CONTEXT_WORDS, MAX_LENGTH, MIN_LENGTH, check_new_password
from domain.errors.user_errors import Invalid, OutOfRange

NAMES = ("Marlowick Trading", "Yuliya Ёлкина", "y.elkina@marlowick.example", None)


def test_list_of_common_passwords_is_long_enough() -> None:
    common_passwords = password_policy.load_common_passwords()

    assert len(common_passwords) >= 3_000  # ASVS 6.2.4, of those that are long enough
    assert all(len(password) >= MIN_LENGTH for password in common_passwords)


@pytest.mark.parametrize(
    "password", ["password", "12345678", "Sunshine", "QWERTYUIOP", "йцукенгшщз", "ПАРОЛЬ12", "1qaz2wsx", "gfhjkmgfhjkm"]
)
def test_common_password_is_refused_in_any_case_and_keyboard_layout(password: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_new_password(password, NAMES, "input", "password")

    assert refusal.value.path == ("input", "password")


@pytest.mark.parametrize(
    "password",
    [
        "Marlowick",
        "marlowick-2026!",
        "MarlowickTrading",
        "elkina1987",
        "yuliya.elkina",
        "Ёлкина-Ёлкина",
        "Scoreline#1",
        "scoreline scoreline",
        "Marlowick Sales 2026",
        "администратор1",
    ],
)
def test_password_made_of_names_is_refused(password: str) -> None:
    with pytest.raises(Invalid, match="names"):
        check_new_password(password, NAMES)


@pytest.mark.parametrize(
    "password",
    ["correct horse", "marlowick is a fine place", "тихий снегопад", "🙂🙂🙂🙂🙂🙂🙂🙂", "94170263518", "a" * 7 + "ż"],
)
def test_other_password_is_accepted_whatever_its_characters(password: str) -> None:
    check_new_password(password, NAMES)


@pytest.mark.parametrize("word", CONTEXT_WORDS)
def test_documented_word_with_digits_is_refused(word: str) -> None:
    with pytest.raises(Invalid):
        check_new_password(f"{word.upper()}20261129", ())


def test_check_takes_little_time_for_names_that_repeat() -> None:
    started_at = time.perf_counter()

    check_new_password("a" * (MAX_LENGTH - 1) + "b", ["aaa aaaa aaaaa"])

    assert time.perf_counter() - started_at < 1  # all ways to split it would take longer than the universe is old


@for_all(st.text(max_size=MAX_LENGTH + 5))
def test_length_counts_characters(password: str) -> None:
    is_long_enough = MIN_LENGTH <= len(password) <= MAX_LENGTH
    try:
        check_new_password(password, ())
    except OutOfRange:
        assert not is_long_enough
    except Invalid:
        assert is_long_enough
    else:
        assert is_long_enough


def test_password_of_200_characters_is_accepted() -> None:
    check_new_password("long words " * 18 + "!!", ())
