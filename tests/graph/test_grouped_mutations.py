"""Records that wait for the lock of the ledger at the same time are recorded together, with the result of one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from domain.primitives.global_ids import decode_global_id, encode_global_id
from models.alerts.alerts import RaisedAlert
from models.crm.activities import Activity
from models.crm.deals import Deal
from models.db import connection
from models.db.errors import DatabaseUnavailable
from models.ledger.scores import ScoreEntry
from models.live import change_log
from resolvers.crm.deals import DealType
from resolvers.request.edit_groups import MAX_GROUP_SIZE
from tests.databases import on_both_databases
from tests.resolvers.crm.sales_company import undo_last
from tests.statement_counter import count_round_trips
from tests.world import World, cache_company, open_world

RECORD: Final = """mutation($input: RecordDealInput!) { recordDeal(input: $input) {
  deal { id title owner { id standing { rank } } client { id } saleKind } goals { id progress { value version } }
  userErrors { path code message } } }"""
SELLERS: Final = ("Ann", "Ben", "Cem")


@cache_company
async def open_company(url: str) -> AsyncIterator[World]:
    """A team of three sellers, each with a goal, and goals of their team and of the company; alerts of won deals."""
    async with open_world(url) as world:
        await world.create_team("Sales")
        for name in SELLERS:
            await world.create_employee(name, "Sales")
        for owner in (*SELLERS, "Sales", "company"):
            goal = await world.mutate(
                "setGoal",
                owner=world.global_ids[owner],
                metric="deals_won_amount",
                period={"kind": "MONTH"},
                target="1000",
            )
            world.global_ids[f"goal of {owner}"] = goal["goal"]["id"]
        await world.mutate("createAlertRule", kind="DEAL_WON", recipients=["EMPLOYEE"])
        world.global_ids["client"] = (await world.mutate("recordClient", name="Acme"))["client"]["id"]
        yield world


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_company(usual_database_url) as world:
        yield world


def won_deal(world: World, seller: str, amount: str = "100", **fields: Any) -> dict[str, Any]:
    return {
        "owner": world.global_ids[seller], "title": f"{seller}'s", "status": "WON", "amount": {"amount": amount}, **fields,
    }  # fmt: skip


async def record(world: World, input: dict[str, Any], actor: str = "admin") -> dict[str, Any]:
    payload: dict[str, Any] = (await world.query(RECORD, actor, input=input))["recordDeal"]
    return payload


@asynccontextmanager
async def hold_lock() -> AsyncIterator[None]:
    """Hold the lock of the ledger as another request would."""
    is_held, may_end = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with connection.write_transaction():
            is_held.set()
            await may_end.wait()

    holder = asyncio.create_task(hold())
    await is_held.wait()
    try:
        yield
    finally:
        may_end.set()
        await holder


async def start_waiting(world: World, *inputs: dict[str, Any], actors: Sequence[str] = ()) -> list[asyncio.Task[Any]]:
    """Start requests that wait for the lock, which the caller holds; their viewers have been read before."""
    contexts = [await world.authenticated_context(actor) for actor in actors or ["admin"] * len(inputs)]
    async with hold_lock():
        requests = [
            asyncio.create_task(world.executor.execute(RECORD, context, {"input": input}))
            for context, input in zip(contexts, inputs, strict=True)
        ]
        for _ in range(20):
            await asyncio.sleep(0)
    return requests


async def record_at_once(world: World, *inputs: dict[str, Any], actors: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the payloads of records that wait for the lock at the same time."""
    results = await asyncio.gather(*await start_waiting(world, *inputs, actors=actors))
    assert [result.errors for result in results] == [None] * len(inputs)
    return [result.data["recordDeal"] for result in results]


async def read_ledger(world: World) -> dict[str, Any]:
    """Return what the deals have left, without ids and times."""
    titles = {deal.id: deal.title for deal in await Deal.all()}
    return {
        "deals": sorted((deal.title, deal.value, deal.sale_kind, deal.won_by) for deal in await Deal.all()),
        "scores": sorted(
            (
                titles.get(entry.source_id),
                entry.metric,
                entry.employee_id,
                entry.team_id,
                entry.effective_on,
                entry.amount,
            )
            for entry in await ScoreEntry.filter(source_kind="Deal")
        ),
        "activities": sorted(
            (entry.kind, str(sorted(entry.data.items()))) for entry in await Activity.filter(subject_kind="Deal")
        ),
        "alerts": sorted((alert.kind, titles[alert.subject_id]) for alert in await RaisedAlert.all()),
        "goals": (await world.query("{ goals { id progress { value } } }"))["goals"],
    }


async def test_waiting_records_are_one_change(world: World) -> None:
    position = await change_log.last_position()
    payloads = await record_at_once(world, *(won_deal(world, seller) for seller in SELLERS))

    assert await change_log.last_position() == position + 1
    assert [payload["deal"]["owner"]["id"] for payload in payloads] == [world.global_ids[name] for name in SELLERS]


async def test_waiting_records_take_the_round_trips_of_one(postgres_tables_url: str) -> None:
    async with open_company(postgres_tables_url) as world:
        await record(world, won_deal(world, "Ann"))
        with count_round_trips() as alone:
            await record(world, won_deal(world, "Ben"))
        with count_round_trips() as together:
            await record_at_once(world, *(won_deal(world, seller) for seller in SELLERS))

    # the others read their sessions, and the holder of the lock begins and commits
    assert len(together) <= len(alone) + len(SELLERS) - 1 + 2, "\n".join(together)


async def test_waiting_records_leave_what_records_one_by_one_leave(database_url: str) -> None:
    inputs = [(seller, str(10 * number + 7), f"Deal {number}") for number, seller in enumerate(SELLERS * 3)]
    async with open_company(database_url) as world:
        await record_at_once(world, *(won_deal(world, seller, amount, title=title) for seller, amount, title in inputs))
        at_once = await read_ledger(world)
    async with open_company("sqlite://:memory:") as world:
        for seller, amount, title in inputs:
            await record(world, won_deal(world, seller, amount, title=title))
        one_by_one = await read_ledger(world)

    assert at_once == one_by_one


@on_both_databases
async def test_waiting_records_announce_the_tiers_that_records_one_by_one_reach(world: World) -> None:
    tiers: dict[str, Any] = {"target": "15", "threshold": "8", "stretch": "29", "reason": "tiers"}
    for seller in SELLERS:
        await world.mutate("updateGoal", id=world.global_ids[f"goal of {seller}"], **tiers)
    await record_at_once(world, *(won_deal(world, "Ann", "10", title=f"{number}") for number in range(3)))
    for number in range(3):
        await record(world, won_deal(world, "Ben", "10", title=f"{number}"))
    await record_at_once(world, won_deal(world, "Cem", "50"), won_deal(world, "Cem", "50", title="other"))

    tiers_by_goal: dict[int, list[str]] = {}
    for entry in await Activity.filter(kind__in=["GOAL_ACHIEVED", "GOAL_TIER_REACHED"]).order_by("id"):
        tiers_by_goal.setdefault(entry.subject_id, []).append(entry.data.get("tier", "TARGET"))
    goal_ids = [decode_global_id(world.global_ids[f"goal of {seller}"]) for seller in SELLERS]
    by_seller = [tiers_by_goal[goal_id[1]] for goal_id in goal_ids if goal_id]
    assert by_seller == [["THRESHOLD", "TARGET", "STRETCH"]] * 2 + [["TARGET", "STRETCH"]]


async def test_two_waiting_records_announce_two_tiers_as_records_one_by_one_do(world: World) -> None:
    for seller in ("Ann", "Ben"):
        goal_id = world.global_ids[f"goal of {seller}"]
        await world.mutate("updateGoal", id=goal_id, target="15", threshold="8", stretch="29", reason="tiers")
    await record_at_once(world, *(won_deal(world, "Ann", "10", title=f"{number}") for number in range(2)))
    for number in range(2):
        await record(world, won_deal(world, "Ben", "10", title=f"{number}"))

    tiers_by_goal: dict[int, list[str]] = {}
    for entry in await Activity.filter(kind__in=["GOAL_ACHIEVED", "GOAL_TIER_REACHED"]).order_by("id"):
        tiers_by_goal.setdefault(entry.subject_id, []).append(entry.data.get("tier", "TARGET"))
    goal_ids = [decode_global_id(world.global_ids[f"goal of {seller}"]) for seller in ("Ann", "Ben")]
    assert [tiers_by_goal[goal_id[1]] for goal_id in goal_ids if goal_id] == [["THRESHOLD", "TARGET"]] * 2


async def test_each_is_told_of_the_goals_that_moved_with_its_record(world: World) -> None:
    payloads = await record_at_once(
        world, won_deal(world, "Ann", "10"), won_deal(world, "Ben", "20"), won_deal(world, "Cem", status="OPEN")
    )

    def goals(*owners: str) -> list[str]:
        return sorted(world.global_ids[f"goal of {owner}"] for owner in owners)

    moved_values = [{goal["id"]: goal["progress"]["value"] for goal in payload["goals"]} for payload in payloads]
    assert sorted(moved_values[0]) == goals("Ann", "Sales", "company")
    assert sorted(moved_values[1]) == goals("Ben", "Sales", "company")
    assert moved_values[2] == {}
    team_goal, own_goal = world.global_ids["goal of Sales"], world.global_ids["goal of Ann"]
    assert (moved_values[0][team_goal], moved_values[0][own_goal]) == ("30.00", "10.00")
    assert [payload["deal"]["owner"]["standing"]["rank"] for payload in payloads[:2]] == [2, 1]


async def test_a_refused_record_does_not_stop_the_others(world: World) -> None:
    position = await change_log.last_position()
    bad = {**won_deal(world, "Ben"), "lostReason": "none"}
    payloads = await record_at_once(world, won_deal(world, "Ann"), bad, won_deal(world, "Cem"))

    assert [[error["path"] for error in payload["userErrors"]] for payload in payloads] == [
        [], [["input", "lostReason"]], [],
    ]  # fmt: skip
    assert await change_log.last_position() == position + 2
    assert sorted(deal.title for deal in await Deal.all()) == ["Ann's", "Cem's"]


async def test_requests_of_different_people_are_made_one_by_one(world: World) -> None:
    position = await change_log.last_position()
    payloads = await record_at_once(world, won_deal(world, "Ann"), won_deal(world, "Ben"), actors=["Ann", "Ben"])

    assert await change_log.last_position() == position + 2
    entries = await Activity.filter(kind="DEAL_WON").order_by("id")
    actors = {encode_global_id("Employee", entry.actor_id or 0) for entry in entries}
    assert actors == {world.global_ids["Ann"], world.global_ids["Ben"]}
    assert all(payload["userErrors"] == [] for payload in payloads)


async def test_a_repetition_among_waiting_requests_is_recorded_once(world: World) -> None:
    repeated_input = won_deal(world, "Ann", idempotencyKey="k")
    payloads = await record_at_once(
        world, repeated_input, won_deal(world, "Ben", idempotencyKey="other"), repeated_input
    )
    later = await record_at_once(world, won_deal(world, "Cem"), repeated_input)

    assert await Deal.all().count() == 3
    assert payloads[2]["deal"]["id"] == later[1]["deal"]["id"] == payloads[0]["deal"]["id"]
    assert sorted(goal["id"] for goal in later[1]["goals"]) == sorted(goal["id"] for goal in payloads[0]["goals"])


@on_both_databases
async def test_the_response_of_each_grouped_request_can_be_repeated(world: World) -> None:
    inputs = [won_deal(world, seller, idempotencyKey=seller) for seller in SELLERS]
    payloads = await record_at_once(world, *inputs)
    repeated = [await record(world, input) for input in inputs]

    def ids(payload: dict[str, Any]) -> list[str]:
        return [payload["deal"]["id"], *sorted(goal["id"] for goal in payload["goals"])]

    assert [ids(payload) for payload in repeated] == [ids(payload) for payload in payloads]
    assert await Deal.all().count() == 3


async def test_an_existing_record_is_changed_alone(world: World) -> None:
    """Its change can be taken back, for which what follows from it alone is stored."""
    await record(world, won_deal(world, "Ann", status="OPEN", externalId="X-1"))
    position = await change_log.last_position()
    payloads = await record_at_once(
        world, won_deal(world, "Ann", externalId="X-1"), won_deal(world, "Ben", externalId="X-2")
    )

    assert await change_log.last_position() == position + 2
    undone = await undo_last(world, payloads[0]["deal"]["id"])
    assert undone["deal"]["status"] == "OPEN"


async def test_records_of_one_client_are_made_one_by_one(world: World) -> None:
    client = world.global_ids["client"]
    payloads = await record_at_once(
        world, won_deal(world, "Ann", client=client), won_deal(world, "Ben", client=client), won_deal(world, "Cem")
    )

    assert [payload["deal"]["saleKind"] for payload in payloads] == ["FIRST", "REPEAT", "FIRST"]
    assert sorted(goal["id"] for goal in payloads[1]["goals"]) == sorted(
        world.global_ids[f"goal of {owner}"] for owner in ("Ben", "Sales", "company")
    )


@on_both_databases
async def test_records_of_one_client_are_made_one_by_one_whatever_id_stands_for_it(world: World) -> None:
    client = (await world.mutate("recordClient", name="Bolt", externalId="B"))["client"]["id"]
    merged = (await world.mutate("recordClient", name="Bolt Ltd"))["client"]["id"]
    merge = "mutation($input: MergeInput!) { mergeClients(input: $input) { userErrors { message } } }"
    await world.query(merge, input={"into": client, "from": merged})
    position = await change_log.last_position()
    ids = dict(zip(SELLERS, (client, "ext:B", merged), strict=True))
    payloads = await record_at_once(world, *(won_deal(world, seller, client=id) for seller, id in ids.items()))

    assert await change_log.last_position() == position + 3
    assert sorted(payload["deal"]["saleKind"] for payload in payloads) == ["FIRST", "REPEAT", "REPEAT"]


async def test_one_record_whose_external_id_is_written_in_two_ways_is_recorded_and_then_changed(world: World) -> None:
    payloads = await record_at_once(
        world,
        won_deal(world, "Ann", title="first", externalId="X"),
        won_deal(world, "Ann", title="second", externalId="X "),
    )

    assert payloads[0]["deal"]["id"] == payloads[1]["deal"]["id"]
    assert [payload["deal"]["title"] for payload in payloads] in (["first", "second"], ["first", "first"])
    kinds = [entry.kind for entry in await Activity.filter(subject_kind="Deal")]
    assert sorted(kinds) == ["DEAL_CREATED", "DEAL_UPDATED", "DEAL_WON"]


async def test_a_record_that_fails_does_not_fail_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    new_row = DealType.new_row

    def fail_for_one(self: DealType, edit: Any, input: Any) -> Deal:
        if input.title == "bad":
            raise ZeroDivisionError
        return new_row(self, edit, input)

    monkeypatch.setattr(DealType, "new_row", fail_for_one)
    inputs = [won_deal(world, "Ann"), won_deal(world, "Ben", title="bad"), won_deal(world, "Cem")]
    results = await asyncio.gather(*await start_waiting(world, *inputs))

    assert [bool(result.errors) for result in results] == [False, True, False]
    assert sorted(deal.title for deal in await Deal.all()) == ["Ann's", "Cem's"]


async def test_a_request_that_is_cancelled_while_others_wait_with_it_is_made_with_them(world: World) -> None:
    contexts = [await world.authenticated_context("admin") for _ in SELLERS]
    async with hold_lock():
        requests = [
            asyncio.create_task(world.executor.execute(RECORD, context, {"input": won_deal(world, seller)}))
            for context, seller in zip(contexts, SELLERS, strict=True)
        ]
        for _ in range(20):
            await asyncio.sleep(0)
        requests[0].cancel()
        requests[2].cancel()
        await asyncio.sleep(0)
    results = await asyncio.gather(*requests, return_exceptions=True)

    assert isinstance(results[0], asyncio.CancelledError)
    assert not isinstance(results[1], BaseException)
    assert results[1].data["recordDeal"]["userErrors"] == []
    assert sorted(deal.title for deal in await Deal.all()) == ["Ann's", "Ben's", "Cem's"]


async def test_a_request_that_is_cancelled_alone_records_nothing(world: World) -> None:
    context = await world.authenticated_context("admin")
    async with hold_lock():
        request = asyncio.create_task(world.executor.execute(RECORD, context, {"input": won_deal(world, "Ann")}))
        for _ in range(20):
            await asyncio.sleep(0)
        request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert await Deal.all().count() == 0
    assert (await record(world, won_deal(world, "Ben")))["userErrors"] == []


async def test_all_are_told_that_the_database_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("The connection is lost.")

    monkeypatch.setattr(change_log, "append", fail)
    results = await asyncio.gather(*await start_waiting(world, *(won_deal(world, seller) for seller in SELLERS)))

    assert [[str(error.original_error) for error in result.errors] for result in results] == [
        ["The connection is lost."]
    ] * 3
    assert await Deal.all().count() == 0


async def test_more_than_a_group_holds_are_made_in_several(world: World) -> None:
    position = await change_log.last_position()
    await record_at_once(world, *(won_deal(world, "Ann", title=f"{number}") for number in range(MAX_GROUP_SIZE + 3)))

    assert await change_log.last_position() == position + 2
    assert await Deal.all().count() == MAX_GROUP_SIZE + 3
    changes = await change_log.read_after(position)
    assert all("*" not in topics for _, topics in changes), "each subscriber is woken"
