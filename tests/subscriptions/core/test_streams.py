import asyncio
import random
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from subscriptions.core.coalescing import CoalescingWindow
from subscriptions.core.streams import StateSnapshot, event_stream, state_stream

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


class WatchedValue:
    """A value with a change log; a read takes the value at one moment and returns it a little later, like a query."""

    def __init__(self, change_log, hub):
        self.log, self.hub, self.value, self.reads = change_log, hub, 0, 0
        self.may_finish = asyncio.Event()
        self.may_finish.set()

    def change(self, value, topic="board"):
        self.value = value
        self.log.commit(topic)
        self.hub.notify()

    async def read(self):
        self.reads += 1
        value = self.value
        await self.may_finish.wait()
        await asyncio.sleep(0)
        if self.log.is_down:
            raise self.log.DatabaseDown
        return StateSnapshot(value)

    def stream(self, **options):
        return aclosing(state_stream(self.hub, ["board"], self.read, key=lambda value: value, **options))


async def test_state_stream_yields_current_state_and_each_change(running_hub, change_log):
    async with running_hub() as hub:
        watched = WatchedValue(change_log, hub)
        async with watched.stream() as stream:
            received = [await anext(stream)]
            for value in (5, 7):
                watched.change(value)
                received.append(await anext(stream))

    assert received == [0, 5, 7]


async def test_state_stream_always_yields_last_state(running_hub, change_log):
    async with running_hub() as hub:
        watched = WatchedValue(change_log, hub)

        async def write():
            for value in range(1, 501):
                watched.change(value)
                await asyncio.sleep(random.choice([0, 0, 0.001]))

        async with watched.stream(window=CoalescingWindow(0.001)) as stream, asyncio.TaskGroup() as group:
            group.create_task(write())
            received = []
            while not received or received[-1] != 500:
                received.append(await anext(stream))

    assert received == sorted(set(received))


async def test_change_during_first_read_is_read_again(running_hub, change_log):
    async with running_hub() as hub:
        watched = WatchedValue(change_log, hub)
        watched.may_finish.clear()
        async with watched.stream() as stream:
            first = asyncio.create_task(anext(stream))
            while not watched.reads:
                await asyncio.sleep(0)
            watched.change(9)
            watched.may_finish.set()

            assert [await first, await anext(stream)] == [0, 9]


async def test_changes_close_together_cause_one_read(running_hub, change_log):
    async with running_hub() as hub:
        watched = WatchedValue(change_log, hub)
        async with watched.stream(window=CoalescingWindow(0.2)) as stream:
            await anext(stream)
            for value in range(1, 101):
                watched.change(value)

            assert await anext(stream) == 100
        assert watched.reads == 2


async def test_equal_state_is_not_sent_twice(running_hub, change_log, wait_until):
    async with running_hub() as hub:
        watched = WatchedValue(change_log, hub)
        async with watched.stream() as stream:
            await anext(stream)
            second = asyncio.create_task(anext(stream))
            watched.change(0)
            await wait_until(lambda: watched.reads == 2)
            watched.change(1)

            assert await second == 1


async def test_change_before_topic_is_followed_is_delivered(running_hub, change_log, wait_until):
    async with running_hub() as hub:
        snapshots = [
            StateSnapshot("old", topics=["board", "metric:new"]),
            StateSnapshot("new", topics=["board", "metric:new"]),
        ]

        async def read():
            change_log.commit("metric:new")
            hub.notify()
            with hub.listen(["metric:new"]) as witness:
                await witness.wait()
            return snapshots.pop(0) if len(snapshots) > 1 else snapshots[0]

        async with aclosing(state_stream(hub, ["board"], read, key=lambda value: value)) as stream:
            assert [await anext(stream), await anext(stream)] == ["old", "new"]


async def test_state_is_read_again_at_wake_at(running_hub):
    async with running_hub() as hub:
        days = iter(["Monday", "Tuesday"])

        async def read():
            return StateSnapshot(next(days), wake_at=datetime.now(UTC) + timedelta(seconds=0.01))

        async with aclosing(state_stream(hub, [], read, key=lambda value: value)) as stream:
            assert [await anext(stream), await anext(stream)] == ["Monday", "Tuesday"]


async def test_retryable_error_does_not_end_state_stream(running_hub, change_log, wait_until):
    async with running_hub(poll_interval=0.02) as hub:
        watched = WatchedValue(change_log, hub)
        async with watched.stream(retryable_errors=(change_log.DatabaseDown,)) as stream:
            await anext(stream)
            change_log.is_down = True
            await wait_until(lambda: not hub.healthy)
            hub.wake_all()
            second = asyncio.create_task(anext(stream))
            await wait_until(lambda: watched.reads >= 2)
            watched.change(3)
            change_log.is_down = False

            assert await second == 3


async def test_other_error_ends_state_stream_and_removes_listener(running_hub, change_log):
    async with running_hub() as hub:
        change_log.is_down = True
        with pytest.raises(change_log.DatabaseDown):
            await anext(state_stream(hub, ["board"], WatchedValue(change_log, hub).read, key=lambda value: value))

        assert hub.status.listeners == 0


@pytest.mark.parametrize("leave", ["close", "cancel"])
async def test_streams_remove_listener_when_left(running_hub, change_log, wait_until, leave):
    async with running_hub() as hub:
        watched = WatchedValue(change_log, hub)
        streams = [
            state_stream(hub, ["board"], watched.read, key=lambda value: value),
            event_stream(hub, ["board"], change_log.read_after, 0, position_of=lambda row: row[0]),
        ]
        change_log.commit("board")
        for stream in streams:
            await anext(stream)
        assert hub.status.listeners == 2

        if leave == "cancel":
            waiting = [asyncio.create_task(anext(stream)) for stream in streams]
            await asyncio.sleep(0)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        else:
            for stream in streams:
                await stream.aclose()

        assert (hub.status.listeners, hub.status.topics) == (0, 0)


async def test_event_stream_yields_every_row_after_position_once_in_order(running_hub, change_log):
    change_log.batch = 3
    for _ in range(10):
        change_log.commit("history")
    async with (
        running_hub() as hub,
        aclosing(event_stream(hub, ["history"], change_log.read_after, 4, position_of=lambda row: row[0])) as stream,
    ):
        before = [(await anext(stream))[0] for _ in range(6)]
        for _ in range(5):
            change_log.commit("history")
            hub.notify()
        since = [(await anext(stream))[0] for _ in range(5)]

    assert before + since == list(range(5, 16))


async def test_retryable_error_does_not_end_event_stream(running_hub, change_log, wait_until):
    async with running_hub(poll_interval=0.02) as hub:
        options = {"position_of": lambda row: row[0], "retryable_errors": (change_log.DatabaseDown,)}
        async with aclosing(event_stream(hub, ["history"], change_log.read_after, 0, **options)) as stream:
            change_log.commit("history")
            await anext(stream)
            change_log.is_down = True
            await wait_until(lambda: not hub.healthy)
            second = asyncio.create_task(anext(stream))
            hub.wake_all()
            change_log.commit("history")
            await asyncio.sleep(0)
            change_log.is_down = False

            assert (await second)[0] == 2


@pytest.mark.parametrize("seed", range(5))
async def test_event_stream_misses_nothing_of_concurrent_writers(running_hub, change_log, seed):
    dice = random.Random(seed)
    change_log.batch = 7
    row_count = 300

    async def write():
        for _ in range(row_count // 20):
            await asyncio.sleep(dice.random() / 500)
            change_log.commit("history")
            hub.notify()

    async def read_positions():
        positions = []
        stream = event_stream(hub, ["history"], change_log.read_after, 0, position_of=lambda row: row[0])
        async with aclosing(stream):
            while len(positions) < row_count:
                positions.append((await anext(stream))[0])
        return positions

    async with running_hub() as hub, asyncio.TaskGroup() as group:
        listeners = [group.create_task(read_positions()) for _ in range(5)]
        for _ in range(20):
            group.create_task(write())

    for listener in listeners:
        assert listener.result() == list(range(1, row_count + 1))


async def test_timer_of_a_state_is_cancelled_when_it_is_read_again_or_left(running_hub, change_log):
    async with running_hub() as hub:
        values = iter(range(9))

        async def read():
            return StateSnapshot(next(values), wake_at=datetime.now(UTC) + timedelta(hours=1))

        async with aclosing(state_stream(hub, ["board"], read, key=lambda value: value)) as stream:
            await anext(stream)
            for _ in range(3):
                hub.publish_local(["board"])
                await anext(stream)
            waiting = asyncio.create_task(anext(stream))
            await asyncio.sleep(0)
            assert len(hub.timers) == 1
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

        assert len(hub.timers) == 0


async def test_state_listens_only_to_the_topics_and_days_of_its_last_read(running_hub, change_log):
    async with running_hub() as hub:
        reads = []

        async def read():
            reads.append(len(reads))
            return StateSnapshot(reads[-1], topics=["new"], date_range=(date(2026, 11, 1), date(2026, 11, 30)))

        async with aclosing(state_stream(hub, ["old"], read, key=lambda value: value)) as stream:
            await anext(stream)
            assert await anext(stream) == 1  # at once, since the topic is new
            for topic in ("old", "new@2026-12-01"):
                hub.publish_local([topic])
            waiting = asyncio.create_task(anext(stream))
            await asyncio.sleep(0)
            assert not hub.has_listeners("old")
            hub.publish_local(["new@2026-11-30"])

            assert await waiting == 2


@pytest.mark.usefixtures("virtual_time")
async def test_failed_reads_are_retried_after_growing_pauses_and_logged_once(running_hub, change_log, caplog):
    async with running_hub() as hub:
        loop = asyncio.get_running_loop()
        times = []

        async def read():
            times.append(loop.time())
            if len(times) <= 3:
                raise change_log.DatabaseDown
            return StateSnapshot("state")

        options = {"key": lambda value: value, "retryable_errors": (change_log.DatabaseDown,)}
        async with aclosing(state_stream(hub, ["board"], read, **options)) as stream:
            assert await anext(stream) == "state"

    pauses = [later - earlier for earlier, later in pairwise(times)]
    for pause, longest in zip(pauses, (0.1, 0.2, 0.4), strict=True):
        assert longest / 2 * 0.99 <= pause <= longest * 1.01
    assert caplog.text.count("A read of a live stream failed") == 1


async def test_event_stream_tells_the_position_whenever_it_has_caught_up(running_hub, change_log):
    caught_up = []
    change_log.batch = 2
    for _ in range(3):
        change_log.commit("history")
    async with running_hub() as hub:
        options = {"position_of": lambda row: row[0], "on_caught_up": caught_up.append}
        async with aclosing(event_stream(hub, ["history"], change_log.read_after, 0, **options)) as stream:
            for _ in range(3):
                await anext(stream)
            assert caught_up == []
            fourth = asyncio.create_task(anext(stream))
            for _ in range(20):
                await asyncio.sleep(0)
            assert caught_up == [3]
            change_log.commit("history")
            hub.notify()
            assert (await fourth)[0] == 4

    assert caught_up == [3]


@pytest.mark.parametrize("ends", ["before a read", "during a read"])
async def test_event_stream_ends_when_its_check_fails(running_hub, change_log, ends):
    has_ended = False
    change_log.commit("history")

    def check():
        if has_ended:
            raise LookupError("positions have lost their meaning")

    async def read_after(position):
        nonlocal has_ended
        has_ended = has_ended or ends == "during a read"
        return [] if ends == "before a read" and position else await change_log.read_after(position)

    async with running_hub() as hub:
        options = {"position_of": lambda row: row[0], "check": check}
        async with aclosing(event_stream(hub, ["history"], read_after, 0, **options)) as stream:
            if ends == "before a read":
                await anext(stream)
                waiting = asyncio.create_task(anext(stream))
                for _ in range(20):
                    await asyncio.sleep(0)
                has_ended = True
                hub.publish_local(["history"])
            else:
                waiting = asyncio.create_task(anext(stream))

            with pytest.raises(LookupError):
                await waiting
