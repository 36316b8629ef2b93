"""Rates how plausible the words of a text are in an encoding: what tells the single-byte encodings apart."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from imports.vocabulary import CYRILLIC_LETTERS, LETTER_FREQUENCIES

# In this order where they read the same. DOS (cp866) and Central European files occur as well.
WORD_ENCODINGS: Final = ("cp1251", "cp1252", "latin-1", "koi8-r", "cp866", "cp1250", "cp1254", "cp1257")
_CYRILLIC_ENCODINGS: Final = frozenset({"cp1251", "koi8-r", "cp866"})
_MAX_WORDS: Final = 20_000
_TOKEN_PATTERN: Final = re.compile(rb"[^\x00-\x20,;|\"]*[\x80-\xff][^\x00-\x20,;|\"]*")
_RUN_PATTERN: Final = re.compile(r"[^\W\d_]+")

_LETTER_LIKELIHOODS: Final = {letter: math.log(weight / 1000) for letter, weight in LETTER_FREQUENCIES.items()}
_RARE: Final = math.log(0.0005)
_SYMBOLS: Final = frozenset("«»„“”‘’–—…№€£§©®™°·•±½¼²³\u00a0\u00ad´")
_WITHIN_WORDS: Final = frozenset("’‘´·–—\u00ad")  # apostrophes and dashes
_QUOTATION_MARKS: Final = "«»„“”‘’–—…'()"

# Letters of Western European languages by language. A word with letters of two of them is none.
_WESTERN_ALPHABETS: Final = (
    frozenset("äöüß"), frozenset("àâæçéèêëîïôœùûüÿ"), frozenset("áéíóúñüçïàèò"), frozenset("áâãàçéêíóôõúü"),
    frozenset("àèéìíîòóùú"), frozenset("åäöøæéü"), frozenset("áéëïíóöúèêü"),
)  # fmt: skip
_ONLY_AT_THE_END: Final = frozenset("ìòù")  # of Italian and French words; within, they are Czech or Catalan in cp1252
_CAPITALS: Final = -0.5  # of a letter in a word of capitals, which are rarer
_MIN_LIKELIHOOD: Final = -12.0  # of a letter in an implausible word


@dataclass(frozen=True)
class Plausibility:
    """How plausible the words of a sample are in an encoding.

    share       of the plausible ones among words with characters beyond ASCII
    likelihood  logarithm, summed over the letters beyond ASCII
    """

    encoding: str
    share: float
    likelihood: float


def sample_words(lines: Iterable[bytes]) -> list[bytes]:
    """Return the different words with bytes beyond ASCII."""
    words: dict[bytes, None] = {}
    for line in lines:
        words.update(dict.fromkeys(_TOKEN_PATTERN.findall(line)))
        if len(words) > _MAX_WORDS:
            break
    return list(words)


def rate_words(words: list[bytes], encoding: str) -> Plausibility:
    """Return how plausible the words are in the encoding."""
    is_plausible = _is_cyrillic_word if encoding in _CYRILLIC_ENCODINGS else _is_western_word
    plausible_count, likelihood = 0, 0.0
    for word in words:
        text = word.decode(encoding, "replace")
        letters = [char for char in text.casefold() if char > "\x7f" and char.isalpha()]
        if is_plausible(text):
            plausible_count += 1
            likelihood += sum(_LETTER_LIKELIHOODS.get(letter, _RARE) for letter in letters)
            if text.isupper():
                likelihood += _CAPITALS * len(letters)
        else:
            likelihood += _MIN_LIKELIHOOD * max(1, len(letters))
    return Plausibility(encoding, plausible_count / len(words) if words else 0.0, likelihood)


def _is_cyrillic_word(text: str) -> bool:
    return _has_usual_symbols(text) and all(
        _has_usual_capitals(run) and CYRILLIC_LETTERS.issuperset(run.casefold())
        for run in _RUN_PATTERN.findall(text)
        if not run.isascii()
    )


def _is_western_word(text: str) -> bool:
    core = text.strip(_QUOTATION_MARKS)
    if any(char > "\x7f" and char.isalpha() for char in core) and not _is_mostly_ascii(core):
        return False
    return _has_usual_symbols(text) and all(
        _is_western_run(run) for run in _RUN_PATTERN.findall(text) if not run.isascii()
    )


def _has_usual_symbols(text: str) -> bool:
    """Return whether the symbols beyond ASCII are common ones, and none but apostrophes stands within a word."""
    for position, char in enumerate(text):
        if char > "\x7f" and not char.isalpha():
            is_within = text[position - 1 : position].isalpha() and text[position + 1 : position + 2].isalpha()
            if char not in _SYMBOLS or (is_within and char not in _WITHIN_WORDS):
                return False
    return True


def _is_mostly_ascii(text: str) -> bool:
    return len(text) == 1 or sum(char > "\x7f" for char in text) * 3 <= len(text) * 2


def _is_western_run(run: str) -> bool:
    folded = run.lower()
    letters = {letter for letter in folded if letter > "\x7f"}
    return (
        _has_usual_capitals(run)
        and any(alphabet.issuperset(letters) for alphabet in _WESTERN_ALPHABETS)
        and _is_mostly_ascii(run)
        and not any(letter in _ONLY_AT_THE_END for letter in folded[:-1])
        and not re.search("œ(?![uilt])|õ(?!e)", folded)
    )


def _has_usual_capitals(run: str) -> bool:
    return run.islower() or run.isupper() or run[1:].islower() or "-" in run
