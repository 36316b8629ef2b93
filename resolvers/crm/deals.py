"""Deals: record, update, move, win, lose, reopen and flag them; derives credit, frozen value and sale kind."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from domain.alerts.rules import AlertKind
from domain.errors.user_errors import Conflict, Invalid, NotFound, OutOfRange, Refusal, Required
from domain.ledger.record_facts import DealFacts, DealStatus, SaleKind
from domain.primitives.money import convert, from_minor
from models.crm import deals
from models.crm.activities import ActivityKind
from models.crm.deals import Deal
from models.goals.goals import Goal
from resolvers.activities.entries import Changed, Line
from resolvers.crm import stage_history
from resolvers.crm.record_type import (
    Bench,
    Draft,
    Given,
    Keeper,
    created,
    edit,
    lines_of,
    opened,
    record_many,
    recreated,
    referred,
    text,
)
from resolvers.leaderboards.wins import Ring, ring
from resolvers.request import validation
from resolvers.request.context import Context
from resolvers.request.id_resolution import References

_SHOWN: Final = (
    "title", "amount", "currency", "cost", "owner_id", "client_id", "product", "expected_close_on", "closed_at",
)  # fmt: skip
_SAID: Final = ("amount", "currency", "owner_id")
_ENDED: Final = {
    DealStatus.OPEN: ActivityKind.DEAL_REOPENED,
    DealStatus.WON: ActivityKind.DEAL_WON,
    DealStatus.LOST: ActivityKind.DEAL_LOST,
}
_SANE: Final = 1 << 57  # a sum of a few dozen such values still fits a 64-bit integer


class Deals(Keeper):
    """The record type of deals."""

    kind = "Deal"
    refers = {"owner": "Employee", "client": "Client", "stage": "Stage"}
    staged = True

    def __init__(self, client: int | None = None) -> None:
        self.client = client  # client of a new deal unless the input names one; need not be visible to the viewer

    def concerned(self, refs: References) -> Collection[int | None]:
        """Return the employees credited with wins: they may not be the owners any more."""
        return [row.won_by for row in refs.rows("Deal")]

    def begin(self, bench: Bench, given: Given) -> Deal:
        owner = bench.refs.new_owner(given.get("owner"), "input", "owner")
        if bench.first_stage is None:
            raise NotFound("There is no pipeline yet: an administrator makes one with savePipeline.", "input", "stage")
        deal = Deal(status=DealStatus.OPEN, stage_id=bench.first_stage, client_id=self.client)
        at = created(bench, given)
        if given.get("closedAt") and not given.get("createdAt"):  # a deal recorded as closed was created no later
            at = min(at, validation.past(given["closedAt"], bench.now, "input", "closedAt"))
        opened(bench, deal, owner, at)
        return deal

    def apply(self, bench: Bench, draft: Draft, given: Given) -> None:
        deal: Deal = draft.row
        if "title" in given:
            deal.titled(validation.name(given["title"], "input", "title"))
        if "amount" in given:
            deal.amount, deal.currency = _money_given(bench, given, "amount")
        if "cost" in given:
            deal.cost, deal.cost_currency = _money_given(bench, given, "cost")
        if given.get("owner") is not None and not draft.is_new:
            _hand_over(bench, draft, given)
        referred(bench, draft, given, client="Client")
        if given.get("stage") is not None:
            deal.stage_id = bench.refs.stage(given["stage"], "input", "stage").id
        if "saleKind" in given:
            deal.sale_kind_given = given["saleKind"] is not None
            deal.sale_kind = given["saleKind"] or deal.sale_kind
        lines_of(draft, given, product="product")
        if "expectedCloseOn" in given:
            expected = given["expectedCloseOn"]
            deal.expected_close_on = validation.day(expected, "input", "expectedCloseOn") if expected else None
        if "problem" in given:
            deal.problem = validation.note(given["problem"], "input", "problem")
        if "entered" in given:  # set by an import only: the time it entered its stage, None if unknown
            draft.at, draft.untold = given["entered"], given["entered"] is None
        recreated(bench, draft, given)
        _close(bench, deal, given)
        if "lostReason" in given and deal.status is DealStatus.LOST:
            deal.lost_reason = validation.note(given["lostReason"], "input", "lostReason")

    def settle(self, bench: Bench, draft: Draft) -> None:
        """Set the days, the credit, the frozen rates, the value and the profit."""
        deal: Deal = draft.row
        if deal.closed_at is not None and deal.closed_at < deal.created_at:
            raise Invalid("A deal cannot be closed before it was created.", "input", "closedAt")
        if draft.changed("closed_at"):
            deal.closed_on = bench.calendar.day_of(deal.closed_at) if deal.closed_at else None
        if deal.status is not DealStatus.LOST:
            deal.lost_by = deal.lost_team = None
        elif deal.lost_by is None or (draft.move_credit and deal.lost_by != deal.owner_id):
            assert deal.closed_at is not None
            loser = bench.refs.row("Employee", deal.owner_id)
            deal.lost_by, deal.lost_team = loser.id, bench.places.team(loser, deal.closed_at)
        if deal.status is DealStatus.WON:
            _settle_win(bench, draft)
            return
        deal.won_by = deal.won_team = deal.rate = deal.cost_rate = deal.value = deal.profit = None
        if not deal.sale_kind_given:
            deal.sale_kind = None
        if deal.status is DealStatus.OPEN and deal.opened_by != deal.owner_id:
            owner = bench.refs.row("Employee", deal.owner_id)  # reassigned while it was won, and reopened now
            deal.opened_by, deal.opened_team = owner.id, bench.places.team(owner, bench.now)

    async def written(self, bench: Bench, drafts: Sequence[Draft]) -> list[Changed]:
        """Record stage entries, and correct sale kinds: FIRST for each client's earliest win, REPEAT for later ones.

        Runs before posting, so that deals of this call post their final sale kind at once. Other deals of the
        same clients whose sale kind flips are returned as changes, to be posted again.
        """
        await stage_history.follow(bench, drafts)
        own = {draft.row.id: draft.row for draft in drafts}
        for deal in own.values():
            if deal.client_id is None and deal.sale_kind is SaleKind.REPEAT and not deal.sale_kind_given:
                deal.sale_kind = SaleKind.FIRST  # without a client, it does not follow an earlier win
                await deal.save(update_fields=["sale_kind"])
        clients = {
            client
            for draft in drafts
            if draft.row.status is DealStatus.WON or _was_won(draft)
            for client in (draft.row.client_id, draft.was.get("client_id"))
            if client is not None
        }
        changes = []
        regraded: dict[SaleKind, list[int]] = {}
        for found in await deals.to_regrade(clients) if clients else ():
            deal = own.get(found.id, found)
            before = deal.facts()
            deal.sale_kind = SaleKind.REPEAT if deal.sale_kind is SaleKind.FIRST else SaleKind.FIRST
            regraded.setdefault(deal.sale_kind, []).append(deal.id)
            if found.id not in own:
                changes.append(Changed("Deal", deal.id, before, deal.facts()))
        for kind, ids in regraded.items():  # grouped by kind: an import can change hundreds
            await Deal.filter(id__in=ids).update(sale_kind=kind)
        return changes

    def reasons(self, bench: Bench, row: Deal) -> frozenset[AlertKind]:
        found = {AlertKind.DEAL_LOST: row.status is DealStatus.LOST, AlertKind.DEAL_HAS_PROBLEMS: row.problem}
        return frozenset(kind for kind, holds in found.items() if holds)

    def line(self, draft: Draft, kind: ActivityKind, at: datetime, /, **data: Any) -> Line:
        """Add amount, currency and status to every entry: the dry run of alert rules (`testAlertRule`) reads them."""
        return super().line(draft, kind, at, **_money_shown(draft.row), status=draft.row.status, **data)

    def story(self, bench: Bench, draft: Draft) -> Sequence[Line]:
        deal, was, now = draft.row, draft.was, bench.now
        lines = []
        if draft.is_new or was["deleted_at"] is not None:
            lines.append(self.line(draft, ActivityKind.DEAL_CREATED, deal.created_at))
        elif draft.changed("stage_id"):
            data = {"from": was["stage_id"], "to": deal.stage_id, "stage": bench.refs.row("Stage", deal.stage_id).name}
            lines.append(self.line(draft, ActivityKind.DEAL_STAGE_CHANGED, draft.at or now, **data))
        if was.get("status", DealStatus.OPEN) != deal.status:
            reason = {"reason": deal.lost_reason} if deal.lost_reason else {}
            at = deal.closed_at or now
            lines.append(self.line(draft, _ENDED[deal.status], at, **reason))
        if not draft.is_new and draft.changed("problem"):
            lines.append(self.line(draft, ActivityKind.DEAL_FLAGGED, now, problem=deal.problem, was=was["problem"]))
        changed = {name: [text(old), text(getattr(deal, name))] for name, old in draft.differences.items()}
        if not lines:
            shown = {name: pair for name, pair in changed.items() if name in _SHOWN}
            lines.append(self.line(draft, ActivityKind.DEAL_UPDATED, now, changed=shown))
        elif not draft.is_new and (said := {name: changed[name] for name in _SAID if name in changed}):
            lines[0].data["changed"] = said  # lets the dry run of alert rules restore the earlier values
        return lines

    async def recorded(self, bench: Bench, drafts: Sequence[Draft]) -> None:
        """Announce new wins, unless closed over a day ago, and revoke the announcements of former wins."""
        for draft in drafts:
            facts: DealFacts | None = draft.row.facts()
            won, had = facts is not None and facts.status is DealStatus.WON, _was_won(draft)
            if won == had:
                continue
            bell = _bell(bench, draft)
            if had or (bench.now - bell.at).total_seconds() <= 86_400:
                await ring(bench.context, bell, revoked=had)


async def record(
    context: Context, givens: Sequence[Given], *, aloud: bool = True, path: Sequence[str] = ("input",)
) -> tuple[list[Deal], list[Goal]]:
    """Create deals, or update those whose externalId exists. Return the deals and the goals that moved."""
    return await record_many(context, Deals(), givens, aloud=aloud, path=path)


async def update(context: Context, id_: str, given: Given) -> tuple[Deal, list[Goal]]:
    return await edit(context, Deals(), id_, given)


async def move(context: Context, id_: str, stage: str, at: datetime | None) -> tuple[Deal, list[Goal]]:
    """Move an open deal to another stage, now or at an earlier time."""

    def moved(bench: Bench, draft: Draft) -> None:
        if draft.row.status is not DealStatus.OPEN:
            raise Conflict("This deal is closed: reopen it before moving it.", "input", "id")
        if at is not None:
            draft.at = validation.past(at, bench.now, "input", "at")
            if draft.at < draft.row.created_at:
                raise Invalid("The move cannot be before the deal was created.", "input", "at")

    return await edit(context, Deals(), id_, {"stage": stage}, moved)


async def close(
    context: Context, id_: str, status: DealStatus, given: Given, at: datetime | None
) -> tuple[Deal, list[Goal]]:
    """Win or lose a deal; repeating it changes only the values in the input."""
    when = {} if at is None else {"closedAt": at}
    try:
        return await edit(context, Deals(), id_, {**given, **when, "status": status})
    except Refusal as refusal:
        raise refusal.renamed({"closedAt": "at", "lostReason": "reason"}) from None


async def reopen(context: Context, id_: str, stage: str | None) -> tuple[Deal, list[Goal]]:
    """Reopen a closed deal, in another stage if one is given; the scores of its win are withdrawn."""
    return await edit(context, Deals(), id_, {"status": DealStatus.OPEN, "stage": stage})


async def flag(context: Context, id_: str, problem: str | None) -> tuple[Deal, list[Goal]]:
    """Flag a deal with a problem; None clears the flag."""
    return await edit(context, Deals(), id_, {"problem": problem})


def _money_given(bench: Bench, given: Given, field: str) -> tuple[int | None, str | None]:
    if given[field] is None:
        return None, None
    minor, currency = validation.money(given[field], bench.company.currency, "input", field)
    if not bench.rates.knows(currency):
        raise _no_rate(currency, field)
    return minor, currency


def _no_rate(currency: str, field: str) -> Invalid:
    return Invalid(
        f"There is no exchange rate for {currency}: an administrator sets one with setExchangeRate.",
        "input",
        field,
        "currency",
    )


def _close(bench: Bench, deal: Deal, given: Given) -> None:
    """Set the status and the closing time: as given, else unchanged while the status stays, else now."""
    status, closed_at = given.get("status") or deal.status, given.get("closedAt")
    if status is DealStatus.OPEN:
        if closed_at is not None:
            raise Invalid("An open deal has no closing time: win or lose it, or leave this out.", "input", "closedAt")
        deal.status, deal.closed_at, deal.lost_reason = status, None, None
        return
    if closed_at is not None:
        deal.closed_at = validation.past(closed_at, bench.now, "input", "closedAt")
    elif deal.closed_at is None or deal.status is not status:
        deal.closed_at = bench.now
    deal.status = status
    if status is DealStatus.WON:
        deal.lost_reason = None


def _hand_over(bench: Bench, draft: Draft, given: Given) -> None:
    """Assign the deal to a new owner.

    The credit of its creation moves along, unless the deal is won; that of a won deal, and the credit of the win
    or loss itself, moves only by `moveCredit`.
    """
    deal: Deal = draft.row
    owner = bench.refs.heir(deal, given["owner"], "input", "owner")
    draft.move_credit = bool(given.get("moveCredit"))
    if draft.move_credit and deal.won_by is not None:
        bench.refs.may_hand_over(deal.won_by, owner.id, "input", "moveCredit")
    if owner.id == deal.owner_id and not draft.move_credit:
        return
    deal.owner_id = owner.id
    if deal.status is not DealStatus.WON or (draft.move_credit and deal.opened_by != owner.id):
        deal.opened_by, deal.opened_team = owner.id, bench.places.team(owner, bench.now)


def _settle_win(bench: Bench, draft: Draft) -> None:
    """Freeze the credit, value and profit of a win, at the exchange rates of the closing day."""
    deal: Deal = draft.row
    if deal.amount is None or deal.currency is None:
        raise Required("A won deal has an amount: say how much it brings in.", "input", "amount")
    assert deal.closed_at is not None
    assert deal.closed_on is not None
    if deal.won_by is None or (draft.move_credit and deal.won_by != deal.owner_id):
        owner = bench.refs.row("Employee", deal.owner_id)
        deal.won_by, deal.won_team = owner.id, bench.places.team(owner, deal.closed_at)
    another_day = draft.changed("closed_on")
    if deal.rate is None or another_day or draft.changed("currency"):
        deal.rate = _rate(bench, deal.currency, deal.closed_on, "amount")
    deal.value = _worth(bench, deal.amount, deal.currency, deal.rate, "amount")
    if deal.cost is None or deal.cost_currency is None:
        deal.profit = deal.cost_rate = None
    else:
        if deal.cost_rate is None or another_day or draft.changed("cost_currency"):
            deal.cost_rate = _rate(bench, deal.cost_currency, deal.closed_on, "cost")
        deal.profit = deal.value - _worth(bench, deal.cost, deal.cost_currency, deal.cost_rate, "cost")
    if deal.sale_kind is None:
        deal.sale_kind = SaleKind.FIRST  # provisional: `after_save` looks at the client's other wins


def _rate(bench: Bench, currency: str, day: date, field: str) -> Decimal:
    rate = bench.rates.on(currency, day)
    if rate is None:
        raise _no_rate(currency, field)
    return rate


def _worth(bench: Bench, minor: int, currency: str, rate: Decimal, field: str) -> int:
    value = convert(minor, currency, bench.company.currency, rate)
    if abs(value) > _SANE:
        raise OutOfRange("At the exchange rate of that day this is more than can be counted.", "input", field)
    return value


def _was_won(draft: Draft) -> bool:
    return isinstance(draft.before, DealFacts) and draft.before.status is DealStatus.WON


def _money_shown(deal: Deal) -> dict[str, Any]:
    if deal.amount is None or deal.currency is None:
        return {}
    return {"amount": str(from_minor(deal.amount, deal.currency)), "currency": deal.currency}


def _bell(bench: Bench, draft: Draft) -> Ring:
    """Return the win in its current state, or, if it is no longer won, as it was before."""
    deal: Deal = draft.row
    standing: dict[str, Any] = (
        draft.was if _was_won(draft) else {name: getattr(deal, name) for name in deal._meta.db_fields}
    )
    return Ring(
        deal.id,
        standing["won_by"],
        standing["won_team"],
        standing["title"],
        standing["amount"],
        standing["currency"],
        standing["closed_at"],
    )
