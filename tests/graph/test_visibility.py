"""Visibility: other employees' data reads as absent on cards, behind one's own records, and in payloads.

The fields are read from the schema: a new field counts as private, or as an edge to a record, until it is listed here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType, get_named_type

from domain.primitives.global_ids import decoded
from graph.schema import make
from models.organization.people import Employee
from tests.resolvers.two_sellers import MONTH, goal, two_sellers, won
from tests.world import World

PUBLIC: Final = {"id", "name", "avatarUrl", "role", "team", "active", "online", "standing"}  # of a colleague's card
SCHEMA: Final = make()._schema
CARD: Final = SCHEMA.get_type("Employee").fields


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Two sellers with one record of each kind, and devices for the company and for one team."""
    async with two_sellers() as world:
        for name in ("Ann", "Bob"):
            await worked(world, name)
        await world.device("wall", "WALLBOARD")
        await world.device("wall of the south", "WALLBOARD", "South")
        await world.device("crm", "INTEGRATION")
        await world.device("crm of the south", "INTEGRATION", "South")
        yield world


async def worked(world: World, name: str) -> None:
    """Record one of everything that a card shows for an employee."""
    me = world.ids[name]
    await world.act("updateEmployee", id=me, manager=world.ids["admin"], avatarUrl="https://example.com/a.png")
    await Employee.filter(id=decoded(me)[1]).update(external_id=f"crm {name}")
    world.ids[f"goal of {name}"] = await goal(world, name, "deals_won")
    client = await world.act("recordClient", name, name="Globex")
    world.ids[f"client of {name}"] = client["client"]["id"]
    world.ids[f"deal of {name}"] = await won(world, name)
    await world.act("createTask", name, title="Call back")
    await world.act("recordCall", name, direction="OUTBOUND")
    await world.act("recordLead", name, title="A question")


# The card


def shown(field: str) -> str:
    """Return a selection of the field that shows whether it is empty."""
    type_ = get_named_type(CARD[field].type)
    if type_.name.endswith("Connection"):
        return f"{field} {{ totalCount edges {{ cursor }} }}"
    composite = isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
    return f"{field} {{ __typename }}" if composite else field


def is_empty(value: Any) -> bool:
    return value in (None, [], {"totalCount": 0, "edges": []})


async def card(world: World, who: str, of: str) -> dict[str, Any]:
    fields = " ".join(shown(field) for field in CARD)
    return (await world.ask(f"query($id: ID!) {{ employee(id: $id) {{ {fields} }} }}", who, id=world.ids[of]))[
        "employee"
    ]


@pytest.mark.parametrize("who", ["Ann", "wall", "wall of the south"])
async def test_of_a_colleagues_card_only_what_is_public_is_seen_without_an_error(world: World, who: str) -> None:
    found = await card(world, who, "Bob")

    assert {field for field, value in found.items() if not is_empty(value)} == PUBLIC


@pytest.mark.parametrize("who", ["Bob", "admin"])
async def test_the_own_card_and_those_below_are_seen_whole(world: World, who: str) -> None:
    found = await card(world, who, "Bob")

    assert not [field for field, value in found.items() if is_empty(value)]


async def test_an_integration_sees_cards_but_no_goals_and_no_boards(world: World) -> None:
    found = await card(world, "crm", "Bob")

    assert {field for field, value in found.items() if is_empty(value)} == {"forecast", "goals", "standing", "workTime"}


# Behind one's own records

# fmt: off
EDGES: Final = {  # by type: the fields that lead to records, which may belong to another employee
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
OWNED: Final = {*EDGES, "Result", "ActivitySubject"} | {f"{kind}Connection" for kind in EDGES}


def test_every_edge_to_a_record_is_known() -> None:
    found = {
        name: {field for field, of in SCHEMA.get_type(name).fields.items() if get_named_type(of.type).name in OWNED}
        for name in [*EDGES, "Result"]
    }

    assert {name: fields for name, fields in found.items() if fields} == {name: {*of} for name, of in EDGES.items()}


async def linked(world: World) -> dict[str, str]:
    """As an administrator, link records of Ann to records of Bob; return the ids of Ann's records by type."""
    bobs = {"client": world.ids["client of Bob"], "deal": world.ids["deal of Bob"]}
    anns = world.ids["Ann"]
    made = {
        "Deal": await world.act("recordDeal", title="Desks", owner=anns, client=bobs["client"]),
        "Contact": await world.act("recordContact", name="Gil", owner=anns, client=bobs["client"]),
        "Call": await world.act("recordCall", direction="INBOUND", employee=anns, **bobs),
        "Task": await world.act("createTask", title="Ask", assignee=anns, **bobs),
        "Lead": await world.act("recordLead", title="Another", owner=anns, client=bobs["client"]),
    }
    ids = {kind: payload[kind.lower()]["id"] for kind, payload in made.items()}
    await world.act("convertLead", id=ids["Lead"], deal={"title": "Of it", "owner": world.ids["Bob"]})
    ids["Client"] = world.ids["client of Ann"]
    await world.act("recordContact", name="Hal", owner=world.ids["Bob"], client=ids["Client"])
    await world.act("recordDeal", title="Lamps", owner=world.ids["Bob"], client=ids["Client"])
    return ids


@pytest.mark.parametrize("kind", ["Deal", "Contact", "Call", "Task", "Lead", "Client"])
async def test_a_colleagues_record_behind_an_own_one_reads_as_absent(world: World, kind: str) -> None:
    ids = await linked(world)
    fields = [field for field in EDGES[kind] if field != "activities"]
    selections = " ".join(f"{field} {{ {'totalCount' if field == 'deals' else 'id'} }}" for field in fields)
    document = f"query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ {selections} }} }} }}"

    own = (await world.ask(document, "Ann", id=ids[kind]))["node"]
    assert all(value in (None, [], {"totalCount": 0}) for value in own.values()), own
    above = (await world.ask(document, "admin", id=ids[kind]))["node"]
    assert all(value not in (None, [], {"totalCount": 0}) for value in above.values()), above


async def test_what_was_handed_over_stays_in_the_history_and_the_score_and_reads_as_absent(world: World) -> None:
    deal = world.ids["deal of Ann"]
    await world.act("updateDeal", id=deal, owner=world.ids["Bob"])
    document = """query($goal: ID!) {
      activities(kinds: [DEAL_WON]) { edges { node { subject { __typename } } } }
      goal(id: $goal) { entries { edges { node { amount source { __typename } } } } }
    }"""
    data = await world.ask(document, "Ann", goal=world.ids["goal of Ann"])

    assert [edge["node"]["subject"] for edge in data["activities"]["edges"]] == [None]
    assert [edge["node"] for edge in data["goal"]["entries"]["edges"]] == [{"amount": "1", "source": None}]


async def test_a_lead_is_converted_with_its_client_though_that_is_somebody_elses(world: World) -> None:
    client = world.ids["client of Bob"]
    lead = await world.act("recordLead", title="Another", owner=world.ids["Ann"], client=client)
    made = await world.act("convertLead", "Ann", id=lead["lead"]["id"], deal={"title": "Desks"})
    document = "query($id: ID!) { node(id: $id) { ... on Deal { client { id } } } }"

    assert (await world.ask(document, "Ann", id=made["deal"]["id"]))["node"] == {"client": None}
    assert (await world.ask(document, "admin", id=made["deal"]["id"]))["node"] == {"client": {"id": client}}


async def test_a_line_of_the_history_is_found_by_its_id_wherever_it_may_be_read(world: World) -> None:
    await world.team("East", manager="Ann")
    await world.team("West", manager="Ann")
    await world.hire("Eve", "West")  # in the second of her teams
    await world.act("recordLead", "Eve", title="A question")
    page = await world.ask(
        "query($s: ID) { activities(scope: $s) { edges { node { id } } } }", "Ann", s=world.ids["Eve"]
    )
    line = page["activities"]["edges"][0]["node"]
    document = "query($id: ID!) { node(id: $id) { id } }"

    assert (await world.ask(document, "Ann", id=line["id"]))["node"] == line
    assert (await world.ask(document, "Bob", id=line["id"]))["node"] is None


# Outside the scope of a device


async def test_people_out_of_a_devices_scope_are_nobody_to_it(world: World) -> None:
    await world.act("updateTeam", id=world.ids["South"], manager=world.ids["Ann"])
    await goal(world, "South", "calls_made")
    await world.act("createTask", title="Report", assignee=world.ids["Bob"])
    document = "query($id: ID!) { team(id: $id) { manager { name } goals { createdBy { name } } } }"
    wall = await world.ask(document, "wall of the south", id=world.ids["South"])
    assert wall["team"] == {"manager": None, "goals": [{"createdBy": None}]}

    document = "{ tasks { edges { node { createdBy { name } } } } activities(kinds: [TASK_CREATED]) { edges { node { actor { name } } } } }"
    crm = await world.ask(document, "crm of the south")
    assert {"node": {"createdBy": None}} in crm["tasks"]["edges"]
    assert {"node": {"actor": None}} in crm["activities"]["edges"]


# In the payloads of mutations


async def test_an_answer_names_only_the_goals_that_may_be_seen(world: World) -> None:
    deal = world.ids["deal of Bob"]
    payload = await world.act(
        "recordDeal", "crm", title="Desks", status="WON", amount={"amount": 1}, owner=world.ids["Bob"]
    )
    assert payload["goals"] == []

    await goal(world, "Bob", "deals_won_amount")
    await world.act("updateDeal", id=deal, owner=world.ids["Ann"])  # the credit stays with Bob
    payload = await world.act("updateDeal", "Ann", id=deal, amount={"amount": 500})
    assert payload["goals"] == []


async def test_a_repeated_call_answers_with_what_may_be_seen_now(world: World) -> None:
    call = {"title": "Desks", "owner": world.ids["Ann"], "idempotencyKey": "once"}
    await world.act("updateTeam", id=world.ids["North"], manager=world.ids["Bob"])
    first = await world.act("recordDeal", "Bob", **call)
    assert (await world.act("recordDeal", "Bob", **call)) == first

    await world.act("updateTeam", id=world.ids["North"], manager=None)
    assert (await world.act("recordDeal", "Bob", **call))["deal"] is None


async def test_who_ends_his_own_session_is_answered(world: World) -> None:
    me = world.ids["admin"]
    await world.act("createEmployee", name="Zoe", email="zoe@example.com", role="ADMIN")

    assert (await world.act("updateEmployee", id=me, active=False))["employee"]["id"] == me


async def test_the_credit_of_another_is_taken_only_by_who_stands_above_both(world: World) -> None:
    deal = world.ids["deal of Bob"]
    await world.act("updateDeal", id=deal, owner=world.ids["Ann"])
    tried = await world.tried("updateDeal", "Ann", id=deal, owner=world.ids["Ann"], moveCredit=True)

    assert [(error["code"], error["path"]) for error in tried["userErrors"]] == [("FORBIDDEN", ["input", "moveCredit"])]


# Managers


@pytest.mark.parametrize("how", ["managing a team above", "set as the manager of an employee"])
async def test_who_stands_above_is_a_manager_whatever_his_role_is_called(world: World, how: str) -> None:
    if how == "managing a team above":
        await world.act("updateTeam", id=world.ids["North"], manager=world.ids["Bob"])
    else:
        await world.act("updateEmployee", id=world.ids["Ann"], manager=world.ids["Bob"])
    data = await world.ask("query($id: ID!) { employee(id: $id) { email } }", "Bob", id=world.ids["Ann"])

    assert data["employee"]["email"] == "ann@example.com"
    assert (await world.tried("setGoal", "Bob", owner=world.ids["Ann"], metric="calls_made", target=1, period=MONTH))[
        "userErrors"
    ] == []


async def test_who_is_called_manager_and_manages_nobody_sees_nobodys_card(world: World) -> None:
    await world.act("updateEmployee", id=world.ids["Bob"], role="MANAGER")
    data = await world.ask(
        "query($id: ID!) { employee(id: $id) { email deals { totalCount } } }", "Bob", id=world.ids["Ann"]
    )

    assert data["employee"] == {"email": None, "deals": {"totalCount": 0}}
