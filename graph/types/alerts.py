"""GraphQL types and queries of alerts: the viewer's inbox and the alert rules."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from decimal import Decimal

import strawberry
from strawberry import ID, UNSET

from domain.primitives.money import from_minor
from graph.base.connections import paged_field
from graph.base.enums import AlertKind, Recipient
from graph.base.field_declarations import CARD, GOALS, NOTHING, WHOLE_VIEWER, declare
from graph.base.input_mapping import to_input
from graph.base.lazy_types import AlertRef, AlertRuleRef, EmployeeRef, StageRef
from graph.base.row_types import Info, Node, event_cursor, reference_field, row_type, to_one
from graph.base.scopes import Scope
from graph.types.activities import ActivitySubject
from models.alerts import alerts as rows
from models.crm import pipelines
from models.db.row_query import RowQuery
from resolvers import node
from resolvers.alerts import dry_run, inbox, rules
from resolvers.alerts.dry_run import DryRunResult
from resolvers.alerts.inputs import RuleInput


@row_type(
    rows.AlertRule,
    description="When an alert is raised, and for which recipients. A company starts with a rule for most kinds.",
)
class AlertRule(Node):
    kind: AlertKind
    enabled: bool
    days: int | None = strawberry.field(
        description="DEAL_STALLED: days without activity. NO_ACTIVITY: working days without activity."
    )
    hours: int | None = strawberry.field(
        description="LEAD_UNTOUCHED: working hours of the company in which nobody worked on a new lead."
    )
    percent: float | None = strawberry.field(description="GOAL_BEHIND: percentage points below the expected pace.")
    channels: list[str] = strawberry.field(
        description="""In addition to the inbox: names of channels configured on the server (mail, chat, webhook); their
secrets are never shown."""
    )
    cool_down_hours: int | None = strawberry.field(
        description="Hours during which the same subject is not alerted again."
    )

    @strawberry.field(graphql_type=Scope, metadata=declare(WHOLE_VIEWER))
    @staticmethod
    def scope(root: strawberry.Parent[rows.AlertRule], info: Info) -> Awaitable[object]:
        return info.context.load_for_viewer(rules.load_scopes, root)

    min_amount: Decimal | None = reference_field(
        lambda reference: (
            lambda row: None if row.min_amount is None else from_minor(row.min_amount, reference.currency)
        ),
        Decimal | None,
        "In the company's currency; deals below this amount, or of unknown amount, raise nothing.",
    )

    stage: StageRef | None = to_one(pipelines.load_stages_by_ids, "stage_id", "DEAL_ENTERED_STAGE: the stage.")

    @strawberry.field
    @staticmethod
    def recipients(root: strawberry.Parent[rows.AlertRule]) -> list[Recipient]:
        return root.all_recipients


@row_type(rows.Alert, description="An alert in the viewer's inbox.")
class Alert(Node):
    read_at: datetime | None
    cursor: str = event_cursor()

    @strawberry.field
    @staticmethod
    def kind(root: strawberry.Parent[rows.Alert]) -> AlertKind:
        return root.raised.kind

    @strawberry.field(
        graphql_type=AlertRuleRef | None,
        description="For administrators; null if the rule was deleted.",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    def rule(root: strawberry.Parent[rows.Alert], info: Info) -> Awaitable[AlertRuleRef | None]:
        return info.context.load_for_viewer(rules.load_visible_rules, root.raised.rule_id)

    @strawberry.field(
        graphql_type=EmployeeRef | None,
        description="The employee concerned; null for a goal of a team or the company.",
        metadata=declare(NOTHING),
    )
    @staticmethod
    def employee(root: strawberry.Parent[rows.Alert], info: Info) -> EmployeeRef | Awaitable[EmployeeRef | None] | None:
        employee_id = root.raised.employee_id
        return info.context.load_employee(employee_id) if employee_id else None

    @strawberry.field(
        graphql_type=ActivitySubject | None,
        description="Null if it was deleted or is not visible to the viewer.",
        metadata=declare(CARD | GOALS),
    )
    @staticmethod
    def subject(root: strawberry.Parent[rows.Alert], info: Info) -> Awaitable[object]:
        return info.context.load_for_viewer(node.load_subjects, root.raised.subject)

    @strawberry.field(description="A sentence in the recipient's language.", metadata=declare(WHOLE_VIEWER))
    @staticmethod
    def message(root: strawberry.Parent[rows.Alert], info: Info) -> str:
        return inbox.format_for_viewer(info.context, root)

    @strawberry.field
    @staticmethod
    def raised_at(root: strawberry.Parent[rows.Alert]) -> datetime:
        return root.raised.raised_at

    @strawberry.field(description="When the reason of the alert ceased; null while it persists.")
    @staticmethod
    def resolved_at(root: strawberry.Parent[rows.Alert]) -> datetime | None:
        return root.raised.resolved_at


@row_type(DryRunResult, description="The alerts that a rule would have raised.")
class AlertRuleTest:
    alerts: int
    per_day: float
    examples: list[str] = strawberry.field(description="Messages of the newest ones.")


@strawberry.input(description="A field that the kind of alert does not use is refused.")
class AlertRuleInput:
    kind: AlertKind
    scope: ID | None = strawberry.field(
        default=UNSET, description="A team, an employee or the company; null means the company."
    )
    enabled: bool = True
    min_amount: Decimal | None = strawberry.field(default=UNSET, description="In the company's currency.")
    days: int | None = strawberry.field(default=UNSET, description="DEAL_STALLED: 14 unless given; NO_ACTIVITY: 3.")
    hours: int | None = strawberry.field(
        default=UNSET, description="LEAD_UNTOUCHED: working hours of the company, 4 unless given."
    )
    stage: ID | None = strawberry.field(default=UNSET, description="DEAL_ENTERED_STAGE: the stage; required.")
    percent: float | None = strawberry.field(default=UNSET, description="GOAL_BEHIND: 10 unless given.")
    recipients: list[Recipient]
    channels: list[str] = strawberry.field(default_factory=list)
    cool_down_hours: int | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.type
class AlertQuery:
    @paged_field(Alert, "-id", description="The viewer's inbox, the newest first.", are_events=True)
    async def alerts(
        self,
        info: Info,
        unread_only: bool = False,
    ) -> RowQuery[AlertRef]:
        return inbox.query_inbox(info.context, unread_only=unread_only)

    @strawberry.field(description="For administrators; others see none.", metadata=declare(length=10))
    async def alert_rules(self, info: Info) -> list[AlertRuleRef]:
        return await rules.list_rules(info.context)

    @strawberry.field(
        graphql_type=AlertRuleTest,
        description="The alerts that a rule would have raised over the past days, as a dry run. For administrators.",
    )
    async def test_alert_rule(self, info: Info, input: AlertRuleInput, days: int = 30) -> DryRunResult:
        return await dry_run.dry_run_rule(info.context, to_input(RuleInput, input), days)
