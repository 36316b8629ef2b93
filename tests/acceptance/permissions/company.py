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
from datetime import date, timedelta
from pathlib import Path
from string import Template
from typing import Any, Final

from websockets.asyncio.client import ClientConnection

from tests.http_server import ADMIN, Served, hear, say, served

PASSWORD: Final = ADMIN["password"]
PEOPLE: Final = ("Ann", "Cid", "Max", "Fay", "Bob")
TEAMS: Final = ("North", "Far", "Sales", "South")
SCOPES: Final = (*PEOPLE, *TEAMS, "Acme")
HEIR: Final = {"Ann": "Cid", "Cid": "Ann", "Max": "Ann", "Fay": "Ann", "Bob": "Ann"}  # for reassigning a record

_RECORDS: Final = """mutation {
  client: recordClient(input: {name: "Globex", owner: "$who", externalId: "client-$name", email: "info@example.com"}) { client { id } userErrors { message } }
  contact: recordContact(input: {name: "Gil", owner: "$who", externalId: "contact-$name"}) { contact { id } userErrors { message } }
  lead: recordLead(input: {title: "A question", owner: "$who", externalId: "lead-$name"}) { lead { id } userErrors { message } }
  call: recordCall(input: {direction: OUTBOUND, employee: "$who", externalId: "call-$name"}) { call { id } userErrors { message } }
  result: recordResult(input: {metric: "visits", value: 1, employee: "$who", externalId: "result-$name"}) { result { id } userErrors { message } }
  task: createTask(input: {title: "Call back", assignee: "$who", externalId: "task-$name"}) { task { id } userErrors { message } }
  deal: recordDeal(input: {title: "Chairs", owner: "$who", amount: {amount: 5}, externalId: "deal-$name"}) { deal { id } userErrors { message } }
  won: recordDeal(input: {title: "Tables", owner: "$who", amount: {amount: 7}, status: WON, externalId: "won-$name"}) { deal { id } userErrors { message } }
}"""
_RULE: Final = """createAlertRule(input: {kind: DEAL_LOST, recipients: [EMPLOYEE]}) {
  rule { id } userErrors { message }
}"""
_LOST: Final = """mutation {
  one: recordDeal(input: {title: "Lamps", owner: "$who", status: LOST}) { userErrors { message } }
  other: recordDeal(input: {title: "Rugs", owner: "$who", status: LOST}) { userErrors { message } }
}"""
_GOALS: Final = """mutation {
  goal: setGoal(input: {owner: "$who", metric: "deals_won", target: 9, period: {kind: MONTH}}) { goal { id } userErrors { message } }
  old: setGoal(input: {owner: "$who", metric: "calls_made", target: 9, period: {kind: MONTH}}) { goal { id } userErrors { message } }
}"""


@dataclass
class Asker:
    """GraphQL client with one token: uses the socket if there is one, else HTTP."""

    here: Served
    token: str
    socket: ClientConnection | None = None
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def ask(self, document: str) -> dict[str, Any]:
        if self.socket is None:
            return (await self.here.post(document, token=self.token)).json()
        id_ = str(next(self.numbers))
        await say(self.socket, id=id_, type="subscribe", payload={"query": document})
        answer = await self.heard(id_)
        if answer["type"] == "next":
            assert (await self.heard(id_))["type"] == "complete"
            return answer["payload"]
        return {"errors": answer["payload"]}

    async def heard(self, id_: str) -> dict[str, Any]:
        """Return the next message, which must belong to the operation: only one runs at a time."""
        assert self.socket is not None
        message = await hear(self.socket)
        assert message["id"] == id_
        return message


@dataclass
class Office:
    """The running company.

    `facts` holds for each subject the values of the templates: `who` is its global id, others are the ids of its
    records and goals. `tokens` holds the access token of each actor.
    """

    here: Served
    facts: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def written(self, text: str, subject: str) -> str:
        """Fill in a template with the facts of a subject; `$n`, `$day`, `$spare` and `$refresh` are new each time."""
        more = {"refresh": (await self.sign_in("Cid"))["refreshToken"]} if "$refresh" in text else {}
        if "$spare" in text:
            made = await self.act(f"mutation {{ {_RULE} }}")
            more |= {"spare": made["createAlertRule"]["rule"]["id"]}
        if "$n" in text or "$day" in text:
            n = next(self.numbers)
            more |= {"n": str(n), "day": (date(2030, 1, 1) + timedelta(days=n)).isoformat()}
        return Template(text).substitute(self.facts[subject], **more)

    async def act(self, text: str, subject: str = "Acme") -> dict[str, Any]:
        """Execute a mutation template as the administrator and return its data; user errors fail the test."""
        data = await self.here.data(await self.written(text, subject))
        assert not any(payload["userErrors"] for payload in data.values()), data
        return data

    async def sign_in(self, name: str) -> dict[str, Any]:
        text = f'mutation {{ signIn(input: {{email: "{name}@example.com", password: "{PASSWORD}"}}) {{ accessToken refreshToken }} }}'
        return (await self.here.data(text, token=""))["signIn"]

    @asynccontextmanager
    async def subscribed(self, document: str, *actors: str) -> AsyncIterator[list[Listener]]:
        """Subscribe several actors to one document; all subscriptions are active when the block begins."""
        async with AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(self.here.socket(self.tokens[actor])) for actor in actors]
            listeners = [Listener(socket) for socket in sockets]
            for listener in listeners:
                await say(listener.socket, id="it", type="subscribe", payload={"query": document})
                await listener.settled()
            yield listeners


@dataclass
class Listener:
    """A subscription: `events` are the payloads it was sent, `error` the code of its rejection."""

    socket: ClientConnection
    heard: list[Any] = field(default_factory=list)
    error: str | None = None
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def next(self) -> Any:
        """Wait for the next event and return it."""
        count = len(self.heard)
        while len(self.heard) == count:
            self._take(await hear(self.socket))
        return self.heard[-1]

    async def begun(self) -> None:
        """Wait for the first event, which a state subscription sends at once."""
        while not self.heard:
            self._take(await hear(self.socket))

    async def settled(self) -> None:
        """Receive all events sent before the answers to a few queries made now."""
        for _ in range(3):
            id_ = f"settle {next(self.numbers)}"
            await say(self.socket, id=id_, type="subscribe", payload={"query": "{ teams { id } metrics { key } }"})
            while True:
                message = await hear(self.socket)
                if message["id"] == id_ and message["type"] == "complete":
                    break
                self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        if message["id"] != "it":
            return
        if message["type"] == "error":
            self.error = message["payload"][0]["extensions"]["code"]
        elif message["type"] == "next":
            [value] = message["payload"]["data"].values()
            self.heard.append(value)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Office]:
    async with served(folder) as here:
        office = Office(here)
        await _staffed(office)
        await _at_work(office)
        yield office


async def _staffed(office: Office) -> None:
    company = await office.here.data("{ company { id } viewer { employee { id } } pipelines { stages { id } } }")
    stage = company["pipelines"][0]["stages"][1]["id"]
    office.facts["Acme"] = {"who": company["company"]["id"], "stage": stage}
    office.facts["Ada"] = {"who": company["viewer"]["employee"]["id"]}
    for name, above in (("Sales", None), ("North", "Sales"), ("Far", "North"), ("South", "Sales")):
        parent = f'"{office.facts[above]["who"]}"' if above else "null"
        made = await office.act(
            f'mutation {{ createTeam(input: {{name: "{name}", parent: {parent}}}) {{ team {{ id }} userErrors {{ message }} }} }}'
        )
        office.facts[name] = {"who": made["createTeam"]["team"]["id"]}
    for name, role, team in (
        ("Ann", "EMPLOYEE", "North"),
        ("Cid", "EMPLOYEE", "North"),
        ("Max", "MANAGER", "North"),
        ("Fay", "EMPLOYEE", "Far"),
        ("Bob", "EMPLOYEE", "South"),
        ("Dora", "DIRECTOR", None),
    ):
        given: dict[str, str | None] = {
            "name": name,
            "email": f"{name}@example.com",
            "externalId": f"employee-{name}",
            "role": role,
        }
        given |= {"password": PASSWORD, "team": office.facts[team]["who"] if team else None}
        made = await office.here.data(
            "mutation($it: CreateEmployeeInput!) { createEmployee(input: $it) { employee { id } userErrors { message } } }",
            it=given,
        )
        office.facts[name] = {"who": made["createEmployee"]["employee"]["id"], "name": name}
    north, max_ = office.facts["North"]["who"], office.facts["Max"]["who"]
    await office.act(
        f'mutation {{ updateTeam(input: {{id: "{north}", manager: "{max_}"}}) {{ userErrors {{ message }} }} }}'
    )
    await _let_in(office)


async def _let_in(office: Office) -> None:
    office.tokens = {"stranger": "", "Ada": office.here.token}
    for name in ("Ann", "Max", "Dora"):
        office.tokens[name] = (await office.sign_in(name))["accessToken"]
    for name, kind, scope in (
        ("Wall", "WALLBOARD", "Acme"),
        ("NorthWall", "WALLBOARD", "North"),
        ("Crm", "INTEGRATION", "Acme"),
        ("NorthCrm", "INTEGRATION", "North"),
        ("Spare", "WALLBOARD", "Acme"),
    ):
        text = f'mutation {{ createDevice(input: {{name: "{name}", kind: {kind}, scope: "$who"}}) {{ device {{ id }} token userErrors {{ message }} }} }}'
        made = (await office.act(text, scope))["createDevice"]
        office.facts[name] = {"who": made["device"]["id"]}
        office.tokens[name] = made["token"]


async def _at_work(office: Office) -> None:
    win = 'mutation { recordDeal(input: {title: "First", owner: "$who", amount: {amount: 1}, status: WON}) { userErrors { message } } }'
    async with office.subscribed("subscription { dealWon { id } }", "Ada") as [bell]:
        await office.act(win, "Dora")
        rung = (await bell.next())["id"]
    await office.act('mutation { createMetric(input: {key: "visits", name: "Visits"}) { userErrors { message } } }')
    latest = '{ activities(scope: "$who", first: 1) { edges { node { id } } } }'
    history = await office.here.data(await office.written(latest, "Dora"))
    before = history["activities"]["edges"][0]["node"]["id"]
    for scope in SCOPES:
        office.facts[scope] |= {"rung": rung, "before": before} | _ids(await office.act(_GOALS, scope))
    for person in PEOPLE:
        facts = office.facts[person]
        facts |= _ids(await office.act(_RECORDS, person))
        history = await office.here.data(await office.written(latest, person))
        facts |= {"activity": history["activities"]["edges"][0]["node"]["id"], "stage": office.facts["Acme"]["stage"]}
        facts["company"] = office.facts["Acme"]["who"]
    made = await office.act(f"mutation {{ {_RULE} }}")
    office.facts["Rule"] = {"who": made["createAlertRule"]["rule"]["id"]}
    for person in ("Ann", "Max", "Dora"):
        await office.act(_LOST, person)
        inbox = await office.here.data("{ alerts(last: 1) { edges { node { id } } } }", token=office.tokens[person])
        office.facts[person]["alert"] = inbox["alerts"]["edges"][0]["node"]["id"]
    for person, heir in HEIR.items():
        office.facts[person]["heir"] = office.facts[heir]["who"]


def _ids(data: dict[str, Any]) -> dict[str, str]:
    return {
        alias: next(row["id"] for row in payload.values() if isinstance(row, dict)) for alias, payload in data.items()
    }
