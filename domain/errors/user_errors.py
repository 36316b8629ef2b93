"""What a user can mend: raised anywhere below the schema, answered as `userErrors`.

A refusal names where in the input it arose and which of the contract's codes it is;
its sentence says what to do. Raising one undoes the whole unit of work.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar


class Code(StrEnum):
    INVALID = "INVALID"
    REQUIRED = "REQUIRED"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    FORBIDDEN = "FORBIDDEN"
    OUT_OF_RANGE = "OUT_OF_RANGE"


class Refusal(Exception):
    """One thing that the user can mend.

    path     from the mutation's argument inwards, e.g. ("input", "amount").
    message  a sentence that says what to do.
    """

    code: ClassVar[Code]

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def under(self, *prefix: str) -> Refusal:
        """Return the same refusal with its path placed below `prefix` (an item of a list, an inner input)."""
        rest = self.path[1:] if self.path[:1] == ("input",) else self.path
        return type(self)(self.message, *prefix, *rest)

    def renamed(self, names: Mapping[str, str]) -> Refusal:
        """Return the same refusal in the words of an input that calls some fields otherwise."""
        return type(self)(self.message, *(names.get(step, step) for step in self.path))


class Invalid(Refusal):
    code = Code.INVALID


class Required(Refusal):
    code = Code.REQUIRED


class NotFound(Refusal):
    code = Code.NOT_FOUND


class Conflict(Refusal):
    code = Code.CONFLICT


class Forbidden(Refusal):
    code = Code.FORBIDDEN


class OutOfRange(Refusal):
    code = Code.OUT_OF_RANGE
