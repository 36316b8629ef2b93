"""Permission matrix: operations for the mutations, at least one for each root field of Mutation."""

from __future__ import annotations

from typing import Final

from domain.permissions import Action
from tests.acceptance.permissions import expected_reads, expected_writes
from tests.acceptance.permissions.operations import MatrixOperation, SubjectKind
from tests.acceptance.permissions.permission_grids import Grid
from tests.acceptance.permissions.query_calls import RECORDS


def _write_mutation(field: str, input_fields: str) -> str:
    return f"{field}(input: {{{input_fields}}}) {{ userErrors {{ code }} }}"


def _write_mutation_by_id(field: str, fact: str) -> str:
    return f'{field}(id: "${fact}") {{ userErrors {{ code }} }}'


def _define_record(field: str, input_fields: str) -> MatrixOperation:
    return MatrixOperation(
        field, _write_mutation(field, input_fields), Action.RECORD, SubjectKind.PERSON, expected_writes.RECORDING
    )


def _define_change(name: str, text: str, restore: str = "") -> MatrixOperation:
    return MatrixOperation(name, text, Action.RECORD, SubjectKind.RECORD, expected_writes.CHANGING, restore=restore)


def _define_reassignment(field: str, input_fields: str, owner: str) -> MatrixOperation:
    def write_with_owner(fact: str) -> str:
        return _write_mutation(field, f'{input_fields}, {owner}: "${fact}"')

    return MatrixOperation(
        f"{field}: to another",
        write_with_owner("heir"),
        Action.REASSIGN,
        SubjectKind.RECORD,
        expected_writes.REASSIGNING,
        restore=write_with_owner("who"),
    )


def _define_company_action(
    field: str,
    input_fields: str,
    action: Action = Action.ADMINISTER,
    grid: Grid = expected_writes.COMPANY_SETTINGS,
) -> MatrixOperation:
    return MatrixOperation(field, _write_mutation(field, input_fields), action, SubjectKind.COMPANY, grid)


_IMPORT: Final = (
    r'inboxPath: "clients.csv", mapText: "name = \"ours\"\n[[file]]\nkind = \"clients\"\ncolumns.name = \"Name\""'
)
_RULE: Final = "kind: DEAL_STALLED, recipients: [MANAGER]"
_RECREATE: Final = {  # mutations that record a deleted record again
    "deal": _write_mutation("recordDeal", 'title: "Chairs", externalId: "deal-$name"'),
    "lead": _write_mutation("recordLead", 'title: "A question", status: NEW, externalId: "lead-$name"'),
    "client": _write_mutation("recordClient", 'name: "Globex", externalId: "client-$name"'),
    "contact": _write_mutation("recordContact", 'name: "Gil", externalId: "contact-$name"'),
    "call": _write_mutation("recordCall", 'direction: OUTBOUND, externalId: "call-$name"'),
    "task": _write_mutation("createTask", 'title: "Call back", externalId: "task-$name"'),
    "result": _write_mutation("recordResult", 'metric: "visits", value: 1, externalId: "result-$name"'),
}

MUTATIONS: Final = [
    MatrixOperation(
        "signIn",
        _write_mutation("signIn", 'email: "cid@example.com", password: "correct horse"'),
        None,
        SubjectKind.VIEWER,
        expected_writes.SIGN_IN,
    ),
    MatrixOperation(
        "refreshSession",
        'refreshSession(refreshToken: "$refresh") { userErrors { code } }',
        None,
        SubjectKind.VIEWER,
        expected_writes.SIGN_IN,
    ),
    MatrixOperation(
        "signOut",
        'signOut(refreshToken: "$refresh") { userErrors { code } }',
        None,
        SubjectKind.VIEWER,
        expected_writes.SIGN_IN,
    ),
    MatrixOperation(
        "requestPasswordReset",
        'requestPasswordReset(email: "nobody@example.com") { userErrors { code } }',
        None,
        SubjectKind.VIEWER,
        expected_writes.SIGN_IN,
    ),
    MatrixOperation(
        "setPassword",
        _write_mutation("setPassword", 'token: "$link", password: "correct horse"'),
        None,
        SubjectKind.VIEWER,
        expected_writes.SIGN_IN,
    ),
    MatrixOperation(
        "inviteEmployee",
        _write_mutation("inviteEmployee", 'employee: "$who", send: false'),
        Action.ADMINISTER,
        SubjectKind.PERSON,
        expected_writes.EMPLOYEE_SETTINGS,
    ),
    MatrixOperation(
        "endSessions",
        _write_mutation("endSessions", 'currentPassword: "correct horse"'),
        None,
        SubjectKind.VIEWER,
        expected_writes.PROFILE,
    ),
    MatrixOperation(
        "unlockSignIn",
        'unlockSignIn(employee: "$who") { userErrors { code } }',
        Action.ADMINISTER,
        SubjectKind.PERSON,
        expected_writes.EMPLOYEE_SETTINGS,
    ),
    _define_company_action("createEmployee", 'name: "New", email: "new$n@example.com"'),
    MatrixOperation(
        "updateEmployee",
        _write_mutation("updateEmployee", 'id: "$who", name: "$name"'),
        Action.ADMINISTER,
        SubjectKind.PERSON,
        expected_writes.EMPLOYEE_SETTINGS,
    ),
    _define_company_action("createTeam", 'name: "New"'),
    MatrixOperation(
        "updateTeam",
        _write_mutation("updateTeam", 'id: "$who", name: "Renamed"'),
        Action.ADMINISTER,
        SubjectKind.TEAM,
        expected_writes.TEAM_SETTINGS,
    ),
    _define_company_action("updateCompany", 'name: "Acme"'),
    MatrixOperation(
        "setCompanyDays",
        'setCompanyDays(days: [{date: "2030-05-06", kind: OFF, name: "Party"}]) { userErrors { code } }',
        Action.ADMINISTER,
        SubjectKind.COMPANY,
        expected_writes.COMPANY_SETTINGS,
    ),
    MatrixOperation(
        "removeCompanyDays",
        'removeCompanyDays(dates: ["2030-05-06"]) { userErrors { code } }',
        Action.ADMINISTER,
        SubjectKind.COMPANY,
        expected_writes.COMPANY_SETTINGS,
    ),
    MatrixOperation(
        "setAbsence",
        _write_mutation("setAbsence", 'employee: "$who", from: "$day", to: "$day", kind: OTHER'),
        Action.SET_ABSENCES,
        SubjectKind.PERSON,
        expected_writes.SETTING_ABSENCES,
    ),
    MatrixOperation(
        "removeAbsence",
        _write_mutation_by_id("removeAbsence", "absence"),
        Action.SET_ABSENCES,
        SubjectKind.ABSENCE,
        expected_writes.REMOVING_ABSENCES,
    ),
    _define_company_action("setExchangeRate", 'currency: "USD", rate: "0.9"'),
    _define_company_action("savePipeline", 'name: "New", stages: [{name: "First"}]'),
    *(
        MatrixOperation(
            field,
            f"{field}(input: {{{_IMPORT}{more_fields}}}) {{ userErrors {{ code }} }}",
            Action.ADMINISTER,
            SubjectKind.COMPANY,
            expected_writes.COMPANY_SETTINGS,
        )
        for field, more_fields in (("previewImport", ""), ("runImport", ', dryRun: true, idempotencyKey: "once"'))
    ),
    MatrixOperation(
        "cancelImport",
        _write_mutation_by_id("cancelImport", "import"),
        Action.ADMINISTER,
        SubjectKind.COMPANY,
        expected_writes.COMPANY_SETTINGS,
    ),
    _define_company_action("createDevice", 'name: "New", kind: WALLBOARD'),
    MatrixOperation(
        "revokeDevice",
        _write_mutation_by_id("revokeDevice", "who"),
        Action.ADMINISTER,
        SubjectKind.DEVICE,
        expected_reads.DEVICES,
    ),
    _define_company_action(
        "createMetric", 'key: "new_$n", name: "New"', Action.DEFINE_METRICS, expected_writes.METRICS
    ),
    MatrixOperation(
        "setGoal",
        _write_mutation("setGoal", 'owner: "$who", metric: "deals_won", target: 9, period: {kind: DAY, on: "$day"}'),
        Action.SET_GOALS,
        SubjectKind.PERSON,
        expected_writes.SETTING_GOALS,
    ),
    MatrixOperation(
        "updateGoal",
        _write_mutation("updateGoal", 'id: "$goal", target: $n, reason: "raised"'),
        Action.SET_GOALS,
        SubjectKind.GOAL,
        expected_writes.CHANGING_GOALS,
    ),
    MatrixOperation(
        "archiveGoal",
        _write_mutation_by_id("archiveGoal", "old"),
        Action.SET_GOALS,
        SubjectKind.GOAL,
        expected_writes.CHANGING_GOALS,
    ),
    MatrixOperation(
        "applyPlan",
        'applyPlan(input: {plan: {$planned}, hash: "$hash"}) { userErrors { code } }',
        Action.SET_GOALS,
        SubjectKind.PERSON,
        expected_writes.SETTING_GOALS,
    ),
    MatrixOperation(
        "undoPlan",
        _write_mutation_by_id("undoPlan", "plan"),
        Action.SET_GOALS,
        SubjectKind.PLAN,
        expected_writes.PLANS,
    ),
    MatrixOperation(
        "submitForecast",
        _write_mutation("submitForecast", 'scope: "$who", amount: {amount: $n}'),
        Action.SUBMIT_FORECAST,
        SubjectKind.TEAM,
        expected_writes.SUBMITTING,
    ),
    MatrixOperation(
        "adjustForecast",
        _write_mutation("adjustForecast", 'scope: "$who", amount: {amount: $n}, note: "Holidays"'),
        Action.ADJUST_FORECAST,
        SubjectKind.PERSON,
        expected_writes.SETTING_GOALS,
    ),
    _define_record("recordDeal", 'title: "Desks", owner: "$who"'),
    MatrixOperation(
        "recordDeals",
        'recordDeals(inputs: [{title: "Desks", owner: "$who"}]) { userErrors { code } }',
        Action.RECORD,
        SubjectKind.PERSON,
        expected_writes.RECORDING,
    ),
    _define_change("updateDeal", _write_mutation("updateDeal", 'id: "$deal", title: "Chairs $n"')),
    _define_reassignment("updateDeal", 'id: "$deal"', "owner"),
    _define_change("moveDeal", _write_mutation("moveDeal", 'id: "$deal", stage: "$stage"')),
    _define_change("winDeal", _write_mutation("winDeal", 'id: "$won"')),
    _define_change("loseDeal", _write_mutation("loseDeal", 'id: "$won", reason: "Too late"')),
    _define_change("reopenDeal", _write_mutation("reopenDeal", 'id: "$won"')),
    _define_change("flagDeal", _write_mutation("flagDeal", 'id: "$deal", problem: "Silence $n"')),
    _define_change("undo", 'undo(activity: "$slip") { userErrors { code } }'),
    _define_change("recordRefund", _write_mutation("recordRefund", 'deal: "$refunded", amount: {amount: 1}')),
    MatrixOperation(
        "deleteRefund",
        _write_mutation_by_id("deleteRefund", "refund"),
        Action.DELETE,
        SubjectKind.RECORD,
        expected_writes.DELETING,
    ),
    MatrixOperation(
        "deleteDeal",
        _write_mutation_by_id("deleteDeal", "deal"),
        Action.DELETE,
        SubjectKind.RECORD,
        expected_writes.DELETING,
        restore=_RECREATE["deal"],
    ),
    *(
        MatrixOperation(
            f"deleteRecord: {fact}",
            _write_mutation_by_id("deleteRecord", fact),
            Action.DELETE,
            SubjectKind.RECORD,
            expected_writes.DELETING,
            restore=_RECREATE[fact],
        )
        for fact in RECORDS
        if fact != "deal"
    ),
    _define_record("recordLead", 'title: "Another", owner: "$who"'),
    _define_change("recordLead: again", _write_mutation("recordLead", 'id: "$lead", title: "Another $n"')),
    _define_reassignment("recordLead", 'id: "$lead", title: "Another"', "owner"),
    _define_change(
        "convertLead", _write_mutation("convertLead", 'id: "$lead", deal: {title: "Desks"}'), _RECREATE["lead"]
    ),
    _define_change("rejectLead", _write_mutation_by_id("rejectLead", "lead")),
    _define_record("recordClient", 'name: "Initech", owner: "$who"'),
    _define_change("recordClient: again", _write_mutation("recordClient", 'id: "$client", name: "Globex $n"')),
    _define_reassignment("recordClient", 'id: "$client", name: "Globex"', "owner"),
    _define_record("recordContact", 'name: "Hal", owner: "$who"'),
    _define_change("recordContact: again", _write_mutation("recordContact", 'id: "$contact", name: "Gil $n"')),
    _define_reassignment("recordContact", 'id: "$contact", name: "Gil"', "owner"),
    *(
        _define_change(f"merge{kind}s", _write_mutation(f"merge{kind}s", f'into: "${fact}", from: "$other_{fact}"'))
        for kind, fact in (("Client", "client"), ("Contact", "contact"), ("Lead", "lead"))
    ),
    _define_record("recordCall", 'direction: INBOUND, employee: "$who"'),
    _define_change("recordCall: again", _write_mutation("recordCall", 'id: "$call", direction: OUTBOUND, note: "$n"')),
    _define_reassignment("recordCall", 'id: "$call", direction: OUTBOUND', "employee"),
    _define_record("recordResult", 'metric: "visits", value: 1, employee: "$who"'),
    _define_change(
        "recordResult: again", _write_mutation("recordResult", 'id: "$result", metric: "visits", value: $n')
    ),
    _define_reassignment("recordResult", 'id: "$result", metric: "visits", value: 1', "employee"),
    _define_record("createTask", 'title: "Call back", assignee: "$who"'),
    _define_change("createTask: again", _write_mutation("createTask", 'id: "$task", title: "Call back $n"')),
    _define_reassignment("createTask", 'id: "$task", title: "Call back"', "assignee"),
    _define_change("completeTask", _write_mutation_by_id("completeTask", "task")),
    _define_change("reopenTask", _write_mutation_by_id("reopenTask", "task")),
    MatrixOperation(
        "heartbeat", "heartbeat { userErrors { code } }", None, SubjectKind.VIEWER, expected_writes.PROFILE
    ),
    _define_company_action("createAlertRule", _RULE, Action.MANAGE_ALERT_RULES),
    MatrixOperation(
        "updateAlertRule",
        f'updateAlertRule(id: "$who", input: {{{_RULE}}}) {{ userErrors {{ code }} }}',
        Action.MANAGE_ALERT_RULES,
        SubjectKind.RULE,
        expected_reads.RULES,
    ),
    MatrixOperation(
        "deleteAlertRule",
        _write_mutation_by_id("deleteAlertRule", "spare"),
        Action.MANAGE_ALERT_RULES,
        SubjectKind.RULE,
        expected_reads.RULES,
    ),
    MatrixOperation(
        "markAlertsRead",
        'markAlertsRead(ids: ["$alert"]) { userErrors { code } }',
        Action.VIEW_ALERTS,
        SubjectKind.INBOX,
        expected_reads.INBOXES,
    ),
    MatrixOperation(
        "updateProfile",
        _write_mutation("updateProfile", 'language: "en"'),
        None,
        SubjectKind.VIEWER,
        expected_writes.PROFILE,
    ),
]
