"""Parses and validates requests: JSON, GraphQL request bodies, and client messages of graphql-transport-ws."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from domain.errors.operation_errors import Failure

_LONGEST_ID: Final = 200
_LONGEST_INT: Final = 100
_ENVELOPE: Final = "The body must be a JSON object with a string `query`"


class BadRequest(Failure):
    """The request is not a GraphQL request; `status` is the HTTP status of the response."""

    code = "BAD_REQUEST"

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Malformed(Exception):
    """A message that violates graphql-transport-ws."""

    @property
    def reason(self) -> str:
        """The error, cut to fit a close frame (its reason has at most 123 bytes)."""
        return str(self)[:120]


@dataclass(frozen=True)
class Asked:
    """Query, operation name and variables of a request; the query is not parsed yet."""

    query: str
    name: str | None
    variables: Mapping[str, Any] | None


@dataclass(frozen=True)
class Message:
    """A valid client message of graphql-transport-ws; `id` is empty for types without one."""

    type: str
    id: str = ""
    payload: Mapping[str, Any] | None = None


def decoded(text: str | bytes) -> Any:
    """Parse JSON. Raises ValueError if it is invalid.

    Lone surrogates and huge numbers are valid JSON that orjson rejects. The slower standard parser accepts them, so
    that the operation can be refused with the name of the offending variable. Integers of more than
    `_MAX_INT_DIGITS` digits become infinity, since `int` raises for very long ones.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text, parse_constant=_no_number, parse_int=_integer)
        except RecursionError as error:
            raise ValueError("too deeply nested") from error


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _LONGEST_INT else math.inf


def envelope(found: Any) -> Asked:
    """Return the GraphQL request in a decoded body. Raises BadRequest if it has another shape."""
    if not isinstance(found, dict) or not isinstance(found.get("query"), str):
        raise BadRequest(f"{_ENVELOPE}.")
    name, variables = found.get("operationName"), found.get("variables")
    if not isinstance(name, str | None):
        raise BadRequest(f"{_ENVELOPE}; `operationName` is a string.")
    if not isinstance(variables, dict | None) or not isinstance(found.get("extensions"), dict | None):
        raise BadRequest(f"{_ENVELOPE}; `variables` and `extensions` are objects.")
    return Asked(found["query"], name, variables)


def message(text: str | None) -> Message:
    """Parse a client message of graphql-transport-ws. Raises MalformedMessage if it is invalid.

    text  None for a binary message.
    """
    if text is None:
        raise Malformed("Messages must be text frames with JSON")
    try:
        found = decoded(text)
    except ValueError:
        raise Malformed("This message is not JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        raise Malformed("A message must be an object with a string `type`")
    kind, payload = found["type"], found.get("payload")
    if kind in ("connection_init", "ping", "pong"):
        if not isinstance(payload, dict | None):
            raise Malformed(f"The payload of {kind} must be an object")
        return Message(kind, payload=payload)
    if kind not in ("subscribe", "complete"):
        raise Malformed("Unknown type of message")
    id_ = found.get("id")
    if not isinstance(id_, str) or not 0 < len(id_) <= _LONGEST_ID or not storable(id_):
        raise Malformed(f"The id of {kind} must be a string of 1 to {_LONGEST_ID} characters")
    if kind == "complete":
        return Message(kind, id_)
    try:
        envelope(payload)
    except BadRequest:
        raise Malformed("The payload of subscribe must be an object with a string `query`") from None
    return Message(kind, id_, payload)


def storable(text: str) -> bool:
    """Return whether a text contains neither NUL nor lone surrogates, which databases cannot store."""
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)
