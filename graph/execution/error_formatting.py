"""Formats errors for the `errors` of a response: a sentence, a code from a closed list, and the request id.

Internal details never leave the server: an unexpected exception is logged with its traceback under the request id,
and the client gets a generic sentence.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Mapping
from typing import Final, NotRequired, TypedDict

from graphql import GraphQLError, VariableDefinitionNode

from domain.errors.operation_errors import OperationError
from domain.errors.user_errors import UserError
from domain.i18n.languages import translate
from domain.messages import Message
from graph.base.scalars import InvalidScalar
from models.db.errors import UNSTORABLE_ERRORS, DatabaseUnavailable, LockTimeout, StorageFull
from models.db.write_queue import BatchQueueFull

PARSE_FAILED: Final = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED: Final = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT: Final = "BAD_USER_INPUT"
INTERNAL: Final = "INTERNAL"
MAX_ERRORS: Final = 10  # in one response

_INTERNAL_MESSAGE: Final = Message("Something failed on our side. It is in the log under this request id.")
_DATABASE_DOWN_MESSAGE: Final = Message("The database cannot be reached at the moment: try again in a few seconds.")
_DATABASE_BUSY_MESSAGE: Final = Message("The database is busy with other writes: try again in a few seconds.")
_STORAGE_FULL_MESSAGE: Final = Message("There is no room left to store anything: tell the administrator of the server.")
_BATCH_QUEUE_FULL_MESSAGE: Final = Message("Too many batches are being recorded: send this one again later.")
_UNSTORABLE_MESSAGE: Final = Message("A value is too large or too long to be stored: shorten it.")
_MAX_PATH_LENGTH: Final = 100  # within a variable, in the `field` of an error
_ECHOED_INPUT: Final = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|\S{101,}")  # client input as graphql-core quotes it

log = logging.getLogger(__name__)


class ErrorEntry(TypedDict):
    """An entry of the `errors` of a response."""

    message: str
    extensions: dict[str, object]
    locations: NotRequired[list[dict[str, int]]]
    path: NotRequired[list[str | int]]


def format_error(error: Exception, *, language: str, request_id: str, default_code: str = BAD_USER_INPUT) -> ErrorEntry:
    """Return the error as an entry of the response's `errors`, in the client's language.

    default_code  the code of errors that graphql-core itself reports at this stage
    """
    cause = _root_cause(error)
    message, code, extensions = _describe(cause, default_code, is_input_error=_is_input_error(error))
    entry: ErrorEntry = {
        "message": translate(message, language),
        "extensions": {"code": code, "requestId": request_id, **extensions},
    }
    if isinstance(error, GraphQLError):
        if error.locations:
            entry["locations"] = [{"line": location.line, "column": location.column} for location in error.locations]
        if error.path is not None:
            entry["path"] = list(error.path)
    return entry


def _root_cause(error: Exception) -> Exception:
    """Return the exception behind a GraphQLError; an error about the client's input is its own cause."""
    while (
        isinstance(error, GraphQLError) and isinstance(error.original_error, Exception) and not _is_input_error(error)
    ):
        error = error.original_error
    return error


def _is_input_error(error: Exception) -> bool:
    """Return whether graphql-core reports a problem of the client's input, not of our result."""
    if not isinstance(error, GraphQLError) or not isinstance(error.original_error, GraphQLError | None):
        return False
    return error.path is None or error.message.startswith("Argument '")


def _describe(
    cause: Exception, default_code: str, *, is_input_error: bool
) -> tuple[Message | str, str, Mapping[str, object]]:
    """Return sentence, code and further extensions; log the details that the client must not see."""
    if isinstance(cause, OperationError):
        return cause.message, cause.code, cause.extensions
    if isinstance(cause, UserError):
        return cause.message, BAD_USER_INPUT, {"field": ".".join(cause.path), "constraint": cause.code}
    if isinstance(cause, StorageFull):
        log.error("The database has no room left: %s", cause)
        return _STORAGE_FULL_MESSAGE, "STORAGE_FULL", {}
    if isinstance(cause, BatchQueueFull):
        return _BATCH_QUEUE_FULL_MESSAGE, "THROTTLED", {"retryAfterMs": random.randint(1000, 3000)}  # noqa: S311
    if isinstance(cause, DatabaseUnavailable):  # one line: while the database is away, every request ends here
        log.warning("The database failed: %s", cause)
        message = _DATABASE_BUSY_MESSAGE if isinstance(cause, LockTimeout) else _DATABASE_DOWN_MESSAGE
        return message, "UNAVAILABLE", {"retryAfterMs": 1000}
    if isinstance(cause, UNSTORABLE_ERRORS):
        log.error("An input that cannot be stored was not refused before it reached the database.", exc_info=cause)
        return _UNSTORABLE_MESSAGE, BAD_USER_INPUT, {}
    if isinstance(cause, GraphQLError) and is_input_error:
        sentence, field = _describe_input_error(cause)
        return sentence, default_code, {"field": field} if field else {}
    log.error("An operation failed.", exc_info=cause)
    return _INTERNAL_MESSAGE, INTERNAL, {}


def _describe_input_error(error: GraphQLError) -> tuple[Message | str, str | None]:
    """Return the sentence for an error that graphql-core reports, and the variable or the field within it.

    Its own sentences stay as they are. Those of our scalars, which it puts behind the name of the variable and the
    path, are translated.
    """
    text, reason = _shorten(error.message), error.original_error
    node = error.nodes[0] if error.nodes else None
    if isinstance(error, InvalidScalar):
        return error.reason, None
    if not isinstance(node, VariableDefinitionNode) or not isinstance(reason, GraphQLError):
        return text, None
    name = node.variable.name.value
    where = error.message.removeprefix(f"Variable '${name}' has invalid value").removesuffix(f": {reason.message}")
    path = where.removeprefix(" at ")
    field = name + path if len(path) <= _MAX_PATH_LENGTH else None
    prefix = f"Variable '${name}' has invalid value{where}: "
    if not text.startswith(prefix):
        return text, field
    wrong = reason.reason if isinstance(reason, InvalidScalar) else text.removeprefix(prefix)
    if path:
        return Message(
            "Variable '${name}' has invalid value at {where}: {wrong}", {"name": name, "where": path, "wrong": wrong}
        ), field
    return Message("Variable '${name}' has invalid value: {wrong}", {"name": name, "wrong": wrong}), field


def _shorten(message: str) -> str:
    """Shorten a message of graphql-core and the client's input that it quotes: at most 400 and 100 characters."""
    message = _ECHOED_INPUT.sub(lambda match: match[0] if len(match[0]) <= 100 else match[0][:81] + "…", message)
    return message if len(message) <= 400 else message[:399] + "…"
