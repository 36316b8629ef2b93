"""The system clock of the server."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time in UTC. The server reads the system clock here only."""
    return datetime.now(UTC)
