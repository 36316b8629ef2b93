"""What a client hears when an operation fails: a sentence, a code from a closed list, and the request's id.

Nothing internal leaves here. What nobody foresaw goes whole into the log, under the same
id, and reads "Something failed on our side" outside.
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
MOST: Final = 10  # errors of one answer

_HIDDEN: Final = "Something failed on our side. It is in the log under this request id."
_AWAY: Final = "The database cannot be reached at the moment: try again in a few seconds."
_FULL: Final = "There is no room left to store anything: tell whoever runs the server."
_WHERE: Final = re.compile(r"Variable '\$(?P<name>\w+)' has invalid value(?: at (?P<inner>[\w.\[\]]{1,100}))?: ")
_ECHO: Final = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|\S{101,}")  # what was sent, as GraphQL shows it

log = logging.getLogger(__name__)


def shown(error: Exception, *, language: str, request_id: str, otherwise: str = INPUT) -> dict[str, Any]:
    """Return an error as the answer's `errors` holds it.

    otherwise  the code for what GraphQL itself finds wrong at this stage.
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
    """Return what is behind GraphQL's error; what it finds wrong with the client's input stands for itself."""
    while isinstance(error, GraphQLError) and isinstance(error.original_error, Exception) and not _of_input(error):
        error = error.original_error
    return error


def _of_input(error: Exception) -> bool:
    """Return whether GraphQL complains of what was sent, not of what we answer with."""
    if not isinstance(error, GraphQLError) or not isinstance(error.original_error, GraphQLError | None):
        return False
    return error.path is None or error.message.startswith("Argument '")


def _told(cause: Exception, otherwise: str, *, of_input: bool) -> tuple[str, str, Mapping[str, Any]]:
    """Return sentence, code and further extensions; log what the client must not know."""
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
    """Return what GraphQL says, with at most a glimpse of what the client sent."""
    message = _ECHO.sub(lambda found: found[0] if len(found[0]) <= 100 else found[0][:81] + "…", message)
    return message if len(message) <= 400 else message[:399] + "…"
