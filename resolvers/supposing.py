"""What would be if some deals were won and others lost: the same deals, differently closed; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from domain.failures import BadInput
from domain.money import convert
from domain.periods import Period
from domain.records import DealStatus
from domain.refusals import Refusal
from models.deal_tables import Basis
from models.deals import Deal
from resolvers.context import Context
from resolvers.outlooks import Known, forecaster
from resolvers.references import References


@dataclass(frozen=True)
class Supposed:
    """What a supposition changes.

    booked  what is won more (or, below zero, less) within the period, by employee and team
    closed  deals that are not to be counted as open
    """

    booked: Mapping[tuple[int, int], int] = field(default_factory=dict)
    closed: frozenset[int] = frozenset()


async def supposed(
    context: Context, known: Known, win: Sequence[str], lose: Sequence[str], period: Period, basis: Basis
) -> Supposed:
    """Return what follows from taking deals as won within the period, and others as lost.

    Raises BadInput for a deal that is not in sight, and for one that is to be both.
    """
    if not win and not lose:
        return Supposed()
    refs = References(context)
    await refs.want("Deal", [*win, *lose])
    won, lost = _meant(refs, win, "whatIf.win"), _meant(refs, lose, "whatIf.lose")
    if both := won.keys() & lost.keys():
        raise BadInput(f"A deal cannot be won and lost: {won[min(both)].title}.", field="whatIf")
    booked: dict[tuple[int, int], int] = {}

    def add(employee: int, team: int, amount: int) -> None:
        booked[employee, team] = booked.get((employee, team), 0) + amount

    for deal in won.values():
        if deal.status is not DealStatus.WON:
            owner = refs.row("Employee", deal.owner_id)
            add(owner.id, owner.team_id or 0, await _worth(context, known, deal, basis))
    for deal in lost.values():
        counted = deal.status is DealStatus.WON and deal.closed_on is not None and period.contains(deal.closed_on)
        worth = deal.value if basis is Basis.REVENUE else deal.profit
        if counted and worth is not None:
            add(deal.won_by or 0, deal.won_team or 0, -worth)
    return Supposed(booked, frozenset(won) | frozenset(lost))


def _meant(refs: References, ids: Sequence[str], field_: str) -> dict[int, Deal]:
    try:
        found = [refs.record("Deal", id_) for id_ in ids]
    except Refusal as refusal:
        raise BadInput("There is no such deal: give the ids of deals that you can see.", field=field_) from refusal
    return {deal.id: deal for deal in found}


async def _worth(context: Context, known: Known, deal: Deal, basis: Basis) -> int:
    """Return what winning the deal today would book; of one without an amount, what is to be expected of it."""
    rates, today, own = await context.rates(), await context.today(), (await context.company()).currency

    def converted(minor: int, currency: str) -> int:
        return convert(minor, currency, own, rates.on(currency, today) or rates.on(own, today))  # type: ignore[arg-type]

    if deal.amount is None or deal.currency is None:
        return await _guess(context, known, deal, basis)
    value = converted(deal.amount, deal.currency)
    if basis is Basis.REVENUE:
        return value
    if deal.cost is None or deal.cost_currency is None:
        return 0  # of an unknown cost: it has no part in profit
    return value - converted(deal.cost, deal.cost_currency)


async def _guess(context: Context, known: Known, deal: Deal, basis: Basis) -> int:
    desk, day = forecaster(context), known.today
    outlook = await desk.outlook(known, basis, day, day)
    found = outlook.amounts[outlook.keys == deal.id]
    return round(float(found[0])) if len(found) else 0
