"""Sentences for errors that a command reports instead of a traceback."""

from __future__ import annotations

from models.db.connection import DATABASE_DOWN_ERRORS
from server.settings import SettingsError


def find_sentence(error: Exception) -> str | None:
    """Return what to print for an error of a command, or None if the error is a bug and needs its traceback."""
    if isinstance(error, SettingsError):
        return str(error)
    if isinstance(error, DATABASE_DOWN_ERRORS):
        return f"The database cannot be reached: {error}"
    return None
