"""Answers that are given again while what they follow from is unchanged."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from resolvers.request.topic_positions import TopicPositions

MAX_KEPT_BYTES: Final = 32_000_000
MAX_KEPT_ANSWERS: Final = 5_000


class AnswerState(Protocol):
    """The state of data that an answer was made from and that no topic of the change log tells of."""

    async def is_current(self) -> bool:
        """Return whether the data is still the same, with all that was committed before the call."""


@dataclass(slots=True)
class AnswerBasis:
    """What an answer follows from, besides what is part of its key; an operation collects it while it is executed.

    position  of the change log, which was read before anything else
    topics    the answer is the same as long as none of them has moved since
    states    and all of these are current
    is_whole  False once it follows from something else
    """

    position: int
    topics: set[str] = field(default_factory=set)
    states: list[AnswerState] = field(default_factory=list)
    is_whole: bool = True


class _KeptAnswer:
    """The JSON of an answer; `position` is the last one of the change log at which it was found to be current."""

    __slots__ = ("body", "position", "states", "topics")

    def __init__(self, body: bytes, basis: AnswerBasis) -> None:
        self.body, self.position = body, basis.position
        self.topics: Collection[str] = tuple(basis.topics)
        self.states: Sequence[AnswerState] = tuple(basis.states)


class KeptAnswers:
    """The kept answers of a process, least recently used ones dropped."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, _KeptAnswer] = OrderedDict()
        self._size = 0
        self._topic_positions = TopicPositions()

    def find_at_once(self, key: Hashable, position: int) -> bytes | None:
        """Return the answer of a key if it can be seen without reading anything that it is current; see `find`."""
        answer = self._answers.get(key)
        if answer is None:
            return None
        if answer.position != position:
            topic_positions = self._topic_positions
            if answer.states or topic_positions.position != position:
                return None
            if topic_positions.has_moved(answer.topics, answer.position):
                return None
            answer.position = position
        self._answers.move_to_end(key)
        return answer.body

    async def find(self, key: Hashable, position: int) -> bytes | None:
        """Return the answer of a key if it is current.

        position  of the change log, read after the request has come: the answer includes what was committed by then
        """
        answer = self._answers.get(key)
        if answer is None or not await self._is_current(answer, position):
            return None
        answer.position = max(answer.position, position)
        if self._answers.get(key) is answer:
            self._answers.move_to_end(key)
        return answer.body

    async def _is_current(self, answer: _KeptAnswer, position: int) -> bool:
        if answer.position == position:
            return True
        if answer.topics or not answer.states:  # states follow the log by themselves
            if not await self._topic_positions.follow(position):
                self._answers.clear()
                self._size = 0
                return False
            if self._topic_positions.has_moved(answer.topics, answer.position):
                return False
        for state in answer.states:
            if not await state.is_current():
                return False
        return True

    def keep(self, key: Hashable, body: bytes, basis: AnswerBasis) -> None:
        """Keep an answer in place of the earlier one of its key; if its basis has moved meanwhile, it is never current."""
        self._topic_positions.begin(basis.position)
        replaced = self._answers.pop(key, None)
        self._answers[key] = _KeptAnswer(body, basis)
        self._size += len(body) - (len(replaced.body) if replaced else 0)
        while self._size > MAX_KEPT_BYTES or len(self._answers) > MAX_KEPT_ANSWERS:
            _, oldest = self._answers.popitem(last=False)
            self._size -= len(oldest.body)
