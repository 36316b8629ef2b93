"""Query cost analysis: the shape of an operation with its fragments expanded, and the rows it asks for.

The cost of each fragment is computed once however often it is spread. A document whose fragments double at each
level therefore doubles a number, not the work. Invalid parts are left to validation: here they are ignored, or
count as the largest possible value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from domain.errors.operation_errors import TooComplex
from models.db.keyset_pagination import LARGEST, USUAL

PAGED: Final = {  # paginated fields, with their number of rows when the client sets no size
    "activities": USUAL,
    "alerts": USUAL,
    "calls": USUAL,
    "clients": USUAL,
    "deals": USUAL,
    "employees": USUAL,
    "entries": USUAL,
    "leaderboard": LARGEST,
    "leads": USUAL,
    "tasks": USUAL,
}
ROWS: Final = frozenset({"edges", "standings"})  # the fields of a page that contain its rows
LISTS: Final = {  # lists without pagination, with a typical length
    "alertRules": 10,
    "changes": 5,
    "contacts": 3,
    "days": 31,
    "devices": 5,
    "exchangeRates": 10,
    "goals": 10,
    "members": 10,
    "metrics": 20,
    "pipelines": 3,
    "points": 31,
    "series": 5,
    "stages": 7,
    "subteams": 5,
    "teams": 20,
    "userErrors": 1,
}
STATEMENT: Final = 5  # rows: each page takes one more SQL statement, which costs about as much as so many rows


_INTROSPECTION: Final = frozenset({"__schema", "__type"})
_SHOWN: Final = 2**31 - 1  # larger numbers are reported as this one: a cost can have hundreds of digits


def check(what: str, actual: int, limit: int) -> None:
    """Raise QueryTooComplex if `actual` exceeds the limit; `quantity` names what was counted."""
    if actual > limit:
        actual = min(actual, _SHOWN)
        raise TooComplex(
            f"Ask for less at once: {actual} {what}, where at most {limit} are accepted.", limit=limit, actual=actual
        )


class Weight(NamedTuple):
    """Totals of a selection set with its fragments expanded."""

    nesting: int = 0
    depth: int = 0
    introspection: int = 0
    width: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    rows: int = 0
    each: int = 0  # the cost that arises again for each row of the surrounding page


_NOTHING: Final = Weight()


class Circular(GraphQLError):
    """A fragment that spreads itself, directly or through others; its cost would be infinite."""

    def __init__(self, spread: FragmentSpreadNode) -> None:
        super().__init__(f"Cannot spread fragment '{spread.name.value}' within itself.", spread)


class Scale:
    """Computes the costs of the definitions of one document, each fragment once."""

    def __init__(
        self,
        document: DocumentNode,
        variables: Mapping[str, Any],
        defaults: Mapping[str, ValueNode | None],
        nesting: int,
    ) -> None:
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._variables, self._defaults = variables, defaults
        self._nesting = nesting
        # by id of the node; None while it is being visited, which reveals circles
        self._known: dict[int, Weight | None] = {}

    def definition(self, node: OperationDefinitionNode | FragmentDefinitionNode, level: int = 0) -> Weight:
        """Return the cost of an operation or fragment. Raises QueryTooComplex and CircularFragment.

        level  the nesting at which it is used, for the limit
        """
        found = self._known.get(id(node))
        if found is None:
            self._known[id(node)] = None
            found = self._selections(node.selection_set, level + 1)
            declared = node.variable_definitions or () if isinstance(node, OperationDefinitionNode) else ()
            directives = len(node.directives or ()) + sum(len(each.directives or ()) for each in declared)
            found = self._known[id(node)] = found._replace(directives=found.directives + directives)
        self._check_nesting(level + found.nesting)
        return found

    def _check_nesting(self, level: int) -> None:
        check("selections within each other (fragments included)", level, self._nesting)

    def _selections(self, node: SelectionSetNode, level: int) -> Weight:
        self._check_nesting(level)
        nesting = depth = introspection = width = fields = aliases = directives = rows = each = 0
        for selection in node.selections:
            part = self._selection(selection, level)
            nesting = max(nesting, part.nesting)
            depth = max(depth, part.depth)
            introspection = max(introspection, part.introspection)
            width += part.width
            fields += part.fields
            aliases += part.aliases
            directives += part.directives + len(selection.directives or ())
            rows += part.rows
            each += part.each
        return Weight(nesting + 1, depth, introspection, width, fields, aliases, directives, rows, each)

    def _selection(self, node: SelectionNode, level: int) -> Weight:
        if isinstance(node, FieldNode):
            return self._field(node, level)
        if isinstance(node, FragmentSpreadNode):
            fragment = self._fragments.get(node.name.value)
            if fragment and self._known.get(id(fragment), _NOTHING) is None:
                raise Circular(node)
            return self.definition(fragment, level) if fragment else _NOTHING
        return self._selections(node.selection_set, level + 1) if isinstance(node, InlineFragmentNode) else _NOTHING

    def _field(self, node: FieldNode, level: int) -> Weight:
        inner = self._selections(node.selection_set, level + 1) if node.selection_set else _NOTHING
        name = node.name.value
        apart = name in _INTROSPECTION
        rows, each = self._rows(node, inner) if node.selection_set else (0, 0)
        return Weight(
            nesting=inner.nesting,
            depth=1 if apart else inner.depth + 1,
            introspection=max(inner.introspection, inner.depth if apart else 0),
            width=1,
            fields=inner.fields + 1,
            aliases=inner.aliases + (node.alias is not None),
            directives=inner.directives,
            rows=rows,
            each=each,
        )

    def alike(self, *nodes: SelectionSetNode) -> int:
        """Count the pairs of fields with the same response key in merged selection sets, at all levels below.

        The validation rule OverlappingFieldsCanBeMerged compares each such pair, so their number bounds its work.
        Every visited set adds fields, so the counting itself is linear in the fields. The document must have passed
        `visit_definition`: with circular fragments this would not end.
        """
        places: dict[str, list[SelectionSetNode | None]] = {}
        for field in self._fields(nodes, set()):
            places.setdefault((field.alias or field.name).value, []).append(field.selection_set)
        pairs = 0
        for found in places.values():
            pairs += len(found) * (len(found) - 1) // 2
            if inner := [each for each in found if each]:
                pairs += self.alike(*inner)
        return pairs

    def _fields(self, nodes: Sequence[SelectionSetNode], spread: set[str]) -> Iterator[FieldNode]:
        """Yield the fields of the selection sets, with each fragment expanded once."""
        for selection in (each for node in nodes for each in node.selections):
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                yield from self._fields([selection.selection_set], spread)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spread:
                spread.add(selection.name.value)
                if fragment := self._fragments.get(selection.name.value):
                    yield from self._fields([fragment.selection_set], spread)

    def _rows(self, node: FieldNode, inner: Weight) -> tuple[int, int]:
        """Return the rows of a field: the total, and the cost for each row of the surrounding page."""
        name = node.name.value
        if name in ROWS:
            return 0, inner.rows + inner.each
        sizes = [
            self._size(each.value, PAGED.get(name, USUAL))
            for each in node.arguments or ()
            if each.name.value in ("first", "last")
        ]
        if sizes or name in PAGED:
            size = max(sizes, default=PAGED.get(name, USUAL))
            return STATEMENT + inner.rows + size * (1 + inner.each), 0
        return LISTS.get(name, 1) * (1 + inner.rows), inner.each

    def _size(self, given: ValueNode, usual: int) -> int:
        if isinstance(given, VariableNode):
            name = given.name.value
            if name in self._variables:
                return _size(self._variables[name], usual)
            default = self._defaults.get(name)
            return usual if default is None else self._size(default, usual)
        if isinstance(given, NullValueNode):
            return usual
        return _size(int(given.value), usual) if isinstance(given, IntValueNode) and len(given.value) < 10 else LARGEST


def _size(given: Any, usual: int) -> int:
    """Return the number of rows of a page; an invalid size, which is refused later, counts as the largest."""
    if given is None:
        return usual
    return int(given) if isinstance(given, int | float) and 1 <= given <= LARGEST else LARGEST
