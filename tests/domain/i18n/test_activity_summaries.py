"""Activity feed sentences in English and Russian."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from babel.numbers import parse_pattern
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.rules import AlertKind
from domain.i18n.activity_summaries import summarize_activity
from domain.i18n.alert_messages import format_alert
from domain.i18n.languages import LANGUAGES
from models.crm.activities import ActivityKind

ENGLISH, RUSSIAN = LANGUAGES["en"], LANGUAGES["ru"]
SUBJECTS = {"DEAL": "Deal", "CALL": "Call", "TASK": "Task", "LEAD": "Lead", "CONT": "Contact", "CLIE": "Client"}
DATA = {
    "title": "Стулья", "amount": "1250000.50", "currency": "RUB", "stage": "Договор", "reason": "дорого",
    "problem": "нет склада", "direction": "OUTBOUND", "outcome": "ANSWERED", "seconds": 61, "kind": "TASK",
    "metric": "Demos", "value": "3", "target": "10", "unit": "COUNT", "record": "Call", "changed": {"title": ["a", "b"]},
}  # fmt: skip


def count_days(days, language):
    return format_alert(AlertKind.DEAL_STALLED, {"who": "Ann", "title": "Chairs", "days": days}, language)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 дней"), (1, "1 день"), (2, "2 дня"), (4, "4 дня"), (5, "5 дней"), (11, "11 дней"), (12, "12 дней"),
        (14, "14 дней"), (21, "21 день"), (22, "22 дня"), (25, "25 дней"), (100, "100 дней"), (101, "101 день"),
        (111, "111 дней"), (112, "112 дней"), (1001, "1001 день"), (-1, "-1 день"), (-12, "-12 дней"),
    ],
)  # fmt: skip
def test_russian_count_uses_three_plural_forms(count, expected):
    assert count_days(count, "ru").endswith(f": {expected}")


@pytest.mark.parametrize(("count", "expected"), [(0, "0 days"), (1, "1 day"), (2, "2 days"), (21, "21 days")])
def test_english_count_uses_two_plural_forms(count, expected):
    assert count_days(count, "en").endswith(f" for {expected}")


@pytest.mark.parametrize(
    ("seconds", "english", "russian"),
    [
        (0, "0 seconds", "0 секунд"),
        (1, "1 second", "1 секунда"),
        (61, "1 minute 1 second", "1 минута 1 секунда"),
        (122, "2 minutes 2 seconds", "2 минуты 2 секунды"),
        (660, "11 minutes", "11 минут"),
        (3600, "1 hour", "1 час"),
        (7500, "2 hours 5 minutes", "2 часа 5 минут"),
        (75_659, "21 hours", "21 час"),
    ],
)
def test_duration_is_formatted_in_both_languages(seconds, english, russian):
    assert (ENGLISH.duration(seconds), RUSSIAN.duration(seconds)) == (english, russian)


def test_numbers_use_separators_of_each_language():
    assert ENGLISH.money("1250000.50", "RUB") == "1,250,000.50 RUB"
    assert RUSSIAN.money("1250000.50", "RUB") == "1\u00a0250\u00a0000,50 RUB"
    assert (RUSSIAN.number("0"), ENGLISH.number("-1234.5"), RUSSIAN.number("many")) == (
        "0",
        "-1,234.5",
        "many",
    )


@pytest.mark.parametrize("kind", ActivityKind)
@pytest.mark.parametrize("data", [DATA, {}], ids=["everything", "nothing"])
def test_every_activity_kind_has_a_summary_in_both_languages(kind, data):
    subject = SUBJECTS.get(kind[:4], "Goal")
    english, russian = (
        summarize_activity(kind, subject, {**data, "title": "x"} if data else {}, language) for language in ("en", "ru")
    )

    assert re.search("[A-Za-z]", english)
    assert re.match("[А-ЯЁ]", russian)
    assert not re.search("[А-Яа-яЁё]", english) or data  # text entered by users is not translated
    for sentence in (english, russian):
        assert "{" not in sentence and "None" not in sentence and "  " not in sentence
        assert not data or not sentence.endswith((" ", ":", ","))


@pytest.mark.parametrize(
    ("kind", "data", "english", "russian"),
    [
        ("DEAL_WON", {"title": "Стулья", "amount": "1250000.50", "currency": "RUB"},
         "Deal “Стулья” won, 1,250,000.50 RUB", "Выиграна сделка «Стулья», 1\u00a0250\u00a0000,50 RUB"),
        ("DEAL_LOST", {"title": "Chairs", "reason": "too dear"},
         "Deal “Chairs” lost: too dear", "Проиграна сделка «Chairs»: too dear"),
        ("DEAL_STAGE_CHANGED", {"title": "Chairs", "stage": "Offer"},
         "Deal “Chairs” moved to “Offer”", "Сделка «Chairs»: этап «Offer»"),
        ("DEAL_FLAGGED", {"title": "Chairs", "problem": None},
         "Problem solved: deal “Chairs”", "Проблема снята: сделка «Chairs»"),
        ("CALL_MADE", {"direction": "INBOUND", "outcome": "NO_ANSWER"},
         "Inbound call, no answer", "Входящий звонок, нет ответа"),
        ("CALL_MADE", {"direction": "OUTBOUND", "outcome": "ANSWERED", "seconds": 125},
         "Outbound call, answered, 2 minutes 5 seconds", "Исходящий звонок, есть ответ, 2 минуты 5 секунд"),
        ("TASK_COMPLETED", {"title": "Ring", "kind": "ASSIGNMENT"},
         "Assignment completed: “Ring”", "Поручение выполнено: «Ring»"),
        ("TASK_OVERDUE", {"title": "Ring", "kind": "TASK"}, "Task overdue: “Ring”", "Задача просрочена: «Ring»"),
        ("RECORD_MERGED",
         {"record": "Lead", "title": "A", "merged": "B", "taken": {"phone": "1"}, "kept": {"source": ["Web", "Fair"]}},
         "Lead “A” merged with “B”; taken over: phone; kept: source Web instead of Fair",
         "Заявка «A» объединена с «B»; перенято: телефон; оставлено: источник Web вместо Fair"),
        ("RECORD_MERGED", {"record": "Client", "title": "A", "gone": True},
         "Client “A” was merged into another one", "Клиент «A» объединён с другим"),
        ("GOAL_CHANGED", {"title": "November", "changed": {"target": ["1", "2"]}},
         "Goal “November” changed: target", "Изменена цель «November»: план"),
    ],
)  # fmt: skip
def test_activity_summary_has_expected_wording(kind, data, english, russian):
    assert summarize_activity(kind, "Deal", data, "en") == english
    assert summarize_activity(kind, "Deal", data, "ru") == russian


def test_other_language_falls_back_to_english():
    assert summarize_activity("LEAD_CREATED", "Lead", {"title": "x"}, "xx") == "New lead “x”"


@pytest.mark.parametrize("language", [ENGLISH, RUSSIAN])
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=None))
def test_number_is_written_as_babel_writes_it(language, number):
    number = Decimal(number).quantize(Decimal("1e-8")) if number.as_tuple().exponent < -8 else number
    digits = max(0, -number.as_tuple().exponent)

    assert language.number(number) == parse_pattern(f"#,##0.{'0' * digits}" if digits else "#,##0").apply(
        number, language.locale
    )
