"""Operation errors: failures of a whole operation, with the `code` of the top-level GraphQL error.

A problem in the input of a mutation that the user can fix is a `UserError` and becomes an entry of `userErrors`.
The classes here are for everything else: queries, subscriptions, request handling, and faults of the server.
"""

from __future__ import annotations

from domain.messages import Message, MessageError, MessageValue


class OperationError(MessageError):
    """Base class. `extensions` are added to the error.

    message  a sentence for the client, with a value for each of its placeholders
    field    the argument that is wrong
    """

    code: str = "INTERNAL"

    def __init__(self, message: str | Message, *, field: str | None = None, **values: MessageValue) -> None:
        super().__init__(message, values)
        self.extensions: dict[str, str | int] = {} if field is None else {"field": field}


class Unauthenticated(OperationError):
    """Missing or invalid token; `code="TOKEN_EXPIRED"` tells the client to refresh its session."""

    code = "UNAUTHENTICATED"

    def __init__(self, message: str | Message, code: str = "UNAUTHENTICATED") -> None:
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

    def __init__(self, message: str | Message, *, retry_after_ms: int | None = None, **values: MessageValue) -> None:
        super().__init__(message, field=None, **values)
        if retry_after_ms is not None:
            self.extensions["retryAfterMs"] = retry_after_ms


class QueryTooComplex(OperationError):
    """A document or result beyond a limit; the numbers of the sentence (`limit`, `actual`) are extensions, too."""

    code = "QUERY_TOO_COMPLEX"

    def __init__(self, message: str | Message, **values: MessageValue) -> None:
        super().__init__(message, field=None, **values)
        self.extensions |= {name: value for name, value in values.items() if isinstance(value, int)}


class OperationTimeout(OperationError):
    code = "TIMEOUT"


class ServiceUnavailable(OperationError):
    """The database is down or there is no company yet; the client may retry later."""

    code = "UNAVAILABLE"
