"""Permission matrix: a company with an employee in every position that permissions distinguish, and all actors' tokens.

    Sales                      Dora, the director, and Ada, the administrator, are in no team
      North   Max, its manager, Ann and Cid
        Far   Fay
      South   Bob

Each employee has one record of each type. Each employee, each team and the company have two goals: one to read and
change, and one to archive.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any, Final

from websockets.asyncio.client import ClientConnection

from domain.primitives.global_ids import encode_global_id
from models.imports.import_jobs import ImportJob, ImportState
from tests.http_server import ADMIN, RunningServer, receive_message, run_test_server, send_message

PASSWORD: Final = ADMIN["password"]
PEOPLE: Final = ("Ann", "Cid", "Max", "Fay", "Bob")
TEAMS: Final = ("North", "Far", "Sales", "South")
SCOPES: Final = (*PEOPLE, *TEAMS, "Acme")
NEW_OWNERS: Final = {"Ann": "Cid", "Cid": "Ann", "Max": "Ann", "Fay": "Ann", "Bob": "Ann"}  # for reassigning a record

_RECORD_MUTATIONS: Final = """mutation {
  client: recordClient(input: {name: "Globex", owner: "$who", externalId: "client-$name", email: "info@example.com"}) { client { id } userErrors { message } }
  twin: recordClient(input: {name: "GLOBEX", owner: "$who"}) { client { id } userErrors { message } }
  contact: recordContact(input: {name: "Gil", owner: "$who", externalId: "contact-$name"}) { contact { id } userErrors { message } }
  lead: recordLead(input: {title: "A question", owner: "$who", externalId: "lead-$name"}) { lead { id } userErrors { message } }
  call: recordCall(input: {direction: OUTBOUND, employee: "$who", externalId: "call-$name"}) { call { id } userErrors { message } }
  result: recordResult(input: {metric: "visits", value: 1, employee: "$who", externalId: "result-$name"}) { result { id } userErrors { message } }
  task: createTask(input: {title: "Call back", assignee: "$who", externalId: "task-$name"}) { task { id } userErrors { message } }
  deal: recordDeal(input: {title: "Chairs", owner: "$who", amount: {amount: 5}, externalId: "deal-$name"}) { deal { id } userErrors { message } }
  won: recordDeal(input: {title: "Tables", owner: "$who", amount: {amount: 7}, status: WON, externalId: "won-$name"}) { deal { id } userErrors { message } }
  leave: setAbsence(input: {employee: "$who", from: "2029-07-01", to: "2029-07-14", kind: VACATION}) { absence { id } userErrors { message } }
}"""
_RECORD_OTHERS: Final = """mutation {
  client: recordClient(input: {name: "Globex", owner: "$who"}) { client { id } userErrors { message } }
  contact: recordContact(input: {name: "Gil", owner: "$who"}) { contact { id } userErrors { message } }
  lead: recordLead(input: {title: "A question", owner: "$who"}) { lead { id } userErrors { message } }
}"""
_CREATE_ABSENCE: Final = """setAbsence(input: {employee: "$who", from: "$day", to: "$day", kind: OTHER}) {
  absence { id } userErrors { message } }"""
_CREATE_DEAL: Final = """recordDeal(input: {title: "Shelves", owner: "$who"}) { deal { id } userErrors { message } }"""
_CREATE_WIN: Final = """recordDeal(input: {title: "Rugs", owner: "$who", amount: {amount: 9}, status: WON}) {
  deal { id } userErrors { message } }"""
_CREATE_RULE: Final = """createAlertRule(input: {kind: DEAL_LOST, recipients: [EMPLOYEE]}) {
  rule { id } userErrors { message }
}"""
_CREATE_LINK: Final = 'inviteEmployee(input: {employee: "$who", send: false}) { link userErrors { message } }'
_LOSE_DEALS: Final = """mutation {
  one: recordDeal(input: {title: "Lamps", owner: "$who", status: LOST}) { userErrors { message } }
  other: recordDeal(input: {title: "Rugs", owner: "$who", status: LOST}) { userErrors { message } }
}"""
_SET_GOALS: Final = """mutation {
  goal: setGoal(input: {owner: "$who", metric: "deals_won", target: 9, period: {kind: MONTH}}) { goal { id } userErrors { message } }
  old: setGoal(input: {owner: "$who", metric: "calls_made", target: 9, period: {kind: MONTH}}) { goal { id } userErrors { message } }
}"""


@dataclass
class ApiClient:
    """GraphQL client with one token: uses the socket if there is one, else HTTP."""

    server: RunningServer
    token: str
    socket: ClientConnection | None = None
    operation_ids: itertools.count[int] = field(default_factory=itertools.count)

    async def execute(self, document: str) -> dict[str, Any]:
        if self.socket is None:
            return (await self.server.post(document, token=self.token)).json()
        operation_id = str(next(self.operation_ids))
        await send_message(self.socket, id=operation_id, type="subscribe", payload={"query": document})
        response = await self.receive(operation_id)
        if response["type"] == "next":
            assert (await self.receive(operation_id))["type"] == "complete"
            return response["payload"]
        return {"errors": response["payload"]}

    async def receive(self, operation_id: str) -> dict[str, Any]:
        """Return the next message, which must belong to the operation: only one runs at a time."""
        assert self.socket is not None
        message = await receive_message(self.socket)
        assert message["id"] == operation_id
        return message


@dataclass
class RightsCompany:
    """The running company.

    `facts` holds for each subject the values of the templates: `who` is its global id, others are the ids of its
    records and goals. `tokens` holds the access token of each actor.
    """

    server: RunningServer
    facts: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    counter: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def fill_template(self, template: str, subject: str) -> str:
        """Fill in a template with the facts of a subject.

        `$n`, `$day`, `$spare`, `$absence`, `$refresh`, `$link`, `$slip`, `$refund`, `$refunded`, `$plan`, `$planned` with
        its `$hash`, and the records `$other_client`, `$other_contact` and `$other_lead` are new each time.
        """
        extra_facts = {"refresh": (await self.sign_in("Cid"))["refreshToken"]} if "$refresh" in template else {}
        if "$link" in template:
            data = await self.execute_as_admin(f"mutation {{ {_CREATE_LINK} }}", "Cid")
            extra_facts |= {"link": data["inviteEmployee"]["link"].partition("#token=")[2]}
        if "$spare" in template:
            data = await self.execute_as_admin(f"mutation {{ {_CREATE_RULE} }}")
            extra_facts |= {"spare": data["createAlertRule"]["rule"]["id"]}
        if "$absence" in template:
            data = await self.execute_as_admin(f"mutation {{ {_CREATE_ABSENCE} }}", subject)
            extra_facts |= {"absence": data["setAbsence"]["absence"]["id"]}
        if "$slip" in template:
            extra_facts |= {"slip": await self._lose_new_deal(subject)}
        if "$refund" in template:
            extra_facts |= await self._refund_new_deal(subject)
        if "$plan" in template:
            planned, preview_hash = await self._preview_plan(subject)
            extra_facts |= {"planned": planned, "hash": preview_hash}
            if "$planned" not in template:
                apply = f'applyPlan(input: {{plan: {{{planned}}}, hash: "{preview_hash}"}}) {{ plan {{ id }} userErrors {{ code }} }}'
                extra_facts["plan"] = (await self.execute_as_admin(f"mutation {{ {apply} }}"))["applyPlan"]["plan"][
                    "id"
                ]
        if "$import" in template:
            extra_facts |= {"import": await self._find_or_create_import()}
        if "$other_" in template:
            others = await self.execute_as_admin(_RECORD_OTHERS, subject)
            extra_facts |= {f"other_{kind}": row_id for kind, row_id in _ids(others).items()}
        if "$n" in template or "$day" in template:
            number = next(self.counter)
            extra_facts |= {"n": str(number), "day": (date(2030, 1, 1) + timedelta(days=number)).isoformat()}
        return Template(template).substitute(self.facts[subject], **extra_facts)

    async def _lose_new_deal(self, subject: str) -> str:
        """Record a deal of the subject and lose it; return the id of the activity."""
        data = await self.execute_as_admin(f"mutation {{ {_CREATE_DEAL} }}", subject)
        deal = data["recordDeal"]["deal"]["id"]
        lose = f'loseDeal(input: {{id: "{deal}"}}) {{ deal {{ activities(first: 1) {{ edges {{ node {{ id }} }} }} }} userErrors {{ code }} }}'
        edges = (await self.execute_as_admin(f"mutation {{ {lose} }}"))["loseDeal"]["deal"]["activities"]["edges"]
        return edges[0]["node"]["id"]

    async def undo_slip(self, subject: str) -> None:
        """Lose a new deal of the subject, and take that back."""
        await self.execute_as_admin('mutation { undo(activity: "$slip") { userErrors { message } } }', subject)

    async def _refund_new_deal(self, subject: str) -> dict[str, str]:
        """Record a won deal of the subject with a refund; return the ids of both."""
        data = await self.execute_as_admin(f"mutation {{ {_CREATE_WIN} }}", subject)
        deal = data["recordDeal"]["deal"]["id"]
        refund = f'recordRefund(input: {{deal: "{deal}", amount: {{amount: 1}}}}) {{ refund {{ id }} userErrors {{ code }} }}'
        refund_id = (await self.execute_as_admin(f"mutation {{ {refund} }}"))["recordRefund"]["refund"]["id"]
        return {"refunded": deal, "refund": refund_id}

    async def _preview_plan(self, subject: str) -> tuple[str, str]:
        """Return the fields of a plan for the subject on a day of its own, and the hash of its preview."""
        day = (date(2031, 1, 1) + timedelta(days=next(self.counter))).isoformat()
        planned = (
            f'scope: "{self.facts[subject]["who"]}", period: {{kind: DAY, on: "{day}"}}, '
            'metrics: [{metric: "calls_made", base: TOTAL, total: 900, weights: EQUAL}]'
        )
        data = await self.server.execute(f"{{ planPreview(input: {{{planned}}}) {{ hash }} }}")
        return planned, data["planPreview"]["hash"]

    async def _find_or_create_import(self) -> str:
        """Return the id of an import that is over."""
        job = await ImportJob.get_or_none(map_name="another")
        if job is None:
            now = datetime.now(UTC)
            state = ImportState.FINISHED
            job = await ImportJob.create(started_by_id=1, map_name="another", state=state, started_at=now, seen_at=now)
        return encode_global_id("ImportJob", job.id)

    async def execute_as_admin(self, template: str, subject: str = "Acme") -> dict[str, Any]:
        """Execute a mutation template as the administrator and return its data; user errors fail the test."""
        data = await self.server.execute(await self.fill_template(template, subject))
        assert not any(payload["userErrors"] for payload in data.values()), data
        return data

    async def sign_in(self, name: str) -> dict[str, Any]:
        text = f'mutation {{ signIn(input: {{email: "{name}@example.com", password: "{PASSWORD}"}}) {{ accessToken refreshToken }} }}'
        return (await self.server.execute(text, token=""))["signIn"]

    @asynccontextmanager
    async def subscribe(self, document: str, *actors: str) -> AsyncIterator[list[SubscriptionListener]]:
        """Subscribe several actors to one document; all subscriptions are active when the block begins."""
        async with AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(self.server.connect(self.tokens[actor])) for actor in actors]
            listeners = [SubscriptionListener(socket) for socket in sockets]
            for listener in listeners:
                await send_message(listener.socket, id="it", type="subscribe", payload={"query": document})
                await listener.drain()
            yield listeners


@dataclass
class SubscriptionListener:
    """A subscription: `events` are the payloads it was sent, `error` the code of its rejection."""

    socket: ClientConnection
    events: list[Any] = field(default_factory=list)
    error: str | None = None
    drain_ids: itertools.count[int] = field(default_factory=itertools.count)

    async def next_event(self) -> Any:
        """Wait for the next event and return it."""
        count = len(self.events)
        while len(self.events) == count:
            self._handle_message(await receive_message(self.socket))
        return self.events[-1]

    async def wait_for_initial_state(self) -> None:
        """Wait for the first event, which a state subscription sends at once."""
        while not self.events:
            self._handle_message(await receive_message(self.socket))

    async def drain(self) -> None:
        """Receive all events sent before the answers to a few queries made now."""
        for _ in range(3):
            operation_id = f"settle {next(self.drain_ids)}"
            await send_message(
                self.socket, id=operation_id, type="subscribe", payload={"query": "{ teams { id } metrics { key } }"}
            )
            while True:
                message = await receive_message(self.socket)
                if message["id"] == operation_id and message["type"] == "complete":
                    break
                self._handle_message(message)

    def _handle_message(self, message: dict[str, Any]) -> None:
        if message["id"] != "it":
            return
        if message["type"] == "error":
            self.error = message["payload"][0]["extensions"]["code"]
        elif message["type"] == "next":
            [value] = message["payload"]["data"].values()
            self.events.append(value)


@asynccontextmanager
async def run_rights_company(folder: Path) -> AsyncIterator[RightsCompany]:
    # a server that sends links by mail, to a port where nobody accepts them
    mail_settings = {
        "channels": "mail=mailto://127.0.0.1:9?from=robot@example.com",
        "public_url": "https://example.com",
    }
    inbox = folder / "inbox"
    inbox.mkdir()
    (inbox / "clients.csv").write_text("Name\nInitech\n")
    async with run_test_server(folder, import_inbox=inbox, **mail_settings) as server:
        company = RightsCompany(server)
        await _create_people(company)
        await _create_records(company)
        yield company


async def _create_people(company: RightsCompany) -> None:
    initial_data = await company.server.execute(
        "{ company { id } viewer { employee { id } } pipelines { stages { id } } }"
    )
    stage = initial_data["pipelines"][0]["stages"][1]["id"]
    company.facts["Acme"] = {"who": initial_data["company"]["id"], "stage": stage}
    company.facts["Ada"] = {"who": initial_data["viewer"]["employee"]["id"]}
    for name, parent_name in (("Sales", None), ("North", "Sales"), ("Far", "North"), ("South", "Sales")):
        parent = f'"{company.facts[parent_name]["who"]}"' if parent_name else "null"
        data = await company.execute_as_admin(
            f'mutation {{ createTeam(input: {{name: "{name}", parent: {parent}}}) {{ team {{ id }} userErrors {{ message }} }} }}'
        )
        company.facts[name] = {"who": data["createTeam"]["team"]["id"]}
    for name, role, team in (
        ("Ann", "EMPLOYEE", "North"),
        ("Cid", "EMPLOYEE", "North"),
        ("Max", "MANAGER", "North"),
        ("Fay", "EMPLOYEE", "Far"),
        ("Bob", "EMPLOYEE", "South"),
        ("Dora", "DIRECTOR", None),
    ):
        input: dict[str, str | None] = {
            "name": name,
            "email": f"{name}@example.com",
            "externalId": f"employee-{name}",
            "role": role,
        }
        input |= {"password": PASSWORD, "team": company.facts[team]["who"] if team else None}
        data = await company.server.execute(
            "mutation($it: CreateEmployeeInput!) { createEmployee(input: $it) { employee { id } userErrors { message } } }",
            it=input,
        )
        company.facts[name] = {"who": data["createEmployee"]["employee"]["id"], "name": name}
    north_id, max_id = company.facts["North"]["who"], company.facts["Max"]["who"]
    await company.execute_as_admin(
        f'mutation {{ updateTeam(input: {{id: "{north_id}", manager: "{max_id}"}}) {{ userErrors {{ message }} }} }}'
    )
    await _create_tokens(company)


async def _create_tokens(company: RightsCompany) -> None:
    company.tokens = {"stranger": "", "Ada": company.server.token}
    for name in ("Ann", "Max", "Dora"):
        company.tokens[name] = (await company.sign_in(name))["accessToken"]
    for name, kind, scope in (
        ("Wall", "WALLBOARD", "Acme"),
        ("NorthWall", "WALLBOARD", "North"),
        ("Crm", "INTEGRATION", "Acme"),
        ("NorthCrm", "INTEGRATION", "North"),
        ("Spare", "WALLBOARD", "Acme"),
    ):
        text = f'mutation {{ createDevice(input: {{name: "{name}", kind: {kind}, scope: "$who"}}) {{ device {{ id }} token userErrors {{ message }} }} }}'
        device = (await company.execute_as_admin(text, scope))["createDevice"]
        company.facts[name] = {"who": device["device"]["id"]}
        company.tokens[name] = device["token"]


async def _create_records(company: RightsCompany) -> None:
    await company.execute_as_admin(
        "mutation { updateCompany(input: {employeesSetAbsences: true}) { userErrors { message } } }"
    )
    win = 'mutation { recordDeal(input: {title: "First", owner: "$who", amount: {amount: 1}, status: WON}) { userErrors { message } } }'
    async with company.subscribe("subscription { dealWon { id } }", "Ada") as [listener]:
        await company.execute_as_admin(win, "Dora")
        win_id = (await listener.next_event())["id"]
    await company.execute_as_admin(
        'mutation { createMetric(input: {key: "visits", name: "Visits"}) { userErrors { message } } }'
    )
    latest_activity = '{ activities(scope: "$who", first: 1) { edges { node { id } } } }'
    history = await company.server.execute(await company.fill_template(latest_activity, "Dora"))
    activity_id = history["activities"]["edges"][0]["node"]["id"]
    for scope in SCOPES:
        company.facts[scope] |= {"rung": win_id, "before": activity_id} | _ids(
            await company.execute_as_admin(_SET_GOALS, scope)
        )
    for person in PEOPLE:
        facts = company.facts[person]
        facts |= _ids(await company.execute_as_admin(_RECORD_MUTATIONS, person))
        history = await company.server.execute(await company.fill_template(latest_activity, person))
        facts |= {"activity": history["activities"]["edges"][0]["node"]["id"], "stage": company.facts["Acme"]["stage"]}
        facts["company"] = company.facts["Acme"]["who"]
    async with company.subscribe("subscription { undoneActivities { cursor } }", "Ada") as [listener]:
        await company.undo_slip("Dora")
        gone = (await listener.next_event())["cursor"]
    for person in PEOPLE:
        company.facts[person]["gone"] = gone
        await company.undo_slip(person)
    data = await company.execute_as_admin(f"mutation {{ {_CREATE_RULE} }}")
    company.facts["Rule"] = {"who": data["createAlertRule"]["rule"]["id"]}
    for person in ("Ann", "Max", "Dora"):
        await company.execute_as_admin(_LOSE_DEALS, person)
        inbox = await company.server.execute(
            "{ alerts(last: 1) { edges { node { id } } } }", token=company.tokens[person]
        )
        company.facts[person]["alert"] = inbox["alerts"]["edges"][0]["node"]["id"]
    for person, new_owner in NEW_OWNERS.items():
        company.facts[person]["heir"] = company.facts[new_owner]["who"]


def _ids(data: dict[str, Any]) -> dict[str, str]:
    return {
        alias: next(row["id"] for row in payload.values() if isinstance(row, dict)) for alias, payload in data.items()
    }
