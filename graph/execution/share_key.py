"""Which permissions the answer of an operation depends on: part of the key under which subscriptions are shared.

Two viewers share a running subscription when document, variables and language are equal and when everything its
fields depend on in a viewer is equal. Each field lists the actions for which it consults the permission table, and
a viewer's fingerprint is how far these actions reach for them. A field that is not listed here depends on the whole
viewer, so a forgotten field is never shared.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

from domain.ledger.metrics import PRIVATE_METRICS
from domain.permissions import Action, Reach
from resolvers.request.viewer import Viewer

PermissionSet = frozenset[Action | None]  # None: the result depends on the identity of the viewer

_NO_PERMISSIONS: Final[PermissionSet] = frozenset()
VIEWER_DEPENDENT: Final[PermissionSet] = frozenset({None})
_CARD: Final[PermissionSet] = frozenset({Action.VIEW_CARD})
_GOALS: Final[PermissionSet] = frozenset(
    {Action.VIEW_GOALS, Action.VIEW_GOALS_ABOVE, *PRIVATE_METRICS.values()}  # a goal of any metric
)
_FORECASTS: Final[PermissionSet] = frozenset({Action.VIEW_FORECAST, Action.VIEW_FORECAST_TOTALS})
_LEADERBOARD: Final[PermissionSet] = frozenset({Action.VIEW_LEADERBOARD})
_PEOPLE: Final[PermissionSet] = frozenset({Action.VIEW_PEOPLE})

PUBLIC_TYPES: Final = frozenset(  # types whose unlisted fields are the same for all viewers who may see the object
    {
        "Leaderboard",
        "Standing",
        "GoalProgress",
        "GoalChange",
        "Metric",
        "Period",
        "Money",
        "ExchangeRate",
        "Stage",
        "Pipeline",
    }
)
FIELD_PERMISSIONS: Final[Mapping[str, PermissionSet]] = {
    **dict.fromkeys(
        ("Employee.id", "Employee.name", "Employee.role", "Employee.avatarUrl", "Employee.active"), _NO_PERMISSIONS
    ),
    "Employee.online": _NO_PERMISSIONS,
    "Employee.team": _PEOPLE,
    **dict.fromkeys(("Employee.email", "Employee.externalId", "Employee.manager"), _CARD),
    "Employee.standing": _LEADERBOARD,
    **dict.fromkeys(("Employee.goals", "Team.goals", "Company.goals", "Scope.goals"), _GOALS),
    **dict.fromkeys(("Team.id", "Team.name"), _NO_PERMISSIONS),
    **dict.fromkeys(
        ("Company.id", "Company.name", "Company.currency", "Company.timeZone", "Company.weekStart"), _NO_PERMISSIONS
    ),
    **dict.fromkeys(("Company.workingDays", "Company.holidayCountry", "Company.holidayRegion"), _NO_PERMISSIONS),
    **dict.fromkeys(("Company.workdayStart", "Company.workdayEnd", "Company.days"), _NO_PERMISSIONS),
    **dict.fromkeys(("CompanyDay.date", "CompanyDay.kind", "CompanyDay.name"), _NO_PERMISSIONS),
    **dict.fromkeys(("Company.closeAfterWorkdays", "Company.employeesSetAbsences"), _NO_PERMISSIONS),
    "Company.exchangeRates": _NO_PERMISSIONS,
    **dict.fromkeys(("Scope.id", "Scope.name", "Node.id"), _NO_PERMISSIONS),
    **dict.fromkeys(
        ("Goal.id", "Goal.name", "Goal.recurring", "Goal.createdAt", "Goal.archivedAt", "Goal.owner"), _NO_PERMISSIONS
    ),
    **dict.fromkeys(("Goal.metric", "Goal.target", "Goal.period", "Goal.progress"), _NO_PERMISSIONS),
    "Goal.allocated": _GOALS | _LEADERBOARD,
    **dict.fromkeys(("Goal.changes", "Goal.fullTarget", "Goal.proRated"), _NO_PERMISSIONS),
    "Goal.createdBy": _PEOPLE,
    **dict.fromkeys(
        (
            "GoalProgress.projected",
            "GoalProgress.projectedPercent",
            "GoalProgress.projectionBasis",
            "GoalProgress.attainmentProbability",
        ),
        _FORECASTS | frozenset(PRIVATE_METRICS.values()),
    ),
    **dict.fromkeys(("GoalChange.at", "GoalChange.field", "GoalChange.before", "GoalChange.after"), _NO_PERMISSIONS),
    "GoalChange.by": _PEOPLE,
    **dict.fromkeys(
        ("DealWon.id", "DealWon.revoked", "DealWon.employee", "DealWon.title", "DealWon.amount"), _NO_PERMISSIONS
    ),
    **dict.fromkeys(("DealWon.at", "DealWon.cursor"), _NO_PERMISSIONS),
    "DealWon.standing": _LEADERBOARD,
    **dict.fromkeys(("Activity.id", "Activity.kind", "Activity.at"), _NO_PERMISSIONS),
    **dict.fromkeys(("Activity.employee", "Activity.actor"), _PEOPLE),
    **dict.fromkeys(("Activity.recordedAt", "Activity.summary", "Activity.cursor"), _NO_PERMISSIONS),
    "Activity.subject": _CARD | _GOALS,
    "Subscription.leaderboard": _LEADERBOARD,
    "Subscription.dealWon": frozenset({Action.VIEW_WINS}),
    "Subscription.activities": _CARD | _GOALS,
    "Subscription.goalProgress": _GOALS,
}
_METRIC_FIELDS: Final = frozenset({"leaderboard", "standing"})  # need the action of a private metric
_VIEWER_UNLESS_GIVEN: Final = {"goalProgress": ("goals", "scope")}  # without these arguments, a field about the viewer


def permissions_used(
    schema: GraphQLSchema, document: DocumentNode, definition: OperationDefinitionNode, variables: Mapping[str, Any]
) -> PermissionSet:
    """Return the actions that determine by their reach the result of the operation; None among them for the whole viewer."""
    root = schema.get_root_type(definition.operation)
    assert root is not None
    return frozenset(_SelectionWalker(schema, document, variables).walk(root.name, definition.selection_set))


class _SelectionWalker:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema, self._variables = schema, variables
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }

    def walk(self, type_name: str, selections: SelectionSetNode) -> set[Action | None]:
        permissions: set[Action | None] = set()
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                permissions |= self._walk_field(type_name, selection)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragments[selection.name.value]
                permissions |= self.walk(fragment.type_condition.name.value, fragment.selection_set)
            else:
                condition = getattr(selection, "type_condition", None)
                permissions |= self.walk(condition.name.value if condition else type_name, selection.selection_set)  # type: ignore[attr-defined]
        return permissions

    def _walk_field(self, type_name: str, node: FieldNode) -> set[Action | None]:
        name = node.name.value
        if name.startswith("__"):
            return set()
        unlisted = _NO_PERMISSIONS if type_name in PUBLIC_TYPES else VIEWER_DEPENDENT
        permissions = set(FIELD_PERMISSIONS.get(f"{type_name}.{name}", unlisted))
        if name in _METRIC_FIELDS:
            permissions |= {
                action for metric, action in PRIVATE_METRICS.items() if self._may_equal(node, "metric", metric)
            }
        if (
            type_name == "Subscription"
            and name in _VIEWER_UNLESS_GIVEN
            and not self._has_value(node, _VIEWER_UNLESS_GIVEN[name])
        ):
            permissions.add(None)
        if node.selection_set:
            field = self._schema.get_type(type_name).fields[name]  # type: ignore[union-attr]
            permissions |= self.walk(get_named_type(field.type).name, node.selection_set)
        return permissions

    def _may_equal(self, node: FieldNode, name: str, text: str) -> bool:
        """Return whether an argument may be that text. An omitted variable may be, as it may have that default."""
        values = [argument.value for argument in node.arguments or () if argument.name.value == name]
        return any(
            self._variables.get(value.name.value, text) == text
            if isinstance(value, VariableNode)
            else getattr(value, "value", None) == text
            for value in values
        )

    def _has_value(self, node: FieldNode, names: Sequence[str]) -> bool:
        """Return whether any of these arguments has a value other than null."""
        values = [argument.value for argument in node.arguments or () if argument.name.value in names]
        return any(
            self._variables.get(value.name.value) is not None
            if isinstance(value, VariableNode)
            else not isinstance(value, NullValueNode)
            for value in values
        )


def permission_fingerprint(viewer: Viewer, permissions: Iterable[Action | None]) -> Hashable:
    """Return how far the actions reach for the viewer; equal for viewers that get the same result."""
    return frozenset((action, _reach_fingerprint(viewer, action)) for action in permissions)


def _reach_fingerprint(viewer: Viewer, action: Action | None) -> Hashable:
    if action is None:
        return viewer.key, viewer.actor, viewer.reachable_team_ids, viewer.visible_goal_team_ids()
    reach = viewer.reach(action)
    if action is Action.VIEW_GOALS_ABOVE:
        return reach, viewer.visible_goal_team_ids()
    match reach:
        case Reach.SELF:
            return reach, viewer.id
        case Reach.MANAGED:
            return reach, viewer.id, viewer.reachable_team_ids
        case Reach.SCOPE:
            return reach, viewer.reachable_team_ids
    return reach
