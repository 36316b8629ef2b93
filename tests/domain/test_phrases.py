"""What is refused or fails is said in Russian too, whatever it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.phrases import translated
from domain.scoring import METRICS, of_company
from domain.units import Unit

ROOT = Path(__file__).parents[2]
RAISED = {
    "Invalid", "Required", "NotFound", "Conflict", "Forbidden", "OutOfRange", "BadInput", "CursorUnknown", "Throttled",
    "Unauthenticated", "TooComplex", "Timeout", "Unavailable", "StorageFull", "InvalidPeriod", "InvalidAmount", "UnfitText",
}  # fmt: skip
FILLED = ("7", "deal", "first", "at most 2 digits after the point")  # what may stand in a place that varies


def sentences() -> Iterator[tuple[str, ast.expr]]:
    for folder in ("domain", "models", "resolvers", "subscriptions", "graph", "server"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and node.args and _name(node.func) in RAISED:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node.args[0]


def _name(function: ast.expr) -> str:
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def said(node: ast.expr) -> list[str]:
    """The ways a sentence may come out; none for one that is not written where it is raised."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return [
            "".join(str(part.value) if isinstance(part, ast.Constant) else word for part in node.values)
            for word in FILLED
        ]
    return []


def test_no_sentence_is_missing():
    found = list(sentences())
    missing = [
        (place, ways[0])
        for place, node in found
        if (ways := said(node)) and all(translated(way, "ru") == way for way in ways)
    ]

    assert len(found) > 100
    assert missing == []


def test_what_varies_stands_where_it_belongs():
    assert translated("A custom period has at most 3700 days: bring `end` nearer.", "ru") == (
        "В произвольном периоде не больше 3700 дней: приблизьте `end`."
    )


@pytest.mark.parametrize("language", ["en", "de", ""])
def test_any_other_language_is_english(language):
    assert translated("There is no such deal.", language) == "There is no such deal."


def test_what_nobody_translated_stays_as_it_is():
    assert translated("Quite another sentence.", "ru") == "Quite another sentence."


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
def test_every_metric_has_a_name_and_a_description_in_russian(metric):
    for english, russian in zip(
        (metric.called("en"), metric.described("en")), (metric.called("ru"), metric.described("ru")), strict=True
    ):
        assert english != russian
        assert re.match("[А-ЯЁ]", russian)
        assert not re.search("[A-Za-z]", russian)


def test_a_metric_of_the_companys_own_is_called_as_the_company_calls_it():
    own = of_company("demos", Unit.COUNT, "Demos held", "Shown to clients.")

    assert (own.called("ru"), own.described("ru")) == ("Demos held", "Shown to clients.")
