"""One-time links to set a password: why they are made, and how long they are valid."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final


class LinkPurpose(StrEnum):
    """Why an employee gets a link. INVITATION: they have no password yet; RESET: they have forgotten it."""

    INVITATION = "INVITATION"
    RESET = "RESET"


LINK_LIFETIMES: Final = {LinkPurpose.INVITATION: timedelta(days=7), LinkPurpose.RESET: timedelta(hours=1)}
# A mail that could not be sent for this long is given up; the next request begins anew.
MAIL_LIFETIMES: Final = {LinkPurpose.INVITATION: timedelta(days=1), LinkPurpose.RESET: timedelta(hours=1)}
