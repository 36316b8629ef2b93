"""Sharing of subscriptions: a result is never shared with a viewer who may see less or more."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse

from domain.permissions import Action
from graph.execution.share_key import permissions_used
from graph.schema import create_schema

SCHEMA = create_schema()._schema
HOURS_LEADERBOARD = 'subscription { leaderboard(metric: "hours_worked") { total standings { value } } }'
WINS_LEADERBOARD = 'subscription { leaderboard(metric: "deals_won") { total standings { value } } }'
VARIABLE_METRIC = "subscription($metric: String!) { leaderboard(metric: $metric) { total } }"
DEFAULT_METRIC = 'subscription($metric: String! = "hours_worked") { leaderboard(metric: $metric) { total } }'
STANDING_IN_FRAGMENT = """subscription { leaderboard { standings { employee { ...Him } } } }
fragment Him on Employee { standing(metric: "hours_worked") { value } }"""


def permissions_of(text: str, **variables: Any) -> frozenset[Action | None]:
    document = parse(text)
    operation = next(node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    return permissions_used(SCHEMA, document, operation, variables)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        (HOURS_LEADERBOARD, {}),
        (VARIABLE_METRIC, {"metric": "hours_worked"}),
        (DEFAULT_METRIC, {}),
        (STANDING_IN_FRAGMENT, {}),
    ],
    ids=["written out", "a variable", "a default", "a standing in a fragment"],
)
def test_hours_leaderboard_depends_on_the_work_time_permission(text: str, variables: dict[str, Any]) -> None:
    assert Action.VIEW_WORK_TIME in permissions_of(text, **variables)


@pytest.mark.parametrize(("text", "variables"), [(WINS_LEADERBOARD, {}), (VARIABLE_METRIC, {"metric": "calls_made"})])
def test_other_leaderboards_depend_only_on_the_leaderboard_permission(text: str, variables: dict[str, Any]) -> None:
    assert permissions_of(text, **variables) == {Action.VIEW_LEADERBOARD}


@pytest.mark.parametrize(
    "field", ["statistics { winRatePercent }", "funnel { stages { entered } }", "workTime { totalHours }"]
)
def test_private_card_fields_are_never_shared(field: str) -> None:
    assert None in permissions_of(f"subscription {{ presence {{ name {field} }} }}")
