"""Benchmark of forecasts with many deals: `python -m benchmarks.forecast`.

Runs in this process, on SQLite, through the public schema. Reports CPU seconds of the whole process and, as CPU time
of their thread, the longest callback of the event loop and the longest job of the forecast's worker thread.
"""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from domain.ledger.metrics import Score
from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import encode_global_id
from graph.execution.operations import Operations
from graph.execution.query_limits import QueryLimits
from graph.schema import create_schema
from models import migrator
from models.crm.deals import Deal, StageEntry
from models.crm.pipelines import Stage
from models.db import connection
from models.ledger import posting
from models.organization import people
from models.organization.people import Employee, Team
from resolvers.organization import company
from resolvers.request.services import NullNotifier, Services
from resolvers.request.viewer import Viewer
from server.context_factory import ContextFactory, build_state
from tests.world import UnlimitedRateLimiter

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
CARD_ROUNDS = 5  # wins after which a card is asked for
MAX_PAST_WIN_RATIO = 2  # a card may cost so many times as much after a win dated back as after a win of today
NEXT_MONTH = {"kind": "MONTH", "offset": 1}
COMPANY_QUERY = "query($p: PeriodInput) { forecast(period: $p) { expected low median high pipeline confidence } }"
ALL_SELLERS_QUERY = """query($p: PeriodInput) { forecast(period: $p) { expected low median high pipeline deals { expected } }
  teams { members { name forecast(period: $p) { expected low median high } } } }"""
CARD_QUERY = "query($id: ID!) { employee(id: $id) { goals { progress { projected attainmentPercent } } } }"
ACCURACY_QUERY = "query($p: PeriodInput) { forecast(period: $p) { accuracy { periods wape } } }"

TWENTY_FIELDS = " ".join(f"a{n}: forecast(period: $p) {{ accuracy {{ periods wape }} }}" for n in range(20))
TWENTY_TIMES_QUERY = f"query($p: PeriodInput) {{ {TWENTY_FIELDS} }}"
ALL_ACCURACY_QUERY = (
    "query($p: PeriodInput) { teams { members { forecast(period: $p) { accuracy { periods wape } } } } }"
)


@dataclass
class Measurement:
    name: str
    seconds: float
    target_seconds: float  # target in seconds
    longest_callback_seconds: float  # longest callback of the event loop, in seconds
    longest_job_seconds: float  # longest job of the worker thread, in seconds

    def __str__(self) -> str:
        ratio, callback_ms, job_ms = (
            self.seconds / self.target_seconds,
            self.longest_callback_seconds * 1000,
            self.longest_job_seconds * 1000,
        )
        return f"{self.name:<46}{self.seconds:8.3f} s{ratio:7.2f} of {self.target_seconds:<4g}{callback_ms:8.1f} ms{job_ms:9.1f} ms"


@contextmanager
def track_longest() -> Iterator[list[float]]:
    """Yield a list of two, filled within the block: CPU seconds of the longest loop callback and of the longest job."""
    longest, run_handle, submit = [0.0, 0.0], asyncio.Handle._run, ThreadPoolExecutor.submit

    def run_timed(handle: asyncio.Handle) -> None:
        started = time.thread_time()
        run_handle(handle)
        longest[0] = max(longest[0], time.thread_time() - started)

    def submit_timed(pool: ThreadPoolExecutor, function: Callable[[], Any], /, *args: Any, **kwargs: Any) -> Any:
        def job() -> Any:
            started = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                longest[1] = max(longest[1], time.thread_time() - started)

        return submit(pool, job)

    asyncio.Handle._run = run_timed  # type: ignore[method-assign, assignment]
    ThreadPoolExecutor.submit = submit_timed  # type: ignore[method-assign, assignment]
    try:
        yield longest
    finally:
        asyncio.Handle._run = run_handle  # type: ignore[method-assign]
        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]


async def measure(name: str, target_seconds: float, action: Callable[[], Awaitable[Any]]) -> Measurement:
    with track_longest() as longest:
        started = time.process_time()
        await action()
        return Measurement(name, time.process_time() - started, target_seconds, *longest)


async def fill_company(sellers: int, closed: int, open_: int) -> None:
    """Write a company into the tables: two years of closed deals through three stages, and the open deals."""
    rng = random.Random(1)
    team = await Team.create(name="Sales", created_at=NOW)
    await Employee.bulk_create(
        [
            Employee(name=f"Seller {n:04}", search_key=f"seller {n:04}", team_id=team.id, created_at=NOW)
            for n in range(sellers)
        ]
    )
    ids = await Employee.filter(team_id=team.id).values_list("id", flat=True)
    stages = await Stage.all().order_by("position").values_list("id", flat=True)
    deals: list[Deal] = []
    visits: list[StageEntry] = []
    totals: dict[tuple[int, date], int] = {}
    for index in range(closed + open_):
        is_open = index < open_
        days_ago = abs(rng.gauss(0, 60)) if is_open else rng.uniform(30, 730)
        created_at = NOW - timedelta(days=days_ago + 0.5)
        closed_at = created_at + timedelta(days=rng.lognormvariate(3, 0.7))
        won, owner = rng.random() < 0.6, int(rng.choice(ids))  # type: ignore[call-overload]
        status = DealStatus.OPEN if is_open or closed_at >= NOW else DealStatus.WON if won else DealStatus.LOST
        amount = int(rng.lognormvariate(12, 0.8))
        is_closed = status is not DealStatus.OPEN
        deals.append(
            Deal(
                id=index + 1, title=f"Deal {index}", search_key=f"deal {index}", owner_id=owner, stage_id=stages[-1],
                status=status, amount=amount, currency="EUR", created_at=created_at, created_on=created_at.date(),
                closed_at=closed_at if is_closed else None, closed_on=closed_at.date() if is_closed else None, opened_by=owner,
                opened_team=team.id, won_by=owner if status is DealStatus.WON else None, won_team=team.id,
                value=amount if status is DealStatus.WON else None, expected_close_on=closed_at.date(),
            )
        )  # fmt: skip
        for step, stage in enumerate(stages[: rng.randint(1, len(stages))]):
            entered = created_at + timedelta(days=5 * step)
            visits.append(StageEntry(deal_id=index + 1, stage_id=stage, entered_at=entered, entered_on=entered.date()))
        if status is DealStatus.WON:
            key = (owner, closed_at.date())
            totals[key] = totals.get(key, 0) + amount
    await Deal.bulk_create(deals, batch_size=200)
    await StageEntry.bulk_create(visits, batch_size=1000)
    await posting.add_to_totals(
        [Score("deals_won_amount", owner, team.id, day, amount, NOW) for (owner, day), amount in totals.items()]
    )


async def run_benchmark(sellers: int, closed: int, open_: int) -> list[Measurement]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite://{Path(folder) / 'bench.db'}"
        await migrator.migrate(url)
        async with connection.connect(url):
            _, admin = await company.set_up(
                name="Bench", currency="EUR", zone="Europe/Berlin", country="DE", admin="Ada",
                email="ada@example.com", password="correct horse", now=NOW,
            )  # fmt: skip
            await fill_company(sellers, closed, open_)
            services = Services("b" * 32, UnlimitedRateLimiter(), NullNotifier(), build_state)
            context_factory, operations = (
                ContextFactory(services, lambda: NOW),
                Operations(create_schema(), QueryLimits()),
            )
            tree = await people.load_team_tree()

            async def execute(document: str, **variables: Any) -> Any:
                viewer = Viewer.for_employee(admin, tree, 0, NOW, has_direct_reports=False)
                context = context_factory.create_at(NOW, viewer)
                operation = operations.parse_operation(document, None, variables)
                result = await operations.execute_in(context, operation)
                if result.errors:
                    raise result.errors[0]
                return result.data

            async def win(days_ago: int = 0) -> None:
                at = NOW - timedelta(days=days_ago)
                deal = await Deal.filter(status=DealStatus.OPEN, created_at__lt=at).order_by("-id").first()
                assert deal is not None
                document = "mutation($i: WinDealInput!) { winDeal(input: $i) { userErrors { message } } }"
                await execute(document, i={"id": encode_global_id("Deal", deal.id), "at": at.isoformat()})

            async def set_goals(employee: str) -> None:
                document = "mutation($i: SetGoalInput!) { setGoal(input: $i) { userErrors { message } } }"
                for metric in ("deals_won", "deals_won_amount"):
                    for kind in ("MONTH", "QUARTER"):
                        goal = {"owner": employee, "metric": metric, "target": "1000000", "period": {"kind": kind}}
                        await execute(document, i=goal)

            async def measure_card_after_win(name: str, target_seconds: float, days_ago: int) -> Measurement:
                """Return the median of the CPU time of a seller's projected goals, each time after another win."""
                measurements = []
                for _ in range(CARD_ROUNDS):
                    await win(days_ago)
                    measurements.append(await measure(name, target_seconds, lambda: execute(CARD_QUERY, id=seller)))
                return sorted(measurements, key=lambda measurement: measurement.seconds)[CARD_ROUNDS // 2]

            await execute("{ company { name } }")
            gc.collect()
            gc.freeze()  # objects left by the filling must not slow down collections while measuring
            figures = [await measure("cold: the company", 3, lambda: execute(COMPANY_QUERY, p=NEXT_MONTH))]
            figures.append(await measure("again: the company", 0.2, lambda: execute(COMPANY_QUERY, p=NEXT_MONTH)))
            figures.append(
                await measure("first time all sellers, deals too", 3, lambda: execute(ALL_SELLERS_QUERY, p=NEXT_MONTH))
            )
            figures.append(
                await measure(
                    "warm: the company with all sellers", 0.2, lambda: execute(ALL_SELLERS_QUERY, p=NEXT_MONTH)
                )
            )
            figures.append(await measure("a deal is won (the mutation alone)", 0.2, win))
            figures.append(
                await measure(
                    "after it: the company with all sellers", 0.2, lambda: execute(ALL_SELLERS_QUERY, p=NEXT_MONTH)
                )
            )
            seller = encode_global_id("Employee", (await Employee.filter(name="Seller 0000").get()).id)
            await set_goals(seller)
            await execute(CARD_QUERY, id=seller)
            figures.append(await measure_card_after_win("after a win of today: a card with projections", 0.05, 0))
            figures.append(
                await measure_card_after_win(
                    "after a win of 40 days ago: the same card", round(MAX_PAST_WIN_RATIO * figures[-1].seconds, 3), 40
                )
            )
            figures.append(
                await measure(
                    "another period: the quarter, all sellers",
                    3,
                    lambda: execute(ALL_SELLERS_QUERY, p={"kind": "QUARTER"}),
                )
            )
            figures.append(
                await measure(
                    "cold: how the past year's forecasts did", 10, lambda: execute(ACCURACY_QUERY, p=NEXT_MONTH)
                )
            )
            figures.append(await measure("warm: the same", 0.2, lambda: execute(ACCURACY_QUERY, p=NEXT_MONTH)))
            figures.append(
                await measure("twenty times in one document", 0.2, lambda: execute(TWENTY_TIMES_QUERY, p=NEXT_MONTH))
            )
            figures.append(await measure("of all sellers", 3, lambda: execute(ALL_ACCURACY_QUERY, p=NEXT_MONTH)))
            return figures


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--sellers", default=150, show_default=True)
@click.option("--closed", default=38_000, show_default=True)
@click.option("--open", "open_", default=10_000, show_default=True)
def main(sellers: int, closed: int, open_: int) -> None:
    """Measure the forecast of a company of the given size: CPU seconds, and their ratio to the target."""
    click.echo(f"{'':<46}{'CPU':>8}  {'ratio':>7}{'':<8}{'loop kept':>11}{'piece':>12}")
    for figure in asyncio.run(run_benchmark(sellers, closed, open_)):
        click.echo(str(figure))


if __name__ == "__main__":
    main()
