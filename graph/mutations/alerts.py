"""Mutations of alert rules and of the alert inbox."""

from __future__ import annotations

import strawberry
from strawberry import ID

from graph.base.input_mapping import to_input
from graph.base.lazy_types import AlertRuleRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from graph.types.alerts import AlertRuleInput
from resolvers.alerts import inbox, rules
from resolvers.alerts.inputs import RuleInput


@payload("The rule.")
class AlertRulePayload:
    rule: AlertRuleRef | None


@payload("The number of alerts still unread.")
class MarkAlertsReadPayload:
    unread_alerts: int = 0


@strawberry.type
class AlertMutation:
    @mutation("Create a rule. It applies to events from now on, and to inactivity that lasts too long by now.")
    async def create_alert_rule(self, info: Info, input: AlertRuleInput) -> AlertRulePayload:
        return AlertRulePayload(rule=await rules.create(info.context, to_input(RuleInput, input)))

    @mutation("Replace the whole rule.")
    async def update_alert_rule(self, info: Info, id: ID, input: AlertRuleInput) -> AlertRulePayload:
        return AlertRulePayload(rule=await rules.update(info.context, id, to_input(RuleInput, input)))

    @mutation("Delete a rule; the alerts that it raised stay in the inboxes.")
    async def delete_alert_rule(self, info: Info, id: ID) -> AlertRulePayload:
        return AlertRulePayload(rule=await rules.delete(info.context, id))

    @mutation("Mark alerts as read; the whole inbox if `ids` is null.")
    async def mark_alerts_read(self, info: Info, ids: list[ID] | None = None) -> MarkAlertsReadPayload:
        return MarkAlertsReadPayload(unread_alerts=await inbox.mark_read(info.context, ids))
