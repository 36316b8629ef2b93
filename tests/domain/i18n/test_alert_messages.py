"""Alert messages in English and Russian."""

from __future__ import annotations

import pytest

from domain.alerts.rules import AlertKind
from domain.i18n.alert_messages import append_resolved_note, format_alert, format_title, join_sentences

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
def test_alert_of_each_kind_is_formatted_in_both_languages(kind, data, english, russian):
    assert format_alert(kind, data, "en") == english
    assert format_alert(kind, data, "ru") == russian
    assert format_alert(kind, data, "xx") == english


@pytest.mark.parametrize(("days", "noun"), [(1, "рабочий день"), (2, "рабочих дня"), (5, "рабочих дней")])
def test_russian_noun_form_matches_its_number(days, noun):
    assert format_alert(AlertKind.NO_ACTIVITY, {"who": "Анна", "days": days}, "ru").endswith(f"{days} {noun}")


def test_one_day_is_singular_in_english():
    assert (
        format_alert(AlertKind.NO_ACTIVITY, {"who": "Ann", "days": 1}, "en")
        == "Ann: nothing recorded for 1 working day"
    )


def test_several_alerts_are_joined_as_lines_under_a_count():
    assert (format_title(1, "en"), format_title(3, "ru")) == ("Scoreline: 1 alert", "Scoreline: 3 оповещения")
    assert join_sentences(["one"]) == "one"
    assert join_sentences(["one", "two"]) == "• one\n• two"
    assert append_resolved_note("one", "ru") == "one (уже решено)"
