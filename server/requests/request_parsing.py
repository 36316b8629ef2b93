"""Parses and validates requests: JSON, GraphQL request bodies, and client messages of graphql-transport-ws."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

import orjson

from domain.errors.operation_errors import OperationError
from domain.messages import MessageValue

_MAX_ID_LENGTH: Final = 200
_MAX_INT_DIGITS: Final = 100


class BadRequest(OperationError):
    """The request is not a GraphQL request; `status` is the HTTP status of the response."""

    code = "BAD_REQUEST"

    def __init__(self, message: str, status: int = 400, **values: MessageValue) -> None:
        super().__init__(message, field=None, **values)
        self.status = status


class MalformedMessage(Exception):
    """A message that violates graphql-transport-ws."""

    @property
    def reason(self) -> str:
        """The error, cut to fit a close frame (its reason has at most 123 bytes)."""
        return str(self)[:120]


@dataclass(frozen=True)
class GraphQLRequest:
    """Query, operation name and variables of a request; the query is not parsed yet."""

    query: str
    operation_name: str | None
    variables: Mapping[str, object] | None


@dataclass(frozen=True)
class ClientMessage:
    """A valid client message of graphql-transport-ws.

    id       empty for types without one
    request  of `subscribe`
    """

    type: str
    id: str = ""
    payload: Mapping[str, object] | None = None
    request: GraphQLRequest | None = None

    @property
    def authorization(self) -> object:
        """The value of `Authorization` in the payload, of any type; None if there is none."""
        payload = self.payload or {}
        return payload.get("Authorization", payload.get("authorization"))


def parse_json(text: str | bytes) -> object:
    """Parse JSON. Raises ValueError if it is invalid.

    Lone surrogates and huge numbers are valid JSON that orjson rejects. The slower standard parser accepts them, so
    that the operation can be refused with the name of the offending variable. Integers of more than
    `_MAX_INT_DIGITS` digits become infinity, since `int` raises for very long ones.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text, parse_constant=_reject_constant, parse_int=_parse_int)
        except RecursionError as error:
            raise ValueError("too deeply nested") from error


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _parse_int(text: str) -> int | float:
    return int(text) if len(text) <= _MAX_INT_DIGITS else math.inf


def parse_request(body: object) -> GraphQLRequest:
    """Return the GraphQL request in a decoded body. Raises BadRequest if it has another shape."""
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        raise BadRequest("The body must be a JSON object with a string `query`.")
    operation_name, variables = body.get("operationName"), body.get("variables")
    if not isinstance(operation_name, str | None):
        raise BadRequest("The body must be a JSON object with a string `query`; `operationName` is a string.")
    if not isinstance(variables, dict | None) or not isinstance(body.get("extensions"), dict | None):
        raise BadRequest(
            "The body must be a JSON object with a string `query`; `variables` and `extensions` are objects."
        )
    return GraphQLRequest(body["query"], operation_name, variables)


def parse_message(text: str | None) -> ClientMessage:
    """Parse a client message of graphql-transport-ws. Raises MalformedMessage if it is invalid.

    text  None for a binary message.
    """
    if text is None:
        raise MalformedMessage("Messages must be text frames with JSON")
    try:
        data = parse_json(text)
    except ValueError:
        raise MalformedMessage("This message is not JSON") from None
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise MalformedMessage("A message must be an object with a string `type`")
    message_type, payload = data["type"], data.get("payload")
    if message_type in ("connection_init", "ping", "pong"):
        if not isinstance(payload, dict | None):
            raise MalformedMessage(f"The payload of {message_type} must be an object")
        return ClientMessage(message_type, payload=payload)
    if message_type not in ("subscribe", "complete"):
        raise MalformedMessage("Unknown type of message")
    operation_id = data.get("id")
    if (
        not isinstance(operation_id, str)
        or not 0 < len(operation_id) <= _MAX_ID_LENGTH
        or not is_storable(operation_id)
    ):
        raise MalformedMessage(f"The id of {message_type} must be a string of 1 to {_MAX_ID_LENGTH} characters")
    if message_type == "complete":
        return ClientMessage(message_type, operation_id)
    try:
        request = parse_request(payload)
    except BadRequest:
        raise MalformedMessage("The payload of subscribe must be an object with a string `query`") from None
    return ClientMessage(message_type, operation_id, request=request)


def is_storable(text: str) -> bool:
    """Return whether a text contains neither NUL nor lone surrogates, which databases cannot store."""
    is_without_surrogates = text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
    return is_without_surrogates and "\0" not in text
