"""Merging of clients, contacts and leads: what moves, what counts, and which ids stand for what stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tortoise import Tortoise

from models.crm.clients import Client, Contact
from models.crm.leads import Lead
from models.crm.merging import REFERENCES
from models.db import connection, row_store
from resolvers.crm.clients import ClientType
from resolvers.crm.import_outcomes import ImportOutcome
from resolvers.crm.inputs import ClientInput
from resolvers.crm.record_type import import_records
from resolvers.ledger.reconciliation import reconcile
from tests.resolvers.two_sellers import (
    open_world_with_two_sellers,
    read_goal_value,
    read_leaderboard,
    record_won_deal,
    set_goal,
)
from tests.world import World

KINDS = {"client": "Client", "contact": "Contact", "lead": "Lead"}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world_with_two_sellers() as world:
        yield world


async def record(world: World, kind: str, name: str, actor: str = "Ann", **input: Any) -> str:
    label = {"title": name} if kind == "lead" else {"name": name}
    return str((await world.mutate(f"record{KINDS[kind]}", actor, **label, **input))[kind]["id"])


async def merge(world: World, kind: str, into: str, from_: str, actor: str = "Ann") -> dict[str, Any]:
    document = f"""mutation($input: MergeInput!) {{ merge{KINDS[kind]}s(input: $input) {{
      {kind} {{ id }} goals {{ id progress {{ value }} }} userErrors {{ path code message }} }} }}"""
    data = await world.query(document, actor, input={"into": into, "from": from_})
    return dict(data[f"merge{KINDS[kind]}s"])


async def merged(world: World, kind: str, into: str, from_: str, actor: str = "Ann") -> dict[str, Any]:
    payload = await merge(world, kind, into, from_, actor)
    assert payload["userErrors"] == []
    return payload


async def find(world: World, global_id: str, fields: str, actor: str = "Ann") -> Any:
    return (await world.query(f"query($id: ID!) {{ node(id: $id) {{ id {fields} }} }}", actor, id=global_id))["node"]


async def reconciled(world: World) -> list[str]:
    return [str(difference) for difference in (await reconcile()).differences]


async def test_merge_moves_all_that_refers_to_the_client(world: World) -> None:
    into, from_ = await record(world, "client", "Globex"), await record(world, "client", "Globex Ltd")
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs", client=from_))["deal"]["id"]
    contact = await record(world, "contact", "Gil", client=from_)
    lead = await record(world, "lead", "A question", client=from_)
    task = (await world.mutate("createTask", "Ann", title="Call back", client=from_))["task"]["id"]
    call = (await world.mutate("recordCall", "Ann", direction="OUTBOUND", client=from_))["call"]["id"]
    await merged(world, "client", into, from_)

    for global_id, kind in ((deal, "Deal"), (contact, "Contact"), (lead, "Lead"), (task, "Task"), (call, "Call")):
        row = await find(world, global_id, f"... on {kind} {{ client {{ id name }} }}")
        assert row["client"] == {"id": into, "name": "Globex"}, kind
    client = await find(world, into, "... on Client { contacts { name } deals { totalCount } lastActivityAt }")
    assert client["contacts"] == [{"name": "Gil"}]
    assert client["deals"] == {"totalCount": 1}
    names = await world.query("{ clients { edges { node { name } } } }", "Ann")
    assert [edge["node"]["name"] for edge in names["clients"]["edges"]] == ["Globex"]


async def test_every_reference_of_the_models_moves_with_a_merge(world: World) -> None:
    """A foreign key, or a column named like one, must stand among the references, which the next test moves."""
    assert Tortoise.apps is not None
    models = [model for models in Tortoise.apps.values() for model in models.values()]
    for merged_model in (Client, Contact, Lead):
        column_name = f"{row_store.table_name(merged_model)}_id"
        expected = {
            (model, f"{name}_id")
            for model in models
            for name in model._meta.fk_fields
            if model._meta.fields_map[name].related_model is merged_model
        } | {(model, column_name) for model in models if column_name in model._meta.fields_db_projection}
        listed = {(reference.model, reference.column) for reference in REFERENCES[merged_model]}
        assert listed == expected


async def test_merge_leaves_no_reference_to_the_client_in_any_table(world: World) -> None:
    into, from_ = await record(world, "client", "Globex"), await record(world, "client", "Globex Ltd")
    await record_won_deal(world, client=from_)
    await record(world, "contact", "Gil", client=from_)
    await record(world, "lead", "A question", client=from_)
    await world.mutate("createTask", "Ann", title="Call back", client=from_)
    await world.mutate("recordCall", "Ann", direction="OUTBOUND", client=from_)
    [row] = await Client.filter(name="Globex Ltd")
    counts_before = await count_references(row.id)
    await merged(world, "client", into, from_)

    assert all(counts_before.values()), "the test must refer to the client by every column"
    assert not any((await count_references(row.id)).values())


async def count_references(client_id: int) -> dict[str, int]:
    counts = {}
    for reference in REFERENCES[Client]:
        sql = f'SELECT COUNT(*) AS number FROM "{row_store.table_name(reference.model)}" WHERE {reference.column} = ?'
        [counted] = await connection.fetch_rows(sql, [client_id])
        counts[reference.model.__name__] = counted["number"]
    return counts


async def test_added_client_is_taken_back_on_its_day(world: World) -> None:
    goal = await set_goal(world, "Bob", "clients_added")
    into = await record(world, "client", "Globex", createdAt="2026-11-10T09:00:00Z")
    from_ = await record(world, "client", "GLOBEX", "Bob", createdAt="2026-11-12T09:00:00Z")
    payload = await merged(world, "client", into, from_, "admin")

    assert payload["goals"] == [{"id": goal, "progress": {"value": "0"}}]
    assert await read_leaderboard(world, "clients_added") == {"Ann": "1", "Bob": "0", "total": "1"}
    entries = await world.query(
        """query($id: ID!) { goal(id: $id) { entries { edges { node {
          amount effectiveOn late source { ... on Client { id } } } } } } }""",
        id=goal,
    )
    rows = [edge["node"] for edge in entries["goal"]["entries"]["edges"]]
    assert sorted((row["amount"], row["effectiveOn"], row["late"]) for row in rows) == [
        ("-1", "2026-11-12", False),
        ("1", "2026-11-12", False),
    ]
    assert {row["source"]["id"] for row in rows} == {into}  # postings of the other one lead to it
    assert await reconciled(world) == []


async def test_sale_kinds_are_decided_anew_over_the_wins_of_both(world: World) -> None:
    into, from_ = await record(world, "client", "Globex"), await record(world, "client", "Globex Ltd")
    await record_won_deal(world, client=into, amount="100", closedAt="2026-11-12T10:00:00Z")
    await record_won_deal(world, "Bob", client=None, amount="7", closedAt="2026-11-11T10:00:00Z")
    await record_won_deal(world, client=from_, amount="30", closedAt="2026-11-10T10:00:00Z")
    await record_won_deal(world, client=from_, amount="20", closedAt="2026-11-13T10:00:00Z")
    assert (await read_leaderboard(world, "first_deals_won_amount"))["Ann"] == "130.00"
    goal = await set_goal(world, "Ann", "repeat_deals_won")
    payload = await merged(world, "client", into, from_)

    assert payload["goals"] == [{"id": goal, "progress": {"value": "2"}}]
    assert (await read_leaderboard(world, "first_deals_won_amount"))["Ann"] == "30.00"
    assert (await read_leaderboard(world, "repeat_deals_won_amount"))["Ann"] == "120.00"
    assert (await read_leaderboard(world))["total"] == "157.00"
    assert await read_goal_value(world, goal) == "2"
    assert await reconciled(world) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_ids_of_both_records_find_the_one_that_stays(world: World, kind: str) -> None:
    into = await record(world, kind, "Globex", externalId="w")
    middle = await record(world, kind, "Middle", externalId="m")
    from_ = await record(world, kind, "Other", externalId="l", phone="+49 30 1234567")
    await merged(world, kind, middle, from_)
    await merged(world, kind, into, middle)  # and what was merged into it before

    for external_id in ("w", "m", "l"):
        data = await world.query(
            f'query {{ byExternalId(type: {kind.upper()}, externalId: "{external_id}") {{ id }} }}', "Ann"
        )
        assert data["byExternalId"] == {"id": into}
    for old_id in (middle, from_):
        assert await find(world, old_id, "") == {"id": into}
    label = "title" if kind == "lead" else "name"
    assert await record(world, kind, "Renamed", externalId="l") == into
    row = await find(world, into, f"... on {KINDS[kind]} {{ {label} phone externalId }}")
    assert row == {"id": into, label: "Renamed", "phone": "+49 30 1234567", "externalId": "w"}
    assert await record(world, kind, "Again", id=into, externalId="m") == into
    assert (await find(world, into, f"... on {KINDS[kind]} {{ externalId }}"))["externalId"] == "w"


async def test_records_may_refer_to_a_merged_client_by_its_ids(world: World) -> None:
    into, from_ = await record(world, "client", "Globex"), await record(world, "client", "Other", externalId="l")
    await record_won_deal(world, client=into, closedAt="2026-11-10T10:00:00Z")
    await merged(world, "client", into, from_)
    deal = await record_won_deal(world, client="ext:l", closedAt="2026-11-12T10:00:00Z")
    lead = await record(world, "lead", "A question", client=from_)

    assert (await find(world, deal, "... on Deal { client { id } saleKind }")) == {
        "id": deal, "client": {"id": into}, "saleKind": "REPEAT",
    }  # fmt: skip
    assert (await find(world, lead, "... on Lead { client { id } }"))["client"] == {"id": into}
    listed = await world.query("query($id: ID!) { deals(filter: {client: $id}) { totalCount } }", "Ann", id=from_)
    assert listed["deals"] == {"totalCount": 2}


async def test_empty_fields_are_filled_and_the_feed_says_what_was_kept(world: World) -> None:
    into = await record(world, "client", "Globex", email="info@globex.example")
    from_ = await record(world, "client", "Globex Ltd", "Bob", email="old@globex.example", phone="+49 30 1")
    await merged(world, "client", into, from_, "admin")

    client = await find(world, into, "... on Client { name email phone owner { name } }")
    assert client == {
        "id": into, "name": "Globex", "email": "info@globex.example", "phone": "+49 30 1", "owner": {"name": "Ann"},
    }  # fmt: skip
    document = "{ activities(kinds: [RECORD_MERGED]) { edges { node { summary subject { ... on Client { id } } } } } }"
    [edge] = (await world.query(document, "Ann"))["activities"]["edges"]
    assert edge["node"] == {
        "summary": "Client “Globex” merged with “Globex Ltd”; taken over: phone; kept: e-mail info@globex.example"
        " instead of old@globex.example",
        "subject": {"id": into},
    }
    [edge] = (await world.query(document, "Bob"))["activities"]["edges"]
    assert edge["node"] == {"summary": "Client “Globex Ltd” was merged into another one", "subject": None}


async def test_conversion_of_the_merged_lead_is_that_of_the_one_that_stays(world: World) -> None:
    into = await record(world, "lead", "A question")
    from_ = await record(world, "lead", "The same question", source="Fair")
    conversion = await world.mutate("convertLead", "Ann", id=from_, deal={"title": "Chairs"})
    world.advance(days=1)
    await merged(world, "lead", into, from_)

    lead = await find(world, into, "... on Lead { status source deal { id } }")
    assert lead == {"id": into, "status": "CONVERTED", "source": "Fair", "deal": {"id": conversion["deal"]["id"]}}
    assert (await read_leaderboard(world, "leads_converted"))["Ann"] == "1"
    assert (await read_leaderboard(world, "leads_created"))["Ann"] == "1"
    assert await reconciled(world) == []


async def test_alert_about_an_untouched_lead_is_resolved_by_its_merge(world: World) -> None:
    await world.query(
        "mutation { createAlertRule(input: {kind: LEAD_UNTOUCHED, hours: 1, recipients: [EMPLOYEE]}) { rule { id } } }"
    )
    into = await record(world, "lead", "A question")
    await world.mutate("recordLead", "Ann", id=into, title="A question", status="IN_PROGRESS")
    from_ = await record(world, "lead", "The same question")
    await world.advance_and_run_jobs(hours=6)
    inbox = "{ alerts { edges { node { resolvedAt subject { ... on Lead { id } } } } } }"
    assert [edge["node"]["resolvedAt"] for edge in (await world.query(inbox, "Ann"))["alerts"]["edges"]] == [None]
    await merged(world, "lead", into, from_)

    [edge] = (await world.query(inbox, "Ann"))["alerts"]["edges"]
    assert edge["node"]["resolvedAt"] is not None
    assert edge["node"]["subject"] == {"id": into}


async def refusal(world: World, kind: str, into: str, from_: str, actor: str = "Ann") -> tuple[str, str]:
    [error] = (await merge(world, kind, into, from_, actor))["userErrors"]
    return error["code"], ".".join(error["path"])


async def test_merges_without_sense_are_refused(world: World) -> None:
    first, second, third = [await record(world, "client", name) for name in ("A", "B", "C")]
    contact, foreign = await record(world, "contact", "Gil"), await record(world, "client", "D", "Bob")
    assert await refusal(world, "client", first, first) == ("INVALID", "input.from")
    assert await refusal(world, "client", first, contact) == ("NOT_FOUND", "input.from")
    assert await refusal(world, "client", contact, first) == ("NOT_FOUND", "input.into")
    assert await refusal(world, "client", first, foreign) == ("NOT_FOUND", "input.from")
    await merged(world, "client", first, second)

    assert await refusal(world, "client", first, second) == ("CONFLICT", "input.from")  # already
    assert await refusal(world, "client", third, second) == ("CONFLICT", "input.from")
    assert await refusal(world, "client", second, first) == ("CONFLICT", "input.into")  # a cycle
    assert await refusal(world, "client", second, third) == ("CONFLICT", "input.into")


async def test_leads_with_two_deals_are_not_merged(world: World) -> None:
    leads = [await record(world, "lead", name) for name in ("A", "B")]
    for lead in leads:
        await world.mutate("convertLead", "Ann", id=lead, deal={"title": "Chairs"})
    assert await refusal(world, "lead", *leads) == ("CONFLICT", "input.from")


async def test_deletion_by_the_id_of_a_merged_record_deletes_nothing(world: World) -> None:
    into, from_ = await record(world, "client", "Globex"), await record(world, "client", "Other", externalId="l")
    await merged(world, "client", into, from_)
    document = "mutation($id: ID!) { deleteRecord(id: $id) { userErrors { code path } } }"
    for old_id in (from_, "ext:l"):
        payload = (await world.query(document, id=old_id))["deleteRecord"]
        assert payload["userErrors"] == [{"code": "CONFLICT", "path": ["id"]}]
    assert await find(world, into, "") == {"id": into}


async def test_repeated_merge_with_its_key_returns_the_first_response(world: World) -> None:
    into, from_ = await record(world, "client", "Globex"), await record(world, "client", "Other")
    document = "mutation($input: MergeInput!) { mergeClients(input: $input) { client { id } userErrors { code } } }"
    answers = [
        await world.query(document, "Ann", input={"into": into, "from": from_, "idempotencyKey": "once"})
        for _ in range(2)
    ]
    assert answers[0] == answers[1] == {"mergeClients": {"client": {"id": into}, "userErrors": []}}


async def test_import_writes_to_the_record_that_stays_once(world: World) -> None:
    """Two ids of one record in one batch are one change; an input that is refused takes back its own part only."""
    into, from_ = (
        await record(world, "client", "Globex", externalId="w"),
        await record(world, "client", "O", externalId="l"),
    )
    await merged(world, "client", into, from_)
    inputs = [
        ClientInput(external_id="w", name="From w", phone="1"),
        ClientInput(external_id="l", name="From l", phone="\x00"),
        ClientInput(external_id="l", name="From l", created_at=world.now - timedelta(days=3)),
    ]
    context = await world.authenticated_context("admin")
    async with context.unit_of_work():
        outcomes = await import_records(context, ClientType(), inputs)

    assert [outcome if isinstance(outcome, ImportOutcome) else outcome.code for outcome in outcomes] == [
        ImportOutcome.CHANGED, "INVALID", ImportOutcome.CHANGED,
    ]  # fmt: skip
    assert await find(world, into, "... on Client { name phone }") == {"id": into, "name": "From l", "phone": "1"}
    assert await reconciled(world) == []
