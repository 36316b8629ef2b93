"""Types of values in an import map, and the errors of pydantic as sentences that name the location in the file."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

Value = TypeVar("Value")

_EXPECTED_TYPES: Final = {
    "string_type": "a text",
    "is_instance_of": "a text",  # not one of the words that mean a status
    "dict_type": "a table",
    "model_type": "a table",
}


class MapError(ValueError):
    """An invalid import map; the message says where it is wrong and what is allowed there."""

    def __init__(self, location: str, message: str) -> None:
        super().__init__(f"{location}: {message}")


class MapTable(BaseModel):
    """A table of a map; other keys than its fields are errors, and values are not converted."""

    model_config = ConfigDict(strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _reject_unknown_keys(cls, table: object) -> object:
        keys = sorted(field.alias or name for name, field in cls.model_fields.items())
        for key in table if isinstance(table, dict) else ():
            if key not in keys:
                raise invalid(f"there is no such key here; there are {', '.join(keys)}", key)
        return table


def invalid(message: str, *path: str) -> PydanticCustomError:
    """Return the error of a validator; `path` leads from the validated value to what is wrong in it."""
    return PydanticCustomError("invalid", "{text}", {"text": message, "path": path})


def rule(is_valid: Callable[[Value], bool], message: str) -> AfterValidator:
    """Return the validator of a value with a rule of its own."""

    def check(value: Value) -> Value:
        if not is_valid(value):
            raise invalid(message)
        return value

    return AfterValidator(check)


def choice(allowed: Collection[str]) -> AfterValidator:
    """Return the validator of a text that is one of these."""
    return rule(allowed.__contains__, f"take one of {', '.join(allowed)}")


def default(value: object) -> AfterValidator:
    """Return the validator that replaces an empty value by this one."""
    return AfterValidator(lambda current: current or value)


def check_keys(table: object, allowed: Collection[str]) -> None:
    """Raise the error of a validator for a key that is not allowed, if this is a table at all."""
    for key in table if isinstance(table, dict) else ():
        if key not in allowed:
            raise invalid(f"there is no such field; there are {', '.join(allowed)}", key)


def as_texts(value: object) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise invalid("this has to be a text or a list of texts")
    return texts


Texts = Annotated[list[str], BeforeValidator(as_texts)]


def to_map_error(error: ValidationError) -> MapError:
    """Return the first error of a map as a sentence with its location; tables of a list are numbered from 1."""
    details = error.errors(include_url=False)[0]
    path = (*details["loc"], *details.get("ctx", {}).get("path", ()))
    location = "".join(f" {part + 1}" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    expected_type = _EXPECTED_TYPES.get(details["type"])
    return MapError(location, f"this has to be {expected_type}" if expected_type else details["msg"])
