"""Query cost: overlapping fields, circular fragments, and costs that depend on variables."""

from __future__ import annotations

import pytest
from graphql import parse

from domain.errors.operation_errors import TooComplex
from graph.execution.operations import Operations
from graph.execution.query_cost import Circular, Scale
from graph.execution.query_limits import Limits, parsed
from graph.schema import make


def pairs(text: str) -> int:
    document = parse(text)
    return Scale(document, {}, {}, 40).alike(document.definitions[0].selection_set)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ a b c }", 0),
        ("{ a a a }", 3),
        ("{ a x: a y: a }", 0),
        ("{ a x: b x: c }", 1),
        ("{ a { b } a { b } }", 2),
        ("{ a { b b } a { b } }", 4),
        ("{ a { b } x: a { b } }", 0),
        ("{ a ... on T { a } ...F } fragment F on T { a }", 3),
        ("{ ...F ...F } fragment F on T { a }", 0),
        ("{ ...F ...G } fragment F on T { a { b } } fragment G on T { a { ...H } } fragment H on U { b }", 2),
        ("{ ...Nobody a }", 0),
    ],
)
def test_fields_under_one_name_in_one_place_are_counted_in_pairs(text: str, expected: int) -> None:
    assert pairs(text) == expected


def test_more_pairs_than_validation_can_compare_in_a_moment_are_refused() -> None:
    limits = Limits()
    most = next(n for n in range(500) if n * (n + 1) // 2 > limits.alike)

    parsed("{ company { " + "name " * most + "} }", limits)
    with pytest.raises(TooComplex):
        parsed("{ company { " + "name " * (most + 1) + "} }", limits)


def test_fields_are_counted_where_they_meet_and_not_where_they_are_written() -> None:
    nested = "{ viewer { " + "employee { team { name name name name } } " * 30 + "} }"

    with pytest.raises(TooComplex):
        parsed(nested, Limits())


@pytest.mark.parametrize(
    "text",
    [
        "{ ...A } fragment A on T { ...A }",
        "{ ...A } fragment A on T { a ...B } fragment B on T { b { ...A } }",
        "{ a } fragment A on T { a { ...A } b { ...A } }",
    ],
)
def test_a_fragment_that_spreads_itself_is_told_where(text: str) -> None:
    with pytest.raises(Circular) as refused:
        parsed(text, Limits())

    assert refused.value.locations


def test_a_text_that_was_light_is_weighed_again_with_other_numbers() -> None:
    operations = Operations(make(), Limits())
    text = "query($n: Int, $m: Int) { employees(first: $n) { edges { node { deals(first: $m) { edges { node { id } } } } } } }"
    operations.asked(text, None, {"n": 1, "m": 1})
    operations.asked(text, None, {"n": 1, "m": 1})

    for heavy in ({"n": 500, "m": 500}, {"n": 1, "m": "many"} | {"n": 500}):
        with pytest.raises(TooComplex):
            operations.asked(text, None, heavy)
    operations.asked(text, None, {"n": 1, "m": None})
