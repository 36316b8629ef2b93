"""Runs GraphQL operations: the same permissions, limits, errors and metrics over HTTP and WebSocket."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from graphql import ExecutionResult

from graph.execution import error_formatting
from graph.execution.operations import Operation, Operations, Unanswerable
from resolvers.request.client_info import Caller
from resolvers.request.context import Context
from server.context_factory import Gate
from server.observability import logging, prometheus
from server.requests.request_parsing import Asked

_REFUSED: Final = frozenset(
    {
        "UNAUTHENTICATED", "TOKEN_EXPIRED", "FORBIDDEN", "NOT_FOUND", "CURSOR_UNKNOWN", "THROTTLED", "BAD_REQUEST",
        "QUERY_TOO_COMPLEX", error_formatting.PARSE, error_formatting.VALIDATION, error_formatting.INPUT,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """Result of an operation.

    payload  as the client gets it; it has no `data` if the operation was not executed.
    """

    payload: dict[str, Any]

    @property
    def codes(self) -> list[str]:
        return [each["extensions"]["code"] for each in self.payload.get("errors", ())]

    @property
    def empty(self) -> bool:
        """Whether no root field has a value."""
        data = self.payload.get("data")
        return not data or all(value is None for value in data.values())

    @property
    def outcome(self) -> prometheus.Outcome:
        if not self.codes:
            return "ok"
        return "refused" if _REFUSED.issuperset(self.codes) else "failed"


class Answering:
    """Runs operations; every error becomes part of a result instead of an exception."""

    def __init__(self, operations: Operations, gate: Gate) -> None:
        self.operations, self.gate = operations, gate

    def failed(self, error: Exception, caller: Caller) -> Answer:
        """Return the result of an operation that was not executed because of `error`."""
        errors: Sequence[Exception] = error.errors if isinstance(error, Unanswerable) else [error]
        code = error.code if isinstance(error, Unanswerable) else error_formatting.INPUT
        return Answer({"errors": [self._shown(each, caller, code) for each in errors]})

    def _shown(self, error: Exception, caller: Caller, code: str = error_formatting.INPUT) -> dict[str, Any]:
        return error_formatting.shown(error, language=caller.language, request_id=logging.request_id(), otherwise=code)

    def read(self, asked: Asked) -> Operation:
        """Parse, validate and prepare a request. Raises errors that `make_error_result` turns into a result."""
        operation = self.operations.asked(asked.query, asked.name, asked.variables)
        logging.name_operation(operation.name or operation.field)
        return operation

    async def execute(self, operation: Operation, caller: Caller) -> Answer:
        """Execute a query or mutation and count it.

        The client is authenticated inside the execution, so that an invalid token is reported like any other error.
        """
        began = time.perf_counter()
        try:
            context: Context | None = None

            async def admitted() -> Context:
                nonlocal context
                context = await self.gate.admit(caller)
                return context

            result = await self.operations.execute(operation, admitted())
            answer = self._answer(result, dataclasses.replace(caller, language=context.language) if context else caller)
        except Exception as error:  # noqa: BLE001 - the client gets a result in any case; formatting logs the cause
            answer = self.failed(error, caller)
        prometheus.count_operation(operation.kind, operation.field, answer.outcome, time.perf_counter() - began)
        return answer

    async def events(self, operation: Operation, context: Context) -> AsyncGenerator[tuple[Any, Answer], None]:
        """Yield the events of a subscription, each with its result.

        A result without `data` is the last one. If the subscription raises, the last pair is `None` and the error.
        """
        caller = context.caller
        outcome: prometheus.Outcome = "ok"
        try:
            async with aclosing(self.operations.events(operation, context)) as results:
                async for event, result in results:
                    answer = self._answer(result, caller)
                    outcome = answer.outcome
                    yield event, answer
                    if "data" not in answer.payload:
                        return
        except Exception as error:  # noqa: BLE001 - as in `execute`
            answer = self.failed(error, caller)
            outcome = answer.outcome
            yield None, answer
        finally:
            prometheus.count_operation(operation.kind, operation.field, outcome)

    def _answer(self, result: ExecutionResult, caller: Caller) -> Answer:
        errors = [self._shown(error, caller) for error in (result.errors or ())[: error_formatting.MOST]]
        if result.data is None and errors and all(error.path is None for error in result.errors or ()):
            return Answer({"errors": errors})  # errors without a path: the variables were invalid, nothing was executed
        payload: dict[str, Any] = {"data": result.data}
        if errors:
            payload["errors"] = errors
        return Answer(payload)


def count_unread() -> None:
    """Count a request that could not be parsed as an operation."""
    prometheus.count_operation("none", None, "refused")
