"""Reference data of live streams: read once, and again after news that it has changed."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from subscriptions.core import reference_cache
from subscriptions.core.reference_cache import ReferenceCache

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


class Reader:
    """Answers reads of rows by id with numbered answers; runs `during_read`, once, while it answers."""

    def __init__(self):
        self.requests, self.during_read = [], None

    async def __call__(self, *arguments):
        self.requests.append(*arguments or (None,))
        await asyncio.sleep(0)
        if self.during_read:
            action, self.during_read = self.during_read, None
            action()
        return len(self.requests)

    async def load_by_ids(self, ids):
        number = await self(sorted(ids))
        return [f"{row_id}, read {number}" if row_id < 100 else None for row_id in ids]

    async def goals_with_values(self, ids):
        await self(sorted(ids))
        if 100 in ids:
            raise LookupError("no such goal")
        return {goal_id: (f"goal {goal_id}", goal_id * 10) for goal_id in ids}


@pytest.fixture
def reader(monkeypatch):
    reader = Reader()
    monkeypatch.setattr(reference_cache, "company", SimpleNamespace(find_company=reader))
    monkeypatch.setattr(reference_cache, "custom_metrics", SimpleNamespace(fetch_metrics=reader))
    monkeypatch.setattr(reference_cache, "absences", SimpleNamespace(load_work_schedule=reader))
    monkeypatch.setattr(reference_cache, "people", SimpleNamespace(load_by_ids=reader.load_by_ids))
    monkeypatch.setattr(reference_cache, "scores", SimpleNamespace(goals_with_values=reader.goals_with_values))
    return reader


@pytest.fixture
async def hub(running_hub):
    async with running_hub() as hub:
        yield hub


def create_cache(hub) -> Any:
    return ReferenceCache(hub)  # the rows of these tests are texts, so the types of its results do not hold


async def test_versions_grow_with_news_of_what_they_are_made_of(hub):
    cache = create_cache(hub)
    versions = {}
    for topic in ("company", "metrics", "people", "absences", "deals", "goals"):
        before = cache.version, cache.deals_version
        hub.publish_local([topic])
        versions[topic] = cache.version - before[0], cache.deals_version - before[1]

    assert versions == {
        "company": (1, 1),
        "metrics": (1, 0),
        "people": (1, 1),
        "absences": (1, 0),
        "deals": (0, 1),
        "goals": (0, 0),
    }


async def test_each_value_is_read_once_until_news(hub, reader):
    cache = create_cache(hub)
    values = [await cache.company(), await cache.metrics(), await cache.work_schedule("calendar")]

    assert values == [1, 2, 3]
    assert [await cache.company(), await cache.metrics(), await cache.work_schedule("calendar")] == values
    hub.publish_local(["company"])
    assert await cache.company() == 4
    assert reader.requests == [None, None, "calendar", None]


async def test_company_and_metrics_are_at_hand_from_their_read_until_news(hub, reader):
    cache = create_cache(hub)
    assert (cache.cached_company(), cache.cached_metrics()) == (None, None)
    await cache.company()
    await cache.metrics()

    assert (cache.cached_company(), cache.cached_metrics()) == (1, 2)
    hub.publish_local(["metrics"])
    assert (cache.cached_company(), cache.cached_metrics()) == (None, None)
    assert reader.requests == [None, None]


async def test_value_read_while_news_arrives_is_returned_but_not_kept(hub, reader):
    cache = create_cache(hub)
    reader.during_read = lambda: hub.publish_local(["company"])

    assert [await cache.company() for _ in range(3)] == [1, 2, 2]


async def test_employees_are_read_once_in_any_order_and_also_who_does_not_exist(hub, reader):
    cache = create_cache(hub)
    with pytest.raises(KeyError):
        cache.employee(1)

    assert await cache.employees([2, 1, 2]) == ["2, read 1", "1, read 1", "2, read 1"]
    assert await cache.employees([100, 1, 3]) == [None, "1, read 1", "3, read 2"]
    assert (cache.employee(1), cache.employee(100)) == ("1, read 1", None)
    assert await cache.employees([100, 3]) == [None, "3, read 2"]
    assert reader.requests == [[1, 2], [3, 100]]
    hub.publish_local(["people"])
    assert await cache.employees([1]) == ["1, read 3"]


async def test_employees_read_while_news_arrives_are_returned_but_not_kept(hub, reader):
    cache = create_cache(hub)
    await cache.employees([1])
    reader.during_read = lambda: hub.publish_local(["people"])

    assert await cache.employees([1, 2]) == ["1, read 1", "2, read 2"]
    assert await cache.employees([1, 2]) == ["1, read 3", "2, read 3"]


async def test_no_more_employees_are_kept_than_the_maximum(hub, reader, monkeypatch):
    monkeypatch.setattr(reference_cache, "_MAX_EMPLOYEES", 2)
    cache = create_cache(hub)
    await cache.employees([1])
    await cache.employees([2])
    await cache.employees([3])

    assert await cache.employees([1, 2, 3]) == ["1, read 1", "2, read 2", "3, read 4"]


async def test_goals_asked_for_at_the_same_moment_are_read_together(hub, reader):
    cache = create_cache(hub)

    first, second = await asyncio.gather(cache.goals([1, 2]), cache.goals([2, 3]))

    assert first == second == {1: ("goal 1", 10), 2: ("goal 2", 20), 3: ("goal 3", 30)}
    assert await cache.goals([1]) == {1: ("goal 1", 10)}
    assert reader.requests == [[1, 2, 3], [1]]


async def test_failed_read_of_goals_fails_each_caller(hub, reader):
    cache = create_cache(hub)

    results = await asyncio.gather(cache.goals([1]), cache.goals([100]), return_exceptions=True)

    assert [str(result) for result in results] == ["no such goal"] * 2
    assert await cache.goals([1]) == {1: ("goal 1", 10)}


@pytest.mark.parametrize("goal_id", [1, 100])
async def test_caller_that_has_left_does_not_disturb_the_others(hub, reader, goal_id):
    cache = create_cache(hub)
    leaver, remaining = (asyncio.create_task(cache.goals([goal_id])) for _ in range(2))
    await asyncio.sleep(0)
    leaver.cancel()

    result = (await asyncio.gather(remaining, return_exceptions=True))[0]

    assert leaver.cancelled()
    assert str(result) == {1: "{1: ('goal 1', 10)}", 100: "no such goal"}[goal_id]
