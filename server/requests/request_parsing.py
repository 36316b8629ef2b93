"""What comes in, taken by its exact form or refused: JSON, the envelope of a request, the messages of a socket."""

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
    """Not a GraphQL request at all; `status` is the HTTP status that says so."""

    code = "BAD_REQUEST"

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Malformed(Exception):
    """A message that breaks the socket's protocol; the reason fits into a close frame."""

    @property
    def reason(self) -> str:
        return str(self)[:120]


@dataclass(frozen=True)
class Asked:
    """What a client asks to be executed, before anybody has read it."""

    query: str
    name: str | None
    variables: Mapping[str, Any] | None


@dataclass(frozen=True)
class Message:
    type: str
    id: str = ""
    payload: Mapping[str, Any] | None = None


def decoded(text: str | bytes) -> Any:
    """Return what a JSON text says. Raises ValueError for what is no JSON.

    Lone surrogates and numbers beyond all measure are JSON, though nobody can store
    them: they come through, so that the operation that holds them is refused by name.
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
    """Return what a decoded body asks. Raises BadRequest for any other shape."""
    if not isinstance(found, dict) or not isinstance(found.get("query"), str):
        raise BadRequest(f"{_ENVELOPE}.")
    name, variables = found.get("operationName"), found.get("variables")
    if not isinstance(name, str | None):
        raise BadRequest(f"{_ENVELOPE}; `operationName` is a string.")
    if not isinstance(variables, dict | None) or not isinstance(found.get("extensions"), dict | None):
        raise BadRequest(f"{_ENVELOPE}; `variables` and `extensions` are objects.")
    return Asked(found["query"], name, variables)


def message(text: str | None) -> Message:
    """Return a client's message of graphql-transport-ws. Raises Malformed for anything else."""
    if text is None:
        raise Malformed("Messages are text frames with JSON")
    try:
        found = decoded(text)
    except ValueError:
        raise Malformed("This message is not JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        raise Malformed("A message is an object with a string `type`")
    kind, payload = found["type"], found.get("payload")
    if kind in ("connection_init", "ping", "pong"):
        if not isinstance(payload, dict | None):
            raise Malformed(f"The payload of {kind} is an object")
        return Message(kind, payload=payload)
    if kind not in ("subscribe", "complete"):
        raise Malformed("This type of message is not a client's")
    id_ = found.get("id")
    if not isinstance(id_, str) or not 0 < len(id_) <= _LONGEST_ID or not storable(id_):
        raise Malformed(f"The id of {kind} is a text of 1 to {_LONGEST_ID} characters")
    if kind == "complete":
        return Message(kind, id_)
    try:
        envelope(payload)
    except BadRequest:
        raise Malformed("The payload of subscribe is an object with a string `query`") from None
    return Message(kind, id_, payload)


def storable(text: str) -> bool:
    """Return whether a text holds neither NUL nor half a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)
