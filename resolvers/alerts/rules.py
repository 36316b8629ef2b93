"""Alert rules: create, update, delete and list them. Administrators only.

Every company starts with a default rule for each kind of alert, except for wins and for a stage that deals enter.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from domain.alerts.rules import (
    ALERT_DEFINITIONS,
    AlertDefinition,
    AlertKind,
    Recipient,
    Rule,
)
from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound, OutOfRange, Required
from domain.permissions import Action
from domain.primitives.global_ids import decode_global_id
from domain.primitives.units import Unit
from models.alerts import alerts
from models.alerts.alerts import AlertRule
from models.crm.pipelines import Stage
from models.db import json_rows, row_store
from models.edits.edit_rows import AlertsBefore
from models.organization.people import TeamTree
from models.organization.scopes import ScopeRow
from resolvers.alerts.inputs import RuleInput
from resolvers.request import scopes, validation
from resolvers.request.context import RequestContext

_MAX_DAYS: Final = 365
_MAX_HOURS: Final = 365 * 24
_MAX_WORKING_HOURS: Final = 250 * 8  # about a year


@dataclass(frozen=True)
class ActiveRule:
    """An enabled alert rule: its row and its conditions as a value."""

    row: AlertRule
    rule: Rule


def to_rule(row: AlertRule, tree: TeamTree) -> Rule:
    return Rule(
        row.id or 0,
        row.kind,
        row.scope.employee_id,
        row.scope.team_ids(tree),
        row.min_amount,
        row.days,
        row.percent,
        timedelta(hours=row.cool_down_hours) if row.cool_down_hours else None,
        row.hours,
        row.stage_id,
    )


async def active_rules(
    context: RequestContext, kinds: Collection[AlertKind], alerts_before: AlertsBefore | None = None
) -> list[ActiveRule]:
    """Return the enabled rules of these kinds, from what an edit has read (None: from the database)."""
    if not kinds:
        return []
    if alerts_before is None:
        return [ActiveRule(row, to_rule(row, context.tree)) for row in await alerts.fetch_enabled_rules(kinds)]
    return [
        active_rule for active_rule in _parse_rules(alerts_before.rules, context.tree) if active_rule.row.kind in kinds
    ]


@lru_cache(maxsize=4)
def _parse_rules(rules_json: str | None, tree: TeamTree) -> Sequence[ActiveRule]:
    """Return the rules from JSON. They change seldom, so the same text comes again with each edit."""
    return [ActiveRule(row, to_rule(row, tree)) for row, _ in json_rows.decode_rows(AlertRule, rules_json)]


async def has_any_rule() -> bool:
    """Return whether the company has, or has had, any rule."""
    return await alerts.has_any_rule()


async def create_default_rules(now: datetime) -> None:
    """Create the default rules of a new company."""
    rows = []
    for kind, definition in ALERT_DEFINITIONS.items():
        if definition.default_recipients:
            row = AlertRule(
                kind=kind,
                days=definition.default_days,
                hours=definition.default_hours,
                percent=definition.default_percent,
                channels=[],
                cool_down_hours=definition.default_cool_down_hours,
                created_at=now,
            )
            row.set_recipients(definition.default_recipients)
            rows.append(row)
    await row_store.insert_all(rows)


async def create(context: RequestContext, input: RuleInput) -> AlertRule:
    row = await build_rule(context, input)
    await row_store.save(row)
    return row


async def update(context: RequestContext, global_id: str, input: RuleInput) -> AlertRule:
    """Replace the whole rule. If its kind changes, its active alerts are resolved, so that they hold nothing back."""
    old = await _get_existing(context, global_id)
    row = await build_rule(context, input)
    row.created_at = old.created_at
    row_store.take_place_of(row, old)
    await row_store.save(row)
    if row.kind is not old.kind:
        await alerts.resolve_all_of_rule(old.id, context.now())
    return row


async def delete(context: RequestContext, global_id: str) -> AlertRule:
    """Delete a rule; the alerts that it raised stay. A repetition changes nothing."""
    row = await _get_existing(context, global_id, with_deleted=True)
    if row.deleted_at is None:
        row.deleted_at = context.now()
        await row_store.save(row, "deleted_at")
    return row


async def _get_existing(context: RequestContext, global_id: str, *, with_deleted: bool = False) -> AlertRule:
    row = await find(context, global_id, with_deleted=with_deleted)
    if row is None:
        raise NotFound("There is no such alert rule.", "id")
    return row


async def find(context: RequestContext, global_id: str, *, with_deleted: bool = False) -> AlertRule | None:
    """Return the rule with that global id; None if there is none or the viewer is not an administrator."""
    pair = decode_global_id(global_id)
    if not pair or pair[0] != "AlertRule" or not context.viewer.can_company_wide(Action.MANAGE_ALERT_RULES):
        return None
    return await alerts.find_rule(pair[1], with_deleted=with_deleted)


async def list_rules(context: RequestContext) -> list[AlertRule]:
    """Return all rules, the oldest first; an empty list if the viewer is not an administrator."""
    if not context.viewer.can_company_wide(Action.MANAGE_ALERT_RULES):
        return []
    return await alerts.list_rules()


async def load_visible_rules(context: RequestContext, ids: Sequence[int]) -> list[AlertRule | None]:
    """Return the rules with these ids, in their order; None for those that the viewer may not see."""
    visible = context.viewer.can_company_wide(Action.MANAGE_ALERT_RULES)
    return await alerts.fetch_rules(ids) if visible else [None] * len(ids)


async def build_rule(context: RequestContext, input: RuleInput) -> AlertRule:
    """Validate an input and return an unsaved rule. A field that the kind does not use is refused."""
    _require_rule_admin(context)
    kind = input.kind
    scope_id = input.scope
    scope = await scopes.company_scope(context) if scope_id is None else await scopes.find_scope(context, scope_id)
    if scope is None:
        raise NotFound("There is no such employee, team or company.", "input", "scope")
    if scope.employee is not None and not scope.employee.active:
        raise Conflict(
            "{name} has left the company: name someone who works there.", "input", "scope", name=scope.employee.name
        )
    recipients = list(dict.fromkeys(input.recipients))
    if not recipients:
        raise Required("Choose the recipients: the manager, the employee or the directors.", "input", "recipients")
    definition = ALERT_DEFINITIONS[kind]
    _refuse_unused_fields(input, kind, definition, recipients)
    row = AlertRule(
        kind=kind,
        enabled=input.enabled,
        scope_kind=scope.kind,
        scope_id=scope.id,
        min_amount=await _parse_min_amount(context, input),
        days=_parse_length(input.days, "days", _MAX_DAYS, definition.default_days),
        hours=_parse_length(input.hours, "hours", _MAX_WORKING_HOURS, definition.default_hours),
        stage_id=await _parse_stage(input) if definition.about_stage else None,
        percent=_parse_percent(input, definition.default_percent),
        channels=_parse_channels(context, input),
        cool_down_hours=_clean_whole_number(input.cool_down_hours, "coolDownHours", 0, _MAX_HOURS),
        created_at=context.now(),
    )
    row.set_recipients(recipients)
    return row


def _refuse_unused_fields(
    input: RuleInput, kind: AlertKind, definition: AlertDefinition, recipients: Sequence[Recipient]
) -> None:
    values_and_uses = {
        "minAmount": (input.min_amount, definition.about_deals),
        "days": (input.days, definition.default_days),
        "hours": (input.hours, definition.default_hours),
        "percent": (input.percent, definition.default_percent),
        "stage": (input.stage, definition.about_stage),
    }
    for field, (value, is_used) in values_and_uses.items():
        if not is_used and value is not None:
            raise Invalid(
                "A rule of kind {kind} does not use `{unused}`: leave it out.", "input", field, kind=kind, unused=field
            )
    if Recipient.ASSIGNER in recipients and not definition.about_tasks:
        path = ("input", "recipients", str(recipients.index(Recipient.ASSIGNER)))
        raise Invalid(
            "Only a task has an assigner: choose other recipients for a rule of kind {kind}.", *path, kind=kind
        )


async def _parse_stage(input: RuleInput) -> int:
    if input.stage is None:
        raise Required("Name the stage that deals enter.", "input", "stage")
    pair = decode_global_id(input.stage)
    if not pair or pair[0] != "Stage" or not await row_store.exists(Stage, pair[1]):
        raise NotFound("There is no such stage.", "input", "stage")
    return pair[1]


async def _parse_min_amount(context: RequestContext, input: RuleInput) -> int | None:
    amount = input.min_amount
    if amount is None:
        return None
    currency = (await context.company()).currency
    minor_amount = validation.clean_metric_value(amount, Unit.MONEY, currency, "input", "minAmount")
    if minor_amount < 0:
        raise OutOfRange("The amount must not be negative.", "input", "minAmount")
    return minor_amount


def _clean_whole_number(number: int | None, field: str, minimum: int, maximum: int) -> int | None:
    if number is not None and not minimum <= number <= maximum:
        raise OutOfRange("Give a number from {least} to {most}.", "input", field, least=minimum, most=maximum)
    return number


def _parse_length(number: int | None, field: str, maximum: int, default: int | None) -> int | None:
    return None if default is None else _clean_whole_number(number, field, 1, maximum) or default


def _parse_percent(input: RuleInput, default: float | None) -> float | None:
    percent = input.percent
    if default is None or percent is None:
        return default
    if not 0 < percent <= 100:
        raise OutOfRange("Give more than 0 and at most 100 percentage points.", "input", "percent")
    return float(percent)


def _parse_channels(context: RequestContext, input: RuleInput) -> list[str]:
    names = list(dict.fromkeys(input.channels))
    for index, name in enumerate(names):
        if name not in context.services.notification_channels:
            raise NotFound("No such channel is set up on the server.", "input", "channels", str(index))
    return names


def _require_rule_admin(context: RequestContext) -> None:
    if not context.viewer.can_company_wide(Action.MANAGE_ALERT_RULES):
        raise Forbidden("Only an administrator can manage alert rules.", "input")


async def load_scopes(context: RequestContext, rows: Sequence[AlertRule]) -> list[ScopeRow]:
    """Return the scope (company, team or employee) of each rule."""
    scope_rows = await scopes.load_scope_rows(context, {row.scope for row in rows})
    return [scope_rows[row.scope] for row in rows]
