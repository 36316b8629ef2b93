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

from tests.http_server import receive_message, send_message
from tests.notification_receivers import WebhookReceiver, run_receiver
from tests.processes import SpawnedServer, Workspace, needs_schedstat, prepare_database, running_server

ALERT_SECONDS = 30.0  # within which an alert reaches its recipient, also on a slow machine
TAKEOVER_SECONDS = 30.0  # within which another server takes over from a dead one
PASSWORD = "correct horse"
EMPLOYEE_NAMES = ("Ann", "Bob", "Mia", "Max", "Dora")
INBOX_QUERY = "{ alerts(first: 100) { edges { node { kind subject { ... on Deal { id } ... on Task { id } } } } } }"
ALERTS_SUBSCRIPTION = "subscription($after: String) { alerts(after: $after) { id kind employee { name } subject { ... on Deal { id } ... on Task { id } } } }"

AlertKey = tuple[str, str]  # (alert kind, global id of the subject)


@dataclass
class AlertCompany:
    """Servers of one company, in which Ann sells under Mia, Bob under Max, and Dora is the director."""

    servers: list[SpawnedServer]
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    async def act(self, mutation: str, employee: str, server: int = 0, **fields: Any) -> Any:
        input_type = {"createAlertRule": "AlertRuleInput"}.get(mutation, f"{mutation[0].upper()}{mutation[1:]}Input")
        payload_field, selection = _SELECTIONS[mutation]
        document = f"mutation($input: {input_type}!) {{ {mutation}(input: $input) {{ {payload_field} {{ {selection} }} userErrors {{ message }} }} }}"
        data = await self.servers[server].execute(document, token=self.tokens[employee], input=fields)
        assert data[mutation]["userErrors"] == []
        return data[mutation][payload_field]["id"]

    async def create_people(self) -> None:
        self.tokens["admin"] = await self.servers[0].sign_in()
        for team in ("Sales", "North", "South"):
            parent_id = self.ids.get("Sales")
            self.ids[team] = await self.act("createTeam", "admin", name=team, parent=parent_id)
        teams_and_roles = {"Ann": ("North", "EMPLOYEE"), "Bob": ("South", "EMPLOYEE"), "Mia": ("North", "MANAGER"),
                  "Max": ("South", "MANAGER"), "Dora": (None, "DIRECTOR")}  # fmt: skip
        for employee, (team_name, role) in teams_and_roles.items():
            fields: dict[str, Any] = {
                "name": employee,
                "email": f"{employee}@example.com",
                "password": PASSWORD,
                "role": role,
            }
            fields["team"] = self.ids[team_name] if team_name else None
            self.ids[employee] = await self.act("createEmployee", "admin", **fields)
            server = self.servers[0]
            admin_token, server.token = server.token, ""
            self.tokens[employee] = await server.sign_in(email=f"{employee}@example.com", password=PASSWORD)
            server.token = admin_token
        for team, manager in (("North", "Mia"), ("South", "Max")):
            await self.act("updateTeam", "admin", id=self.ids[team], manager=self.ids[manager])

    async def fetch_inbox(self, employee: str, server: int = 0) -> list[AlertKey]:
        data = await self.servers[server].execute(INBOX_QUERY, token=self.tokens[employee])
        return [(edge["node"]["kind"], edge["node"]["subject"]["id"]) for edge in data["alerts"]["edges"]][::-1]

    async def find_scheduler_leader(self) -> int:
        """Wait for a server to become the scheduler leader, and return its index."""
        async with asyncio.timeout(TAKEOVER_SECONDS):
            while True:
                for index, server in enumerate(self.servers):
                    if server.process and server.process.code is None:
                        text = (await server.http.get("/metrics")).text
                        if "scoreline_scheduler_leader 1.0" in text:
                            return index
                await asyncio.sleep(0.2)


_SELECTIONS = {
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
class AlertListener:
    """The alerts that an employee received over a socket, with the time of each."""

    events: list[tuple[AlertKey, float]] = field(default_factory=list)
    last_id: str | None = None  # global id of the last alert received

    @property
    def alerts(self) -> list[AlertKey]:
        return [alert for alert, _ in self.events]

    async def wait_for(self, *alerts: AlertKey, timeout: float = ALERT_SECONDS) -> None:
        async with asyncio.timeout(timeout):
            while not set(alerts) <= set(self.alerts):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def listen_to_alerts(server: SpawnedServer, token: str, after: str | None = None) -> AsyncIterator[AlertListener]:
    listener = AlertListener()
    async with server.connect(token) as socket:
        await send_message(
            socket, id="1", type="subscribe", payload={"query": ALERTS_SUBSCRIPTION, "variables": {"after": after}}
        )

        async def listen() -> None:
            while True:
                message = json.loads(await socket.recv())
                assert message["type"] == "next", message
                alert = message["payload"]["data"]["alerts"]
                listener.last_id = alert["id"]
                listener.events.append(((alert["kind"], alert["subject"]["id"]), time.monotonic()))

        await send_message(socket, type="ping")
        assert await receive_message(socket) == {"type": "pong"}
        task = asyncio.create_task(listen())
        try:
            yield listener
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def seconds_from_now(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


@asynccontextmanager
async def open_company(url: str, redis_url: str, folder: Path, **settings: Any) -> AsyncIterator[AlertCompany]:
    await asyncio.to_thread(prepare_database, url)
    homes = [Workspace(folder / name, database_url=url, redis_url=redis_url, **settings) for name in ("one", "two")]
    async with AsyncExitStack() as stack:
        company = AlertCompany(
            list(await asyncio.gather(*(stack.enter_async_context(running_server(home)) for home in homes)))
        )
        await company.create_people()
        yield company


@pytest.fixture
async def company(postgres_tables_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[AlertCompany]:
    async with open_company(postgres_tables_url, redis_url, tmp_path) as company:
        yield company


async def test_each_alert_reaches_the_right_manager_once_live_and_in_the_inbox(company: AlertCompany) -> None:
    async with AsyncExitStack() as stack:
        listeners = {
            employee: await stack.enter_async_context(
                listen_to_alerts(company.servers[number % 2], company.tokens[employee])
            )
            for number, employee in enumerate(EMPLOYEE_NAMES)
        }
        await company.find_scheduler_leader()
        lost, flagged = [await company.act("recordDeal", "Ann", title=title) for title in ("Lost", "Flagged")]
        await company.act("loseDeal", "Ann", id=lost)
        await listeners["Mia"].wait_for(("DEAL_LOST", lost))
        first_id = listeners["Mia"].last_id
        await company.act("flagDeal", "Ann", server=1, id=flagged, problem="late")
        await listeners["Mia"].wait_for(("DEAL_HAS_PROBLEMS", flagged))
        task = await company.act("createTask", "Ann", title="Call back", dueAt=seconds_from_now(2))
        assignment = await company.act(
            "createTask", "Mia", title="Report", assignee=company.ids["Ann"], dueAt=seconds_from_now(2)
        )
        bobs_deal = await company.act("recordDeal", "Bob", title="Bob's", status="LOST")
        await listeners["Mia"].wait_for(
            ("TASK_OVERDUE", task), ("ASSIGNMENT_OVERDUE", assignment), timeout=2 + ALERT_SECONDS
        )
        await asyncio.sleep(3)  # time for a duplicate, or for an alert to the wrong recipient

        expected_for_mia = [
            ("DEAL_LOST", lost),
            ("DEAL_HAS_PROBLEMS", flagged),
            ("TASK_OVERDUE", task),
            ("ASSIGNMENT_OVERDUE", assignment),
        ]
        expected = {
            "Mia": sorted(expected_for_mia),
            "Max": [("DEAL_LOST", bobs_deal)],
            "Ann": [],
            "Bob": [],
            "Dora": [],
        }
        assert {employee: sorted(listener.alerts) for employee, listener in listeners.items()} == expected
        async with listen_to_alerts(company.servers[1], company.tokens["Mia"], after=first_id) as second_listener:
            await second_listener.wait_for(*expected_for_mia[1:])
            assert second_listener.alerts[:3] == listeners["Mia"].alerts[1:4]
        for server in range(2):
            assert {
                employee: sorted(await company.fetch_inbox(employee, server)) for employee in EMPLOYEE_NAMES
            } == expected


async def test_second_server_takes_over_when_the_scheduler_leader_is_killed(
    company: AlertCompany,
) -> None:
    leader = await company.find_scheduler_leader()
    survivor = 1 - leader
    async with listen_to_alerts(
        company.servers[survivor], company.tokens["Mia"]
    ) as listener:  # connected before the first task is due, even on a slow machine
        tasks = [
            await company.act(
                "createTask", "Ann", server=survivor, title=f"Task {number}", dueAt=seconds_from_now(1 + number / 2)
            )
            for number in range(30)
        ]
        await listener.wait_for(("TASK_OVERDUE", tasks[0]), timeout=60)
        process = company.servers[leader].process
        assert process is not None
        process.kill()
        killed_at = time.monotonic()
        await listener.wait_for(*(("TASK_OVERDUE", task) for task in tasks), timeout=20 + TAKEOVER_SECONDS)
        gap = max(
            late - early
            for (_, early), (_, late) in zip(listener.events, listener.events[1:], strict=False)
            if late > killed_at
        )
        assert gap < TAKEOVER_SECONDS

        company.servers[leader].process = None
        home = company.servers[leader].workspace
        assert home is not None
        async with running_server(home) as restarted:
            company.servers[leader] = restarted
            last = await company.act("createTask", "Ann", server=survivor, title="Last", dueAt=seconds_from_now(1))
            await listener.wait_for(("TASK_OVERDUE", last), timeout=1 + ALERT_SECONDS)
            await asyncio.sleep(2)

    expected = sorted(("TASK_OVERDUE", task) for task in [*tasks, last])
    assert sorted(listener.alerts) == expected
    assert sorted(await company.fetch_inbox("Mia", survivor)) == expected


@pytest.fixture
async def crm() -> AsyncIterator[WebhookReceiver]:
    async with run_receiver() as crm:
        yield crm


async def lose_deals(company: AlertCompany, count: int) -> None:
    for number in range(count):
        await company.act("recordDeal", "Ann", title=f"Deal {number}", status="LOST")


async def test_webhook_gets_each_alert_despite_downtime_and_a_killed_server(
    postgres_tables_url: str, redis_url: str, tmp_path: Path, crm: WebhookReceiver
) -> None:
    async with open_company(postgres_tables_url, redis_url, tmp_path, channels=f"crm={crm.address}") as company:
        await company.act("createAlertRule", "admin", kind="DEAL_LOST", recipients=["DIRECTORS"], channels=["crm"])
        await lose_deals(company, 3)
        await wait_for_messages(crm, 3, timeout=60)
        await crm.stop()
        await lose_deals(company, 3)
        leader = await company.find_scheduler_leader()
        process = company.servers[leader].process
        assert process is not None
        process.kill()
        await crm.start()
        await wait_for_messages(crm, 6, timeout=TAKEOVER_SECONDS + 30)

        assert len(set(crm.accepted_ids)) == 6
        assert sorted(body["alerts"][0]["message"] for body in crm.bodies) == sorted(
            f"Ann: deal lost: “Deal {number}”" for number in (0, 1, 2) * 2
        )


async def wait_for_messages(crm: WebhookReceiver, count: int, timeout: float) -> None:
    async with asyncio.timeout(timeout):
        while len(set(crm.accepted_ids)) < count:
            await asyncio.sleep(0.05)


@needs_schedstat
async def test_unavailable_receiver_does_not_slow_mutations(
    postgres_tables_url: str, tmp_path: Path, crm: WebhookReceiver
) -> None:
    """The exact cost is measured by `benchmarks/alerts.py`; the wide margin here allows for a shared machine."""
    await asyncio.to_thread(prepare_database, postgres_tables_url)
    home = Workspace(tmp_path, database_url=postgres_tables_url, channels=f"crm={crm.address}")
    async with running_server(home) as server:
        company = AlertCompany([server])
        await company.create_people()
        await company.find_scheduler_leader()
        await company.act("createAlertRule", "admin", kind="DEAL_LOST", recipients=["DIRECTORS"], channels=["crm"])
        cpu_seconds: dict[bool, list[float]] = {True: [], False: []}
        await lose_deals(company, 20)
        for is_up in (True, False, True, False):
            if is_up != crm.is_up:
                await (crm.start() if is_up else crm.stop())
            process = server.process
            assert process is not None
            cpu_before = process.cpu_seconds()
            await lose_deals(company, 40)
            await asyncio.sleep(1.5)  # for the work of the scheduler
            cpu_seconds[is_up].append(process.cpu_seconds() - cpu_before)

    assert min(cpu_seconds[False]) < 1.5 * min(cpu_seconds[True])
