"""Deals: record, update, move, win, lose, reopen and flag them; derives credit, frozen value and sale kind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from domain.alerts.rules import AlertKind
from domain.alerts.states import AlertState
from domain.errors.user_errors import Conflict, Invalid, NotFound, OutOfRange, Required, UserError
from domain.ledger.record_facts import DealFacts, DealStatus, SaleKind
from domain.messages import Message
from domain.primitives.money import convert, from_minor
from domain.primitives.unset import UNSET, Unset
from models.crm import deals
from models.crm.activities import ActivityKind
from models.crm.clients import Client
from models.crm.deals import Deal
from models.crm.pipelines import Stage
from models.db import row_store
from models.goals.goals import Goal
from models.organization.people import Employee
from resolvers.activities.entries import ActivityEntry, RecordChange
from resolvers.crm import lead_conversions, refund_shares, sale_kinds, stage_history, undo_records
from resolvers.crm.inputs import DealInput, RecordInput
from resolvers.crm.pending_changes import EditContext, PendingChange, RelatedChanges
from resolvers.crm.record_fields import (
    resolve_creation_time,
    resolve_reference,
    set_creation_credit,
    to_history_value,
    update_created_at,
)
from resolvers.crm.record_type import RecordType, edit_record, upsert_records
from resolvers.crm.win_announcements import list_announcements
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.inputs import Money
from resolvers.request.validation import clean_update

_HISTORY_COLUMNS: Final = (
    "title", "amount", "currency", "initial_amount", "cost", "owner_id", "client_id", "product", "expected_close_on", "closed_at",
    "forecast_category",
)  # fmt: skip
_REPLAYED_COLUMNS: Final = ("amount", "currency", "owner_id")
_STATUS_ACTIVITIES: Final = {
    DealStatus.OPEN: ActivityKind.DEAL_REOPENED,
    DealStatus.WON: ActivityKind.DEAL_WON,
    DealStatus.LOST: ActivityKind.DEAL_LOST,
}
_MAX_VALUE: Final = 1 << 57  # a sum of a few dozen such values still fits a 64-bit integer


class DealType(RecordType[Deal, DealInput]):
    """The record type of deals."""

    model = Deal
    facts_type = DealFacts
    credit_column = "won_by"

    def __init__(self, default_client_id: int | None = None) -> None:
        self.default_client_id = (
            default_client_id  # client of a new deal unless the input names one; need not be visible to the viewer
        )

    def needs_first_stage(self, inputs: Sequence[RecordInput]) -> bool:
        return any(isinstance(input, DealInput) and input.id is None and input.stage is None for input in inputs)

    def new_row(self, edit: EditContext, input: DealInput) -> Deal:
        if edit.first_stage_id is None and input.stage is None:
            raise NotFound("There is no pipeline yet: an administrator makes one with savePipeline.", "input", "stage")
        deal = row_store.new(
            Deal, status=DealStatus.OPEN, stage_id=edit.first_stage_id, client_id=self.default_client_id
        )
        created_at = resolve_creation_time(edit, input)
        if input.closed_at and not input.created_at:  # a deal recorded as closed was created no later
            created_at = min(created_at, validation.clean_past_time(input.closed_at, edit.now, "input", "closedAt"))
        set_creation_credit(edit, deal, input, created_at)
        return deal

    def apply_input(self, edit: EditContext, change: PendingChange[Deal], input: DealInput) -> None:
        deal = change.row
        if input.title is not UNSET:
            deal.set_title(validation.clean_name(input.title, "input", "title"))
        deal.amount, deal.currency = _read_money(edit, input.amount, (deal.amount, deal.currency), "amount")
        deal.initial_amount, deal.initial_currency = _read_money(
            edit, input.initial_amount, (deal.initial_amount, deal.initial_currency), "initialAmount"
        )
        deal.cost, deal.cost_currency = _read_money(edit, input.cost, (deal.cost, deal.cost_currency), "cost")
        if input.owner is not None and not change.is_new:
            _reassign_deal(edit, change, input.owner, move_credit=input.move_credit)
        deal.client_id = resolve_reference(edit, Client, input.client, deal.client_id, "input", "client")
        if input.stage is not None:
            deal.stage_id = edit.resolver.resolve_stage(input.stage, "input", "stage").id
        if input.sale_kind is not UNSET:
            deal.sale_kind_given = input.sale_kind is not None
            deal.sale_kind = input.sale_kind or deal.sale_kind
        deal.product = clean_update(input.product, deal.product, validation.clean_optional_line, "input", "product")
        if input.expected_close_on is not UNSET:
            day = input.expected_close_on
            deal.expected_close_on = validation.clean_day(day, "input", "expectedCloseOn") if day else None
        if input.forecast_category is not UNSET:
            deal.forecast_category = validation.clean_category(input.forecast_category, "input", "forecastCategory")
        deal.problem = clean_update(input.problem, deal.problem, validation.clean_note, "input", "problem")
        if input.stage_entered_at is not UNSET:
            change.occurred_at, change.stage_entry_unknown = input.stage_entered_at, input.stage_entered_at is None
        update_created_at(edit, change, input)
        _apply_status(edit, deal, input)
        if input.move_credit and input.owner is None:
            raise Required("Name the `owner` who is to get the credit.", "input", "owner")
        if input.lost_reason is not UNSET:
            reason = validation.clean_note(input.lost_reason, "input", "lostReason")
            if reason is not None and deal.status is not DealStatus.LOST:
                raise Invalid("Only a lost deal has a reason: lose it, or leave this out.", "input", "lostReason")
            deal.lost_reason = reason

    def derive_fields(self, edit: EditContext, change: PendingChange[Deal]) -> None:
        """Set the days, the credit, the frozen rates, the value and the profit."""
        deal = change.row
        if deal.closed_at is not None and deal.closed_at < deal.created_at:
            raise Invalid("A deal cannot be closed before it was created.", "input", "closedAt")
        if change.has_changed("closed_at"):
            deal.closed_on = edit.calendar.day_of(deal.closed_at) if deal.closed_at else None
        if deal.status is not DealStatus.LOST:
            deal.lost_by = deal.lost_team = None
        elif deal.lost_by is None or (change.move_credit and deal.lost_by != deal.owner_id):
            assert deal.closed_at is not None
            loser = edit.resolver.get_row(Employee, deal.owner_id)
            deal.lost_by, deal.lost_team = loser.id, edit.memberships.team_id_at(loser, deal.closed_at)
        refund_shares.ensure_refunds_fit(deal, change.previous)
        if deal.status is DealStatus.WON:
            _freeze_win(edit, change)
            return
        deal.won_by = deal.won_team = deal.rate = deal.cost_rate = deal.value = deal.profit = None
        if not deal.sale_kind_given:
            deal.sale_kind = None
        if deal.status is DealStatus.OPEN and deal.opened_by != deal.owner_id:
            owner = edit.resolver.get_row(Employee, deal.owner_id)  # reassigned while it was won, and reopened now
            deal.opened_by, deal.opened_team = owner.id, edit.memberships.team_id_at(owner, edit.now)

    def update_related(
        self, edit: EditContext, changes: Sequence[PendingChange[Deal]]
    ) -> Sequence[PendingChange[Deal]]:
        return sale_kinds.update_sale_kinds(edit, changes)

    async def save_related(
        self,
        edit: EditContext,
        changes: Sequence[PendingChange[Deal]],
        related_updates: Sequence[PendingChange[Deal]],
    ) -> RelatedChanges:
        """Record stage entries; update the leads that deals come from, the sale kinds of several deals, and refunds."""
        await stage_history.record_stage_entries(edit, changes)
        record_changes = await lead_conversions.follow_deals(edit, changes)
        corrected = await sale_kinds.correct_sale_kinds(edit, changes)
        record_changes += [
            RecordChange("Deal", change.row.id, change.before, change.row.facts()) for change in corrected
        ]
        record_changes += await refund_shares.follow_deals(
            change.row for change in (*changes, *related_updates, *corrected)
        )
        return RelatedChanges(record_changes, list_announcements(edit, changes))

    async def save_undo_record(self, edit: EditContext, changes: Sequence[PendingChange[Deal]]) -> None:
        """Store what taking back the change of a single deal needs."""
        if len(changes) == 1:
            await undo_records.save_undo_record(edit, changes[0])

    def alert_state(self, edit: EditContext, row: Deal) -> AlertState:
        conditions = {
            AlertKind.DEAL_LOST: row.status is DealStatus.LOST,
            AlertKind.DEAL_HAS_PROBLEMS: bool(row.problem),
            AlertKind.DEAL_WON: row.status is DealStatus.WON,
            AlertKind.DEAL_ENTERED_STAGE: row.status is DealStatus.OPEN,
        }
        return AlertState(conditions, {AlertKind.DEAL_ENTERED_STAGE: str(row.stage_id)})

    def make_entry(
        self, change: PendingChange[Deal], kind: ActivityKind, at: datetime, /, **data: object
    ) -> ActivityEntry:
        """Add amount, currency and status to every entry: the dry run of alert rules (`testAlertRule`) reads them."""
        return super().make_entry(change, kind, at, **_format_money(change.row), status=change.row.status, **data)

    def activity_entries(self, edit: EditContext, change: PendingChange[Deal]) -> Sequence[ActivityEntry]:
        deal, previous, now = change.row, change.previous, edit.now
        entries = []
        if previous is None or change.was_deleted:
            at = now if previous else deal.created_at  # a deleted deal that is recorded again is active now
            entries.append(self.make_entry(change, ActivityKind.DEAL_CREATED, at, to=deal.stage_id))
        elif previous.stage_id != deal.stage_id:
            data = {
                "from": previous.stage_id,
                "to": deal.stage_id,
                "stage": edit.resolver.get_row(Stage, deal.stage_id).name,
            }
            entries.append(self.make_entry(change, ActivityKind.DEAL_STAGE_CHANGED, change.occurred_at or now, **data))
        if (previous.status if previous else DealStatus.OPEN) != deal.status:
            reason = {"reason": deal.lost_reason} if deal.lost_reason else {}
            at = deal.closed_at or now
            entries.append(self.make_entry(change, _STATUS_ACTIVITIES[deal.status], at, **reason))
        if previous and previous.problem != deal.problem:
            entries.append(
                self.make_entry(change, ActivityKind.DEAL_FLAGGED, now, problem=deal.problem, was=previous.problem)
            )
        column_changes = {
            name: [to_history_value(old), to_history_value(getattr(deal, name))]
            for name, old in change.changed_columns.items()
        }
        if not entries:
            history_changes = {name: pair for name, pair in column_changes.items() if name in _HISTORY_COLUMNS}
            entries.append(self.make_entry(change, ActivityKind.DEAL_UPDATED, now, changed=history_changes))
        elif not change.is_new and (
            replayed_changes := {name: column_changes[name] for name in _REPLAYED_COLUMNS if name in column_changes}
        ):
            entries[0].data["changed"] = replayed_changes  # lets the dry run of alert rules restore the earlier values
        return entries


async def upsert_deals(
    context: RequestContext, inputs: Sequence[DealInput], *, notify: bool = True, path: Sequence[str] = ("input",)
) -> tuple[list[Deal], list[Goal]]:
    """Create deals, or update those with an externalId that exists. Return the deals and the goals that moved."""
    return await upsert_records(context, DealType(), inputs, notify=notify, path=path)


async def update_deal(context: RequestContext, global_id: str, input: DealInput) -> tuple[Deal, list[Goal]]:
    return await edit_record(context, DealType(), global_id, input)


async def move_deal(
    context: RequestContext, global_id: str, stage: str, at: datetime | None
) -> tuple[Deal, list[Goal]]:
    """Move an open deal to another stage, now or at an earlier time. Raises Conflict if it has no effect on the time."""
    moved_at: datetime | None = None

    def apply_move(edit: EditContext, change: PendingChange[Deal]) -> None:
        nonlocal moved_at
        if change.row.status is not DealStatus.OPEN:
            raise Conflict("This deal is closed: reopen it before moving it.", "input", "id")
        if at is not None:
            change.occurred_at = moved_at = validation.clean_past_time(at, edit.now, "input", "at")
            if moved_at < change.row.created_at:
                raise Invalid("The move cannot be before the deal was created.", "input", "at")

    deal, goals = await edit_record(context, DealType(), global_id, DealInput(stage=stage), apply_move)
    if moved_at is not None and not await deals.has_entered_stage(deal, moved_at):
        raise Conflict("The deal is in this stage already: leave `at` out, or choose another stage.", "input", "at")
    return deal, goals


async def close_deal(context: RequestContext, global_id: str, input: DealInput) -> tuple[Deal, list[Goal]]:
    """Win or lose a deal, as `status` of the input says; repeating it changes only the values in the input."""
    try:
        return await edit_record(context, DealType(), global_id, input)
    except UserError as error:
        raise error.with_field_names({"closedAt": "at", "lostReason": "reason"}) from None


async def reopen_deal(context: RequestContext, global_id: str, stage: str | None) -> tuple[Deal, list[Goal]]:
    """Reopen a closed deal, in another stage if one is given; the scores of its win are withdrawn."""
    return await edit_record(context, DealType(), global_id, DealInput(status=DealStatus.OPEN, stage=stage))


async def ensure_deletable(context: RequestContext, deal: Deal) -> None:
    """Raise Conflict if the deal has refunds."""
    if deal.refunded:
        raise Conflict("This win has refunds: delete them first.", "id")


async def flag_deal(context: RequestContext, global_id: str, problem: str | None) -> tuple[Deal, list[Goal]]:
    """Flag a deal with a problem; None clears the flag."""
    return await edit_record(context, DealType(), global_id, DealInput(problem=problem))


def _read_money(
    edit: EditContext, money: Money | Unset | None, current: tuple[int | None, str | None], field: str
) -> tuple[int | None, str | None]:
    if money is UNSET:
        return current
    if money is None:
        return None, None
    minor, currency = validation.clean_money(money, edit.company.currency, "input", field)
    _find_rate(edit, currency, edit.today, field)
    return minor, currency


def _apply_status(edit: EditContext, deal: Deal, input: DealInput) -> None:
    """Set the status and the closing time: as given, else unchanged while the status stays, else now."""
    status, closed_at = input.status or deal.status, input.closed_at
    if status is DealStatus.OPEN:
        if closed_at is not None:
            raise Invalid("An open deal has no closing time: win or lose it, or leave this out.", "input", "closedAt")
        deal.status, deal.closed_at, deal.lost_reason = status, None, None
        return
    if closed_at is not None:
        deal.closed_at = validation.clean_past_time(closed_at, edit.now, "input", "closedAt")
    elif deal.closed_at is None or deal.status is not status:
        deal.closed_at = edit.now
    deal.status = status
    if status is DealStatus.WON:
        deal.lost_reason = None


def _reassign_deal(edit: EditContext, change: PendingChange[Deal], global_id: str, *, move_credit: bool) -> None:
    """Assign the deal to a new owner.

    The credit of its creation moves along, unless the deal is won; that of a won deal, and the credit of the win
    or loss itself, moves only by `moveCredit`.
    """
    deal = change.row
    owner = edit.resolver.resolve_reassignment(deal, global_id, "input", "owner")
    change.move_credit = move_credit
    if change.move_credit and deal.won_by is not None:
        edit.resolver.ensure_can_reassign(deal.won_by, owner.id, "input", "moveCredit")
    if owner.id == deal.owner_id and not change.move_credit:
        return
    deal.owner_id = owner.id
    if deal.status is not DealStatus.WON or (change.move_credit and deal.opened_by != owner.id):
        deal.opened_by, deal.opened_team = owner.id, edit.memberships.team_id_at(owner, edit.now)


def _freeze_win(edit: EditContext, change: PendingChange[Deal]) -> None:
    """Freeze the credit, value and profit of a win, at the exchange rates of the closing day."""
    deal = change.row
    if deal.amount is None or deal.currency is None:
        raise Required("A won deal has an amount: say how much it brings in.", "input", "amount")
    assert deal.closed_at is not None
    assert deal.closed_on is not None
    if deal.won_by is None or (change.move_credit and deal.won_by != deal.owner_id):
        owner = edit.resolver.get_row(Employee, deal.owner_id)
        deal.won_by, deal.won_team = owner.id, edit.memberships.team_id_at(owner, deal.closed_at)
    another_day = change.has_changed("closed_on")
    if deal.rate is None or another_day or change.has_changed("currency"):
        deal.rate = _find_rate(edit, deal.currency, deal.closed_on, "amount")
    deal.value = _convert_amount(edit, deal.amount, deal.currency, deal.rate, "amount")
    if deal.cost is None or deal.cost_currency is None:
        deal.profit = deal.cost_rate = None
    else:
        if deal.cost_rate is None or another_day or change.has_changed("cost_currency"):
            deal.cost_rate = _find_rate(edit, deal.cost_currency, deal.closed_on, "cost")
        deal.profit = deal.value - _convert_amount(edit, deal.cost, deal.cost_currency, deal.cost_rate, "cost")
    if deal.sale_kind is None:
        deal.sale_kind = SaleKind.FIRST  # provisional: `save_related` looks at the client's other wins


def _find_rate(edit: EditContext, currency: str, day: date, field: str) -> Decimal:
    """Return the rate of a day. Raises Invalid for a currency without one, or with a later one only."""
    rate = edit.rates.rate_on(currency, day)
    if rate is None:
        message = Message(
            "There is no exchange rate for {currency}: an administrator sets one with setExchangeRate.",
            {"currency": currency},
        )
        if (first_day := edit.rates.first_day_of(currency)) is not None:
            message = Message(
                "The exchange rates for {currency} begin on {first}: an administrator sets an earlier one, from {day} on,"
                " with setExchangeRate.",
                {"currency": currency, "first": first_day, "day": day},
            )
        raise Invalid(message, "input", field, "currency")
    return rate


def _convert_amount(edit: EditContext, minor: int, currency: str, rate: Decimal, field: str) -> int:
    value = convert(minor, currency, edit.company.currency, rate)
    if abs(value) > _MAX_VALUE:
        raise OutOfRange("At the exchange rate of that day this is more than can be counted.", "input", field)
    return value


def _format_money(deal: Deal) -> dict[str, str]:
    if deal.amount is None or deal.currency is None:
        return {}
    return {"amount": str(from_minor(deal.amount, deal.currency)), "currency": deal.currency}
