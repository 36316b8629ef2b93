"""What an operation as a whole can end with, each with the code its top-level error carries.

What a user can mend inside a mutation is a `Refusal` and becomes a `userErrors` entry; these
are for the rest: queries, subscriptions, the edge, and what is nobody's fault.
"""

from __future__ import annotations

from typing import Any


class Failure(Exception):
    """An operation that could not be answered; the sentence is shown to the client as it is."""

    code: str = "INTERNAL"

    def __init__(self, message: str, **extensions: Any) -> None:
        super().__init__(message)
        self.message = message
        self.extensions: dict[str, Any] = {key: value for key, value in extensions.items() if value is not None}


class Unauthenticated(Failure):
    """No token, or one that no longer holds; `code="TOKEN_EXPIRED"` asks the client to refresh its session."""

    code = "UNAUTHENTICATED"

    def __init__(self, message: str, code: str = "UNAUTHENTICATED") -> None:
        super().__init__(message)
        self.code = code


class Forbidden(Failure):
    code = "FORBIDDEN"


class NotFound(Failure):
    code = "NOT_FOUND"


class BadInput(Failure):
    """An argument of a query or subscription that cannot be meant; `field` names it."""

    code = "BAD_USER_INPUT"


class CursorUnknown(Failure):
    code = "CURSOR_UNKNOWN"


class Throttled(Failure):
    """Too many; `retry_after_ms` says when to come again."""

    code = "THROTTLED"

    def __init__(self, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(message, retryAfterMs=retry_after_ms)


class TooComplex(Failure):
    code = "QUERY_TOO_COMPLEX"


class Timeout(Failure):
    code = "TIMEOUT"


class Unavailable(Failure):
    """The database or the company is not there at the moment; asking again later helps."""

    code = "UNAVAILABLE"


class StorageFull(Failure):
    code = "STORAGE_FULL"
