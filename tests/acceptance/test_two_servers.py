"""Two servers with one PostgreSQL and one Redis: changes on one reach the other, also during Redis outages."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
import redis
import redis.asyncio

from subscriptions.core.hub import BROADCAST_CHANNEL
from tests.acceptance.two_servers import (
    TIMEOUT_SECONDS,
    ServerPair,
    fetch_rows,
    record_win,
    run_server_pair,
    watch_subscription,
)
from tests.backing_services import Valkey
from tests.processes import needs_schedstat

pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTAGE_SECONDS = 3.0  # duration of a Redis outage
MAX_MUTATION_SECONDS = 1.5  # a mutation that waited for an unresponsive Redis would take longer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(
    module_postgres_url: str, module_redis_server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ServerPair]:
    folder = tmp_path_factory.mktemp("pair")
    async with run_server_pair(module_postgres_url, module_redis_server.url, folder) as pair:
        yield pair


async def test_wallboard_shows_win_recorded_on_other_server(pair: ServerPair) -> None:
    async with watch_subscription(pair.second, token=pair.wallboard) as watch:
        before = Decimal((await watch.wait_for_query_state(pair.first))["total"])
        await record_win(pair.first, "Chairs", 300)
        leaderboard = await watch.wait_for_query_state(pair.first)

    assert Decimal(leaderboard["total"]) == Decimal(leaderboard["standings"][0]["value"]) == before + 300


async def kill_and_restart(server: Valkey) -> None:
    server.kill()
    await asyncio.sleep(OUTAGE_SECONDS)
    await asyncio.to_thread(server.start)


async def pause_and_resume(server: Valkey) -> None:
    server.pause()
    await asyncio.sleep(OUTAGE_SECONDS)
    server.resume()


async def flush_repeatedly(server: Valkey) -> None:
    async with redis.asyncio.Redis.from_url(server.url) as client:
        for _ in range(3):
            await client.flushall()
            await asyncio.sleep(OUTAGE_SECONDS / 3)


async def close_subscribers(server: Valkey) -> None:
    """Close the connections with a subscription, and only those."""
    async with redis.asyncio.Redis.from_url(server.url) as client:
        for _ in range(6):
            with suppress(redis.ResponseError):  # if there is none at the moment
                await client.client_kill_filter(_type="pubsub")
            await asyncio.sleep(OUTAGE_SECONDS / 6)


@asynccontextmanager
async def subscribe_to_news(server: Valkey) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Subscribe to the servers' Redis channel; yields a function that waits for a message on it."""
    async with redis.asyncio.Redis.from_url(server.url) as client, client.pubsub() as pubsub:
        await pubsub.subscribe(BROADCAST_CHANNEL)

        async def wait_for_message() -> None:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while (await pubsub.get_message(timeout=TIMEOUT_SECONDS) or {})["type"] != "message":
                    continue

        yield wait_for_message


@pytest.mark.parametrize(
    "fault", [kill_and_restart, pause_and_resume, flush_repeatedly, close_subscribers], ids=lambda fault: fault.__name__
)
async def test_redis_outage_delays_no_mutation_and_leaderboards_end_at_query_state(
    pair: ServerPair, module_redis_server: Valkey, fault: Callable[[Valkey], Awaitable[None]]
) -> None:
    durations: list[float] = []
    servers = itertools.cycle(pair)

    async def record(number: int) -> None:
        began = time.perf_counter()
        await record_win(next(servers), f"Deal {number}")
        durations.append(time.perf_counter() - began)

    async with (
        watch_subscription(pair.first, token=pair.wallboard) as first_watch,
        watch_subscription(pair.second, token=pair.wallboard) as second_watch,
    ):
        before = Decimal((await first_watch.wait_for_query_state(pair.second))["total"])
        await record(0)
        fault_task = asyncio.ensure_future(fault(module_redis_server))
        while not fault_task.done():
            await record(len(durations))
            await asyncio.sleep(0.05)
        await fault_task
        await record(len(durations))
        states = [await watch.wait_for_query_state(pair.first) for watch in (first_watch, second_watch)]
        for server in pair:
            await server.wait_until_ready()
        event_counts = len(first_watch.events), len(second_watch.events)
        async with subscribe_to_news(module_redis_server) as wait_for_message:
            await record(len(durations))
            await wait_for_message()
        later_states = [await watch.wait_for_query_state(pair.second) for watch in (first_watch, second_watch)]

    print(f"{len(durations)} mutations, the slowest took {max(durations):.3f} s")
    assert len(durations) > 10
    assert max(durations) < MAX_MUTATION_SECONDS
    assert {Decimal(state["total"]) for state in states} == {before + len(durations) - 1}
    assert {Decimal(state["total"]) for state in later_states} == {before + len(durations)}
    assert event_counts < (len(first_watch.events), len(second_watch.events))
    assert {watch.close_code for watch in (first_watch, second_watch)} == {None}  # no client had to reconnect


@needs_schedstat
async def test_servers_started_without_redis_report_it_and_connect_later(
    postgres_tables_url: str, redis_server: Valkey, tmp_path: Path
) -> None:
    redis_server.kill()
    async with run_server_pair(postgres_tables_url, redis_server.url, tmp_path) as pair:
        for server in pair:
            await server.wait_until_ready("degraded")
            code, state = await server.read_readiness()
            assert (code, state["checks"]["database"], state["checks"]["news"]) == (200, "ok", "late")

        async with watch_subscription(pair.second, token=pair.wallboard) as watch:
            await record_win(pair.first, "Chairs", 300)
            assert (await watch.wait_for_query_state(pair.first))["total"] == "300.00"

            before, began = [server.process.cpu_seconds() for server in pair], time.monotonic()
            await asyncio.sleep(3)
            shares = [
                (server.process.cpu_seconds() - cpu) / (time.monotonic() - began)
                for server, cpu in zip(pair, before, strict=True)
            ]
            print(f"shares of a processor: {shares}")
            assert max(shares) < 0.1

            await asyncio.to_thread(redis_server.start)
            for server in pair:
                await server.wait_until_ready()
            await record_win(pair.first, "Tables", 200)
            assert (await watch.wait_for_query_state(pair.first))["total"] == "500.00"


async def test_activities_resumed_on_alternating_servers_are_complete_and_unique(pair: ServerPair) -> None:
    received_ids: list[str] = []
    writing = True

    async def write(server_number: int) -> None:
        for number in itertools.count():
            if not writing:
                return
            await record_win(list(pair)[server_number], f"Deal {number} of {server_number}")

    async def read(server_number: int, count: int) -> None:
        """Resume after the last received activity and drop the connection after `count` more."""
        after = f'(after: "{received_ids[-1]}")' if received_ids else ""
        selection = f"activities{after} {{ id }}"
        async with watch_subscription(list(pair)[server_number], selection) as watch:
            await watch.wait_until(lambda: len(watch.events) >= count)
            watch.socket.transport.abort()
        received_ids.extend(entry["id"] for entry in watch.events)

    await record_win(pair.first, "The first")
    received_ids.append((await fetch_activity_ids(pair, 1))[0])
    writers = [asyncio.create_task(write(number)) for number in (0, 1)]
    for turn in range(8):
        await read(turn % 2, 5)
    writing = False
    await asyncio.gather(*writers)
    recorded_ids = await fetch_activity_ids(pair, last_id=received_ids[0])
    await read(0, len(recorded_ids) - len(received_ids))

    assert received_ids == recorded_ids


async def fetch_activity_ids(pair: ServerPair, page_size: int = 100, last_id: str | None = None) -> list[str]:
    """Return the ids of the newest activities, oldest first.

    last_id  load pages until this id and return all ids from it on
    """
    activity_ids: list[str] = []
    after = None
    while not activity_ids or (last_id and last_id not in activity_ids):
        page = await pair.second.execute(
            """query($first: Int, $after: String) { activities(first: $first, after: $after) {
              edges { node { id } } pageInfo { endCursor } } }""",
            first=page_size,
            after=after,
        )
        activity_ids += [edge["node"]["id"] for edge in page["activities"]["edges"]]
        after = page["activities"]["pageInfo"]["endCursor"]
    return activity_ids[: activity_ids.index(last_id) + 1 if last_id else None][::-1]


async def test_same_idempotency_key_on_both_servers_creates_one_record(pair: ServerPair) -> None:
    keys = [f"key {number}" for number in range(10)]

    deal_ids = await asyncio.gather(
        *(record_win(server, key, idempotencyKey=key) for key in keys for server in [*pair, *pair])
    )

    assert len(set(deal_ids)) == len(keys)
    assert await fetch_rows(pair.url, "SELECT count(*) FROM deal WHERE title LIKE 'key %'") == [(len(keys),)]


async def test_concurrent_changes_of_one_goal_version_succeed_once(pair: ServerPair) -> None:
    set_goal = """mutation($owner: ID!) { setGoal(input: {owner: $owner, metric: "deals_won", target: "10",
      period: {kind: MONTH}}) { goal { id progress { version } } userErrors { message } } }"""
    update_goal = """mutation($input: UpdateGoalInput!) { updateGoal(input: $input) {
      goal { target } userErrors { code path } } }"""
    company = (await pair.first.execute("{ company { id } }"))["company"]["id"]
    goal = (await pair.first.execute(set_goal, owner=company))["setGoal"]["goal"]
    version = goal["progress"]["version"]

    answers = await asyncio.gather(
        *(
            server.execute(
                update_goal,
                input={"id": goal["id"], "target": str(target), "ifVersion": version, "reason": "corrected"},
            )
            for target, server in zip(range(20, 30), itertools.cycle(pair))
        )
    )

    payloads = [answer["updateGoal"] for answer in answers]
    assert sorted(len(payload["userErrors"]) for payload in payloads) == [0] + [1] * 9
    assert {error["code"] for payload in payloads for error in payload["userErrors"]} == {"CONFLICT"}
    (new_target,) = (payload["goal"]["target"] for payload in payloads if payload["goal"])
    assert (await pair.second.execute("query($id: ID!) { goal(id: $id) { target } }", id=goal["id"]))["goal"] == {
        "target": new_target
    }


async def test_concurrent_deal_changes_on_both_servers_keep_totals_exact(pair: ServerPair) -> None:
    deals = [await record_win(pair.first, f"Deal {number}", 100) for number in range(4)]
    update_deal = """mutation($input: UpdateDealInput!) { updateDeal(input: $input) { userErrors { message } } }"""

    await asyncio.gather(
        *(
            server.execute(update_deal, input={"id": deals[number % 4], "amount": {"amount": str(1 + number)}})
            for number, server in zip(range(60), itertools.cycle(pair))
        )
    )

    (stored,) = await fetch_rows(pair.url, "SELECT sum(value) FROM deal")
    answers = [await server.execute("{ leaderboard { total } }") for server in pair]
    assert {answer["leaderboard"]["total"] for answer in answers} == {f"{stored[0] / 100:.2f}"}


async def test_other_server_closes_sockets_of_revoked_viewers(pair: ServerPair) -> None:
    create_employee = """mutation { createEmployee(input: {name: "Bob", email: "bob@example.com", password: "correct horse"}) {
      employee { id } } }"""
    create_device = 'mutation { createDevice(input: {name: "Hall", kind: WALLBOARD}) { token device { id } } }'
    bob_id = (await pair.first.execute(create_employee))["createEmployee"]["employee"]["id"]
    hall_device = (await pair.first.execute(create_device))["createDevice"]
    bob_token = await replace(pair.second).sign_in(email="bob@example.com")

    async with (
        watch_subscription(pair.second, token=bob_token) as bob_watch,
        watch_subscription(pair.second, token=hall_device["token"]) as hall_watch,
        watch_subscription(pair.second, token=pair.wallboard) as wallboard_watch,
    ):
        for watch in (bob_watch, hall_watch, wallboard_watch):
            await watch.wait_for_query_state(pair.first)
        await pair.first.execute(
            "mutation($id: ID!) { revokeDevice(id: $id) { userErrors { message } } }", id=hall_device["device"]["id"]
        )
        assert await hall_watch.wait_closed() == 4403
        assert bob_watch.close_code is None

        await pair.first.execute(
            "mutation($id: ID!) { updateEmployee(input: {id: $id, active: false}) { userErrors { message } } }",
            id=bob_id,
        )
        assert await bob_watch.wait_closed() == 4403
        await record_win(pair.first, "Chairs")
        await wallboard_watch.wait_for_query_state(pair.second)
        assert wallboard_watch.close_code is None
