"""Goal probabilities: changes of deals wake only the streams that show a goal of the deals' owners."""

import asyncio
from functools import partial
from typing import Any

import pytest

from models.db.errors import DatabaseUnavailable
from resolvers.goals.projection import GOAL_PROBABILITY_TOPIC
from subscriptions import goal_probabilities
from subscriptions.core.hub import Hub
from subscriptions.core.redis_broadcast import create_broadcast
from subscriptions.core.tasks import cancel_and_wait
from subscriptions.goal_probabilities import GoalProbabilityWatcher

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60), pytest.mark.usefixtures("virtual_time")]


class FakeEngine:
    """A forecast engine that fails with the given errors, one at each reading of the deals.

    changed_sellers  the employees with a changed forecast; None for all
    """

    def __init__(self, changed_sellers, *errors):
        self.changed_sellers, self.errors, self.reads = changed_sellers, list(errors), 0

    async def snapshot(self, context):
        self.reads += 1
        if self.errors:
            raise self.errors.pop(0)

    def take_changed_sellers(self):
        return self.changed_sellers


def create_context() -> Any:
    return "context"


@pytest.fixture
async def watch(change_log, monkeypatch):
    """Return a function that runs a watcher of an engine; it returns the hub, and the list of topics with news."""
    tasks = []

    def run(engine):
        monkeypatch.setattr(goal_probabilities, "get_forecast_engine", lambda context: engine)
        hub, news = Hub(create_broadcast(None), change_log.read_after, change_log.last_position), []
        for topic in (GOAL_PROBABILITY_TOPIC, f"{GOAL_PROBABILITY_TOPIC}:1", f"{GOAL_PROBABILITY_TOPIC}:2"):
            hub.watch((topic,), partial(news.append, topic))
        tasks.append(asyncio.create_task(GoalProbabilityWatcher(hub, create_context).run()))
        return hub, news

    yield run
    await cancel_and_wait(*tasks)


@pytest.mark.parametrize(
    ("changed_sellers", "topics"),
    [({1}, ["chances:1"]), ({2, 3}, ["chances:2"]), (set(), []), (None, ["chances"])],
)
async def test_changed_deals_wake_their_sellers_and_a_changed_past_all(watch, changed_sellers, topics):
    hub, news = watch(FakeEngine(changed_sellers))

    hub.publish_local(["deals"])
    await asyncio.sleep(1)

    assert news == topics


async def test_changes_of_deals_close_together_are_read_once_within_the_streams_window(watch):
    engine = FakeEngine({1})
    hub, news = watch(engine)
    await asyncio.sleep(0)
    for _ in range(4):
        hub.publish_local(["deals"])
        await asyncio.sleep(0.001)
    assert engine.reads == 0
    await asyncio.sleep(0.005)
    assert (engine.reads, news) == (1, ["chances:1"])

    await asyncio.sleep(10)
    assert engine.reads == 1
    hub.publish_local(["deals"])
    await asyncio.sleep(0.01)
    assert engine.reads == 2


async def test_nothing_is_read_for_no_listener(change_log, monkeypatch):
    engine = FakeEngine({1})
    monkeypatch.setattr(goal_probabilities, "get_forecast_engine", lambda context: engine)
    hub = Hub(create_broadcast(None), change_log.read_after, change_log.last_position)
    task = asyncio.create_task(GoalProbabilityWatcher(hub, create_context).run())
    hub.publish_local(["deals"])
    await asyncio.sleep(1)
    await cancel_and_wait(task)

    assert engine.reads == 0


async def test_read_is_repeated_after_a_pause_while_the_database_is_down(watch):
    engine = FakeEngine({1}, DatabaseUnavailable("down"), DatabaseUnavailable("down"))
    hub, news = watch(engine)
    hub.publish_local(["deals"])

    await asyncio.sleep(0.05)
    assert (engine.reads, news) == (1, [])
    await asyncio.sleep(1)

    assert (engine.reads, news) == (3, ["chances:1"])


async def test_failed_computation_wakes_all_and_is_logged(watch, caplog):
    hub, news = watch(FakeEngine({1}, ValueError("a bad row")))
    hub.publish_local(["deals"])
    await asyncio.sleep(1)

    assert news == ["chances"]
    assert "Could not determine which goal probabilities changed" in caplog.text
