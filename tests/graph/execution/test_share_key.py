"""Sharing of subscriptions: a result is never shared with a viewer who may see less or more."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse

from domain.permissions import Action
from graph.execution.share_key import looks
from graph.schema import make

SCHEMA = make()._schema
HOURS = 'subscription { leaderboard(metric: "hours_worked") { total standings { value } } }'
WINS = 'subscription { leaderboard(metric: "deals_won") { total standings { value } } }'
ANY = "subscription($metric: String!) { leaderboard(metric: $metric) { total } }"
USUAL = 'subscription($metric: String! = "hours_worked") { leaderboard(metric: $metric) { total } }'
BEHIND = """subscription { leaderboard { standings { employee { ...Him } } } }
fragment Him on Employee { standing(metric: "hours_worked") { value } }"""


def looked_at(text: str, **variables: Any) -> frozenset[Action | None]:
    document = parse(text)
    operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    return looks(SCHEMA, document, operation, variables)


@pytest.mark.parametrize(
    ("text", "variables"),
    [(HOURS, {}), (ANY, {"metric": "hours_worked"}), (USUAL, {}), (BEHIND, {})],
    ids=["written out", "a variable", "a default", "a standing in a fragment"],
)
def test_a_board_of_hours_is_shared_only_by_who_may_see_the_same_hours(text: str, variables: dict[str, Any]) -> None:
    assert Action.VIEW_WORK_TIME in looked_at(text, **variables)


@pytest.mark.parametrize(("text", "variables"), [(WINS, {}), (ANY, {"metric": "calls_made"})])
def test_any_other_board_is_shared_by_all(text: str, variables: dict[str, Any]) -> None:
    assert looked_at(text, **variables) == {Action.VIEW_BOARD}


@pytest.mark.parametrize(
    "field", ["statistics { winRatePercent }", "funnel { stages { entered } }", "workTime { totalHours }"]
)
def test_what_of_a_card_is_private_is_shared_with_nobody(field: str) -> None:
    assert None in looked_at(f"subscription {{ presence {{ name {field} }} }}")
