"""Which answers may be kept, and under which key.

An answer may be kept if each of its fields declares what it follows from (`follows` in graph/base/field_declarations.py).
The key contains what any answer may follow from: document, variables, language, the viewer's permissions, the position of
the reference data, and the time in quarters of an hour, the steps of working time, between which no pace and no day
changes. What changes otherwise has topics in the change log, which the answer's basis collects.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from graphql import (
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

from domain.primitives.calendar import MINUTES_PER_QUARTER
from graph.base.field_declarations import PermissionSet, declaration_of
from graph.execution.operations import Operation
from graph.execution.share_key import permission_fingerprint, permissions_used
from resolvers.request.context import RequestContext

MAX_FORMS: Final = 4_096
_SECONDS_PER_QUARTER: Final = 60 * MINUTES_PER_QUARTER


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """What is the same for all answers to an operation with these variables.

    identity     the document, the operation's name and the variables
    permissions  that the answer depends on
    """

    identity: Hashable
    permissions: PermissionSet

    def make_key(self, context: RequestContext) -> Hashable | None:
        """Return the key of the answer for the viewer of the context at this time; None if it must not be kept."""
        viewer = context.current_viewer
        if viewer is None or viewer.reference_data is None:
            return None
        fingerprint = permission_fingerprint(viewer, self.permissions)
        quarter = int(context.now().timestamp()) // _SECONDS_PER_QUARTER
        return self.identity, fingerprint, context.language, viewer.reference_data.position, quarter


class AnswerForms:
    """The forms of the answers to operations of one schema, least recently used ones dropped."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._forms: OrderedDict[Hashable, AnswerForm | None] = OrderedDict()

    def find(self, operation: Operation) -> AnswerForm | None:
        """Return the form of the answers to an operation; None if they must not be kept."""
        if operation.kind != "query":
            return None
        try:
            variables_json = orjson.dumps(operation.variables, option=orjson.OPT_SORT_KEYS)
        except TypeError:  # numbers that are refused later
            return None
        identity = operation.text, operation.name, variables_json
        if identity in self._forms:
            self._forms.move_to_end(identity)
            return self._forms[identity]
        form = self._forms[identity] = self._build(operation, identity)
        if len(self._forms) > MAX_FORMS:
            self._forms.popitem(last=False)
        return form

    def _build(self, operation: Operation, identity: Hashable) -> AnswerForm | None:
        definition, document = operation.definition, operation.document
        fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        root = self._schema.query_type
        assert root is not None
        if not _FieldWalker(self._schema, fragments).may_keep(root, definition.selection_set):
            return None
        return AnswerForm(identity, permissions_used(self._schema, document, definition, operation.variables))


class _FieldWalker:
    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema, self._fragments = schema, fragments

    def may_keep(self, graphql_type: GraphQLNamedType, selections: SelectionSetNode) -> bool:
        """Return whether all selected fields, at any depth, declare what they follow from."""
        for selection in selections.selections:
            inner_type, inner = graphql_type, None
            if isinstance(selection, FieldNode):
                name = selection.name.value
                if name == "__typename":
                    continue
                if not isinstance(graphql_type, GraphQLObjectType | GraphQLInterfaceType) or name.startswith("__"):
                    return False
                field = graphql_type.fields[name]
                if declaration_of(field).follows is None:
                    return False
                inner_type, inner = get_named_type(field.type), selection.selection_set
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragments[selection.name.value]
                inner_type, inner = self._schema.type_map[fragment.type_condition.name.value], fragment.selection_set
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner_type = self._schema.type_map[condition.name.value] if condition else graphql_type
                inner = selection.selection_set
            if inner is not None and not self.may_keep(inner_type, inner):
                return False
        return True
