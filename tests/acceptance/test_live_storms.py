"""Concurrent writes on two servers: live states never go back and end at the result of a query."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.two_servers import (
    LEADERBOARD,
    ServerPair,
    SubscriptionWatch,
    execute_patiently,
    run_server_pair,
    watch_subscription,
)
from tests.backing_services import Valkey
from tests.processes import SpawnedServer
from tests.seeds import each_seed

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse"
GOAL_FIELDS = """id name target archivedAt
  progress { value attainmentPercent pace projected projectedPercent attainmentProbability version }"""
LEADERBOARDS = {
    name: f"leaderboard({arguments}) {{ total version standings {{ rank previousRank value target attainmentPercent gapToNext "
    "employee { name team { name } } } }"
    for name, arguments in {
        "of the company": "first: 100",
        "by attainment": 'metric: "deals_won", rankBy: ATTAINMENT',
        "of the team": 'scope: "$North"',
        "of calls": 'metric: "calls_made"',
    }.items()
}


@dataclass
class StormCompany:
    pair: ServerPair
    ids: dict[str, str]
    tokens: dict[str, str]

    async def execute(self, server: SpawnedServer, field: str, **input: Any) -> dict[str, Any]:
        """Execute a mutation and return its payload; user errors are fine, since a rejected write changes nothing."""
        name = {"updateEmployee": "UpdateEmployee", "setGoal": "SetGoal"}.get(field, field[0].upper() + field[1:])
        document = f"mutation($input: {name}Input!) {{ {field}(input: $input) {{ userErrors {{ message }} {PAYLOAD_FIELDS[field]} }} }}"
        payload: dict[str, Any] = (await execute_patiently(server, document, input=input))[field]
        return payload

    def fill_ids(self, template: str) -> str:
        for name, global_id in self.ids.items():
            template = template.replace(f"${name}", global_id)
        return template


PAYLOAD_FIELDS = {
    "createTeam": "team { id }",
    "createEmployee": "employee { id }",
    "updateEmployee": "",
    "setGoal": "goal { id }",
    "updateGoal": "",
    "recordDeal": "deal { id }",
    "winDeal": "",
    "loseDeal": "",
    "reopenDeal": "",
    "updateDeal": "",
    "recordCall": "",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def company(
    module_postgres_url: str, module_redis_server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[StormCompany]:
    async with run_server_pair(module_postgres_url, module_redis_server.url, tmp_path_factory.mktemp("storms")) as pair:
        new_company = StormCompany(pair, {}, {"admin": pair.first.token})
        for team in ("North", "South"):
            new_company.ids[team] = (await new_company.execute(pair.first, "createTeam", name=team))["team"]["id"]
        for name, team, role in (
            ("Ann", "North", "EMPLOYEE"),
            ("Bob", "North", "EMPLOYEE"),
            ("Cid", "South", "EMPLOYEE"),
            ("Dan", "South", "DIRECTOR"),
        ):
            person = {"name": name, "email": f"{name}@example.com", "password": PASSWORD, "role": role}
            payload = await new_company.execute(pair.first, "createEmployee", team=new_company.ids[team], **person)
            new_company.ids[name] = payload["employee"]["id"]
            other_client = SpawnedServer(pair.first.http, pair.first.address)
            new_company.tokens[name] = await other_client.sign_in(email=f"{name}@example.com", password=PASSWORD)
        for owner in ("Ann", "Bob", "Cid", "North", "South"):
            for metric, target in (("deals_won", "10"), ("deals_won_amount", "1000")):
                month = {"kind": "MONTH"}
                await new_company.execute(
                    pair.first, "setGoal", owner=new_company.ids[owner], metric=metric, target=target, period=month
                )
        yield new_company


def is_ascending(versions: list[int]) -> bool:
    return versions == sorted(versions)


async def test_live_leaderboards_never_go_back_and_end_at_query_state_after_burst_of_wins(
    company: StormCompany,
) -> None:
    first, second = company.pair
    selection = LEADERBOARD.replace("total", "version total", 1)

    async def write(writer: int) -> None:
        for number in range(5):
            server, title = (first, second)[(writer + number) % 2], f"Deal {number} of {writer}"
            win = {"title": title, "status": "WON", "amount": {"amount": str(writer + 1)}, "idempotencyKey": title}
            await company.execute(server, "recordDeal", **win)

    async with AsyncExitStack() as stack:
        servers = (first, second) * 10
        watches = [await stack.enter_async_context(watch_subscription(server, selection)) for server in servers]
        for watch in watches:
            await watch.wait_until(lambda: bool(watch.events))  # noqa: B023 - awaited within the iteration
        await asyncio.gather(*(write(writer) for writer in range(8)))

        async def is_current(watch: SubscriptionWatch, server: SpawnedServer) -> bool:
            return bool(watch.events[-1] == (await execute_patiently(server, f"{{ {selection} }}"))["leaderboard"])

        for watch, server in zip(watches, servers, strict=True):
            await watch.wait_until(lambda: is_current(watch, server))  # noqa: B023
        last_states = [{**watch.events[-1], "version": 0} for watch in watches]
        assert last_states == last_states[:1] * len(last_states)  # versions are per server, the rest must be equal

    assert all(is_ascending([state["version"] for state in watch.events]) for watch in watches)
    assert len({watch.events[-1]["version"] for watch in watches if watch in watches[::2]}) == 1  # same on one server


@each_seed(1, 3)
async def test_live_states_equal_query_states_for_each_subscriber_after_random_writes(
    company: StormCompany, seed: int
) -> None:
    first, second = company.pair
    goals = f"goalProgress {{ {GOAL_FIELDS} }}"
    of_north = company.fill_ids(f'goalProgress(scope: "$North") {{ {GOAL_FIELDS} }}')
    all_goals = (await execute_patiently(first, "{ goals { id } }"))["goals"]
    by_id = (
        f"goalProgress(goals: [{', '.join(chr(34) + goal['id'] + chr(34) for goal in all_goals)}]) {{ {GOAL_FIELDS} }}"
    )
    subscriptions: list[tuple[str, str, str]] = [
        (person, kind, company.fill_ids(LEADERBOARDS[kind])) for kind in LEADERBOARDS for person in ("Ann", "Dan")
    ]
    subscriptions += [(person, "goals", goals) for person in ("Ann", "Bob", "Cid")]
    subscriptions += [
        ("Dan", "goals of North", of_north),
        ("admin", "goals of North", of_north),
        ("admin", "goals", by_id),
    ]
    subscriptions += [("admin", "forecast", "forecast { booked expected low high target attainmentProbability }")]

    async with AsyncExitStack() as stack:
        watches = [
            await stack.enter_async_context(watch_subscription(server, selection, company.tokens[person]))
            for person, _, selection in subscriptions
            for server in (first, second)
        ]
        await asyncio.gather(*(write_randomly(company, random.Random(f"{seed} {writer}")) for writer in range(4)))
        for watch, (person, kind, selection) in zip(
            watches, [subscription for subscription in subscriptions for _ in (first, second)], strict=True
        ):
            await wait_for_query_states(company, watch, person, kind, selection)

    for watch in watches:
        assert watch.close_code is None
        versions_by_id: dict[str, list[int]] = {}
        for state in watch.events:
            if (version := state.get("version", state.get("progress", {}).get("version"))) is not None:
                versions_by_id.setdefault(state.get("id", ""), []).append(version)
        assert all(is_ascending(versions) for versions in versions_by_id.values())


def last_states_by_id(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the last state of each id, without `version`, which differs between servers."""
    state_by_id = {state.get("id", ""): state for state in events}
    return {
        key: {name: value for name, value in state.items() if name != "version"} for key, state in state_by_id.items()
    }


async def wait_for_query_states(
    company: StormCompany, watch: SubscriptionWatch, person: str, kind: str, selection: str
) -> None:
    """Wait until the last states of a subscription equal the current query results of the same person.

    A timeout is suppressed, so that the final assertion shows both.
    """

    second = company.pair.second

    async def query_states() -> dict[str, dict[str, Any]]:
        if kind == "goals of North":  # for employees who left the team, the last received state stays
            text = selection.replace("goalProgress", "goals")
            (current,) = (await execute_patiently(second, f"{{ {text} }}", token=company.tokens[person])).values()
            return {**last_states_by_id(watch.events), **last_states_by_id(current)}
        if kind in LEADERBOARDS:  # with `asOf` the leaderboard is not cached but computed from the tables
            uncached_query = selection.replace("leaderboard(", 'leaderboard(asOf: "2099-01-01T00:00:00Z", ')
            uncached = last_states_by_id(
                [*(await execute_patiently(second, f"{{ {uncached_query} }}", token=company.tokens[person])).values()]
            )
            cached = await execute_patiently(second, f"{{ {selection} }}", token=company.tokens[person])
            assert last_states_by_id([*cached.values()]) == uncached
            return uncached
        if kind != "goals":
            return last_states_by_id(
                [*(await execute_patiently(second, f"{{ {selection} }}", token=company.tokens[person])).values()]
            )
        goals = [f'{{ goal(id: "{key}") {{ {GOAL_FIELDS} }} }}' for key in last_states_by_id(watch.events)]
        current = [await execute_patiently(second, goal, token=company.tokens[person]) for goal in goals]
        return last_states_by_id([data["goal"] for data in current])

    async def is_current() -> bool:
        return bool(watch.events) and last_states_by_id(watch.events) == await query_states()

    with suppress(TimeoutError):
        await watch.wait_until(is_current)
    assert last_states_by_id(watch.events) == await query_states(), (person, kind)


async def write_randomly(company: StormCompany, rng: random.Random) -> None:
    """Execute thirty random mutations of deals, calls, goals and teams, each on a random server."""
    deals: list[str] = []
    people = [company.ids[name] for name in ("Ann", "Bob", "Cid")]
    for number in range(30):
        server = rng.choice((company.pair.first, company.pair.second))
        amount = {"amount": str(rng.randrange(1, 400))}
        action = rng.choice(("won", "won", "open", "win", "lose", "reopen", "worth", "hand", "call", "move", "aim"))
        if action in ("won", "open") or not deals:
            status = {"status": "WON"} if action == "won" else {}
            payload = await company.execute(
                server, "recordDeal", title=f"Deal {number}", amount=amount, owner=rng.choice(people), **status
            )
            deals.append(payload["deal"]["id"])
        elif action in ("win", "lose", "reopen"):
            await company.execute(server, f"{action}Deal", id=rng.choice(deals))
        elif action == "worth":
            await company.execute(server, "updateDeal", id=rng.choice(deals), amount=amount)
        elif action == "hand":
            await company.execute(server, "updateDeal", id=rng.choice(deals), owner=rng.choice(people))
        elif action == "call":
            await company.execute(server, "recordCall", direction="OUTBOUND", employee=rng.choice(people))
        elif action == "move":
            team = company.ids[rng.choice(("North", "South"))]
            await company.execute(server, "updateEmployee", id=company.ids["Cid"], team=team)
        else:
            goals = (await execute_patiently(server, "{ goals { id } }"))["goals"]
            goal = rng.choice(goals)["id"]
            await company.execute(
                server, "updateGoal", id=goal, target=str(rng.randrange(1, 2_000)), reason="corrected"
            )
