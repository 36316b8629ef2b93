"""Random changes of anything that an employee card shows."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

from tests.world import World


async def run_mutation(world: World, mutation: str, **variables: str) -> None:
    """Run a mutation with ids as arguments."""
    arguments = ", ".join(f"{name}: ${name}" for name in variables)
    types = ", ".join(f"${name}: ID!" for name in variables)
    await world.query(f"mutation({types}) {{ {mutation}({arguments}) {{ userErrors {{ code }} }} }}", **variables)


class RandomChanges:
    """Changes anything that a card shows, at random."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice = world, dice
        self.deals: list[str] = []
        self.leads: list[str] = []
        self.clients: list[str] = []
        self.goals: list[str] = []

    async def change(self) -> None:
        actions: list[Callable[[], Awaitable[object]]] = [
            self.record_deal, self.change_deal, self.record_lead, self.change_lead, self.record_client,
            self.change_client, self.set_goal, self.change_goal, self.change_people, self.change_company,
            self.let_time_pass, self.record_other,
        ]  # fmt: skip
        await self.dice.choice(actions)()

    def employee(self) -> str:
        return self.world.global_ids[self.dice.choice(["Ann", "Bob"])]

    async def record_deal(self) -> None:
        status = self.dice.choice(["OPEN", "OPEN", "WON"])
        money = {"amount": str(self.dice.randrange(1, 400))}
        deal = {"title": "Chairs", "status": status, "amount": money}
        stage = self.dice.choice([None, *await self.read_stages()])
        payload = await self.world.mutate("recordDeal", owner=self.employee(), stage=stage, **deal)
        self.deals.append(payload["deal"]["id"])

    async def change_deal(self) -> None:
        if not self.deals:
            return
        deal = self.dice.choice(self.deals)
        match self.dice.choice(["owner", "move", "lose", "reopen", "delete"]):
            case "owner":
                await self.world.try_mutation("updateDeal", id=deal, owner=self.employee())
            case "move":
                stage = self.dice.choice(await self.read_stages())
                await self.world.try_mutation("moveDeal", id=deal, stage=stage)
            case "lose":
                await self.world.try_mutation("loseDeal", id=deal, reason="Price")
            case "reopen":
                await self.world.try_mutation("reopenDeal", id=deal)
            case "delete":
                await run_mutation(self.world, "deleteDeal", id=deal)

    async def read_stages(self) -> list[str]:
        data = await self.world.query("{ pipelines { stages { id } } }")
        return [stage["id"] for pipeline in data["pipelines"] for stage in pipeline["stages"]]

    async def record_lead(self) -> None:
        payload = await self.world.mutate("recordLead", title="Asks", owner=self.employee(), source="Web")
        self.leads.append(payload["lead"]["id"])

    async def change_lead(self) -> None:
        if not self.leads:
            return
        lead = self.dice.choice(self.leads)
        match self.dice.choice(["title", "phone", "owner", "convert", "reject", "delete"]):
            case "title":
                await self.world.try_mutation("recordLead", id=lead, title=self.dice.choice(["Asks", "Wonders"]))
            case "phone":
                await self.world.try_mutation(
                    "recordLead", id=lead, title="Asks", phone=str(self.dice.randrange(10**6))
                )
            case "owner":
                await self.world.try_mutation("recordLead", id=lead, title="Asks", owner=self.employee())
            case "convert":
                payload = await self.world.try_mutation("convertLead", id=lead, deal={"title": "From a lead"})
                self.deals += [payload["deal"]["id"]] if payload["deal"] else []
            case "reject":
                await run_mutation(self.world, "rejectLead", id=lead)
            case "delete":
                await run_mutation(self.world, "deleteRecord", id=lead)

    async def record_client(self) -> None:
        payload = await self.world.mutate("recordClient", name="Globex", owner=self.employee())
        self.clients.append(payload["client"]["id"])

    async def change_client(self) -> None:
        if not self.clients:
            return
        client = self.dice.choice(self.clients)
        match self.dice.choice(["phone", "name", "owner", "merge", "delete"]):
            case "merge":
                input = {"into": client, "from": self.dice.choice(self.clients)}
                document = "mutation($input: MergeInput!) { mergeClients(input: $input) { userErrors { code } } }"
                await self.world.query(document, input=input)
            case "phone":
                await self.world.try_mutation(
                    "recordClient", id=client, name="Globex", phone=str(self.dice.randrange(10**6))
                )
            case "name":
                await self.world.try_mutation("recordClient", id=client, name=self.dice.choice(["Globex", "Initech"]))
            case "owner":
                await self.world.try_mutation("recordClient", id=client, name="Globex", owner=self.employee())
            case "delete":
                await run_mutation(self.world, "deleteRecord", id=client)

    async def set_goal(self) -> None:
        metric = self.dice.choice(["deals_won_amount", "leads_created", "clients_added"])
        owner = self.dice.choice([*(self.world.global_ids[name] for name in ("Ann", "Bob", "North"))])
        payload = await self.world.try_mutation(
            "setGoal",
            owner=owner,
            metric=metric,
            target="500",
            period={"kind": self.dice.choice(["DAY", "MONTH"])},
            recurring=False,
            proRated=owner != self.world.global_ids["North"],
        )
        self.goals += [payload["goal"]["id"]] if payload["goal"] else []

    async def change_goal(self) -> None:
        if not self.goals:
            return
        goal = self.dice.choice(self.goals)
        match self.dice.choice(["target", "name", "archive"]):
            case "target":
                await self.world.try_mutation(
                    "updateGoal", id=goal, target=str(self.dice.randrange(1, 900)), reason="corrected"
                )
            case "name":
                await self.world.try_mutation("updateGoal", id=goal, name=self.dice.choice(["Sell", "Sell more"]))
            case "archive":
                await run_mutation(self.world, "archiveGoal", id=goal)

    async def change_people(self) -> None:
        employee, world, dice = self.employee(), self.world, self.dice
        match dice.choice(["name", "role", "team", "manager", "avatar", "absence", "team name"]):
            case "name":
                await world.mutate("updateEmployee", id=employee, name=dice.choice(["Zoe", "Abe", "Ida"]))
            case "role":
                await world.mutate("updateEmployee", id=employee, role=dice.choice(["EMPLOYEE", "MANAGER", "DIRECTOR"]))
            case "team":
                await world.mutate(
                    "updateEmployee", id=employee, team=world.global_ids[dice.choice(["North", "South"])]
                )
            case "manager":
                await world.try_mutation("updateEmployee", id=employee, manager=self.employee())
            case "avatar":
                url = f"https://example.com/{dice.randrange(9)}.png"
                await world.mutate("updateEmployee", id=employee, avatarUrl=url)
            case "absence":
                days = {"from": "2026-11-24", "to": "2026-11-25", "kind": "VACATION"}
                await world.try_mutation("setAbsence", employee=employee, **days)
            case "team name":
                await world.mutate("updateTeam", id=world.global_ids["North"], name=dice.choice(["North", "Nord"]))

    async def change_company(self) -> None:
        world, dice = self.world, self.dice
        match dice.choice(["name", "hours", "rate", "stage"]):
            case "name":
                await world.mutate("updateCompany", name=dice.choice(["Acme", "Emca"]))
            case "hours":
                await world.mutate("updateCompany", workdayStart=dice.choice(["08:00", "09:15"]))
            case "rate":
                await world.mutate("setExchangeRate", currency="USD", rate=str(1 + dice.random())[:6])
            case "stage":
                data = await world.query("{ pipelines { id name stages { id name } } }")
                pipeline = data["pipelines"][0]
                stages = [{"id": stage["id"], "name": stage["name"]} for stage in pipeline["stages"]]
                stages[0]["name"] = dice.choice(["New", "Fresh"])
                await world.mutate("savePipeline", id=pipeline["id"], name=pipeline["name"], stages=stages)

    async def let_time_pass(self) -> None:
        await self.world.advance_and_run_jobs(
            **self.dice.choice([{"minutes": 1}, {"minutes": 1}, {"minutes": 20}, {"hours": 9}])
        )

    async def record_other(self) -> None:
        match self.dice.choice(["call", "task", "profile"]):
            case "call":
                call = {"outcome": "ANSWERED", "durationSeconds": 60, "direction": "OUTBOUND"}
                await self.world.try_mutation(
                    "recordCall", employee=self.employee(), startedAt=self.world.now.isoformat(), **call
                )
            case "task":
                await self.world.try_mutation("createTask", title="Call back", assignee=self.employee())
            case "profile":
                await self.world.mutate("updateProfile", "Ann", language=self.dice.choice(["en", "ru"]))
