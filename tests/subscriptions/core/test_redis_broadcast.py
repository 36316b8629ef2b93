"""Delivery over a real Redis that is killed, frozen, disconnected or absent; hubs do not poll unless a test says so."""

import asyncio
from contextlib import aclosing

import pytest
from broadcaster import Event
from redis.asyncio import Redis

from subscriptions.core.hub import RESYNC
from subscriptions.core.redis_broadcast import RedisDoorbell, broadcast
from subscriptions.core.streams import happenings

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def heard_across(writer, reader, change_log):
    """Commit a row and announce it through one hub, and wait until a listener of the other hub is woken."""
    with reader.listen(["wins"]) as bell:
        change_log.commit("wins")
        writer.ring()
        assert await bell.wait(30)


async def kill_listening_connections(url):
    async with Redis.from_url(url) as client:
        return await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


async def test_the_first_listener_hears_the_other_process(running, change_log, redis_server):
    async with running(redis_server.url) as writer, running(redis_server.url) as reader:
        await heard_across(writer, reader, change_log)


async def test_the_doorbell_alone_delivers_once_connected(redis_server):
    async with broadcast(redis_server.url) as news, news.subscribe("first") as subscriber:
        assert (await subscriber.get()).message == RESYNC

        await news.publish("first", "hello")

        assert (await subscriber.get()).message == "hello"


async def test_fifty_who_subscribe_at_once_all_hear(running, change_log, redis_server, until):
    async def listener(reader):
        with reader.listen(["wins"]) as bell:
            bell.clear()
            return await bell.wait(30)

    async with running(redis_server.url) as writer, running(redis_server.url) as reader:
        await heard_across(writer, reader, change_log)
        waiting = [asyncio.create_task(listener(reader)) for _ in range(50)]
        await until(lambda: reader.pulse.listeners == 50)
        change_log.commit("wins")
        writer.ring()

        assert all(await asyncio.gather(*waiting))


async def test_news_arrives_after_the_server_was_killed_and_started(running, change_log, redis_server, until):
    async with running(redis_server.url) as writer, running(redis_server.url) as reader:
        await heard_across(writer, reader, change_log)
        redis_server.kill()
        await until(lambda: not reader.pulse.doorbell)
        with reader.listen(["wins"]) as bell:
            change_log.commit("wins")
            writer.ring()
            redis_server.start()
            assert await bell.wait(30)
        await until(lambda: reader.pulse.doorbell and writer.pulse.doorbell)

        await heard_across(writer, reader, change_log)
        assert reader.pulse.deaths == writer.pulse.deaths == 0


async def test_a_frozen_server_is_noticed_and_news_arrives_when_it_thaws(running, change_log, redis_server, until):
    async with running(redis_server.url) as writer, running(redis_server.url) as reader:
        await heard_across(writer, reader, change_log)
        redis_server.pause()
        try:
            await until(lambda: not reader.pulse.doorbell)
            with reader.listen(["wins"]) as bell:
                change_log.commit("wins")
                writer.ring()
                redis_server.resume()
                assert await bell.wait(30)
            await until(lambda: reader.pulse.doorbell and writer.pulse.doorbell)
        finally:
            redis_server.resume()

        await heard_across(writer, reader, change_log)


async def test_ringing_while_the_server_is_frozen_costs_nothing(running, change_log, redis_server):
    async with running(redis_server.url) as hub, running(redis_server.url, look_every=0.05) as other:
        await heard_across(hub, other, change_log)
        redis_server.pause()
        try:
            tasks = len(asyncio.all_tasks())
            with hub.listen(["frozen"]) as here, other.listen(["frozen"]) as there:
                change_log.commit("frozen")
                for _ in range(10_000):
                    hub.ring()

                assert await here.wait(30)
                assert await there.wait(30)
            assert len(asyncio.all_tasks()) <= tasks + 2
        finally:
            redis_server.resume()


async def test_a_process_starts_with_the_server_absent_and_finds_it_later(running, change_log, redis_server, until):
    redis_server.kill()
    async with running(redis_server.url) as writer, running(redis_server.url) as reader:
        await until(lambda: not reader.pulse.doorbell and not writer.pulse.doorbell)
        assert reader.healthy
        redis_server.start()
        await until(lambda: reader.pulse.doorbell and writer.pulse.doorbell)

        await heard_across(writer, reader, change_log)


async def test_news_arrives_with_the_server_absent_because_every_process_looks(running, change_log, redis_server):
    redis_server.kill()
    async with running(redis_server.url) as writer, running(redis_server.url, look_every=0.05) as reader:
        await heard_across(writer, reader, change_log)


async def test_a_cut_connection_wakes_everybody_and_is_made_again(running, change_log, redis_server):
    async with running(redis_server.url) as writer, running(redis_server.url) as reader:
        await heard_across(writer, reader, change_log)
        for _ in range(3):
            with reader.listen(["nothing moves here"]) as bell:
                assert await kill_listening_connections(redis_server.url) > 0
                assert await bell.wait(30)

        await heard_across(writer, reader, change_log)


async def test_fifty_listeners_hear_every_row_once_whatever_happens_to_the_server(running, change_log, redis_server):
    last = 200

    async def hear(hub):
        heard = []
        async with aclosing(happenings(hub, ["wins"], change_log.after, 0, at=lambda row: row[0])) as stream:
            while not heard or heard[-1] < last:
                heard.append((await anext(stream))[0])
        return heard

    disasters = {
        40: lambda: redis_server.kill(),
        80: lambda: redis_server.start(),
        120: lambda: redis_server.pause(),
        160: lambda: redis_server.resume(),
    }
    async with running(redis_server.url, look_every=1) as one, running(redis_server.url, look_every=1) as two:
        async with asyncio.TaskGroup() as group:
            listeners = [group.create_task(hear(hub)) for hub in [one, two] * 25]
            for position in range(1, last + 1):
                disasters.get(position, lambda: None)()
                change_log.commit("wins")
                (one if position % 2 else two).ring()
                await asyncio.sleep(0.005)

        assert all(listener.result() == list(range(1, last + 1)) for listener in listeners)
        assert one.pulse.listeners == two.pulse.listeners == 0


async def test_events_that_nobody_takes_become_one_resync(redis_server, until):
    doorbell = RedisDoorbell(redis_server.url, room=3)
    await doorbell.subscribe("full")
    assert await doorbell.next_published() == Event("full", RESYNC)
    for number in range(3):
        await doorbell.publish("full", str(number))
    await until(doorbell._events.full)

    await doorbell.publish("full", "one too many")
    await until(lambda: not doorbell._events.full())

    assert await doorbell.next_published() == Event("full", RESYNC)
    await doorbell.disconnect()


async def test_without_an_address_news_stays_in_the_process(running, change_log):
    async with running(None) as hub:
        await heard_across(hub, hub, change_log)
        assert hub.pulse.doorbell
