"""Valid arguments for every mutation, with every input field set, and the company in which they are valid."""

from __future__ import annotations

import itertools
from typing import Any, Final

from domain.primitives.global_ids import decode_global_id, encode_global_id
from models.imports.import_jobs import ImportJob, ImportState
from tests.world import PASSWORD, World

Arguments = dict[str, Any]
_PAST_TIME: Final = "2026-11-17T09:00:00Z"


async def create_company_records(world: World) -> None:
    """Create people, teams and one record of each type, and note their ids in `world.ids`."""
    await world.create_team("Sales")
    await world.create_team("North", "Sales")
    await world.create_team("South", "Sales")
    await world.create_employee("Ann", "North")
    await world.create_employee("Bob", "South")
    await world.mutate("setExchangeRate", currency="USD", rate="0.9", **{"from": "2026-11-01"})
    await world.mutate("createMetric", key="visits", name="Visits")
    await world.query(
        """mutation { setCompanyDays(days: [{date: "2026-12-24", kind: OFF, name: "Christmas Eve"}]) {
          userErrors { code } } }"""
    )
    ids, ann_id = world.global_ids, world.global_ids["Ann"]
    absence = """mutation($employee: ID!) { setAbsence(input: {
      employee: $employee, from: "2026-11-20", to: "2026-11-20", kind: VACATION}) { absence { id } } }"""
    ids["absence"] = (await world.query(absence, employee=ann_id))["setAbsence"]["absence"]["id"]
    for kind, mutation, input in (
        ("client", "recordClient", {"name": "Globex", "owner": ann_id}),
        ("contact", "recordContact", {"name": "Gil", "owner": ann_id}),
        ("lead", "recordLead", {"title": "A question", "owner": ann_id}),
        ("call", "recordCall", {"direction": "OUTBOUND", "employee": ann_id}),
        ("result", "recordResult", {"metric": "visits", "value": 1, "employee": ann_id}),
        ("task", "createTask", {"title": "Call back", "assignee": ann_id}),
        ("deal", "recordDeal", {"title": "Chairs", "owner": ann_id, "amount": {"amount": 5}}),
    ):
        ids[kind] = (await world.mutate(mutation, **input))[kind]["id"]
    for kind, mutation, input in (
        ("client", "recordClient", {"name": "Globex Ltd"}),
        ("contact", "recordContact", {"name": "Gil Gray"}),
        ("lead", "recordLead", {"title": "The same question"}),
    ):
        ids[f"other {kind}"] = (await world.mutate(mutation, owner=ann_id, **input))[kind]["id"]
    input = {"title": "Tables", "owner": ann_id, "amount": {"amount": 5}, "status": "WON"}
    for name in ("won", "refunded"):
        deal = await world.mutate("recordDeal", createdAt="2026-11-02T09:00:00Z", **input)
        ids[name] = deal["deal"]["id"]
    await move_deal_by_mistake(world)
    refund = "mutation($input: RecordRefundInput!) { recordRefund(input: $input) { refund { id } } }"
    input = {"deal": ids["refunded"], "amount": {"amount": 1}}
    ids["refund"] = (await world.query(refund, input=input))["recordRefund"]["refund"]["id"]
    quarter = {"kind": "QUARTER"}
    goal = (await world.mutate("setGoal", owner=ann_id, metric="deals_won", target=9, period=quarter))["goal"]
    ids["goal"], ids["version"] = goal["id"], str(goal["progress"]["version"])
    await create_alert(world)
    await world.create_device("device", "WALLBOARD")
    pipelines = (await world.query("{ pipelines { id stages { id } } }"))["pipelines"]
    ids["pipeline"], ids["stage"] = pipelines[0]["id"], pipelines[0]["stages"][1]["id"]
    ids["stages"] = " ".join(stage["id"] for stage in pipelines[0]["stages"])
    tokens = await world.try_mutation("signIn", None, email="ann@example.com", password=PASSWORD)
    ids["refresh"], ids["trust"] = tokens["refreshToken"], tokens["trustToken"]
    await world.try_mutation("signIn", None, email="admin@example.com", password=PASSWORD)
    sessions = (await world.query("{ viewer { sessions { id current } } }"))["viewer"]["sessions"]
    ids["session"] = next(session["id"] for session in sessions if not session["current"])
    link = (await world.mutate("inviteEmployee", employee=world.global_ids["Bob"]))["link"]
    ids["link"] = link.partition("#token=")[2]
    ids["import"] = await create_import_job(world)
    ids["plan"] = await apply_plan(world)
    ids["planHash"] = await preview_plan(world, build_plan(ids))


async def move_deal_by_mistake(world: World) -> None:
    """Move a deal, which was recorded before, and note the activity."""
    world.advance(seconds=-1)
    deal = (await world.mutate("recordDeal", title="Shelves", owner=world.global_ids["Ann"]))["deal"]["id"]
    world.advance(seconds=1)
    stages = (await world.query("{ pipelines { stages { id } } }"))["pipelines"][0]["stages"]
    await world.mutate("moveDeal", id=deal, stage=stages[1]["id"])
    activities = "query($id: ID!) { node(id: $id) { ... on Deal { activities(first: 1) { edges { node { id } } } } } }"
    edges = (await world.query(activities, id=deal))["node"]["activities"]["edges"]
    world.global_ids["move"] = edges[0]["node"]["id"]


def build_plan(ids: dict[str, str]) -> Arguments:
    """Return a plan with every field set, of which some exclude each other."""
    metric = {
        "metric": "calls_made", "base": "TOTAL", "periods": None, "total": 90, "upliftPercent": "10", "weights": "GIVEN",
        "givenWeights": [{"employee": ids["Ann"], "weight": "2.5"}], "rounding": 5, "floor": 1, "ceiling": 80,
        "thresholdPercent": 80, "stretchPercent": "120.5",
    }  # fmt: skip
    by_hand = {"owner": ids["South"], "metric": "calls_made", "target": 40}
    return {
        "scope": ids["Sales"], "period": {"kind": "MONTH", "on": "2027-03-01"}, "metrics": [metric], "leftOut": [],
        "rampPercent": ["50"], "targets": [by_hand],
    }  # fmt: skip


async def preview_plan(world: World, plan: Arguments) -> str:
    """Return the hash of a plan's preview."""
    data = await world.query("query($input: PlanInput!) { planPreview(input: $input) { hash } }", input=plan)
    return str(data["planPreview"]["hash"])


async def apply_plan(world: World) -> str:
    """Apply a plan, and return its id."""
    plan = build_plan(world.global_ids) | {"period": {"kind": "MONTH", "on": "2027-04-01"}}
    data = await world.query(
        "mutation($input: ApplyPlanInput!) { applyPlan(input: $input) { plan { id } userErrors { message } } }",
        input={"plan": plan, "hash": await preview_plan(world, plan)},
    )
    return str(data["applyPlan"]["plan"]["id"])


async def create_import_job(world: World) -> str:
    """Create an import that is over, and return its id."""
    admin = decode_global_id(world.global_ids["admin"])
    assert admin is not None
    job = await ImportJob.create(
        started_by_id=admin[1], state=ImportState.FINISHED, map_name="ours", started_at=world.now, seen_at=world.now,
        finished_at=world.now,
    )  # fmt: skip
    return encode_global_id("ImportJob", job.id)


async def create_alert(world: World) -> None:
    """Create an alert rule and an alert of it in the administrator's inbox."""
    rule = "mutation { createAlertRule(input: {kind: DEAL_LOST, recipients: [EMPLOYEE]}) { rule { id } } }"
    world.global_ids["rule"] = (await world.query(rule))["createAlertRule"]["rule"]["id"]
    await world.mutate("recordDeal", title="Rugs", status="LOST")
    inbox = await world.query("{ alerts { edges { node { id } } } }")
    world.global_ids["alert"] = inbox["alerts"]["edges"][0]["node"]["id"]


_call_numbers: Final = itertools.count()


def build_valid_arguments(ids: dict[str, str]) -> dict[str, Arguments]:
    """Return valid arguments of every mutation for a call by the administrator, with a new idempotency key.

    ids  global ids by name, as `create_company_records` notes them
    """
    money = {"amount": "5.50", "currency": "USD"}
    key = {"idempotencyKey": f"call {next(_call_numbers)}"}
    deal = {
        "title": "Desks", "amount": {**money}, "cost": {**money}, "owner": ids["Ann"], "client": ids["client"],
        "stage": ids["stage"], "status": "LOST", "saleKind": "FIRST", "product": "Desk", "createdAt": _PAST_TIME,
        "expectedCloseOn": "2026-12-01", "closedAt": _PAST_TIME, "lostReason": "Too dear", "externalId": "desks",
        "forecastCategory": "COMMIT",
    }  # fmt: skip
    owner = {"owner": ids["Bob"]}
    contact_fields = {"email": "info@example.com", "phone": "+49 30 1"}
    rule = {
        "kind": "DEAL_STALLED", "scope": ids["North"], "enabled": True, "minAmount": "5", "days": 7, "percent": None,
        "hours": None, "stage": None,  # fields that the kind does not use are null
        "recipients": ["MANAGER"], "channels": [], "coolDownHours": 24, **key,
    }  # fmt: skip
    source = {"files": None, "inboxPath": "deals.csv", "map": "bitrix24", "mapText": None}
    inputs: dict[str, Arguments] = {
        "previewImport": source,
        "runImport": {**source, "dryRun": True, **key},
        "createAlertRule": rule,
        "signIn": {"email": "ann@example.com", "password": PASSWORD, "trustToken": ids["trust"]},
        "inviteEmployee": {"employee": ids["Ann"], "send": False, **key},
        "endSessions": {"currentPassword": PASSWORD, "session": ids["session"]},
        "setPassword": {"token": ids["link"], "password": PASSWORD},
        "createEmployee": {
            "name": "Eve", "email": "eve@example.com", "password": PASSWORD, "role": "EMPLOYEE", "team": ids["North"],
            "manager": ids["Bob"], "avatarUrl": "https://example.com/eve.png", "joinedOn": "2026-11-02",
            "carriesQuota": True, "carriesQuotaFrom": "2100-01-01", "externalId": "eve", **key,
        },
        "updateEmployee": {
            "id": ids["Ann"], "name": "Anna", "email": "anna@example.com", "password": PASSWORD, "role": "MANAGER",
            "team": ids["South"], "manager": ids["Bob"], "avatarUrl": "/anna.png", "active": True,
            "joinedOn": "2026-11-02", "carriesQuota": False, "carriesQuotaFrom": "2100-01-01", **key,
        },
        "updateProfile": {
            "language": "ru", "quietFrom": 0, "quietTo": 1439, "digestAt": 600, "currentPassword": PASSWORD,
            "password": PASSWORD, **key,
        },
        "setAbsence": {
            "id": ids["absence"], "employee": ids["Ann"], "from": "2026-11-23", "to": "2026-11-27", "kind": "SICK",
            "externalId": "sick", **key,
        },
        "createTeam": {"name": "East", "parent": ids["Sales"], "manager": ids["Ann"], **key},
        "updateTeam": {"id": ids["North"], "name": "Far north", "parent": ids["South"], "manager": ids["Ann"], **key},
        "updateCompany": {
            "name": "Acme & Co", "currency": "EUR", "timeZone": "Europe/Moscow", "weekStart": "SUNDAY",
            "workingDays": ["MONDAY", "TUESDAY"], "holidayCountry": "DE", "holidayRegion": "BY", "workdayStart": "10:00",
            "workdayEnd": "19:00", "closeAfterWorkdays": 3, "employeesSetAbsences": True, "requiresTargetReason": True, **key,
        },
        "setExchangeRate": {"currency": "CHF", "rate": "1.05", "from": "2026-11-01", **key},
        "savePipeline": {
            "id": ids["pipeline"], "name": "Direct", **key,
            "stages": [{"id": stage, "name": f"Stage {n}", "forecastCategory": "BEST_CASE"} for n, stage in enumerate(ids["stages"].split())],
        },
        "createDevice": {"name": "Hall", "kind": "WALLBOARD", "scope": ids["North"], **key},
        "createMetric": {"key": "demos_held", "name": "Demos held", "description": "Shown live", "unit": "COUNT", **key},
        "setGoal": {
            "owner": ids["Ann"], "metric": "calls_made", "target": 9, "period": {"kind": "QUARTER"}, "name": "Calls",
            "shape": "CUSTOM", "slices": [2, 3, 4],
            "recurring": True, "proRated": True, "threshold": 7, "stretch": 12, **key,
        },
        "updateGoal": {"id": ids["goal"], "ifVersion": int(ids["version"]), "name": "Wins", "target": 10, "recurring": True, "proRated": True, "threshold": 7, "stretch": 12, "shape": "CUSTOM", "slices": [2, 3, 5], "reason": "Back from leave", **key},
        "submitForecast": {
            "scope": ids["North"], "period": {"kind": "QUARTER"}, "basis": "REVENUE",
            "amount": {"amount": "5.50", "currency": "EUR"}, "note": "As promised", **key,
        },
        "adjustForecast": {
            "scope": ids["North"], "period": {"kind": "QUARTER"}, "basis": "REVENUE",
            "amount": {"amount": "5.50", "currency": "EUR"}, "note": "A large deal is late", **key,
        },
        "applyPlan": {"plan": build_plan(ids), "hash": ids["planHash"], "reason": "New prices", **key},
        "recordDeal": {**deal, **key},
        "updateDeal": {
            "id": ids["won"], "title": "Armchairs", "amount": {**money}, "cost": {**money}, "owner": ids["Bob"],
            "moveCredit": True, "client": ids["client"], "saleKind": "REPEAT", "product": "Chair",
            "expectedCloseOn": "2026-12-01", "closedAt": _PAST_TIME, "forecastCategory": "PIPELINE", **key,
        },
        "moveDeal": {"id": ids["deal"], "stage": ids["stage"], "at": "2026-11-18T09:00:00Z", **key},
        "winDeal": {"id": ids["deal"], "amount": {**money}, "cost": {**money}, "at": "2026-11-18T09:00:00Z", **key},
        "loseDeal": {"id": ids["deal"], "reason": "Too dear", "at": "2026-11-18T09:00:00Z", **key},
        "reopenDeal": {"id": ids["won"], "stage": ids["stage"], **key},
        "flagDeal": {"id": ids["deal"], "problem": "Silence", **key},
        "recordRefund": {
            "deal": ids["refunded"], "amount": {"amount": "2.50", "currency": "EUR"}, "at": "2026-11-18T09:00:00Z",
            "reason": "Scratched", "externalId": "refund", **key,
        },
        "recordLead": {
            "id": ids["lead"], "title": "Another", "source": "Fair", "status": "IN_PROGRESS", "client": ids["client"],
            "contactName": "Gil", "createdAt": _PAST_TIME, "externalId": "lead", **owner, **contact_fields, **key,
        },
        "convertLead": {"id": ids["lead"], "deal": {**deal, **key}, **key},
        "recordClient": {
            "id": ids["client"], "name": "Initech", "createdAt": _PAST_TIME, "externalId": "client", **owner, **contact_fields,
            **key,
        },
        "recordContact": {
            "id": ids["contact"], "name": "Hal", "client": ids["client"], "createdAt": _PAST_TIME, "externalId": "contact",
            **owner, **contact_fields, **key,
        },
        "mergeClients": {"into": ids["client"], "from": ids["other client"], **key},
        "mergeContacts": {"into": ids["contact"], "from": ids["other contact"], **key},
        "mergeLeads": {"into": ids["lead"], "from": ids["other lead"], **key},
        "recordCall": {
            "id": ids["call"], "employee": ids["Bob"], "direction": "INBOUND", "outcome": "BUSY", "startedAt": _PAST_TIME,
            "durationSeconds": 60, "client": ids["client"], "deal": ids["deal"], "note": "Again", "externalId": "call",
            **key,
        },
        "recordResult": {
            "id": ids["result"], "metric": "visits", "value": "2", "employee": ids["Bob"], "at": _PAST_TIME, "note": "Two",
            "externalId": "result", **key,
        },
        "createTask": {
            "id": ids["task"], "title": "Report", "kind": "TASK", "assignee": ids["Bob"], "dueAt": "2026-12-01T09:00:00Z",
            "deal": ids["deal"], "client": ids["client"], "externalId": "task", **key,
        },
    }  # fmt: skip
    return {
        **{name: {"input": input} for name, input in inputs.items()},
        "recordDeals": {"inputs": [{**deal, "idempotencyKey": f"within {key}"}]},
        "updateAlertRule": {"id": ids["rule"], "input": rule},
        "deleteAlertRule": {"id": ids["rule"], **key},
        "setCompanyDays": {"days": [{"date": "2026-12-31", "kind": "OFF", "name": "New Year's Eve"}], **key},
        "removeAbsence": {"id": ids["absence"], **key},
        "removeCompanyDays": {"dates": ["2026-12-24"], **key},
        "markAlertsRead": {"ids": [ids["alert"]], **key},
        "heartbeat": {**key},
        "refreshSession": {"refreshToken": ids["refresh"]},
        "signOut": {"refreshToken": ids["refresh"]},
        "requestPasswordReset": {"email": "ann@example.com"},
        "unlockSignIn": {"employee": ids["Ann"], **key},
        "revokeDevice": {"id": ids["device"], **key},
        "archiveGoal": {"id": ids["goal"], **key},
        "undo": {"activity": ids["move"], **key},
        "undoPlan": {"id": ids["plan"], "keepChanged": True, "reason": "Old prices", **key},
        "cancelImport": {"id": ids["import"], **key},
        "deleteDeal": {"id": ids["deal"], **key},
        "deleteRefund": {"id": ids["refund"], **key},
        "deleteRecord": {"id": ids["call"], **key},
        "rejectLead": {"id": ids["lead"], "reason": "Spam", **key},
        "completeTask": {"id": ids["task"], "at": "2026-11-18T09:00:00Z", **key},
        "reopenTask": {"id": ids["task"], **key},
    }
