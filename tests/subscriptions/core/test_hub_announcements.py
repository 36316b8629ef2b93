"""Announcements between the hubs of processes: what they say, when they are joined, and what is logged when they fail."""

import asyncio
from datetime import date

import orjson
import pytest
from broadcaster import Broadcast

from subscriptions.core.hub import IO_TIMEOUT_SECONDS, MAX_MESSAGE_CHARACTERS
from tests.subscriptions.core.failing_broadcast import FailingBroadcastBackend

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


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


@pytest.mark.usefixtures("virtual_time")
async def test_hub_is_healthy_until_a_read_takes_longer_than_two_timeouts(running_hub, change_log):
    read_after, change_log.batch = change_log.read_after, 1

    async def read_slowly(position):
        await asyncio.sleep(IO_TIMEOUT_SECONDS - 1 if change_log.rows else 0)
        return await read_after(position)

    change_log.read_after = read_slowly
    async with running_hub(poll_interval=1) as hub:
        for _ in range(3):
            change_log.commit("wins")
        await asyncio.sleep(1 + 2 * IO_TIMEOUT_SECONDS - 0.1)
        assert hub.healthy
        await asyncio.sleep(0.2)
        assert not hub.healthy
