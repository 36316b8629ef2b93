"""At which positions of the change log the topics that kept answers follow from have last moved.

Every change that is committed has a row in the change log. A row counts against all answers, unless each of its topics
is known to say exactly what has moved. So an answer is thrown away too often rather than kept too long, if a change has
topics that nobody has thought of here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from models.live import change_log

MAX_TOPICS: Final = 100_000

RECORDS_TOPIC: Final = "records"  # "records:ID": deals, leads, clients or activities of an employee
_FOLLOWED_NAMES: Final = frozenset({RECORDS_TOPIC, "goal", "goals"})
# Rows with one of these say by `RECORDS_TOPIC` whose records have changed; without it they may be those of anyone.
_RECORD_NAMES: Final = frozenset({"deals", "activities"})
# What they say is part of an answer's key (reference data), has a topic of its own beside it (scores move goals), or is
# in no answer that is kept by topics.
_OTHER_NAMES: Final = frozenset(
    {
        "people", "company", "metrics", "pipelines", "absences",
        "employee", "score", "target", "wins", "alerts", "session", "device", "presence", "import", "imports",
    }
)  # fmt: skip


class TopicPositions:
    """The last moves of topics in a process, read from the change log when an answer is looked up."""

    def __init__(self) -> None:
        self.position: int | None = None  # up to which the log has been read
        self._rewind_count = 0  # how often the log has gone back
        self._all_moved_at = 0
        self._moved_at: dict[str, int] = {}

    def begin(self, position: int) -> None:
        """Begin to follow the log for an answer made at this position, unless it is followed already."""
        if self.position is None:
            self.position = position

    async def follow(self, position: int) -> bool:
        """Read the log to at least this position. Return False if it has gone back: what was read before is void then."""
        known_position, rewind_count = self.position, self._rewind_count
        assert known_position is not None, "nothing is looked up before something was kept"
        if position == known_position:
            return True
        changes = await change_log.changes_since(known_position) if position > known_position else None
        last_position = await change_log.last_position() if changes is None else position
        if self._rewind_count != rewind_count:  # another request has found that the log has gone back
            return False
        if last_position < known_position:
            self.position, self._rewind_count = None, rewind_count + 1
            self._all_moved_at, self._moved_at = 0, {}
            return False
        if changes is None and position > known_position:  # too many, or no longer known
            self._all_moved_at = max(self._all_moved_at, last_position)
            self.position = max(self.position or 0, last_position)
        for changed_at, topics in changes or ():
            self._apply(changed_at, topics)
        return True

    def has_moved(self, topics: Collection[str], since: int) -> bool:
        """Return whether any of the topics has moved after a position, as far as the log has been read."""
        if self.position is None or not self._all_moved_at <= since <= self.position:
            return True
        return any(self._moved_at.get(topic, 0) > since for topic in topics)

    def _apply(self, position: int, topics: Sequence[str]) -> None:
        if _concerns_all(topics):
            self._all_moved_at = max(self._all_moved_at, position)
        self._moved_at.update(
            (topic, position)
            for topic in topics
            if topic.partition(":")[0] in _FOLLOWED_NAMES and self._moved_at.get(topic, 0) < position
        )
        if len(self._moved_at) > MAX_TOPICS:
            self._moved_at, self._all_moved_at = {}, position
        self.position = max(self.position or 0, position)


def records_topic(employee_id: int) -> str:
    """Return the topic of an employee's deals, leads, clients and other records, and of the activities credited to them."""
    return f"{RECORDS_TOPIC}:{employee_id}"


def _concerns_all(topics: Iterable[str]) -> bool:
    names = {topic.partition(":")[0] for topic in topics}
    if not names <= _FOLLOWED_NAMES | _RECORD_NAMES | _OTHER_NAMES:
        return True
    return RECORDS_TOPIC not in names and not names.isdisjoint(_RECORD_NAMES)
