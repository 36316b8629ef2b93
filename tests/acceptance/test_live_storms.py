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

from tests.acceptance.two_servers import BOARD, Pair, Watch, paired, watching, won
from tests.backing_services import Valkey
from tests.processes import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse"
GOAL = """id name target archivedAt
  progress { value attainmentPercent pace projected projectedPercent attainmentProbability version }"""
BOARDS = {
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
class Office:
    pair: Pair
    ids: dict[str, str]
    tokens: dict[str, str]

    async def act(self, server: Running, field: str, **input_: Any) -> dict[str, Any]:
        """Execute a mutation and return its payload; user errors are fine, since a rejected write changes nothing."""
        name = {"updateEmployee": "UpdateEmployee", "setGoal": "SetGoal"}.get(field, field[0].upper() + field[1:])
        document = (
            f"mutation($input: {name}Input!) {{ {field}(input: $input) {{ userErrors {{ message }} {MADE[field]} }} }}"
        )
        return (await server.data(document, input=input_))[field]

    def of(self, text: str) -> str:
        for name, id_ in self.ids.items():
            text = text.replace(f"${name}", id_)
        return text


MADE = {
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
async def office(
    module_postgres_url: str, module_redis_server: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Office]:
    async with paired(module_postgres_url, module_redis_server.url, tmp_path_factory.mktemp("storms")) as pair:
        found = Office(pair, {}, {"admin": pair.one.token})
        for team in ("North", "South"):
            found.ids[team] = (await found.act(pair.one, "createTeam", name=team))["team"]["id"]
        for name, team, role in (
            ("Ann", "North", "EMPLOYEE"),
            ("Bob", "North", "EMPLOYEE"),
            ("Cid", "South", "EMPLOYEE"),
            ("Dan", "South", "DIRECTOR"),
        ):
            person = {"name": name, "email": f"{name}@example.com", "password": PASSWORD, "role": role}
            made = await found.act(pair.one, "createEmployee", team=found.ids[team], **person)
            found.ids[name] = made["employee"]["id"]
            other = Running(pair.one.http, pair.one.address)
            found.tokens[name] = await other.sign_in(email=f"{name}@example.com", password=PASSWORD)
        for owner in ("Ann", "Bob", "Cid", "North", "South"):
            for metric, target in (("deals_won", "10"), ("deals_won_amount", "1000")):
                month = {"kind": "MONTH"}
                await found.act(pair.one, "setGoal", owner=found.ids[owner], metric=metric, target=target, period=month)
        yield found


def in_order(versions: list[int]) -> bool:
    return versions == sorted(versions)


async def test_a_burst_of_40_wins_from_8_writers_takes_no_screen_back_and_ends_at_what_a_query_says(
    office: Office,
) -> None:
    one, two = office.pair
    question = BOARD.replace("total", "version total", 1)

    async def write(writer: int) -> None:
        for number in range(5):
            await won((one, two)[(writer + number) % 2], f"Deal {number} of {writer}", amount=writer + 1)

    async with AsyncExitStack() as stack:
        servers = (one, two) * 10
        boards = [await stack.enter_async_context(watching(server, question)) for server in servers]
        for board in boards:
            await board.until(lambda: bool(board.heard))  # noqa: B023 - awaited within the iteration
        await asyncio.gather(*(write(writer) for writer in range(8)))

        async def ended(board: Watch, server: Running) -> bool:
            return bool(board.heard[-1] == (await server.data(f"{{ {question} }}"))["leaderboard"])

        for board, server in zip(boards, servers, strict=True):
            await board.until(lambda: ended(board, server))  # noqa: B023
        last = [{**board.heard[-1], "version": 0} for board in boards]
        assert last == last[:1] * len(last)  # versions are per server, the rest must be equal

    assert all(in_order([each["version"] for each in board.heard]) for board in boards)
    assert len({board.heard[-1]["version"] for board in boards if board in boards[::2]}) == 1  # same on one server


@pytest.mark.parametrize("seed", [1, 2])
async def test_after_a_random_storm_of_writes_every_live_state_is_what_a_query_says_for_every_subscriber(
    office: Office, seed: int
) -> None:
    one, two = office.pair
    goals = f"goalProgress {{ {GOAL} }}"
    of_north = office.of(f'goalProgress(scope: "$North") {{ {GOAL} }}')
    all_goals = (await one.data("{ goals { id } }"))["goals"]
    by_id = f"goalProgress(goals: [{', '.join(chr(34) + goal['id'] + chr(34) for goal in all_goals)}]) {{ {GOAL} }}"
    asked: list[tuple[str, str, str]] = [
        (who, kind, office.of(BOARDS[kind])) for kind in BOARDS for who in ("Ann", "Dan")
    ]
    asked += [(who, "goals", goals) for who in ("Ann", "Bob", "Cid")]
    asked += [("Dan", "goals of North", of_north), ("admin", "goals of North", of_north), ("admin", "goals", by_id)]
    asked += [("admin", "forecast", "forecast { booked expected low high target attainmentProbability }")]

    async with AsyncExitStack() as stack:
        watches = [
            await stack.enter_async_context(watching(server, question, office.tokens[who]))
            for who, _, question in asked
            for server in (one, two)
        ]
        await asyncio.gather(*(storm(office, random.Random(f"{seed} {writer}")) for writer in range(4)))
        for watch, (who, kind, question) in zip(watches, [each for each in asked for _ in (one, two)], strict=True):
            await settled(office, watch, who, kind, question)

    for watch in watches:
        assert watch.code is None
        seen: dict[str, list[int]] = {}
        for each in watch.heard:
            if (version := each.get("version", each.get("progress", {}).get("version"))) is not None:
                seen.setdefault(each.get("id", ""), []).append(version)
        assert all(in_order(versions) for versions in seen.values())


def states(heard: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the last state of each id, without `version`, which differs between servers."""
    found = {each.get("id", ""): each for each in heard}
    return {key: {name: value for name, value in each.items() if name != "version"} for key, each in found.items()}


async def settled(office: Office, watch: Watch, who: str, kind: str, question: str) -> None:
    """Wait until the last states of a subscription equal the current query results of the same person.

    A timeout is suppressed, so that the final assertion shows both.
    """

    async def fresh() -> dict[str, dict[str, Any]]:
        if kind == "goals of North":  # for employees who left the team, the last received state stays
            text = question.replace("goalProgress", "goals")
            (found,) = (await office.pair.two.data(f"{{ {text} }}", token=office.tokens[who])).values()
            return {**states(watch.heard), **states(found)}
        if kind in BOARDS:  # with `asOf` the leaderboard is not cached but computed from the tables
            anew = question.replace("leaderboard(", 'leaderboard(asOf: "2099-01-01T00:00:00Z", ')
            made = states([*(await office.pair.two.data(f"{{ {anew} }}", token=office.tokens[who])).values()])
            asked = await office.pair.two.data(f"{{ {question} }}", token=office.tokens[who])
            assert states([*asked.values()]) == made
            return made
        if kind != "goals":
            return states([*(await office.pair.two.data(f"{{ {question} }}", token=office.tokens[who])).values()])
        goals = [f'{{ goal(id: "{key}") {{ {GOAL} }} }}' for key in states(watch.heard)]
        found = [await office.pair.two.data(goal, token=office.tokens[who]) for goal in goals]
        return states([each["goal"] for each in found])

    async def same() -> bool:
        return bool(watch.heard) and states(watch.heard) == await fresh()

    with suppress(TimeoutError):
        await watch.until(same)
    assert states(watch.heard) == await fresh(), (who, kind)


async def storm(office: Office, luck: random.Random) -> None:
    """Execute thirty random mutations of deals, calls, goals and teams, each on a random server."""
    deals: list[str] = []
    people = [office.ids[name] for name in ("Ann", "Bob", "Cid")]
    for number in range(30):
        server = luck.choice((office.pair.one, office.pair.two))
        money = {"amount": str(luck.randrange(1, 400))}
        what = luck.choice(("won", "won", "open", "win", "lose", "reopen", "worth", "hand", "call", "move", "aim"))
        if what in ("won", "open") or not deals:
            status = {"status": "WON"} if what == "won" else {}
            made = await office.act(
                server, "recordDeal", title=f"Deal {number}", amount=money, owner=luck.choice(people), **status
            )
            deals.append(made["deal"]["id"])
        elif what in ("win", "lose", "reopen"):
            await office.act(server, f"{what}Deal", id=luck.choice(deals))
        elif what == "worth":
            await office.act(server, "updateDeal", id=luck.choice(deals), amount=money)
        elif what == "hand":
            await office.act(server, "updateDeal", id=luck.choice(deals), owner=luck.choice(people))
        elif what == "call":
            await office.act(server, "recordCall", direction="OUTBOUND", employee=luck.choice(people))
        elif what == "move":
            team = office.ids[luck.choice(("North", "South"))]
            await office.act(server, "updateEmployee", id=office.ids["Cid"], team=team)
        else:
            found = (await server.data("{ goals { id } }"))["goals"]
            goal = luck.choice(found)["id"]
            await office.act(server, "updateGoal", id=goal, target=str(luck.randrange(1, 2_000)))
