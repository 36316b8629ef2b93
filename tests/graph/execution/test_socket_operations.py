"""Operations of sockets: equal subscriptions are prepared once."""

from __future__ import annotations

import math

import pytest

from domain.errors.operation_errors import BadInput
from graph.execution.operations import MAX_CACHED_VARIABLES_CHARACTERS, Operations
from graph.execution.query_limits import QueryLimits
from graph.schema import create_schema

Request = tuple[str, str | None, dict[str, object]]  # document, name and variables of an operation

GOALS = "subscription($goals: [ID!]) { goalProgress(goals: $goals) { name } }"
BOARD = "subscription A($first: Int) { leaderboard(first: $first) { total } } subscription B { leaderboard { total } }"


@pytest.fixture(scope="module")
def operations() -> Operations:
    return Operations(create_schema(), QueryLimits())


def test_equal_subscriptions_are_one_object(operations: Operations) -> None:
    first, second = (operations.parse_socket_operation(GOALS, None, {"goals": ["R29hbDox"]}) for _ in range(2))

    assert first is second
    assert first == operations.parse_operation(GOALS, None, {"goals": ["R29hbDox"]})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((GOALS, None, {"goals": ["R29hbDox"]}), (GOALS, None, {"goals": ["R29hbDoy"]})),
        ((GOALS, None, {}), (GOALS, None, {"goals": None})),
        ((BOARD, "A", {}), (BOARD, "B", {})),
        ((BOARD, "A", {"first": 1}), (BOARD, "A", {"first": True})),
    ],
    ids=["other value", "null", "other name", "true for one"],
)
def test_other_subscriptions_are_other_objects(operations: Operations, first: Request, second: Request) -> None:
    assert operations.parse_socket_operation(*first).variables == first[2]
    assert operations.parse_socket_operation(*second).variables == second[2]


def test_variables_that_are_refused_are_so_after_similar_ones(operations: Operations) -> None:
    operations.parse_socket_operation(BOARD, "A", {"first": None})

    with pytest.raises(BadInput):
        operations.parse_socket_operation(BOARD, "A", {"first": math.inf})


@pytest.mark.parametrize(
    ("text", "variables"),
    [("query { company { name } }", {}), (GOALS, {"goals": ["x" * MAX_CACHED_VARIABLES_CHARACTERS]})],
    ids=["query", "large variables"],
)
def test_other_operations_are_not_kept(operations: Operations, text: str, variables: dict[str, object]) -> None:
    count = len(operations._subscriptions)
    operations.parse_socket_operation(text, None, variables)

    assert len(operations._subscriptions) == count
