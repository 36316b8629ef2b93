"""Which new passwords are accepted: length, and not one of those that attackers try first.

There are no rules on kinds of characters, which make passwords harder to remember and not to guess (NIST SP 800-63B,
3.1.1.2). The list is that of the library zxcvbn: the most common passwords of published leaks.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from domain.errors.user_errors import Invalid, OutOfRange

MIN_LENGTH, MAX_LENGTH = 8, 200
_MIN_WORD_LENGTH: Final = 3
_GUESSABLE: Final = tomllib.loads(Path(__file__).with_name("guessable.toml").read_text())
# Refused alone, repeated, or with digits and signs, like the names of the company and the employee: docs/security.md.
CONTEXT_WORDS: Final[tuple[str, ...]] = tuple(_GUESSABLE["words"])
_LATIN_KEYS: Final = [
    str.maketrans(keys, _GUESSABLE["keyboards"]["latin"]) for keys in _GUESSABLE["keyboards"].values()
]


def check_new_password(password: str, names: Iterable[str | None], *path: str) -> None:
    """Check a new password.

    names  of the company and the employee, and their e-mail address; None for a missing one

    Raises OutOfRange for its length, and Invalid for one that attackers try first.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise OutOfRange("A password has {least} to {most} characters.", *path, least=MIN_LENGTH, most=MAX_LENGTH)
    if _is_common(password):
        raise Invalid("This is one of the most common passwords: choose another, such as several words.", *path)
    if _consists_of_names(password, names):
        raise Invalid(
            "This password consists of names that others can guess: choose another, such as several words.", *path
        )


def _is_common(password: str) -> bool:
    """Return whether a password is common, also with other capitals or typed on the keyboard of another script."""
    text = password.casefold()
    return not load_common_passwords().isdisjoint(text.translate(latin_keys) for latin_keys in _LATIN_KEYS)


@cache
def load_common_passwords() -> frozenset[str]:
    """Return the common passwords of sufficient length, in lower case."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # imported late, since few processes need it: it takes 15 MB

    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= MIN_LENGTH)


def _consists_of_names(password: str, names: Iterable[str | None]) -> bool:
    """Return whether a password has nothing but names, digits and signs."""
    words = {*CONTEXT_WORDS}
    for name in names:
        parts = re.findall(r"[^\W\d_]+", (name or "").casefold())
        words |= {part for part in (*parts, "".join(parts)) if len(part) >= _MIN_WORD_LENGTH}
    letters = "".join(re.findall(r"[^\W\d_]+", password.casefold()))
    return bool(letters) and _is_concatenation(letters, words)


def _is_concatenation(text: str, words: Iterable[str]) -> bool:
    """Return whether a text is made of the words. A regular expression could take exponential time for it."""
    ends = {0}
    for start in range(len(text)):
        if start in ends:
            ends.update(start + len(word) for word in words if text.startswith(word, start))
    return len(text) in ends
