"""Visibility: other employees' data reads as absent on cards, behind one's own records, and in payloads.

The fields are read from the schema: a new field counts as private, or as an edge to a record, until it is listed here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType, get_named_type

from domain.primitives.global_ids import decode_global_id
from graph.schema import create_schema
from models.organization.people import Employee
from tests.resolvers.two_sellers import CURRENT_MONTH, open_world_with_two_sellers, record_won_deal, set_goal
from tests.world import World, cache_company

PUBLIC_FIELDS: Final = {
    "id",
    "name",
    "avatarUrl",
    "role",
    "team",
    "active",
    "online",
    "standing",
}  # of a colleague's card
SCHEMA: Final = create_schema()._schema
CARD_FIELDS: Final = SCHEMA.get_type("Employee").fields


@cache_company
async def open_company(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    """Two sellers with one record of each kind, and devices for the company and for one team."""
    async with open_world_with_two_sellers(url) as world:
        for name in ("Ann", "Bob"):
            await record_one_of_each(world, name)
        await world.create_device("wall", "WALLBOARD")
        await world.create_device("wall of the south", "WALLBOARD", "South")
        await world.create_device("crm", "INTEGRATION")
        await world.create_device("crm of the south", "INTEGRATION", "South")
        yield world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_company() as world:
        yield world


async def record_one_of_each(world: World, name: str) -> None:
    """Record one of everything that a card shows for an employee."""
    employee_id = world.global_ids[name]
    profile = {"avatarUrl": "https://example.com/a.png", "joinedOn": "2026-01-12"}
    await world.mutate("updateEmployee", id=employee_id, manager=world.global_ids["admin"], **profile)
    absence = {"from": "2026-12-01", "to": "2026-12-04", "kind": "VACATION"}
    await world.mutate("setAbsence", employee=employee_id, **absence)
    await Employee.filter(id=decode_global_id(employee_id)[1]).update(external_id=f"crm {name}")
    world.global_ids[f"goal of {name}"] = await set_goal(world, name, "deals_won")
    client = await world.mutate("recordClient", name, name="Globex")
    world.global_ids[f"client of {name}"] = client["client"]["id"]
    world.global_ids[f"deal of {name}"] = await record_won_deal(world, name)
    await world.mutate("createTask", name, title="Call back")
    await world.mutate("recordCall", name, direction="OUTBOUND")
    await world.mutate("recordLead", name, title="A question")


# The card


def selection_of(field: str) -> str:
    """Return a selection of the field that shows whether it is empty."""
    graphql_type = get_named_type(CARD_FIELDS[field].type)
    if graphql_type.name.endswith("Connection"):
        return f"{field} {{ totalCount edges {{ cursor }} }}"
    is_composite = isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
    return f"{field} {{ __typename }}" if is_composite else field


def is_empty(value: Any) -> bool:
    return value in (None, [], {"totalCount": 0, "edges": []})


async def query_card(world: World, viewer: str, employee: str) -> dict[str, Any]:
    fields = " ".join(selection_of(field) for field in CARD_FIELDS)
    return (
        await world.query(
            f"query($id: ID!) {{ employee(id: $id) {{ {fields} }} }}", viewer, id=world.global_ids[employee]
        )
    )["employee"]


@pytest.mark.parametrize("who", ["Ann", "wall", "wall of the south"])
async def test_colleague_card_shows_only_public_fields_without_an_error(world: World, who: str) -> None:
    employee = await query_card(world, who, "Bob")

    assert {field for field, value in employee.items() if not is_empty(value)} == PUBLIC_FIELDS


@pytest.mark.parametrize("who", ["Bob", "admin"])
async def test_own_and_managed_cards_are_fully_visible(world: World, who: str) -> None:
    employee = await query_card(world, who, "Bob")

    assert not [field for field, value in employee.items() if is_empty(value)]


async def test_integration_sees_cards_without_goals_leaderboards_and_work_time(world: World) -> None:
    employee = await query_card(world, "crm", "Bob")

    assert {field for field, value in employee.items() if is_empty(value)} == {
        "absences",
        "joinedOn",
        "forecast",
        "goals",
        "standing",
        "workTime",
    }


# Behind one's own records

# fmt: off
RECORD_EDGES: Final = {  # by type: the fields that lead to records, which may belong to another employee
    "Deal": ("client", "activities"),
    "Lead": ("client", "deal"),
    "Client": ("contacts", "deals"),
    "Contact": ("client",),
    "Call": ("client", "deal"),
    "Task": ("client", "deal"),
    "Activity": ("subject",),
    "ScoreEntry": ("source",),
}
# fmt: on
OWNED_TYPES: Final = {*RECORD_EDGES, "Result", "ActivitySubject"} | {f"{kind}Connection" for kind in RECORD_EDGES}


def test_record_edges_list_every_field_that_leads_to_a_record() -> None:
    edges = {
        name: {
            field
            for field, definition in SCHEMA.get_type(name).fields.items()
            if get_named_type(definition.type).name in OWNED_TYPES
        }
        for name in [*RECORD_EDGES, "Result"]
    }

    assert {name: fields for name, fields in edges.items() if fields} == {
        name: {*fields} for name, fields in RECORD_EDGES.items()
    }


async def link_records(world: World) -> dict[str, str]:
    """As an administrator, link records of Ann to records of Bob; return the ids of Ann's records by type."""
    bob_records = {"client": world.global_ids["client of Bob"], "deal": world.global_ids["deal of Bob"]}
    ann_id = world.global_ids["Ann"]
    payloads = {
        "Deal": await world.mutate("recordDeal", title="Desks", owner=ann_id, client=bob_records["client"]),
        "Contact": await world.mutate("recordContact", name="Gil", owner=ann_id, client=bob_records["client"]),
        "Call": await world.mutate("recordCall", direction="INBOUND", employee=ann_id, **bob_records),
        "Task": await world.mutate("createTask", title="Ask", assignee=ann_id, **bob_records),
        "Lead": await world.mutate("recordLead", title="Another", owner=ann_id, client=bob_records["client"]),
    }
    ids = {kind: payload[kind.lower()]["id"] for kind, payload in payloads.items()}
    await world.mutate("convertLead", id=ids["Lead"], deal={"title": "Of it", "owner": world.global_ids["Bob"]})
    ids["Client"] = world.global_ids["client of Ann"]
    await world.mutate("recordContact", name="Hal", owner=world.global_ids["Bob"], client=ids["Client"])
    await world.mutate("recordDeal", title="Lamps", owner=world.global_ids["Bob"], client=ids["Client"])
    return ids


@pytest.mark.parametrize("kind", ["Deal", "Contact", "Call", "Task", "Lead", "Client"])
async def test_colleague_record_behind_an_own_record_reads_as_absent(world: World, kind: str) -> None:
    ids = await link_records(world)
    fields = [field for field in RECORD_EDGES[kind] if field != "activities"]
    selections = " ".join(f"{field} {{ {'totalCount' if field == 'deals' else 'id'} }}" for field in fields)
    document = f"query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ {selections} }} }} }}"

    employee_view = (await world.query(document, "Ann", id=ids[kind]))["node"]
    assert all(value in (None, [], {"totalCount": 0}) for value in employee_view.values()), employee_view
    admin_view = (await world.query(document, "admin", id=ids[kind]))["node"]
    assert all(value not in (None, [], {"totalCount": 0}) for value in admin_view.values()), admin_view


async def test_reassigned_deal_stays_in_history_and_ledger_but_reads_as_absent(world: World) -> None:
    deal = world.global_ids["deal of Ann"]
    await world.mutate("updateDeal", id=deal, owner=world.global_ids["Bob"])
    document = """query($goal: ID!) {
      activities(kinds: [DEAL_WON]) { edges { node { subject { __typename } } } }
      goal(id: $goal) { entries { edges { node { amount source { __typename } } } } }
    }"""
    data = await world.query(document, "Ann", goal=world.global_ids["goal of Ann"])

    assert [edge["node"]["subject"] for edge in data["activities"]["edges"]] == [None]
    assert [edge["node"] for edge in data["goal"]["entries"]["edges"]] == [{"amount": "1", "source": None}]


async def test_lead_with_a_client_of_a_colleague_can_be_converted(world: World) -> None:
    client = world.global_ids["client of Bob"]
    lead = await world.mutate("recordLead", title="Another", owner=world.global_ids["Ann"], client=client)
    payload = await world.mutate("convertLead", "Ann", id=lead["lead"]["id"], deal={"title": "Desks"})
    document = "query($id: ID!) { node(id: $id) { ... on Deal { client { id } } } }"

    assert (await world.query(document, "Ann", id=payload["deal"]["id"]))["node"] == {"client": None}
    assert (await world.query(document, "admin", id=payload["deal"]["id"]))["node"] == {"client": {"id": client}}


async def test_activity_is_found_by_id_for_viewers_who_may_read_it(world: World) -> None:
    await world.create_team("East", manager="Ann")
    await world.create_team("West", manager="Ann")
    await world.create_employee("Eve", "West")  # in the second of her teams
    await world.mutate("recordLead", "Eve", title="A question")
    page = await world.query(
        "query($s: ID) { activities(scope: $s) { edges { node { id } } } }", "Ann", s=world.global_ids["Eve"]
    )
    activity = page["activities"]["edges"][0]["node"]
    document = "query($id: ID!) { node(id: $id) { id } }"

    assert (await world.query(document, "Ann", id=activity["id"]))["node"] == activity
    assert (await world.query(document, "Bob", id=activity["id"]))["node"] is None


# Outside the scope of a device


async def test_people_outside_the_scope_of_a_device_read_as_null(world: World) -> None:
    await world.mutate("updateTeam", id=world.global_ids["South"], manager=world.global_ids["Ann"])
    await set_goal(world, "South", "calls_made")
    await world.mutate("createTask", title="Report", assignee=world.global_ids["Bob"])
    document = "query($id: ID!) { team(id: $id) { manager { name } goals { createdBy { name } } } }"
    wallboard_data = await world.query(document, "wall of the south", id=world.global_ids["South"])
    assert wallboard_data["team"] == {"manager": None, "goals": [{"createdBy": None}]}

    document = "{ tasks { edges { node { createdBy { name } } } } activities(kinds: [TASK_CREATED]) { edges { node { actor { name } } } } }"
    integration_data = await world.query(document, "crm of the south")
    assert {"node": {"createdBy": None}} in integration_data["tasks"]["edges"]
    assert {"node": {"actor": None}} in integration_data["activities"]["edges"]


# In the payloads of mutations


async def test_mutation_payload_contains_only_visible_goals(world: World) -> None:
    deal = world.global_ids["deal of Bob"]
    payload = await world.mutate(
        "recordDeal", "crm", title="Desks", status="WON", amount={"amount": 1}, owner=world.global_ids["Bob"]
    )
    assert payload["goals"] == []

    await set_goal(world, "Bob", "deals_won_amount")
    await world.mutate("updateDeal", id=deal, owner=world.global_ids["Ann"])  # the credit stays with Bob
    payload = await world.mutate("updateDeal", "Ann", id=deal, amount={"amount": 500})
    assert payload["goals"] == []


async def test_repeated_mutation_returns_only_what_is_visible_now(world: World) -> None:
    deal_input = {"title": "Desks", "owner": world.global_ids["Ann"], "idempotencyKey": "once"}
    await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Bob"])
    first = await world.mutate("recordDeal", "Bob", **deal_input)
    assert (await world.mutate("recordDeal", "Bob", **deal_input)) == first

    await world.mutate("updateTeam", id=world.global_ids["North"], manager=None)
    assert (await world.mutate("recordDeal", "Bob", **deal_input))["deal"] is None


async def test_deactivating_oneself_returns_the_payload(world: World) -> None:
    admin_id = world.global_ids["admin"]
    await world.mutate("createEmployee", name="Zoe", email="zoe@example.com", role="ADMIN")

    assert (await world.mutate("updateEmployee", id=admin_id, active=False))["employee"]["id"] == admin_id


async def test_moving_credit_requires_managing_both_employees(world: World) -> None:
    deal = world.global_ids["deal of Bob"]
    await world.mutate("updateDeal", id=deal, owner=world.global_ids["Ann"])
    payload = await world.try_mutation("updateDeal", "Ann", id=deal, owner=world.global_ids["Ann"], moveCredit=True)

    assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [
        ("FORBIDDEN", ["input", "moveCredit"])
    ]


# Managers


@pytest.mark.parametrize("how", ["managing a team above", "set as the manager of an employee"])
async def test_managing_a_team_or_employee_grants_manager_rights(world: World, how: str) -> None:
    if how == "managing a team above":
        await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Bob"])
    else:
        await world.mutate("updateEmployee", id=world.global_ids["Ann"], manager=world.global_ids["Bob"])
    data = await world.query("query($id: ID!) { employee(id: $id) { email } }", "Bob", id=world.global_ids["Ann"])

    assert data["employee"]["email"] == "ann@example.com"
    assert (
        await world.try_mutation(
            "setGoal", "Bob", owner=world.global_ids["Ann"], metric="calls_made", target=1, period=CURRENT_MONTH
        )
    )["userErrors"] == []


async def test_manager_role_without_reports_grants_no_card(world: World) -> None:
    await world.mutate("updateEmployee", id=world.global_ids["Bob"], role="MANAGER")
    data = await world.query(
        "query($id: ID!) { employee(id: $id) { email deals { totalCount } } }", "Bob", id=world.global_ids["Ann"]
    )

    assert data["employee"] == {"email": None, "deals": {"totalCount": 0}}


@pytest.mark.parametrize(
    ("actor", "scope"),
    [
        ("admin", "Acme"),
        ("Ann", "Ann"),
        ("wall", "Acme"),
        ("wall of the south", "South"),
        ("crm", "Acme"),
        ("crm of the south", "South"),
    ],
)
async def test_scope_of_viewer_is_widest_they_read(world: World, actor: str, scope: str) -> None:
    query = "{ viewer { scope { name } } }"

    assert await world.query(query, actor) == {"viewer": {"scope": {"name": scope}}}
