"""Sentences for errors that a command reports instead of a traceback."""

from __future__ import annotations

import errno

from models.db.errors import DatabaseUnavailable, StorageFull
from server.settings import SettingsError

_DISK_FULL: frozenset[int | None] = frozenset({errno.ENOSPC, errno.EDQUOT})


def find_sentence(error: Exception) -> str | None:
    """Return what to print for an error of a command, or None if the error is a bug and needs its traceback."""
    if isinstance(error, SettingsError):
        return str(error)
    if isinstance(error, StorageFull) or (isinstance(error, OSError) and error.errno in _DISK_FULL):
        return "There is no space left on the disk: free some, then run the command again."
    if isinstance(error, OSError) and error.filename is not None:
        misplaced_file = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a folder is needed there, and it is none" if misplaced_file else error.strerror
        return f"{error.filename} cannot be used: {reason}. Check the path and its permissions, or use another folder."
    if isinstance(error, DatabaseUnavailable):
        return f"The database cannot be reached: {error}"
    return None
