"""RULES 3, what is over stays as it was: nothing that is changed after the end of a period changes what is told of it."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from resolvers.ledger.reconciliation import reconcile
from tests.resolvers.two_sellers import record_won_deal, set_goal
from tests.world import World, open_world

SELLERS = ("Ann", "Bob", "Cid", "Eve")
TEAMS = ("Sales", "North", "South", "East")
PERIODS: tuple[dict[str, Any], ...] = (
    {"kind": "MONTH", "on": "2026-11-10"},
    {"kind": "WEEK", "on": "2026-11-18"},
    {"kind": "WEEK", "on": "2026-11-25"},
    {"kind": "DAY", "on": "2026-11-20"},
    {"kind": "CUSTOM", "start": "2026-11-11", "end": "2026-11-24"},
)
CHANGES = (
    "rename", "move", "leave", "return", "role", "quota", "hire", "team above", "team above", "team name", "team manager",
    "new team", "week start", "zone", "working days", "holidays", "working hours", "closing", "company day", "absence",
    "rate", "metric", "goal", "win", "later",
)  # fmt: skip
_GOALS = """goals(scope: $scope, period: $period, includeArchived: true) { id target fullTarget recurring allocated
  owner { id } period { ...days } entries(first: 100) { totalCount edges { node { amount effectiveOn employee { id } } } }
  progress { value attainmentPercent remaining expectedByNow pace projected projectedPercent neededPerWorkday } }"""
_BOARD = """leaderboard(scope: $scope, period: $period, metric: %s, rankBy: %s) { total totalCount period { ...days }
  standings { rank previousRank value target attainmentPercent gapToNext employee { id } } }"""
_STATISTICS = """statistics(scope: $scope, period: $period, interval: %s, metrics: ["deals_won", "deals_won_amount",
  "deals_created", "calls_made"]) { period { ...days } winRatePercent averageDealAmount medianSalesCycleDays
  series { total previousTotal points { start value } } }"""
_FUNNEL = """funnel(scope: $scope, period: $period) { period { ...days } stages { entered advanced lost conversionPercent
  conversionLowPercent benchmarkPercent medianDaysInStage stalled weak slow } }"""
QUESTIONS = f"""query($scope: ID, $period: PeriodInput) {{ {_GOALS}
  amounts: {_BOARD % ('"deals_won_amount"', "VALUE")} attainment: {_BOARD % ('"deals_won_amount"', "ATTAINMENT")}
  calls: {_BOARD % ('"calls_made"', "VALUE")}
  days: {_STATISTICS % "DAY"} weeks: {_STATISTICS % "WEEK"} {_FUNNEL} }}
  fragment days on Period {{ kind start end label workdays workdaysList workdaysElapsed workdaysLeft }}"""
CARD = f"""query($id: ID!, $period: PeriodInput) {{ employee(id: $id) {{
  standing(period: $period) {{ rank previousRank value target attainmentPercent gapToNext }}
  goals(period: $period) {{ id target period {{ start end }} progress {{ value pace attainmentPercent }} }}
  {_STATISTICS.replace("scope: $scope, ", "") % "WEEK"} {_FUNNEL.replace("scope: $scope, ", "")} }} }}
  fragment days on Period {{ kind start end label workdays workdaysList workdaysElapsed workdaysLeft }}"""
RECURRING = (
    ("Ann", "MONTH"),
    ("Ann", "WEEK"),
    ("Bob", "DAY"),
    ("North", "WEEK"),
    ("Sales", "MONTH"),
    ("company", "WEEK"),
)


async def set_up_november(world: World) -> None:
    """Fill November 2026 with goals, wins, losses and calls, and let it end."""
    world.now = datetime(2026, 11, 2, 8, tzinfo=UTC)
    await world.create_team("Sales")
    for name in ("North", "South"):
        await world.create_team(name, "Sales")
    await world.create_team("East")
    for name, team in zip(SELLERS, ("North", "South", "North", "East"), strict=True):
        await world.create_employee(name, team)
    await world.create_employee("Mia", "Sales", role="MANAGER")
    await world.create_employee("Max", "South", role="MANAGER")  # sells
    for owner, kind in RECURRING:
        await set_goal(world, owner, "deals_won", "7", recurring=True, period={"kind": kind})
    for owner in ("Ann", "Bob", "North", "company"):
        await set_goal(world, owner, "deals_won_amount", "1000", proRated=owner == "Ann")
    for day, seller in (
        (3, "Ann"),
        (5, "Cid"),
        (12, "Ann"),
        (18, "Bob"),
        (20, "Eve"),
        (20, "Max"),
        (24, "Ann"),
        (27, "Bob"),
    ):
        world.now = datetime(2026, 11, day, 10, tzinfo=UTC)
        await record_won_deal(world, seller, "100", createdAt=(world.now - timedelta(days=1)).isoformat())
        await world.mutate(
            "recordCall", seller, startedAt=world.now.isoformat(), durationSeconds=60, direction="OUTBOUND"
        )
        await world.mutate("recordDeal", seller, title="Lamps", status="LOST")
        if day == 12:
            await world.mutate("updateEmployee", id=world.global_ids["Cid"], team=world.global_ids["South"])
        if day == 20:
            await world.mutate("updateTeam", id=world.global_ids["East"], parent=world.global_ids["Sales"])
            await world.mutate("updateEmployee", id=world.global_ids["Eve"], active=False)
        await world.advance_and_run_jobs()
    world.now = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # in December in Berlin, in November in New York
    await world.mutate("updateEmployee", id=world.global_ids["Cid"], team=world.global_ids["East"])
    await world.advance_and_run_jobs(hours=10)


async def ask_everything(world: World) -> str:
    """Return what can be asked about the periods that are over, as JSON text."""
    answers = []
    for period in PERIODS:
        for scope in ("company", "Sales", "South", "East"):
            answer = await world.query(QUESTIONS, scope=world.global_ids[scope], period=period)
            end = answer["amounts"]["period"]["end"]
            answer["goals"] = [goal for goal in answer["goals"] if goal["period"]["end"] <= end]  # others still run
            answers.append((scope, period, answer))
        for name in ("Cid", "Max"):
            card = (await world.query(CARD, id=world.global_ids[name], period=period))["employee"]
            card["goals"] = [goal for goal in card["goals"] if goal["period"]["end"] <= end]
            answers.append((name, period, card))
    return json.dumps(answers, indent=1)


class Changer:
    """Makes random changes of people, teams, settings and plans."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice = world, dice
        self.people = [*SELLERS, "Mia", "Max"]
        self.former = {"Eve"}
        self.teams: list[str] = [*TEAMS]

    async def make_change(self, change: str) -> str:
        await getattr(self, f"_{change.replace(' ', '_')}")()
        return change

    def _choose(self, options: Sequence[Any]) -> Any:
        return self.dice.choice(options)

    async def _update_employee(self, key: str | None = None, new_name: str | None = None, **input: Any) -> None:
        if new_name:
            input["name"] = new_name
        await self.world.mutate("updateEmployee", id=self.world.global_ids[key or self._choose(self.people)], **input)

    async def _update_company(self, **input: Any) -> None:
        await self.world.mutate("updateCompany", **input)

    async def _rename(self) -> None:
        await self._update_employee(new_name=self._choose(["Zoe", "Abe", "Ann", "Bob", "Ян"]))

    async def _move(self) -> None:
        team = self._choose([None, *self.teams])
        await self._update_employee(team=team and self.world.global_ids[team])

    async def _leave(self) -> None:
        self.former.add(name := self._choose(self.people))
        await self._update_employee(name, active=False)

    async def _return(self) -> None:
        for name in sorted(self.former):
            await self._update_employee(name, active=True)
        self.former.clear()

    async def _role(self) -> None:
        await self._update_employee(role=self._choose(["EMPLOYEE", "MANAGER", "DIRECTOR"]))

    async def _quota(self) -> None:
        await self._update_employee(carriesQuota=self._choose([True, False, None]))

    async def _hire(self) -> None:
        name = f"New{len(self.people)}"
        await self.world.create_employee(name, self._choose(self.teams), role=self._choose(["EMPLOYEE", "MANAGER"]))
        self.people.append(name)

    async def _team_above(self) -> None:
        team, parent = self._choose(self.teams), self._choose([None, *self.teams])
        parent_id = parent and self.world.global_ids[parent]
        await self.world.try_mutation("updateTeam", id=self.world.global_ids[team], parent=parent_id)

    async def _team_name(self) -> None:
        team = self.world.global_ids[self._choose(self.teams)]
        await self.world.mutate("updateTeam", id=team, name=self._choose(["Alpha", "Omega"]))

    async def _team_manager(self) -> None:
        team, manager = self._choose(self.teams), self._choose(self.people)
        manager_id = self.world.global_ids[manager]  # refused for former employees
        await self.world.try_mutation("updateTeam", id=self.world.global_ids[team], manager=manager_id)

    async def _new_team(self) -> None:
        name = f"Team{len(self.teams)}"
        await self.world.create_team(name, self._choose([*self.teams, None]))
        self.teams.append(name)

    async def _week_start(self) -> None:
        await self._update_company(weekStart=self._choose(["MONDAY", "SUNDAY", "WEDNESDAY", "FRIDAY", "SATURDAY"]))

    async def _zone(self) -> None:
        zones = ["Asia/Vladivostok", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"]
        await self._update_company(timeZone=self._choose(zones))

    async def _working_days(self) -> None:
        await self._update_company(workingDays=self._choose([["MONDAY", "FRIDAY"], ["SATURDAY", "SUNDAY", "TUESDAY"]]))

    async def _holidays(self) -> None:
        country = self._choose(["US", "DE", None])
        await self._update_company(holidayCountry=country, holidayRegion="BY" if country == "DE" else None)

    async def _working_hours(self) -> None:
        await self._update_company(workdayStart=self._choose(["08:00", "10:15"]), workdayEnd="19:30")

    async def _closing(self) -> None:
        await self._update_company(closeAfterWorkdays=self._choose([None, 0, 30]))

    async def _company_day(self) -> None:
        day = {"date": (self.world.now + timedelta(days=2)).date().isoformat(), "kind": self._choose(["ON", "OFF"])}
        document = "mutation($days: [CompanyDayInput!]!) { setCompanyDays(days: $days) { userErrors { message } } }"
        await self.world.query(document, days=[day | {"name": "Stocktaking"}])

    async def _absence(self) -> None:
        day = (self.world.now + timedelta(days=self.dice.randrange(2, 60))).date().isoformat()
        input = {"employee": self.world.global_ids[self._choose(self.people)], "from": day, "to": day, "kind": "OTHER"}
        document = "mutation($input: SetAbsenceInput!) { setAbsence(input: $input) { userErrors { message } } }"
        await self.world.query(document, input=input)

    async def _rate(self) -> None:
        await self.world.mutate("setExchangeRate", currency="USD", rate=str(self.dice.randrange(1, 9)))

    async def _metric(self) -> None:
        await self.world.mutate("createMetric", key=f"demos_{self.dice.randrange(1000)}", name="Demos", unit="COUNT")

    async def _goal(self) -> None:
        owner = self.world.global_ids[self._choose([*self.people, *self.teams, "company"])]
        period = {"kind": self._choose(["DAY", "WEEK", "MONTH"]), "offset": self._choose([0, 1, 2])}
        await self.world.try_mutation("setGoal", owner=owner, metric="deals_won", target="3", period=period)

    async def _win(self) -> None:
        seller = self._choose([name for name in self.people if name not in self.former] or ["admin"])
        await record_won_deal(self.world, "admin", owner=self.world.global_ids[seller])

    async def _later(self) -> None:
        await self.world.advance_and_run_jobs(hours=self.dice.randrange(1, 150))


async def assert_goals_cover_every_day(world: World) -> None:
    """Every day from the first goal on has exactly one goal of each recurrence whose owner does not leave."""
    document = """query($period: PeriodInput) { goals(period: $period) { owner { id } metric { key }
      period { kind start end } } company { timeZone } }"""
    period = {"kind": "CUSTOM", "start": "2026-10-01", "end": "2028-12-31"}
    goals = (await world.query(document, period=period))["goals"]
    context = await world.authenticated_context("admin")
    today = await context.today()
    for owner, kind in RECURRING:
        if owner in SELLERS:
            continue
        days: list[date] = []
        for goal in goals:
            key = goal["owner"]["id"], goal["metric"]["key"], goal["period"]["kind"]
            if key == (world.global_ids[owner], "deals_won", kind):
                first, last = date.fromisoformat(goal["period"]["start"]), date.fromisoformat(goal["period"]["end"])
                days += [first + timedelta(days=n) for n in range((last - first).days + 1)]
        assert len(days) == len(set(days)), (owner, kind, "a day has two goals")
        covered = {day for day in days if day <= today}
        assert len(covered) == (today - min(days)).days + 1, (owner, kind, "a day has no goal")


@pytest.mark.parametrize(
    ("database_url", "seed", "rounds"),
    [
        ("sqlite", 1, 2),
        ("postgres", 2, 1),
        *(
            pytest.param(database, seed, rounds, marks=pytest.mark.long)
            for database, seed, rounds in (
                ("sqlite", 2, 2),
                ("postgres", 1, 2),
                ("postgres", 2, 2),
                ("sqlite", 3, 6),
                ("postgres", 3, 6),
            )
        ),
    ],
    indirect=["database_url"],
)
async def test_what_is_over_stays_whatever_changes_later(database_url: str, seed: int, rounds: int) -> None:
    dice = random.Random(seed)
    async with open_world(database_url) as world:
        await set_up_november(world)
        before, changer = await ask_everything(world), Changer(world, dice)
        for _ in range(rounds):
            done = [await changer.make_change(dice.choice(CHANGES)) for _ in range(8)]
            assert (await ask_everything(world)).splitlines() == before.splitlines(), done
        await world.advance_and_run_jobs(days=40)

        assert (await reconcile()).differences == []
        assert await ask_everything(world) == before
        await assert_goals_cover_every_day(world)
