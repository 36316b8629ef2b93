"""Messages to users: an English sentence with named placeholders, and what fills them.

The English sentence is the key under which other languages translate it (domain/i18n/locales/), so it stands as a
literal where the message is made; a test finds the literals and compares them with the catalogues.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeAlias, Union

MessageValue: TypeAlias = Union[str, int, Decimal, date, "Message", "MessageList"]


@dataclass(frozen=True, slots=True)
class Message:
    """A sentence before its language is chosen; `str` gives the English one.

    template  the English sentence, with placeholders like `{limit}`
    values    what stands for each placeholder; a message within a message is translated, too
    """

    template: str
    values: Mapping[str, MessageValue] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format_map(self.values) if self.values else self.template


@dataclass(frozen=True, slots=True)
class MessageList:
    """Several values in the place of one, with what stands between them."""

    messages: tuple[MessageValue, ...]
    separator: str = ", "

    def __str__(self) -> str:
        return self.separator.join(map(str, self.messages))


@dataclass(frozen=True, slots=True)
class Plural:
    """A template that depends on a number: the English forms for one and for more, and the placeholder that counts."""

    singular: str
    plural: str
    count: str


def quoted(text: str) -> Message:
    """Return the text in the quotation marks of the reader's language."""
    return Message("“{text}”", {"text": text})


class MessageError(Exception):
    """Base class of the errors whose message is shown to users, in their language.

    message  the template of the sentence, with a value for each of its placeholders; or a whole message
    """

    def __init__(self, message: str | Message, values: Mapping[str, MessageValue]) -> None:
        self.message = message if isinstance(message, Message) else Message(message, values)
        super().__init__(str(self.message))


def gettext_noop(template: str) -> str:
    """Return the template unchanged; marks a literal that is translated elsewhere, for the test of the catalogues."""
    return template
