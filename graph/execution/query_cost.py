"""Query cost analysis: the shape of an operation with its fragments expanded, and the rows it asks for.

The cost of each fragment is computed once however often it is spread. A document whose fragments double at each
level therefore doubles a number, not the work. Invalid parts are left to validation: here they are ignored, or
count as the largest possible value. Each field declares its length or page size (graph/base/field_declarations.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
)

from domain.errors.operation_errors import QueryTooComplex
from domain.messages import Message, gettext_noop
from graph.base.field_declarations import UNDECLARED, FieldDeclaration, declaration_of
from models.db.keyset_pagination import MAX_PAGE_SIZE

STATEMENT_COST: Final = 5  # rows: each page takes one more SQL statement, which costs about as much as so many rows

_INTROSPECTION: Final = frozenset({"__schema", "__type"})
_MAX_REPORTED: Final = 2**31 - 1  # larger numbers are reported as this one: a cost can have hundreds of digits


def ensure_within(quantity: str, actual: int, limit: int) -> None:
    """Raise QueryTooComplex if `actual` exceeds the limit; `quantity` names what was counted, a translatable phrase."""
    if actual > limit:
        actual = min(actual, _MAX_REPORTED)
        raise QueryTooComplex(
            "Ask for less at once: {actual} {quantity}, where at most {limit} are accepted.",
            actual=actual,
            quantity=Message(quantity),
            limit=limit,
        )


class SelectionCost(NamedTuple):
    """Totals of a selection set with its fragments expanded."""

    nesting: int = 0
    depth: int = 0
    introspection: int = 0
    width: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    rows: int = 0
    per_row_cost: int = 0  # the cost that arises again for each row of the surrounding page


_NO_COST: Final = SelectionCost()


class CircularFragment(GraphQLError):
    """A fragment that spreads itself, directly or through others; its cost would be infinite."""

    def __init__(self, spread: FragmentSpreadNode) -> None:
        super().__init__(f"Cannot spread fragment '{spread.name.value}' within itself.", spread)


class CostVisitor:
    """Computes the costs of the definitions of one document, each fragment once.

    schema  declares the lengths of lists and pages; without it only the shape is computed, and each field is one row
    """

    def __init__(
        self,
        document: DocumentNode,
        variables: Mapping[str, object],
        defaults: Mapping[str, ValueNode | None],
        max_nesting: int,
        schema: GraphQLSchema | None = None,
    ) -> None:
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._variables, self._defaults = variables, defaults
        self._max_nesting, self._schema = max_nesting, schema
        # by id of the node; None while it is being visited, which reveals circles
        self._definition_costs: dict[int, SelectionCost | None] = {}

    def visit_definition(self, node: OperationDefinitionNode | FragmentDefinitionNode, level: int = 0) -> SelectionCost:
        """Return the cost of an operation or fragment. Raises QueryTooComplex and CircularFragment.

        level  the nesting at which it is used, for the limit
        """
        cost = self._definition_costs.get(id(node))
        if cost is None:
            self._definition_costs[id(node)] = None
            cost = self._visit_selections(node.selection_set, level + 1, self._type_of(node))
            variable_definitions = node.variable_definitions or () if isinstance(node, OperationDefinitionNode) else ()
            directives = len(node.directives or ()) + sum(
                len(variable.directives or ()) for variable in variable_definitions
            )
            cost = self._definition_costs[id(node)] = cost._replace(directives=cost.directives + directives)
        self._check_nesting(level + cost.nesting)
        return cost

    def _type_of(
        self, node: OperationDefinitionNode | FragmentDefinitionNode | InlineFragmentNode
    ) -> GraphQLNamedType | None:
        """Return the type of which the definition selects fields; None if it is unknown."""
        if self._schema is None:
            return None
        if isinstance(node, OperationDefinitionNode):
            return self._schema.get_root_type(node.operation)
        return self._schema.get_type(node.type_condition.name.value) if node.type_condition else None

    def _check_nesting(self, level: int) -> None:
        ensure_within(gettext_noop("selections within each other (fragments included)"), level, self._max_nesting)

    def _visit_selections(self, node: SelectionSetNode, level: int, parent: GraphQLNamedType | None) -> SelectionCost:
        self._check_nesting(level)
        nesting = depth = introspection = width = fields = aliases = directives = rows = per_row_cost = 0
        for selection in node.selections:
            cost = self._visit_selection(selection, level, parent)
            nesting = max(nesting, cost.nesting)
            depth = max(depth, cost.depth)
            introspection = max(introspection, cost.introspection)
            width += cost.width
            fields += cost.fields
            aliases += cost.aliases
            directives += cost.directives + len(selection.directives or ())
            rows += cost.rows
            per_row_cost += cost.per_row_cost
        return SelectionCost(nesting + 1, depth, introspection, width, fields, aliases, directives, rows, per_row_cost)

    def _visit_selection(self, node: SelectionNode, level: int, parent: GraphQLNamedType | None) -> SelectionCost:
        if isinstance(node, FieldNode):
            return self._visit_field(node, level, parent)
        if isinstance(node, FragmentSpreadNode):
            fragment = self._fragments.get(node.name.value)
            if fragment and self._definition_costs.get(id(fragment), _NO_COST) is None:
                raise CircularFragment(node)
            return self.visit_definition(fragment, level) if fragment else _NO_COST
        if not isinstance(node, InlineFragmentNode):
            return _NO_COST
        inner_type = self._type_of(node) if node.type_condition else parent
        return self._visit_selections(node.selection_set, level + 1, inner_type)

    def _visit_field(self, node: FieldNode, level: int, parent: GraphQLNamedType | None) -> SelectionCost:
        fields = parent.fields if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) else {}
        field = fields.get(node.name.value)
        field_type = get_named_type(field.type) if field else None
        child_cost = (
            self._visit_selections(node.selection_set, level + 1, field_type) if node.selection_set else _NO_COST
        )
        is_introspection = node.name.value in _INTROSPECTION
        declaration = declaration_of(field) if field else UNDECLARED
        rows, per_row_cost = self._row_cost(node, declaration, child_cost) if node.selection_set else (0, 0)
        return SelectionCost(
            nesting=child_cost.nesting,
            depth=1 if is_introspection else child_cost.depth + 1,
            introspection=max(child_cost.introspection, child_cost.depth if is_introspection else 0),
            width=1,
            fields=child_cost.fields + 1,
            aliases=child_cost.aliases + (node.alias is not None),
            directives=child_cost.directives,
            rows=rows,
            per_row_cost=per_row_cost,
        )

    def count_overlaps(self, *nodes: SelectionSetNode) -> int:
        """Count the pairs of fields with the same response key in merged selection sets, at all levels below.

        The validation rule OverlappingFieldsCanBeMerged compares each such pair, so their number bounds its work.
        Every visited set adds fields, so the counting itself is linear in the fields. The document must have passed
        `visit_definition`: with circular fragments this would not end.
        """
        selection_sets_by_key: dict[str, list[SelectionSetNode | None]] = {}
        for field in self._iterate_fields(nodes, set()):
            selection_sets_by_key.setdefault((field.alias or field.name).value, []).append(field.selection_set)
        pairs = 0
        for selection_sets in selection_sets_by_key.values():
            pairs += len(selection_sets) * (len(selection_sets) - 1) // 2
            if nested := [selection_set for selection_set in selection_sets if selection_set]:
                pairs += self.count_overlaps(*nested)
        return pairs

    def _iterate_fields(self, nodes: Sequence[SelectionSetNode], visited_fragments: set[str]) -> Iterator[FieldNode]:
        """Yield the fields of the selection sets, with each fragment expanded once."""
        for selection in (child for node in nodes for child in node.selections):
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                yield from self._iterate_fields([selection.selection_set], visited_fragments)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in visited_fragments:
                visited_fragments.add(selection.name.value)
                if fragment := self._fragments.get(selection.name.value):
                    yield from self._iterate_fields([fragment.selection_set], visited_fragments)

    def _row_cost(self, node: FieldNode, declaration: FieldDeclaration, child_cost: SelectionCost) -> tuple[int, int]:
        """Return the rows of a field: the total, and the cost for each row of the surrounding page."""
        if declaration.has_page_rows:
            return 0, child_cost.rows + child_cost.per_row_cost
        if declaration.page_size is not None:
            sizes = [
                self._page_size_of_node(argument.value, declaration.page_size)
                for argument in node.arguments or ()
                if argument.name.value in ("first", "last")
            ]
            size = max(sizes, default=declaration.page_size)
            return STATEMENT_COST + child_cost.rows + size * (1 + child_cost.per_row_cost), 0
        return (declaration.length or 1) * (1 + child_cost.rows), child_cost.per_row_cost

    def _page_size_of_node(self, value_node: ValueNode, default_size: int) -> int:
        if isinstance(value_node, VariableNode):
            name = value_node.name.value
            if name in self._variables:
                return _page_size(self._variables[name], default_size)
            default = self._defaults.get(name)
            return default_size if default is None else self._page_size_of_node(default, default_size)
        if isinstance(value_node, NullValueNode):
            return default_size
        return (
            _page_size(int(value_node.value), default_size)
            if isinstance(value_node, IntValueNode) and len(value_node.value) < 10
            else MAX_PAGE_SIZE
        )


def _page_size(value: object, default_size: int) -> int:
    """Return the number of rows of a page; an invalid size, which is refused later, counts as the largest."""
    if value is None:
        return default_size
    return int(value) if isinstance(value, int | float) and 1 <= value <= MAX_PAGE_SIZE else MAX_PAGE_SIZE
