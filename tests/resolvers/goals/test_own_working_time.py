"""Pace of goals after any changes of working time equals that of a plain implementation of the rules (rules 3 and 4)."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

from resolvers.ledger.reconciliation import reconcile
from tests.seeds import each_seed
from tests.world import World, open_world

ZONE = ZoneInfo("Europe/Berlin")
EMPLOYEES, TEAMS = ("Ann", "Bob", "Cid"), ("North", "South")
OWNERS = (*EMPLOYEES, *TEAMS, "company")
PERIODS = {
    "MONTH": (date(2026, 11, 1), date(2026, 11, 30)),
    "WEEK": (date(2026, 11, 16), date(2026, 11, 22)),
}  # current when the company is set up
STEPS = (
    "absence", "remove absence", "company day", "remove company day", "working hours", "working days", "move", "leave or return",
    "joining", "call", "call", "later", "later", "later",
)  # fmt: skip
WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
DAY = timedelta(days=1)

SET_ABSENCE = "mutation($input: SetAbsenceInput!) { setAbsence(input: $input) { absence { id } userErrors { code } } }"
REMOVE_ABSENCE = "mutation($id: ID!) { removeAbsence(id: $id) { userErrors { code } } }"
SET_DAYS = "mutation($days: [CompanyDayInput!]!) { setCompanyDays(days: $days) { userErrors { code } } }"
REMOVE_DAYS = "mutation($dates: [Date!]!) { removeCompanyDays(dates: $dates) { userErrors { code } } }"
GOALS = """{ goals(period: {kind: CUSTOM, start: "2026-11-01", end: "2027-12-31"}) { id target proRated
  progress { value expectedByNow projected pace } } }"""


@dataclass
class WorkingHours:
    """Settings that hold from a day on; start and end in minutes after midnight."""

    since: date
    weekdays: frozenset[int]
    start: int
    end: int


@dataclass
class Membership:
    since: datetime
    team: str | None
    is_active: bool


@dataclass
class ReferenceSchedule:
    """The rules, day by day and without any shortcut."""

    world: World
    random_source: random.Random
    hours: list[WorkingHours] = field(
        default_factory=lambda: [WorkingHours(date.min, frozenset(range(5)), 9 * 60, 18 * 60)]
    )
    own_days: dict[date, str] = field(default_factory=dict)
    absences: dict[str, tuple[str, date, date]] = field(default_factory=dict)
    memberships: dict[str, list[Membership]] = field(default_factory=dict)
    joined_on: dict[str, date] = field(default_factory=dict)
    calls: list[tuple[str, str, date]] = field(default_factory=list)
    goals: dict[str, tuple[str, tuple[date, date]]] = field(default_factory=dict)

    @property
    def today(self) -> date:
        return self.world.now.astimezone(ZONE).date()

    async def set_up(self) -> None:
        for team in TEAMS:
            await self.world.create_team(team)
        for employee, team in zip(EMPLOYEES, ("North", "South", "North"), strict=True):
            await self.world.create_employee(employee, team)
            self.memberships[employee] = [Membership(self.world.now, team, is_active=True)]
        self.memberships["admin"] = [Membership(self.world.now, None, is_active=True)]  # counts for the company only
        await self.record_call("Ann")  # from now on, changed settings hold from the current day on
        for owner in OWNERS:
            for kind, period in PERIODS.items():
                await self.set_goal(owner, kind, period, "100")
        for employee in EMPLOYEES:
            await self.set_goal(employee, "MONTH", PERIODS["MONTH"], "420", metric="calls_answered", proRated=True)

    async def set_goal(self, owner: str, kind: str, period: tuple[date, date], target: str, **input: Any) -> None:
        input = {"metric": "calls_made", "owner": self.world.global_ids[owner], "target": target} | input
        payload = await self.world.mutate("setGoal", period={"kind": kind}, **input)
        self.goals[payload["goal"]["id"]] = owner, period

    async def apply_step(self, step: str) -> None:
        await getattr(self, f"_{step.replace(' ', '_')}")()
        self.world.advance(minutes=1)

    async def _absence(self) -> None:
        employee = self.random_source.choice(EMPLOYEES)
        first = PERIODS["MONTH"][0] + self.random_source.randrange(40) * DAY
        last = first + self.random_source.choice((0, 1, 6, 13)) * DAY
        input = {"employee": self.world.global_ids[employee], "from": str(first), "to": str(last), "kind": "SICK"}

        payload = (await self.world.query(SET_ABSENCE, input=input))["setAbsence"]

        if any(name == employee and a <= last and b >= first for name, a, b in self.absences.values()):
            equal = [key for key, value in self.absences.items() if value == (employee, first, last)]
            assert payload["absence"] == ({"id": equal[0]} if equal else None)
        else:
            self.absences[payload["absence"]["id"]] = employee, first, last

    async def _remove_absence(self) -> None:
        if self.absences:
            absence = self.random_source.choice(sorted(self.absences))
            await self.world.query(REMOVE_ABSENCE, id=absence)
            del self.absences[absence]

    async def _company_day(self) -> None:
        day, kind = self.today + self.random_source.randrange(10) * DAY, self.random_source.choice(("ON", "OFF"))
        await self.world.query(SET_DAYS, days=[{"date": str(day), "kind": kind, "name": "Ours"}])
        self.own_days[day] = kind

    async def _remove_company_day(self) -> None:
        days = sorted(day for day in self.own_days if day >= self.today)
        if days:
            day = self.random_source.choice(days)
            await self.world.query(REMOVE_DAYS, dates=[str(day)])
            del self.own_days[day]

    async def _working_hours(self) -> None:
        start, end = sorted(self.random_source.sample(range(97), 2))
        texts = [f"{quarter // 4:02}:{quarter % 4 * 15:02}" for quarter in (start, end)]
        await self.world.mutate("updateCompany", workdayStart=texts[0], workdayEnd=texts[1])
        self._change_settings(WorkingHours(self.today, self.hours[-1].weekdays, start * 15, end * 15))

    async def _working_days(self) -> None:
        weekdays = self.random_source.sample(range(7), self.random_source.randint(1, 7))
        await self.world.mutate("updateCompany", workingDays=[WEEKDAYS[day] for day in weekdays])
        self._change_settings(WorkingHours(self.today, frozenset(weekdays), self.hours[-1].start, self.hours[-1].end))

    def _change_settings(self, hours: WorkingHours) -> None:
        self.hours = [earlier for earlier in self.hours if earlier.since != hours.since] + [hours]

    async def _move(self) -> None:
        employee, team = self.random_source.choice(EMPLOYEES), self.random_source.choice((*TEAMS, None))
        await self.world.mutate(
            "updateEmployee", id=self.world.global_ids[employee], team=team and self.world.global_ids[team]
        )
        self.memberships[employee].append(Membership(self.world.now, team, self.memberships[employee][-1].is_active))

    async def _leave_or_return(self) -> None:
        employee = self.random_source.choice(EMPLOYEES)
        current = self.memberships[employee][-1]
        await self.world.mutate("updateEmployee", id=self.world.global_ids[employee], active=not current.is_active)
        self.memberships[employee].append(Membership(self.world.now, current.team, not current.is_active))

    async def _joining(self) -> None:
        employee, day = self.random_source.choice(EMPLOYEES), date(2026, 11, self.random_source.randint(1, 30))
        await self.world.mutate("updateEmployee", id=self.world.global_ids[employee], joinedOn=str(day))
        self.joined_on[employee] = day

    async def _call(self) -> None:
        active = [employee for employee in EMPLOYEES if self.memberships[employee][-1].is_active]
        if active:
            await self.record_call(self.random_source.choice(active))

    async def record_call(self, employee: str) -> None:
        await self.world.mutate("recordCall", employee=self.world.global_ids[employee], direction="OUTBOUND")
        self.calls.append((employee, self.memberships[employee][-1].team or "", self.today))

    async def _later(self) -> None:
        self.world.advance(minutes=self.random_source.choice((20, 90, 300, 1000, 4000)))

    def count_quarters(self, day: date) -> int:
        """Return the working time of a day of the company."""
        hours = self._hours_on(day)
        own_day = self.own_days.get(day)
        is_worked = own_day == "ON" or (own_day is None and day.weekday() in hours.weekdays)
        return (hours.end - hours.start) // 15 if is_worked else 0

    def _hours_on(self, day: date) -> WorkingHours:
        return max((hours for hours in self.hours if hours.since <= day), key=lambda hours: hours.since)

    def elapsed_quarters(self, day: date) -> int:
        if day != self.today:
            return self.count_quarters(day) if day < self.today else 0
        local = self.world.now.astimezone(ZONE)
        hours = self._hours_on(day)
        return min(self.count_quarters(day), max(0, (local.hour * 60 + local.minute - hours.start) // 15))

    def team_on(self, employee: str, day: date) -> str | None:
        """Return the team in which an employee works on a day, "" for none; None for who does not work."""
        if day < self.joined_on.get(employee, date.min) or any(
            name == employee and first <= day <= last for name, first, last in self.absences.values()
        ):
            return None
        start, end = (datetime.combine(at, datetime.min.time(), ZONE) for at in (day, day + DAY))
        memberships, team = self.memberships[employee], None
        for index, membership in enumerate(memberships):
            until = memberships[index + 1].since if index + 1 < len(memberships) else None
            has_begun = index == 0 or membership.since < end
            if membership.is_active and has_begun and (until is None or until > start):
                team = membership.team or ""
        return team

    def days_of(self, owner: str, period: tuple[date, date]) -> list[date]:
        """Return the working days of the owner, once for each member; of the company itself if there are no members."""
        all_days = [period[0] + n * DAY for n in range((period[1] - period[0]).days + 1)]
        worked = [day for day in all_days if self.count_quarters(day)]
        if owner in EMPLOYEES:
            return [day for day in worked if self.team_on(owner, day) is not None]
        days = [
            day
            for day in worked
            for employee in self.memberships
            if (team := self.team_on(employee, day)) is not None and owner in ("company", team)
        ]
        return days or worked

    def expected_progress(self, owner: str, period: tuple[date, date], target: int, value: int) -> dict[str, Any]:
        days = self.days_of(owner, period)
        total, elapsed = sum(map(self.count_quarters, days)), sum(map(self.elapsed_quarters, days))
        if not total:  # an employee without any is expected nothing, until the period is over
            total, elapsed = 1, int(self.today > period[1])
        expected, projected = Fraction(target * elapsed, total), Fraction(value)
        if elapsed and 2 * elapsed * max(1, len(set(days))) >= total and days:
            projected = Fraction(value * total, elapsed)
        return {"expected": expected, "projected": projected, "pace": self._pace(value, target, expected, period[1])}

    def _pace(self, value: int, target: int, expected: Fraction, last: date) -> str:
        if value >= target:
            return "ACHIEVED"
        if self.today > last:
            return "MISSED"
        if abs(value - expected) <= Fraction(target, 20):
            return "ON_TRACK"
        return "AHEAD" if value > expected else "BEHIND"

    def count_calls(self, owner: str, period: tuple[date, date]) -> int:
        return sum(
            owner in ("company", employee, team) and period[0] <= day <= period[1] for employee, team, day in self.calls
        )

    async def assert_goals_match(self) -> None:
        owners = ["South", "company"]
        if self.memberships["Ann"][-1].is_active:
            owners.append("Ann")
        for owner in owners:
            await self.set_goal(owner, "DAY", (self.today, self.today), "4")
        goals = (await self.world.query(GOALS))["goals"]
        assert {goal["id"] for goal in goals} == self.goals.keys()
        for goal in goals:
            owner, period = self.goals[goal["id"]]
            progress, target = goal["progress"], int(goal["target"])
            value = 0 if goal["proRated"] else self.count_calls(owner, period)
            expected = self.expected_progress(owner, period, target, value)
            message = (owner, period, self.world.now, progress, expected)
            assert int(progress["value"]) == value, message
            if self.today <= period[1]:
                assert progress["pace"] == expected["pace"], message
                assert is_about(progress["expectedByNow"], expected["expected"]), message
                assert is_about(progress["projected"], expected["projected"]), message
                if goal["proRated"]:
                    assert target == self.pro_rated(owner, period), message
            else:
                assert progress["pace"] in ("ACHIEVED", "MISSED"), message
                assert is_about(progress["expectedByNow"], Fraction(target)), message
                assert progress["projected"] == progress["value"], message

    def pro_rated(self, owner: str, period: tuple[date, date]) -> int:
        whole = sum(self.count_quarters(period[0] + n * DAY) for n in range((period[1] - period[0]).days + 1))
        own_quarters = sum(map(self.count_quarters, self.days_of(owner, period)))
        return max(1, (2 * 420 * own_quarters + whole) // (2 * whole))


def is_about(text: str, expected: Fraction) -> bool:
    """Return whether a figure is the expected one, rounded to four places."""
    return abs(Fraction(Decimal(text)) - expected) <= Fraction(1, 20_000)


@for_all(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2**20)), max_size=40))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_pace_follows_the_own_working_time_after_any_changes(steps: list[tuple[str, int]]) -> None:
    async def run() -> None:
        async with open_world("sqlite://:memory:") as world:
            schedule = ReferenceSchedule(world, random.Random(0))
            await schedule.set_up()
            for step, seed in steps:
                schedule.random_source = random.Random(seed)
                await schedule.apply_step(step)
            await schedule.assert_goals_match()
            assert (await reconcile()).differences == []

    asyncio.run(run())


@each_seed(1, 3)
async def test_pace_follows_the_own_working_time_after_each_of_many_changes(usual_database_url: str, seed: int) -> None:
    async with open_world(usual_database_url) as world:
        schedule = ReferenceSchedule(world, random.Random(seed))
        await schedule.set_up()
        for _ in range(15):
            for _ in range(4):
                await schedule.apply_step(schedule.random_source.choice(STEPS))
            await schedule.assert_goals_match()
        assert (await reconcile()).differences == []
