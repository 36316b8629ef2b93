"""Permission matrix: operations for queries and subscriptions, at least one for each root field."""

from __future__ import annotations

from typing import Final

from domain.permissions import Action
from tests.acceptance.permissions import expected_permissions
from tests.acceptance.permissions.operations import Kind, Operation


def _page(kind: str, scope: str, size: str = "last: 100") -> str:
    return f'{kind}(scope: "{scope}", {size}) {{ edges {{ node {{ id }} }} }}'


RECORDS: Final = ("deal", "lead", "client", "contact", "call", "task", "result")
_LISTS: Final = {
    "activities": "activity", "deals": "deal", "tasks": "task", "leads": "lead", "calls": "call", "clients": "client",
}  # fmt: skip

QUERIES: Final = [
    *(
        Operation(
            f"node: {fact}", f'node(id: "${fact}") {{ id }}', Action.VIEW_CARD, Kind.RECORD, expected_permissions.CARDS
        )
        for fact in (*RECORDS, "activity")
    ),
    Operation(
        "node: employee", 'node(id: "$who") { id }', Action.VIEW_PEOPLE, Kind.PERSON, expected_permissions.PEOPLE
    ),
    Operation("node: team", 'node(id: "$who") { id }', Action.VIEW_PEOPLE, Kind.TEAM, expected_permissions.TEAMS),
    Operation("node: goal", 'node(id: "$goal") { id }', Action.VIEW_GOALS, Kind.GOAL, expected_permissions.GOALS),
    Operation("node: device", 'node(id: "$who") { id }', Action.ADMINISTER, Kind.DEVICE, expected_permissions.DEVICES),
    Operation(
        "node: company", 'node(id: "$who") { id }', Action.VIEW_CATALOGUE, Kind.OFFICE, expected_permissions.CATALOGUE
    ),
    Operation(
        "node: stage", 'node(id: "$stage") { id }', Action.VIEW_CATALOGUE, Kind.OFFICE, expected_permissions.CATALOGUE
    ),
    *(
        Operation(
            f"byExternalId: {fact}",
            f'byExternalId(type: {fact.upper()}, externalId: "{fact}-$name") {{ id }}',
            Action.VIEW_CARD,
            Kind.RECORD,
            expected_permissions.CARDS,
        )
        for fact in RECORDS
    ),
    Operation(
        "byExternalId: employee",
        'byExternalId(type: EMPLOYEE, externalId: "employee-$name") { id }',
        Action.VIEW_PEOPLE,
        Kind.PERSON,
        expected_permissions.PEOPLE,
    ),
    Operation("viewer", "viewer { role }", Action.VIEW_CATALOGUE, Kind.OFFICE, expected_permissions.CATALOGUE),
    Operation("company", "company { id }", Action.VIEW_CATALOGUE, Kind.OFFICE, expected_permissions.CATALOGUE),
    Operation("metrics", "metrics { key }", Action.VIEW_CATALOGUE, Kind.OFFICE, expected_permissions.CATALOGUE),
    Operation("pipelines", "pipelines { id }", Action.VIEW_CATALOGUE, Kind.OFFICE, expected_permissions.CATALOGUE),
    Operation("employee", 'employee(id: "$who") { id }', Action.VIEW_PEOPLE, Kind.PERSON, expected_permissions.PEOPLE),
    Operation(
        "employee: by externalId",
        'employee(id: "ext:employee-$name") { id }',
        Action.VIEW_PEOPLE,
        Kind.PERSON,
        expected_permissions.PEOPLE,
    ),
    Operation(
        "employees",
        "employees(first: 100) { edges { node { id } } }",
        Action.VIEW_PEOPLE,
        Kind.PERSON,
        expected_permissions.PEOPLE,
        listing="$who",
    ),
    Operation("team", 'team(id: "$who") { id }', Action.VIEW_PEOPLE, Kind.TEAM, expected_permissions.TEAMS),
    Operation("teams", "teams { id }", Action.VIEW_PEOPLE, Kind.TEAM, expected_permissions.TEAMS, listing="$who"),
    Operation("goal", 'goal(id: "$goal") { id }', Action.VIEW_GOALS, Kind.GOAL, expected_permissions.GOALS),
    Operation(
        "goal: entries",
        'goal(id: "$goal") { within: entries(first: 1) { edges { node { id } } } }',
        Action.VIEW_ENTRIES,
        Kind.ENTRIES,
        expected_permissions.ENTRIES,
    ),
    Operation(
        "goals",
        'goals(scope: "$who") { id }',
        Action.VIEW_GOALS,
        Kind.GOAL,
        expected_permissions.GOALS,
        listing="$goal",
    ),
    Operation(
        "goals: of everybody", "goals { id }", Action.VIEW_GOALS, Kind.GOAL, expected_permissions.GOALS, listing="$goal"
    ),
    Operation(
        "leaderboard",
        'leaderboard(scope: "$who") { total }',
        Action.VIEW_BOARD,
        Kind.BOARD,
        expected_permissions.BOARDS,
    ),
    Operation(
        "leaderboard: around",
        'leaderboard(around: "$who") { total }',
        Action.VIEW_BOARD,
        Kind.BOARD,
        {key: mark for key, mark in expected_permissions.BOARDS.items() if key[1] in ("Ann", "Bob")},
    ),
    Operation(
        "forecast",
        'forecast(scope: "$who") { expected }',
        Action.VIEW_FORECAST,
        Kind.BOARD,
        expected_permissions.FORECASTS,
    ),
    Operation(
        "statistics",
        'statistics(scope: "$who") { winRatePercent }',
        Action.VIEW_CARD,
        Kind.BOARD,
        expected_permissions.CHARTS,
    ),
    Operation(
        "funnel",
        'funnel(scope: "$who") { stages { entered } }',
        Action.VIEW_CARD,
        Kind.BOARD,
        expected_permissions.CHARTS,
    ),
    Operation(
        "employee: work time",
        'employee(id: "$who") { within: workTime { totalHours } }',
        Action.VIEW_WORK_TIME,
        Kind.BOARD,
        expected_permissions.WORK_TIME,
    ),
    Operation(
        "alerts",
        "alerts(last: 100) { edges { node { id } } }",
        Action.VIEW_ALERTS,
        Kind.INBOX,
        expected_permissions.INBOXES,
        listing="$alert",
    ),
    Operation("node: alert", 'node(id: "$alert") { id }', Action.VIEW_ALERTS, Kind.INBOX, expected_permissions.INBOXES),
    Operation(
        "alertRules", "alertRules { id }", Action.KEEP_RULES, Kind.RULE, expected_permissions.RULES, listing="$who"
    ),
    Operation("node: rule", 'node(id: "$who") { id }', Action.KEEP_RULES, Kind.RULE, expected_permissions.RULES),
    Operation(
        "testAlertRule",
        "testAlertRule(input: {kind: DEAL_LOST, recipients: [MANAGER]}) { alerts perDay }",
        Action.KEEP_RULES,
        Kind.OFFICE,
        expected_permissions.OFFICE,
        acts=True,
    ),
    *(
        Operation(field, _page(field, "$who"), Action.VIEW_CARD, Kind.RECORD, expected_permissions.CARDS)
        for field in _LISTS
    ),
    *(
        Operation(
            f"{field}: of everybody",
            _page(field, "$company", "first: 100" if field == "tasks" else "last: 100"),
            Action.VIEW_CARD,
            Kind.RECORD,
            expected_permissions.CARDS,
            listing=f"${fact}",
        )
        for field, fact in _LISTS.items()
    ),
    Operation(
        "devices", "devices { id }", Action.ADMINISTER, Kind.DEVICE, expected_permissions.DEVICES, listing="$who"
    ),
]

SUBSCRIPTIONS: Final = [
    Operation(
        "goalProgress",
        'goalProgress(goals: ["$goal"]) { id }',
        Action.VIEW_GOALS,
        Kind.GOAL,
        expected_permissions.GOALS,
    ),
    Operation(
        "leaderboard",
        'leaderboard(scope: "$who") { total }',
        Action.VIEW_BOARD,
        Kind.BOARD,
        expected_permissions.BOARDS,
    ),
    Operation(
        "dealWon",
        'dealWon(scope: "$who", after: "$rung") { id }',
        Action.VIEW_WINS,
        Kind.BOARD,
        expected_permissions.BOARDS,
    ),
    Operation(
        "forecast",
        'forecast(scope: "$who") { expected }',
        Action.VIEW_FORECAST,
        Kind.BOARD,
        expected_permissions.FORECASTS,
    ),
    Operation(
        "presence", 'presence(scope: "$who") { id }', Action.VIEW_PEOPLE, Kind.BOARD, expected_permissions.PRESENCE
    ),
    Operation("alerts", 'alerts(after: "$alert") { id }', Action.VIEW_ALERTS, Kind.INBOX, expected_permissions.INBOXES),
    Operation(
        "activities",
        'activities(scope: "$who", after: "$before") { id }',
        Action.VIEW_CARD,
        Kind.RECORD,
        expected_permissions.CARDS,
    ),
]
