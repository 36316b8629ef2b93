"""Valid arguments for every mutation, with every input field set, and the company in which they are valid."""

from __future__ import annotations

import itertools
from typing import Any, Final

from tests.world import PASSWORD, World

Arguments = dict[str, Any]
_THEN: Final = "2026-11-17T09:00:00Z"


async def furnished(world: World) -> None:
    """Create people, teams and one record of each type, and note their ids in `world.ids`."""
    await world.team("Sales")
    await world.team("North", "Sales")
    await world.team("South", "Sales")
    await world.hire("Ann", "North")
    await world.hire("Bob", "South")
    await world.act("setExchangeRate", currency="USD", rate="0.9")
    await world.act("createMetric", key="visits", name="Visits")
    ids, ann = world.ids, world.ids["Ann"]
    for kind, mutation, given in (
        ("client", "recordClient", {"name": "Globex", "owner": ann}),
        ("contact", "recordContact", {"name": "Gil", "owner": ann}),
        ("lead", "recordLead", {"title": "A question", "owner": ann}),
        ("call", "recordCall", {"direction": "OUTBOUND", "employee": ann}),
        ("result", "recordResult", {"metric": "visits", "value": 1, "employee": ann}),
        ("task", "createTask", {"title": "Call back", "assignee": ann}),
        ("deal", "recordDeal", {"title": "Chairs", "owner": ann, "amount": {"amount": 5}}),
    ):
        ids[kind] = (await world.act(mutation, **given))[kind]["id"]
    given = {"title": "Tables", "owner": ann, "amount": {"amount": 5}, "status": "WON"}
    ids["won"] = (await world.act("recordDeal", createdAt="2026-11-02T09:00:00Z", **given))["deal"]["id"]
    month = {"kind": "MONTH"}
    goal = (await world.act("setGoal", owner=ann, metric="deals_won", target=9, period=month))["goal"]
    ids["goal"], ids["version"] = goal["id"], str(goal["progress"]["version"])
    await told(world)
    await world.device("device", "WALLBOARD")
    pipelines = (await world.ask("{ pipelines { id stages { id } } }"))["pipelines"]
    ids["pipeline"], ids["stage"] = pipelines[0]["id"], pipelines[0]["stages"][1]["id"]
    ids["stages"] = " ".join(stage["id"] for stage in pipelines[0]["stages"])
    tokens = await world.tried("signIn", None, email="ann@example.com", password=PASSWORD)
    ids["refresh"] = tokens["refreshToken"]


async def told(world: World) -> None:
    """Create an alert rule and an alert of it in the administrator's inbox."""
    rule = "mutation { createAlertRule(input: {kind: DEAL_LOST, recipients: [EMPLOYEE]}) { rule { id } } }"
    world.ids["rule"] = (await world.ask(rule))["createAlertRule"]["rule"]["id"]
    await world.act("recordDeal", title="Rugs", status="LOST")
    inbox = await world.ask("{ alerts { edges { node { id } } } }")
    world.ids["alert"] = inbox["alerts"]["edges"][0]["node"]["id"]


_numbers: Final = itertools.count()


def right(ids: dict[str, str]) -> dict[str, Arguments]:
    """Return valid arguments of every mutation for a call by the administrator, with a new idempotency key.

    ids  global ids by name, as `create_company_records` notes them
    """
    money = {"amount": "5.50", "currency": "USD"}
    key = {"idempotencyKey": f"call {next(_numbers)}"}
    deal = {
        "title": "Desks", "amount": {**money}, "cost": {**money}, "owner": ids["Ann"], "client": ids["client"],
        "stage": ids["stage"], "status": "LOST", "saleKind": "FIRST", "product": "Desk", "createdAt": _THEN,
        "expectedCloseOn": "2026-12-01", "closedAt": _THEN, "lostReason": "Too dear", "externalId": "desks",
    }  # fmt: skip
    owner = {"owner": ids["Bob"]}
    reached = {"email": "info@example.com", "phone": "+49 30 1"}
    rule = {
        "kind": "DEAL_STALLED", "scope": ids["North"], "enabled": True, "minAmount": "5", "days": 7, "percent": 10,
        "recipients": ["MANAGER"], "channels": [], "coolDownHours": 24, **key,
    }  # fmt: skip
    inputs: dict[str, Arguments] = {
        "createAlertRule": rule,
        "signIn": {"email": "ann@example.com", "password": PASSWORD},
        "createEmployee": {
            "name": "Eve", "email": "eve@example.com", "password": PASSWORD, "role": "EMPLOYEE", "team": ids["North"],
            "manager": ids["Bob"], "avatarUrl": "https://example.com/eve.png", "externalId": "eve", **key,
        },
        "updateEmployee": {
            "id": ids["Ann"], "name": "Anna", "email": "anna@example.com", "password": PASSWORD, "role": "MANAGER",
            "team": ids["South"], "manager": ids["Bob"], "avatarUrl": "/anna.png", "active": True, **key,
        },
        "updateProfile": {
            "language": "ru", "quietFrom": 0, "quietTo": 1439, "digestAt": 600, "currentPassword": PASSWORD,
            "password": PASSWORD,
        },
        "createTeam": {"name": "East", "parent": ids["Sales"], "manager": ids["Ann"], **key},
        "updateTeam": {"id": ids["North"], "name": "Far north", "parent": ids["South"], "manager": ids["Ann"], **key},
        "updateCompany": {
            "name": "Acme & Co", "currency": "EUR", "timeZone": "Europe/Moscow", "weekStart": "SUNDAY",
            "workingDays": ["MONDAY", "TUESDAY"], "holidayCountry": "DE", "closeAfterWorkdays": 3,
        },
        "setExchangeRate": {"currency": "CHF", "rate": "1.05", "from": "2026-11-01"},
        "savePipeline": {
            "id": ids["pipeline"], "name": "Direct", **key,
            "stages": [{"id": stage, "name": f"Stage {n}"} for n, stage in enumerate(ids["stages"].split())],
        },
        "createDevice": {"name": "Hall", "kind": "WALLBOARD", "scope": ids["North"], **key},
        "createMetric": {"key": "demos_held", "name": "Demos held", "description": "Shown live", "unit": "COUNT"},
        "setGoal": {
            "owner": ids["Ann"], "metric": "calls_made", "target": 9, "period": {"kind": "MONTH"}, "name": "Calls",
            "recurring": True, **key,
        },
        "updateGoal": {"id": ids["goal"], "ifVersion": int(ids["version"]), "name": "Wins", "target": 10, "recurring": True, **key},
        "recordDeal": {**deal, **key},
        "updateDeal": {
            "id": ids["won"], "title": "Armchairs", "amount": {**money}, "cost": {**money}, "owner": ids["Bob"],
            "moveCredit": True, "client": ids["client"], "saleKind": "REPEAT", "product": "Chair",
            "expectedCloseOn": "2026-12-01", "closedAt": _THEN, **key,
        },
        "moveDeal": {"id": ids["deal"], "stage": ids["stage"], "at": "2026-11-18T09:00:00Z", **key},
        "winDeal": {"id": ids["deal"], "amount": {**money}, "cost": {**money}, "at": "2026-11-18T09:00:00Z", **key},
        "loseDeal": {"id": ids["deal"], "reason": "Too dear", "at": "2026-11-18T09:00:00Z", **key},
        "reopenDeal": {"id": ids["won"], "stage": ids["stage"], **key},
        "flagDeal": {"id": ids["deal"], "problem": "Silence", **key},
        "recordLead": {
            "id": ids["lead"], "title": "Another", "source": "Fair", "status": "IN_PROGRESS", "client": ids["client"],
            "contactName": "Gil", "createdAt": _THEN, "externalId": "lead", **owner, **reached, **key,
        },
        "convertLead": {"id": ids["lead"], "deal": {**deal, "idempotencyKey": f"within {key}"}, **key},
        "recordClient": {
            "id": ids["client"], "name": "Initech", "createdAt": _THEN, "externalId": "client", **owner, **reached,
            **key,
        },
        "recordContact": {
            "id": ids["contact"], "name": "Hal", "client": ids["client"], "createdAt": _THEN, "externalId": "contact",
            **owner, **reached, **key,
        },
        "recordCall": {
            "id": ids["call"], "employee": ids["Bob"], "direction": "INBOUND", "outcome": "BUSY", "startedAt": _THEN,
            "durationSeconds": 60, "client": ids["client"], "deal": ids["deal"], "note": "Again", "externalId": "call",
            **key,
        },
        "recordResult": {
            "id": ids["result"], "metric": "visits", "value": "2", "employee": ids["Bob"], "at": _THEN, "note": "Two",
            "externalId": "result", **key,
        },
        "createTask": {
            "id": ids["task"], "title": "Report", "kind": "TASK", "assignee": ids["Bob"], "dueAt": "2026-12-01T09:00:00Z",
            "deal": ids["deal"], "client": ids["client"], "externalId": "task", **key,
        },
    }  # fmt: skip
    return {
        **{name: {"input": given} for name, given in inputs.items()},
        "recordDeals": {"inputs": [{**deal, "idempotencyKey": f"within {key}"}]},
        "updateAlertRule": {"id": ids["rule"], "input": rule},
        "deleteAlertRule": {"id": ids["rule"]},
        "markAlertsRead": {"ids": [ids["alert"]]},
        "heartbeat": {},
        "refreshSession": {"refreshToken": ids["refresh"]},
        "signOut": {"refreshToken": ids["refresh"]},
        "revokeDevice": {"id": ids["device"]},
        "archiveGoal": {"id": ids["goal"]},
        "deleteDeal": {"id": ids["deal"]},
        "deleteRecord": {"id": ids["call"]},
        "rejectLead": {"id": ids["lead"], "reason": "Spam"},
        "completeTask": {"id": ids["task"], "at": "2026-11-18T09:00:00Z"},
        "reopenTask": {"id": ids["task"]},
    }
