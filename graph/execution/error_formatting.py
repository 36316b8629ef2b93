"""Formats errors for the `errors` of a response: a sentence, a code from a closed list, and the request id.

Internal details never leave the server: an unexpected exception is logged with its traceback under the request id,
and the client gets a generic sentence.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

from graphql import GraphQLError

from domain.errors.operation_errors import Failure
from domain.errors.user_errors import Refusal
from domain.i18n.error_messages import translated
from models.db.connection import AWAY, is_full

PARSE: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION: Final = "GRAPHQL_VALIDATION_FAILED"
INPUT: Final = "BAD_USER_INPUT"
INTERNAL: Final = "INTERNAL"
MOST: Final = 10  # in one response

_HIDDEN: Final = "Something failed on our side. It is in the log under this request id."
_AWAY: Final = "The database cannot be reached at the moment: try again in a few seconds."
_FULL: Final = "There is no room left to store anything: tell the administrator of the server."
_WHERE: Final = re.compile(r"Variable '\$(?P<name>\w+)' has invalid value(?: at (?P<inner>[\w.\[\]]{1,100}))?: ")
_ECHO: Final = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|\S{101,}")  # client input as graphql-core quotes it

log = logging.getLogger(__name__)


def shown(error: Exception, *, language: str, request_id: str, otherwise: str = INPUT) -> dict[str, Any]:
    """Return the error as an entry of the response's `errors`, in the client's language.

    default_code  the code of errors that graphql-core itself reports at this stage
    """
    cause = _cause(error)
    message, code, more = _told(cause, otherwise, of_input=_of_input(error))
    entry: dict[str, Any] = {
        "message": translated(message, language),
        "extensions": {"code": code, "requestId": request_id, **more},
    }
    if isinstance(error, GraphQLError):
        if error.locations:
            entry["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
        if error.path is not None:
            entry["path"] = list(error.path)
    return entry


def _cause(error: Exception) -> Exception:
    """Return the exception behind a GraphQLError; an error about the client's input is its own cause."""
    while isinstance(error, GraphQLError) and isinstance(error.original_error, Exception) and not _of_input(error):
        error = error.original_error
    return error


def _of_input(error: Exception) -> bool:
    """Return whether graphql-core reports a problem of the client's input, not of our result."""
    if not isinstance(error, GraphQLError) or not isinstance(error.original_error, GraphQLError | None):
        return False
    return error.path is None or error.message.startswith("Argument '")


def _told(cause: Exception, otherwise: str, *, of_input: bool) -> tuple[str, str, Mapping[str, Any]]:
    """Return sentence, code and further extensions; log the details that the client must not see."""
    if isinstance(cause, Failure):
        return cause.message, cause.code, cause.extensions
    if isinstance(cause, Refusal):
        return cause.message, INPUT, {"field": ".".join(cause.path), "constraint": cause.code}
    if is_full(cause):
        log.error("The database has no room left: %s", cause)
        return _FULL, "STORAGE_FULL", {}
    if isinstance(cause, AWAY):
        log.warning("The database failed.", exc_info=cause)
        return _AWAY, "UNAVAILABLE", {"retryAfterMs": 1000}
    if isinstance(cause, GraphQLError) and of_input:
        where = _WHERE.match(cause.message)
        field = f"{where['name']}{where['inner'] or ''}" if where else None
        return _short(cause.message), otherwise, {"field": field} if field else {}
    log.error("An operation failed.", exc_info=cause)
    return _HIDDEN, INTERNAL, {}


def _short(message: str) -> str:
    """Shorten a message of graphql-core and the client's input that it quotes: at most 400 and 100 characters."""
    message = _ECHO.sub(lambda found: found[0] if len(found[0]) <= 100 else found[0][:81] + "…", message)
    return message if len(message) <= 400 else message[:399] + "…"
