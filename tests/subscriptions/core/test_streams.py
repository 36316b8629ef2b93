import asyncio
import random
from contextlib import aclosing

import pytest

from subscriptions.core.coalescing import Pace
from subscriptions.core.streams import Reading, happenings, states

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


class Board:
    """A value with a change log; a read takes the value at one moment and returns it a little later, like a query."""

    def __init__(self, change_log, hub):
        self.log, self.hub, self.value, self.reads = change_log, hub, 0, 0
        self.open = asyncio.Event()
        self.open.set()

    def move(self, value, topic="board"):
        self.value = value
        self.log.commit(topic)
        self.hub.ring()

    async def read(self):
        self.reads += 1
        value = self.value
        await self.open.wait()
        await asyncio.sleep(0)
        if self.log.away:
            raise self.log.Away
        return Reading(value)

    def stream(self, **options):
        return aclosing(states(self.hub, ["board"], self.read, key=lambda value: value, **options))


async def test_states_are_what_is_so_now_and_after_each_change(running, change_log):
    async with running() as hub:
        board = Board(change_log, hub)
        async with board.stream() as stream:
            heard = [await anext(stream)]
            for value in (5, 7):
                board.move(value)
                heard.append(await anext(stream))

    assert heard == [0, 5, 7]


async def test_the_last_state_always_arrives(running, change_log):
    async with running() as hub:
        board = Board(change_log, hub)

        async def write():
            for value in range(1, 501):
                board.move(value)
                await asyncio.sleep(random.choice([0, 0, 0.001]))

        async with board.stream(pace=Pace(0.001)) as stream, asyncio.TaskGroup() as group:
            group.create_task(write())
            heard = []
            while not heard or heard[-1] != 500:
                heard.append(await anext(stream))

    assert heard == sorted(set(heard))


async def test_a_change_during_the_first_read_is_read_again(running, change_log):
    async with running() as hub:
        board = Board(change_log, hub)
        board.open.clear()
        async with board.stream() as stream:
            first = asyncio.create_task(anext(stream))
            while not board.reads:
                await asyncio.sleep(0)
            board.move(9)
            board.open.set()

            assert [await first, await anext(stream)] == [0, 9]


async def test_changes_close_together_are_one_read(running, change_log):
    async with running() as hub:
        board = Board(change_log, hub)
        async with board.stream(pace=Pace(0.2)) as stream:
            await anext(stream)
            for value in range(1, 101):
                board.move(value)

            assert await anext(stream) == 100
        assert board.reads == 2


async def test_an_equal_state_is_not_sent_twice(running, change_log, until):
    async with running() as hub:
        board = Board(change_log, hub)
        async with board.stream() as stream:
            await anext(stream)
            second = asyncio.create_task(anext(stream))
            board.move(0)
            await until(lambda: board.reads == 2)
            board.move(1)

            assert await second == 1


async def test_what_moves_on_a_topic_before_it_is_followed_is_not_missed(running, change_log, until):
    async with running() as hub:
        answers = [Reading("old", topics=["board", "metric:new"]), Reading("new", topics=["board", "metric:new"])]

        async def read():
            change_log.commit("metric:new")
            hub.ring()
            with hub.listen(["metric:new"]) as witness:
                await witness.wait()
            return answers.pop(0) if len(answers) > 1 else answers[0]

        async with aclosing(states(hub, ["board"], read, key=lambda value: value)) as stream:
            assert [await anext(stream), await anext(stream)] == ["old", "new"]


async def test_time_alone_can_ask_for_a_read(running):
    async with running() as hub:
        days = iter(["Monday", "Tuesday"])

        async def read():
            return Reading(next(days), wake_in=0.01)

        async with aclosing(states(hub, [], read, key=lambda value: value)) as stream:
            assert [await anext(stream), await anext(stream)] == ["Monday", "Tuesday"]


async def test_a_passing_error_does_not_end_the_states(running, change_log, until):
    async with running(look_every=0.02) as hub:
        board = Board(change_log, hub)
        async with board.stream(transient=(change_log.Away,)) as stream:
            await anext(stream)
            change_log.away = True
            await until(lambda: not hub.healthy)
            hub.wake_everybody()
            second = asyncio.create_task(anext(stream))
            await until(lambda: board.reads >= 2)
            board.move(3)
            change_log.away = False

            assert await second == 3


async def test_another_error_ends_the_states_and_forgets_the_listener(running, change_log):
    async with running() as hub:
        change_log.away = True
        with pytest.raises(change_log.Away):
            await anext(states(hub, ["board"], Board(change_log, hub).read, key=lambda value: value))

        assert hub.pulse.listeners == 0


@pytest.mark.parametrize("leave", ["close", "cancel"])
async def test_streams_forget_their_listener_when_left(running, change_log, until, leave):
    async with running() as hub:
        board = Board(change_log, hub)
        streams = [
            states(hub, ["board"], board.read, key=lambda value: value),
            happenings(hub, ["board"], change_log.after, 0, at=lambda row: row[0]),
        ]
        change_log.commit("board")
        for stream in streams:
            await anext(stream)
        assert hub.pulse.listeners == 2

        if leave == "cancel":
            waiting = [asyncio.create_task(anext(stream)) for stream in streams]
            await asyncio.sleep(0)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        else:
            for stream in streams:
                await stream.aclose()

        assert (hub.pulse.listeners, hub.pulse.topics) == (0, 0)


async def test_happenings_are_every_row_after_the_position_in_order_once(running, change_log):
    change_log.batch = 3
    for _ in range(10):
        change_log.commit("history")
    async with (
        running() as hub,
        aclosing(happenings(hub, ["history"], change_log.after, 4, at=lambda row: row[0])) as stream,
    ):
        before = [(await anext(stream))[0] for _ in range(6)]
        for _ in range(5):
            change_log.commit("history")
            hub.ring()
        since = [(await anext(stream))[0] for _ in range(5)]

    assert before + since == list(range(5, 16))


async def test_a_passing_error_does_not_end_the_happenings(running, change_log, until):
    async with running(look_every=0.02) as hub:
        options = {"at": lambda row: row[0], "transient": (change_log.Away,)}
        async with aclosing(happenings(hub, ["history"], change_log.after, 0, **options)) as stream:
            change_log.commit("history")
            await anext(stream)
            change_log.away = True
            await until(lambda: not hub.healthy)
            second = asyncio.create_task(anext(stream))
            hub.wake_everybody()
            change_log.commit("history")
            await asyncio.sleep(0)
            change_log.away = False

            assert (await second)[0] == 2


@pytest.mark.parametrize("seed", range(5))
async def test_happenings_miss_nothing_when_rows_commit_out_of_order(running, change_log, seed):
    dice = random.Random(seed)
    change_log.batch = 7
    wanted = 300

    async def write():
        for _ in range(wanted // 20):
            position = change_log.take()
            await asyncio.sleep(dice.random() / 500)
            change_log.commit("history", position=position)
            hub.ring()

    async def hear():
        heard = []
        options = {"at": lambda row: row[0], "overlap": wanted}
        async with aclosing(happenings(hub, ["history"], change_log.after, 0, **options)) as stream:
            while len(heard) < wanted:
                heard.append((await anext(stream))[0])
        return heard

    async with running(overlap=wanted) as hub, asyncio.TaskGroup() as group:
        listeners = [group.create_task(hear()) for _ in range(5)]
        for _ in range(20):
            group.create_task(write())

    for listener in listeners:
        assert sorted(listener.result()) == list(range(1, wanted + 1))
