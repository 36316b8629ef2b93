"""The inbox directory of a server: files that administrators import by their path in it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Final

from domain.errors.user_errors import Invalid, NotFound

_PATH: Final = ("input", "inboxPath")
_MAX_PATH_LENGTH: Final = 1000


def locate(inbox: Path | None, name: str) -> Path:
    """Return the file or folder with this path in the inbox.

    Nothing outside of the inbox can be named: neither absolute paths nor `..`, and no symbolic link on the way or in
    the folder. Raises NotFound for whatever cannot be imported, so that nothing is told about other files.
    """
    if inbox is None:
        raise Invalid("This server has no inbox directory: set SCORELINE_IMPORT_INBOX, or upload the file.", *_PATH)
    missing = NotFound("There is no such file in the inbox directory.", *_PATH)
    parts = PurePosixPath(name).parts
    if not parts or not name.isprintable() or len(name) > _MAX_PATH_LENGTH or {"/", ".."} & {*parts}:
        raise missing
    try:
        path = inbox.resolve(strict=True)
        for part in parts:
            path /= part
            if path.is_symlink():
                raise missing
        if path.is_dir():
            if any(child.is_symlink() for child in path.iterdir()):
                raise Invalid(
                    "A folder with symbolic links cannot be imported: put the files themselves there.", *_PATH
                )
        elif not path.is_file():
            raise missing
    except OSError as error:
        raise missing from error
    return path
