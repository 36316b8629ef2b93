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

from subscriptions.core.hub import CHANNEL
from tests.acceptance.two_servers import PATIENCE, Pair, paired, rows, watching, won
from tests.backing_services import Valkey
from tests.processes import measured

pytestmark = pytest.mark.asyncio(loop_scope="module")

DARK = 3.0  # duration of a Redis outage
AT_ONCE = 1.5  # a mutation that waited for an unresponsive Redis would take longer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(
    module_postgres_url: str, module_redis_server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    async with paired(module_postgres_url, module_redis_server.url, folder) as pair:
        yield pair


async def test_a_wallboard_on_one_server_sees_what_is_won_on_the_other(pair: Pair) -> None:
    async with watching(pair.two, token=pair.wallboard) as board:
        before = Decimal((await board.settled(pair.one))["total"])
        await won(pair.one, "Chairs", 300)
        seen = await board.settled(pair.one)

    assert Decimal(seen["total"]) == Decimal(seen["standings"][0]["value"]) == before + 300


async def killed(server: Valkey) -> None:
    server.kill()
    await asyncio.sleep(DARK)
    await asyncio.to_thread(server.start)


async def frozen(server: Valkey) -> None:
    server.pause()
    await asyncio.sleep(DARK)
    server.resume()


async def emptied(server: Valkey) -> None:
    async with redis.asyncio.Redis.from_url(server.url) as client:
        for _ in range(3):
            await client.flushall()
            await asyncio.sleep(DARK / 3)


async def deafened(server: Valkey) -> None:
    """Close the connections with a subscription, and only those."""
    async with redis.asyncio.Redis.from_url(server.url) as client:
        for _ in range(6):
            with suppress(redis.ResponseError):  # if there is none at the moment
                await client.client_kill_filter(_type="pubsub")
            await asyncio.sleep(DARK / 6)


@asynccontextmanager
async def doorbell(server: Valkey) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Subscribe to the servers' Redis channel; yields a function that waits for a message on it."""
    async with redis.asyncio.Redis.from_url(server.url) as client, client.pubsub() as pubsub:
        await pubsub.subscribe(CHANNEL)

        async def rung() -> None:
            async with asyncio.timeout(PATIENCE):
                while (await pubsub.get_message(timeout=PATIENCE) or {})["type"] != "message":
                    continue

        yield rung


@pytest.mark.parametrize("fault", [killed, frozen, emptied, deafened], ids=lambda fault: fault.__name__)
async def test_whatever_becomes_of_redis_nobody_waits_and_the_board_ends_at_what_the_query_says(
    pair: Pair, module_redis_server: Valkey, fault: Callable[[Valkey], Awaitable[None]]
) -> None:
    took: list[float] = []
    servers = itertools.cycle(pair)

    async def record(number: int) -> None:
        began = time.perf_counter()
        await won(next(servers), f"Deal {number}")
        took.append(time.perf_counter() - began)

    async with watching(pair.one, token=pair.wallboard) as here, watching(pair.two, token=pair.wallboard) as there:
        before = Decimal((await here.settled(pair.two))["total"])
        await record(0)
        failing = asyncio.ensure_future(fault(module_redis_server))
        while not failing.done():
            await record(len(took))
            await asyncio.sleep(0.05)
        await failing
        await record(len(took))
        last = [await each.settled(pair.one) for each in (here, there)]
        for server in pair:
            await server.until_ready()
        heard = len(here.heard), len(there.heard)
        async with doorbell(module_redis_server) as rung:
            await record(len(took))
            await rung()
        again = [await each.settled(pair.two) for each in (here, there)]

    print(f"{len(took)} mutations, the slowest took {max(took):.3f} s")
    assert len(took) > 10
    assert max(took) < AT_ONCE
    assert {Decimal(board["total"]) for board in last} == {before + len(took) - 1}
    assert {Decimal(board["total"]) for board in again} == {before + len(took)}
    assert heard < (len(here.heard), len(there.heard))
    assert {each.code for each in (here, there)} == {None}  # no client had to reconnect


@measured
async def test_servers_start_without_redis_say_so_stay_calm_and_find_it_when_it_is_there(
    postgres_tables_url: str, redis_server: Valkey, tmp_path: Path
) -> None:
    redis_server.kill()
    async with paired(postgres_tables_url, redis_server.url, tmp_path) as pair:
        for server in pair:
            await server.until_ready("degraded")
            code, state = await server.ready()
            assert (code, state["checks"]["database"], state["checks"]["news"]) == (200, "ok", "late")

        async with watching(pair.two, token=pair.wallboard) as board:
            await won(pair.one, "Chairs", 300)
            assert (await board.settled(pair.one))["total"] == "300.00"

            before, began = [server.process.cpu() for server in pair], time.monotonic()
            await asyncio.sleep(3)
            shares = [
                (server.process.cpu() - cpu) / (time.monotonic() - began)
                for server, cpu in zip(pair, before, strict=True)
            ]
            print(f"shares of a processor: {shares}")
            assert max(shares) < 0.1

            await asyncio.to_thread(redis_server.start)
            for server in pair:
                await server.until_ready()
            await won(pair.one, "Tables", 200)
            assert (await board.settled(pair.one))["total"] == "500.00"


async def test_a_history_read_now_here_now_there_loses_nothing_and_doubles_nothing(pair: Pair) -> None:
    heard: list[str] = []
    writing = True

    async def write(server_number: int) -> None:
        for number in itertools.count():
            if not writing:
                return
            await won(list(pair)[server_number], f"Deal {number} of {server_number}")

    async def read(server_number: int, lines: int) -> None:
        """Resume after the last received activity and drop the connection after `count` more."""
        after = f'(after: "{heard[-1]}")' if heard else ""
        question = f"activities{after} {{ id }}"
        async with watching(list(pair)[server_number], question) as history:
            await history.until(lambda: len(history.heard) >= lines)
            history.socket.transport.abort()
        heard.extend(line["id"] for line in history.heard)

    await won(pair.one, "The first")
    heard.append((await lines(pair, 1))[0])
    writers = [asyncio.create_task(write(number)) for number in (0, 1)]
    for turn in range(8):
        await read(turn % 2, 5)
    writing = False
    await asyncio.gather(*writers)
    recorded = await lines(pair, upto=heard[0])
    await read(0, len(recorded) - len(heard))

    assert heard == recorded


async def lines(pair: Pair, number: int = 100, upto: str | None = None) -> list[str]:
    """Return the ids of the newest activities, oldest first.

    last_id  load pages until this id and return all ids from it on
    """
    found: list[str] = []
    after = None
    while not found or (upto and upto not in found):
        page = await pair.two.data(
            """query($first: Int, $after: String) { activities(first: $first, after: $after) {
              edges { node { id } } pageInfo { endCursor } } }""",
            first=number,
            after=after,
        )
        found += [edge["node"]["id"] for edge in page["activities"]["edges"]]
        after = page["activities"]["pageInfo"]["endCursor"]
    return found[: found.index(upto) + 1 if upto else None][::-1]


async def test_the_same_key_at_once_on_both_servers_makes_one_record(pair: Pair) -> None:
    keys = [f"key {number}" for number in range(10)]

    made = await asyncio.gather(*(won(server, key, idempotencyKey=key) for key in keys for server in [*pair, *pair]))

    assert len(set(made)) == len(keys)
    assert await rows(pair.url, "SELECT count(*) FROM deal WHERE title LIKE 'key %'") == [(len(keys),)]


async def test_of_many_who_change_the_same_version_of_a_goal_one_does(pair: Pair) -> None:
    set_ = """mutation($owner: ID!) { setGoal(input: {owner: $owner, metric: "deals_won", target: "10",
      period: {kind: MONTH}}) { goal { id progress { version } } userErrors { message } } }"""
    change = """mutation($input: UpdateGoalInput!) { updateGoal(input: $input) {
      goal { target } userErrors { code path } } }"""
    company = (await pair.one.data("{ company { id } }"))["company"]["id"]
    goal = (await pair.one.data(set_, owner=company))["setGoal"]["goal"]
    seen = goal["progress"]["version"]

    answers = await asyncio.gather(
        *(
            server.data(change, input={"id": goal["id"], "target": str(target), "ifVersion": seen})
            for target, server in zip(range(20, 30), itertools.cycle(pair))
        )
    )

    payloads = [answer["updateGoal"] for answer in answers]
    assert sorted(len(payload["userErrors"]) for payload in payloads) == [0] + [1] * 9
    assert {error["code"] for payload in payloads for error in payload["userErrors"]} == {"CONFLICT"}
    (done,) = (payload["goal"]["target"] for payload in payloads if payload["goal"])
    assert (await pair.two.data("query($id: ID!) { goal(id: $id) { target } }", id=goal["id"]))["goal"] == {
        "target": done
    }


async def test_what_is_changed_at_once_on_both_servers_adds_up(pair: Pair) -> None:
    deals = [await won(pair.one, f"Deal {number}", 100) for number in range(4)]
    change = """mutation($input: UpdateDealInput!) { updateDeal(input: $input) { userErrors { message } } }"""

    await asyncio.gather(
        *(
            server.data(change, input={"id": deals[number % 4], "amount": {"amount": str(1 + number)}})
            for number, server in zip(range(60), itertools.cycle(pair))
        )
    )

    (stored,) = await rows(pair.url, "SELECT sum(value) FROM deal")
    boards = [await server.data("{ leaderboard { total } }") for server in pair]
    assert {board["leaderboard"]["total"] for board in boards} == {f"{stored[0] / 100:.2f}"}


async def test_who_may_no_longer_watch_is_sent_away_by_the_other_server(pair: Pair) -> None:
    hire = """mutation { createEmployee(input: {name: "Bob", email: "bob@example.com", password: "correct horse"}) {
      employee { id } } }"""
    install = 'mutation { createDevice(input: {name: "Hall", kind: WALLBOARD}) { token device { id } } }'
    bob = (await pair.one.data(hire))["createEmployee"]["employee"]["id"]
    hall = (await pair.one.data(install))["createDevice"]
    his = await replace(pair.two).sign_in(email="bob@example.com")

    async with (
        watching(pair.two, token=his) as one,
        watching(pair.two, token=hall["token"]) as another,
        watching(pair.two, token=pair.wallboard) as third,
    ):
        for watch in (one, another, third):
            await watch.settled(pair.one)
        await pair.one.data(
            "mutation($id: ID!) { revokeDevice(id: $id) { userErrors { message } } }", id=hall["device"]["id"]
        )
        assert await another.ended() == 4403
        assert one.code is None

        await pair.one.data(
            "mutation($id: ID!) { updateEmployee(input: {id: $id, active: false}) { userErrors { message } } }", id=bob
        )
        assert await one.ended() == 4403
        await won(pair.one, "Chairs")
        await third.settled(pair.two)
        assert third.code is None
