"""The value of an input field that the client left out, where leaving it out and null mean different things."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal


class Unset(Enum):
    """The type of `UNSET`, an enum, so that a comparison by `is` narrows `str | None | Unset` to `str | None`."""

    UNSET = "UNSET"

    def __bool__(self) -> Literal[False]:
        """Return False, so that `field or default` treats it as null."""
        return False


UNSET: Final = Unset.UNSET
