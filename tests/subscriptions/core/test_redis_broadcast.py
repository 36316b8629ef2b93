"""Delivery over a real Redis that is killed, frozen, disconnected or absent; hubs do not poll unless a test says so."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from broadcaster import Event
from redis.asyncio import Redis

from subscriptions.core.hub import RESYNC
from subscriptions.core.redis_broadcast import ReconnectingRedisBackend, create_broadcast
from subscriptions.core.streams import event_stream

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def wake_across(writer, reader, change_log):
    """Commit a row and announce it through one hub, and wait until a listener of the other hub is woken."""
    with reader.listen(["wins"]) as signal:
        change_log.commit("wins")
        writer.notify()
        assert await signal.wait(30)


async def kill_listening_connections(url):
    async with Redis.from_url(url) as client:
        return await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


async def test_first_listener_is_woken_by_other_hub(running_hub, change_log, redis_server):
    async with running_hub(redis_server.url) as writer, running_hub(redis_server.url) as reader:
        await wake_across(writer, reader, change_log)


async def test_broadcast_delivers_once_connected(redis_server):
    async with create_broadcast(redis_server.url) as news, news.subscribe("first") as subscriber:
        assert (await subscriber.get()).message == RESYNC

        await news.publish("first", "hello")

        assert (await subscriber.get()).message == "hello"


async def test_fifty_listeners_subscribing_at_once_are_all_woken(running_hub, change_log, redis_server, wait_until):
    async def listener(reader):
        with reader.listen(["wins"]) as signal:
            signal.clear()
            return await signal.wait(30)

    async with running_hub(redis_server.url) as writer, running_hub(redis_server.url) as reader:
        await wake_across(writer, reader, change_log)
        waiting = [asyncio.create_task(listener(reader)) for _ in range(50)]
        await wait_until(lambda: reader.status.listeners == 50)
        change_log.commit("wins")
        writer.notify()

        assert all(await asyncio.gather(*waiting))


async def test_news_arrives_after_redis_restart(running_hub, change_log, redis_server, wait_until):
    async with running_hub(redis_server.url) as writer, running_hub(redis_server.url) as reader:
        await wake_across(writer, reader, change_log)
        redis_server.kill()
        await wait_until(lambda: not reader.status.broadcast_connected)
        with reader.listen(["wins"]) as signal:
            change_log.commit("wins")
            writer.notify()
            redis_server.start()
            assert await signal.wait(30)
        await wait_until(lambda: reader.status.broadcast_connected and writer.status.broadcast_connected)

        await wake_across(writer, reader, change_log)
        assert reader.status.restarts == writer.status.restarts == 0


async def test_frozen_redis_is_detected_and_news_arrives_when_it_resumes(
    running_hub, change_log, redis_server, wait_until
):
    async with running_hub(redis_server.url) as writer, running_hub(redis_server.url) as reader:
        await wake_across(writer, reader, change_log)
        redis_server.pause()
        try:
            await wait_until(lambda: not reader.status.broadcast_connected)
            with reader.listen(["wins"]) as signal:
                change_log.commit("wins")
                writer.notify()
                redis_server.resume()
                assert await signal.wait(30)
            await wait_until(lambda: reader.status.broadcast_connected and writer.status.broadcast_connected)
        finally:
            redis_server.resume()

        await wake_across(writer, reader, change_log)


async def test_announcing_while_redis_is_frozen_creates_no_tasks(running_hub, change_log, redis_server):
    async with running_hub(redis_server.url) as hub, running_hub(redis_server.url, poll_interval=0.05) as other:
        await wake_across(hub, other, change_log)
        redis_server.pause()
        try:
            tasks = len(asyncio.all_tasks())
            with hub.listen(["frozen"]) as own_signal, other.listen(["frozen"]) as other_signal:
                change_log.commit("frozen")
                for _ in range(10_000):
                    hub.notify()

                assert await own_signal.wait(30)
                assert await other_signal.wait(30)
            assert len(asyncio.all_tasks()) <= tasks + 2
        finally:
            redis_server.resume()


async def test_hub_starts_without_redis_and_connects_later(running_hub, change_log, redis_server, wait_until):
    redis_server.kill()
    async with running_hub(redis_server.url) as writer, running_hub(redis_server.url) as reader:
        await wait_until(lambda: not reader.status.broadcast_connected and not writer.status.broadcast_connected)
        assert reader.healthy
        redis_server.start()
        await wait_until(lambda: reader.status.broadcast_connected and writer.status.broadcast_connected)

        await wake_across(writer, reader, change_log)


async def test_news_arrives_without_redis_by_polling(running_hub, change_log, redis_server):
    redis_server.kill()
    async with running_hub(redis_server.url) as writer, running_hub(redis_server.url, poll_interval=0.05) as reader:
        await wake_across(writer, reader, change_log)


async def test_cut_connection_wakes_all_and_is_reconnected(running_hub, change_log, redis_server):
    async with running_hub(redis_server.url) as writer, running_hub(redis_server.url) as reader:
        await wake_across(writer, reader, change_log)
        for _ in range(3):
            with reader.listen(["nothing moves here"]) as signal:
                assert await kill_listening_connections(redis_server.url) > 0
                assert await signal.wait(30)

        await wake_across(writer, reader, change_log)


async def test_fifty_event_streams_get_every_row_once_despite_redis_failures(running_hub, change_log, redis_server):
    last = 200

    async def read_positions(hub):
        positions = []
        async with aclosing(
            event_stream(hub, ["wins"], change_log.read_after, 0, position_of=lambda row: row[0])
        ) as stream:
            while not positions or positions[-1] < last:
                positions.append((await anext(stream))[0])
        return positions

    failures = {
        40: lambda: redis_server.kill(),
        80: lambda: redis_server.start(),
        120: lambda: redis_server.pause(),
        160: lambda: redis_server.resume(),
    }
    async with (
        running_hub(redis_server.url, poll_interval=1) as first,
        running_hub(redis_server.url, poll_interval=1) as second,
    ):
        async with asyncio.TaskGroup() as group:
            listeners = [group.create_task(read_positions(hub)) for hub in [first, second] * 25]
            for position in range(1, last + 1):
                failures.get(position, lambda: None)()
                change_log.commit("wins")
                (first if position % 2 else second).notify()
                await asyncio.sleep(0.005)

        assert all(listener.result() == list(range(1, last + 1)) for listener in listeners)
        assert first.status.listeners == second.status.listeners == 0


async def test_queue_overflow_becomes_one_resync(redis_server, wait_until):
    backend = ReconnectingRedisBackend(redis_server.url, max_queued=3)
    await backend.subscribe("full")
    assert await backend.next_published() == Event("full", RESYNC)
    for number in range(3):
        await backend.publish("full", str(number))
    await wait_until(backend._events.full)

    await backend.publish("full", "one too many")
    await wait_until(lambda: not backend._events.full())

    assert await backend.next_published() == Event("full", RESYNC)
    await backend.disconnect()


class UnreachableRedis:
    """A connection pool whose connections cannot be made; `attempts` counts them."""

    attempts = 0

    def make_connection(self):
        return self

    async def connect(self):
        self.attempts += 1
        await asyncio.sleep(0)
        raise ConnectionError

    async def disconnect(self, nowait):
        pass


@pytest.mark.usefixtures("virtual_time")
async def test_connection_is_tried_again_after_growing_pauses():
    backend: Any = ReconnectingRedisBackend("redis://unreachable")
    backend._listen_pool = redis = UnreachableRedis()
    await backend.subscribe("news")
    await asyncio.sleep(6.3)  # the longest pauses between the first eight attempts: 0.1, 0.2, 0.4 … 3.2 and 5 seconds
    attempts = redis.attempts
    await asyncio.sleep(100)
    await backend.disconnect()

    assert 7 <= attempts <= 9
    assert attempts + 20 <= redis.attempts <= attempts + 40


async def test_broadcast_without_url_stays_in_process(running_hub, change_log):
    async with running_hub(None) as hub:
        await wake_across(hub, hub, change_log)
        assert hub.status.broadcast_connected
