"""Reconciliation: compares the totals with the ledger and the ledger with the records, and can rebuild the totals.

Every displayed number is a sum of daily totals of employees or teams; these must equal the sums of the
ledger, and the ledger must equal the scores of the present records. Both are calculated again with the
rules that posted them, and each difference is reported. Concurrent writes cause no differences, since
everything is read in one snapshot.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from tortoise.models import Model

from domain.ledger.metrics import Score, all_postings
from domain.ledger.record_facts import DealFacts, Facts, SaleKind
from domain.primitives.money import convert
from domain.primitives.units import Unit, shown
from models.analytics.worktime import WorkDay
from models.crm import custom_metrics
from models.crm.deals import Deal
from models.db import connection
from models.goals.goals import COMPANY
from models.ledger import reconciliation, scores
from models.ledger.reconciliation import Posted, Stand, TeamStand, Wrong
from models.live import change_log
from models.organization.company import the_company
from models.organization.people import Employee, Team
from resolvers.request.id_resolution import RECORDS

_COUNTED: Final[dict[str, type[Model]]] = {**RECORDS, "WorkDay": WorkDay}
_Key = tuple[str, int | None, int, date | None]  # metric, employee, team, day; None: all together


class Where(StrEnum):
    TOTAL = "in daily totals"
    TEAM = "in team totals"
    LEDGER = "in the ledger"
    RECORD = "in records"


@dataclass(frozen=True)
class Difference:
    """A stored number that differs from the expected one.

    location  a daily total of an employee or of a team that is not the sum of the ledger, ledger entries that
              are not the score of their record, or a record whose own value does not follow from its amounts
    employee  None for the total of a whole team
    team      None for no team
    record    kind and id of the record; None for a total
    day       None if a late posting allows only a comparison over all days together
    actual, expected  in the metric's unit
    repaired  whether it has been corrected in this run
    """

    where: Where
    employee: str | None
    team: str | None
    metric: str
    day: date | None
    stands: Decimal
    due: Decimal
    record: str | None = None
    repaired: bool = False

    def __str__(self) -> str:
        place = {
            Where.TOTAL: "Daily total",
            Where.TEAM: "Team total",
            Where.LEDGER: f"Ledger of {self.record}",
            Where.RECORD: f"{self.record} itself",
        }[self.where]
        if self.employee is None:
            whose = self.team or "those in no team"
        else:
            whose = f"{self.employee} ({self.team})" if self.team else self.employee
        what = f"{place}: {whose}, {self.metric}, {self.day or 'all days together'}"
        return f"{what}: stands at {self.stands}, should be {self.due}" + (" (repaired)." if self.repaired else ".")


@dataclass(frozen=True)
class Findings:
    differences: Sequence[Difference]
    records: int
    postings: int

    @property
    def summary(self) -> str:
        """A sentence that says what was compared and whether everything agrees."""
        postings, records = _many(self.postings, "posting"), _many(self.records, "record")
        compared = f"Compared the daily totals with {postings}, and these with {records}"
        if not self.differences:
            return f"{compared}: all agree."
        by_place = Counter(difference.where for difference in self.differences)
        places = ", ".join(f"{by_place[place]:,} {place}" for place in Where if by_place[place])
        repaired = sum(difference.repaired for difference in self.differences)
        end = f", {repaired} repaired" if repaired else ""
        return f"{compared}: {_many(len(self.differences), 'difference')} ({places}){end}."


async def reconcile(*, repair: Callable[[], datetime] | None = None) -> Findings:
    """Compare the daily totals with the ledger and the ledger with the records.

    repair_clock  if given, totals that differ are rewritten and all clients notified, with the times of this clock;
                  ledger and records are never changed
    """
    company = await the_company()
    if company is None:
        return Findings([], 0, 0)
    run = _Run(await _Names.read(company.currency))
    if repair:
        await run.rebuild_totals(repair)
    async with reconciliation.snapshot():
        await run.compare_totals()
        for kind in sorted({*_COUNTED, *await reconciliation.sources()}):
            await run.compare_ledger(kind)
        await run.compare_grades()
    return Findings(run.differences, run.records, run.postings)


class _Names:
    """Builds differences with names in place of ids and amounts in the metric's unit."""

    def __init__(self, employees: dict[int, str], teams: dict[int, str], units: dict[str, Unit], currency: str) -> None:
        self.employees, self.teams, self.units, self.currency = employees, teams, units, currency

    @classmethod
    async def read(cls, currency: str) -> _Names:
        employees, teams = [dict(await model.all().values_list("id", "name")) for model in (Employee, Team)]
        units = {key: metric.unit for key, metric in (await custom_metrics.catalogue()).items()}
        return cls(employees, {**teams, COMPANY: "the company"}, units, currency)

    def difference(self, where: Where, key: _Key, stands: int, due: int, record: str | None = None) -> Difference:
        metric, employee, team, day = key
        unit = self.units.get(metric, Unit.COUNT)
        return Difference(
            where,
            None if employee is None else self.employees.get(employee, f"employee {employee}"),
            self.teams.get(team, f"team {team}") if team else None,
            metric,
            day,
            shown(stands, unit, self.currency),
            shown(due, unit, self.currency),
            record,
        )


class _Run:
    """One run: the differences found and the numbers of records and postings compared so far."""

    def __init__(self, names: _Names) -> None:
        self.names = names
        self.differences: list[Difference] = []
        self.records = self.postings = 0

    async def rebuild_totals(self, clock: Callable[[], datetime]) -> None:
        """Correct the totals that differ from the ledger, one metric per transaction to keep the write lock short."""
        for metric in await reconciliation.metrics():
            async with connection.writing():
                wrong = await reconciliation.wrong_totals(metric)
                of_teams = await reconciliation.wrong_team_totals(metric)
                if wrong or of_teams:
                    await scores.correct_totals(
                        {(metric, one.employee, one.team, one.day): due - one.amount for one, due in wrong},
                        {(metric, one.team, one.day): due - one.amount for one, due in of_teams},
                    )
                    await change_log.note({"*"}, clock())  # all caches and live streams read again
            self.differences += [replace(found, repaired=True) for found in self._wrong_totals(wrong, of_teams)]

    async def compare_totals(self) -> None:
        for metric in await reconciliation.metrics():
            wrong = await reconciliation.wrong_totals(metric)
            self.differences += self._wrong_totals(wrong, await reconciliation.wrong_team_totals(metric))

    def _wrong_totals(self, wrong: Wrong[Stand], of_teams: Wrong[TeamStand]) -> Iterator[Difference]:
        for one, due in wrong:
            key = (one.metric, one.employee, one.team, one.day)
            yield self.names.difference(Where.TOTAL, key, one.amount, due)
        for each, due in of_teams:
            yield self.names.difference(Where.TEAM, (each.metric, None, each.team, each.day), each.amount, due)

    async def compare_ledger(self, kind: str) -> None:
        """Compare the postings of all records of a kind, including those that no longer exist, with their scores."""
        model = _COUNTED.get(kind)
        async for first, last in reconciliation.windows(kind, model):
            rows: list[Any] = await model.filter(id__gte=first, id__lte=last).order_by("id") if model else []
            posted: dict[int, list[Posted]] = defaultdict(list)
            for part in await reconciliation.posted(kind, first, last):
                posted[part.source].append(part)
                self.postings += part.entries
            facts = {row.id: row.facts() for row in rows}
            for number in sorted(facts.keys() | posted.keys()):
                for key, stands, due in ledger_differences(facts.get(number), posted[number]):
                    record = f"{kind} {number}"
                    self.differences.append(self.names.difference(Where.LEDGER, key, stands, due, record))
            self.records += len(rows)
            self.differences += [wrong for row in rows if isinstance(row, Deal) for wrong in self._wrong_worth(row)]

    def _wrong_worth(self, deal: Deal) -> Iterator[Difference]:
        """Yield differences of a win's value and profit from its amounts converted at the frozen rates."""
        facts = deal.facts()
        if facts is None or facts.won is None or deal.amount is None or deal.currency is None or deal.rate is None:
            return
        own = self.names.currency
        value = convert(deal.amount, deal.currency, own, deal.rate)
        profit = None
        if deal.cost is not None and deal.cost_currency is not None and deal.cost_rate is not None:
            profit = value - convert(deal.cost, deal.cost_currency, own, deal.cost_rate)
        for metric, stands, due in (
            ("deals_won_amount", deal.value, value),
            ("deals_won_profit", deal.profit, profit),
        ):
            if stands != due:
                yield self._wrong_win(facts, metric, stands or 0, due or 0)

    async def compare_grades(self) -> None:
        """Find wins that count as a first sale but are a repeat sale, or vice versa."""
        for facts, due in await reconciliation.wrongly_graded():
            metric = "first_deals_won" if due is SaleKind.FIRST else "repeat_deals_won"
            self.differences.append(self._wrong_win(facts, metric, 0, 1))

    def _wrong_win(self, deal: DealFacts, metric: str, stands: int, due: int) -> Difference:
        credit = deal.won or deal.opened
        key = (metric, *credit, deal.closed_on)
        return self.names.difference(Where.RECORD, key, stands, due, f"Deal {deal.id}")


def ledger_differences(facts: Facts | None, posted: Sequence[Posted]) -> Iterator[tuple[_Key, int, int]]:
    """Yield key, actual and expected amount wherever a record's postings differ from its score.

    facts  of the present record; None if it is deleted or does not exist, so that nothing is expected

    If a posting of a metric is late, the metric is compared over all days together.
    """
    late = {part.metric for part in posted if part.late}
    due: Counter[_Key] = Counter()
    for score in all_postings(None, facts):
        due[_key(score, late)] += score.amount
    stands: Counter[_Key] = Counter()
    for part in posted:
        stands[_key(part, late)] += part.amount
    for key in sorted(due.keys() | stands.keys(), key=str):
        if stands[key] != due[key]:
            yield key, stands[key], due[key]


def _key(score: Score | Posted, late: Collection[str]) -> _Key:
    return score.metric, score.employee, score.team, None if score.metric in late else score.day


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
