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
from strawberry.dataloader import DataLoader

from domain.ledger.metrics import Score
from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import encoded
from graph.schema import make
from models import migrator
from models.crm.deals import Deal, StageVisit
from models.crm.pipelines import Stage
from models.db import connection
from models.ledger import scores
from models.organization import people
from models.organization.people import Employee, Team
from resolvers.organization import company
from resolvers.request.client_info import Caller
from resolvers.request.context import Context
from resolvers.request.services import Services
from resolvers.request.viewer import Viewer
from tests.world import Unthrottled

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
NEXT = {"kind": "MONTH", "offset": 1}
WHOLE = "query($p: PeriodInput) { forecast(period: $p) { expected low median high pipeline confidence } }"
ALL = """query($p: PeriodInput) { forecast(period: $p) { expected low median high pipeline deals { expected } }
  teams { members { name forecast(period: $p) { expected low median high } } } }"""
ACCURACY = "query($p: PeriodInput) { forecast(period: $p) { accuracy { periods wape } } }"

SAME = " ".join(f"a{n}: forecast(period: $p) {{ accuracy {{ periods wape }} }}" for n in range(20))
TWENTY = f"query($p: PeriodInput) {{ {SAME} }}"
ALL_ACCURACY = "query($p: PeriodInput) { teams { members { forecast(period: $p) { accuracy { periods wape } } } } }"


@dataclass
class Figure:
    name: str
    seconds: float
    most: float  # target in seconds
    loop: float  # longest callback of the event loop, in seconds
    piece: float  # longest job of the worker thread, in seconds

    def __str__(self) -> str:
        ratio, loop, piece = self.seconds / self.most, self.loop * 1000, self.piece * 1000
        return f"{self.name:<46}{self.seconds:8.3f} s{ratio:7.2f} of {self.most:<4g}{loop:8.1f} ms{piece:9.1f} ms"


@contextmanager
def watched() -> Iterator[list[float]]:
    """Yield a list of two, filled within the block: CPU seconds of the longest loop callback and of the longest job."""
    longest, turn, submit = [0.0, 0.0], asyncio.Handle._run, ThreadPoolExecutor.submit

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        turn(handle)
        longest[0] = max(longest[0], time.thread_time() - began)

    def submitted(pool: ThreadPoolExecutor, work: Callable[[], Any], /, *args: Any, **named: Any) -> Any:
        def piece() -> Any:
            began = time.thread_time()
            try:
                return work(*args, **named)
            finally:
                longest[1] = max(longest[1], time.thread_time() - began)

        return submit(pool, piece)

    asyncio.Handle._run = timed  # type: ignore[method-assign, assignment]
    ThreadPoolExecutor.submit = submitted  # type: ignore[method-assign, assignment]
    try:
        yield longest
    finally:
        asyncio.Handle._run = turn  # type: ignore[method-assign]
        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]


async def measured(name: str, most: float, work: Callable[[], Awaitable[Any]]) -> Figure:
    with watched() as longest:
        began = time.process_time()
        await work()
        return Figure(name, time.process_time() - began, most, *longest)


async def fill(sellers: int, closed: int, open_: int) -> None:
    """Write a company into the tables: two years of closed deals through three stages, and the open deals."""
    luck = random.Random(1)
    top = await Team.create(name="Sales", created_at=NOW)
    await Employee.bulk_create(
        [
            Employee(name=f"Seller {n:04}", needle=f"seller {n:04}", team_id=top.id, created_at=NOW)
            for n in range(sellers)
        ]
    )
    ids = await Employee.filter(team_id=top.id).values_list("id", flat=True)
    stages = await Stage.all().order_by("position").values_list("id", flat=True)
    deals: list[Deal] = []
    visits: list[StageVisit] = []
    totals: dict[tuple[int, date], int] = {}
    for number in range(closed + open_):
        is_open = number < open_
        ago = abs(luck.gauss(0, 60)) if is_open else luck.uniform(30, 730)
        begun = NOW - timedelta(days=ago + 0.5)
        ended = begun + timedelta(days=luck.lognormvariate(3, 0.7))
        won, owner = luck.random() < 0.6, int(luck.choice(ids))  # type: ignore[call-overload]
        state = DealStatus.OPEN if is_open or ended >= NOW else DealStatus.WON if won else DealStatus.LOST
        amount = int(luck.lognormvariate(12, 0.8))
        over = state is not DealStatus.OPEN
        deals.append(
            Deal(
                id=number + 1, title=f"Deal {number}", needle=f"deal {number}", owner_id=owner, stage_id=stages[-1],
                status=state, amount=amount, currency="EUR", created_at=begun, created_on=begun.date(),
                closed_at=ended if over else None, closed_on=ended.date() if over else None, opened_by=owner,
                opened_team=top.id, won_by=owner if state is DealStatus.WON else None, won_team=top.id,
                value=amount if state is DealStatus.WON else None, expected_close_on=ended.date(),
            )
        )  # fmt: skip
        for step, stage in enumerate(stages[: luck.randint(1, len(stages))]):
            entered = begun + timedelta(days=5 * step)
            visits.append(StageVisit(deal_id=number + 1, stage_id=stage, entered_at=entered, entered_on=entered.date()))
        if state is DealStatus.WON:
            key = (owner, ended.date())
            totals[key] = totals.get(key, 0) + amount
    await Deal.bulk_create(deals, batch_size=200)
    await StageVisit.bulk_create(visits, batch_size=1000)
    await scores.add_to_totals(
        Score("deals_won_amount", owner, top.id, day, amount) for (owner, day), amount in totals.items()
    )


async def run(sellers: int, closed: int, open_: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite://{Path(folder) / 'bench.db'}"
        await migrator.migrate(url)
        async with connection.connected(url):
            _, admin = await company.set_up(
                name="Bench", currency="EUR", zone="Europe/Berlin", country="DE", admin="Ada",
                email="ada@example.com", password="correct horse", now=NOW,
            )  # fmt: skip
            await fill(sellers, closed, open_)
            services, schema = Services("b" * 32, Unthrottled(), lambda: None), make()
            tree = await people.tree()

            async def ask(document: str, **variables: Any) -> Any:
                context = Context(
                    Caller(), services, lambda: NOW, lambda by_keys: DataLoader(load_fn=by_keys, cache=False),
                    Viewer.of_employee(admin, tree, 0, NOW, leads=False),
                )  # fmt: skip
                result = await schema.execute(document, variable_values=variables, context_value=context)
                if result.errors:
                    raise result.errors[0]
                return result.data

            async def win() -> None:
                deal = await Deal.filter(status=DealStatus.OPEN).order_by("-id").first()
                assert deal is not None
                document = "mutation($i: WinDealInput!) { winDeal(input: $i) { userErrors { message } } }"
                await ask(document, i={"id": encoded("Deal", deal.id)})

            await ask("{ company { name } }")
            gc.collect()
            gc.freeze()  # objects left by the filling must not slow down collections while measuring
            figures = [await measured("cold: the company", 3, lambda: ask(WHOLE, p=NEXT))]
            figures.append(await measured("again: the company", 0.2, lambda: ask(WHOLE, p=NEXT)))
            figures.append(await measured("first time all sellers, deals too", 3, lambda: ask(ALL, p=NEXT)))
            figures.append(await measured("warm: the company with all sellers", 0.2, lambda: ask(ALL, p=NEXT)))
            figures.append(await measured("a deal is won (the mutation alone)", 0.2, win))
            figures.append(await measured("after it: the company with all sellers", 0.2, lambda: ask(ALL, p=NEXT)))
            figures.append(
                await measured("another period: the quarter, all sellers", 3, lambda: ask(ALL, p={"kind": "QUARTER"}))
            )
            figures.append(await measured("cold: how the past year's forecasts did", 10, lambda: ask(ACCURACY, p=NEXT)))
            figures.append(await measured("warm: the same", 0.2, lambda: ask(ACCURACY, p=NEXT)))
            figures.append(await measured("twenty times in one document", 0.2, lambda: ask(TWENTY, p=NEXT)))
            figures.append(await measured("of all sellers", 3, lambda: ask(ALL_ACCURACY, p=NEXT)))
            return figures


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--sellers", default=150, show_default=True)
@click.option("--closed", default=38_000, show_default=True)
@click.option("--open", "open_", default=10_000, show_default=True)
def main(sellers: int, closed: int, open_: int) -> None:
    """Measure the forecast of a company of the given size: CPU seconds, and their ratio to the target."""
    click.echo(f"{'':<46}{'CPU':>8}  {'ratio':>7}{'':<8}{'loop kept':>11}{'piece':>12}")
    for figure in asyncio.run(run(sellers, closed, open_)):
        click.echo(str(figure))


if __name__ == "__main__":
    main()
