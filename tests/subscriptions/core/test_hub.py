import asyncio
import tracemalloc

import pytest
from broadcaster import Broadcast, BroadcastBackend, Event

from subscriptions.core.hub import EVERYBODY, LOST, RESYNC

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


class Wire(BroadcastBackend):
    """A broadcast backend that can fail: on subscription, or by never finishing a publication."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.publications = failures, 0
        self.frozen = asyncio.Event()
        self.frozen.set()
        self.events: asyncio.Queue[Event] = asyncio.Queue()

    async def connect(self) -> None: ...

    async def disconnect(self) -> None: ...

    async def subscribe(self, group: str) -> None:
        self.channel = group
        if self.failures:
            self.failures -= 1
            raise ConnectionError

    async def unsubscribe(self, group: str) -> None: ...

    async def publish(self, channel: str, message: str) -> None:
        self.publications += 1
        await self.frozen.wait()

    async def next_published(self) -> Event:
        return await self.events.get()

    def say(self, message: str) -> None:
        self.events.put_nowait(Event(self.channel, message))


async def test_news_wakes_whom_it_concerns_and_nobody_else(running, change_log):
    async with running() as hub:
        with hub.listen(["goal:1", "people"]) as concerned, hub.listen(["goal:2"]) as other:
            change_log.commit("goal:1")
            hub.ring()

            assert await concerned.wait()
            assert not await other.wait(0)


async def test_news_for_everybody_wakes_everybody(running, change_log):
    async with running() as hub:
        with hub.listen(["goal:1"]) as one, hub.listen([]) as another:
            change_log.commit(EVERYBODY)
            hub.ring()

            assert await one.wait()
            assert await another.wait()


async def test_a_bell_rung_often_is_one_wake_up(running, change_log):
    async with running() as hub:
        with hub.listen(["wins"]) as bell, hub.listen(["end"]) as end:
            for _ in range(100):
                change_log.commit("wins")
            change_log.commit("end")
            hub.ring()
            await end.wait()

            assert await bell.wait()
            assert not await bell.wait(0)


async def test_a_change_that_nobody_rang_for_is_found_by_looking(running, change_log):
    async with running(look_every=0.02) as hub:
        with hub.listen(["wins"]) as bell:
            change_log.commit("wins")

            assert await bell.wait()


async def test_a_row_that_commits_late_is_told(running, change_log):
    early, late = change_log.take(), change_log.take()
    async with running() as hub:
        with hub.listen(["late"]) as bell, hub.listen(["early"]) as overtaken:
            change_log.commit("late", position=late)
            hub.ring()
            await bell.wait()
            change_log.commit("early", position=early)
            hub.ring()

            assert await overtaken.wait()
            assert not await bell.wait(0)


@pytest.mark.parametrize("batch", [1, 7, 10, 1000])
async def test_every_row_is_told_in_batches_of_any_size(running, change_log, batch):
    change_log.batch = batch
    for _ in range(50):
        change_log.commit("old")
    async with running(overlap=10) as hub:
        with hub.listen(["first"]) as first, hub.listen(["last"]) as last:
            for topic in ["first", *["between"] * 200, "last"]:
                change_log.commit(topic)
            hub.ring()

            assert await first.wait()
            assert await last.wait()


async def test_a_topic_listened_to_later_rings_because_it_was_not_heard_before(running, change_log):
    async with running() as hub:
        with hub.listen(["goal:1", "goal:2"]) as bell, hub.listen(["goal:1"]) as witness:
            bell.follow(["goal:2"])
            assert not await bell.wait(0)
            change_log.commit("goal:1")
            hub.ring()
            await witness.wait()
            assert not await bell.wait(0)

            bell.follow(["goal:1"])

            assert await bell.wait(0)


async def test_a_listener_that_leaves_is_forgotten(running):
    async with running() as hub:
        with hub.listen(["goal:1", "people"]) as bell:
            bell.follow(["goal:2"])
            assert (hub.pulse.listeners, hub.pulse.topics) == (1, 1)

        assert (hub.pulse.listeners, hub.pulse.topics) == (0, 0)


async def test_a_database_that_was_away_wakes_everybody_when_it_is_back(running, change_log, until):
    async with running(look_every=0.02) as hub:
        change_log.away = True
        await until(lambda: not hub.healthy)
        with hub.listen(["goal:1"]) as bell:
            change_log.away = False

            assert await bell.wait()
        await until(lambda: hub.healthy)


async def test_a_hub_starts_without_its_database(running, change_log, until):
    change_log.away = True
    async with running(look_every=0.02) as hub:
        assert not hub.healthy
        with hub.listen(["goal:1"]) as bell:
            change_log.away = False
            assert await bell.wait()
            await until(lambda: hub.healthy)

            bell.clear()
            change_log.commit("goal:1")
            assert await bell.wait()


async def test_a_log_that_was_cut_wakes_everybody_and_is_read_from_its_new_end(running, change_log):
    for _ in range(500):
        change_log.commit("old")
    async with running() as hub:
        with hub.listen(["goal:1"]) as bell:
            change_log.rows, change_log.taken = [], 0
            hub.ring()
            assert await bell.wait()

            change_log.commit("goal:1")
            hub.ring()
            assert await bell.wait()


async def test_a_dead_task_is_counted_and_begins_again(running, change_log, until):
    wire = Wire(failures=2)
    async with running(Broadcast(backend=wire)) as hub:
        await until(lambda: hub.pulse.deaths == 2 and hub.healthy)
        with hub.listen(["wins"]) as bell:
            change_log.commit("wins")
            wire.say("another process")

            assert await bell.wait()


async def test_a_lost_doorbell_shows_and_its_return_wakes_everybody(running, until):
    wire = Wire()
    async with running(Broadcast(backend=wire)) as hub:
        wire.say(LOST)
        await until(lambda: not hub.pulse.doorbell)
        assert hub.healthy
        with hub.listen(["wins"]) as bell:
            wire.say(RESYNC)

            assert await bell.wait()
        assert hub.pulse.doorbell
        assert hub.pulse.connects == 1


async def test_many_rings_while_a_publication_hangs_become_one(running, change_log, until):
    wire = Wire()
    async with running(Broadcast(backend=wire)) as hub:
        wire.frozen.clear()
        tasks = len(asyncio.all_tasks())
        with hub.listen(["wins"]) as bell:
            for _ in range(1000):
                change_log.commit("wins")
                hub.ring()
            assert await bell.wait()
            await until(lambda: wire.publications == 1)
            hub.ring()
            assert len(asyncio.all_tasks()) == tasks

        wire.frozen.set()
        await until(lambda: wire.publications == 2)


async def test_memory_does_not_grow_with_the_news(running, change_log):
    async with running() as hub:
        tracemalloc.start()
        with hub.listen(["wins"]), hub.listen(["end"]) as end:
            for _ in range(20):
                for _ in range(1000):
                    change_log.commit("wins")
                change_log.commit("end")
                hub.ring()
                await end.wait()
        kept = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/subscriptions/hub.py")])
        tracemalloc.stop()

        assert sum(each.size for each in kept.statistics("filename")) < 100_000


async def test_a_hub_that_has_stopped_leaves_no_task(running):
    before = asyncio.all_tasks()
    async with running():
        pass
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == before


async def test_a_row_that_is_the_next_is_told_without_a_look(running, change_log):
    wire = Wire()
    async with running(Broadcast(backend=wire)) as hub:
        with hub.listen(["goal:1"]) as bell:
            change_log.away = True
            hub.tell(change_log.commit("goal:1"), ["goal:1"])
            assert await bell.wait(0)

            wire.say(f'["another", {change_log.commit("goal:1")}, ["goal:1"]]')
            assert await bell.wait()


async def test_a_row_that_is_not_the_next_leads_to_a_look_at_what_was_before_it(running, change_log):
    async with running(overlap=10) as hub:
        with hub.listen(["first"]) as first, hub.listen(["second"]) as second, hub.listen(["third"]) as third:
            change_log.commit("first")
            hub.tell(change_log.commit("second"), ["second"])
            assert await first.wait()
            assert await second.wait()
            hub.tell(change_log.commit("third"), ["third"])
            assert await third.wait(0)

            hub.ring()  # nothing is delivered twice
            change_log.commit("first")
            assert await first.wait()
            assert not await second.wait(0)
            assert not await third.wait(0)


async def test_what_waits_to_be_said_is_one_message_however_much_it_is(running, change_log):
    wire = Wire()
    async with running(Broadcast(backend=wire)) as hub:
        wire.frozen.clear()
        for _ in range(100):
            hub.tell(change_log.commit("goal:1"), ["goal:1"])
            await asyncio.sleep(0)
        wire.frozen.set()
        await asyncio.sleep(0.05)
        assert wire.publications == 2
