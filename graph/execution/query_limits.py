"""Query limits: refuses documents and operations that are too large, before they cost anything.

The checks run in an order in which each is cheap because the previous ones passed: bytes, tokens, the shape with
all fragments expanded, and, for the operation to execute, the number of rows it asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSyntaxError,
    Lexer,
    OperationDefinitionNode,
    Source,
    TokenKind,
    parse,
)

from domain.errors.operation_errors import BadInput
from graph.execution.query_cost import Scale, Weight, check
from graph.execution.variable_checks import DIGITS, TOO_LONG, UNFIT, clean, fault
from models.db.keyset_pagination import LARGEST

__all__ = ["Limits", "clean", "parsed", "weigh"]


@dataclass(frozen=True)
class Limits:
    """The largest accepted values for one operation, inclusive."""

    deadline: float = 10.0  # execution time
    body: int = 1_000_000  # of an HTTP request
    document: int = 32_768  # in UTF-8
    tokens: int = 2_000
    operations: int = 10  # in one document
    definitions: int = 100  # operations and fragments
    variables: int = 100  # declared by one operation
    nesting: int = 40  # levels of fields, inline fragments and fragment spreads
    depth: int = 12  # levels of fields
    introspection: int = 15  # levels of fields within __schema and __type
    roots: int = 20
    fields: int = 500
    aliases: int = 50
    directives: int = 50
    alike: int = 5_000  # pairs of fields with one response key in one place; validation compares each pair
    cost: int = 5_000  # rows


def parsed(text: str, limits: Limits) -> DocumentNode:
    """Parse a document and check the limits that hold for all its operations and fragments.

    raises  QueryTooComplex; BadInput for literals that cannot be stored; GraphQLSyntaxError; CircularFragment
    """
    check("bytes of the document", len(text.encode(errors="surrogatepass")), limits.document)
    if fault(text):
        raise BadInput(UNFIT, field="query")
    document = _read(text, limits.tokens)
    _check_literals(document)
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    declared = max((len(each.variable_definitions or ()) for each in operations), default=0)
    check("operations in the document", len(operations), limits.operations)
    check("operations and fragments in the document", len(document.definitions), limits.definitions)
    check("variables of one operation", declared, limits.variables)
    scale = Scale(document, {}, {}, limits.nesting)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            weight = scale.definition(definition)
            if isinstance(definition, FragmentDefinitionNode) and definition.type_condition.name.value[:2] == "__":
                weight = weight._replace(depth=0, introspection=max(weight.depth, weight.introspection))
            _check_shape(weight, limits)
            pairs = scale.alike(definition.selection_set)
            check("pairs of fields under one name in one place, fragments spread out", pairs, limits.alike)
    return document


def weigh(
    document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any], limits: Limits
) -> int:
    """Return the cost of the operation: an upper bound of the rows it asks for.

    Page sizes multiply along the path; a page without a size has the default one. A variable that is not a number
    counts as the largest page. Every fragment on a union counts in full.

    raises  QueryTooComplex when the cost or the shape exceeds a limit
    """
    defaults = {each.variable.name.value: each.default_value for each in operation.variable_definitions or ()}
    weight = Scale(document, variables, defaults, limits.nesting).definition(operation)
    _check_shape(weight, limits)
    check("root fields", weight.width, limits.roots)
    cost = weight.rows + LARGEST * weight.each
    check("rows (pages multiplied)", cost, limits.cost)
    return cost


def _check_shape(weight: Weight, limits: Limits) -> None:
    check("fields within each other", weight.depth, limits.depth)
    check("fields of the schema within each other", weight.introspection, limits.introspection)
    check("fields (fragments spread out)", weight.fields, limits.fields)
    check("aliases (fragments spread out)", weight.aliases, limits.aliases)
    check("directives (fragments spread out)", weight.directives, limits.directives)


def _read(text: str, most: int) -> DocumentNode:
    try:
        return parse(text, max_lexical_tokens=most)
    except GraphQLSyntaxError:
        check("tokens in the document (or more)", _tokens(text, most), most)
        raise


def _tokens(text: str, most: int) -> int:
    """Count the tokens of a text up to its first syntax error, at most `max_tokens` + 1."""
    lexer, count = Lexer(Source(text)), 0
    try:
        while count <= most and lexer.advance().kind is not TokenKind.EOF:
            count += 1
    except GraphQLSyntaxError:
        return count
    return count


def _check_literals(document: DocumentNode) -> None:
    token = document.loc.start_token if document.loc else None
    while token:
        if token.kind in (TokenKind.STRING, TokenKind.BLOCK_STRING):
            wrong = fault(token.value or "")
        elif token.kind in (TokenKind.INT, TokenKind.FLOAT):
            wrong = TOO_LONG if len(token.value or "") > DIGITS else fault(float(token.value or ""))
        else:
            wrong = None
        if wrong:
            raise BadInput(f"Line {token.line} of the document: {wrong}", field="query")
        token = token.next
