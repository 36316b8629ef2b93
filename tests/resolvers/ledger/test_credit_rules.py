"""Rules of the ledger, of credit and of records, one test each, through the public schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from models.live import change_log
from tests.resolvers.two_sellers import (
    open_world_with_two_sellers,
    read_goal_value,
    read_leaderboard,
    record_won_deal,
    set_goal,
)
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world_with_two_sellers() as world:
        yield world


async def test_win_stays_with_the_team_when_the_seller_changes_teams(world: World) -> None:
    north, south = await set_goal(world, "North", "deals_won"), await set_goal(world, "South", "deals_won")
    await record_won_deal(world)
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], team=world.global_ids["South"])

    assert (await read_goal_value(world, north), await read_goal_value(world, south)) == ("1", "0")
    assert (await read_leaderboard(world, scope=world.global_ids["South"]))["Ann"] == "0.00"
    assert (await read_leaderboard(world, scope=world.global_ids["North"]))["total"] == "100.00"


async def test_inactive_employee_is_off_leaderboards_but_kept_in_totals(world: World) -> None:
    await record_won_deal(world)
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], active=False)
    leaderboard = await read_leaderboard(world)

    assert "Ann" not in leaderboard
    assert leaderboard["total"] == "100.00"


async def test_new_owner_of_open_deal_gets_all_credit(world: World) -> None:
    deal = await world.mutate("recordDeal", "Ann", title="Chairs", amount={"amount": "5"})
    await world.mutate("updateDeal", id=deal["deal"]["id"], owner=world.global_ids["Bob"])
    await world.mutate("winDeal", id=deal["deal"]["id"])

    assert (await read_leaderboard(world))["Bob"] == "5.00"
    assert (await read_leaderboard(world, "deals_created"))["Bob"] == "1"


async def test_won_deal_keeps_its_credit_on_handover_unless_credit_is_moved(world: World) -> None:
    deal = await record_won_deal(world)
    await world.mutate("updateDeal", id=deal, owner=world.global_ids["Bob"])
    assert (await read_leaderboard(world))["Ann"] == "100.00"

    await world.mutate("updateDeal", id=deal, owner=world.global_ids["Bob"], moveCredit=True)
    assert (await read_leaderboard(world))["Bob"] == "100.00"
    assert (await read_leaderboard(world))["Ann"] == "0.00"


async def test_later_win_becomes_repeat_sale_when_an_earlier_win_is_recorded(world: World) -> None:
    client = (await world.mutate("recordClient", "Ann", name="Romashka"))["client"]["id"]
    await record_won_deal(world, client=client, closedAt="2026-11-10T10:00:00Z")
    assert (await read_leaderboard(world, "first_deals_won"))["Ann"] == "1"

    earlier = await record_won_deal(world, client=client, amount="7", closedAt="2026-11-05T10:00:00Z")
    assert (await read_leaderboard(world, "first_deals_won_amount"))["Ann"] == "7.00"
    assert (await read_leaderboard(world, "repeat_deals_won_amount"))["Ann"] == "100.00"

    await world.query("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=earlier)
    assert (await read_leaderboard(world, "first_deals_won_amount"))["Ann"] == "100.00"
    assert (await read_leaderboard(world, "repeat_deals_won"))["Ann"] == "0"


async def test_foreign_win_is_converted_once_at_the_rate_of_its_day(world: World) -> None:
    await world.mutate("setExchangeRate", currency="USD", rate="0.9", **{"from": "2026-11-01"})
    deal = await record_won_deal(world, currency="USD", closedAt="2026-11-10T10:00:00Z")
    await world.mutate("setExchangeRate", currency="USD", rate="0.5", **{"from": "2026-11-01"})
    await world.mutate("updateDeal", id=deal, title="Other chairs")
    assert (await read_leaderboard(world))["Ann"] == "90.00"

    await world.mutate("updateDeal", id=deal, amount={"amount": "200", "currency": "USD"})
    assert (await read_leaderboard(world))["Ann"] == "180.00"  # the rate stays frozen when the price changes

    await world.mutate("updateDeal", id=deal, closedAt="2026-11-11T10:00:00Z")
    assert (await read_leaderboard(world))["Ann"] == "100.00"  # another day has another rate


async def test_currency_without_rate_is_refused_by_name(world: World) -> None:
    payload = await world.try_mutation("recordDeal", "Ann", title="Chairs", amount={"amount": "5", "currency": "JPY"})

    [error] = payload["userErrors"]
    assert error["path"] == ["input", "amount", "currency"]
    assert "JPY" in error["message"]


async def test_win_without_cost_is_left_out_of_profit(world: World) -> None:
    await record_won_deal(world)
    assert (await read_leaderboard(world, "deals_won_profit"))["total"] == "0.00"

    await record_won_deal(world, cost={"amount": "30"})
    assert (await read_leaderboard(world, "deals_won_profit"))["total"] == "70.00"
    assert (await read_leaderboard(world))["total"] == "200.00"


async def test_identical_repeat_changes_posts_and_publishes_nothing(world: World) -> None:
    fields = {"externalId": "crm-1", "createdAt": "2026-11-10T10:00:00Z", "closedAt": "2026-11-12T10:00:00Z"}
    await record_won_deal(world, **fields)
    last_position = await change_log.last_position()
    history = await world.query("{ activities { totalCount } }")
    await record_won_deal(world, **fields)

    assert await change_log.last_position() == last_position
    assert await world.query("{ activities { totalCount } }") == history


async def test_same_external_id_twice_in_one_call_records_one_deal(world: World) -> None:
    document = (
        "mutation($inputs: [RecordDealInput!]!) { recordDeals(inputs: $inputs) { deals { id } userErrors { code } } }"
    )
    inputs = [{"title": "Chairs", "externalId": "a"}, {"title": "Tables", "externalId": "a"}]
    data = await world.query(document, "Ann", inputs=inputs)

    first, second = data["recordDeals"]["deals"]
    assert first == second
    assert (await read_leaderboard(world, "deals_created"))["Ann"] == "1"


async def test_batch_recording_is_all_or_nothing(world: World) -> None:
    document = "mutation($inputs: [RecordDealInput!]!) { recordDeals(inputs: $inputs) { deals { id } userErrors { path code } } }"
    data = await world.query(document, "Ann", inputs=[{"title": "Chairs"}, {"title": " "}])

    assert data["recordDeals"]["userErrors"] == [{"path": ["inputs", "1", "title"], "code": "REQUIRED"}]
    assert (await read_leaderboard(world, "deals_created"))["Ann"] == "0"


async def test_closing_date_in_the_future_is_refused(world: World) -> None:
    payload = await world.try_mutation(
        "recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "5"}, closedAt="2026-11-19T10:00:00Z"
    )

    assert [(error["path"], error["code"]) for error in payload["userErrors"]] == [
        (["input", "closedAt"], "OUT_OF_RANGE")
    ]


async def test_win_in_a_closed_month_counts_today_and_is_marked_late(world: World) -> None:
    await world.mutate("updateCompany", closeAfterWorkdays=3)
    this_month = await set_goal(world, "Ann", "deals_won_amount")
    await record_won_deal(world, closedAt="2026-10-20T10:00:00Z")

    assert (await read_leaderboard(world, period={"kind": "MONTH", "offset": -1}))["Ann"] == "0.00"
    data = await world.query(
        "query($id: ID!) { goal(id: $id) { entries { edges { node { amount late effectiveOn } } } } }", id=this_month
    )
    [entry] = [edge["node"] for edge in data["goal"]["entries"]["edges"]]
    assert entry == {"amount": "100.00", "late": True, "effectiveOn": "2026-11-18"}


async def test_correction_in_a_closed_month_posts_the_difference_today(world: World) -> None:
    deal = await record_won_deal(world, closedAt="2026-10-20T10:00:00Z")
    await world.mutate("updateCompany", closeAfterWorkdays=3)
    await world.mutate("updateDeal", id=deal, amount={"amount": "130"})

    assert (await read_leaderboard(world, period={"kind": "MONTH", "offset": -1}))["Ann"] == "100.00"
    assert (await read_leaderboard(world))["Ann"] == "30.00"


async def test_task_counts_on_its_completion_day_until_reopened(world: World) -> None:
    task = await world.mutate("createTask", "Ann", title="Call back")
    document = "mutation($id: ID!, $at: DateTime) { completeTask(id: $id, at: $at) { userErrors { code path } } }"
    world.advance(days=1)
    await world.query(document, "Ann", id=task["task"]["id"], at="2026-11-18T12:00:00Z")
    assert (await read_leaderboard(world, "tasks_completed", period={"kind": "DAY", "on": "2026-11-18"}))["Ann"] == "1"

    await world.query(
        "mutation($id: ID!) { reopenTask(id: $id) { userErrors { code } } }", "Ann", id=task["task"]["id"]
    )
    assert (await read_leaderboard(world, "tasks_completed"))["Ann"] == "0"


async def test_calls_made_counts_every_call_and_call_hours_answered_ones_only(world: World) -> None:
    await world.mutate("recordCall", "Ann", direction="OUTBOUND", outcome="ANSWERED", durationSeconds=5400)
    await world.mutate("recordCall", "Ann", direction="OUTBOUND", outcome="VOICEMAIL", durationSeconds=60)

    scores = {
        key: (await read_leaderboard(world, key))["Ann"] for key in ("calls_made", "calls_answered", "call_hours")
    }
    assert scores == {"calls_made": "2", "calls_answered": "1", "call_hours": "1.5"}


async def test_deleted_record_leaves_scores_but_stays_in_the_history(world: World) -> None:
    call = await world.mutate("recordCall", "Ann", direction="OUTBOUND")
    document = "mutation($id: ID!) { deleteRecord(id: $id) { deletedId goals { id } userErrors { code } } }"
    data = await world.query(document, id=call["call"]["id"])

    assert data["deleteRecord"]["deletedId"] == call["call"]["id"]
    assert (await read_leaderboard(world, "calls_made"))["Ann"] == "0"
    data = await world.query("{ activities { edges { node { kind subject { __typename } } } } }", "Ann")
    kinds = [edge["node"]["kind"] for edge in data["activities"]["edges"]]
    assert kinds == ["RECORD_DELETED", "CALL_MADE"]


async def test_deleted_record_is_restored_when_recorded_again(world: World) -> None:
    deal = await record_won_deal(world, externalId="crm-1")
    await world.query("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=deal)
    assert await record_won_deal(world, externalId="crm-1") == deal
    assert (await read_leaderboard(world))["Ann"] == "100.00"


async def test_custom_metric_counts_its_recorded_results(world: World) -> None:
    await world.mutate("createMetric", key="demos_held", name="Demos held")
    result = await world.mutate("recordResult", "Ann", metric="demos_held", value="3")
    await world.mutate("recordResult", "Ann", id=result["result"]["id"], metric="demos_held", value="5")

    assert (await read_leaderboard(world, "demos_held"))["Ann"] == "5"


async def test_company_currency_can_change_only_while_the_ledger_is_empty(world: World) -> None:
    await world.mutate("updateCompany", currency="RUB")
    await record_won_deal(world)

    assert (await world.try_mutation("updateCompany", currency="EUR"))["userErrors"][0]["code"] == "CONFLICT"


async def test_same_idempotency_key_returns_the_first_response(world: World) -> None:
    fields = {"title": "Chairs", "idempotencyKey": "k1"}
    first = await world.mutate("recordDeal", "Ann", **fields)
    assert (await world.mutate("recordDeal", "Ann", **fields))["deal"] == first["deal"]
    assert (await read_leaderboard(world, "deals_created"))["Ann"] == "1"

    other = await world.try_mutation("recordDeal", "Ann", title="Tables", idempotencyKey="k1")
    assert [(error["code"], error["path"]) for error in other["userErrors"]] == [
        ("CONFLICT", ["input", "idempotencyKey"])
    ]
    assert (await world.mutate("recordDeal", "Bob", **fields))["deal"] != first[
        "deal"
    ]  # keys are separate for each viewer


async def test_external_ids_are_accepted_in_place_of_record_ids(world: World) -> None:
    await world.mutate("recordClient", "Ann", name="Romashka", externalId="c-9")
    await world.mutate("recordDeal", "Ann", title="Chairs", externalId="d-9", client="ext:c-9", amount={"amount": "5"})
    await world.mutate("winDeal", "Ann", id="ext:d-9")
    data = await world.query(
        '{ byExternalId(type: DEAL, externalId: "d-9") { ... on Deal { status client { name } } } }', "Ann"
    )

    assert data["byExternalId"] == {"status": "WON", "client": {"name": "Romashka"}}


async def test_converted_lead_counts_for_its_owner(world: World) -> None:
    lead = await world.mutate("recordLead", "Ann", title="A question")
    payload = await world.mutate("convertLead", "Ann", id=lead["lead"]["id"], deal={"title": "Chairs"})
    assert payload["lead"]["status"] == "CONVERTED"
    assert (await read_leaderboard(world, "leads_converted"))["Ann"] == "1"

    await world.mutate("recordLead", "Ann", id=lead["lead"]["id"], title="A question", status="IN_PROGRESS")
    assert (await read_leaderboard(world, "leads_converted"))["Ann"] == "0"


async def test_stage_used_by_deals_cannot_be_removed(world: World) -> None:
    await world.mutate("recordDeal", "Ann", title="Chairs")
    [pipeline] = (await world.query("{ pipelines { id name stages { id name } } }"))["pipelines"]
    rest = [{"id": stage["id"], "name": stage["name"]} for stage in pipeline["stages"][1:]]
    payload = await world.try_mutation("savePipeline", id=pipeline["id"], name="Sales", stages=rest)
    assert payload["userErrors"][0]["code"] == "CONFLICT"

    remaining_stages = [{"id": pipeline["stages"][0]["id"], "name": "First"}, *reversed(rest[:-1])]
    saved = await world.mutate("savePipeline", id=pipeline["id"], name="Sales", stages=remaining_stages)
    assert [stage["name"] for stage in saved["pipeline"]["stages"]] == ["First", "Negotiation", "Proposal", "Qualified"]


async def test_pages_are_stable_under_inserts_in_both_directions(world: World) -> None:
    for number in range(5):
        world.advance(minutes=1)
        await world.mutate("recordDeal", "Ann", title=f"Deal {number}")
    document = (
        "query($first: Int, $after: String, $last: Int, $before: String) { deals(first: $first, after: $after, last: $last, "
        "before: $before) { edges { node { title } } pageInfo { endCursor startCursor hasNextPage hasPreviousPage } } }"
    )

    async def fetch_page(**span: Any) -> tuple[list[str], dict[str, Any]]:
        connection = (await world.query(document, "Ann", **span))["deals"]
        return [edge["node"]["title"] for edge in connection["edges"]], connection["pageInfo"]

    newest, info = await fetch_page(first=2)
    world.advance(minutes=1)
    await world.mutate("recordDeal", "Ann", title="Deal 5")
    older, info = await fetch_page(first=2, after=info["endCursor"])
    assert (newest, older) == (["Deal 4", "Deal 3"], ["Deal 2", "Deal 1"])
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, True)

    back, info = await fetch_page(last=3, before=info["startCursor"])
    assert back == ["Deal 5", "Deal 4", "Deal 3"]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, False)


async def test_search_finds_cyrillic_regardless_of_case(world: World) -> None:
    await world.mutate("recordClient", "Ann", name="ООО «Ёлочка»")
    data = await world.query('{ clients(search: "елочк") { edges { node { name } } } }', "Ann")

    assert [edge["node"]["name"] for edge in data["clients"]["edges"]] == ["ООО «Ёлочка»"]
