"""What an import reads, and the preview of it: values that pass between the schema and the process that reads files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from domain.messages import Message


class UploadedFile:
    """A file of a multipart request, in a temporary file that is deleted after the request.

    path       its last part is the name under which the file was sent, cleaned
    digest     SHA-256 of its content
    is_in_use  whether an import reads it beyond the request, and deletes it at its end
    """

    def __init__(self, path: Path, digest: str) -> None:
        self.path, self.digest, self.is_in_use = path, digest, False

    def __str__(self) -> str:
        """Return what identifies the file in the digest of a request with an idempotency key."""
        return f"{self.path.name} {self.digest}"


@dataclass(frozen=True)
class ImportSource:
    """The files of an import and its map, as `previewImport` and `runImport` take them.

    files       uploaded files; none if they stand in the inbox
    inbox_path  of a file or folder in the server's inbox directory
    map         name of a built-in map
    map_text    a map as TOML; without either, a map is found for the files
    dry_run     whether everything is read and checked, and nothing stored
    """

    files: Sequence[UploadedFile] | None = None
    inbox_path: str | None = None
    map: str | None = None
    map_text: str | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class ImportableFiles:
    """The names of the files that an import would read, and of its map; all of them fit each other."""

    file_names: list[str]
    map_name: str


@dataclass(frozen=True)
class ImportPreviewColumn:
    """A column of a file: the field of the map that reads it (None: nothing does) and its first cells.

    confidence  how sure the field is, from 0 to 1, if the map was found; None: the map was given
    """

    name: str
    field: str | None
    samples: list[str]
    confidence: float | None = None


@dataclass(frozen=True)
class ImportProblem:
    """A row that cannot be imported as it stands; an empty column means the row as a whole."""

    line: int
    column: str
    reason: Message


@dataclass(frozen=True)
class ImportPreviewFile:
    """The head of one file.

    lines           the number of its lines
    columns         in the order of the file
    missing_fields  optional fields of which the file lacks all columns that the map names
    problems        of the first rows
    """

    name: str
    kind: str
    lines: int
    columns: list[ImportPreviewColumn]
    missing_fields: list[str]
    problems: list[ImportProblem]


@dataclass(frozen=True)
class ImportPreview:
    """What an import would read.

    ignored_files  files that the map does not cover, with the reason
    found_map      the map as TOML, if it was found for the files; None: it was given
    questions      what this map leaves open, and what has to be filled in
    """

    map_name: str
    files: list[ImportPreviewFile]
    ignored_files: list[Message] = field(default_factory=list)
    found_map: str | None = None
    questions: list[Message] = field(default_factory=list)
