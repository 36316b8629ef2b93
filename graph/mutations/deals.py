"""Mutations of deals."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Final

import strawberry
from strawberry import ID, UNSET

from domain.errors.user_errors import OutOfRange
from graph.base.enums import DealStatus, ForecastCategory, SaleKind
from graph.base.field_declarations import declare
from graph.base.grouped_mutations import GroupedMutation
from graph.base.input_mapping import MoneyInput, keep_unset, money_or_unset, to_input
from graph.base.lazy_types import DealRef, GoalRef
from graph.base.mutations import identify_batch_item, mutation, payload, session_mutation
from graph.base.row_types import Info
from models.crm.deals import Deal as DealRow
from models.db.keyset_pagination import DEFAULT_PAGE_SIZE
from resolvers.crm import deals, queries, undo
from resolvers.crm.inputs import DealInput
from resolvers.request import idempotency


@strawberry.input(
    description="""`owner` defaults to the viewer, `status` to OPEN at creation. `status: WON` records a deal already won;
`closedAt` then defaults to now and may lie in the past. `stage` defaults to the first of the first pipeline."""
)
class RecordDealInput:
    title: str
    amount: MoneyInput | None = UNSET
    cost: MoneyInput | None = UNSET
    owner: ID | None = UNSET
    client: ID | None = UNSET
    stage: ID | None = UNSET
    status: DealStatus | None = UNSET
    sale_kind: SaleKind | None = UNSET
    product: str | None = UNSET
    created_at: datetime | None = UNSET
    expected_close_on: date | None = UNSET
    forecast_category: ForecastCategory | None = UNSET
    closed_at: datetime | None = UNSET
    lost_reason: str | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input(
    description="""A new owner gets an open deal with its credit; the credit of a won deal stays as it is
unless `moveCredit`. `forecastCategory: null` gives the deal the category of its stage again."""
)
class UpdateDealInput:
    id: ID
    title: str | None = UNSET
    amount: MoneyInput | None = UNSET
    cost: MoneyInput | None = UNSET
    owner: ID | None = UNSET
    move_credit: bool = False
    client: ID | None = UNSET
    sale_kind: SaleKind | None = UNSET
    product: str | None = UNSET
    expected_close_on: date | None = UNSET
    forecast_category: ForecastCategory | None = UNSET
    closed_at: datetime | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class MoveDealInput:
    id: ID
    stage: ID
    at: datetime | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class WinDealInput:
    id: ID
    amount: MoneyInput | None = UNSET
    cost: MoneyInput | None = UNSET
    at: datetime | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class LoseDealInput:
    id: ID
    reason: str | None = UNSET
    at: datetime | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input
class ReopenDealInput:
    id: ID
    stage: ID | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input(description="`problem: null` clears the flag.")
class FlagDealInput:
    id: ID
    problem: str | None = UNSET
    idempotency_key: str | None = UNSET


MAX_BATCH_SIZE = 500


@payload("The deal, and the goals that moved.")
class DealPayload:
    deal: DealRef | None
    goals: list[GoalRef]


@payload("The deals in the order of the inputs, and the goals that moved.")
class DealsPayload:
    deals: list[DealRef] = strawberry.field(default_factory=list, metadata=declare(page_size=DEFAULT_PAGE_SIZE))
    goals: list[GoalRef]


def _to_deal_payload(deal_and_goals: tuple[DealRef, list[GoalRef]]) -> DealPayload:
    deal, goals = deal_and_goals
    return DealPayload(deal=deal, goals=goals)


_RECORD_DEAL: Final = GroupedMutation(DealPayload, "deal", deals.upsert_deals)


@strawberry.type
class DealMutation:
    @session_mutation("Record a deal, or change the one that carries the `externalId`.")
    async def record_deal(self, info: Info, input: RecordDealInput) -> DealPayload:
        return await _RECORD_DEAL.run(info, input, to_input(DealInput, input))

    @mutation("Record up to 500 deals at once, all or none.", batch_argument="inputs")
    async def record_deals(self, info: Info, inputs: list[RecordDealInput]) -> DealsPayload:
        if not 1 <= len(inputs) <= MAX_BATCH_SIZE:
            raise OutOfRange("Record 1 to 500 deals at once.", "inputs")
        rows, goals = await idempotency.record_batch(
            info.context,
            "deal",
            [to_input(DealInput, input) for input in inputs],
            [identify_batch_item("recordDeal", input, index) for index, input in enumerate(inputs)],
            partial(deals.upsert_deals, info.context, path=("inputs",)),
        )
        return DealsPayload(deals=rows, goals=goals)

    @mutation("Change the given fields of a deal; omitted fields stay.", edits_records=True)
    async def update_deal(self, info: Info, input: UpdateDealInput) -> DealPayload:
        return _to_deal_payload(await deals.update_deal(info.context, input.id, to_input(DealInput, input)))

    @mutation("Move an open deal to another stage.", edits_records=True)
    async def move_deal(self, info: Info, input: MoveDealInput) -> DealPayload:
        return _to_deal_payload(await deals.move_deal(info.context, input.id, input.stage, input.at or None))

    @mutation("Win a deal: it counts for its owner, on the day of the win.", edits_records=True)
    async def win_deal(self, info: Info, input: WinDealInput) -> DealPayload:
        win = DealInput(
            status=DealStatus.WON,
            amount=money_or_unset(input.amount),
            cost=money_or_unset(input.cost),
            closed_at=input.at or None,
        )
        return _to_deal_payload(await deals.close_deal(info.context, input.id, win))

    @mutation("Lose a deal.", edits_records=True)
    async def lose_deal(self, info: Info, input: LoseDealInput) -> DealPayload:
        loss = DealInput(status=DealStatus.LOST, lost_reason=keep_unset(input.reason), closed_at=input.at or None)
        return _to_deal_payload(await deals.close_deal(info.context, input.id, loss))

    @mutation("Reopen a closed deal; the scores of its win are withdrawn.", edits_records=True)
    async def reopen_deal(self, info: Info, input: ReopenDealInput) -> DealPayload:
        return _to_deal_payload(await deals.reopen_deal(info.context, input.id, to_input(DealInput, input).stage))

    @mutation("Flag a deal with a problem, or clear the flag.", edits_records=True)
    async def flag_deal(self, info: Info, input: FlagDealInput) -> DealPayload:
        return _to_deal_payload(await deals.flag_deal(info.context, input.id, input.problem or None))

    @mutation(
        """Take back the last change of a deal within ten minutes of its recording: a move, win, loss, reopening or
hand-over, by the id of its activity. Everything is then as if it had not been; later, reopen or correct the deal."""
    )
    async def undo(self, info: Info, activity: ID) -> DealPayload:
        return _to_deal_payload(await undo.undo_change(info.context, activity))

    @mutation("Delete a deal: its scores are withdrawn; the activity feed keeps it.")
    async def delete_deal(self, info: Info, id: ID) -> DealPayload:
        deal, goals = await queries.delete_record(info.context, id, "Deal")
        assert isinstance(deal, DealRow)
        return DealPayload(deal=deal, goals=goals)
