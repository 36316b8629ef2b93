"""What-if scenarios: the forecast as if some deals were won and others lost; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from domain.errors.operation_errors import BadInput
from domain.errors.user_errors import Refusal
from domain.ledger.record_facts import DealStatus
from domain.primitives.money import convert
from domain.primitives.periods import Period
from models.crm.deals import Deal
from models.forecasting.deal_columns import STATES
from models.forecasting.deal_tables import Basis
from models.organization.people import Employee
from resolvers.forecasting.forecast_engine import Known, forecaster, past_of
from resolvers.request.context import Context
from resolvers.request.id_resolution import References


@dataclass(frozen=True)
class Supposed:
    """The snapshot with the scenario's deals closed today, and the change of the booked amounts.

    booked  amount added within the period (negative if less), by employee id and team id
    """

    known: Known
    booked: Mapping[tuple[int, int], int]


async def supposed(
    context: Context, known: Known, win: Sequence[str], lose: Sequence[str], period: Period, basis: Basis
) -> Supposed:
    """Apply the scenario in which the deals `win` are won within the period and the deals `lose` are lost.

    Raises BadInput for a deal that the viewer cannot see and for one that is in both lists.
    """
    if not win and not lose:
        return Supposed(known, {})
    refs = References(context)
    await refs.want("Deal", [*win, *lose])
    won, lost = _meant(refs, win, "whatIf.win"), _meant(refs, lose, "whatIf.lose")
    if both := won.keys() & lost.keys():
        raise BadInput(f"A deal cannot be won and lost: {won[min(both)].title}.", field="whatIf")
    booked: dict[tuple[int, int], int] = {}
    closing: dict[int, DealStatus] = {}
    for deal in won.values():
        if deal.status is not DealStatus.WON:
            owner: Employee = refs.row("Employee", deal.owner_id)
            key = (owner.id, owner.team_id or 0)
            booked[key] = booked.get(key, 0) + await _worth(context, known, deal, basis)
            closing[deal.id] = DealStatus.WON
    for deal in lost.values():
        if deal.status is not DealStatus.LOST:
            closing[deal.id] = DealStatus.LOST
        counted = deal.status is DealStatus.WON and deal.closed_on is not None and period.contains(deal.closed_on)
        key = (deal.won_by or 0, deal.won_team or 0)
        booked[key] = booked.get(key, 0) - ((_booked(deal, basis) or 0) if counted else 0)
    return Supposed(_closed(known, closing), booked)


def _meant(refs: References, ids: Sequence[str], field_: str) -> dict[int, Deal]:
    try:
        found = [refs.record("Deal", id_) for id_ in ids]
    except Refusal as refusal:
        raise BadInput("There is no such deal: give the ids of deals that you can see.", field=field_) from refusal
    return {deal.id: deal for deal in found}


def _closed(known: Known, closing: Mapping[int, DealStatus]) -> Known:
    """Return the snapshot with these deals closed today.

    It has a version of its own. The past version changes too if a deal had been closed before today, since the past
    then no longer has that closing.
    """
    ids = sorted(closing)
    at = known.book.places(ids)
    state, closed = known.book.state.copy(), known.book.closed.copy()
    state[at], closed[at] = [STATES[closing[id_]] for id_ in ids], known.today
    winner = known.book.winner.copy()
    winner[at] = np.where(state[at] == STATES[DealStatus.WON], known.book.owner[at], 0)
    book = replace(known.book, state=state, closed=closed, winner=winner)
    yesterday, what = known.today - 1, tuple(sorted(closing.items()))
    same = past_of(known.book, known.stays, ids, yesterday) == past_of(book, known.stays, ids, yesterday)
    return replace(known, present=(known.present, what), past=known.past if same else (known.past, what), book=book)


def _booked(deal: Deal, basis: Basis) -> int | None:
    return deal.value if basis is Basis.REVENUE else deal.profit


async def _worth(context: Context, known: Known, deal: Deal, basis: Basis) -> int:
    """Return the amount that winning the deal today would book; without a stated amount, the expected one."""
    rates, today, own = await context.rates(), await context.today(), (await context.company()).currency

    def converted(minor: int, currency: str) -> int:
        rate = rates.on(currency, today)
        if rate is None:
            raise BadInput(f"There is no exchange rate for {currency}.", field="whatIf.win")
        return convert(minor, currency, own, rate)

    if deal.amount is None or deal.currency is None:
        return await _guess(context, known, deal, basis)
    value = converted(deal.amount, deal.currency)
    if basis is Basis.REVENUE:
        return value
    if deal.cost is None or deal.cost_currency is None:
        return 0  # a deal of unknown cost has no part in profit
    return value - converted(deal.cost, deal.cost_currency)


async def _guess(context: Context, known: Known, deal: Deal, basis: Basis) -> int:
    outlook = await forecaster(context).outlook(known, basis, known.today, known.today)
    found = outlook.amounts[outlook.keys == deal.id]
    return round(float(found[0])) if len(found) else 0
