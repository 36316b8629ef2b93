"""Opens small files written by a test, with a map of deals."""

from __future__ import annotations

from pathlib import Path

from imports.files.source_discovery import find_sources
from imports.files.source_file import SourceFile
from imports.files.source_row import SourceRow
from imports.map_file import FileMap, ImportMap, parse_map

COLUMNS = """
        [file.columns]
        title = "Title"
        owner = ["Owner", "Seller"]
        amount = "Amount"
        created = "Created"
"""


def parse_deal_map(head: str = "", tail: str = "") -> ImportMap:
    """Return a map of deals: `head` stands before its columns, `tail` after them."""
    return parse_map(
        f"""
        [[file]]
        kind = "deals"
        optional = ["amount", "created", "entered"]
        {head}
        {COLUMNS}
        {tail}
        """,
        "test",
    )


def parse_file_map(head: str = "", tail: str = "") -> FileMap:
    return parse_deal_map(head, tail).files[0]


def open_file(directory: Path, content: str | bytes, head: str = "", name: str = "deals.csv") -> SourceFile:
    """Write a file and open it; it has one table."""
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    [file] = find_sources(path, parse_deal_map(head)).files
    return file


def read_rows(directory: Path, content: str | bytes, head: str = "", name: str = "deals.csv") -> list[SourceRow]:
    return list(open_file(directory, content, head, name).read_rows())
