"""Parses, validates, limits and executes GraphQL operations, for HTTP and WebSocket alike.

A document is parsed and validated once and cached by its text. Its cost is checked for each new combination of
variables that can change it, before anything is executed. Queries and mutations run under a deadline.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Hashable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Final, Literal

import orjson
import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    create_source_event_stream,
    execute,
    print_ast,
    specified_rules,
    validate,
)

from domain.errors.operation_errors import BadInput, Timeout
from graph.execution import error_formatting
from graph.execution.fast_executor import Executor, is_awaitable
from graph.execution.query_cost import Circular
from graph.execution.query_limits import Limits, clean, parsed, weigh
from graph.execution.share_key import looks, sight
from models.db.connection import GivenUp, within
from resolvers.request.context import Context
from resolvers.request.viewer import Viewer

Kind = Literal["query", "mutation", "subscription"]
KEPT: Final = 512  # entries of each LRU cache, so that an attacker cannot fill the memory with new texts


class Unanswerable(Exception):
    """A text that is not a valid document of this schema, with its errors and their code."""

    def __init__(self, errors: list[GraphQLError], code: str) -> None:
        super().__init__(code)
        self.errors, self.code = errors, code


@dataclass(frozen=True)
class Operation:
    """An operation that may be executed.

    text        the document as the client sent it
    root_field  its only root field, also when it is inside a fragment; None when there are several
    """

    text: str
    document: DocumentNode
    definition: OperationDefinitionNode
    variables: dict[str, Any]
    kind: Kind
    root: FieldNode | None

    @property
    def field(self) -> str | None:
        """The schema's name of the only root field."""
        return self.root.name.value if self.root else None

    @property
    def name(self) -> str | None:
        return self.definition.name.value if self.definition.name else None

    def variable(self, argument: str) -> str | None:
        """Return the name of the variable passed as this argument of the only root field, if it is a variable."""
        value = self._written(argument)
        return value.name.value if isinstance(value, VariableNode) else None

    def argument(self, name: str) -> Any:
        """Return the value of a scalar argument of the only root field; None when it is null or omitted."""
        value = self._written(name)
        if isinstance(value, VariableNode):
            if value.name.value in self.variables:
                return self.variables[value.name.value]
            declared = self.definition.variable_definitions or ()
            value = next(
                (each.default_value for each in declared if each.variable.name.value == value.name.value), None
            )
        return getattr(value, "value", None)

    def _written(self, argument: str) -> ValueNode | None:
        arguments = self.root.arguments or () if self.root else ()
        return next((each.value for each in arguments if each.name.value == argument), None)


class Operations:
    """Parses and executes the operations of one schema.

    expose_schema  allows introspection and name suggestions also for anonymous clients; for demos
    """

    def __init__(self, schema: strawberry.Schema, limits: Limits, *, open: bool = False) -> None:
        self.schema: GraphQLSchema = schema._schema
        self.limits = limits
        self._open = open
        self._rules = specified_rules if open else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._known: OrderedDict[str, DocumentNode | Unanswerable] = OrderedDict()
        self._light: OrderedDict[Hashable, None] = OrderedDict()  # an ordered set of keys whose cost was accepted
        self._forms: OrderedDict[str, str] = OrderedDict()  # documents of subscriptions, as `print_ast` writes them

    def asked(self, text: str, name: str | None, variables: Mapping[str, Any] | None) -> Operation:
        """Return the operation of a document, with its variables.

        raises  InvalidDocument for a text that is not valid in this schema; QueryTooComplex and BadInput when a limit
                is exceeded
        """
        document = self._known.get(text) or self._read(text)
        self._known.move_to_end(text)
        if isinstance(document, Unanswerable):
            raise document
        definition = _chosen(document, name)
        given: dict[str, Any] = clean(dict(variables or {}))
        self._check_weight(text, name, document, definition, given)
        return Operation(text, document, definition, given, definition.operation.value, _root(document, definition))

    def _check_weight(
        self,
        text: str,
        name: str | None,
        document: DocumentNode,
        definition: OperationDefinitionNode,
        given: dict[str, Any],
    ) -> None:
        """Raise QueryTooComplex if the operation asks for too much.

        Of the variables only numbers and nulls can change the cost, as sizes of pages, so an accepted cost is cached by
        the text, the operation and those values.
        """
        key = (text, name, tuple((each, _number(value)) for each, value in given.items()))
        if key not in self._light:
            weigh(document, definition, given, self.limits)
            self._light[key] = None
            while len(self._light) > KEPT:
                self._light.popitem(last=False)
        self._light.move_to_end(key)

    def key(self, operation: Operation, viewer: Viewer, language: str, ignored: Sequence[str] = ()) -> Hashable:
        """Return the key under which a subscription is shared: equal keys mean equal results for both viewers.

        ignored_arguments  arguments of the root field that do not change the result; their variables are left out
        """
        left_out = {operation.variable(argument) for argument in ignored}
        looked_at = looks(self.schema, operation.document, operation.definition, operation.variables)
        given = {name: value for name, value in operation.variables.items() if name not in left_out}
        variables = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        form = self._form(operation.text, operation.document)
        return form, operation.name, variables, language, sight(viewer, looked_at)

    def _form(self, text: str, document: DocumentNode) -> str:
        """Return the document in canonical formatting, cached by its text."""
        found = self._forms.get(text)
        if found is None:
            found = self._forms[text] = print_ast(document)
            while len(self._forms) > KEPT:
                self._forms.popitem(last=False)
        return found

    def _read(self, text: str) -> DocumentNode | Unanswerable:
        found: DocumentNode | Unanswerable
        try:
            found = parsed(text, self.limits)
        except GraphQLSyntaxError as error:
            found = Unanswerable([error], error_formatting.PARSE)
        except Circular as error:
            found = Unanswerable([error], error_formatting.VALIDATION)
        else:
            for definition in found.definitions:
                if isinstance(definition, OperationDefinitionNode):
                    weigh(found, definition, {}, self.limits)  # before validation, which is slow for large documents
            errors = validate(
                self.schema, found, self._rules, max_errors=error_formatting.MOST, hide_suggestions=not self._open
            )
            if errors:
                found = Unanswerable(errors[: error_formatting.MOST], error_formatting.VALIDATION)
        self._known[text] = found
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return found

    async def execute(self, operation: Operation, admitted: Awaitable[Context]) -> ExecutionResult:
        """Execute a query or mutation in the context that is being created. Raises OperationTimeout after the deadline.

        The deadline includes authentication, which creates the context.
        """
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
            executor_class=Executor,
            is_awaitable=is_awaitable,
            hide_suggestions=not self._open,
            max_coercion_errors=error_formatting.MOST,
        )
        return await result if isawaitable(result) else result

    async def events(self, operation: Operation, context: Context) -> AsyncGenerator[tuple[Any, ExecutionResult], None]:
        """Yield each event of a subscription with its result; one that cannot start yields None with its errors."""
        executor = Executor.build(
            self.schema,
            operation.document,
            context_value=context,
            raw_variable_values=operation.variables,
            operation_name=operation.name,
            is_awaitable=is_awaitable,
            hide_suggestions=not self._open,
            max_coercion_errors=error_formatting.MOST,
        )
        if isinstance(executor, list):
            yield None, ExecutionResult(None, errors=executor)
            return
        assert isinstance(executor, Executor), "`build` returns an instance of its class, or errors"
        source: Any = create_source_event_stream(executor)
        found = await source if isawaitable(source) else source
        if isinstance(found, ExecutionResult):
            yield None, found
            return
        async with aclosing(found) as events:
            async for event in events:
                yield event, await executor.event(event)


def _number(value: Any) -> Hashable:
    """Return the part of a variable's value that can change the cost: a number, null, or one constant for the rest."""
    return value if value is None or isinstance(value, int | float) else "other"


def _root(document: DocumentNode, definition: OperationDefinitionNode) -> FieldNode | None:
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    waiting, found = list(definition.selection_set.selections), []
    while waiting:
        selection = waiting.pop()
        if isinstance(selection, FieldNode):
            found.append(selection)
        elif isinstance(selection, FragmentSpreadNode):
            waiting += fragments[selection.name.value].selection_set.selections
        else:
            waiting += selection.selection_set.selections  # type: ignore[attr-defined]
    return found[0] if len(found) == 1 else None


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
