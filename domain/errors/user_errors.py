"""User errors: problems in the input of a mutation that the user can fix, returned as `userErrors`.

Each has one of the codes of the schema, the path of the input field and a sentence that says what to do. They may be
raised anywhere below the schema; raising one rolls back the whole unit of work.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from domain.messages import Message, MessageError, MessageValue


class UserErrorCode(StrEnum):
    INVALID = "INVALID"
    REQUIRED = "REQUIRED"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    FORBIDDEN = "FORBIDDEN"
    OUT_OF_RANGE = "OUT_OF_RANGE"


class UserError(MessageError):
    """Base class of the user errors.

    message  a sentence that says what to do, with a value for each of its placeholders
    path     from the mutation's argument inwards, e.g. ("input", "amount")
    """

    code: ClassVar[UserErrorCode]

    def __init__(self, message: str | Message, *path: str, **values: MessageValue) -> None:
        super().__init__(message, values)
        self.path = path

    def with_path_prefix(self, *prefix: str) -> UserError:
        """Return the same error with `prefix` in place of "input" in its path; for list items and inner inputs."""
        rest = self.path[1:] if self.path[:1] == ("input",) else self.path
        return type(self)(self.message, *prefix, *rest)

    def with_field_names(self, names: Mapping[str, str]) -> UserError:
        """Return the same error for an input that has other names for some fields; `names` maps old to new names."""
        return type(self)(self.message, *(names.get(step, step) for step in self.path))


class Invalid(UserError):
    code = UserErrorCode.INVALID


class Required(UserError):
    code = UserErrorCode.REQUIRED


class NotFound(UserError):
    code = UserErrorCode.NOT_FOUND


class Conflict(UserError):
    code = UserErrorCode.CONFLICT


class Forbidden(UserError):
    code = UserErrorCode.FORBIDDEN


class OutOfRange(UserError):
    code = UserErrorCode.OUT_OF_RANGE
