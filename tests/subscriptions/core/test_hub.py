import asyncio
import tracemalloc
from typing import Any

import pytest
from broadcaster import Broadcast

from subscriptions.core.hub import ALL_LISTENERS, CONNECTION_LOST, RESYNC
from tests.subscriptions.core.failing_broadcast import FailingBroadcastBackend

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


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
