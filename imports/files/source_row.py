"""Rows of a source file, and what the reading of a file reports about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from domain.i18n.languages import DEFAULT_LANGUAGE, translate
from domain.messages import Message, MessageError, MessageValue
from imports.rejects_format import RowOrigin

# Spaces, zero-width characters and direction marks: no part of a value at the ends of a cell, kept inside.
EDGE_CHARACTERS: Final = (
    " \t\r\n\v\f\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff"
)
_UNDECODABLE_PATTERN: Final = re.compile("[\udc80-\udcff]")


class ImportFileError(MessageError):
    """A file that cannot be imported at all; the message says why, and what to do."""

    def __init__(self, message: str | Message, **values: MessageValue) -> None:
        super().__init__(message, values)


class NumberCell(str):
    """A cell of a workbook that holds a number: its exact decimal with a point and no other sign."""

    __slots__ = ()


class MomentCell(str):
    """A cell of a workbook that holds a date or time, in ISO 8601: a day alone has ten characters."""

    __slots__ = ()


class RawRow(NamedTuple):
    """One row of a table before its columns are known.

    line, last_line  the lines of the file on which it begins and ends, counted from 1; rows of a sheet
    error            the reason why it cannot be read as cells
    """

    line: int
    last_line: int
    cells: Sequence[str]
    error: Message | None = None


class SourceRow(NamedTuple):
    """One row: the line it begins on, its cells by column, and the reason why it cannot be read (None: it can).

    Cells are texts, cleaned at their ends; those of a workbook may be `NumberCell` or `MomentCell`.
    texts   all cells, in their order, also those beyond the columns
    origin  where the row came from, if its file is one of rejected rows
    """

    line: int
    cells: Mapping[str, str]
    error: Message | None = None
    texts: Sequence[str] = ()
    origin: RowOrigin | None = None


@dataclass(frozen=True)
class FileNote:
    """What the reading of a file reports about it before anything is imported.

    is_warning  the file was read by an uncertain reading: show the sample before anything is written
    sample      cells or lines of the file, as they are read
    """

    message: Message
    sample: Sequence[str] = ()
    is_warning: bool = False

    def render(self, language: str) -> str:
        """Return the message and below it the sample."""
        return "\n".join([translate(self.message, language), *(f"    {line}" for line in self.sample)])

    def __str__(self) -> str:
        return self.render(DEFAULT_LANGUAGE)


def clean_cell(cell: str) -> str:
    """Return a cell without spaces, zero-width characters and direction marks at its ends."""
    if cell.__class__ is not str:
        return cell  # a number or date of a workbook
    return cell.strip(EDGE_CHARACTERS)


def has_undecodable_bytes(text: str) -> bool:
    """Return whether the text holds bytes that could not be decoded, which `surrogateescape` marks."""
    return not text.isascii() and _UNDECODABLE_PATTERN.search(text) is not None
