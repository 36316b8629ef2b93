"""The restored command."""

from __future__ import annotations

from models.live import epoch
from server.clock import utc_now
from server.commands.runtime import load_settings, run_with_database


def begin_epoch() -> str:
    """Begin a new epoch of the database, and return what that means."""
    run_with_database(load_settings(), lambda: epoch.renew(utc_now()))
    return "A new epoch has begun: open streams begin anew, and cursors from before are unknown."
