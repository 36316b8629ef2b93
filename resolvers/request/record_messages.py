"""Sentences about a record that cannot be found or changed, by its kind: other languages need one for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.messages import gettext_noop

NO_SUCH_RECORD: Final[Mapping[str, str]] = {
    "Deal": gettext_noop("There is no such deal."),
    "Lead": gettext_noop("There is no such lead."),
    "Client": gettext_noop("There is no such client."),
    "Contact": gettext_noop("There is no such contact."),
    "Call": gettext_noop("There is no such call."),
    "Task": gettext_noop("There is no such task."),
    "Result": gettext_noop("There is no such result."),
}
READ_ONLY_RECORD: Final[Mapping[str, str]] = {
    "Deal": gettext_noop("You can see this deal, but not change it."),
    "Lead": gettext_noop("You can see this lead, but not change it."),
    "Client": gettext_noop("You can see this client, but not change it."),
    "Contact": gettext_noop("You can see this contact, but not change it."),
    "Call": gettext_noop("You can see this call, but not change it."),
    "Task": gettext_noop("You can see this task, but not change it."),
    "Result": gettext_noop("You can see this result, but not change it."),
}
