"""Refused changes: what others depend on is not deleted, and nothing new is given to who has left (the rules of credit)."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from resolvers.ledger.reconciliation import reconcile
from tests.resolvers.two_sellers import open_world_with_two_sellers, read_leaderboard, record_won_deal
from tests.world import World


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(usual_database_url) as world:
        yield world


async def delete(world: World, global_id: str) -> list[dict[str, Any]]:
    mutation = "mutation($id: ID!) { deleteRecord(id: $id) { userErrors { path code message } } }"
    return (await world.query(mutation, id=global_id))["deleteRecord"]["userErrors"]


async def delete_deal(world: World, global_id: str) -> None:
    mutation = "mutation($id: ID!) { deleteDeal(id: $id) { userErrors { message } } }"
    assert (await world.query(mutation, id=global_id))["deleteDeal"]["userErrors"] == []


async def read_lead(world: World, lead: str) -> dict[str, Any]:
    return (await world.query("query($id: ID!) { node(id: $id) { ... on Lead { status deal { id } } } }", id=lead))[
        "node"
    ]


async def assert_reconciled() -> None:
    assert [str(difference) for difference in (await reconcile()).differences] == []


async def test_client_is_not_deleted_while_deals_contacts_leads_or_tasks_depend_on_it(world: World) -> None:
    client = (await world.mutate("recordClient", "Ann", name="Globex"))["client"]["id"]
    deal = await record_won_deal(world, client=client)
    contact = (await world.mutate("recordContact", "Ann", name="Gil", client=client))["contact"]["id"]
    await world.mutate("createTask", "Ann", title="Call back", client=client)

    [error] = await delete(world, client)
    assert (error["path"], error["code"]) == (["id"], "CONFLICT")
    assert error["message"] == (
        "This client has 1 deals, 1 contacts, 0 leads and 1 open tasks: merge it into another client, or delete them first."
    )
    await delete_deal(world, deal)
    await delete(world, contact)
    [error] = await delete(world, client)
    assert "0 deals, 0 contacts, 0 leads and 1 open tasks" in error["message"]


async def test_client_without_dependents_is_deleted_although_calls_were_made(world: World) -> None:
    client = (await world.mutate("recordClient", "Ann", name="Globex"))["client"]["id"]
    await world.mutate("recordCall", "Ann", direction="OUTBOUND", client=client)

    assert await delete(world, client) == []
    assert await delete(world, client) == []  # a repetition changes nothing


async def test_stage_stays_while_deals_or_a_rule_depend_on_it(world: World) -> None:
    saved = await world.mutate("savePipeline", name="Sales", stages=[{"name": "New"}, {"name": "Offer"}])
    pipeline = saved["pipeline"]
    new, offer = (stage["id"] for stage in pipeline["stages"])
    rule = await world.mutate("createAlertRule", kind="DEAL_ENTERED_STAGE", stage=offer, recipients=["MANAGER"])
    without_offer = {"id": pipeline["id"], "name": "Sales", "stages": [{"id": new, "name": "New"}]}

    [error] = (await world.try_mutation("savePipeline", **without_offer))["userErrors"]
    assert error["message"] == "An alert rule is about the stage “Offer”: delete or change the rule first."
    await world.mutate("recordDeal", "Ann", title="Chairs", stage=offer)
    [error] = (await world.try_mutation("savePipeline", **without_offer))["userErrors"]
    assert error["message"] == "The stage “Offer” stays while deals are in it: 1."
    assert rule["rule"]["id"]


async def test_credit_of_a_win_stays_when_it_is_given_away_without_a_new_owner(world: World) -> None:
    deal = await record_won_deal(world)
    payload = await world.try_mutation("updateDeal", id=deal, moveCredit=True)

    assert [(error["path"], error["code"]) for error in payload["userErrors"]] == [(["input", "owner"], "REQUIRED")]
    leaderboard = await read_leaderboard(world)
    assert (leaderboard["Ann"], leaderboard["Bob"], leaderboard["total"]) == ("100.00", "0.00", "100.00")


async def test_work_is_not_given_to_an_employee_who_has_left_but_their_history_is_recorded(world: World) -> None:
    bob = world.global_ids["Bob"]
    worked_at = world.now.isoformat()
    world.advance(days=1)
    await world.mutate("updateEmployee", id=bob, active=False)
    world.advance(days=1)
    amount = {"amount": "100"}

    [error] = (await world.try_mutation("recordDeal", title="Chairs", owner=bob, amount=amount))["userErrors"]
    assert (error["path"], error["code"]) == (["input", "owner"], "CONFLICT")
    assert error["message"] == "Bob has left the company: name someone who works there."
    for mutation, input in (
        ("recordLead", {"title": "Asks", "owner": bob}),
        ("recordClient", {"name": "Globex", "owner": bob}),
        ("recordContact", {"name": "Gil", "owner": bob}),
        ("createTask", {"title": "Call back", "assignee": bob}),
        ("recordCall", {"direction": "OUTBOUND", "employee": bob}),
    ):
        [error] = (await world.try_mutation(mutation, **input))["userErrors"]
        assert error["code"] == "CONFLICT", mutation
    await world.mutate(
        "recordDeal", title="Old", owner=bob, amount=amount, status="WON", createdAt=worked_at, closedAt=worked_at
    )
    await world.mutate("recordCall", direction="OUTBOUND", employee=bob, startedAt=worked_at)
    await assert_reconciled()


async def test_converted_lead_goes_back_to_open_when_its_deal_is_deleted_and_forth_when_it_is_restored(
    world: World,
) -> None:
    lead = (await world.mutate("recordLead", "Ann", title="Asks"))["lead"]["id"]
    converted = await world.mutate("convertLead", "Ann", id=lead, deal={"title": "Chairs", "externalId": "D-1"})
    deal = converted["deal"]["id"]
    assert (await read_leaderboard(world, "leads_converted"))["total"] == "1"

    await delete_deal(world, deal)
    assert await read_lead(world, lead) == {"status": "IN_PROGRESS", "deal": None}
    assert (await read_leaderboard(world, "leads_converted"))["total"] == "0"
    await assert_reconciled()
    await world.mutate("recordDeal", "Ann", title="Chairs", externalId="D-1")
    assert await read_lead(world, lead) == {"status": "CONVERTED", "deal": {"id": deal}}
    assert (await read_leaderboard(world, "leads_converted"))["total"] == "1"
    await assert_reconciled()


async def test_currency_with_a_later_rate_only_is_refused_by_name_and_day(world: World) -> None:
    await world.mutate("setExchangeRate", currency="USD", rate="0.9", **{"from": "2026-11-10"})
    win = {"title": "Chairs", "status": "WON", "amount": {"amount": "100", "currency": "USD"}}

    payload = await world.try_mutation(
        "recordDeal", "Ann", **win, createdAt="2026-11-01T09:00:00Z", closedAt="2026-11-09T09:00:00Z"
    )
    [error] = payload["userErrors"]
    assert (error["path"], error["code"]) == (["input", "amount", "currency"], "INVALID")
    assert error["message"] == (
        "The exchange rates for USD begin on 2026-11-10: an administrator sets an earlier one, from 2026-11-09 on,"
        " with setExchangeRate."
    )
    await world.mutate("recordDeal", "Ann", **win, createdAt="2026-11-01T09:00:00Z", closedAt="2026-11-10T09:00:00Z")
    assert (await read_leaderboard(world))["total"] == "90.00"


async def test_time_of_a_move_to_the_stage_where_the_deal_is_already_is_refused(world: World) -> None:
    stages = [{"name": "New"}, {"name": "Offer"}]
    pipeline = (await world.mutate("savePipeline", name="Sales", stages=stages))["pipeline"]
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs", stage=pipeline["stages"][0]["id"]))["deal"]["id"]
    world.advance(hours=2)
    move = {"id": deal, "stage": pipeline["stages"][1]["id"], "at": world.now.isoformat()}
    for _ in range(2):  # an identical repetition changes nothing
        await world.mutate("moveDeal", "Ann", **move)
    world.advance(hours=1)

    payload = await world.try_mutation("moveDeal", "Ann", **(move | {"at": world.now.isoformat()}))
    assert [(error["path"], error["code"]) for error in payload["userErrors"]] == [(["input", "at"], "CONFLICT")]


async def test_lead_found_by_its_id_takes_the_external_id_of_the_input(world: World) -> None:
    lead = (await world.mutate("recordLead", "Ann", title="Asks"))["lead"]["id"]
    await world.mutate("recordLead", "Ann", id=lead, title="Asks", externalId="L-1")

    assert (await world.mutate("recordLead", "Ann", title="Asks", externalId="L-1"))["lead"]["id"] == lead


_numbers = itertools.count()
STEPS = st.lists(
    st.sampled_from(["convert", "delete deal", "restore deal", "delete lead", "delete client", "win", "reopen"]),
    max_size=10,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@for_all(steps=STEPS)
async def test_lead_is_converted_exactly_while_its_deal_exists_after_any_steps(world: World, steps: list[str]) -> None:
    number = next(_numbers)
    client = (await world.mutate("recordClient", "Ann", name="Globex"))["client"]["id"]
    lead = (await world.mutate("recordLead", "Ann", title="Asks", client=client))["lead"]["id"]
    deal_input = {"title": "Chairs", "externalId": f"D-{number}", "amount": {"amount": "10"}}
    deal = None
    is_deal_deleted = is_lead_deleted = is_client_deleted = False
    for step in steps:
        if step == "convert" and deal is None and not is_lead_deleted:
            deal = (await world.mutate("convertLead", "Ann", id=lead, deal=deal_input))["deal"]["id"]
        elif step == "delete deal" and deal:
            await delete_deal(world, deal)
            is_deal_deleted = True
        elif step == "restore deal" and deal and not is_client_deleted:
            await world.mutate("recordDeal", "Ann", **deal_input)
            is_deal_deleted = False
        elif step in ("win", "reopen") and deal and not is_deal_deleted:
            await world.mutate(f"{step}Deal", "Ann", id=deal)
        elif step == "delete lead":
            assert await delete(world, lead) == []
            is_lead_deleted = True
        elif step == "delete client":
            is_refused = bool(await delete(world, client))
            has_dependents = not is_lead_deleted or (deal is not None and not is_deal_deleted)
            assert is_refused == (has_dependents and not is_client_deleted), step
            is_client_deleted = is_client_deleted or not is_refused
        is_converted = deal is not None and not is_deal_deleted
        if not is_lead_deleted:
            assert ((await read_lead(world, lead))["status"] == "CONVERTED") == is_converted, step
    await assert_reconciled()
