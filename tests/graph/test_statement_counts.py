"""The hot queries take a fixed number of SQL statements, however many rows there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import encode_global_id
from domain.primitives.periods import PeriodKind
from graph.execution.operations import Operations
from graph.execution.query_limits import QueryLimits
from resolvers.crm.deals import DealType
from resolvers.crm.inputs import DealInput
from resolvers.crm.record_type import upsert_records
from resolvers.goals import goals
from resolvers.goals.inputs import GoalInput, GoalUpdateInput
from resolvers.leaderboards.leaderboard_cache import LeaderboardCache
from resolvers.organization import people
from resolvers.organization.inputs import EmployeeInput
from resolvers.request.client_info import ClientInfo
from resolvers.request.inputs import Money
from resolvers.request.periods import PeriodKey
from server.context_factory import ContextFactory
from server.operation_runner import OperationRunner
from server.requests.request_parsing import GraphQLRequest
from tests.statement_counter import count_round_trips, count_statements
from tests.world import World, open_world

LEADERBOARD = (
    "{ leaderboard { total standings { rank previousRank employee { name avatarUrl online } value target } } }"
)
FORECASTS = """{ employees(first: 50) { edges { node { name forecast { expected low high target } } } } }"""
GOALS = """{ goals { name owner { name } metric { name } target allocated createdBy { name } period { label workdaysLeft }
  progress { value pace projected } changes { field by { name } } } }"""
MAX_STATEMENTS = {
    LEADERBOARD: 8,
    GOALS: 11,
    FORECASTS: 8,
}  # including the reference data, schedule and deals, which have changed and are read again


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as world:
        await world.create_team("Sales")
        yield world


async def add_sellers(world: World, size: int) -> None:
    """Add `size` sellers, each with deals and updated goals, in one unit of work."""
    admin = await world.authenticated_context("admin")
    async with admin.unit_of_work():
        for number in range(size):
            employee_input = EmployeeInput(name=f"Seller {number} of {size}", team=world.global_ids["Sales"])
            owner = encode_global_id("Employee", (await people.create_employee(admin, employee_input)).id)
            for metric in ("deals_won_amount", "deals_won"):
                goal_input = GoalInput(
                    owner=owner, metric=metric, period=PeriodKey(PeriodKind.MONTH), target=Decimal(100)
                )
                goal = await goals.set_goal(admin, goal_input)
                goal_id = encode_global_id("Goal", goal.id)
                await goals.update_goal(
                    admin, GoalUpdateInput(id=goal_id, target=Decimal(120), name="More", reason="raised")
                )
            deals = [
                DealInput(title="Chairs", owner=owner, status=status, amount=Money(Decimal(5 + number)))
                for status in (DealStatus.WON, DealStatus.OPEN)
            ]
            await upsert_records(admin, DealType(), deals, path=("inputs",))


async def statements_of(world: World, document: str) -> list[str]:
    world.services.state.leaderboard_cache = LeaderboardCache()  # a cached leaderboard takes fewer statements
    with count_statements() as statements:
        await world.query(document)
    return statements


async def test_statement_count_does_not_depend_on_the_number_of_rows(world: World) -> None:
    await add_sellers(world, 10)
    statements_before = await statements_of_documents(world)
    await add_sellers(world, 40)
    statements_after = await statements_of_documents(world)

    for document, maximum in MAX_STATEMENTS.items():
        before, after = statements_before[document], statements_after[document]
        assert len(after) == len(before), "\n".join(sorted(after))
        assert len(after) <= maximum, document


async def statements_of_documents(world: World) -> dict[str, list[str]]:
    """Return the statements of each document when the data that are cached have changed before it."""
    statements = {}
    for document in MAX_STATEMENTS:
        await add_sellers(world, 1)
        statements[document] = await statements_of(world, document)
    return statements


CARD = """query Card($id: ID!) { employee(id: $id) { id name avatarUrl role team { id name }
  goals { id name metric { key } target period { start end } progress { value attainmentPercent pace } }
  activities(first: 20) { edges { node { id kind summary at } } }
  leads(first: 20) { edges { node { id title source status createdAt } } }
  clients(first: 20) { edges { node { id name email phone createdAt } } }
  funnel { stages { stage { name } openDeals } } } }"""


async def ask(server: OperationRunner, world: World, document: str, **variables: str) -> list[str]:
    """Return the statements of a request, which the server has authenticated."""
    operation = server.parse_operation(GraphQLRequest(document, None, variables))
    with count_statements() as statements:
        result = await server.execute(operation, ClientInfo(world.tokens["admin"]))
    assert result.error_codes == []
    return statements


async def test_card_and_board_take_few_statements(world: World) -> None:
    await create_goals(world)
    await world.mutate("recordClient", "Ann", name="Smith")
    await world.mutate("recordLead", "Ann", title="Asks")
    await world.mutate("recordDeal", "Ann", title="Chairs")
    server = OperationRunner(Operations(world.schema, QueryLimits()), ContextFactory(world.services, lambda: world.now))
    board = "{ leaderboard { standings { rank value employee { name } } } }"
    for document in (CARD.replace("Card", "First"), board):  # these read the reference data
        await ask(server, world, document, id=world.global_ids["Ann"])

    assert len(await ask(server, world, CARD, id=world.global_ids["Ann"])) <= 8
    assert len(await ask(server, world, CARD, id=world.global_ids["Ann"])) == 1
    assert len(await ask(server, world, board)) == 1
    await world.mutate("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "5"})
    assert len(await ask(server, world, board)) <= 2


async def create_goals(world: World) -> None:
    """Create Ann in a team below another, and ten goals that a win of hers moves."""
    await world.create_team("North", "Sales")
    await world.create_employee("Ann", "North")
    metrics = ("deals_won_amount", "deals_won", "first_deals_won_amount", "first_deals_won")
    goals_of_ann = [("Ann", metric, kind) for metric in metrics for kind in ("MONTH", "QUARTER")]
    for owner, metric, kind in [*goals_of_ann, ("North", "deals_won", "MONTH"), ("company", "deals_won", "MONTH")]:
        goal_input = {"owner": world.global_ids[owner], "metric": metric, "target": "1000000"}
        await world.mutate("setGoal", **goal_input, period={"kind": kind})


async def test_statement_count_of_a_win_does_not_depend_on_the_number_of_sellers(world: World) -> None:
    await create_goals(world)
    statements_before = await statements_of_win(world)
    await add_sellers(world, 30)
    statements_after = await statements_of_win(world)

    assert len(statements_after) == len(statements_before) <= 15, "\n".join(statements_after)


async def statements_of_win(world: World) -> list[str]:
    """Return the statements of a win of Ann, with the reference data already cached."""
    for _ in range(2):
        with count_statements() as statements:
            await world.mutate("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "5"})
    return statements


@pytest.fixture
async def postgres_world(postgres_tables_url: str) -> AsyncIterator[World]:
    async with open_world(postgres_tables_url) as world:
        await world.create_team("Sales")
        await create_goals(world)
        yield world


MAX_ROUND_TRIPS = 5  # the session; BEGIN with the lock; what is needed; all writes; COMMIT


async def test_new_win_with_client_and_key_takes_few_round_trips(postgres_world: World) -> None:
    world = postgres_world
    client = (await world.mutate("recordClient", "Ann", name="Smith"))["client"]["id"]

    for number in range(2):  # the first one reads the reference data
        deal_input = {"title": "Chairs", "status": "WON", "amount": {"amount": "5"}, "client": client}
        with count_round_trips() as round_trips:
            payload = await world.mutate(
                "recordDeal", "Ann", **deal_input, externalId=f"deal-{number}", idempotencyKey=f"key-{number}"
            )

    assert len(payload["goals"]) == 10 - 4 * (number > 0)  # a second win of the client is no first one
    assert len(round_trips) <= MAX_ROUND_TRIPS, "\n".join(round_trips)


async def test_win_of_an_open_deal_takes_few_round_trips(postgres_world: World) -> None:
    world = postgres_world

    for _ in range(2):
        deal = (await world.mutate("recordDeal", "Ann", title="Chairs", amount={"amount": "5"}))["deal"]["id"]
        with count_round_trips() as round_trips:
            payload = await world.mutate("winDeal", "Ann", id=deal, idempotencyKey=deal)

    assert len(payload["goals"]) == 10
    assert len(round_trips) <= MAX_ROUND_TRIPS, "\n".join(round_trips)


WIN_WITH_ANSWER = """mutation($input: RecordDealInput!) { recordDeal(input: $input) { userErrors { message }
  goals { id name target progress { value attainmentPercent pace version } }
  deal { id owner { name standing { rank value gapToNext } } } } }"""


async def test_answer_to_a_win_takes_no_round_trip_of_its_own(postgres_world: World) -> None:
    world = postgres_world
    deal_input = {"owner": world.global_ids["Ann"], "title": "Chairs", "status": "WON", "amount": {"amount": "5"}}

    for _ in range(2):  # the first one reads the leaderboard
        with count_round_trips() as round_trips:
            payload = (await world.query(WIN_WITH_ANSWER, "Ann", input=deal_input))["recordDeal"]

    assert len(payload["goals"]) == 10
    assert payload["deal"]["owner"] == {"name": "Ann", "standing": {"rank": 1, "value": "10.00", "gapToNext": None}}
    assert len(round_trips) <= MAX_ROUND_TRIPS, "\n".join(round_trips)
