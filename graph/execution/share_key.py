"""Which permissions the answer of an operation depends on: part of the key under which subscriptions are shared.

Two viewers share a running subscription when document, variables and language are equal and when everything its
fields depend on in a viewer is equal. Each field declares the actions for which it consults the permission table
(graph/base/field_declarations.py), and a viewer's fingerprint is how far these actions reach for them. A field without
a declaration depends on the whole viewer, so a forgotten field is never shared.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)

from domain.ledger.metrics import PRIVATE_METRICS
from domain.permissions import Action, Reach
from graph.base.field_declarations import WHOLE_VIEWER, PermissionSet, declaration_of
from resolvers.request.viewer import Viewer


def permissions_used(
    schema: GraphQLSchema,
    document: DocumentNode,
    definition: OperationDefinitionNode,
    variables: Mapping[str, object],
) -> PermissionSet:
    """Return the actions that determine by their reach the result of the operation; None among them for the whole viewer."""
    root = schema.get_root_type(definition.operation)
    assert root is not None
    return frozenset(_SelectionWalker(schema, document, variables).walk(root, definition.selection_set))


class _SelectionWalker:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, object]) -> None:
        self._schema, self._variables = schema, variables
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }

    def walk(self, graphql_type: GraphQLNamedType, selections: SelectionSetNode) -> set[Action | None]:
        permissions: set[Action | None] = set()
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                permissions |= self._walk_field(graphql_type, selection)
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragments[selection.name.value]
                permissions |= self.walk(self._type_of(fragment.type_condition), fragment.selection_set)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner_type = self._type_of(condition) if condition else graphql_type
                permissions |= self.walk(inner_type, selection.selection_set)
        return permissions

    def _type_of(self, condition: NamedTypeNode) -> GraphQLNamedType:
        return self._schema.type_map[condition.name.value]

    def _walk_field(self, graphql_type: GraphQLNamedType, node: FieldNode) -> set[Action | None]:
        if node.name.value.startswith("__"):
            return set()
        assert isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType), "the document is valid"
        field = graphql_type.fields[node.name.value]
        declaration = declaration_of(field)
        permissions = set(WHOLE_VIEWER if declaration.depends_on is None else declaration.depends_on)
        if metric_argument := declaration.metric_argument:
            permissions |= {
                action for metric, action in PRIVATE_METRICS.items() if self._may_equal(node, metric_argument, metric)
            }
        if declaration.subject_arguments and not self._has_value(node, declaration.subject_arguments):
            permissions.add(None)
        if node.selection_set:
            permissions |= self.walk(get_named_type(field.type), node.selection_set)
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


def permission_fingerprint(viewer: Viewer, permissions: PermissionSet) -> Hashable:
    """Return how far the actions reach for the viewer; equal for viewers that get the same result.

    It is computed once for a viewer: it is part of the key of each subscription and of each kept answer.
    """
    fingerprint = viewer.memo.get(permissions)
    if fingerprint is None:
        reaches = frozenset((action, _reach_fingerprint(viewer, action)) for action in permissions)
        fingerprint = viewer.memo[permissions] = reaches
    return fingerprint


def _reach_fingerprint(viewer: Viewer, action: Action | None) -> Hashable:
    if action is None:
        return viewer.key, viewer.actor, viewer.reachable_team_ids, viewer.visible_goal_groups()
    reach = viewer.reach(action)
    if action is Action.VIEW_GOALS_ABOVE:
        return reach, viewer.visible_goal_groups()
    match reach:
        case Reach.SELF:
            return reach, viewer.id
        case Reach.MANAGED:
            return reach, viewer.id, viewer.reachable_team_ids
        case Reach.SCOPE:
            return reach, viewer.reachable_team_ids
    return reach
