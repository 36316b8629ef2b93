"""How everything that reads or listens is asked: a line for each root field of Query and Subscription, or several."""

from __future__ import annotations

from typing import Final

from domain.access import Action
from tests.acceptance.rights import expected
from tests.acceptance.rights.operations import Kind, Operation


def _page(kind: str, scope: str, size: str = "last: 100") -> str:
    return f'{kind}(scope: "{scope}", {size}) {{ edges {{ node {{ id }} }} }}'


RECORDS: Final = ("deal", "lead", "client", "contact", "call", "task", "result")
_LISTS: Final = {
    "activities": "activity", "deals": "deal", "tasks": "task", "leads": "lead", "calls": "call", "clients": "client",
}  # fmt: skip

QUERIES: Final = [
    *(
        Operation(f"node: {fact}", f'node(id: "${fact}") {{ id }}', Action.VIEW_CARD, Kind.RECORD, expected.CARDS)
        for fact in (*RECORDS, "activity")
    ),
    Operation("node: employee", 'node(id: "$who") { id }', Action.VIEW_PEOPLE, Kind.PERSON, expected.PEOPLE),
    Operation("node: team", 'node(id: "$who") { id }', Action.VIEW_PEOPLE, Kind.TEAM, expected.TEAMS),
    Operation("node: goal", 'node(id: "$goal") { id }', Action.VIEW_GOALS, Kind.GOAL, expected.GOALS),
    Operation("node: device", 'node(id: "$who") { id }', Action.ADMINISTER, Kind.DEVICE, expected.DEVICES),
    Operation("node: company", 'node(id: "$who") { id }', Action.VIEW_CATALOGUE, Kind.OFFICE, expected.CATALOGUE),
    Operation("node: stage", 'node(id: "$stage") { id }', Action.VIEW_CATALOGUE, Kind.OFFICE, expected.CATALOGUE),
    *(
        Operation(
            f"byExternalId: {fact}",
            f'byExternalId(type: {fact.upper()}, externalId: "{fact}-$name") {{ id }}',
            Action.VIEW_CARD,
            Kind.RECORD,
            expected.CARDS,
        )
        for fact in RECORDS
    ),
    Operation(
        "byExternalId: employee",
        'byExternalId(type: EMPLOYEE, externalId: "employee-$name") { id }',
        Action.VIEW_PEOPLE,
        Kind.PERSON,
        expected.PEOPLE,
    ),
    Operation("viewer", "viewer { role }", Action.VIEW_CATALOGUE, Kind.OFFICE, expected.CATALOGUE),
    Operation("company", "company { id }", Action.VIEW_CATALOGUE, Kind.OFFICE, expected.CATALOGUE),
    Operation("metrics", "metrics { key }", Action.VIEW_CATALOGUE, Kind.OFFICE, expected.CATALOGUE),
    Operation("pipelines", "pipelines { id }", Action.VIEW_CATALOGUE, Kind.OFFICE, expected.CATALOGUE),
    Operation("employee", 'employee(id: "$who") { id }', Action.VIEW_PEOPLE, Kind.PERSON, expected.PEOPLE),
    Operation(
        "employee: by externalId",
        'employee(id: "ext:employee-$name") { id }',
        Action.VIEW_PEOPLE,
        Kind.PERSON,
        expected.PEOPLE,
    ),
    Operation(
        "employees",
        "employees(first: 100) { edges { node { id } } }",
        Action.VIEW_PEOPLE,
        Kind.PERSON,
        expected.PEOPLE,
        listing="$who",
    ),
    Operation("team", 'team(id: "$who") { id }', Action.VIEW_PEOPLE, Kind.TEAM, expected.TEAMS),
    Operation("teams", "teams { id }", Action.VIEW_PEOPLE, Kind.TEAM, expected.TEAMS, listing="$who"),
    Operation("goal", 'goal(id: "$goal") { id }', Action.VIEW_GOALS, Kind.GOAL, expected.GOALS),
    Operation(
        "goal: entries",
        'goal(id: "$goal") { within: entries(first: 1) { edges { node { id } } } }',
        Action.VIEW_ENTRIES,
        Kind.ENTRIES,
        expected.ENTRIES,
    ),
    Operation("goals", 'goals(scope: "$who") { id }', Action.VIEW_GOALS, Kind.GOAL, expected.GOALS, listing="$goal"),
    Operation("goals: of everybody", "goals { id }", Action.VIEW_GOALS, Kind.GOAL, expected.GOALS, listing="$goal"),
    Operation(
        "leaderboard",
        'leaderboard(scope: "$who") { total }',
        Action.VIEW_BOARD,
        Kind.BOARD,
        expected.BOARDS,
    ),
    Operation(
        "leaderboard: around",
        'leaderboard(around: "$who") { total }',
        Action.VIEW_BOARD,
        Kind.BOARD,
        {key: mark for key, mark in expected.BOARDS.items() if key[1] in ("Ann", "Bob")},
    ),
    Operation("forecast", 'forecast(scope: "$who") { expected }', Action.VIEW_FORECAST, Kind.BOARD, expected.FORECASTS),
    Operation(
        "statistics",
        'statistics(scope: "$who") { winRatePercent }',
        Action.VIEW_CARD,
        Kind.BOARD,
        expected.CHARTS,
    ),
    Operation("funnel", 'funnel(scope: "$who") { stages { entered } }', Action.VIEW_CARD, Kind.BOARD, expected.CHARTS),
    Operation(
        "employee: work time",
        'employee(id: "$who") { within: workTime { totalHours } }',
        Action.VIEW_WORK_TIME,
        Kind.BOARD,
        expected.WORK_TIME,
    ),
    Operation(
        "alerts",
        "alerts(last: 100) { edges { node { id } } }",
        Action.VIEW_ALERTS,
        Kind.INBOX,
        expected.INBOXES,
        listing="$alert",
    ),
    Operation("node: alert", 'node(id: "$alert") { id }', Action.VIEW_ALERTS, Kind.INBOX, expected.INBOXES),
    Operation("alertRules", "alertRules { id }", Action.KEEP_RULES, Kind.RULE, expected.RULES, listing="$who"),
    Operation("node: rule", 'node(id: "$who") { id }', Action.KEEP_RULES, Kind.RULE, expected.RULES),
    Operation(
        "testAlertRule",
        "testAlertRule(input: {kind: DEAL_LOST, recipients: [MANAGER]}) { alerts perDay }",
        Action.KEEP_RULES,
        Kind.OFFICE,
        expected.OFFICE,
        acts=True,
    ),
    *(Operation(field, _page(field, "$who"), Action.VIEW_CARD, Kind.RECORD, expected.CARDS) for field in _LISTS),
    *(
        Operation(
            f"{field}: of everybody",
            _page(field, "$company", "first: 100" if field == "tasks" else "last: 100"),
            Action.VIEW_CARD,
            Kind.RECORD,
            expected.CARDS,
            listing=f"${fact}",
        )
        for field, fact in _LISTS.items()
    ),
    Operation("devices", "devices { id }", Action.ADMINISTER, Kind.DEVICE, expected.DEVICES, listing="$who"),
]

SUBSCRIPTIONS: Final = [
    Operation("goalProgress", 'goalProgress(goals: ["$goal"]) { id }', Action.VIEW_GOALS, Kind.GOAL, expected.GOALS),
    Operation("leaderboard", 'leaderboard(scope: "$who") { total }', Action.VIEW_BOARD, Kind.BOARD, expected.BOARDS),
    Operation(
        "dealWon", 'dealWon(scope: "$who", after: "$rung") { id }', Action.VIEW_WINS, Kind.BOARD, expected.BOARDS
    ),
    Operation("forecast", 'forecast(scope: "$who") { expected }', Action.VIEW_FORECAST, Kind.BOARD, expected.FORECASTS),
    Operation("presence", 'presence(scope: "$who") { id }', Action.VIEW_PEOPLE, Kind.BOARD, expected.PRESENCE),
    Operation("alerts", 'alerts(after: "$alert") { id }', Action.VIEW_ALERTS, Kind.INBOX, expected.INBOXES),
    Operation(
        "activities",
        'activities(scope: "$who", after: "$before") { id }',
        Action.VIEW_CARD,
        Kind.RECORD,
        expected.CARDS,
    ),
]
