"""Executes documents as the server does, without its limits: a test may ask for more than a client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from functools import cache
from typing import Any, Final

import strawberry
from graphql import ExecutionResult, GraphQLError

from domain.errors.operation_errors import OperationError
from graph.execution.operations import InvalidDocument, Operation, Operations
from graph.execution.query_limits import QueryLimits
from resolvers.request.context import RequestContext
from subscriptions.core.stream_context import StreamContext

MANY: Final = 10**6
NO_LIMITS: Final = QueryLimits(
    deadline_seconds=60, document_bytes=MANY, tokens=MANY, nesting=MANY, depth=MANY, introspection=MANY,
    root_fields=MANY, fields=MANY, aliases=MANY, directives=MANY, overlapping_fields=MANY, cost=10**9,
)  # fmt: skip


@cache
def executor_of(schema: strawberry.Schema) -> DocumentExecutor:
    """Return the executor of a schema, which all tests of a process share: documents are validated once."""
    return DocumentExecutor(schema)


class DocumentExecutor:
    """Executes the operations of one schema; a document that is refused is a result with its errors."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self._operations = Operations(schema, NO_LIMITS, expose_schema=True)

    async def execute(self, document: str, context: RequestContext, variables: Mapping[str, Any]) -> ExecutionResult:
        operation = self._parse(document, variables)
        if isinstance(operation, ExecutionResult):
            return operation
        return await self._operations.execute_in(context, operation)

    async def subscribe(
        self, document: str, context: StreamContext, variables: Mapping[str, Any]
    ) -> AsyncGenerator[ExecutionResult, None]:
        operation = self._parse(document, variables)
        if isinstance(operation, ExecutionResult):
            yield operation
            return
        try:
            async for _, result in self._operations.stream_results(operation, context):
                yield result
        except OperationError as error:  # ends the stream
            yield ExecutionResult(None, [GraphQLError(str(error), original_error=error)])

    def _parse(self, document: str, variables: Mapping[str, Any]) -> Operation | ExecutionResult:
        try:
            return self._operations.parse_operation(document, None, variables)
        except InvalidDocument as error:
            return ExecutionResult(None, error.errors)
        except OperationError as error:
            return ExecutionResult(None, [GraphQLError(str(error), original_error=error)])
