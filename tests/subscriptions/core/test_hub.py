import asyncio
import tracemalloc
from datetime import date
from typing import Any

import orjson
import pytest
from broadcaster import Broadcast, BroadcastBackend, Event

from subscriptions.core.hub import ALL_LISTENERS, CONNECTION_LOST, MAX_MESSAGE_CHARACTERS, RESYNC

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


class FailingBroadcastBackend(BroadcastBackend):
    """A broadcast backend that can fail: on subscription, or by never finishing a publication."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.publications = failures, 0
        self.messages: list[str] = []
        self.is_publishing = True
        self.may_publish = asyncio.Event()
        self.may_publish.set()
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
        await self.may_publish.wait()
        if not self.is_publishing:
            raise ConnectionError
        self.messages.append(message)

    async def next_published(self) -> Event:
        return await self.events.get()

    def announce(self, message: str) -> None:
        self.events.put_nowait(Event(self.channel, message))


async def test_news_wakes_listeners_of_its_topic_only(running_hub, change_log):
    async with running_hub() as hub:
        with hub.listen(["goal:1", "people"]) as concerned, hub.listen(["goal:2"]) as other:
            change_log.commit("goal:1")
            hub.notify()

            assert await concerned.wait()
            assert not await other.wait(0)


async def test_news_for_all_listeners_wakes_all(running_hub, change_log):
    async with running_hub() as hub:
        with hub.listen(["goal:1"]) as first, hub.listen([]) as second:
            change_log.commit(ALL_LISTENERS)
            hub.notify()

            assert await first.wait()
            assert await second.wait()


async def test_repeated_news_is_one_wake_up(running_hub, change_log):
    async with running_hub() as hub:
        with hub.listen(["wins"]) as signal, hub.listen(["end"]) as end:
            for _ in range(100):
                change_log.commit("wins")
            change_log.commit("end")
            hub.notify()
            await end.wait()

            assert await signal.wait()
            assert not await signal.wait(0)


async def test_unannounced_change_is_found_by_polling(running_hub, change_log):
    async with running_hub(poll_interval=0.02) as hub:
        with hub.listen(["wins"]) as signal:
            change_log.commit("wins")

            assert await signal.wait()


async def test_row_committed_late_is_delivered(running_hub, change_log):
    early, late = change_log.reserve_position(), change_log.reserve_position()
    async with running_hub() as hub:
        with hub.listen(["late"]) as signal, hub.listen(["early"]) as late_signal:
            change_log.commit("late", position=late)
            hub.notify()
            await signal.wait()
            change_log.commit("early", position=early)
            hub.notify()

            assert await late_signal.wait()
            assert not await signal.wait(0)


@pytest.mark.parametrize("batch", [1, 7, 10, 1000])
async def test_all_rows_are_delivered_in_batches_of_any_size(running_hub, change_log, batch):
    change_log.batch = batch
    for _ in range(50):
        change_log.commit("old")
    async with running_hub(overlap=10) as hub:
        with hub.listen(["first"]) as first, hub.listen(["last"]) as last:
            for topic in ["first", *["between"] * 200, "last"]:
                change_log.commit(topic)
            hub.notify()

            assert await first.wait()
            assert await last.wait()


async def test_added_topic_wakes_listener(running_hub, change_log):
    async with running_hub() as hub:
        with hub.listen(["goal:1", "goal:2"]) as signal, hub.listen(["goal:1"]) as witness:
            signal.set_topics(["goal:2"])
            assert not await signal.wait(0)
            change_log.commit("goal:1")
            hub.notify()
            await witness.wait()
            assert not await signal.wait(0)

            signal.set_topics(["goal:1"])

            assert await signal.wait(0)


async def test_listener_is_removed_when_block_is_left(running_hub):
    async with running_hub() as hub:
        with hub.listen(["goal:1", "people"]) as signal:
            signal.set_topics(["goal:2"])
            assert (hub.status.listeners, hub.status.topics) == (1, 1)

        assert (hub.status.listeners, hub.status.topics) == (0, 0)


async def test_all_listeners_wake_when_database_is_back(running_hub, change_log, wait_until):
    async with running_hub(poll_interval=0.02) as hub:
        change_log.is_down = True
        await wait_until(lambda: not hub.healthy)
        with hub.listen(["goal:1"]) as signal:
            change_log.is_down = False

            assert await signal.wait()
        await wait_until(lambda: hub.healthy)


async def test_hub_starts_while_database_is_down(running_hub, change_log, wait_until):
    change_log.is_down = True
    async with running_hub(poll_interval=0.02) as hub:
        assert not hub.healthy
        with hub.listen(["goal:1"]) as signal:
            change_log.is_down = False
            assert await signal.wait()
            await wait_until(lambda: hub.healthy)

            signal.clear()
            change_log.commit("goal:1")
            assert await signal.wait()


async def test_truncated_log_wakes_all_and_is_read_from_new_end(running_hub, change_log):
    for _ in range(500):
        change_log.commit("old")
    async with running_hub() as hub:
        with hub.listen(["goal:1"]) as signal:
            change_log.rows, change_log.reserved_position = [], 0
            hub.notify()
            assert await signal.wait()

            change_log.commit("goal:1")
            hub.notify()
            assert await signal.wait()


class EpochRecorder:
    """Answers checks of the history, and records them and the epochs that the hub reports."""

    def __init__(self) -> None:
        self.known_positions: list[int | None] = []
        self.epochs: list[str] = []

    async def check_history(self, known_position: int | None) -> str:
        self.known_positions.append(known_position)
        return f"epoch {len(self.known_positions)}"

    @property
    def options(self) -> dict[str, Any]:
        return {"check_history": self.check_history, "on_epoch": self.epochs.append}


async def test_history_is_checked_at_the_start_and_when_the_database_is_back(running_hub, change_log, wait_until):
    recorder = EpochRecorder()
    change_log.commit("people")
    async with running_hub(poll_interval=0.02, **recorder.options) as hub:
        change_log.is_down = True
        await wait_until(lambda: not hub.healthy)
        change_log.is_down = False
        await wait_until(lambda: hub.healthy)

    assert recorder.known_positions == [None, 1]
    assert recorder.epochs == ["epoch 1", "epoch 2"]


async def test_history_is_checked_when_the_log_ends_before_a_row_that_was_read(running_hub, change_log, wait_until):
    recorder = EpochRecorder()
    async with running_hub(**recorder.options) as hub:
        for _ in range(3):
            position = change_log.commit("people")
        hub.notify()
        await wait_until(lambda: hub.position == position)
        change_log.rows = change_log.rows[:1]
        hub.notify()
        await wait_until(lambda: hub.position == 1)

    assert recorder.known_positions == [None, 3]


async def test_announcement_of_another_database_does_not_concern_the_history(running_hub, change_log, wait_until):
    recorder, backend = EpochRecorder(), FailingBroadcastBackend()
    async with running_hub(Broadcast(backend=backend), **recorder.options) as hub:
        backend.announce('["another", 1, ["people"]]')
        await wait_until(lambda: hub.position == 1)
        hub.notify()
        await wait_until(lambda: hub.position == 0)

        assert hub.committed_position == 0
    assert recorder.known_positions == [None]


async def test_epoch_of_another_process_is_taken_from_its_row(running_hub, change_log, wait_until):
    recorder = EpochRecorder()
    async with running_hub(**recorder.options) as hub:
        with hub.listen(["goal:1"]) as signal:
            change_log.commit(ALL_LISTENERS, "epoch:abcd", position=1_000_000)
            hub.notify()

            assert await signal.wait()
        assert recorder.epochs == ["epoch 1", "abcd"]


async def test_failed_task_is_counted_and_restarted(running_hub, change_log, wait_until):
    backend = FailingBroadcastBackend(failures=2)
    async with running_hub(Broadcast(backend=backend)) as hub:
        await wait_until(lambda: hub.status.restarts == 2 and hub.healthy)
        with hub.listen(["wins"]) as signal:
            change_log.commit("wins")
            backend.announce("another process")

            assert await signal.wait()


async def test_lost_broadcast_is_reported_and_its_return_wakes_all(running_hub, wait_until):
    backend = FailingBroadcastBackend()
    async with running_hub(Broadcast(backend=backend)) as hub:
        backend.announce(CONNECTION_LOST)
        await wait_until(lambda: not hub.status.broadcast_connected)
        assert hub.healthy
        with hub.listen(["wins"]) as signal:
            backend.announce(RESYNC)

            assert await signal.wait()
        assert hub.status.broadcast_connected
        assert hub.status.connect_count == 1


async def test_announcements_during_hanging_publication_become_one(running_hub, change_log, wait_until):
    backend = FailingBroadcastBackend()
    async with running_hub(Broadcast(backend=backend)) as hub:
        backend.may_publish.clear()
        tasks = len(asyncio.all_tasks())
        with hub.listen(["wins"]) as signal:
            for _ in range(1000):
                change_log.commit("wins")
                hub.notify()
            assert await signal.wait()
            await wait_until(lambda: backend.publications == 1)
            hub.notify()
            assert len(asyncio.all_tasks()) == tasks

        backend.may_publish.set()
        await wait_until(lambda: backend.publications == 2)


async def test_memory_does_not_grow_with_news(running_hub, change_log):
    async with running_hub() as hub:
        tracemalloc.start()
        with hub.listen(["wins"]), hub.listen(["end"]) as end:
            for _ in range(20):
                for _ in range(1000):
                    change_log.commit("wins")
                change_log.commit("end")
                hub.notify()
                await end.wait()
        snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/subscriptions/core/hub.py")])
        tracemalloc.stop()

        assert 0 < sum(statistic.size for statistic in snapshot.statistics("filename")) < 100_000


async def test_stopped_hub_leaves_no_task(running_hub):
    before = asyncio.all_tasks()
    async with running_hub():
        pass
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == before


async def test_next_row_is_delivered_without_reading_log(running_hub, change_log):
    backend = FailingBroadcastBackend()
    async with running_hub(Broadcast(backend=backend)) as hub:
        with hub.listen(["goal:1"]) as signal:
            change_log.is_down = True
            hub.publish(change_log.commit("goal:1"), ["goal:1"])
            assert await signal.wait(0)

            backend.announce(f'["another", {change_log.commit("goal:1")}, ["goal:1"]]')
            assert await signal.wait()


async def test_row_after_gap_is_delivered_by_reading_log(running_hub, change_log):
    async with running_hub(overlap=10) as hub:
        with hub.listen(["first"]) as first, hub.listen(["second"]) as second, hub.listen(["third"]) as third:
            change_log.commit("first")
            hub.publish(change_log.commit("second"), ["second"])
            assert await first.wait()
            assert await second.wait()
            hub.publish(change_log.commit("third"), ["third"])
            assert await third.wait(0)

            hub.notify()  # nothing is delivered twice
            change_log.commit("first")
            assert await first.wait()
            assert not await second.wait(0)
            assert not await third.wait(0)


async def test_pending_announcements_are_one_message(running_hub, change_log):
    backend = FailingBroadcastBackend()
    async with running_hub(Broadcast(backend=backend)) as hub:
        backend.may_publish.clear()
        for _ in range(100):
            hub.publish(change_log.commit("goal:1"), ["goal:1"])
            await asyncio.sleep(0)
        backend.may_publish.set()
        await asyncio.sleep(0.05)
        assert backend.publications == 2


NOVEMBER = date(2026, 11, 1), date(2026, 11, 30)


@pytest.mark.parametrize(
    ("topic", "is_woken"),
    [
        ("total", True),
        ("total@2026-10-31", False),
        ("total@2026-11-01", True),
        ("total@2026-11-30", True),
        ("total@2026-12-01", False),
        ("other@2026-11-15", False),
    ],
)
async def test_news_of_a_day_wakes_listeners_of_a_range_with_that_day(running_hub, topic, is_woken):
    async with running_hub() as hub:
        with hub.listen(["total"]) as signal, hub.listen(["total", "other"]) as always:
            signal.set_topics(["total"], NOVEMBER)
            hub.publish_local([topic])

            assert await signal.wait(0) is is_woken
            assert await always.wait(0)


@pytest.mark.parametrize(
    ("before", "after", "is_woken"),
    [
        pytest.param(NOVEMBER, NOVEMBER, False, id="same"),
        pytest.param(NOVEMBER, (date(2026, 10, 31), date(2026, 11, 30)), True, id="begins earlier"),
        pytest.param(NOVEMBER, (date(2026, 11, 1), date(2026, 12, 1)), True, id="ends later"),
        pytest.param(NOVEMBER, (date(2026, 11, 2), date(2026, 11, 29)), False, id="narrower"),
        pytest.param(NOVEMBER, None, True, id="all days"),
        pytest.param(None, NOVEMBER, False, id="of all days"),
    ],
)
async def test_listener_is_woken_when_its_days_are_extended(running_hub, before, after, is_woken):
    async with running_hub() as hub:
        with hub.listen(["total"]) as signal:
            signal.set_topics(["total"], before)
            signal.clear()

            signal.set_topics(["total"], after)

            assert await signal.wait(0) is is_woken


async def test_topic_has_listeners_while_one_listens(running_hub):
    async with running_hub() as hub:
        with hub.listen(["goal:1"]):
            watching = hub.watch(["goal:1"], lambda: None)
            assert (hub.has_listeners("goal:1"), hub.has_listeners("goal:2")) == (True, False)
        assert hub.has_listeners("goal:1")
        hub.unwatch(watching)
        assert not hub.has_listeners("goal:1")


async def test_committed_position_is_the_last_one_that_was_published(running_hub, change_log):
    async with running_hub() as hub:
        before = hub.committed_position, hub.status.position
        hub.publish(3, [])
        hub.publish(2, [])

        assert (before, hub.committed_position) == ((0, 0), 3)


@pytest.mark.parametrize(("excess", "is_whole"), [(0, True), (1, False)])
async def test_announcement_names_position_and_topics_unless_it_is_too_long(
    running_hub, change_log, wait_until, excess, is_whole
):
    backend = FailingBroadcastBackend()
    async with running_hub(Broadcast(backend=backend)) as hub:
        hub.notify()
        await wait_until(lambda: backend.messages)
        [process_id] = backend.messages
        topic = "t" * (MAX_MESSAGE_CHARACTERS + excess - len(orjson.dumps([process_id, 1, [""]])))
        hub.publish(1, [topic])
        await wait_until(lambda: len(backend.messages) == 2)

    assert backend.messages[1] == (orjson.dumps([process_id, 1, [topic]]).decode() if is_whole else process_id)


async def test_own_announcement_is_not_taken_for_that_of_another_process(running_hub, change_log, wait_until):
    backend = FailingBroadcastBackend()
    async with running_hub(Broadcast(backend=backend)) as hub:
        hub.publish(1, ["goal:1"])
        await wait_until(lambda: backend.messages)
        own_id = orjson.loads(backend.messages[0])[0]
        backend.announce(orjson.dumps([own_id, 2, ["goal:1"]]).decode())
        backend.announce(orjson.dumps(["another", 2, ["goal:2"]]).decode())
        with hub.listen(["goal:1"]) as own_signal, hub.listen(["goal:2"]) as other_signal:
            assert await other_signal.wait()
            assert not await own_signal.wait(0)


async def test_failing_publication_is_logged_once_until_it_succeeds(running_hub, change_log, wait_until, caplog):
    backend = FailingBroadcastBackend()
    async with running_hub(Broadcast(backend=backend)) as hub:
        for number, is_publishing in enumerate([False, False, True, False], 1):
            backend.is_publishing = is_publishing
            hub.notify()
            await wait_until(lambda number=number: backend.publications == number)
            await asyncio.sleep(0)

    assert caplog.text.count("News cannot be published") == 2


@pytest.mark.usefixtures("virtual_time")
async def test_unreadable_log_is_logged_once_and_when_it_can_be_read_again(running_hub, change_log, wait_until, caplog):
    caplog.set_level("INFO")
    async with running_hub(poll_interval=0.001) as hub:
        change_log.is_down = True
        await wait_until(lambda: not hub.healthy)
        for _ in range(3):
            hub.notify()
            await asyncio.sleep(0.002)
        change_log.is_down = False
        await wait_until(lambda: hub.healthy)

    assert caplog.text.count("The change log cannot be read") == 1
    assert caplog.text.count("The change log can be read again") == 1


@pytest.mark.parametrize(("row_count", "reads"), [(7, 3), (6, 3), (2, 1)])
async def test_batch_that_is_not_full_is_the_last_one(running_hub, change_log, wait_until, row_count, reads):
    change_log.batch = 3
    positions = []
    read_after = change_log.read_after

    async def count_reads(position):
        positions.append(position)
        return await read_after(position)

    change_log.read_after = count_reads
    async with running_hub(full_batch_size=3) as hub:
        positions.clear()
        for _ in range(row_count):
            change_log.commit("wins")
        hub.notify()
        await wait_until(lambda: hub.position == row_count)
        await asyncio.sleep(0)

    assert positions == [0, 3, 6][:reads]


@pytest.mark.usefixtures("virtual_time")
async def test_hub_is_healthy_between_two_reads_and_reads_at_its_interval(running_hub, change_log):
    async with running_hub(poll_interval=60) as hub:
        await asyncio.sleep(59)
        assert hub.healthy
        assert hub.status.last_read_age == pytest.approx(59, abs=0.5)
        await asyncio.sleep(2)
        assert hub.status.last_read_age == pytest.approx(1, abs=0.5)


async def test_truncation_below_a_committed_row_alone_is_a_new_epoch(running_hub, change_log, wait_until):
    recorder = EpochRecorder()
    async with running_hub(**recorder.options) as hub:
        for _ in range(2):
            position = change_log.commit("people")
        hub.notify()
        await wait_until(lambda: hub.position == position)
        change_log.rows.clear()
        with hub.listen(["goal:1"]) as signal:
            hub.notify()
            assert await signal.wait()
        await wait_until(lambda: hub.position == 0)

        assert (hub.committed_position, recorder.known_positions) == (0, [None, 2])
