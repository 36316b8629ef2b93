"""Listeners of topics: what the hub calls when news of their topics arrives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from subscriptions.core.coalescing import CoalescingEvent


class TopicListener:
    """Calls `callback` at once on news of any of its topics, in the order of the news, until `close`.

    date_range  first and last day of interest; None for all. News of a topic with another day is skipped; news
                without a day is always delivered.
    """

    __slots__ = ("_listeners_by_topic", "_topics", "callback", "date_range")

    def __init__(
        self, listeners_by_topic: dict[str, set[TopicListener]], topics: Iterable[str], callback: Callable[[], None]
    ) -> None:
        self._listeners_by_topic, self.callback = listeners_by_topic, callback
        self._topics: frozenset[str] = frozenset()
        self.date_range: tuple[date, date] | None = None
        self._replace_topics(frozenset(topics))

    def set_topics(self, topics: Iterable[str], date_range: tuple[date, date] | None = None) -> None:
        """Replace topics and date range.

        Calls the callback if either was extended, since earlier news of the added part was not seen.
        """
        is_wider = self.date_range is not None and (
            date_range is None or date_range[0] < self.date_range[0] or self.date_range[1] < date_range[1]
        )
        self.date_range = date_range
        has_new_topics = self._replace_topics(frozenset(topics)) if topics != self._topics else False
        if has_new_topics or is_wider:
            self.callback()

    def close(self) -> None:
        """Remove the listener from the index."""
        self._replace_topics(frozenset())

    def on_news(self, day: str) -> None:
        """Call the callback for news of this ISO date (empty: none), unless the date is out of range."""
        if not day or self.date_range is None or self.date_range[0] <= date.fromisoformat(day) <= self.date_range[1]:
            self.callback()

    def _replace_topics(self, topics: frozenset[str]) -> bool:
        """Move the listener in the index to these topics; return whether any of them is new."""
        for topic in self._topics - topics:
            self._listeners_by_topic[topic].discard(self)
            if not self._listeners_by_topic[topic]:
                del self._listeners_by_topic[topic]
        new_topics = topics - self._topics
        for topic in new_topics:
            self._listeners_by_topic.setdefault(topic, set()).add(self)
        self._topics = topics
        return bool(new_topics)


class TopicSignal(CoalescingEvent):
    """A coalescing event that is set by news of any of its topics."""

    def __init__(self, listeners_by_topic: dict[str, set[TopicListener]], topics: Iterable[str]) -> None:
        super().__init__()
        self.listener = TopicListener(listeners_by_topic, topics, self.set)
        self.set_topics = self.listener.set_topics
