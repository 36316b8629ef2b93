"""Alert rules: create, update, delete and list them. Administrators only.

Every company starts with one default rule for each kind of alert.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.alerts.rules import COOL_DOWN_HOURS, DAYS, OF_DEALS, PERCENT, AlertKind, Recipient, Rule
from domain.errors.user_errors import Forbidden, NotFound, OutOfRange, Required
from domain.permissions import Action
from domain.primitives.global_ids import decoded
from domain.primitives.units import Unit
from models.alerts import alerts
from models.alerts.alerts import AlertRule
from models.goals.goals import OwnerKind
from models.organization.people import Employee, Tree
from resolvers.request import scopes, validation
from resolvers.request.context import Context

Given = Mapping[str, Any]
_MOST_DAYS: Final = 365
_MOST_HOURS: Final = 365 * 24


@dataclass(frozen=True)
class Known:
    """An enabled alert rule: its row and its conditions as a value."""

    row: AlertRule
    rule: Rule


def as_rule(row: AlertRule, tree: Tree) -> Rule:
    return Rule(
        row.id or 0,
        row.kind,
        row.scope_id if row.scope_kind is OwnerKind.EMPLOYEE else None,
        tree.below(row.scope_id) if row.scope_kind is OwnerKind.TEAM else None,
        row.min_amount,
        row.days,
        row.percent,
        timedelta(hours=row.cool_down_hours) if row.cool_down_hours else None,
    )


async def at_work(context: Context, kinds: Collection[AlertKind]) -> list[Known]:
    """Return the enabled rules of these kinds."""
    if not kinds:
        return []
    rows = await alerts.rules().filter(enabled=True, kind__in=list(kinds)).order_by("id")
    return [Known(row, as_rule(row, context.tree)) for row in rows]


async def any_ever() -> bool:
    """Return whether the company has, or has had, any rule."""
    return await AlertRule.exists()


async def begin(now: datetime) -> None:
    """Create the default rules of a new company."""
    await AlertRule.bulk_create(
        [
            AlertRule(
                kind=kind,
                days=DAYS.get(kind),
                percent=PERCENT if kind is AlertKind.GOAL_BEHIND else None,
                recipients=[Recipient.MANAGER],
                channels=[],
                cool_down_hours=COOL_DOWN_HOURS.get(kind),
                created_at=now,
            )
            for kind in AlertKind
        ]
    )


async def create(context: Context, given: Given) -> AlertRule:
    row = await draft(context, given)
    await row.save()
    return row


async def update(context: Context, id_: str, given: Given) -> AlertRule:
    """Replace the whole rule. If its kind changes, its active alerts are resolved, so that they hold nothing back."""
    old = await _existing(context, id_)
    row = await draft(context, given)
    row.id, row.created_at, row._saved_in_db = old.id, old.created_at, True
    await row.save()
    if row.kind is not old.kind:
        await alerts.resolve_all_of(old.id, context.now())
    return row


async def delete(context: Context, id_: str) -> AlertRule:
    """Delete a rule; the alerts that it raised stay."""
    row = await _existing(context, id_)
    row.deleted_at = context.now()
    await row.save(update_fields=["deleted_at"])
    return row


async def _existing(context: Context, id_: str) -> AlertRule:
    row = await find(context, id_)
    if row is None:
        raise NotFound("There is no such alert rule.", "id")
    return row


async def find(context: Context, id_: str) -> AlertRule | None:
    """Return the rule with that global id; None if there is none or the viewer is not an administrator."""
    pair = decoded(id_)
    if not pair or pair[0] != "AlertRule" or not context.viewer.may_company(Action.KEEP_RULES):
        return None
    return await alerts.rules().get_or_none(id=pair[1])


async def listed(context: Context) -> list[AlertRule]:
    """Return all rules, the oldest first; an empty list if the viewer is not an administrator."""
    if not context.viewer.may_company(Action.KEEP_RULES):
        return []
    return await alerts.rules().order_by("id")


async def seen(context: Context, ids: Sequence[int]) -> list[AlertRule | None]:
    """Return the rules with these ids, in their order; None for those that the viewer may not see."""
    visible = context.viewer.may_company(Action.KEEP_RULES)
    return await alerts.rules_by_ids(ids) if visible else [None] * len(ids)


async def draft(context: Context, given: Given) -> AlertRule:
    """Validate an input and return an unsaved rule. Fields that the kind does not use are left empty."""
    _require(context)
    kind: AlertKind = given["kind"]
    id_ = given.get("scope")
    scope = await scopes.whole(context) if id_ is None else await scopes.find(context, id_)
    if scope is None:
        raise NotFound("There is no such employee, team or company.", "input", "scope")
    recipients = list(dict.fromkeys(Recipient(name) for name in given["recipients"]))
    if not recipients:
        raise Required("Choose the recipients: the manager, the employee or the directors.", "input", "recipients")
    return AlertRule(
        kind=kind,
        enabled=given.get("enabled", True),
        scope_kind=scope.kind,
        scope_id=scope.number,
        min_amount=await _amount(context, given) if kind in OF_DEALS else None,
        days=_number(given, "days", 1, _MOST_DAYS) or DAYS[kind] if kind in DAYS else None,
        percent=_percent(given) if kind is AlertKind.GOAL_BEHIND else None,
        recipients=recipients,
        channels=_channels(context, given),
        cool_down_hours=_number(given, "coolDownHours", 0, _MOST_HOURS),
        created_at=context.now(),
    )


async def _amount(context: Context, given: Given) -> int | None:
    amount: Decimal | None = given.get("minAmount")
    if amount is None:
        return None
    currency = (await context.company()).currency
    least = validation.measured(amount, Unit.MONEY, currency, "input", "minAmount")
    if least < 0:
        raise OutOfRange("The amount must not be negative.", "input", "minAmount")
    return least


def _number(given: Given, field: str, least: int, most: int) -> int | None:
    number = given.get(field)
    if number is not None and not least <= number <= most:
        raise OutOfRange(f"Give a number from {least} to {most}.", "input", field)
    return number


def _percent(given: Given) -> float:
    percent = given.get("percent")
    if percent is None:
        return PERCENT
    if not 0 < percent <= 100:
        raise OutOfRange("Give more than 0 and at most 100 percentage points.", "input", "percent")
    return float(percent)


def _channels(context: Context, given: Given) -> list[str]:
    names = list(dict.fromkeys(given.get("channels") or ()))
    for number, name in enumerate(names):
        if name not in context.services.channels:
            raise NotFound("No such channel is set up on the server.", "input", "channels", str(number))
    return names


def _require(context: Context) -> None:
    if not context.viewer.may_company(Action.KEEP_RULES):
        raise Forbidden("Only an administrator can manage alert rules.", "input")


async def scopes_of(context: Context, rows: Sequence[AlertRule]) -> list[Any]:
    """Return the scope (company, team or employee) of each rule."""
    numbers = [row.scope_id for row in rows if row.scope_kind is OwnerKind.EMPLOYEE]
    employees = {row.id: row for row in await Employee.filter(id__in=numbers)} if numbers else {}
    company = await context.company()
    return [scopes.owner(context, row.scope_kind, row.scope_id, employees.get(row.scope_id), company) for row in rows]
