"""Answers that are given again while what they follow from is unchanged."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, NamedTuple, Protocol

MAX_KEPT_BYTES: Final = 16_000_000
MAX_KEPT_ANSWERS: Final = 2_000


class AnswerState(Protocol):
    """The state of the data that an answer was made from."""

    async def is_current(self) -> bool:
        """Return whether the data is still the same, with all that was committed before the call."""


class KeptAnswer(NamedTuple):
    """The JSON of an answer, and the state that it follows from."""

    body: bytes
    state: AnswerState


class KeptAnswers:
    """The kept answers of a process, least recently used ones dropped."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, KeptAnswer] = OrderedDict()
        self._size = 0

    async def find(self, key: Hashable) -> bytes | None:
        """Return the answer of a key if it is current."""
        answer = self._answers.get(key)
        if answer is None or not await answer.state.is_current():
            return None
        if self._answers.get(key) is answer:
            self._answers.move_to_end(key)
        return answer.body

    def keep(self, key: Hashable, answer: KeptAnswer) -> None:
        """Keep an answer in place of the earlier one of its key."""
        replaced = self._answers.pop(key, None)
        self._answers[key] = answer
        self._size += len(answer.body) - (len(replaced.body) if replaced else 0)
        while self._size > MAX_KEPT_BYTES or len(self._answers) > MAX_KEPT_ANSWERS:
            _, oldest = self._answers.popitem(last=False)
            self._size -= len(oldest.body)
