"""Permission matrix: operations for queries and subscriptions, at least one for each root field."""

from __future__ import annotations

from typing import Final

from domain.permissions import Action
from tests.acceptance.permissions import expected_reads, expected_writes
from tests.acceptance.permissions.operations import MatrixOperation, SubjectKind


def _write_connection(field: str, scope: str, page_size: str = "last: 100") -> str:
    return f'{field}(scope: "{scope}", {page_size}) {{ edges {{ node {{ id }} }} }}'


RECORDS: Final = ("deal", "lead", "client", "contact", "call", "task", "result")
_FACTS_BY_CONNECTION: Final = {
    "activities": "activity", "deals": "deal", "tasks": "task", "leads": "lead", "calls": "call", "clients": "client",
}  # fmt: skip

QUERIES: Final = [
    *(
        MatrixOperation(
            f"node: {fact}",
            f'node(id: "${fact}") {{ id }}',
            Action.VIEW_CARD,
            SubjectKind.RECORD,
            expected_reads.CARDS,
        )
        for fact in (*RECORDS, "activity")
    ),
    MatrixOperation(
        "node: employee", 'node(id: "$who") { id }', Action.VIEW_PEOPLE, SubjectKind.PERSON, expected_reads.PEOPLE
    ),
    MatrixOperation(
        "node: team", 'node(id: "$who") { id }', Action.VIEW_PEOPLE, SubjectKind.TEAM, expected_reads.TEAMS
    ),
    MatrixOperation(
        "node: goal", 'node(id: "$goal") { id }', Action.VIEW_GOALS, SubjectKind.GOAL, expected_reads.GOALS
    ),
    MatrixOperation(
        "node: device", 'node(id: "$who") { id }', Action.ADMINISTER, SubjectKind.DEVICE, expected_reads.DEVICES
    ),
    MatrixOperation(
        "node: company",
        'node(id: "$who") { id }',
        Action.VIEW_CATALOGUE,
        SubjectKind.COMPANY,
        expected_reads.CATALOGUE,
    ),
    MatrixOperation(
        "node: stage",
        'node(id: "$stage") { id }',
        Action.VIEW_CATALOGUE,
        SubjectKind.COMPANY,
        expected_reads.CATALOGUE,
    ),
    *(
        MatrixOperation(
            f"byExternalId: {fact}",
            f'byExternalId(type: {fact.upper()}, externalId: "{fact}-$name") {{ id }}',
            Action.VIEW_CARD,
            SubjectKind.RECORD,
            expected_reads.CARDS,
        )
        for fact in RECORDS
    ),
    MatrixOperation(
        "byExternalId: employee",
        'byExternalId(type: EMPLOYEE, externalId: "employee-$name") { id }',
        Action.VIEW_PEOPLE,
        SubjectKind.PERSON,
        expected_reads.PEOPLE,
    ),
    MatrixOperation("viewer", "viewer { role }", Action.VIEW_CATALOGUE, SubjectKind.COMPANY, expected_reads.CATALOGUE),
    MatrixOperation("company", "company { id }", Action.VIEW_CATALOGUE, SubjectKind.COMPANY, expected_reads.CATALOGUE),
    MatrixOperation("metrics", "metrics { key }", Action.VIEW_CATALOGUE, SubjectKind.COMPANY, expected_reads.CATALOGUE),
    MatrixOperation(
        "pipelines", "pipelines { id }", Action.VIEW_CATALOGUE, SubjectKind.COMPANY, expected_reads.CATALOGUE
    ),
    MatrixOperation(
        "employee", 'employee(id: "$who") { id }', Action.VIEW_PEOPLE, SubjectKind.PERSON, expected_reads.PEOPLE
    ),
    MatrixOperation(
        "employee: by externalId",
        'employee(id: "ext:employee-$name") { id }',
        Action.VIEW_PEOPLE,
        SubjectKind.PERSON,
        expected_reads.PEOPLE,
    ),
    MatrixOperation(
        "employees",
        "employees(first: 100) { edges { node { id } } }",
        Action.VIEW_PEOPLE,
        SubjectKind.PERSON,
        expected_reads.PEOPLE,
        listed_id="$who",
    ),
    MatrixOperation("team", 'team(id: "$who") { id }', Action.VIEW_PEOPLE, SubjectKind.TEAM, expected_reads.TEAMS),
    MatrixOperation(
        "teams", "teams { id }", Action.VIEW_PEOPLE, SubjectKind.TEAM, expected_reads.TEAMS, listed_id="$who"
    ),
    MatrixOperation(
        "groups", "groups { id }", Action.VIEW_PEOPLE, SubjectKind.TEAM, expected_reads.TEAMS, listed_id="$who"
    ),
    MatrixOperation("goal", 'goal(id: "$goal") { id }', Action.VIEW_GOALS, SubjectKind.GOAL, expected_reads.GOALS),
    MatrixOperation(
        "goal: entries",
        'goal(id: "$goal") { within: entries(first: 1) { edges { node { id } } } }',
        Action.VIEW_ENTRIES,
        SubjectKind.ENTRIES,
        expected_reads.ENTRIES,
    ),
    MatrixOperation(
        "node: plan", 'node(id: "$plan") { id }', Action.SET_GOALS, SubjectKind.PLAN, expected_writes.PLANS
    ),
    MatrixOperation(
        "planPreview",
        "planPreview(input: {$planned}) { hash }",
        Action.SET_GOALS,
        SubjectKind.PERSON,
        expected_writes.SETTING_GOALS,
        is_action=True,
    ),
    MatrixOperation(
        "goals",
        'goals(scope: "$who") { id }',
        Action.VIEW_GOALS,
        SubjectKind.GOAL,
        expected_reads.GOALS,
        listed_id="$goal",
    ),
    MatrixOperation(
        "goals: of everybody",
        "goals { id }",
        Action.VIEW_GOALS,
        SubjectKind.GOAL,
        expected_reads.GOALS,
        listed_id="$goal",
    ),
    MatrixOperation(
        "leaderboard",
        'leaderboard(scope: "$who") { total }',
        Action.VIEW_LEADERBOARD,
        SubjectKind.SCOPE,
        expected_reads.LEADERBOARDS,
    ),
    MatrixOperation(
        "leaderboard: around",
        'leaderboard(around: "$who") { total }',
        Action.VIEW_LEADERBOARD,
        SubjectKind.SCOPE,
        {key: mark for key, mark in expected_reads.LEADERBOARDS.items() if key[1] in ("Ann", "Bob")},
    ),
    MatrixOperation(
        "forecast",
        'forecast(scope: "$who") { expected }',
        Action.VIEW_FORECAST,
        SubjectKind.SCOPE,
        expected_reads.FORECASTS,
    ),
    MatrixOperation(
        "statistics",
        'statistics(scope: "$who") { winRatePercent }',
        Action.VIEW_CARD,
        SubjectKind.SCOPE,
        expected_reads.STATISTICS,
    ),
    MatrixOperation(
        "funnel",
        'funnel(scope: "$who") { stages { entered } }',
        Action.VIEW_CARD,
        SubjectKind.SCOPE,
        expected_reads.STATISTICS,
    ),
    MatrixOperation(
        "employee: absences",
        'employee(id: "$who") { within: absences { id } }',
        Action.VIEW_WORK_TIME,
        SubjectKind.SCOPE,
        expected_reads.WORK_TIME,
        listed_id="$leave",
    ),
    MatrixOperation(
        "employee: work time",
        'employee(id: "$who") { within: workTime { totalHours } }',
        Action.VIEW_WORK_TIME,
        SubjectKind.SCOPE,
        expected_reads.WORK_TIME,
    ),
    MatrixOperation(
        "alerts",
        "alerts(last: 100) { edges { node { id } } }",
        Action.VIEW_ALERTS,
        SubjectKind.INBOX,
        expected_reads.INBOXES,
        listed_id="$alert",
    ),
    MatrixOperation(
        "node: alert", 'node(id: "$alert") { id }', Action.VIEW_ALERTS, SubjectKind.INBOX, expected_reads.INBOXES
    ),
    MatrixOperation(
        "alertRules",
        "alertRules { id }",
        Action.MANAGE_ALERT_RULES,
        SubjectKind.RULE,
        expected_reads.RULES,
        listed_id="$who",
    ),
    MatrixOperation(
        "node: rule", 'node(id: "$who") { id }', Action.MANAGE_ALERT_RULES, SubjectKind.RULE, expected_reads.RULES
    ),
    MatrixOperation(
        "testAlertRule",
        "testAlertRule(input: {kind: DEAL_LOST, recipients: [MANAGER]}) { alerts perDay }",
        Action.MANAGE_ALERT_RULES,
        SubjectKind.COMPANY,
        expected_writes.COMPANY_SETTINGS,
        is_action=True,
    ),
    *(
        MatrixOperation(
            field, _write_connection(field, "$who"), Action.VIEW_CARD, SubjectKind.RECORD, expected_reads.CARDS
        )
        for field in _FACTS_BY_CONNECTION
    ),
    *(
        MatrixOperation(
            f"{field}: of everybody",
            _write_connection(field, "$company", "first: 100" if field == "tasks" else "last: 100"),
            Action.VIEW_CARD,
            SubjectKind.RECORD,
            expected_reads.CARDS,
            listed_id=f"${fact}",
        )
        for field, fact in _FACTS_BY_CONNECTION.items()
    ),
    MatrixOperation(
        "duplicates",
        'duplicates(scope: "$who", reasons: [NAME]) { records { ... on Client { id } } }',
        Action.VIEW_CARD,
        SubjectKind.RECORD,
        expected_reads.CARDS,
    ),
    MatrixOperation(
        "devices",
        "devices { id }",
        Action.ADMINISTER,
        SubjectKind.DEVICE,
        expected_reads.DEVICES,
        listed_id="$who",
    ),
    *(
        MatrixOperation(
            field, text, Action.ADMINISTER, SubjectKind.COMPANY, expected_writes.COMPANY_SETTINGS, is_action=True
        )
        for field, text in (
            ("importRun", 'importRun(id: "$import") { id }'),
            ("importRuns", "importRuns { edges { node { id } } }"),
        )
    ),
]

SUBSCRIPTIONS: Final = [
    MatrixOperation(
        "goalProgress",
        'goalProgress(goals: ["$goal"]) { id }',
        Action.VIEW_GOALS,
        SubjectKind.GOAL,
        expected_reads.GOALS,
    ),
    MatrixOperation(
        "leaderboard",
        'leaderboard(scope: "$who") { total }',
        Action.VIEW_LEADERBOARD,
        SubjectKind.SCOPE,
        expected_reads.LEADERBOARDS,
    ),
    MatrixOperation(
        "dealWon",
        'dealWon(scope: "$who", after: "$rung") { id }',
        Action.VIEW_WINS,
        SubjectKind.SCOPE,
        expected_reads.LEADERBOARDS,
    ),
    MatrixOperation(
        "forecast",
        'forecast(scope: "$who") { expected }',
        Action.VIEW_FORECAST,
        SubjectKind.SCOPE,
        expected_reads.FORECASTS,
    ),
    MatrixOperation(
        "presence",
        'presence(scope: "$who") { id }',
        Action.VIEW_PEOPLE,
        SubjectKind.SCOPE,
        expected_reads.PRESENCE,
    ),
    MatrixOperation(
        "importProgress",
        'importProgress(id: "$import") { id }',
        Action.ADMINISTER,
        SubjectKind.COMPANY,
        expected_writes.COMPANY_SETTINGS,
        is_action=True,
    ),
    MatrixOperation(
        "alerts", 'alerts(after: "$alert") { id }', Action.VIEW_ALERTS, SubjectKind.INBOX, expected_reads.INBOXES
    ),
    MatrixOperation(
        "activities",
        'activities(scope: "$who", after: "$before") { id }',
        Action.VIEW_CARD,
        SubjectKind.RECORD,
        expected_reads.CARDS,
    ),
    MatrixOperation(
        "undoneActivities",
        'undoneActivities(scope: "$who", after: "$gone") { activity }',
        Action.VIEW_CARD,
        SubjectKind.RECORD,
        expected_reads.CARDS,
    ),
]
