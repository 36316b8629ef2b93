"""Permission matrix: operations for the mutations, at least one for each root field of Mutation."""

from __future__ import annotations

from typing import Final

from domain.permissions import Action
from tests.acceptance.permissions import expected_permissions
from tests.acceptance.permissions.expected_permissions import Grid
from tests.acceptance.permissions.operations import Kind, Operation
from tests.acceptance.permissions.query_calls import RECORDS


def _act(field: str, input_: str) -> str:
    return f"{field}(input: {{{input_}}}) {{ userErrors {{ code }} }}"


def _by_id(field: str, fact: str) -> str:
    return f'{field}(id: "${fact}") {{ userErrors {{ code }} }}'


def _record(field: str, input_: str) -> Operation:
    return Operation(field, _act(field, input_), Action.RECORD, Kind.PERSON, expected_permissions.RECORDING)


def _change(name: str, text: str, mend: str = "") -> Operation:
    return Operation(name, text, Action.RECORD, Kind.RECORD, expected_permissions.CHANGING, mend=mend)


def _hand_over(field: str, input_: str, owner: str) -> Operation:
    def to(fact: str) -> str:
        return _act(field, f'{input_}, {owner}: "${fact}"')

    return Operation(
        f"{field}: to another",
        to("heir"),
        Action.REASSIGN,
        Kind.RECORD,
        expected_permissions.HANDING_OVER,
        mend=to("who"),
    )


def _office(
    field: str, input_: str, action: Action = Action.ADMINISTER, grid: Grid = expected_permissions.OFFICE
) -> Operation:
    return Operation(field, _act(field, input_), action, Kind.OFFICE, grid)


_RULE: Final = "kind: DEAL_STALLED, recipients: [MANAGER]"
_AGAIN: Final = {  # mutations that record a deleted record again
    "deal": _act("recordDeal", 'title: "Chairs", externalId: "deal-$name"'),
    "lead": _act("recordLead", 'title: "A question", status: NEW, externalId: "lead-$name"'),
    "client": _act("recordClient", 'name: "Globex", externalId: "client-$name"'),
    "contact": _act("recordContact", 'name: "Gil", externalId: "contact-$name"'),
    "call": _act("recordCall", 'direction: OUTBOUND, externalId: "call-$name"'),
    "task": _act("createTask", 'title: "Call back", externalId: "task-$name"'),
    "result": _act("recordResult", 'metric: "visits", value: 1, externalId: "result-$name"'),
}

MUTATIONS: Final = [
    Operation(
        "signIn",
        _act("signIn", 'email: "cid@example.com", password: "correct horse"'),
        None,
        Kind.SELF,
        expected_permissions.DOOR,
    ),
    Operation(
        "refreshSession",
        'refreshSession(refreshToken: "$refresh") { userErrors { code } }',
        None,
        Kind.SELF,
        expected_permissions.DOOR,
    ),
    Operation(
        "signOut",
        'signOut(refreshToken: "$refresh") { userErrors { code } }',
        None,
        Kind.SELF,
        expected_permissions.DOOR,
    ),
    _office("createEmployee", 'name: "New", email: "new$n@example.com"'),
    Operation(
        "updateEmployee",
        _act("updateEmployee", 'id: "$who", name: "$name"'),
        Action.ADMINISTER,
        Kind.PERSON,
        expected_permissions.STAFF,
    ),
    _office("createTeam", 'name: "New"'),
    Operation(
        "updateTeam",
        _act("updateTeam", 'id: "$who", name: "Renamed"'),
        Action.ADMINISTER,
        Kind.TEAM,
        expected_permissions.STRUCTURE,
    ),
    _office("updateCompany", 'name: "Acme"'),
    _office("setExchangeRate", 'currency: "USD", rate: "0.9"'),
    _office("savePipeline", 'name: "New", stages: [{name: "First"}]'),
    _office("createDevice", 'name: "New", kind: WALLBOARD'),
    Operation(
        "revokeDevice", _by_id("revokeDevice", "who"), Action.ADMINISTER, Kind.DEVICE, expected_permissions.DEVICES
    ),
    _office("createMetric", 'key: "new_$n", name: "New"', Action.DEFINE_METRICS, expected_permissions.METRICS),
    Operation(
        "setGoal",
        _act("setGoal", 'owner: "$who", metric: "deals_won", target: 9, period: {kind: DAY, on: "$day"}'),
        Action.SET_GOALS,
        Kind.PERSON,
        expected_permissions.SETTING_GOALS,
    ),
    Operation(
        "updateGoal",
        _act("updateGoal", 'id: "$goal", target: $n'),
        Action.SET_GOALS,
        Kind.GOAL,
        expected_permissions.CHANGING_GOALS,
    ),
    Operation(
        "archiveGoal", _by_id("archiveGoal", "old"), Action.SET_GOALS, Kind.GOAL, expected_permissions.CHANGING_GOALS
    ),
    _record("recordDeal", 'title: "Desks", owner: "$who"'),
    Operation(
        "recordDeals",
        'recordDeals(inputs: [{title: "Desks", owner: "$who"}]) { userErrors { code } }',
        Action.RECORD,
        Kind.PERSON,
        expected_permissions.RECORDING,
    ),
    _change("updateDeal", _act("updateDeal", 'id: "$deal", title: "Chairs $n"')),
    _hand_over("updateDeal", 'id: "$deal"', "owner"),
    _change("moveDeal", _act("moveDeal", 'id: "$deal", stage: "$stage"')),
    _change("winDeal", _act("winDeal", 'id: "$won"')),
    _change("loseDeal", _act("loseDeal", 'id: "$won", reason: "Too late"')),
    _change("reopenDeal", _act("reopenDeal", 'id: "$won"')),
    _change("flagDeal", _act("flagDeal", 'id: "$deal", problem: "Silence $n"')),
    Operation(
        "deleteDeal",
        _by_id("deleteDeal", "deal"),
        Action.DELETE,
        Kind.RECORD,
        expected_permissions.DELETING,
        mend=_AGAIN["deal"],
    ),
    *(
        Operation(
            f"deleteRecord: {fact}",
            _by_id("deleteRecord", fact),
            Action.DELETE,
            Kind.RECORD,
            expected_permissions.DELETING,
            mend=_AGAIN[fact],
        )
        for fact in RECORDS
        if fact != "deal"
    ),
    _record("recordLead", 'title: "Another", owner: "$who"'),
    _change("recordLead: again", _act("recordLead", 'id: "$lead", title: "Another $n"')),
    _hand_over("recordLead", 'id: "$lead", title: "Another"', "owner"),
    _change("convertLead", _act("convertLead", 'id: "$lead", deal: {title: "Desks"}'), _AGAIN["lead"]),
    _change("rejectLead", _by_id("rejectLead", "lead")),
    _record("recordClient", 'name: "Initech", owner: "$who"'),
    _change("recordClient: again", _act("recordClient", 'id: "$client", name: "Globex $n"')),
    _hand_over("recordClient", 'id: "$client", name: "Globex"', "owner"),
    _record("recordContact", 'name: "Hal", owner: "$who"'),
    _change("recordContact: again", _act("recordContact", 'id: "$contact", name: "Gil $n"')),
    _hand_over("recordContact", 'id: "$contact", name: "Gil"', "owner"),
    _record("recordCall", 'direction: INBOUND, employee: "$who"'),
    _change("recordCall: again", _act("recordCall", 'id: "$call", direction: OUTBOUND, note: "$n"')),
    _hand_over("recordCall", 'id: "$call", direction: OUTBOUND', "employee"),
    _record("recordResult", 'metric: "visits", value: 1, employee: "$who"'),
    _change("recordResult: again", _act("recordResult", 'id: "$result", metric: "visits", value: $n')),
    _hand_over("recordResult", 'id: "$result", metric: "visits", value: 1', "employee"),
    _record("createTask", 'title: "Call back", assignee: "$who"'),
    _change("createTask: again", _act("createTask", 'id: "$task", title: "Call back $n"')),
    _hand_over("createTask", 'id: "$task", title: "Call back"', "assignee"),
    _change("completeTask", _by_id("completeTask", "task")),
    _change("reopenTask", _by_id("reopenTask", "task")),
    Operation("heartbeat", "heartbeat { userErrors { code } }", None, Kind.SELF, expected_permissions.PROFILE),
    _office("createAlertRule", _RULE, Action.KEEP_RULES),
    Operation(
        "updateAlertRule",
        f'updateAlertRule(id: "$who", input: {{{_RULE}}}) {{ userErrors {{ code }} }}',
        Action.KEEP_RULES,
        Kind.RULE,
        expected_permissions.RULES,
    ),
    Operation(
        "deleteAlertRule", _by_id("deleteAlertRule", "spare"), Action.KEEP_RULES, Kind.RULE, expected_permissions.RULES
    ),
    Operation(
        "markAlertsRead",
        'markAlertsRead(ids: ["$alert"]) { userErrors { code } }',
        Action.VIEW_ALERTS,
        Kind.INBOX,
        expected_permissions.INBOXES,
    ),
    Operation("updateProfile", _act("updateProfile", 'language: "en"'), None, Kind.SELF, expected_permissions.PROFILE),
]
