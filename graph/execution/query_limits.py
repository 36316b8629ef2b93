"""Query limits: refuses documents and operations that are too large, before they cost anything.

The checks run in an order in which each is cheap because the previous ones passed: bytes, tokens, the shape with
all fragments expanded, and, for the operation to execute, the number of rows it asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    GraphQLSyntaxError,
    Lexer,
    OperationDefinitionNode,
    Source,
    TokenKind,
    parse,
)

from domain.errors.operation_errors import BadInput
from domain.messages import Message, gettext_noop
from graph.execution.query_cost import CostVisitor, SelectionCost, ensure_within
from graph.execution.variable_checks import (
    MAX_DIGITS,
    NUMBER_TOO_LONG,
    UNSTORABLE_CHARACTERS,
    scalar_error,
)
from models.db.keyset_pagination import MAX_PAGE_SIZE


@dataclass(frozen=True)
class QueryLimits:
    """The largest accepted values for one operation, inclusive."""

    deadline_seconds: float = 10.0  # execution time
    body_bytes: int = 1_000_000  # of an HTTP request
    document_bytes: int = 32_768  # in UTF-8
    tokens: int = 2_000
    operations: int = 10  # in one document
    definitions: int = 100  # operations and fragments
    variables: int = 100  # declared by one operation
    nesting: int = 40  # levels of fields, inline fragments and fragment spreads
    depth: int = 12  # levels of fields
    introspection: int = 15  # levels of fields within __schema and __type
    root_fields: int = 20
    fields: int = 500
    aliases: int = 50
    directives: int = 50
    overlapping_fields: int = 5_000  # pairs of fields with one response key in one place; validation compares each pair
    cost: int = 5_000  # rows


def parse_document(text: str, limits: QueryLimits) -> DocumentNode:
    """Parse a document and check the limits that hold for all its operations and fragments.

    raises  QueryTooComplex; BadInput for literals that cannot be stored; GraphQLSyntaxError; CircularFragment
    """
    ensure_within(
        gettext_noop("bytes of the document"), len(text.encode(errors="surrogatepass")), limits.document_bytes
    )
    if scalar_error(text):
        raise BadInput(UNSTORABLE_CHARACTERS, field="query")
    document = _parse(text, limits.tokens)
    _check_literals(document)
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    variable_count = max((len(operation.variable_definitions or ()) for operation in operations), default=0)
    ensure_within(gettext_noop("operations in the document"), len(operations), limits.operations)
    ensure_within(
        gettext_noop("operations and fragments in the document"), len(document.definitions), limits.definitions
    )
    ensure_within(gettext_noop("variables of one operation"), variable_count, limits.variables)
    visitor = CostVisitor(document, {}, {}, limits.nesting)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            cost = visitor.visit_definition(definition)
            if isinstance(definition, FragmentDefinitionNode) and definition.type_condition.name.value[:2] == "__":
                cost = cost._replace(depth=0, introspection=max(cost.depth, cost.introspection))
            _check_shape(cost, limits)
            overlaps = visitor.count_overlaps(definition.selection_set)
            ensure_within(
                gettext_noop("pairs of fields under one name in one place, fragments spread out"),
                overlaps,
                limits.overlapping_fields,
            )
    return document


def check_cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, object],
    limits: QueryLimits,
) -> int:
    """Return the cost of the operation: an upper bound of the rows it asks for.

    Page sizes multiply along the path; a page without a size has the default one. A variable that is not a number
    counts as the largest page. Every fragment on a union counts in full.

    raises  QueryTooComplex when the cost or the shape exceeds a limit
    """
    defaults = {
        variable.variable.name.value: variable.default_value for variable in operation.variable_definitions or ()
    }
    visitor = CostVisitor(document, variables, defaults, limits.nesting, schema)
    selection_cost = visitor.visit_definition(operation)
    _check_shape(selection_cost, limits)
    ensure_within(gettext_noop("root fields"), selection_cost.width, limits.root_fields)
    cost = selection_cost.rows + MAX_PAGE_SIZE * selection_cost.per_row_cost
    ensure_within(gettext_noop("rows (pages multiplied)"), cost, limits.cost)
    return cost


def _check_shape(cost: SelectionCost, limits: QueryLimits) -> None:
    ensure_within(gettext_noop("fields within each other"), cost.depth, limits.depth)
    ensure_within(gettext_noop("fields of the schema within each other"), cost.introspection, limits.introspection)
    ensure_within(gettext_noop("fields (fragments spread out)"), cost.fields, limits.fields)
    ensure_within(gettext_noop("aliases (fragments spread out)"), cost.aliases, limits.aliases)
    ensure_within(gettext_noop("directives (fragments spread out)"), cost.directives, limits.directives)


def _parse(text: str, max_tokens: int) -> DocumentNode:
    try:
        return parse(text, max_lexical_tokens=max_tokens)
    except GraphQLSyntaxError:
        ensure_within(gettext_noop("tokens in the document (or more)"), _count_tokens(text, max_tokens), max_tokens)
        raise


def _count_tokens(text: str, max_tokens: int) -> int:
    """Count the tokens of a text up to its first syntax error, at most `max_tokens` + 1."""
    lexer, count = Lexer(Source(text)), 0
    try:
        while count <= max_tokens and lexer.advance().kind is not TokenKind.EOF:
            count += 1
    except GraphQLSyntaxError:
        return count
    return count


def _check_literals(document: DocumentNode) -> None:
    token = document.loc.start_token if document.loc else None
    while token:
        if token.kind in (TokenKind.STRING, TokenKind.BLOCK_STRING):
            problem = scalar_error(token.value or "")
        elif token.kind in (TokenKind.INT, TokenKind.FLOAT):
            problem = NUMBER_TOO_LONG if len(token.value or "") > MAX_DIGITS else scalar_error(float(token.value or ""))
        else:
            problem = None
        if problem:
            raise BadInput(
                "Line {line} of the document: {wrong}", field="query", line=token.line, wrong=Message(problem)
            )
        token = token.next
