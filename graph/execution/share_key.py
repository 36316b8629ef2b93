"""Share key of a subscription: the permissions its fields depend on, and their fingerprint for a viewer.

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

from domain.ledger.metrics import WORK
from domain.permissions import Action, Reach
from resolvers.request.viewer import Viewer

Looks = frozenset[Action | None]  # None: the result depends on the identity of the viewer

_NOTHING: Final[Looks] = frozenset()
_WHOLE: Final[Looks] = frozenset({None})
_CARD: Final[Looks] = frozenset({Action.VIEW_CARD})
_GOALS: Final[Looks] = frozenset({Action.VIEW_GOALS, Action.VIEW_GOALS_ABOVE})
_BOARD: Final[Looks] = frozenset({Action.VIEW_BOARD})
_PEOPLE: Final[Looks] = frozenset({Action.VIEW_PEOPLE})

_PLAIN: Final = frozenset(  # types whose fields are the same for all viewers who may see the object
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
_FIELDS: Final[Mapping[str, Looks]] = {
    **dict.fromkeys(
        ("Employee.id", "Employee.name", "Employee.role", "Employee.avatarUrl", "Employee.active"), _NOTHING
    ),
    "Employee.online": _NOTHING,
    "Employee.team": _PEOPLE,
    **dict.fromkeys(("Employee.email", "Employee.externalId", "Employee.manager"), _CARD),
    "Employee.standing": _BOARD,
    **dict.fromkeys(("Employee.goals", "Team.goals", "Company.goals", "Scope.goals"), _GOALS),
    **dict.fromkeys(("Team.id", "Team.name"), _NOTHING),
    **dict.fromkeys(
        ("Company.id", "Company.name", "Company.currency", "Company.timeZone", "Company.weekStart"), _NOTHING
    ),
    **dict.fromkeys(("Company.workingDays", "Company.holidayCountry", "Company.closeAfterWorkdays"), _NOTHING),
    "Company.exchangeRates": _NOTHING,
    **dict.fromkeys(("Scope.id", "Scope.name", "Node.id"), _NOTHING),
    **dict.fromkeys(
        ("Goal.id", "Goal.name", "Goal.recurring", "Goal.createdAt", "Goal.archivedAt", "Goal.owner"), _NOTHING
    ),
    **dict.fromkeys(("Goal.metric", "Goal.target", "Goal.period", "Goal.progress", "Goal.allocated"), _NOTHING),
    "Goal.changes": _NOTHING,
    "Goal.createdBy": _PEOPLE,
    **dict.fromkeys(("GoalChange.at", "GoalChange.field", "GoalChange.before", "GoalChange.after"), _NOTHING),
    "GoalChange.by": _PEOPLE,
    **dict.fromkeys(("DealWon.id", "DealWon.revoked", "DealWon.employee", "DealWon.title", "DealWon.amount"), _NOTHING),
    "DealWon.at": _NOTHING,
    "DealWon.standing": _BOARD,
    **dict.fromkeys(("Activity.id", "Activity.kind", "Activity.at"), _NOTHING),
    **dict.fromkeys(("Activity.employee", "Activity.actor"), _PEOPLE),
    **dict.fromkeys(("Activity.recordedAt", "Activity.summary"), _NOTHING),
    "Activity.subject": _CARD | _GOALS,
    "Subscription.leaderboard": _BOARD,
    "Subscription.dealWon": frozenset({Action.VIEW_WINS}),
    "Subscription.activities": _CARD | _GOALS,
    "Subscription.goalProgress": _GOALS,
}
_OF_A_METRIC: Final = frozenset({"leaderboard", "standing"})  # need VIEW_WORK_TIME with the metric of hours
_OF_THE_ASKER: Final = {"goalProgress": ("goals", "scope")}  # without these arguments, a field about the viewer


def looks(
    schema: GraphQLSchema, document: DocumentNode, definition: OperationDefinitionNode, variables: Mapping[str, Any]
) -> Looks:
    """Return the actions whose reach determines the result of the operation; None among them for the whole viewer."""
    root = schema.get_root_type(definition.operation)
    assert root is not None
    return frozenset(_Reading(schema, document, variables).of(root.name, definition.selection_set))


class _Reading:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema, self._variables = schema, variables
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }

    def of(self, type_name: str, selections: SelectionSetNode) -> set[Action | None]:
        found: set[Action | None] = set()
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                found |= self._field(type_name, selection)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragments[selection.name.value]
                found |= self.of(fragment.type_condition.name.value, fragment.selection_set)
            else:
                condition = getattr(selection, "type_condition", None)
                found |= self.of(condition.name.value if condition else type_name, selection.selection_set)  # type: ignore[attr-defined]
        return found

    def _field(self, type_name: str, node: FieldNode) -> set[Action | None]:
        name = node.name.value
        if name.startswith("__"):
            return set()
        found = set(_NOTHING if type_name in _PLAIN else _FIELDS.get(f"{type_name}.{name}", _WHOLE))
        if name in _OF_A_METRIC and self._may_be(node, "metric", WORK):
            found.add(Action.VIEW_WORK_TIME)
        if type_name == "Subscription" and name in _OF_THE_ASKER and not self._given(node, _OF_THE_ASKER[name]):
            found.add(None)
        if node.selection_set:
            field = self._schema.get_type(type_name).fields[name]  # type: ignore[union-attr]
            found |= self.of(get_named_type(field.type).name, node.selection_set)
        return found

    def _may_be(self, node: FieldNode, name: str, text: str) -> bool:
        """Return whether an argument may be that text. An omitted variable may be, as it may have that default."""
        values = [each.value for each in node.arguments or () if each.name.value == name]
        return any(
            self._variables.get(value.name.value, text) == text
            if isinstance(value, VariableNode)
            else getattr(value, "value", None) == text
            for value in values
        )

    def _given(self, node: FieldNode, names: Sequence[str]) -> bool:
        """Return whether any of these arguments has a value other than null."""
        values = [each.value for each in node.arguments or () if each.name.value in names]
        return any(
            self._variables.get(value.name.value) is not None
            if isinstance(value, VariableNode)
            else not isinstance(value, NullValueNode)
            for value in values
        )


def sight(viewer: Viewer, looks: Iterable[Action | None]) -> Hashable:
    """Return how far the actions reach for the viewer; equal for viewers who get the same result."""
    return frozenset((action, _seen(viewer, action)) for action in looks)


def _seen(viewer: Viewer, action: Action | None) -> Hashable:
    if action is None:
        return viewer.key, viewer.actor, viewer.below, viewer.goal_teams()
    reached = viewer.reach(action)
    if action is Action.VIEW_GOALS_ABOVE:
        return reached, viewer.goal_teams()
    match reached:
        case Reach.OWN:
            return reached, viewer.id
        case Reach.BELOW:
            return reached, viewer.id, viewer.below
        case Reach.SCOPE:
            return reached, viewer.below
    return reached
