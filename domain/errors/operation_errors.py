"""Operation errors: failures of a whole operation, with the `code` of the top-level GraphQL error.

A problem in the input of a mutation that the user can fix is a `UserError` and becomes an entry of `userErrors`.
The classes here are for everything else: queries, subscriptions, request handling, and faults of the server.
"""

from __future__ import annotations

from typing import Any


class OperationError(Exception):
    """Base class. The message is shown to the client as it is; `extensions` are added to the error, without nulls."""

    code: str = "INTERNAL"

    def __init__(self, message: str, **extensions: Any) -> None:
        super().__init__(message)
        self.message = message
        self.extensions: dict[str, Any] = {key: value for key, value in extensions.items() if value is not None}


class Unauthenticated(OperationError):
    """Missing or invalid token; `code="TOKEN_EXPIRED"` tells the client to refresh its session."""

    code = "UNAUTHENTICATED"

    def __init__(self, message: str, code: str = "UNAUTHENTICATED") -> None:
        super().__init__(message)
        self.code = code


class ForbiddenOperation(OperationError):
    code = "FORBIDDEN"


class ResourceNotFound(OperationError):
    code = "NOT_FOUND"


class BadInput(OperationError):
    """Invalid argument of a query or subscription; `field` names it."""

    code = "BAD_USER_INPUT"


class CursorUnknown(OperationError):
    code = "CURSOR_UNKNOWN"


class Throttled(OperationError):
    """Too many requests; `retry_after_ms` tells when to try again."""

    code = "THROTTLED"

    def __init__(self, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(message, retryAfterMs=retry_after_ms)


class QueryTooComplex(OperationError):
    code = "QUERY_TOO_COMPLEX"


class OperationTimeout(OperationError):
    code = "TIMEOUT"


class ServiceUnavailable(OperationError):
    """The database is down or there is no company yet; the client may retry later."""

    code = "UNAVAILABLE"
