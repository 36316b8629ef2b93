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

from domain.ledger.metrics import METRICS, Score, compute_all_postings
from domain.ledger.record_facts import DealFacts, RecordFacts, SaleKind
from domain.ledger.refunds import split_by_refunds
from domain.primitives.money import convert
from domain.primitives.units import Unit, from_smallest
from models.analytics.worktime import WorkDay
from models.crm import custom_metrics, refunds
from models.crm.deals import Deal
from models.crm.refunds import Refund
from models.db import connection, row_store
from models.db.row_store import TableRow
from models.ledger import posting, reconciliation
from models.ledger.reconciliation import Mismatches, PostedSum, StoredSum, StoredTeamSum
from models.live import change_log
from models.organization import people
from models.organization.company import find_company
from models.organization.scopes import COMPANY_TEAM_ID
from resolvers.request.id_resolution import RECORD_MODELS

SOURCE_MODELS: Final[dict[str, type[TableRow]]] = {**RECORD_MODELS, "Refund": Refund, "WorkDay": WorkDay}
_SumKey = tuple[str, int | None, int, date | None]  # metric, employee, team, day; None: all together
_LedgerKey = tuple[str, int, int, date | None]  # the same of one employee


class DifferenceLocation(StrEnum):
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

    location: DifferenceLocation
    employee: str | None
    team: str | None
    metric: str
    day: date | None
    actual: Decimal
    expected: Decimal
    record: str | None = None
    repaired: bool = False

    def __str__(self) -> str:
        subject = {
            DifferenceLocation.TOTAL: "Daily total",
            DifferenceLocation.TEAM: "Team total",
            DifferenceLocation.LEDGER: f"Ledger of {self.record}",
            DifferenceLocation.RECORD: f"{self.record} itself",
        }[self.location]
        if self.employee is None:
            owner = self.team or "those in no team"
        else:
            owner = f"{self.employee} ({self.team})" if self.team else self.employee
        description = f"{subject}: {owner}, {self.metric}, {self.day or 'all days together'}"
        return f"{description}: stands at {self.actual}, should be {self.expected}" + (
            " (repaired)." if self.repaired else "."
        )


@dataclass(frozen=True)
class Findings:
    """The result of a reconciliation.

    uncounted_metrics  metrics of which nothing is posted for some records that they count
    """

    differences: Sequence[Difference]
    records: int
    postings: int
    uncounted_metrics: Collection[str] = ()

    @property
    def summary(self) -> str:
        """A sentence that says what was compared and whether everything agrees."""
        postings, records = pluralize(self.postings, "posting"), pluralize(self.records, "record")
        compared = f"Compared the daily totals with {postings}, and these with {records}"
        if not self.differences:
            return f"{compared}: all agree."
        by_location = Counter(difference.location for difference in self.differences)
        places = ", ".join(
            f"{by_location[location]:,} {location}" for location in DifferenceLocation if by_location[location]
        )
        repaired = sum(difference.repaired for difference in self.differences)
        end = f", {repaired} repaired" if repaired else ""
        commands = ", ".join(f"`./run reconcile --backfill {metric}`" for metric in sorted(self.uncounted_metrics))
        hint = f" Records older than their metric are counted by {commands}." if commands else ""
        return f"{compared}: {pluralize(len(self.differences), 'difference')} ({places}){end}.{hint}"


async def reconcile(*, repair_clock: Callable[[], datetime] | None = None) -> Findings:
    """Compare the daily totals with the ledger and the ledger with the records.

    repair_clock  if given, totals that differ are rewritten and all clients notified, with the times of this clock;
                  ledger and records are never changed
    """
    company = await find_company()
    if company is None:
        return Findings([], 0, 0)
    run = _Reconciliation(await _DifferenceBuilder.load(company.currency))
    if repair_clock:
        await run.rebuild_totals(repair_clock)
    async with reconciliation.snapshot():
        await run.compare_totals()
        for kind in sorted({*SOURCE_MODELS, *await reconciliation.source_kinds()}):
            await run.compare_ledger(kind)
        await run.compare_sale_kinds()
        await run.compare_refunds()
    return Findings(run.differences, run.records, run.postings, run.uncounted_metrics)


class _DifferenceBuilder:
    """Builds differences with names in place of ids and amounts in the metric's unit."""

    def __init__(self, employees: dict[int, str], teams: dict[int, str], units: dict[str, Unit], currency: str) -> None:
        self.employees, self.teams, self.units, self.currency = employees, teams, units, currency

    @classmethod
    async def load(cls, currency: str) -> _DifferenceBuilder:
        employees, teams = await people.load_names()
        units = {key: metric.unit for key, metric in (await custom_metrics.fetch_metrics()).items()}
        return cls(employees, {**teams, COMPANY_TEAM_ID: "the company"}, units, currency)

    def build(
        self, location: DifferenceLocation, key: _SumKey, actual: int, expected: int, record: str | None = None
    ) -> Difference:
        metric, employee, team, day = key
        unit = self.units.get(metric, Unit.COUNT)
        return Difference(
            location,
            None if employee is None else self.employees.get(employee, f"employee {employee}"),
            self.teams.get(team, f"team {team}") if team else None,
            metric,
            day,
            from_smallest(actual, unit, self.currency),
            from_smallest(expected, unit, self.currency),
            record,
        )


class _Reconciliation:
    """One run: the differences found and the numbers of records and postings compared so far."""

    def __init__(self, builder: _DifferenceBuilder) -> None:
        self.builder = builder
        self.differences: list[Difference] = []
        self.records = self.postings = 0
        self.uncounted_metrics: set[str] = set()

    async def rebuild_totals(self, clock: Callable[[], datetime]) -> None:
        """Correct the totals that differ from the ledger, one metric per transaction to keep the write lock short."""
        for metric in await reconciliation.metric_keys():
            async with connection.write_transaction(is_batch=True):
                mismatches = await reconciliation.mismatched_totals(metric)
                team_mismatches = await reconciliation.mismatched_team_totals(metric)
                if mismatches or team_mismatches:
                    await posting.adjust_totals(
                        {
                            (metric, total.employee_id, total.team_id, total.day): expected - total.amount
                            for total, expected in mismatches
                        },
                        {
                            (metric, total.team_id, total.day): expected - total.amount
                            for total, expected in team_mismatches
                        },
                    )
                    await change_log.append({"*"}, clock())  # all caches and live streams read again
            self.differences += [
                replace(difference, repaired=True)
                for difference in self._total_differences(mismatches, team_mismatches)
            ]

    async def compare_totals(self) -> None:
        for metric in await reconciliation.metric_keys():
            mismatches = await reconciliation.mismatched_totals(metric)
            self.differences += self._total_differences(mismatches, await reconciliation.mismatched_team_totals(metric))

    def _total_differences(
        self, mismatches: Mismatches[StoredSum], team_mismatches: Mismatches[StoredTeamSum]
    ) -> Iterator[Difference]:
        for total, expected in mismatches:
            key = (total.metric, total.employee_id, total.team_id, total.day)
            yield self.builder.build(DifferenceLocation.TOTAL, key, total.amount, expected)
        for team_total, expected in team_mismatches:
            yield self.builder.build(
                DifferenceLocation.TEAM,
                (team_total.metric, None, team_total.team_id, team_total.day),
                team_total.amount,
                expected,
            )

    async def compare_ledger(self, source_kind: str) -> None:
        """Compare the postings of all records of a kind, including those that no longer exist, with their scores."""
        model = SOURCE_MODELS.get(source_kind)
        async for first_id, last_id in reconciliation.id_windows(source_kind, model):
            rows: list[Any] = await row_store.fetch_range(model, first_id, last_id) if model else []
            sums_by_source: dict[int, list[PostedSum]] = defaultdict(list)
            for posted_sum in await reconciliation.posted_sums(source_kind, first_id, last_id):
                sums_by_source[posted_sum.source_id].append(posted_sum)
                self.postings += posted_sum.entries
            facts = {row.id: row.facts() for row in rows}
            for source_id in sorted(facts.keys() | sums_by_source.keys()):
                posted_metrics = {posted_sum.metric for posted_sum in sums_by_source[source_id]}
                for key, actual, expected in ledger_differences(facts.get(source_id), sums_by_source[source_id]):
                    record = f"{source_kind} {source_id}"
                    self.uncounted_metrics.update({key[0]} & METRICS.keys() - posted_metrics)
                    self.differences.append(
                        self.builder.build(DifferenceLocation.LEDGER, key, actual, expected, record)
                    )
            self.records += len(rows)
            self.differences += [
                difference for row in rows if isinstance(row, Deal) for difference in self._value_differences(row)
            ]

    def _value_differences(self, deal: Deal) -> Iterator[Difference]:
        """Yield differences of a win's value and profit from its amounts converted at the frozen rates."""
        facts = deal.facts()
        if (
            facts is None
            or facts.win_credit is None
            or deal.amount is None
            or deal.currency is None
            or deal.rate is None
        ):
            return
        company_currency = self.builder.currency
        value = convert(deal.amount, deal.currency, company_currency, deal.rate)
        profit = None
        if deal.cost is not None and deal.cost_currency is not None and deal.cost_rate is not None:
            profit = value - convert(deal.cost, deal.cost_currency, company_currency, deal.cost_rate)
        for metric, actual, expected in (
            ("deals_won_amount", deal.value, value),
            ("deals_won_profit", deal.profit, profit),
        ):
            if actual != expected:
                yield self._win_difference(facts, metric, actual or 0, expected or 0)

    async def compare_sale_kinds(self) -> None:
        """Find wins that count as a first sale but are a repeat sale, or vice versa."""
        for facts, expected in await reconciliation.wins_with_wrong_sale_kind():
            metric = "first_deals_won" if expected is SaleKind.FIRST else "repeat_deals_won"
            self.differences.append(self._win_difference(facts, metric, 0, 1))

    async def compare_refunds(self) -> None:
        """Find deals whose refunds do not add up to what the deal says, or to the shares of its value and profit."""
        async for first_id, last_id in reconciliation.id_windows("Refund", Refund):
            rows: list[Refund] = await row_store.fetch_range(Refund, first_id, last_id)
            deals = {deal.id: deal for deal in await row_store.fetch(Deal, {row.deal_id for row in rows})}
            refunds_by_deal: dict[int, list[Refund]] = defaultdict(list)
            for row in await refunds.fetch_of_deals(deals.keys()):
                refunds_by_deal[row.deal_id].append(row)
            for deal_id, deal in deals.items():
                self.differences += self._refund_differences(deal, refunds_by_deal[deal_id])

    def _refund_differences(self, deal: Deal, rows: Sequence[Refund]) -> Iterator[Difference]:
        facts, given_back = deal.facts(), sum(row.amount for row in rows)
        if facts is None or facts.win_credit is None or not deal.amount:
            if rows:
                opening_key = ("deals_won_amount", deal.opened_by, deal.opened_team, None)
                yield self.builder.build(DifferenceLocation.RECORD, opening_key, given_back, 0, f"Deal {deal.id}")
            return
        if (deal.refunded or 0) != given_back:
            yield self._win_difference(facts, "deals_won_amount", deal.refunded or 0, given_back)
        amounts = [row.amount for row in rows]
        values = split_by_refunds(deal.value or 0, deal.amount, amounts)
        profits = None if deal.profit is None else split_by_refunds(deal.profit, deal.amount, amounts)
        for index, row in enumerate(rows):
            profit = None if profits is None else profits[index]
            for metric, actual, expected in (
                ("deals_won_amount", row.value, values[index]),
                ("deals_won_profit", row.profit, profit),
            ):
                if actual != expected:
                    key = (metric, row.credit_by, row.credit_team, row.refunded_on)
                    yield self.builder.build(
                        DifferenceLocation.RECORD, key, -(actual or 0), -(expected or 0), f"Refund {row.id}"
                    )

    def _win_difference(self, deal: DealFacts, metric: str, actual: int, expected: int) -> Difference:
        credit = deal.win_credit or deal.creation_credit
        key = (metric, *credit, deal.closed.day if deal.closed else None)
        return self.builder.build(DifferenceLocation.RECORD, key, actual, expected, f"Deal {deal.id}")


def ledger_differences(
    facts: RecordFacts | None, posted_sums: Sequence[PostedSum]
) -> Iterator[tuple[_LedgerKey, int, int]]:
    """Yield key, actual and expected amount wherever a record's postings differ from its score.

    facts  of the present record; None if it is deleted or does not exist, so that nothing is expected

    A metric with a late posting is compared in total, not by day: its postings carry other days than the record.
    """
    late_metrics = {posted_sum.metric for posted_sum in posted_sums if posted_sum.late}
    expected: Counter[_LedgerKey] = Counter()
    for score in compute_all_postings(None, facts):
        expected[_sum_key(score, late_metrics)] += score.amount
    actual: Counter[_LedgerKey] = Counter()
    for posted_sum in posted_sums:
        actual[_sum_key(posted_sum, late_metrics)] += posted_sum.amount
    for key in sorted(expected.keys() | actual.keys(), key=str):
        if actual[key] != expected[key]:
            yield key, actual[key], expected[key]


def _sum_key(score: Score | PostedSum, late_metrics: Collection[str]) -> _LedgerKey:
    return score.metric, score.employee_id, score.team_id, None if score.metric in late_metrics else score.day


def pluralize(count: int, noun: str) -> str:
    """Return the number with its English noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
