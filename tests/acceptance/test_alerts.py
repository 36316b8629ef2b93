"""Alerts with two server processes: live and in the right manager's inbox, once, also when a server is killed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.http_server import hear, say
from tests.notification_receivers import Receiver, receiver
from tests.processes import Home, Running, measured, prepared, serving

SOON = 5.0  # within which an alert reaches its recipient
TAKEN_OVER = 30.0  # within which another server takes over from a dead one
PASSWORD = "correct horse"
PEOPLE = ("Ann", "Bob", "Mia", "Max", "Dora")
INBOX = "{ alerts(first: 100) { edges { node { kind subject { ... on Deal { id } ... on Task { id } } } } } }"
LIVE = "subscription($after: String) { alerts(after: $after) { id kind employee { name } subject { ... on Deal { id } ... on Task { id } } } }"

Told = tuple[str, str]  # (alert kind, global id of the subject)


@dataclass
class Office:
    """Servers of one company, in which Ann sells under Mia, Bob under Max, and Dora is the director."""

    servers: list[Running]
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    async def act(self, mutation: str, who: str, server: int = 0, **given: Any) -> Any:
        kind = {"createAlertRule": "AlertRuleInput"}.get(mutation, f"{mutation[0].upper()}{mutation[1:]}Input")
        name, shown = _SHOWN[mutation]
        document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {name} {{ {shown} }} userErrors {{ message }} }} }}"
        data = await self.servers[server].data(document, token=self.tokens[who], input=given)
        assert data[mutation]["userErrors"] == []
        return data[mutation][name]["id"]

    async def hire(self) -> None:
        self.tokens["admin"] = await self.servers[0].sign_in()
        for team in ("Sales", "North", "South"):
            above = self.ids.get("Sales")
            self.ids[team] = await self.act("createTeam", "admin", name=team, parent=above)
        places = {"Ann": ("North", "EMPLOYEE"), "Bob": ("South", "EMPLOYEE"), "Mia": ("North", "MANAGER"),
                  "Max": ("South", "MANAGER"), "Dora": (None, "DIRECTOR")}  # fmt: skip
        for who, (place, role) in places.items():
            given: dict[str, Any] = {"name": who, "email": f"{who}@example.com", "password": PASSWORD, "role": role}
            given["team"] = self.ids[place] if place else None
            self.ids[who] = await self.act("createEmployee", "admin", **given)
            server = self.servers[0]
            own, server.token = server.token, ""
            self.tokens[who] = await server.sign_in(email=f"{who}@example.com", password=PASSWORD)
            server.token = own
        for team, manager in (("North", "Mia"), ("South", "Max")):
            await self.act("updateTeam", "admin", id=self.ids[team], manager=self.ids[manager])

    async def inbox(self, who: str, server: int = 0) -> list[Told]:
        data = await self.servers[server].data(INBOX, token=self.tokens[who])
        return [(edge["node"]["kind"], edge["node"]["subject"]["id"]) for edge in data["alerts"]["edges"]][::-1]

    async def keeper(self) -> int:
        """Wait for a server to become the scheduler leader, and return its index."""
        async with asyncio.timeout(TAKEN_OVER):
            while True:
                for number, server in enumerate(self.servers):
                    if server.process and server.process.code is None:
                        text = (await server.http.get("/metrics")).text
                        if "scoreline_clock_held 1.0" in text:
                            return number
                await asyncio.sleep(0.2)


_SHOWN = {
    "createTeam": ("team", "id"),
    "updateTeam": ("team", "id"),
    "createEmployee": ("employee", "id"),
    "recordDeal": ("deal", "id"),
    "loseDeal": ("deal", "id"),
    "flagDeal": ("deal", "id"),
    "createTask": ("task", "id"),
    "createAlertRule": ("rule", "id"),
}


@dataclass
class Ear:
    """The alerts that an employee received over a socket, with the time of each."""

    heard: list[tuple[Told, float]] = field(default_factory=list)
    last: str | None = None  # global id of the last alert received

    @property
    def told(self) -> list[Told]:
        return [told for told, _ in self.heard]

    async def until(self, *told: Told, patience: float = SOON) -> None:
        async with asyncio.timeout(patience):
            while not set(told) <= set(self.told):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def listening(server: Running, token: str, after: str | None = None) -> AsyncIterator[Ear]:
    ear = Ear()
    async with server.socket(token) as socket:
        await say(socket, id="1", type="subscribe", payload={"query": LIVE, "variables": {"after": after}})

        async def listen() -> None:
            while True:
                message = json.loads(await socket.recv())
                assert message["type"] == "next", message
                alert = message["payload"]["data"]["alerts"]
                ear.last = alert["id"]
                ear.heard.append(((alert["kind"], alert["subject"]["id"]), time.monotonic()))

        await say(socket, type="ping")
        assert await hear(socket) == {"type": "pong"}
        task = asyncio.create_task(listen())
        try:
            yield ear
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def ahead(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


@asynccontextmanager
async def opened(url: str, redis_url: str, folder: Path, **settings: Any) -> AsyncIterator[Office]:
    await asyncio.to_thread(prepared, url)
    homes = [Home(folder / name, database_url=url, redis_url=redis_url, **settings) for name in ("one", "two")]
    async with AsyncExitStack() as stack:
        office = Office(list(await asyncio.gather(*(stack.enter_async_context(serving(home)) for home in homes))))
        await office.hire()
        yield office


@pytest.fixture
async def office(postgres_tables_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(postgres_tables_url, redis_url, tmp_path) as office:
        yield office


async def test_each_occasion_is_told_once_to_the_right_manager_live_and_in_his_inbox(office: Office) -> None:
    async with AsyncExitStack() as stack:
        ears = {
            who: await stack.enter_async_context(listening(office.servers[number % 2], office.tokens[who]))
            for number, who in enumerate(PEOPLE)
        }
        await office.keeper()
        lost, flagged = [await office.act("recordDeal", "Ann", title=title) for title in ("Lost", "Flagged")]
        await office.act("loseDeal", "Ann", id=lost)
        await ears["Mia"].until(("DEAL_LOST", lost))
        first = ears["Mia"].last
        await office.act("flagDeal", "Ann", server=1, id=flagged, problem="late")
        await ears["Mia"].until(("DEAL_HAS_PROBLEMS", flagged))
        task = await office.act("createTask", "Ann", title="Call back", dueAt=ahead(2))
        given = await office.act("createTask", "Mia", title="Report", assignee=office.ids["Ann"], dueAt=ahead(2))
        bobs = await office.act("recordDeal", "Bob", title="Bob's", status="LOST")
        await ears["Mia"].until(("TASK_OVERDUE", task), ("ASSIGNMENT_OVERDUE", given), patience=2 + SOON)
        await asyncio.sleep(3)  # time for a duplicate, or for an alert to the wrong recipient

        mia = [
            ("DEAL_LOST", lost),
            ("DEAL_HAS_PROBLEMS", flagged),
            ("TASK_OVERDUE", task),
            ("ASSIGNMENT_OVERDUE", given),
        ]
        wanted = {"Mia": sorted(mia), "Max": [("DEAL_LOST", bobs)], "Ann": [], "Bob": [], "Dora": []}
        assert {who: sorted(ear.told) for who, ear in ears.items()} == wanted
        async with listening(office.servers[1], office.tokens["Mia"], after=first) as again:
            await again.until(*mia[1:])
            assert again.told[:3] == ears["Mia"].told[1:4]
        for server in range(2):
            assert {who: sorted(await office.inbox(who, server)) for who in PEOPLE} == wanted


async def test_when_the_keeper_of_the_clock_is_killed_the_other_takes_over_and_nothing_is_missed_or_doubled(
    office: Office,
) -> None:
    keeper = await office.keeper()
    survivor = 1 - keeper
    async with listening(
        office.servers[survivor], office.tokens["Mia"]
    ) as mia:  # connected before the first task is due, even on a slow machine
        tasks = [
            await office.act("createTask", "Ann", server=survivor, title=f"Task {number}", dueAt=ahead(1 + number / 2))
            for number in range(40)
        ]
        await mia.until(("TASK_OVERDUE", tasks[0]), patience=10)
        process = office.servers[keeper].process
        assert process is not None
        process.kill()
        killed = time.monotonic()
        await mia.until(*(("TASK_OVERDUE", task) for task in tasks), patience=20 + TAKEN_OVER)
        gap = max(
            late - early for (_, early), (_, late) in zip(mia.heard, mia.heard[1:], strict=False) if late > killed
        )
        assert gap < TAKEN_OVER

        office.servers[keeper].process = None
        home = office.servers[keeper].home
        assert home is not None
        async with serving(home) as back:
            office.servers[keeper] = back
            last = await office.act("createTask", "Ann", server=survivor, title="Last", dueAt=ahead(1))
            await mia.until(("TASK_OVERDUE", last), patience=1 + SOON)
            await asyncio.sleep(2)

    wanted = sorted(("TASK_OVERDUE", task) for task in [*tasks, last])
    assert sorted(mia.told) == wanted
    assert sorted(await office.inbox("Mia", survivor)) == wanted


@pytest.fixture
async def crm() -> AsyncIterator[Receiver]:
    async with receiver() as crm:
        yield crm


async def losses(office: Office, count: int) -> None:
    for number in range(count):
        await office.act("recordDeal", "Ann", title=f"Deal {number}", status="LOST")


async def test_a_webhook_hears_of_each_loss_under_an_id_though_it_was_down_and_its_server_killed(
    postgres_tables_url: str, redis_url: str, tmp_path: Path, crm: Receiver
) -> None:
    async with opened(postgres_tables_url, redis_url, tmp_path, channels=f"crm={crm.address}") as office:
        await office.act("createAlertRule", "admin", kind="DEAL_LOST", recipients=["DIRECTORS"], channels=["crm"])
        await losses(office, 3)
        await crm_has(crm, 3, patience=10)
        await crm.down()
        await losses(office, 3)
        keeper = await office.keeper()
        process = office.servers[keeper].process
        assert process is not None
        process.kill()
        await crm.up()
        await crm_has(crm, 6, patience=TAKEN_OVER + 30)

        assert len(set(crm.taken)) == 6
        assert sorted(body["alerts"][0]["message"] for body in crm.bodies) == sorted(
            f"Ann: deal lost: “Deal {number}”" for number in (0, 1, 2) * 2
        )


async def crm_has(crm: Receiver, count: int, patience: float) -> None:
    async with asyncio.timeout(patience):
        while len(set(crm.taken)) < count:
            await asyncio.sleep(0.05)


@measured
async def test_a_receiver_that_is_down_costs_a_mutation_nothing(
    postgres_tables_url: str, tmp_path: Path, crm: Receiver
) -> None:
    """The exact cost is measured by `benchmarks/alerts.py`; the wide margin here allows for a shared machine."""
    await asyncio.to_thread(prepared, postgres_tables_url)
    home = Home(tmp_path, database_url=postgres_tables_url, channels=f"crm={crm.address}")
    async with serving(home) as server:
        office = Office([server])
        await office.hire()
        await office.keeper()
        await office.act("createAlertRule", "admin", kind="DEAL_LOST", recipients=["DIRECTORS"], channels=["crm"])
        spent: dict[bool, list[float]] = {True: [], False: []}
        await losses(office, 30)
        for up in (True, False, True, False):
            if up != crm.is_up:
                await (crm.up() if up else crm.down())
            process = server.process
            assert process is not None
            before = process.cpu()
            await losses(office, 60)
            await asyncio.sleep(1.5)  # for the work of the scheduler
            spent[up].append(process.cpu() - before)

    assert min(spent[False]) < 1.5 * min(spent[True])
