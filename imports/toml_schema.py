"""Types of values in an import map, and the errors of pydantic as sentences that name the location in the file."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from domain.messages import Message, MessageError

Value = TypeVar("Value")

_NO_TEXT: Final = Message("this has to be a text")
_NO_TABLE: Final = Message("this has to be a table")
_MESSAGES_BY_TYPE: Final = {  # of pydantic's own errors
    "string_type": _NO_TEXT,
    "is_instance_of": _NO_TEXT,  # not one of the words that mean a status
    "dict_type": _NO_TABLE,
    "model_type": _NO_TABLE,
}


class MapError(MessageError):
    """An invalid import map; the message says where it is wrong and what is allowed there."""

    def __init__(self, reason: Message, location: str) -> None:
        super().__init__(Message("{location}: {reason}", {"location": location, "reason": reason}), {})


class MapTable(BaseModel):
    """A table of a map; other keys than its fields are errors, and values are not converted."""

    model_config = ConfigDict(strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _reject_unknown_keys(cls, table: object) -> object:
        keys = sorted(field.alias or name for name, field in cls.model_fields.items())
        for key in table if isinstance(table, dict) else ():
            if key not in keys:
                raise invalid(Message("there is no such key here; there are {keys}", {"keys": ", ".join(keys)}), key)
        return table


def invalid(message: Message, *path: str) -> PydanticCustomError:
    """Return the error of a validator; `path` leads from the validated value to what is wrong in it."""
    return PydanticCustomError("invalid", "{message}", {"message": message, "path": path})


def rule(is_valid: Callable[[Value], bool], message: Message) -> AfterValidator:
    """Return the validator of a value with a rule of its own."""

    def check(value: Value) -> Value:
        if not is_valid(value):
            raise invalid(message)
        return value

    return AfterValidator(check)


def choice(allowed: Collection[str]) -> AfterValidator:
    """Return the validator of a text that is one of these."""
    return rule(allowed.__contains__, one_of(allowed))


def one_of(allowed: Collection[str]) -> Message:
    return Message("take one of {allowed}", {"allowed": ", ".join(allowed)})


def default(value: object) -> AfterValidator:
    """Return the validator that replaces an empty value by this one."""
    return AfterValidator(lambda current: current or value)


def check_keys(table: object, allowed: Collection[str]) -> None:
    """Raise the error of a validator for a key that is not allowed, if this is a table at all."""
    for key in table if isinstance(table, dict) else ():
        if key not in allowed:
            raise invalid(Message("there is no such field; there are {fields}", {"fields": ", ".join(allowed)}), key)


def as_texts(value: object) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise invalid(Message("this has to be a text or a list of texts"))
    return texts


Texts = Annotated[list[str], BeforeValidator(as_texts)]


def to_map_error(error: ValidationError) -> MapError:
    """Return the first error of a map as a sentence with its location; tables of a list are numbered from 1."""
    details = error.errors(include_url=False)[0]
    context = details.get("ctx", {})
    path = (*details["loc"], *context.get("path", ()))
    location = "".join(f" {part + 1}" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    message = context.get("message") or _MESSAGES_BY_TYPE.get(details["type"])
    return MapError(message or Message("this is not valid ({reason})", {"reason": details["msg"]}), location)
