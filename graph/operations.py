"""One operation from its text to its result: read once, refused early, executed under a deadline.

A text is parsed and validated once and remembered; what it may cost is looked at each
time, before anything is executed. HTTP and socket both go through here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final, Literal

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    execute,
    specified_rules,
    subscribe,
    validate,
)
from strawberry.execution import optimized_is_awaitable

from domain.failures import BadInput, Timeout
from graph import failures
from graph.limits import Limits, clean, parsed, weigh
from graph.weights import Circular
from models.database import GivenUp, within
from resolvers.context import Context

Kind = Literal["query", "mutation", "subscription"]
_is_awaitable: Any = optimized_is_awaitable
KEPT: Final = 512  # texts; an attacker's push out an attacker's


class Unanswerable(Exception):
    """A text that is no operation of ours: its errors, and their code."""

    def __init__(self, errors: list[GraphQLError], code: str) -> None:
        super().__init__(code)
        self.errors, self.code = errors, code


@dataclass(frozen=True)
class Operation:
    """An operation that may be executed.

    field  its only root field, as the schema has it; None when it has several, or a fragment.
    """

    document: DocumentNode
    definition: OperationDefinitionNode
    variables: dict[str, Any]
    kind: Kind
    field: str | None

    @property
    def name(self) -> str | None:
        return self.definition.name.value if self.definition.name else None


class Operations:
    """What of a schema may be asked.

    open  strangers may read the schema and have names suggested: for demos.
    """

    def __init__(self, schema: strawberry.Schema, limits: Limits, *, open: bool = False) -> None:
        self.schema: GraphQLSchema = schema._schema
        self.limits = limits
        self._executor = schema.execution_context_class
        self._open = open
        self._rules = specified_rules if open else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._known: OrderedDict[str, DocumentNode | Unanswerable] = OrderedDict()

    def asked(self, text: str, name: str | None, variables: Mapping[str, Any] | None) -> Operation:
        """Return what a text asks for with these variables.

        raises  Unanswerable for what is no operation of this schema; TooComplex and BadInput for what is too much.
        """
        document = self._known.get(text) or self._read(text)
        self._known.move_to_end(text)
        if isinstance(document, Unanswerable):
            raise document
        definition = _chosen(document, name)
        given: dict[str, Any] = clean(dict(variables or {}))
        weigh(document, definition, given, self.limits)
        return Operation(document, definition, given, definition.operation.value, self._root(definition))

    def _read(self, text: str) -> DocumentNode | Unanswerable:
        found: DocumentNode | Unanswerable
        try:
            found = parsed(text, self.limits)
        except GraphQLSyntaxError as error:
            found = Unanswerable([error], failures.PARSE)
        except Circular as error:
            found = Unanswerable([error], failures.VALIDATION)
        else:
            for definition in found.definitions:
                if isinstance(definition, OperationDefinitionNode):
                    weigh(found, definition, {}, self.limits)  # before validation, which a large document makes slow
            errors = validate(
                self.schema, found, self._rules, max_errors=failures.MOST, hide_suggestions=not self._open
            )
            if errors:
                found = Unanswerable(errors[: failures.MOST], failures.VALIDATION)
        self._known[text] = found
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return found

    def _root(self, definition: OperationDefinitionNode) -> str | None:
        selections = definition.selection_set.selections
        if len(selections) != 1 or not isinstance(selections[0], FieldNode):
            return None
        return selections[0].name.value

    async def execute(self, operation: Operation, admitted: Awaitable[Context]) -> ExecutionResult:
        """Return the result of a query or mutation for whoever is admitted. Raises Timeout after the deadline."""
        try:
            return await within(self.limits.deadline, self._executed(operation, admitted))
        except GivenUp:
            raise Timeout("This took too long and was given up: ask for less, or try again later.") from None

    async def _executed(self, operation: Operation, admitted: Awaitable[Context]) -> ExecutionResult:
        result = execute(
            self.schema,
            operation.document,
            context_value=await admitted,
            variable_values=operation.variables,
            operation_name=operation.name,
            executor_class=self._executor,
            is_awaitable=_is_awaitable,
            hide_suggestions=not self._open,
            max_coercion_errors=failures.MOST,
        )
        return await result if isawaitable(result) else result

    async def stream(self, operation: Operation, context: Context) -> AsyncIterator[ExecutionResult]:
        """Yield the results of a subscription; one that cannot begin yields its errors, without data."""
        source = subscribe(
            self.schema,
            operation.document,
            context_value=context,
            variable_values=operation.variables,
            operation_name=operation.name,
            executor_class=self._executor,
            hide_suggestions=not self._open,
            max_coercion_errors=failures.MOST,
        )
        found = await source if isawaitable(source) else source
        if isinstance(found, ExecutionResult):
            yield found
            return
        async with aclosing(found) as results:  # type: ignore[type-var]
            async for result in results:
                yield result


def _chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    found = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    if name is not None:
        found = [each for each in found if each.name and each.name.value == name]
        if not found:
            raise BadInput("The document has no operation with this `operationName`.", field="operationName")
    elif len(found) > 1:
        raise BadInput("The document has several operations: name one as `operationName`.", field="operationName")
    if not found:
        raise BadInput("The document has no operation: send a query, mutation or subscription.", field="query")
    return found[0]
