"""What-if scenarios: the forecast as if some deals were won and others lost; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from domain.errors.operation_errors import BadInput
from domain.errors.user_errors import UserError
from domain.ledger.record_facts import DealStatus
from domain.primitives.money import convert
from domain.primitives.periods import Period
from models.crm.deals import Deal
from models.forecasting.deal_columns import STATE_CODES
from models.forecasting.deal_tables import Basis
from models.organization.people import Employee
from resolvers.forecasting.deal_snapshot import DealSnapshot, past_facts_of
from resolvers.forecasting.forecast_engine import get_forecast_engine
from resolvers.request.context import RequestContext
from resolvers.request.id_resolution import IdResolver


@dataclass(frozen=True)
class WhatIfScenario:
    """The snapshot with the scenario's deals closed today, and the change of the booked amounts.

    booked  amount added within the period (negative if less), by employee id and team id
    """

    snapshot: DealSnapshot
    booked: Mapping[tuple[int, int], int]


async def apply_what_if(
    context: RequestContext,
    snapshot: DealSnapshot,
    win: Sequence[str],
    lose: Sequence[str],
    period: Period,
    basis: Basis,
) -> WhatIfScenario:
    """Apply the scenario in which the deals `win` are won within the period and the deals `lose` are lost.

    Raises BadInput for a deal that the viewer cannot see and for one that is in both lists.
    """
    if not win and not lose:
        return WhatIfScenario(snapshot, {})
    resolver = IdResolver(context)
    await resolver.load_by_global_ids("Deal", [*win, *lose])
    won, lost = _resolve_deals(resolver, win, "whatIf.win"), _resolve_deals(resolver, lose, "whatIf.lose")
    if in_both := won.keys() & lost.keys():
        raise BadInput("A deal cannot be won and lost: {title}.", field="whatIf", title=won[min(in_both)].title)
    booked: dict[tuple[int, int], int] = {}
    new_statuses: dict[int, DealStatus] = {}
    for deal in won.values():
        if deal.status is not DealStatus.WON:
            owner = resolver.get_row(Employee, deal.owner_id)
            key = (owner.id, owner.team_id or 0)
            booked[key] = booked.get(key, 0) + await _amount_if_won(context, snapshot, deal, basis)
            new_statuses[deal.id] = DealStatus.WON
    for deal in lost.values():
        if deal.status is not DealStatus.LOST:
            new_statuses[deal.id] = DealStatus.LOST
        counted = deal.status is DealStatus.WON and deal.closed_on is not None and period.contains(deal.closed_on)
        key = (deal.won_by or 0, deal.won_team or 0)
        booked[key] = booked.get(key, 0) - ((_booked_amount(deal, basis) or 0) if counted else 0)
    return WhatIfScenario(_with_deals_closed(snapshot, new_statuses), booked)


def _resolve_deals(resolver: IdResolver, global_ids: Sequence[str], field_path: str) -> dict[int, Deal]:
    try:
        deals = [resolver.resolve_record(Deal, global_id) for global_id in global_ids]
    except UserError as error:
        raise BadInput("There is no such deal: give the ids of deals that you can see.", field=field_path) from error
    return {deal.id: deal for deal in deals}


def _with_deals_closed(snapshot: DealSnapshot, new_statuses: Mapping[int, DealStatus]) -> DealSnapshot:
    """Return the snapshot with these deals closed today.

    It has a version of its own. The past version changes too if a deal had been closed before today, since the past
    then no longer has that closing.
    """
    deal_ids = sorted(new_statuses)
    rows = snapshot.deals.indexes_of(deal_ids)
    state, closed = snapshot.deals.state.copy(), snapshot.deals.closed.copy()
    state[rows], closed[rows] = [STATE_CODES[new_statuses[deal_id]] for deal_id in deal_ids], snapshot.today
    winner = snapshot.deals.winner.copy()
    winner[rows] = np.where(state[rows] == STATE_CODES[DealStatus.WON], snapshot.deals.owner[rows], 0)
    deals = replace(snapshot.deals, state=state, closed=closed, winner=winner)
    yesterday, scenario_key = snapshot.today - 1, tuple(sorted(new_statuses.items()))
    scenario = replace(snapshot, present_version=(snapshot.present_version, scenario_key), deals=deals)
    has_same_past = past_facts_of(snapshot, deal_ids, yesterday) == past_facts_of(scenario, deal_ids, yesterday)
    return scenario if has_same_past else replace(scenario, past_version=(snapshot.past_version, scenario_key))


def _booked_amount(deal: Deal, basis: Basis) -> int | None:
    return deal.value if basis is Basis.REVENUE else deal.profit


async def _amount_if_won(context: RequestContext, snapshot: DealSnapshot, deal: Deal, basis: Basis) -> int:
    """Return the amount that winning the deal today would book; without a stated amount, the expected one."""
    rates, today, company_currency = await context.rates(), await context.today(), (await context.company()).currency

    def convert_amount(amount: int, currency: str) -> int:
        rate = rates.latest_rate(currency, today)
        if rate is None:
            raise BadInput("There is no exchange rate for {currency}.", field="whatIf.win", currency=currency)
        return convert(amount, currency, company_currency, rate)

    if deal.amount is None or deal.currency is None:
        return await _expected_amount(context, snapshot, deal, basis)
    value = convert_amount(deal.amount, deal.currency)
    if basis is Basis.REVENUE:
        return value
    if deal.cost is None or deal.cost_currency is None:
        return 0  # a deal of unknown cost has no part in profit
    return value - convert_amount(deal.cost, deal.cost_currency)


async def _expected_amount(context: RequestContext, snapshot: DealSnapshot, deal: Deal, basis: Basis) -> int:
    seller_forecasts = await get_forecast_engine(context).forecast_sellers(
        snapshot, basis, snapshot.today, snapshot.today, context.now(), snapshot.sellers.mask_of(deal.owner_id)
    )
    amounts = seller_forecasts.amounts[seller_forecasts.deal_keys == deal.id]
    return round(float(amounts[0])) if len(amounts) else 0
