"""Parses, validates, limits and executes GraphQL operations, for HTTP and WebSocket alike.

A document is parsed and validated once and cached by its text. Its cost is checked for each new combination of
variables that can change it, before anything is executed. Queries and mutations run under a deadline.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Hashable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Final, Literal, NamedTuple, TypeVar

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
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    ValueNode,
    VariableNode,
    create_source_event_stream,
    print_ast,
    specified_rules,
    validate,
)
from graphql.execution.executor import Executor
from graphql.execution.values import VariableValues, get_variable_values

from domain.errors.operation_errors import BadInput, OperationTimeout
from graph.base.field_declarations import PermissionSet, Sends, declaration_of
from graph.execution import error_formatting
from graph.execution.awaiting import is_awaitable
from graph.execution.breadth_first import Execution
from graph.execution.plans import CompiledOperation
from graph.execution.query_cost import CircularFragment
from graph.execution.query_limits import QueryLimits, check_cost, parse_document
from graph.execution.share_key import permission_fingerprint, permissions_used
from graph.execution.variable_checks import validate_variables
from models.db.deadline import DeadlineExceeded, with_deadline
from resolvers.request.context import RequestContext
from resolvers.request.viewer import Viewer
from subscriptions.core.stream_context import StreamContext

Result = TypeVar("Result")
OperationKind = Literal["query", "mutation", "subscription"]
CACHE_SIZE: Final = 512  # entries of each LRU cache, so that an attacker cannot fill the memory with new texts
MAX_CACHED_VARIABLES_CHARACTERS: Final = 4_000  # subscriptions with larger variables are parsed each time


class InvalidDocument(Exception):
    """A text that is not a valid document of this schema, with its errors and their code."""

    def __init__(self, errors: list[GraphQLError], code: str) -> None:
        super().__init__(code)
        self.errors, self.code = errors, code


class ShareBasis(NamedTuple):
    """What two subscriptions have in common, besides equal viewers, if they give equal results.

    text         the document in canonical formatting
    variables    as JSON, without the position after which a subscription to events begins: it changes no result
    permissions  that the selected fields depend on
    """

    text: str
    operation_name: str | None
    variables: bytes
    permissions: PermissionSet


@dataclass(frozen=True)
class Operation:
    """An operation that may be executed.

    text          the document as the client sent it
    compiled      the plans of the operation, shared by all its executions
    root_field    its only root field, also when it is inside a fragment; None when there are several
    sends_events  whether its root field is a subscription to events
    share_basis   of a subscription: what its share key consists of besides the viewer
    """

    text: str
    document: DocumentNode
    definition: OperationDefinitionNode
    compiled: CompiledOperation
    variables: dict[str, object]
    kind: OperationKind
    root_field: FieldNode | None
    sends_events: bool = False
    share_basis: ShareBasis | None = None

    @property
    def field_name(self) -> str | None:
        """The schema's name of the only root field."""
        return self.root_field.name.value if self.root_field else None

    @property
    def name(self) -> str | None:
        return self.definition.name.value if self.definition.name else None

    def get_variable_name(self, argument: str) -> str | None:
        """Return the name of the variable passed as this argument of the only root field, if it is a variable."""
        value = self._find_argument_node(argument)
        return value.name.value if isinstance(value, VariableNode) else None

    def get_argument(self, name: str) -> object:
        """Return the value of a scalar argument of the only root field; None when it is null or omitted."""
        value = self._find_argument_node(name)
        if isinstance(value, VariableNode):
            if value.name.value in self.variables:
                return self.variables[value.name.value]
            variable_definitions = self.definition.variable_definitions or ()
            value = next(
                (
                    variable_definition.default_value
                    for variable_definition in variable_definitions
                    if variable_definition.variable.name.value == value.name.value
                ),
                None,
            )
        return getattr(value, "value", None)

    def _find_argument_node(self, argument: str) -> ValueNode | None:
        arguments = self.root_field.arguments or () if self.root_field else ()
        return next((argument_node.value for argument_node in arguments if argument_node.name.value == argument), None)


class Operations:
    """Parses and executes the operations of one schema.

    expose_schema  allows introspection and name suggestions also for anonymous clients; for demos
    """

    def __init__(self, schema: strawberry.Schema, limits: QueryLimits, *, expose_schema: bool = False) -> None:
        self.schema: GraphQLSchema = schema._schema
        self.limits = limits
        self._expose_schema = expose_schema
        self._rules = specified_rules if expose_schema else (*specified_rules, NoSchemaIntrospectionCustomRule)
        self._documents: OrderedDict[str, DocumentNode | InvalidDocument] = OrderedDict()
        self._cost_checked: OrderedDict[Hashable, None] = (
            OrderedDict()
        )  # an ordered set of keys whose cost was accepted
        self._compiled: OrderedDict[Hashable, CompiledOperation] = OrderedDict()
        self._canonical: OrderedDict[str, str] = OrderedDict()  # documents of subscriptions, as `print_ast` writes them
        self._subscriptions: OrderedDict[Hashable, Operation] = OrderedDict()

    def parse_operation(self, text: str, name: str | None, variables: Mapping[str, object] | None) -> Operation:
        """Return the operation of a document, with its variables.

        raises  InvalidDocument for a text that is not valid in this schema; QueryTooComplex and BadInput when a limit
                is exceeded
        """
        document = self._documents.get(text) or self._parse_and_validate(text)
        self._documents.move_to_end(text)
        if isinstance(document, InvalidDocument):
            raise document
        definition = _select_operation(document, name)
        checked_variables: dict[str, object] = validate_variables(dict(variables or {}))
        self._check_cost(text, name, document, definition, checked_variables)
        root_field = _find_root_field(document, definition)
        operation = Operation(
            text,
            document,
            definition,
            self._compile(text, document, definition),
            checked_variables,
            definition.operation.value,
            root_field,
            root_field is not None and self._sends_events(definition, root_field),
        )
        if operation.kind == "subscription":
            return replace(operation, share_basis=self._find_share_basis(operation))
        return operation

    def parse_socket_operation(self, text: str, name: str | None, variables: Mapping[str, object] | None) -> Operation:
        """Do the same as `parse_operation`; equal subscriptions, which many sockets have, give the same object."""
        variables_json = json.dumps(variables) if variables else ""  # orjson writes infinity, which is refused, as null
        key = text, name, variables_json
        operation = self._subscriptions.get(key)
        if operation is None:
            operation = self.parse_operation(text, name, variables)
            if operation.kind != "subscription" or len(variables_json) > MAX_CACHED_VARIABLES_CHARACTERS:
                return operation
            self._subscriptions[key] = operation
            while len(self._subscriptions) > CACHE_SIZE:
                self._subscriptions.popitem(last=False)
        self._subscriptions.move_to_end(key)
        return operation

    def _compile(self, text: str, document: DocumentNode, definition: OperationDefinitionNode) -> CompiledOperation:
        """Return the operation's plans, cached by the text and the operation's name."""
        key = text, definition.name.value if definition.name else None
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = CompiledOperation(document, definition)
            while len(self._compiled) > CACHE_SIZE:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return compiled

    def _sends_events(self, definition: OperationDefinitionNode, root_field: FieldNode) -> bool:
        root_type = self.schema.get_root_type(definition.operation)
        field = root_type.fields.get(root_field.name.value) if root_type else None
        return field is not None and declaration_of(field).sends is Sends.EVENTS

    def _check_cost(
        self,
        text: str,
        name: str | None,
        document: DocumentNode,
        definition: OperationDefinitionNode,
        variables: dict[str, object],
    ) -> None:
        """Raise QueryTooComplex if the operation asks for too much.

        Of the variables only numbers and nulls can change the cost, as sizes of pages, so an accepted cost is cached by
        the text, the operation and those values.
        """
        key = (
            text,
            name,
            tuple((variable_name, _cost_relevant_value(value)) for variable_name, value in variables.items()),
        )
        if key not in self._cost_checked:
            check_cost(self.schema, document, definition, variables, self.limits)
            self._cost_checked[key] = None
            while len(self._cost_checked) > CACHE_SIZE:
                self._cost_checked.popitem(last=False)
        self._cost_checked.move_to_end(key)

    def share_key(self, operation: Operation, viewer: Viewer, language: str) -> Hashable:
        """Return the key under which a subscription is shared: equal keys mean equal results for both viewers."""
        basis = operation.share_basis
        assert basis is not None, "only subscriptions are shared"
        return basis, language, permission_fingerprint(viewer, basis.permissions)

    def _find_share_basis(self, operation: Operation) -> ShareBasis:
        ignored_variable = operation.get_variable_name("after") if operation.sends_events else None
        relevant_variables = {name: value for name, value in operation.variables.items() if name != ignored_variable}
        return ShareBasis(
            self._canonicalize(operation.text, operation.document),
            operation.name,
            orjson.dumps(relevant_variables, option=orjson.OPT_SORT_KEYS),
            permissions_used(self.schema, operation.document, operation.definition, operation.variables),
        )

    def _canonicalize(self, text: str, document: DocumentNode) -> str:
        """Return the document in canonical formatting, cached by its text."""
        canonical_text = self._canonical.get(text)
        if canonical_text is None:
            canonical_text = self._canonical[text] = print_ast(document)
            while len(self._canonical) > CACHE_SIZE:
                self._canonical.popitem(last=False)
        return canonical_text

    def _parse_and_validate(self, text: str) -> DocumentNode | InvalidDocument:
        result: DocumentNode | InvalidDocument
        try:
            result = parse_document(text, self.limits)
        except GraphQLSyntaxError as error:
            result = InvalidDocument([error], error_formatting.PARSE_FAILED)
        except CircularFragment as error:
            result = InvalidDocument([error], error_formatting.VALIDATION_FAILED)
        else:
            for definition in result.definitions:
                if isinstance(definition, OperationDefinitionNode):
                    check_cost(
                        self.schema, result, definition, {}, self.limits
                    )  # before validation, which is slow for large documents
            errors = validate(
                self.schema,
                result,
                self._rules,
                max_errors=error_formatting.MAX_ERRORS,
                hide_suggestions=not self._expose_schema,
            )
            if errors:
                result = InvalidDocument(errors[: error_formatting.MAX_ERRORS], error_formatting.VALIDATION_FAILED)
        self._documents[text] = result
        while len(self._documents) > CACHE_SIZE:
            self._documents.popitem(last=False)
        return result

    async def run_with_deadline(self, awaitable: Awaitable[Result]) -> Result:
        """Return the result of a part of an operation. Raises OperationTimeout after the deadline."""
        try:
            return await with_deadline(self.limits.deadline_seconds, awaitable, while_available=True)
        except DeadlineExceeded:
            raise make_timeout() from None

    async def execute_in(self, context: RequestContext, operation: Operation) -> ExecutionResult:
        """Execute a query or mutation in this context, without a deadline."""
        variable_values = self._coerce_variables(operation)
        if isinstance(variable_values, list):
            return ExecutionResult(None, errors=variable_values)
        return await self._start_execution(operation, context, None, variable_values).run()

    def _coerce_variables(self, operation: Operation) -> VariableValues | list[GraphQLError]:
        return get_variable_values(
            self.schema,
            operation.definition.variable_definitions or (),
            operation.variables,
            max_errors=error_formatting.MAX_ERRORS,
            hide_suggestions=not self._expose_schema,
        )

    def _start_execution(
        self, operation: Operation, context: RequestContext, root_value: object, variable_values: VariableValues
    ) -> Execution:
        plan, basis = operation.compiled.plan(self.schema, variable_values), context.answer_basis
        return Execution(
            plan,
            context,
            root_value,
            variable_values,
            hide_suggestions=not self._expose_schema,
            topics=None if basis is None else basis.topics,
        )

    async def stream_results(
        self, operation: Operation, context: StreamContext
    ) -> AsyncGenerator[tuple[object, ExecutionResult], None]:
        """Yield each event of a subscription with its result; one that cannot start yields None with its errors."""
        executor = Executor.build(
            self.schema,
            operation.document,
            context_value=context,
            raw_variable_values=operation.variables,
            operation_name=operation.name,
            is_awaitable=is_awaitable,
            hide_suggestions=not self._expose_schema,
            max_coercion_errors=error_formatting.MAX_ERRORS,
        )
        if isinstance(executor, list):
            yield None, ExecutionResult(None, errors=executor)
            return
        assert isinstance(executor, Executor), "`build` returns an instance of its class, or errors"
        source = create_source_event_stream(executor)
        event_stream = await source if isawaitable(source) else source
        if isinstance(event_stream, ExecutionResult):
            yield None, event_stream
            return
        assert isinstance(event_stream, AsyncGenerator), "every field of Subscription returns an async generator"
        async with aclosing(event_stream) as events:
            async for event in events:
                yield event, await self._start_execution(operation, context, event, executor.variable_values).run()


def make_timeout() -> OperationTimeout:
    """Return the error of an operation that is given up at its deadline."""
    return OperationTimeout("This took too long and was given up: ask for less, or try again later.")


def _cost_relevant_value(value: object) -> Hashable:
    """Return the part of a variable's value that can change the cost: a number, null, or one constant for the rest."""
    return value if value is None or isinstance(value, int | float) else "other"


def _find_root_field(document: DocumentNode, definition: OperationDefinitionNode) -> FieldNode | None:
    fragments = {
        fragment.name.value: fragment
        for fragment in document.definitions
        if isinstance(fragment, FragmentDefinitionNode)
    }
    pending, root_fields = list(definition.selection_set.selections), []
    while pending:
        selection = pending.pop()
        if isinstance(selection, FieldNode):
            root_fields.append(selection)
        elif isinstance(selection, FragmentSpreadNode):
            pending += fragments[selection.name.value].selection_set.selections
        elif isinstance(selection, InlineFragmentNode):
            pending += selection.selection_set.selections
    return root_fields[0] if len(root_fields) == 1 else None


def _select_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if name is not None:
        operations = [operation for operation in operations if operation.name and operation.name.value == name]
        if not operations:
            raise BadInput("The document has no operation with this `operationName`.", field="operationName")
    elif len(operations) > 1:
        raise BadInput("The document has several operations: name one as `operationName`.", field="operationName")
    if not operations:
        raise BadInput("The document has no operation: send a query, mutation or subscription.", field="query")
    return operations[0]
