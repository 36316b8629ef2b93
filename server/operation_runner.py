"""Runs GraphQL operations: the same permissions, limits, errors and metrics over HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import cached_property
from typing import Final

import orjson
from graphql import ExecutionResult

from domain.primitives.json_values import JsonObject
from graph.execution import error_formatting
from graph.execution.answer_keys import AnswerForm, AnswerForms
from graph.execution.operations import InvalidDocument, Operation, Operations, make_timeout
from resolvers.auth import audit
from resolvers.request.client_info import ClientInfo
from resolvers.request.context import RequestContext
from resolvers.request.kept_answers import AnswerBasis
from server.context_factory import ContextFactory
from server.observability import logging, prometheus
from server.requests.request_parsing import GraphQLRequest
from subscriptions.core.stream_context import StreamContext

_CLIENT_ERROR_CODES: Final = frozenset(
    {
        "UNAUTHENTICATED", "TOKEN_EXPIRED", "FORBIDDEN", "NOT_FOUND", "CURSOR_UNKNOWN", "THROTTLED", "BAD_REQUEST",
        "QUERY_TOO_COMPLEX", error_formatting.PARSE_FAILED, error_formatting.VALIDATION_FAILED, error_formatting.BAD_USER_INPUT,
    }
)  # fmt: skip

_LOGGED_REFUSALS: Final = frozenset({"UNAUTHENTICATED", "FORBIDDEN", "THROTTLED", "QUERY_TOO_COMPLEX"})


class OperationResult:
    """Result of an operation.

    payload  as the client gets it; it has no `data` if the operation was not executed.
    """

    def __init__(self, payload: JsonObject) -> None:
        self.payload = payload

    @cached_property
    def body(self) -> bytes:
        """The payload as JSON."""
        return orjson.dumps(self.payload)

    @property
    def error_codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.payload.get("errors", ())]

    @property
    def is_empty(self) -> bool:
        """Whether no root field has a value."""
        data = self.payload.get("data")
        return not data or all(value is None for value in data.values())

    @property
    def outcome(self) -> prometheus.OperationOutcome:
        if not self.error_codes:
            return "ok"
        return "refused" if _CLIENT_ERROR_CODES.issuperset(self.error_codes) else "failed"


class KeptResult(OperationResult):
    """The kept result of an earlier operation, without errors."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    @cached_property
    def payload(self) -> JsonObject:  # type: ignore[override]  # here it follows from the body
        payload: JsonObject = orjson.loads(self.body)
        return payload

    @property
    def error_codes(self) -> list[str]:
        return []


class OperationRunner:
    """Runs operations; every error becomes part of a result instead of an exception."""

    def __init__(self, operations: Operations, context_factory: ContextFactory) -> None:
        self.operations, self.context_factory = operations, context_factory
        self._answer_forms = AnswerForms(operations.schema)

    def make_error_result(self, error: Exception, client: ClientInfo) -> OperationResult:
        """Return the result of an operation that was not executed because of `error`."""
        errors: Sequence[Exception] = error.errors if isinstance(error, InvalidDocument) else [error]
        code = error.code if isinstance(error, InvalidDocument) else error_formatting.BAD_USER_INPUT
        return OperationResult({"errors": [self._format_error(source_error, client, code) for source_error in errors]})

    def _format_error(
        self, error: Exception, client: ClientInfo, code: str = error_formatting.BAD_USER_INPUT
    ) -> error_formatting.ErrorEntry:
        entry = error_formatting.format_error(
            error, language=client.language, request_id=logging.current_request_id(), default_code=code
        )
        if entry["extensions"]["code"] in _LOGGED_REFUSALS:
            audit.log.warning("operation refused", code=entry["extensions"]["code"], address=client.address)
        return entry

    def parse_operation(self, request: GraphQLRequest) -> Operation:
        """Parse, validate and prepare a request. Raises errors that `make_error_result` turns into a result."""
        operation = self.operations.parse_operation(request.query, request.operation_name, request.variables)
        self.log_operation(operation)
        return operation

    def log_operation(self, operation: Operation) -> None:
        """Name the operation in the log line of the request."""
        logging.set_operation_name(operation.name or operation.field_name)

    def parse_socket_operation(self, request: GraphQLRequest) -> Operation:
        """Do the same as `parse_operation`, for a request that is often that of many sockets."""
        operation = self.operations.parse_socket_operation(request.query, request.operation_name, request.variables)
        self.log_operation(operation)
        return operation

    async def execute(self, operation: Operation, client: ClientInfo) -> OperationResult:
        """Execute a query or mutation and count it.

        The client is authenticated inside the execution, so that an invalid token is reported like any other error.
        """
        started_at = time.perf_counter()
        try:
            result = await self._find_or_execute(operation, client)
        except Exception as error:  # noqa: BLE001 - the client gets a result in any case; formatting logs the cause
            result = self.make_error_result(error, client)
        prometheus.count_operation(
            operation.kind, operation.field_name, result.outcome, time.perf_counter() - started_at
        )
        return result

    async def _find_or_execute(self, operation: Operation, client: ClientInfo) -> OperationResult:
        """Return the result of an operation: the kept one, if it may be kept and what it follows from is unchanged.

        What has not changed at all is found without the task and the timers of `run_with_deadline`.
        """
        form = self._answer_forms.find(operation)
        context: RequestContext | None = None
        if form is not None:
            try:
                async with asyncio.timeout(self.operations.limits.deadline_seconds):
                    context = await self.context_factory.find_ready(client)
            except TimeoutError:
                raise make_timeout() from None
            if context is not None and (key := form.make_key(context)) is not None:
                assert context.log_position is not None, "of a viewer"
                if body := context.services.state.kept_answers.find_at_once(key, context.log_position):
                    return KeptResult(body)
        return await self.operations.run_with_deadline(self._execute(operation, client, form, context))

    async def _execute(
        self, operation: Operation, client: ClientInfo, form: AnswerForm | None, context: RequestContext | None
    ) -> OperationResult:
        """Return the kept result of an operation if it is current; else execute the operation, and keep its result."""
        if context is None:
            context = await self.context_factory.create_for_request(client, is_query=operation.kind == "query")
        key = None if form is None else form.make_key(context)
        if form is None or key is None or context.log_position is None:
            return await self._execute_in(context, operation)
        kept_answers = context.services.state.kept_answers
        if (body := await kept_answers.find(key, context.log_position)) is not None:
            return KeptResult(body)
        basis = context.answer_basis = AnswerBasis(context.log_position)
        result = await self._execute_in(context, operation)
        if basis.is_whole and not result.error_codes and form.make_key(context) == key:  # it is the same quarter
            kept_answers.keep(key, result.body, basis)
        return result

    async def _execute_in(self, context: RequestContext, operation: Operation) -> OperationResult:
        execution_result = await self.operations.execute_in(context, operation)
        client = context.client
        if execution_result.errors:
            client = dataclasses.replace(client, language=context.language)
        return self._make_result(execution_result, client)

    async def run_subscription(
        self, operation: Operation, context: StreamContext
    ) -> AsyncGenerator[tuple[object, OperationResult], None]:
        """Yield the events of a subscription, each with its result.

        A result without `data` is the last one. If the subscription raises, the last pair is `None` and the error.
        """
        client = context.client
        outcome: prometheus.OperationOutcome = "ok"
        try:
            async with aclosing(self.operations.stream_results(operation, context)) as execution_results:
                async for event, execution_result in execution_results:
                    operation_result = self._make_result(execution_result, client)
                    outcome = operation_result.outcome
                    yield event, operation_result
                    if "data" not in operation_result.payload:
                        return
        except Exception as error:  # noqa: BLE001 - as in `execute`
            operation_result = self.make_error_result(error, client)
            outcome = operation_result.outcome
            yield None, operation_result
        finally:
            prometheus.count_operation(operation.kind, operation.field_name, outcome)

    def _make_result(self, execution_result: ExecutionResult, client: ClientInfo) -> OperationResult:
        errors = [
            self._format_error(error, client)
            for error in (execution_result.errors or ())[: error_formatting.MAX_ERRORS]
        ]
        if (
            execution_result.data is None
            and errors
            and all(error.path is None for error in execution_result.errors or ())
        ):
            return OperationResult(
                {"errors": errors}
            )  # errors without a path: the variables were invalid, nothing was executed
        payload: JsonObject = {"data": execution_result.data}
        if errors:
            payload["errors"] = errors
        return OperationResult(payload)


def count_unparsed_operation() -> None:
    """Count a request that could not be parsed as an operation."""
    prometheus.count_operation("none", None, "refused")
