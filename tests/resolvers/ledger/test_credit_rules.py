"""Rules of the ledger, of credit and of records, one test each, through the public schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from models.live import change_log
from tests.resolvers.two_sellers import board, goal, two_sellers, value, won
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with two_sellers() as world:
        yield world


async def test_a_win_stays_with_the_team_it_was_won_in(world: World) -> None:
    north, south = await goal(world, "North", "deals_won"), await goal(world, "South", "deals_won")
    await won(world)
    await world.act("updateEmployee", id=world.ids["Ann"], team=world.ids["South"])

    assert (await value(world, north), await value(world, south)) == ("1", "0")
    assert (await board(world, scope=world.ids["South"]))["Ann"] == "0.00"
    assert (await board(world, scope=world.ids["North"]))["total"] == "100.00"


async def test_who_has_left_disappears_from_boards_and_never_from_totals(world: World) -> None:
    await won(world)
    await world.act("updateEmployee", id=world.ids["Ann"], active=False)
    shown = await board(world)

    assert "Ann" not in shown
    assert shown["total"] == "100.00"


async def test_a_new_owner_of_an_open_deal_takes_it_over_whole(world: World) -> None:
    deal = await world.act("recordDeal", "Ann", title="Chairs", amount={"amount": "5"})
    await world.act("updateDeal", id=deal["deal"]["id"], owner=world.ids["Bob"])
    await world.act("winDeal", id=deal["deal"]["id"])

    assert (await board(world))["Bob"] == "5.00"
    assert (await board(world, "deals_created"))["Bob"] == "1"


async def test_a_won_deal_handed_over_leaves_the_credit_unless_asked_for(world: World) -> None:
    deal = await won(world)
    await world.act("updateDeal", id=deal, owner=world.ids["Bob"])
    assert (await board(world))["Ann"] == "100.00"

    await world.act("updateDeal", id=deal, owner=world.ids["Bob"], moveCredit=True)
    assert (await board(world))["Bob"] == "100.00"
    assert (await board(world))["Ann"] == "0.00"


async def test_an_earlier_win_that_appears_makes_the_later_one_a_repeat_sale(world: World) -> None:
    client = (await world.act("recordClient", "Ann", name="Romashka"))["client"]["id"]
    await won(world, client=client, closedAt="2026-11-10T10:00:00Z")
    assert (await board(world, "first_deals_won"))["Ann"] == "1"

    earlier = await won(world, client=client, amount="7", closedAt="2026-11-05T10:00:00Z")
    assert (await board(world, "first_deals_won_amount"))["Ann"] == "7.00"
    assert (await board(world, "repeat_deals_won_amount"))["Ann"] == "100.00"

    await world.ask("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=earlier)
    assert (await board(world, "first_deals_won_amount"))["Ann"] == "100.00"
    assert (await board(world, "repeat_deals_won"))["Ann"] == "0"


async def test_a_foreign_win_is_converted_once_at_the_rate_of_its_day(world: World) -> None:
    await world.act("setExchangeRate", currency="USD", rate="0.9", **{"from": "2026-11-01"})
    deal = await won(world, currency="USD", closedAt="2026-11-10T10:00:00Z")
    await world.act("setExchangeRate", currency="USD", rate="0.5", **{"from": "2026-11-01"})
    await world.act("updateDeal", id=deal, title="Other chairs")
    assert (await board(world))["Ann"] == "90.00"

    await world.act("updateDeal", id=deal, amount={"amount": "200", "currency": "USD"})
    assert (await board(world))["Ann"] == "180.00"  # the rate stays frozen when the price changes

    await world.act("updateDeal", id=deal, closedAt="2026-11-11T10:00:00Z")
    assert (await board(world))["Ann"] == "100.00"  # another day has another rate


async def test_a_currency_without_any_rate_is_refused_by_name(world: World) -> None:
    payload = await world.tried("recordDeal", "Ann", title="Chairs", amount={"amount": "5", "currency": "JPY"})

    [error] = payload["userErrors"]
    assert error["path"] == ["input", "amount", "currency"]
    assert "JPY" in error["message"]


async def test_a_win_whose_cost_is_unknown_has_no_part_in_profit(world: World) -> None:
    await won(world)
    assert (await board(world, "deals_won_profit"))["total"] == "0.00"

    await won(world, cost={"amount": "30"})
    assert (await board(world, "deals_won_profit"))["total"] == "70.00"
    assert (await board(world))["total"] == "200.00"


async def test_an_identical_repeat_changes_nothing_posts_nothing_and_publishes_nothing(world: World) -> None:
    given = {"externalId": "crm-1", "createdAt": "2026-11-10T10:00:00Z", "closedAt": "2026-11-12T10:00:00Z"}
    await won(world, **given)
    before = await change_log.newest()
    history = await world.ask("{ activities { totalCount } }")
    await won(world, **given)

    assert await change_log.newest() == before
    assert await world.ask("{ activities { totalCount } }") == history


async def test_the_same_external_id_twice_in_one_call_is_one_deal(world: World) -> None:
    document = (
        "mutation($inputs: [RecordDealInput!]!) { recordDeals(inputs: $inputs) { deals { id } userErrors { code } } }"
    )
    inputs = [{"title": "Chairs", "externalId": "a"}, {"title": "Tables", "externalId": "a"}]
    data = await world.ask(document, "Ann", inputs=inputs)

    first, second = data["recordDeals"]["deals"]
    assert first == second
    assert (await board(world, "deals_created"))["Ann"] == "1"


async def test_recording_many_is_all_or_none(world: World) -> None:
    document = "mutation($inputs: [RecordDealInput!]!) { recordDeals(inputs: $inputs) { deals { id } userErrors { path code } } }"
    data = await world.ask(document, "Ann", inputs=[{"title": "Chairs"}, {"title": " "}])

    assert data["recordDeals"]["userErrors"] == [{"path": ["inputs", "1", "title"], "code": "REQUIRED"}]
    assert (await board(world, "deals_created"))["Ann"] == "0"


async def test_a_closing_date_in_the_future_is_refused(world: World) -> None:
    payload = await world.tried(
        "recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "5"}, closedAt="2026-11-19T10:00:00Z"
    )

    assert [(error["path"], error["code"]) for error in payload["userErrors"]] == [
        (["input", "closedAt"], "OUT_OF_RANGE")
    ]


async def test_what_is_recorded_for_a_closed_month_counts_today_and_is_marked_late(world: World) -> None:
    await world.act("updateCompany", closeAfterWorkdays=3)
    this_month = await goal(world, "Ann", "deals_won_amount")
    await won(world, closedAt="2026-10-20T10:00:00Z")

    assert (await board(world, period={"kind": "MONTH", "offset": -1}))["Ann"] == "0.00"
    data = await world.ask(
        "query($id: ID!) { goal(id: $id) { entries { edges { node { amount late effectiveOn } } } } }", id=this_month
    )
    [entry] = [edge["node"] for edge in data["goal"]["entries"]["edges"]]
    assert entry == {"amount": "100.00", "late": True, "effectiveOn": "2026-11-18"}


async def test_a_correction_of_a_closed_month_posts_the_whole_difference_today(world: World) -> None:
    deal = await won(world, closedAt="2026-10-20T10:00:00Z")
    await world.act("updateCompany", closeAfterWorkdays=3)
    await world.act("updateDeal", id=deal, amount={"amount": "130"})

    assert (await board(world, period={"kind": "MONTH", "offset": -1}))["Ann"] == "100.00"
    assert (await board(world))["Ann"] == "30.00"


async def test_a_task_counts_on_the_day_it_was_completed_and_reopening_takes_it_back(world: World) -> None:
    task = await world.act("createTask", "Ann", title="Call back")
    document = "mutation($id: ID!, $at: DateTime) { completeTask(id: $id, at: $at) { userErrors { code path } } }"
    world.later(days=1)
    await world.ask(document, "Ann", id=task["task"]["id"], at="2026-11-18T12:00:00Z")
    assert (await board(world, "tasks_completed", period={"kind": "DAY", "on": "2026-11-18"}))["Ann"] == "1"

    await world.ask("mutation($id: ID!) { reopenTask(id: $id) { userErrors { code } } }", "Ann", id=task["task"]["id"])
    assert (await board(world, "tasks_completed"))["Ann"] == "0"


async def test_calls_made_counts_every_call_and_hours_only_the_answered(world: World) -> None:
    await world.act("recordCall", "Ann", direction="OUTBOUND", outcome="ANSWERED", durationSeconds=5400)
    await world.act("recordCall", "Ann", direction="OUTBOUND", outcome="VOICEMAIL", durationSeconds=60)

    shown = {key: (await board(world, key))["Ann"] for key in ("calls_made", "calls_answered", "call_hours")}
    assert shown == {"calls_made": "2", "calls_answered": "1", "call_hours": "1.5"}


async def test_a_deleted_record_is_taken_out_of_every_score_and_kept_in_the_history(world: World) -> None:
    call = await world.act("recordCall", "Ann", direction="OUTBOUND")
    document = "mutation($id: ID!) { deleteRecord(id: $id) { deletedId goals { id } userErrors { code } } }"
    data = await world.ask(document, id=call["call"]["id"])

    assert data["deleteRecord"]["deletedId"] == call["call"]["id"]
    assert (await board(world, "calls_made"))["Ann"] == "0"
    data = await world.ask("{ activities { edges { node { kind subject { __typename } } } } }", "Ann")
    kinds = [edge["node"]["kind"] for edge in data["activities"]["edges"]]
    assert kinds == ["RECORD_DELETED", "CALL_MADE"]


async def test_a_deleted_record_that_is_recorded_again_is_there_again(world: World) -> None:
    deal = await won(world, externalId="crm-1")
    await world.ask("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=deal)
    assert await won(world, externalId="crm-1") == deal
    assert (await board(world))["Ann"] == "100.00"


async def test_a_companys_own_metric_counts_the_results_recorded_for_it(world: World) -> None:
    await world.act("createMetric", key="demos_held", name="Demos held")
    result = await world.act("recordResult", "Ann", metric="demos_held", value="3")
    await world.act("recordResult", "Ann", id=result["result"]["id"], metric="demos_held", value="5")

    assert (await board(world, "demos_held"))["Ann"] == "5"


async def test_the_companys_currency_can_change_only_while_nothing_was_counted(world: World) -> None:
    await world.act("updateCompany", currency="RUB")
    await won(world)

    assert (await world.tried("updateCompany", currency="EUR"))["userErrors"][0]["code"] == "CONFLICT"


async def test_the_same_idempotency_key_gives_the_first_answer_again(world: World) -> None:
    given = {"title": "Chairs", "idempotencyKey": "k1"}
    first = await world.act("recordDeal", "Ann", **given)
    assert (await world.act("recordDeal", "Ann", **given))["deal"] == first["deal"]
    assert (await board(world, "deals_created"))["Ann"] == "1"

    other = await world.tried("recordDeal", "Ann", title="Tables", idempotencyKey="k1")
    assert [(error["code"], error["path"]) for error in other["userErrors"]] == [
        ("CONFLICT", ["input", "idempotencyKey"])
    ]
    assert (await world.act("recordDeal", "Bob", **given))["deal"] != first["deal"]  # keys are separate for each viewer


async def test_ids_of_another_system_are_taken_wherever_a_record_is_meant(world: World) -> None:
    await world.act("recordClient", "Ann", name="Romashka", externalId="c-9")
    await world.act("recordDeal", "Ann", title="Chairs", externalId="d-9", client="ext:c-9", amount={"amount": "5"})
    await world.act("winDeal", "Ann", id="ext:d-9")
    data = await world.ask(
        '{ byExternalId(type: DEAL, externalId: "d-9") { ... on Deal { status client { name } } } }', "Ann"
    )

    assert data["byExternalId"] == {"status": "WON", "client": {"name": "Romashka"}}


async def test_a_lead_is_converted_into_a_deal_and_counts_for_its_owner(world: World) -> None:
    lead = await world.act("recordLead", "Ann", title="A question")
    made = await world.act("convertLead", "Ann", id=lead["lead"]["id"], deal={"title": "Chairs"})
    assert made["lead"]["status"] == "CONVERTED"
    assert (await board(world, "leads_converted"))["Ann"] == "1"

    await world.act("recordLead", "Ann", id=lead["lead"]["id"], title="A question", status="IN_PROGRESS")
    assert (await board(world, "leads_converted"))["Ann"] == "0"


async def test_a_stage_that_deals_have_been_in_is_refused_to_go(world: World) -> None:
    await world.act("recordDeal", "Ann", title="Chairs")
    [pipeline] = (await world.ask("{ pipelines { id name stages { id name } } }"))["pipelines"]
    rest = [{"id": stage["id"], "name": stage["name"]} for stage in pipeline["stages"][1:]]
    payload = await world.tried("savePipeline", id=pipeline["id"], name="Sales", stages=rest)
    assert payload["userErrors"][0]["code"] == "CONFLICT"

    kept = [{"id": pipeline["stages"][0]["id"], "name": "First"}, *reversed(rest[:-1])]
    made = await world.act("savePipeline", id=pipeline["id"], name="Sales", stages=kept)
    assert [stage["name"] for stage in made["pipeline"]["stages"]] == ["First", "Negotiation", "Proposal", "Qualified"]


async def test_pages_are_stable_under_inserts_in_both_directions(world: World) -> None:
    for number in range(5):
        world.later(minutes=1)
        await world.act("recordDeal", "Ann", title=f"Deal {number}")
    document = (
        "query($first: Int, $after: String, $last: Int, $before: String) { deals(first: $first, after: $after, last: $last, "
        "before: $before) { edges { node { title } } pageInfo { endCursor startCursor hasNextPage hasPreviousPage } } }"
    )

    async def page(**span: Any) -> tuple[list[str], dict[str, Any]]:
        found = (await world.ask(document, "Ann", **span))["deals"]
        return [edge["node"]["title"] for edge in found["edges"]], found["pageInfo"]

    newest, info = await page(first=2)
    world.later(minutes=1)
    await world.act("recordDeal", "Ann", title="Deal 5")
    older, info = await page(first=2, after=info["endCursor"])
    assert (newest, older) == (["Deal 4", "Deal 3"], ["Deal 2", "Deal 1"])
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, True)

    back, info = await page(last=3, before=info["startCursor"])
    assert back == ["Deal 5", "Deal 4", "Deal 3"]
    assert (info["hasNextPage"], info["hasPreviousPage"]) == (True, False)


async def test_search_finds_cyrillic_regardless_of_case(world: World) -> None:
    await world.act("recordClient", "Ann", name="ООО «Ёлочка»")
    data = await world.ask('{ clients(search: "елочк") { edges { node { name } } } }', "Ann")

    assert [edge["node"]["name"] for edge in data["clients"]["edges"]] == ["ООО «Ёлочка»"]
