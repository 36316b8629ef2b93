"""Which answers may be kept, and under which key: answers of a leaderboard alone.

An answer may be kept if all of its fields follow from the ranked scores and from the reference data. These fields are
listed by name, so a field that is forgotten here is never kept. The key contains all else that an answer follows from:
document, variables, language, the viewer's permissions, and the position of the reference data.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Final

import orjson
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
    SelectionSetNode,
    get_named_type,
)

from graph.base.field_declarations import PermissionSet
from graph.execution.operations import CACHE_SIZE, Operation
from graph.execution.share_key import permission_fingerprint, permissions_used
from resolvers.request.context import RequestContext

KEPT_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "Query": frozenset({"leaderboard"}),
    "Leaderboard": frozenset(
        {"metric", "rankBy", "standings", "totalCount", "total", "version", "period", "scope"}  # `asOf` is the time
    ),
    "Standing": frozenset({"rank", "previousRank", "employee", "value", "target", "attainmentPercent", "gapToNext"}),
    "Employee": frozenset({"id", "name", "role", "avatarUrl", "active", "team"}),
    "Team": frozenset({"id", "name"}),
    "Company": frozenset({"id", "name"}),
    "Scope": frozenset({"id", "name"}),
    "Metric": frozenset({"key", "unit", "name", "description", "builtIn"}),
    "Period": frozenset({"kind", "start", "end", "label", "workdays", "workdaysElapsed", "workdaysLeft"}),
}


class AnswerKeys:
    """Makes the keys of answers to the operations of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._permissions = lru_cache(maxsize=CACHE_SIZE)(self._find_permissions)

    def may_keep(self, operation: Operation) -> bool:
        """Return whether the operation may have a kept answer; a quick look that excludes most."""
        return operation.kind == "query" and operation.field_name == "leaderboard"

    def make_key(self, operation: Operation, context: RequestContext) -> Hashable | None:
        """Return the key of the operation's answer in this context; None if it must not be kept."""
        viewer = context.current_viewer
        if viewer is None or viewer.reference_data is None:
            return None
        try:
            variables_json = orjson.dumps(operation.variables, option=orjson.OPT_SORT_KEYS)
        except TypeError:  # numbers that are refused later
            return None
        permissions = self._permissions(_OperationForm(operation, variables_json))
        if permissions is None:
            return None
        fingerprint = permission_fingerprint(viewer, permissions)
        position = viewer.reference_data.position
        return operation.text, operation.name, variables_json, context.language, fingerprint, position

    def _find_permissions(self, form: _OperationForm) -> PermissionSet | None:
        """Return the permissions that the answer depends on; None if it must not be kept."""
        operation = form.operation
        root = self._schema.query_type
        assert root is not None
        if not self._are_kept(operation.document, root, operation.definition.selection_set):
            return None
        return permissions_used(self._schema, operation.document, operation.definition, operation.variables)

    def _are_kept(self, document: DocumentNode, graphql_type: GraphQLNamedType, selections: SelectionSetNode) -> bool:
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                name = selection.name.value
                if name == "__typename":
                    continue
                if name not in KEPT_FIELDS.get(graphql_type.name, ()):
                    return False
                assert isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType), "the document is valid"
                inner_type, inner = get_named_type(graphql_type.fields[name].type), selection.selection_set
            elif isinstance(selection, FragmentSpreadNode):
                fragment = next(
                    node
                    for node in document.definitions
                    if isinstance(node, FragmentDefinitionNode) and node.name.value == selection.name.value
                )
                inner_type = self._schema.type_map[fragment.type_condition.name.value]
                inner = fragment.selection_set
            else:
                assert isinstance(selection, InlineFragmentNode)
                condition = selection.type_condition
                inner_type = self._schema.type_map[condition.name.value] if condition else graphql_type
                inner = selection.selection_set
            if inner is not None and not self._are_kept(document, inner_type, inner):
                return False
        return True


class _OperationForm:
    """An operation with its variables, equal to others with the same text, name and variables."""

    def __init__(self, operation: Operation, variables_json: bytes) -> None:
        self.operation, self._identity = operation, (operation.text, operation.name, variables_json)

    def __hash__(self) -> int:
        return hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _OperationForm) and self._identity == other._identity
