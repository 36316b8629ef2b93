"""Alert messages in English and Russian."""

from __future__ import annotations

import pytest

from domain.alerts.rules import AlertKind
from domain.i18n.alert_messages import heading, message, settled, together

DEAL = {"who": "Анна", "title": "Столы", "amount": "1250000.50", "currency": "EUR"}
TASK = {"who": "Анна", "title": "Перезвонить", "due": "2026-11-18T10:05"}
GOAL = {"who": "Sales", "title": "Calls", "percent": 30, "expected": 51}


@pytest.mark.parametrize(
    ("kind", "data", "english", "russian"),
    [
        (
            AlertKind.DEAL_LOST,
            DEAL | {"reason": "дорого"},
            "Анна: deal lost: “Столы”, 1,250,000.50 EUR: дорого",
            "Анна: проиграна сделка «Столы», 1\u00a0250\u00a0000,50 EUR: дорого",
        ),
        (
            AlertKind.DEAL_HAS_PROBLEMS,
            {"who": "Анна", "title": "Столы", "problem": "срыв срока"},
            "Анна: problem with deal “Столы”: срыв срока",
            "Анна: проблема со сделкой «Столы»: срыв срока",
        ),
        (
            AlertKind.DEAL_STALLED,
            {"who": "Анна", "title": "Столы", "days": 21},
            "Анна: nothing has happened with deal “Столы” for 21 days",
            "Анна: по сделке «Столы» больше ничего не происходит: 21 день",
        ),
        (
            AlertKind.TASK_OVERDUE,
            TASK,
            "Анна: task overdue: “Перезвонить”, due 18 November 2026, 10:05",
            "Анна: просрочена задача «Перезвонить», срок 18 ноября 2026, 10:05",
        ),
        (
            AlertKind.ASSIGNMENT_OVERDUE,
            TASK,
            "Анна: assignment not done in time: “Перезвонить”, due 18 November 2026, 10:05",
            "Анна: поручение не выполнено в срок: «Перезвонить», срок 18 ноября 2026, 10:05",
        ),
        (
            AlertKind.GOAL_BEHIND,
            GOAL,
            "Sales: goal “Calls” is 21 percentage points behind: 30% instead of 51%",
            "Sales: цель «Calls» отстаёт на 21 пункт: 30 % вместо 51 %",
        ),
        (AlertKind.GOAL_ACHIEVED, GOAL, "Sales: goal achieved: “Calls”", "Sales: достигнута цель «Calls»"),
        (
            AlertKind.NO_ACTIVITY,
            {"who": "Анна", "days": 3},
            "Анна: nothing recorded for 3 working days",
            "Анна: ничего не записано: 3 рабочих дня",
        ),
    ],
    ids=lambda value: value.value if isinstance(value, AlertKind) else "",
)
def test_what_each_kind_says(kind, data, english, russian):
    assert message(kind, data, "en") == english
    assert message(kind, data, "ru") == russian
    assert message(kind, data, "de") == english


@pytest.mark.parametrize(("days", "noun"), [(1, "рабочий день"), (2, "рабочих дня"), (5, "рабочих дней")])
def test_russian_nouns_follow_their_numbers(days, noun):
    assert message(AlertKind.NO_ACTIVITY, {"who": "Анна", "days": days}, "ru").endswith(f"{days} {noun}")


def test_one_day_is_singular_in_english():
    assert message(AlertKind.NO_ACTIVITY, {"who": "Ann", "days": 1}, "en") == "Ann: nothing recorded for 1 working day"


def test_several_messages_are_a_line_each_under_their_number():
    assert (heading(1, "en"), heading(3, "ru")) == ("Scoreline: 1 alert", "Scoreline: 3 оповещения")
    assert together(["one"]) == "one"
    assert together(["one", "two"]) == "• one\n• two"
    assert settled("one", "ru") == "one (уже решено)"
