"""Query cost: overlapping fields, circular fragments, and costs that depend on variables."""

from __future__ import annotations

import pytest
from graphql import parse

from domain.errors.operation_errors import QueryTooComplex
from graph.execution.operations import Operations
from graph.execution.query_cost import CircularFragment, CostVisitor
from graph.execution.query_limits import QueryLimits, parse_document
from graph.schema import create_schema


def overlaps_of(text: str) -> int:
    document = parse(text)
    return CostVisitor(document, {}, {}, 40).count_overlaps(document.definitions[0].selection_set)


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
def test_count_overlaps_counts_pairs_of_fields_under_one_key(text: str, expected: int) -> None:
    assert overlaps_of(text) == expected


def test_too_many_overlapping_fields_are_refused() -> None:
    limits = QueryLimits()
    max_fields = next(n for n in range(500) if n * (n + 1) // 2 > limits.overlapping_fields)

    parse_document("{ company { " + "name " * max_fields + "} }", limits)
    with pytest.raises(QueryTooComplex):
        parse_document("{ company { " + "name " * (max_fields + 1) + "} }", limits)


def test_overlaps_in_merged_selections_are_refused() -> None:
    nested = "{ viewer { " + "employee { team { name name name name } } " * 30 + "} }"

    with pytest.raises(QueryTooComplex):
        parse_document(nested, QueryLimits())


@pytest.mark.parametrize(
    "text",
    [
        "{ ...A } fragment A on T { ...A }",
        "{ ...A } fragment A on T { a ...B } fragment B on T { b { ...A } }",
        "{ a } fragment A on T { a { ...A } b { ...A } }",
    ],
)
def test_circular_fragment_error_has_a_location(text: str) -> None:
    with pytest.raises(CircularFragment) as error:
        parse_document(text, QueryLimits())

    assert error.value.locations


def test_cost_is_checked_again_for_other_variables() -> None:
    operations = Operations(create_schema(), QueryLimits())
    text = "query($n: Int, $m: Int) { employees(first: $n) { edges { node { deals(first: $m) { edges { node { id } } } } } } }"
    operations.parse_operation(text, None, {"n": 1, "m": 1})
    operations.parse_operation(text, None, {"n": 1, "m": 1})

    for variables in ({"n": 500, "m": 500}, {"n": 1, "m": "many"} | {"n": 500}):
        with pytest.raises(QueryTooComplex):
            operations.parse_operation(text, None, variables)
    operations.parse_operation(text, None, {"n": 1, "m": None})


def write_operation(limit: str, amount: int) -> str:
    """Return an operation with this amount of what the limit counts."""
    match limit:
        case "depth":
            return "{ a " * amount + "}" * amount
        case "fields":
            return "{ company { " + " ".join(f"f{number}" for number in range(amount - 1)) + " } }"
        case "aliases":
            return "{ company { " + " ".join(f"a{number}: name" for number in range(amount)) + " } }"
        case "directives":
            return "{ company { name " + "@d " * amount + "} }"
        case "operations":
            return " ".join(f"query Q{number} {{ a }}" for number in range(amount))
    return "{ a }" + "#" * (amount - 5)


@pytest.mark.parametrize("limit", ["depth", "fields", "aliases", "directives", "operations", "document_bytes"])
def test_operation_is_refused_above_each_limit(limit: str) -> None:
    limits = QueryLimits()
    most = getattr(limits, limit)

    parse_document(write_operation(limit, most), limits)
    with pytest.raises(QueryTooComplex) as refusal:
        parse_document(write_operation(limit, most + 1), limits)

    assert (refusal.value.extensions["limit"], refusal.value.extensions["actual"]) == (most, most + 1)


def test_nested_pages_are_refused_by_the_product_of_their_sizes() -> None:
    operations = Operations(create_schema(), QueryLimits())
    query = "{ employees(first: 50) { edges { node { deals(first: %d) { edges { node { title } } } } } } }"

    operations.parse_operation(query % 40, None, None)
    with pytest.raises(QueryTooComplex, match="rows"):
        operations.parse_operation(query % 100, None, None)
